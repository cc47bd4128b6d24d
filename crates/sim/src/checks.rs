//! What must never happen.

use std::collections::BTreeMap;

use haven_cluster::control::EpochView;

use crate::world::World;

/// A broken promise, with the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Virtual time in milliseconds.
    pub at_ms: u64,
    /// What was broken, and how.
    pub what: String,
}

/// Every decided record that any host ever showed.
#[derive(Debug, Default)]
pub(crate) struct Chain(BTreeMap<u64, EpochView>);

impl Chain {
    /// Notes a record; `Err` if another one with its number is known.
    fn note(&mut self, epoch: &EpochView) -> Result<(), String> {
        let known = self.0.entry(epoch.number.0).or_insert_with(|| epoch.clone());
        // Who does not know the owner's host any more says so; that is no other record.
        let owner = known.area_owner.or(epoch.area_owner);
        let same = known.area_owner.is_none() || epoch.area_owner.is_none();
        if same {
            known.area_owner = owner;
        }
        let told =
            EpochView { area_owner: if same { owner } else { epoch.area_owner }, ..epoch.clone() };
        if *known == told {
            Ok(())
        } else {
            Err(format!("fork: epoch {} is both {known:?} and {epoch:?}", epoch.number.0))
        }
    }
    pub(crate) fn newest(&self) -> u64 {
        self.0.keys().next_back().copied().unwrap_or(0)
    }
}

impl World {
    pub(crate) fn fail(&mut self, what: String) {
        if self.broken.is_none() {
            self.log(|| format!("BROKEN {what}"));
            self.broken = Some(Broken { at_ms: self.now / 1_000_000, what });
        }
    }

    /// S2, and the machine's own invariants, after an event at `host`.
    pub(crate) fn check_host(&mut self, host: usize) {
        let now = self.now;
        let acting = self.hosts.iter().enumerate().filter(|(_, h)| h.acting(now));
        if acting.clone().count() > 1 {
            let acting: Vec<usize> = acting.map(|(number, _)| number).collect();
            self.fail(format!("S2: hosts {acting:?} act as coordinator"));
        }
        let machine = self.hosts.get(host).and_then(|host| host.machine.as_ref());
        if let Some(Err(violation)) = machine.map(haven_cluster::Machine::check) {
            self.fail(format!("host {host}: {violation}"));
        }
    }

    /// The chain of records does not fork.
    pub(crate) fn check_epoch(&mut self, epoch: &EpochView) {
        if let Err(what) = self.chain.note(epoch) {
            self.fail(what);
        }
    }

    /// S1: called just before `vm` begins to run on `host`.
    pub(crate) fn check_start(&mut self, vm: u32, host: usize) {
        let elsewhere: Vec<usize> = (0..self.hosts.len())
            .filter(|other| *other != host)
            .filter(|other| self.hosts.get(*other).is_some_and(|h| h.vms.contains(&vm)))
            .collect();
        let stray = self.metadata.strays.contains(&vm);
        if self.manager.dirty.get(&vm).is_some_and(|until| self.now < *until) {
            let what =
                format!("S1: vm {vm} starts on {host} while a write of its former life may land");
            self.started_twice(what, stray);
        }
        if !elsewhere.is_empty() {
            let what = format!("S1: vm {vm} starts on {host} while it runs on {elsewhere:?}");
            self.started_twice(what, stray);
        } else if !self.hosts.iter().any(|h| h.starting.contains_key(&vm)) {
            // It is nowhere else, and this start is known to the database.
            self.metadata.strays.remove(&vm);
        }
    }

    /// Excused by a named residual risk alone: the volume was rolled back, nobody who was asked knew of
    /// it, and this VM's order is among what is lost.
    fn started_twice(&mut self, what: String, stray: bool) {
        if !stray {
            return self.fail(what);
        }
        self.log(|| format!("RESIDUAL RISK {what}: the volume was rolled back unnoticed"));
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
        acting == 1 && up().all(member)
    }
}
