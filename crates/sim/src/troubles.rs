//! What storms do besides to hosts: data storage that is lost, memory that is used up, clocks that are set.
//!
//! Owns: when, and for how long. It has chance of its own: a storm without it is the same as before.

use std::collections::BTreeSet;

use haven_failover::storage::Response;

use crate::chaos::ChaosPlan;
use crate::data::DataFault;
use crate::faults::Fault;
use crate::world::World;

/// Troubles are so many times rarer than faults.
const RARER: u64 = 4;
/// Storage may be lost for longer than other faults last.
const LONGER: u64 = 8;
/// The longest wait of a pool before machines of lost storage are moved, in milliseconds.
const AFTER_MAX: u64 = 60_000;
/// By how much a clock is set at most, in milliseconds: some days.
const CLOCK_MAX: u64 = 300_000_000;

impl World {
    /// Plans all of it.
    pub(crate) fn plan_troubles(&mut self, plan: &ChaosPlan) {
        let vms = u64::from(self.options.vms);
        let chance = &mut self.chaos.troubles;
        let holds = u32::try_from(chance.between(1, vms.max(2))).unwrap_or(1);
        let response = if chance.chance(700) { Response::Move } else { Response::Tell };
        let after = chance.between(1_000, AFTER_MAX);
        self.inject(0, Fault::Data(DataFault::Holds(holds)));
        self.inject(0, Fault::Data(DataFault::Policy(response, after)));
        let mut at = 0;
        while at < plan.storm_ms {
            for (wait, fault) in self.random_trouble() {
                self.inject(at + wait, fault);
            }
            at += self.chaos.troubles.below(2 * RARER * plan.gap_ms);
        }
    }

    fn random_trouble(&mut self) -> Vec<(u64, Fault)> {
        let (count, vms) = (self.hosts.len(), u64::from(self.options.vms.max(1)));
        let chance = &mut self.chaos.troubles;
        let (host, other) = (chance.index(count), chance.index(count));
        let hold = chance.between(50, 15_000);
        let data = |wait: u64, fault| (wait, Fault::Data(fault));
        match chance.below(10) {
            0..=3 => {
                let hosts = BTreeSet::from([host, if chance.chance(300) { other } else { host }]);
                let lost = data(0, DataFault::Lost(hosts.clone()));
                vec![lost, data(LONGER * hold, DataFault::Back(hosts))]
            }
            4 => vec![
                data(0, DataFault::Everywhere(false)),
                data(LONGER * hold, DataFault::Everywhere(true)),
            ],
            5 => {
                let vm = u32::try_from(chance.below(vms)).unwrap_or(0);
                let immortal = data(0, DataFault::Mortal(vm, false));
                vec![immortal, data(LONGER * hold, DataFault::Mortal(vm, true))]
            }
            6 | 7 => vec![
                (0, Fault::NoMemory(host, true)),
                (1, Fault::DaemonKilled(host, 1_000)),
                (4 * LONGER * hold, Fault::NoMemory(host, false)),
            ],
            _ => {
                let by = i64::try_from(chance.below(2 * CLOCK_MAX)).unwrap_or(0);
                let max = i64::try_from(CLOCK_MAX).unwrap_or(0);
                vec![(0, Fault::SetClock(host, by - max))]
            }
        }
    }

    /// The operators have mended all that.
    pub(crate) fn end_troubles(&mut self) {
        self.data_fault(&DataFault::Everywhere(true));
        for vm in 0..self.options.vms {
            self.data_fault(&DataFault::Mortal(vm, true));
        }
        for host in &mut self.hosts {
            host.no_memory = false;
        }
    }
}
