//! Orders that arrive late, twice, or at a daemon that has been started anew; one VM, two hosts.
//!
//! A coordinator writes down where the VM may run, then its order leaves; the order may arrive at any
//! later time and any number of times, also when its coordinator is none any more. The next one has an
//! inventory from every host, given under its epoch, before it acts; it places the VM elsewhere when
//! whoever may hold it is dead or has said "it does not run here, and will not". Whatever happens, the
//! VM never runs twice.
//!
//! That two coordinators never act at once, and who is dead, is the model of permits' question: here
//! both are true. That an order of the one before is still on its way is not excluded by that.

mod step;

pub use step::Action;

use stateright::{Model, Property};

/// Hosts on which the VM may run.
pub const HOSTS: usize = 2;
/// Orders that a state has room for.
pub const ORDERS_MAX: usize = 4;

/// A rule of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A host refuses orders of an older epoch than it knows (H7).
    OlderEpoch,
    /// It looks again when the order acts: it may have waited in a queue (H7).
    CheckedWhenActing,
    /// A coordinator acts when every host has given an inventory under its epoch, or is dead.
    Inventory,
    /// Where a VM may run is durable before the order leaves.
    PlacementFirst,
    /// The VM is placed elsewhere when each holder is dead, or has said that it runs and will run
    /// nothing under that placement.
    HolderAsked,
    /// A host that has said so refuses the placement from then on.
    PlacementClosed,
    /// What a host has said so outlives a restart of its daemon.
    ClosedKept,
    /// So does the newest epoch under which it took orders, whether its guard knows it or not.
    EpochKept,
    /// [`Rule::Inventory`] and [`Rule::PlacementFirst`]: each of them is enough.
    AskedOrWritten,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::OlderEpoch,
        Self::CheckedWhenActing,
        Self::Inventory,
        Self::PlacementFirst,
        Self::HolderAsked,
        Self::PlacementClosed,
        Self::ClosedKept,
        Self::EpochKept,
        Self::AskedOrWritten,
    ];
}

/// A pool with its bounds.
#[derive(Clone, Debug)]
pub struct Orders {
    /// Orders that are given in all.
    pub orders: u8,
    /// Changes of the coordinator.
    pub takeovers: u8,
    /// Restarts of a host's daemon.
    pub restarts: u8,
    /// Hosts that lose their power; they come back as new lives.
    pub losses: u8,
    /// Guests that end by themselves.
    pub ends: u8,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// An order to run the VM; once given it may arrive at any time, any number of times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Order {
    /// The epoch in which it was given.
    pub epoch: u8,
    /// To which host.
    pub host: u8,
    /// Number of the placement; 0: no order.
    pub placement: u8,
}

/// A host with its daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    /// Has no power.
    pub down: bool,
    /// The epoch that its guard knows.
    pub knows: u8,
    /// The newest epoch under which its daemon took an order or a question.
    pub seen: u8,
    /// Placements up to this one are closed here.
    pub closed: u8,
    /// An order that was accepted, and waits.
    pub queued: Option<Order>,
    /// The VM runs.
    pub running: bool,
}

/// The pool at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The hosts.
    pub hosts: [Host; HOSTS],
    /// Every order ever given.
    pub orders: [Order; ORDERS_MAX],
    /// The newest epoch; its coordinator acts.
    pub epoch: u8,
    /// Hosts that have answered for the VM under this coordinator, as a set of bits.
    pub inventory: u8,
    /// Of these: where it runs, or may be about to.
    pub may_run: u8,
    /// Who may hold the VM, as the database says.
    pub holders: u8,
    /// Number of the newest placement.
    pub placement: u8,
    /// The order that left before its placement was durable.
    pub early: Option<u8>,
    /// What may still happen: changes of the coordinator.
    pub takeovers: u8,
    /// Restarts of daemons.
    pub restarts: u8,
    /// Power losses.
    pub losses: u8,
    /// Guests that end.
    pub ends: u8,
}

impl Orders {
    fn drops(&self, rule: Rule) -> bool {
        let both = [Rule::Inventory, Rule::PlacementFirst].contains(&rule)
            && self.without == Some(Rule::AskedOrWritten);
        self.without == Some(rule) || both
    }
}

impl Model for Orders {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            hosts: [Host { knows: 1, ..Host::default() }; HOSTS],
            orders: [Order::default(); ORDERS_MAX],
            epoch: 1,
            inventory: 0,
            may_run: 0,
            holders: 0,
            placement: 0,
            early: None,
            takeovers: self.takeovers,
            restarts: self.restarts,
            losses: self.losses,
            ends: self.ends,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.steps(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        self.apply(&mut next, action);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("S1: the VM runs once", |_, state: &State| {
            state.hosts.iter().filter(|host| host.running).count() <= 1
        })]
    }
}
