//! What must never happen.

use haven_cluster::control::EpochView;
use haven_cluster::invariant::{Invariant, Violation, one_acts, runs_once};

use crate::world::World;

/// A broken promise, with the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Virtual time in milliseconds.
    pub at_ms: u64,
    /// Which promise.
    pub which: Invariant,
    /// Its name, and how it was broken.
    pub what: String,
}

impl World {
    pub(crate) fn fail(&mut self, which: Invariant, how: impl AsRef<str>) {
        if self.broken.is_none() {
            let what = format!("{which}: {}", how.as_ref());
            self.log(|| format!("BROKEN {what}"));
            self.broken = Some(Broken { at_ms: self.now / 1_000_000, which, what });
        }
    }

    /// Ends the run if a promise does not hold.
    fn hold(&mut self, asked: Result<(), Violation>) {
        if let Err(violation) = asked {
            self.fail(violation.invariant, violation.text);
        }
    }

    /// S2, and the machine's own invariants, after an event at `host`.
    pub(crate) fn check_host(&mut self, host: usize) {
        let now = self.now;
        let acting = self.hosts.iter().enumerate().filter(|(_, h)| h.acting(now));
        self.hold(one_acts(acting.map(|(number, _)| number)));
        let machine = self.hosts.get(host).and_then(|host| host.machine.as_ref());
        if let Some(Err(violation)) = machine.map(haven_cluster::Machine::check) {
            self.fail(violation.invariant, format!("host {host}: {}", violation.text));
        }
    }

    /// The chain of records does not fork.
    pub(crate) fn check_epoch(&mut self, epoch: &EpochView) {
        let asked = self.chain.note(epoch);
        self.hold(asked);
    }

    /// S1: called just before `vm` begins to run on `host`.
    pub(crate) fn check_start(&mut self, vm: u32, host: usize) {
        let runs = |(number, h): (usize, &crate::host::Host)| {
            (number == host || h.vms.contains(&vm)).then_some(number)
        };
        let asked = runs_once(vm, self.hosts.iter().enumerate().filter_map(runs));
        let stray = self.metadata.strays.contains(&vm);
        if self.manager.dirty.get(&vm).is_some_and(|until| self.now < *until) {
            let what =
                format!("VM {vm} starts on {host} while a write of its former life may land");
            self.started_twice(Invariant::RunsOnce.broken(what), stray);
        }
        if self.writes_wait(vm) {
            let what =
                format!("VM {vm} starts on {host} while a write of it waits in another host");
            self.started_twice(Invariant::RunsOnce.broken(what), stray);
        }
        if let Err(violation) = asked {
            self.started_twice(violation, stray);
        } else if !self.hosts.iter().any(|h| h.starting.contains_key(&vm)) {
            // It is nowhere else, and this start is known to the database.
            self.metadata.strays.remove(&vm);
        }
    }

    /// Excused by a named residual risk alone: the volume was rolled back, nobody who was asked knew of
    /// it, and this VM's order is among what is lost.
    fn started_twice(&mut self, violation: Violation, stray: bool) {
        if !stray {
            return self.hold(Err(violation));
        }
        self.log(|| {
            format!("RESIDUAL RISK {}: the volume was rolled back unnoticed", violation.text)
        });
        self.residual = true;
    }

    /// After healing: everybody who is powered on is a member, one acts, all VMs run. Asked after
    /// every event of a pool that forms or recovers: what is seldom true and quick to see comes first.
    #[must_use]
    pub fn healthy(&self) -> bool {
        let up = || self.hosts.iter().filter(|host| host.powered && !host.idle);
        let running: usize = up().map(|host| host.vms.len()).sum();
        if running != self.options.vms as usize || !self.in_pool() {
            return false;
        }
        let newest = self.chain.newest();
        let member = |host: &crate::host::Host| {
            let state = host.told.as_ref();
            let epoch = state.and_then(|state| state.epoch.as_ref());
            let newest = epoch.filter(|epoch| epoch.number.0 == newest && epoch.armed);
            let me = state.and_then(|state| state.me);
            let inside = newest.zip(me).is_some_and(|(epoch, me)| epoch.members.contains(&me));
            inside && host.permitted(self.now)
        };
        let acting = up().filter(|host| host.acting(self.now)).count();
        acting == 1 && up().all(member) && self.tasks_over()
    }
}
