//! The planner's view of a pool.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Memory that the hypervisor's process needs for a guest besides the guest's own, at least.
const OVERHEAD_BYTES_MIN: u64 = 64 << 20;
/// Page tables and device state: one part in this many of the guest's memory.
const OVERHEAD_DIVISOR: u64 = 64;
/// Per virtual CPU: stack, state and emulation buffers.
const OVERHEAD_BYTES_PER_VCPU: u64 = 4 << 20;

/// What a VM takes from a host's free memory: guest memory plus the hypervisor's overhead.
#[must_use]
pub fn memory_need(guest_bytes: u64, vcpus: u32) -> u64 {
    guest_bytes
        .saturating_add(OVERHEAD_BYTES_MIN)
        .saturating_add(guest_bytes / OVERHEAD_DIVISOR)
        .saturating_add(OVERHEAD_BYTES_PER_VCPU.saturating_mul(u64::from(vcpus)))
}

/// How a processor that hosts can imitate stands among features: `model:Skylake-Client`.
pub const CPU_MODEL_PREFIX: &str = "model:";

/// A host as far as placement is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// `host.uuid`.
    pub id: Uuid,
    /// `host.name_label`, for explanations.
    pub name: String,
    /// `host.enabled`: it takes VMs; false in maintenance.
    pub enabled: bool,
    /// It answers, and with high availability armed it is a member.
    pub live: bool,
    /// It is a member but not to be trusted with more VMs now.
    pub quarantined: bool,
    /// It is kept free for failovers: takes no VM at any other time.
    pub dedicated: bool,
    /// Bytes that all its VMs together may use.
    pub memory_total: u64,
    /// Free memory in bytes: what all VMs placed there (running, starting, arriving) leave.
    pub memory_free: u64,
    /// Physical processors; counted only when the pool has a ratio.
    pub cpus: u32,
    /// Virtual processors of all VMs placed there.
    pub vcpus_used: u32,
    /// Speed of one physical processor in MHz; for slots and percentages.
    pub cpu_mhz: u32,
    /// Features of its processors, and with [`CPU_MODEL_PREFIX`] the models that guests can get.
    pub cpu_features: BTreeSet<String>,
    /// SRs that are attached there.
    pub srs: BTreeSet<Uuid>,
    /// Networks that are present there.
    pub networks: BTreeSet<Uuid>,
    /// VMs placed there.
    pub vms: u32,
}

/// How a VM is protected (`VM.ha_restart_priority`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// `restart`: guaranteed.
    Restart,
    /// `best-effort`: started where room is left.
    BestEffort,
    /// Not restarted.
    #[default]
    None,
}

/// Hosts to which a VM is bound, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pin {
    /// The only hosts that may run it.
    pub hosts: BTreeSet<Uuid>,
    /// What binds it: a rule, or a device such as a graphics processor.
    pub by: String,
}

/// A VM as far as placement is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vm {
    /// `VM.uuid`.
    pub id: Uuid,
    /// `VM.name_label`, for explanations.
    pub name: String,
    /// What it takes from a host: see [`memory_need`].
    pub memory: u64,
    /// Virtual processors.
    pub vcpus: u32,
    /// Features that its guest needs of a processor, whenever it starts.
    pub cpu_features: BTreeSet<String>,
    /// What its guest was started with, as long as it runs or its memory is kept: where it goes on
    /// must have the same. A start anew is free of it.
    pub runs_with: BTreeSet<String>,
    /// SRs of its disks.
    pub srs: BTreeSet<Uuid>,
    /// Networks of its interfaces.
    pub networks: BTreeSet<Uuid>,
    /// `VM.affinity`: the host it prefers.
    pub affinity: Option<Uuid>,
    /// Hosts to which it is bound.
    pub pin: Option<Pin>,
    /// Groups of which no two VMs may run on one host.
    pub apart: BTreeSet<Uuid>,
    /// Hosts on which a start of it failed lately.
    pub avoid: BTreeSet<Uuid>,
    /// The host where it runs now.
    pub resident: Option<Uuid>,
    /// Hosts besides `resident` that hold room for it: it is on its way there, or was.
    pub also_on: BTreeSet<Uuid>,
    /// How it is protected.
    pub protection: Protection,
    /// `VM.order`: lower starts first.
    pub order: i64,
    /// `VM.start_delay` in seconds: wait after this start before the next group.
    pub start_delay_s: u64,
}

impl Vm {
    /// Hosts that hold room for it.
    pub fn holders(&self) -> impl Iterator<Item = Uuid> {
        self.resident.into_iter().chain(self.also_on.iter().copied())
    }

    /// Whether it runs and has room on a further host.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        self.resident.is_some() && !self.also_on.is_empty()
    }

    /// Whether it is to run and is nowhere.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.resident.is_none() && self.also_on.is_empty()
    }
}

/// A pool: all that the planner's answers depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its hosts, in any order.
    pub hosts: Vec<Host>,
    /// VMs that run, or should.
    pub vms: Vec<Vm>,
    /// Names of the groups in [`Vm::apart`], of SRs and of networks, for explanations.
    pub names: BTreeMap<Uuid, String>,
    /// Virtual processors for a hundred physical ones, at most; `None`: not counted.
    pub vcpus_per_100_cpus: Option<u32>,
}

