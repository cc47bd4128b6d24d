//! What the coordinator and the hosts do, and what happens to them.

use super::{HOSTS, Host, Order, Orders, Rule, State};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Another coordinator is named, and may act once it has asked everybody.
    TakeOver,
    /// The coordinator asks a host under its epoch what runs there.
    Ask(usize),
    /// It has a host close the placements so far, and say whether the VM runs there.
    Close(usize),
    /// It places the VM on a host, and gives the order.
    Place(usize),
    /// A placement that was ordered becomes durable.
    Commit,
    /// An order arrives.
    Arrive(usize),
    /// A host carries out what waits in its queue.
    Act(usize),
    /// A host's guard hears of the newest epoch.
    Learn(usize),
    /// A guest ends by itself.
    End(usize),
    /// A host's daemon is killed, and starts again. Guests run on.
    Restart(usize),
    /// A host loses its power.
    Lose(usize),
    /// It is back as a new life, which the next epoch admits.
    Admit(usize),
}

impl Orders {
    pub(super) fn steps(&self, state: &State, into: &mut Vec<Action>) {
        if state.takeovers > 0 {
            into.push(Action::TakeOver);
        }
        if state.early.is_some() {
            into.push(Action::Commit);
        }
        for (number, order) in state.orders.iter().enumerate() {
            let host = &state.hosts[usize::from(order.host)];
            if order.placement > 0 && !host.down && self.takes(host, *order) {
                into.push(Action::Arrive(number));
            }
        }
        for host in 0..HOSTS {
            self.steps_of(state, host, into);
        }
    }

    fn steps_of(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let here = &state.hosts[host];
        if here.down {
            into.push(Action::Admit(host));
        } else {
            into.extend([Action::Ask(host), Action::Close(host), Action::Learn(host)]);
            if here.queued.is_some() {
                into.push(Action::Act(host));
            }
            if here.running && state.ends > 0 {
                into.push(Action::End(host));
            }
            if state.restarts > 0 {
                into.push(Action::Restart(host));
            }
            if state.losses > 0 {
                into.push(Action::Lose(host));
            }
        }
        if self.may_place(state) && !here.down {
            into.push(Action::Place(host));
        }
    }

    /// Who may hold the VM does not, as far as the coordinator knows.
    fn may_place(&self, state: &State) -> bool {
        let down = set_of(state, |host| host.down);
        let answered = state.inventory | down == (1 << HOSTS) - 1 || self.drops(Rule::Inventory);
        let held = state.holders & !down;
        let clear = held & state.may_run == 0
            && (held & state.inventory == held || self.drops(Rule::HolderAsked));
        let room = state.placement < self.orders && state.early.is_none();
        answered && clear && room && state.may_run & !down == 0
    }

    /// The host may carry out the order now.
    fn takes(&self, host: &Host, order: Order) -> bool {
        let epoch = host.seen.max(host.knows);
        (order.epoch >= epoch || self.drops(Rule::OlderEpoch))
            && (order.placement > host.closed || self.drops(Rule::PlacementClosed))
    }

    pub(super) fn apply(&self, state: &mut State, action: Action) {
        match action {
            Action::TakeOver => {
                state.takeovers -= 1;
                state.epoch += 1;
                state.early = None;
                (state.inventory, state.may_run) = (0, 0);
            }
            Action::Ask(host) => self.asked(state, host, false),
            Action::Close(host) => self.asked(state, host, true),
            Action::Place(host) => self.place(state, host),
            Action::Commit => {
                let host = state.early.take();
                state.holders = host.map_or(state.holders, |host| 1 << host);
            }
            Action::Arrive(number) => {
                let order = state.orders[number];
                let host = &mut state.hosts[usize::from(order.host)];
                host.queued = Some(order);
                host.seen = host.seen.max(order.epoch);
            }
            Action::Act(host) => {
                let here = &mut state.hosts[host];
                let Some(order) = here.queued.take() else { return };
                here.running |= self.takes(here, order) || self.drops(Rule::CheckedWhenActing);
            }
            Action::Learn(host) => state.hosts[host].knows = state.epoch,
            Action::End(host) => {
                state.ends -= 1;
                state.hosts[host].running = false;
            }
            Action::Restart(host) => {
                state.restarts -= 1;
                let here = &mut state.hosts[host];
                here.queued = None;
                here.closed = if self.drops(Rule::ClosedKept) { 0 } else { here.closed };
                here.seen = if self.drops(Rule::EpochKept) { 0 } else { here.seen };
            }
            Action::Lose(host) => {
                state.losses -= 1;
                state.hosts[host] = Host { down: true, ..Host::default() };
            }
            Action::Admit(host) => self.admit(state, host),
        }
    }

    /// A host answers under the coordinator's epoch; what it accepted under older ones is closed.
    fn asked(&self, state: &mut State, host: usize, close: bool) {
        let here = &mut state.hosts[host];
        here.seen = here.seen.max(state.epoch);
        let bit = 1 << host;
        if close {
            here.closed = state.placement;
        }
        // A queued order of this epoch may act yet, and one that was given may arrive yet: "does not
        // run" is an answer about older epochs, or about placements that were closed.
        let acts = here.queued.is_some_and(|order| self.takes(here, order));
        let here = *here;
        let given = state.orders.iter().any(|order| {
            order.placement > 0 && usize::from(order.host) == host && order.epoch == state.epoch
        });
        state.inventory |= bit;
        if here.running || acts || (given && !close && !self.drops(Rule::HolderAsked)) {
            state.may_run |= bit;
            state.holders |= if here.running { bit } else { 0 };
        } else {
            state.may_run &= !bit;
        }
    }

    fn place(&self, state: &mut State, host: usize) {
        state.placement += 1;
        let order = Order { epoch: state.epoch, host: host as u8, placement: state.placement };
        state.orders[usize::from(state.placement) - 1] = order;
        // Until it says otherwise, it runs there.
        state.inventory |= 1 << host;
        state.may_run = if self.drops(Rule::HolderAsked) { 0 } else { 1 << host };
        if self.drops(Rule::PlacementFirst) {
            state.early = Some(host as u8);
        } else {
            state.holders = 1 << host;
        }
    }

    /// Whoever coordinates goes on under the new epoch. The life's guard knows it: nothing runs without
    /// a permit, and the first permit is by disk.
    fn admit(&self, state: &mut State, host: usize) {
        state.epoch += 1;
        state.hosts[host] = Host { knows: state.epoch, ..Host::default() };
        state.inventory &= !(1 << host);
        state.may_run &= !(1 << host);
    }
}

fn set_of(state: &State, is: impl Fn(&Host) -> bool) -> u8 {
    (0..HOSTS).filter(|&host| is(&state.hosts[host])).fold(0, |set, host| set | 1 << host)
}
