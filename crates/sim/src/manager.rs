//! The failover manager of the simulated pool daemons, on a real database.
//!
//! Owns: when it looks, which VM is to run where, and orders on their way. What a death means for a VM and
//! whether an order may act is production code (`haven-failover`). A placement is durable before its order
//! leaves; a VM gets another holder only when the one it has is dead, or answered "not running, and will
//! not".

use std::collections::{BTreeMap, BTreeSet};

use haven_cluster::control::GuardState;
use haven_cluster::ids::{HostId, Life};
use haven_failover::span::Span;
use haven_failover::{Duty, Fate, Refusal, Sender, Step, Term};
use haven_planner::{Host as PlannedHost, Vm as PlannedVm};
use uuid::Uuid;

use crate::database::{Placed, Then, placements, set_holder};
use crate::event::Event;
use crate::host::Starting;
use crate::power::News;
use crate::restarts::{Policy, VmRow};
use crate::stream::vm_id;
use crate::world::{MS, World};

/// How often the acting coordinator looks at all VMs, while something is to be done.
pub(crate) const MANAGE_EVERY: u64 = 50 * MS;
/// The same when all VMs run where they are to run.
pub(crate) const MANAGE_SETTLED: u64 = 200 * MS;
/// Pause between two orders for the same VM, until it runs.
const ORDER_EVERY: u64 = 500 * MS;
/// The same for a VM that runs: orders also come twice and late.
const REORDER_EVERY: u64 = 3_000 * MS;

/// Until then the first VMs wait for all hosts.
const FIRST_STARTS: u64 = 30_000 * MS;

/// What the operators and the daemons remember outside the database.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    /// When each VM was last ordered about.
    ordered_at: BTreeMap<u32, u64>,
    /// What is known of VMs that are not like most.
    pub(crate) rows: BTreeMap<u32, VmRow>,
    /// How they are restarted.
    pub(crate) policy: Policy,
    /// Hosts in maintenance.
    pub(crate) disabled: BTreeSet<usize>,
    /// VMs of which a write of a former life may still land, and until when.
    pub(crate) dirty: BTreeMap<u32, u64>,
    /// Lives that are being fenced by power, and until when no second attempt begins.
    pub(crate) fencing: BTreeMap<Life, u64>,
    /// Nothing is restarted meanwhile; in the database, and durable.
    pub(crate) pause: Option<Span>,
}

/// What a host is told about a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) vm: u32,
    pub(crate) holder: Life,
    /// Under which authority.
    pub(crate) term: Term,
    /// The placement under which it stands.
    pub(crate) number: u64,
    /// Start it, or stop it and never start it under this placement.
    pub(crate) start: bool,
    /// Who gave it.
    pub(crate) by: usize,
    /// Which life of the host's daemon it goes to: a connection ends with it.
    pub(crate) to: u64,
}

impl Order {
    fn duty(&self) -> Duty {
        Duty { vm: Some(vm_id(self.vm)), placement: Some(self.number), runs_guest: self.start }
    }
}

