//! The view of the pool, kept beside the rows and brought up to date with what changed: a start in
//! a pool of thousands of VMs must not read them all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use haven_model::{
    Class, GpuGroup, Host, HostMetrics, Network, Pbd, Pci, Pgpu, Pif, Placement, Pool, Pusb, Ref,
    RefId, Sr, UsbGroup, Vbd, Vdi, Vgpu, Vif, Vm, VmGroup, Vusb,
};
use haven_planner as planner;
use haven_pooldb::{Changes, Image};
use uuid::Uuid;

use super::super::ha_policy::HaPolicy;
use super::super::{placement, rows};
use super::{Taken, id};

/// A view with what is needed to bring it up to date.
#[derive(Debug)]
struct Kept {
    pool: Arc<planner::Pool>,
    policy: HaPolicy,
    /// Hosts on which each VM takes room.
    held: BTreeMap<Uuid, Vec<Uuid>>,
    /// What the VMs of each host take.
    taken: BTreeMap<Uuid, Taken>,
}

/// What changed, as far as a view depends on it.
#[derive(Debug, Default)]
struct Touched {
    vms: BTreeSet<Ref<Vm>>,
    hosts: BTreeSet<Ref<Host>>,
    /// Hosts came or went.
    members: bool,
    metrics: bool,
}

/// The pool as the rows are now. Cheap when little has changed since it was asked for last.
#[must_use]
pub fn current(db: &Image) -> Arc<planner::Pool> {
    if !db.is_settled() {
        return Kept::of(db).pool;
    }
    let generation = db.generation();
    let kept = match db.recall::<Kept>() {
        Some((known, kept)) if known == generation => kept,
        Some((known, mut kept)) => {
            let follows = Arc::get_mut(&mut kept).is_some_and(|kept| kept.follow(db, known));
            if follows { kept } else { Arc::new(Kept::of(db)) }
        }
        None => Arc::new(Kept::of(db)),
    };
    debug_assert_eq!(*kept.pool, *Kept::of(db).pool, "it is what it would be made anew");
    let pool = kept.pool.clone();
    db.remember(kept);
    pool
}

impl Kept {
    /// Made anew from all rows.
    fn of(db: &Image) -> Self {
        let policy = rows::pool(db).map(|(_, row)| HaPolicy::of(row)).unwrap_or_default();
        let mut kept =
            Self { pool: Arc::default(), policy, held: BTreeMap::new(), taken: BTreeMap::new() };
        let mut pool = planner::Pool::default();
        for (vm, row) in db.iter::<Vm>() {
            if let Some(seen) = kept.see(db, vm, row) {
                kept.take(db, vm, &seen);
                pool.vms.push(seen);
            }
        }
        let names = db.iter::<VmGroup>().map(|(group, row)| (id(group), &row.name_label));
        let names = names.chain(db.iter::<Sr>().map(|(sr, row)| (id(sr), &row.name_label)));
        let names = names.chain(db.iter::<Network>().map(|(net, row)| (id(net), &row.name_label)));
        pool.names = names.map(|(id, name)| (id, name.clone())).collect();
        pool.hosts = kept.hosts(db);
        pool.vcpus_per_100_cpus = kept.policy.vcpus_per_100_cpus;
        kept.pool = Arc::new(pool);
        kept
    }

    /// A VM if it is placed somewhere, or should run.
    fn see(&self, db: &Image, vm: Ref<Vm>, row: &Vm) -> Option<planner::Vm> {
        let mut seen = super::counts(db, vm, row).then(|| super::vm(db, vm, row))?;
        planner::policy::prepare_vm(&mut seen, &self.policy.options);
        Some(seen)
    }

    fn hosts(&self, db: &Image) -> Vec<planner::Host> {
        db.iter::<Host>().map(|(host, row)| self.host(db, host, row)).collect()
    }

    fn host(&self, db: &Image, host: Ref<Host>, row: &Host) -> planner::Host {
        let taken = self.taken.get(&id(host)).copied().unwrap_or_default();
        let mut seen = super::host(db, host, row, taken);
        planner::policy::prepare_host(&mut seen, &self.policy.policy);
        seen
    }

    /// Counts what a VM takes from its hosts.
    fn take(&mut self, db: &Image, vm: Ref<Vm>, seen: &planner::Vm) {
        let hosts: Vec<Uuid> = placement::holders(db, vm).into_iter().map(id).collect();
        for host in &hosts {
            let (memory, vcpus, vms) = self.taken.entry(*host).or_default();
            *memory = memory.saturating_add(seen.memory);
            *vcpus = vcpus.saturating_add(seen.vcpus);
            *vms = vms.saturating_add(1);
        }
        self.held.insert(seen.id, hosts);
    }

    /// The reverse.
    fn give_back(&mut self, seen: &planner::Vm) {
        for host in self.held.remove(&seen.id).unwrap_or_default() {
            let (memory, vcpus, vms) = self.taken.entry(host).or_default();
            *memory = memory.saturating_sub(seen.memory);
            *vcpus = vcpus.saturating_sub(seen.vcpus);
            *vms = vms.saturating_sub(1);
        }
    }

    /// Brings it up to date with what changed since a generation; false: it must be made anew.
    fn follow(&mut self, db: &Image, since: u64) -> bool {
        let changes = db.changes_since(since);
        let Some(touched) = self.touched(db, &changes) else { return false };
        let mut pool = std::mem::take(&mut self.pool);
        let seen = Arc::make_mut(&mut pool);
        for vm in &touched.vms {
            self.follow_vm(db, seen, *vm);
        }
        if touched.members {
            seen.hosts = self.hosts(db);
        }
        for (host, row) in touched.hosts.iter().filter_map(|host| Some((*host, db.get(*host)?))) {
            let place = seen.hosts.binary_search_by_key(&id(host), |host| host.id);
            let Some(place) = place.ok().and_then(|at| seen.hosts.get_mut(at)) else {
                return false;
            };
            *place = self.host(db, host, row);
        }
        self.follow_room(db, seen, touched.metrics);
        self.pool = pool;
        true
    }