impl Pool {
    /// A host by its identity.
    #[must_use]
    pub fn host(&self, id: Uuid) -> Option<&Host> {
        self.hosts.iter().find(|host| host.id == id)
    }

    /// A VM by its identity.
    #[must_use]
    pub fn vm(&self, id: Uuid) -> Option<&Vm> {
        self.vms.iter().find(|vm| vm.id == id)
    }

    /// The name of a group, SR or network; its identity if it has none.
    #[must_use]
    pub fn name_of(&self, id: Uuid) -> String {
        let name = self.names.get(&id).filter(|name| !name.is_empty());
        name.cloned().unwrap_or_else(|| id.to_string())
    }

    /// Virtual processors that a host can still take; `None`: they are not counted.
    #[must_use]
    pub fn vcpus_free(&self, host: &Host) -> Option<u64> {
        let ratio = u64::from(self.vcpus_per_100_cpus?);
        let total = u64::from(host.cpus).saturating_mul(ratio) / 100;
        Some(total.saturating_sub(u64::from(host.vcpus_used)))
    }

    /// Gives a VM room on a host, as if it ran there.
    pub fn occupy(&mut self, vm: Uuid, host: Uuid) {
        let Some(row) = self.vms.iter_mut().find(|row| row.id == vm) else { return };
        if row.holders().any(|holder| holder == host) {
            return;
        }
        match row.resident {
            None => row.resident = Some(host),
            Some(_) => {
                row.also_on.insert(host);
            }
        }
        let (memory, vcpus) = (row.memory, row.vcpus);
        if let Some(host) = self.hosts.iter_mut().find(|row| row.id == host) {
            host.memory_free = host.memory_free.saturating_sub(memory);
            host.vcpus_used = host.vcpus_used.saturating_add(vcpus);
            host.vms = host.vms.saturating_add(1);
        }
    }

    /// VMs that run and have room on a further host.
    #[must_use]
    pub fn movers(&self) -> BTreeSet<Uuid> {
        self.vms.iter().filter(|vm| vm.is_moving()).map(|vm| vm.id).collect()
    }

    /// As if the moves under way had ended: of those in `arrived` as they should, of all others as if they had never
    /// begun. Every VM has room on one host.
    #[must_use]
    pub fn settled(&self, arrived: &BTreeSet<Uuid>) -> Self {
        let mut pool = self.clone();
        for vm in self.vms.iter().filter(|vm| vm.is_moving()) {
            let kept =
                if arrived.contains(&vm.id) { vm.also_on.first().copied() } else { vm.resident };
            let gone = vm.holders().filter(|host| Some(*host) != kept);
            gone.for_each(|host| pool.vacate(vm.id, host));
        }
        pool
    }

    /// As if the moves under way came to nothing.
    #[must_use]
    pub fn before_moves(self) -> Self {
        if self.vms.iter().any(Vm::is_moving) { self.settled(&BTreeSet::new()) } else { self }
    }

    /// Takes a VM from a host, with its room there.
    pub fn vacate(&mut self, vm: Uuid, host: Uuid) {
        let Some(row) = self.vms.iter_mut().find(|row| row.id == vm) else { return };
        if row.resident == Some(host) {
            row.resident = row.also_on.pop_first();
        } else if !row.also_on.remove(&host) {
            return;
        }
        let (memory, vcpus) = (row.memory, row.vcpus);
        if let Some(host) = self.hosts.iter_mut().find(|row| row.id == host) {
            host.memory_free = host.memory_free.saturating_add(memory);
            host.vcpus_used = host.vcpus_used.saturating_sub(vcpus);
            host.vms = host.vms.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    /// Two hosts of 10 bytes; a VM of 4 that runs on the first and moves to the second.
    fn moving() -> Pool {
        let host = |number| Host { id: id(number), memory_free: 10, ..Host::default() };
        let vm = Vm { id: id(7), memory: 4, ..Vm::default() };
        let (hosts, vms) = (vec![host(1), host(2)], vec![vm]);
        let mut pool = Pool { hosts, vms, ..Pool::default() };
        pool.occupy(id(7), id(1));
        assert_eq!((pool.movers(), &pool.clone().before_moves()), (BTreeSet::new(), &pool));
        pool.occupy(id(7), id(2));
        pool
    }

    #[test]
    fn a_move_under_way_is_seen_as_not_begun_or_as_ended() {
        let pool = moving();
        let movers = pool.movers();
        assert_eq!(movers, BTreeSet::from([id(7)]));
        let free = |pool: &Pool| (pool.hosts[0].memory_free, pool.hosts[1].memory_free);
        assert_eq!(free(&pool), (6, 6));
        assert_eq!(pool.clone().before_moves(), pool.settled(&BTreeSet::new()));
        for (arrived, on, left) in [(BTreeSet::new(), 1, (6, 10)), (movers, 2, (10, 6))] {
            let seen = pool.settled(&arrived);
            assert_eq!((seen.vms[0].resident, seen.movers()), (Some(id(on)), BTreeSet::new()));
            assert_eq!(free(&seen), left);
        }
    }
}