impl World {
    /// The daemon on `host` learns a state.
    pub(crate) fn told(&mut self, host: usize, state: Box<GuardState>) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        // The guard's socket keeps the order.
        // What an earlier life said is lost with the daemon that fencing killed; that it left is the last
        // thing that a guard says.
        let late = h.idle || state.me.is_some_and(|me| me.incarnation.0 < h.incarnation);
        let newer = |told: &GuardState| told.me != state.me || told.sequence < state.sequence;
        if late || !h.told.as_deref().is_none_or(newer) {
            self.spare.push(state);
            return;
        }
        let mine = state.epoch.as_ref().zip(state.me).is_some_and(|(e, me)| e.coordinator == me);
        // Who has missed something says again that it has no IO on the way.
        let acted = h.acted | h.daemon.catches_up();
        h.acted = state.may_act || (acted && mine);
        let before = h.told.as_ref().map(|told| told.phase.clone());
        let phase = (before.as_ref() != Some(&state.phase)).then(|| state.phase.clone());
        let begins = state.may_act && !h.managing;
        h.managing |= begins;
        let boot = h.boot;
        let number = state.epoch.as_ref().map_or(0, |epoch| epoch.number.0);
        let news = News::of(&state);
        self.spare.extend(h.told.replace(state));
        if begins {
            self.after(MANAGE_EVERY, Event::Manage { host, boot });
        }
        if let Some(phase) = phase {
            self.log(|| format!("host {host}: {phase:?}"));
        }
        self.react(host, news);
        let step = self.hosts.get(host).map(|h| h.database_step(self.now));
        if acted && !mine {
            self.role_ended(host, number);
        } else if matches!(step, Some(Step::Close { .. })) {
            self.leave_office(host);
        }
    }

    /// The daemon on `host` finds its database open, and all VMs running where they are to run and
    /// ordered about a moment ago: its round would do nothing about them.
    fn at_rest(&self, host: usize) -> bool {
        let Some(h) = self.hosts.get(host).filter(|h| h.acting(self.now)) else { return false };
        let Some(state) = h.told.as_deref().filter(|_| !self.has_data()) else { return false };
        let Some(epoch) = &state.epoch else { return false };
        let Some(placed) = h.db.known(epoch, self.now).filter(|_| !self.metadata.unsure) else {
            return false;
        };
        let busy = h.db.open.as_ref().is_some_and(|open| !open.tasks.idle());
        if busy || !h.db.restarts.engine.idle() {
            return false;
        }
        let stays = |(vm, placed): (&u32, &Placed)| {
            let alone = placed.holder.filter(|_| placed.to.is_none());
            let Some(holder) = alone.filter(|life| epoch.members.contains(life)) else {
                return false;
            };
            let dead =
                |dead: &Life| dead.host == holder.host && dead.incarnation >= holder.incarnation;
            let at = self.index_of(holder.host);
            let ordered = self.manager.ordered_at.get(vm).copied().unwrap_or(0);
            at.is_some_and(|at| self.runs(*vm, at) && !self.manager.disabled.contains(&at))
                && !state.dead.iter().any(dead)
                && ordered > 0
                && self.now < ordered + REORDER_EVERY
        };
        placed.iter().all(stays)
    }

    /// What inventories tell a daemon, the simulator knows.
    pub(crate) fn runs(&self, vm: u32, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|h| h.vms.contains(&vm))
    }

    /// The daemon on `host` does its round as coordinator; true if nothing was to be done.
    pub(crate) fn manage(&mut self, host: usize) -> bool {
        if !self.options.plain && self.at_rest(host) {
            self.reshape(host);
            self.rekey(host);
            return self.hosts.get(host).is_some_and(|h| h.db.ready());
        }
        let Some(h) = self.hosts.get(host).filter(|h| h.acting(self.now)) else { return false };
        let Some(state) = h.told.as_ref() else { return false };
        let Some(epoch) = state.epoch.clone() else { return false };
        let gone = state.dead.clone();
        if !self.have_database(host, &epoch) {
            return false;
        }
        if !self.is_recorded() {
            return false;
        }
        self.reshape(host);
        self.rekey(host);
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.db.ready()) else { return false };
        let Some(placed) = h.db.placed() else { return false };
        if !self.sure(host, &epoch, &gone) {
            return false;
        }
        self.tasks_round(host);
        if !self.hosts.get(host).is_some_and(|h| h.db.ready()) {
            return false;
        }
        let term = Term { epoch: epoch.number, coordinator: epoch.coordinator };
        let quiet = self.manage_data(host, &placed, (&epoch.members, term));
        let fates: BTreeMap<u32, Fate> =
            placed.iter().map(|(vm, placed)| (*vm, placed.fate(&gone))).collect();
        let lies = |(vm, placed): &(&u32, &Placed)| self.is_wanted(**vm, placed, fates.get(vm));
        let (first, lost): (BTreeSet<u32>, BTreeSet<u32>) = placed
            .iter()
            .filter(lies)
            .map(|(vm, _)| *vm)
            .partition(|vm| placed.get(vm).is_some_and(|placed| placed.number == 0));
        // Operators start the first VMs when all hosts are there, so that all have some.
        let early = self.now < FIRST_STARTS && epoch.members.len() < self.hosts.len();
        if !first.is_empty() && !early && self.place_first(host, &placed, &first, &epoch.members) {
            return false;
        }
        if self.restart(host, &placed, &lost, &epoch.members) {
            return false;
        }
        let mut settled = quiet && first.is_empty() && lost.is_empty();
        for (vm, placed) in placed.iter() {
            if self.is_being_ended(host, *vm, placed) {
                continue;
            }
            if self.is_unclear(host, (*vm, *placed), fates.get(vm), &epoch.members) {
                settled = false;
                continue;
            }
            if let Some(holder) = placed.holder.filter(|holder| epoch.members.contains(holder)) {
                settled &= self.look_after(host, (*vm, placed.number, holder), term);
            }
        }
        settled
    }

    /// Nobody knows for certain where the VM is, or it is not where the database has it: that is found out
    /// first.
    fn is_unclear(
        &mut self,
        host: usize,
        (vm, placed): (u32, Placed),
        fate: Option<&Fate>,
        members: &[Life],
    ) -> bool {
        if let Some(Fate::Ask(_)) = fate {
            self.ask_survivor(host, (vm, placed));
            return true;
        }
        if placed.to.is_some() {
            self.settle(host, (vm, placed));
            return true;
        }
        self.diverges(host, (vm, &placed), members)
    }

    /// Orders that a VM runs where it is placed, or does not because its host is emptied; true if it is so.
    fn look_after(&mut self, by: usize, placed: (u32, u64, Life), term: Term) -> bool {
        let (vm, number, holder) = placed;
        let at = self.index_of(holder.host);
        let runs = at.is_some_and(|at| self.runs(vm, at));
        let leaves = at.is_some_and(|at| self.manager.disabled.contains(&at));
        let leaves = leaves || self.guest_is_to_go(vm);
        if at.is_some_and(|at| self.guest_has_ended(vm, at)) {
            return true;
        }
        let busy = !runs || leaves;
        let to = at.and_then(|at| self.hosts.get(at)).map_or(0, |h| h.daemon.kills());
        let every = if busy { ORDER_EVERY } else { REORDER_EVERY };
        self.order(Order { vm, holder, term, number, start: !leaves, by, to }, every);
        !busy
    }

    /// Operators start the first VMs, where most room is.
    fn place_first(
        &mut self,
        host: usize,
        placed: &BTreeMap<u32, Placed>,
        first: &BTreeSet<u32>,
        members: &[Life],
    ) -> bool {
        let vms: Vec<PlannedVm> = first.iter().map(|vm| self.planned_vm(*vm)).collect();
        let hosts = self.planned_hosts(host, placed, first, members);
        let chosen: Vec<(u32, Life)> = spread(vms, hosts)
            .into_iter()
            .filter_map(|(vm, host)| {
                let life = members.iter().find(|life| life.host == HostId(host))?;
                Some((u32::try_from(vm.as_u128()).ok()?, *life))
            })
            .collect();
        if chosen.is_empty() {
            return false;
        }
        let rows: Vec<_> =
            chosen.iter().filter_map(|(vm, life)| Some((placed.get(vm)?.row, *life))).collect();
        for (vm, life) in &chosen {
            let to = self.name(*life);
            self.log(|| format!("vm {vm} is placed on {to}, it was nowhere"));
        }
        self.transact(host, Then::Placed, |tx| {
            rows.into_iter().try_for_each(|(row, life)| set_holder(tx, row, Some(life)))
        })
    }

    /// A life as it stands in the log.
    pub(crate) fn name(&self, life: Life) -> String {
        let host = self.index_of(life.host).map_or("?".to_owned(), |host| host.to_string());
        format!("host {host} (life {})", life.incarnation.0)
    }

    fn order(&mut self, order: Order, every: u64) {
        let at = self.manager.ordered_at.get(&order.vm).copied().unwrap_or(0);
        if self.now < at + every && at > 0 {
            return;
        }
        self.manager.ordered_at.insert(order.vm, self.now);
        let delay = self.rng.between(MS, 30 * MS);
        if !self.rng.chance(20) {
            self.after(delay, Event::Order(Box::new(order)));
        }
        if self.rng.chance(20) {
            let late = self.rng.between(MS, 20_000 * MS);
            self.after(late, Event::Order(Box::new(order)));
        }
    }

    /// An order acts: it is judged now, whenever it arrived.
    pub(crate) fn obey(&mut self, order: Order) {
        let Some(host) = self.index_of(order.holder.host) else { return };
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.powered && !h.gate_closed) else {
            return;
        };
        let armed = h.armed_view(now).filter(|view| view.me == Some(order.holder));
        let Some(armed) = armed.filter(|_| h.daemon.kills() == order.to) else { return };
        let sender = Sender { host: order.term.coordinator.host, member: true, named: false };
        if h.heard.hear(&sender, Some(armed), order.term).is_err() {
            return;
        }
        let vm = vm_id(order.vm);
        if !order.start {
            if h.heard.close(vm, order.number).is_err() {
                return;
            }
            h.starting.remove(&order.vm);
            if self.process_ends(order.vm, host) {
                self.log(|| format!("vm {} is stopped on host {host}", order.vm));
                self.tell_load(host);
            }
            if self.hosts.get(host).is_some_and(|h| h.sees_writes_of(order.vm)) {
                return;
            }
            let delay = self.rng.between(MS, 10 * MS);
            return self.after(delay, Event::NotRunning(Box::new(order)));
        }
        match h.heard.allows(&order.duty(), Some(armed), order.term) {
            Ok(()) => {}
            Err(Refusal::PlacementClosed { .. }) => {
                // A host that says so has looked.
                if !h.lacks(order.vm) || self.is_left(host, order.vm) {
                    return;
                }
                let delay = self.rng.between(MS, 10 * MS);
                return self.after(delay, Event::NotRunning(Box::new(order)));
            }
            Err(_) => return,
        }
        if !h.lacks(order.vm) {
            return;
        }
        h.starting.insert(order.vm, Starting { since: now, agreed: false, order });
        let boot = h.boot;
        self.note_start(host, &order);
        let takes = self.manager.policy.start_takes;
        let delay = self.rng.between(MS, 40 * MS) + takes.unwrap_or(0);
        self.after(delay, Event::Appears { host, boot, vm: order.vm, since: now });
    }

    /// The process of a VM that is being started is there, and asks whether the guest may execute;
    /// or it does, unless fencing or a stop came between.
    pub(crate) fn appears(&mut self, host: usize, vm: u32, since: u64) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return };
        let Some(starting) = h.starting.get(&vm).copied().filter(|s| s.since == since) else {
            return;
        };
        if !starting.agreed {
            if self.start_fails(host, starting.order) {
                return;
            }
            let Some(h) = self.hosts.get_mut(host) else { return };
            // Asked again, as of now: may it execute?
            let (order, armed) = (starting.order, h.armed_view(now));
            if h.heard.allows(&order.duty(), armed, order.term).is_err() {
                h.starting.remove(&vm);
                return;
            }
            let boot = h.boot;
            h.starting.insert(vm, Starting { agreed: true, ..starting });
            self.tell_load(host);
            // Between the check and the deed anybody may be paused.
            let gap = if self.rng.chance(100) { self.rng.below(300 * MS) } else { MS / 10 };
            return self.after(gap, Event::Appears { host, boot, vm, since });
        }
        h.starting.remove(&vm);
        self.check_start(vm, host);
        self.note_runs(vm, host);
        if let Some(h) = self.hosts.get_mut(host) {
            h.vms.insert(vm);
        }
        self.guest_started(vm);
        self.tell_load(host);
    }

    /// The coordinator hears "not running, and will not under this placement".
    pub(crate) fn not_running(&mut self, order: Order) {
        let now = self.now;
        let sure = !self.metadata.unsure;
        let Some(h) = self.hosts.get(order.by).filter(|h| sure && h.acting(now) && h.db.ready())
        else {
            return;
        };
        let epoch = h.told.as_ref().and_then(|state| state.epoch.as_ref());
        let Some(open) = h.db.open.as_ref() else { return };
        let found = placements(&open.db).get(&order.vm).copied();
        let same = found.filter(|p| p.number == order.number && p.holder == Some(order.holder));
        if let Some(placed) = same.filter(|_| epoch.is_some_and(|e| e.number == order.term.epoch))
            && self.transact(order.by, Then::Placed, |tx| set_holder(tx, placed.row, None))
        {
            self.guest_gone(order.vm);
        }
    }
}

/// Where most room is.
fn spread(vms: Vec<PlannedVm>, mut hosts: Vec<PlannedHost>) -> Vec<(Uuid, Uuid)> {
    let mut chosen = Vec::new();
    for vm in vms {
        let open = hosts.iter_mut().filter(|host| host.enabled && host.memory_free >= vm.memory);
        if let Some(host) = open.max_by_key(|host| (host.memory_free, std::cmp::Reverse(host.id))) {
            host.memory_free -= vm.memory;
            chosen.push((vm.id, host.id));
        }
    }
    chosen
}