    fn follow_vm(&mut self, db: &Image, pool: &mut planner::Pool, vm: Ref<Vm>) {
        let at = pool.vms.binary_search_by_key(&id(vm), |vm| vm.id);
        if let Some(old) = at.ok().and_then(|at| pool.vms.get(at)) {
            self.give_back(old);
        }
        let seen = db.get(vm).and_then(|row| self.see(db, vm, row));
        if let Some(seen) = &seen {
            self.take(db, vm, seen);
        }
        match (at, seen) {
            (Ok(at), Some(seen)) => {
                if let Some(place) = pool.vms.get_mut(at) {
                    *place = seen;
                }
            }
            (Ok(at), None) => drop(pool.vms.remove(at)),
            (Err(at), Some(seen)) => pool.vms.insert(at, seen),
            (Err(_), None) => {}
        }
    }

    /// What the VMs leave of each host, and how large and alive it is.
    fn follow_room(&self, db: &Image, pool: &mut planner::Pool, metrics: bool) {
        for host in &mut pool.hosts {
            if metrics && let Some(row) = db.get(super::reference::<Host>(host.id)) {
                (host.live, host.memory_total) = super::size(db, row);
            }
            let taken = self.taken.get(&host.id).copied().unwrap_or_default();
            (host.vcpus_used, host.vms) = (taken.1, taken.2);
            host.memory_free = host.memory_total.saturating_sub(taken.0);
        }
    }

    /// What a view depends on, of all that changed; nothing: too much.
    fn touched(&mut self, db: &Image, changes: &Changes) -> Option<Touched> {
        if changes.lost {
            return None;
        }
        let mut touched = Touched::default();
        for (class, row) in &changes.adds {
            touched.members |= *class == Host::NAME;
            self.touch(db, &mut touched, class, *row)?;
        }
        for (class, row) in &changes.mods {
            self.touch(db, &mut touched, class, *row)?;
        }
        for (class, row) in &changes.dels {
            match *class {
                // Its placement may outlive it, or it.
                Vm::NAME | Placement::NAME => {
                    touched.vms.insert(Ref::from_id(*row));
                }
                // What had them has changed as well, or is read anew.
                Host::NAME | Pbd::NAME | Pif::NAME => touched.members = true,
                Sr::NAME | Network::NAME => {
                    let gone = Uuid::from_u128(row.0);
                    Arc::make_mut(&mut self.pool).names.remove(&gone);
                }
                other if reaches_many(other) => return None,
                _ => {}
            }
        }
        Some(touched)
    }

    /// One row that is there.
    fn touch(&mut self, db: &Image, touched: &mut Touched, class: &str, row: RefId) -> Option<()> {
        match class {
            Vm::NAME | Placement::NAME => {
                touched.vms.insert(Ref::from_id(row));
            }
            Vbd::NAME => touched.vms.extend(db.get::<Vbd>(Ref::from_id(row)).map(|row| row.vm)),
            Vif::NAME => touched.vms.extend(db.get::<Vif>(Ref::from_id(row)).map(|row| row.vm)),
            Vdi::NAME => {
                let vbds = db.get::<Vdi>(Ref::from_id(row)).map(|row| row.vbds.as_slice());
                let vbds = vbds.unwrap_or_default().iter();
                touched.vms.extend(vbds.filter_map(|vbd| Some(db.get(*vbd)?.vm)));
            }
            Host::NAME => {
                touched.hosts.insert(Ref::from_id(row));
            }
            HostMetrics::NAME => touched.metrics = true,
            Pbd::NAME => touched.hosts.extend(db.get::<Pbd>(Ref::from_id(row)).map(|row| row.host)),
            Pif::NAME => touched.hosts.extend(db.get::<Pif>(Ref::from_id(row)).map(|row| row.host)),
            Sr::NAME => {
                let named = db.get::<Sr>(Ref::from_id(row))?;
                self.name(row, &named.name_label);
            }
            Network::NAME => {
                let named = db.get::<Network>(Ref::from_id(row))?;
                self.name(row, &named.name_label);
                // Whether it has a port decides where its VMs can go.
                let vifs = named.vifs.iter();
                touched.vms.extend(vifs.filter_map(|vif| Some(db.get(*vif)?.vm)));
            }
            Pool::NAME => {
                let policy = HaPolicy::of(db.get::<Pool>(Ref::from_id(row))?);
                (policy == self.policy).then_some(())?;
            }
            other if reaches_many(other) => return None,
            _ => {}
        }
        Some(())
    }

    fn name(&mut self, row: RefId, name: &str) {
        let row = Uuid::from_u128(row.0);
        if self.pool.names.get(&row).is_none_or(|known| known != name) {
            Arc::make_mut(&mut self.pool).names.insert(row, name.to_owned());
        }
    }
}

/// Classes whose rows many VMs depend on, and that change rarely: the view is read anew.
fn reaches_many(class: &str) -> bool {
    matches!(
        class,
        VmGroup::NAME
            | Pci::NAME
            | Vgpu::NAME
            | Pgpu::NAME
            | GpuGroup::NAME
            | Vusb::NAME
            | Pusb::NAME
            | UsbGroup::NAME
    )
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
