//! What hosts say that they run, against what the database has.
//!
//! Owns: when a simulated coordinator looks: at VMs that are not where the database has them. What is done
//! about one is production code (`haven_failover::divergence`).

use haven_cluster::ids::Life;
use haven_failover::divergence::{self, Differs, Known, Resolved};
use haven_model::{Host, Ref};

use crate::database::{Placed, Then, holder_of, set_holders};
use crate::stream::vm_id;
use crate::world::{MS, World};

/// How often a host says what it runs.
const REPORT_EVERY: u64 = 2_000 * MS;

fn host_ref(life: Life) -> Ref<Host> {
    Ref::from_uuid(life.host.0)
}

impl World {
    /// Somebody edits the database: a VM is there, or nowhere and not to be started.
    pub(crate) fn misplace(&mut self, vm: u32, at: Option<usize>) {
        let Some(host) = self.coordinator() else { return };
        let at = at.and_then(|at| self.config.hosts.get(at)).map(|spec| spec.host);
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.db.ready() && h.serves()) else {
            return;
        };
        let members = h.told.as_ref().and_then(|state| state.epoch.as_ref());
        let members = members.map_or(&[][..], |epoch| &epoch.members);
        let holder = members.iter().copied().find(|life| Some(life.host) == at);
        let placed = h.db.placed().and_then(|all| all.get(&vm).copied());
        let Some(placed) = placed else { return };
        self.manager.rows.entry(vm).or_default().always_run = holder.is_some();
        self.transact(host, Then::Placed, |tx| set_holders(tx, placed.row, holder.as_slice()));
    }

    /// A VM that is not where the database has it, and that a member says it runs: true if so. Then
    /// nothing else is done about it, and the database follows.
    pub(crate) fn diverges(
        &mut self,
        by: usize,
        (vm, placed): (u32, &Placed),
        members: &[Life],
    ) -> bool {
        let there = placed.holder.filter(|_| placed.to.is_none());
        let at = there.and_then(|life| self.index_of(life.host));
        if placed.to.is_some()
            || at.and_then(|at| self.hosts.get(at)).is_some_and(|h| h.is_listed(vm))
        {
            return false;
        }
        let sees = |world: &Self, life: &Life| {
            let at = world.index_of(life.host).filter(|at| world.reaches(by, *at))?;
            world.hosts.get(at).map(|h| h.report(vm, *life, world.now).sight)
        };
        let told_at = self.now - self.now % REPORT_EVERY;
        let says = |h: &crate::host::Host| {
            h.is_listed(vm) && h.arrived.get(&vm).is_none_or(|at| *at <= told_at)
        };
        let runs = |life: &&Life| {
            let at = self.index_of(life.host).filter(|at| self.reaches(by, *at));
            at.and_then(|at| self.hosts.get(at)).is_some_and(says)
        };
        let Some(here) = members.iter().find(runs).copied() else { return false };
        let holders: Vec<_> = there.iter().map(|life| holder_of(*life)).collect();
        // One that is being started is the start's business.
        let starts = self.hosts.get(by).is_some_and(|h| h.db.restarts.engine.in_hand(vm_id(vm)));
        let (resident, busy) = (there.map(host_ref), starts || self.held_by_task(by, vm));
        let known = Known { resident, holders: &holders, busy };
        let Some(sight) = sees(self, &here) else { return false };
        let name = self.name(here);
        let told = match divergence::differs(host_ref(here), sight, &known) {
            Differs::Found => None,
            Differs::Elsewhere(_) => match there.and_then(|there| sees(self, &there)) {
                Some(there) if divergence::resolve(sight, there) == Resolved::Here => {
                    Some(format!("vm {vm} runs elsewhere than the database had it"))
                }
                // Who cannot be asked may run it, too.
                _ => return true,
            },
            Differs::Absent | Differs::No => return false,
        };
        if self.transact(by, Then::Placed, |tx| set_holders(tx, placed.row, &[here])) {
            // As a start is written down: it is protected again.
            self.manager.rows.entry(vm).or_default().always_run = true;
            self.log(|| format!("vm {vm} is found on {name}"));
            self.data.told.extend(told);
        }
        true
    }
}
