//! A minimal failover manager: the part of the pool daemon that restarts VMs of dead hosts.

use std::collections::BTreeMap;

use haven_cluster::control::GuardState;
use haven_cluster::ids::Life;

use crate::event::Event;
use crate::world::World;

const MS: u64 = 1_000_000;
/// How often the acting coordinator looks at all VMs.
pub(crate) const MANAGE_EVERY: u64 = 50 * MS;

/// Where a VM may run: durable before any order leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) number: u64,
    pub(crate) holder: Option<Life>,
    pub(crate) ordered_at: u64,
}

/// The pool database, as far as it matters: one linearizable map, written by who acts.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    pub(crate) placements: BTreeMap<u32, Placement>,
    pub(crate) restarts: u64,
    /// VMs of which a write of a former life may still land, and until when.
    pub(crate) dirty: BTreeMap<u32, u64>,
    /// Lives that are being fenced by power, and until when no second attempt begins.
    pub(crate) fencing: BTreeMap<Life, u64>,
}

/// "Start this VM under this placement."
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) vm: u32,
    pub(crate) holder: Life,
    pub(crate) epoch: u64,
}

impl World {
    /// The daemon on `host` learns a state.
    pub(crate) fn told(&mut self, host: usize, state: GuardState) {
        let acted = state.may_act;
        let Some(h) = self.hosts.get_mut(host) else { return };
        // The guard's socket keeps the order.
        let newer = |told: &GuardState| told.me != state.me || told.sequence < state.sequence;
        if !h.told.as_ref().is_none_or(newer) {
            return;
        }
        let lost = h.acted && !acted;
        let number = state.epoch.as_ref().map_or(0, |epoch| epoch.number.0);
        let mine = state.epoch.as_ref().zip(state.me).is_some_and(|(e, me)| e.coordinator == me);
        h.acted = acted || (h.acted && mine);
        h.told = Some(state.clone());
        self.react(host, &state);
        let Some(h) = self.hosts.get_mut(host) else { return };
        if lost && !mine {
            let life = h.life;
            self.after(5 * MS, Event::Drained { host, life, epoch: number });
        }
    }

    /// The daemon on `host` does its round as coordinator.
    pub(crate) fn manage(&mut self, host: usize) {
        let now = self.now;
        let Some(h) = self.hosts.get(host) else { return };
        if !h.acting(now) {
            return;
        }
        let Some(state) = h.told.clone() else { return };
        let Some(epoch) = state.epoch.clone() else { return };
        if let Some(area) = epoch.area_next {
            let life = h.life;
            let copied = Event::Copied { host, life, epoch: epoch.number.0, area };
            self.after(20 * MS, copied);
            return;
        }
        let vms: Vec<u32> = self.manager.placements.keys().copied().collect();
        for vm in vms {
            self.place(vm, &state, &epoch.members, epoch.number.0);
        }
    }

    fn place(&mut self, vm: u32, state: &GuardState, members: &[Life], epoch: u64) {
        let Some(placement) = self.manager.placements.get(&vm).copied() else { return };
        let holder_dead = placement.holder.is_none_or(|holder| {
            state
                .dead
                .iter()
                .any(|dead| dead.host == holder.host && dead.incarnation >= holder.incarnation)
        });
        let mut next = placement;
        if holder_dead {
            let spread = usize::try_from(u64::from(vm) + placement.number).unwrap_or(0);
            let Some(target) = members.get(spread % members.len().max(1)) else { return };
            next.number += 1;
            next.holder = Some(*target);
            self.manager.restarts += 1;
            let from = placement.holder;
            self.log(|| format!("vm {vm} is placed on {target:?}, was on {from:?}"));
        } else if self.now < placement.ordered_at + 500 * MS {
            return;
        }
        next.ordered_at = self.now;
        self.manager.placements.insert(vm, next);
        if let Some(holder) = next.holder.filter(|holder| members.contains(holder)) {
            let order = Order { vm, holder, epoch };
            let delay = self.rng.between(MS, 30 * MS);
            if !self.rng.chance(20) {
                self.after(delay, Event::Order(order));
            }
            if self.rng.chance(20) {
                let late = self.rng.between(MS, 20_000 * MS);
                self.after(late, Event::Order(order));
            }
        }
    }

    /// An order arrives: it is checked when it acts.
    pub(crate) fn obey(&mut self, order: Order) {
        let Some(host) = self.index_of(order.holder.host) else { return };
        let Some(h) = self.hosts.get(host) else { return };
        let me = h.told.as_ref().and_then(|state| state.me);
        let epoch = h.told.as_ref().and_then(|state| state.epoch.as_ref());
        let current = epoch.is_none_or(|epoch| order.epoch >= epoch.number.0);
        let known = h.vms.contains(&order.vm);
        if known || me != Some(order.holder) || !current || !h.permitted(self.now) {
            return;
        }
        self.check_start(order.vm, host);
        self.log(|| format!("vm {} runs on host {host}", order.vm));
        if let Some(h) = self.hosts.get_mut(host) {
            h.vms.insert(order.vm);
        }
        self.tell_load(host);
    }
}
