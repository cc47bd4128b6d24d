//! What operators ask of the pool besides its members: its own volumes, and discs of one host.
//!
//! Owns: the calls, and what they do to the world when they pass. Whether they pass is production code: what
//! nobody does to the pool's volumes (`haven_failover::volumes`), what binds a protected VM to one host and what
//! that does to the promise (`haven_planner`).

use std::collections::{BTreeMap, BTreeSet};

use haven_failover::volumes::{self, Doing, Objection};
use haven_planner::{
    self as planner, Bound, Budget, Change, Doing as Said, Effect, Mode, Named,
    Objection as Weighed, Operation, Pool, Widened,
};
use uuid::Uuid;

use crate::disk::Volume;
use crate::world::World;

/// The local repository of the first host; those of the others follow.
const LOCAL: u128 = 0x10ca1 << 32;

/// A call of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The statefile's volume: its row goes with what it holds, or it alone.
    DeleteStatefile,
    /// It is to have another size.
    ResizeStatefile,
    /// Its repository is forgotten.
    ForgetRepository,
    /// A disc of a host's own is put into a VM's drive, or taken out.
    Insert(u32, usize),
    /// The drive is emptied.
    Eject(u32),
    /// So many failures are promised.
    Promise(u32),
    /// What breaks the promise passes, and is told; or it is refused.
    Admission(bool),
}

/// What operators configured.
#[derive(Debug, Default)]
pub(crate) struct Operators {
    /// Hosts by the VMs that have a disc of theirs.
    discs: BTreeMap<u32, usize>,
    promise: u32,
    warns: bool,
}

fn local(host: usize) -> Uuid {
    Uuid::from_u128(LOCAL + host as u128)
}

impl World {
    pub(crate) fn operator(&mut self, call: Call) {
        let done = match call {
            Call::DeleteStatefile => self.on_statefile(Doing::Remove, |volume| {
                *volume = Volume::default();
            }),
            Call::ResizeStatefile => self.on_statefile(Doing::Use, |_| {}),
            Call::ForgetRepository => volumes::repository(self.armed_now(), true).map_err(refusal),
            Call::Insert(vm, host) => self.insert(vm, host),
            Call::Eject(vm) => {
                self.operators.discs.remove(&vm);
                Ok(())
            }
            Call::Promise(failures) => {
                self.operators.promise = failures;
                Ok(())
            }
            Call::Admission(warns) => {
                self.operators.warns = warns;
                Ok(())
            }
        };
        self.tell_person(done.err().unwrap_or_else(|| "done".to_owned()));
    }

    /// As whoever is asked knows it.
    fn armed_now(&self) -> bool {
        let epochs = self.hosts.iter().filter(|h| !h.idle).filter_map(|h| h.told.as_ref());
        epochs.filter_map(|state| state.epoch.as_ref()).any(|epoch| epoch.armed)
    }

    fn on_statefile(&mut self, doing: Doing, change: fn(&mut Volume)) -> Result<(), String> {
        volumes::volume(doing, true, (self.armed_now(), true)).map_err(refusal)?;
        self.volumes.first_mut().map(change);
        Ok(())
    }

    /// The pool as its coordinator plans with it.
    fn planned_pool(&self) -> Option<(usize, Pool)> {
        let by = self.coordinator()?;
        let h = self.hosts.get(by)?;
        let epoch = h.told.as_ref()?.epoch.as_ref()?;
        let placed = crate::database::placements(&h.db.open.as_ref()?.db);
        let mut hosts = self.planned_hosts(by, &placed, &BTreeSet::new(), &epoch.members);
        for host in &mut hosts {
            host.memory_total = u64::from(self.options.vms);
            let Some(at) = self.config.hosts.iter().position(|spec| spec.host.0 == host.id) else {
                continue;
            };
            host.name = format!("host {at}");
            host.srs.insert(local(at));
        }
        let discs =
            (0..self.hosts.len()).map(|host| (local(host), format!("discs of host {host}")));
        let names = discs.collect();
        let vms = placed.iter().map(|(vm, placed)| planner::Vm {
            resident: placed.holder.map(|life| life.host.0),
            ..self.planned_vm(*vm)
        });
        Some((by, Pool { vms: vms.collect(), hosts, names, ..Pool::default() }))
    }

    /// How many failures the pool survives as it is, as far as that was promised.
    pub(crate) fn tolerates(&self) -> u32 {
        let promise = self.operators.promise;
        let found = self
            .planned_pool()
            .map(|(_, pool)| planner::tolerance_up_to(&pool, promise, Budget::QUICK));
        found.map_or(0, |found| if found.holds_now { found.failures } else { 0 })
    }

    fn insert(&mut self, vm: u32, host: usize) -> Result<(), String> {
        let (_, before) = self.planned_pool().ok_or("nobody coordinates")?;
        let id = self.planned_vm(vm).id;
        let need = Change::Need { vm: id, sr: Some(local(host)), network: None };
        let mode = if self.operators.warns { Mode::Warn } else { Mode::Enforce };
        match planner::widen(&before, &need, mode) {
            Widened::Refused => return Err(format!("refused: vm {vm} would be bound to one host")),
            Widened::Passes(Some(after)) => {
                let goal = self.operators.promise;
                let admission = planner::admit(&before, &after, goal, Budget::QUICK);
                if matches!(admission.effect, Effect::Breaks | Effect::Erodes) {
                    let object = Named { id, name: format!("vm {vm}") };
                    let doing = Said { operation: Operation::AddDisk, object };
                    self.tell_person(Weighed::of(doing, &admission).to_string());
                }
            }
            Widened::Everywhere | Widened::Passes(None) => {}
        }
        self.operators.discs.insert(vm, host);
        Ok(())
    }

    /// Whether a VM can run wherever the others can.
    pub(crate) fn is_agile(&self, vm: u32) -> bool {
        let hosts = self.planned_pool().map(|(_, pool)| pool.hosts).unwrap_or_default();
        let bound = planner::bound(&self.planned_vm(vm), &hosts, |_, _| false);
        !matches!(bound, Some(Bound::Sr(_)))
    }

    /// The repositories of discs in a VM's drive.
    pub(crate) fn disc_of(&self, vm: u32) -> Option<Uuid> {
        self.operators.discs.get(&vm).map(|host| local(*host))
    }

    /// A host's own repository, which matters as soon as a VM has a disc of somebody.
    pub(crate) fn own_discs(&self, host: Uuid) -> Option<Uuid> {
        let at = self.config.hosts.iter().position(|spec| spec.host.0 == host)?;
        (!self.operators.discs.is_empty()).then(|| local(at))
    }
}

fn refusal(objection: Objection) -> String {
    match objection {
        Objection::Armed => "refused: high availability is on",
        Objection::NoDisk => "refused: it is no disk",
    }
    .to_owned()
}
