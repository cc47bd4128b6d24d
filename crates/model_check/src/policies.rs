//! Policies: what a host does that is put out, who is restarted first, and what the next coordinator
//! makes of the restarts that the one before has begun.
//!
//! Two VMs: the first is protected, the second is best effort. Hosts run under permits, in ticks that
//! leave no slack; each isolation response is a pool of its own. Coordinators come and go, with orders
//! of theirs on the way that may arrive at any later time, and twice. Whatever happens, a VM never runs
//! twice and two coordinators never act; and when the faults have ceased, the protected VM can still
//! come to run, if there is room for it.
//!
//! Permits by votes, epochs that are still open, and tombstones in detail are the other models' matter:
//! here epochs follow each other at once, and what a host reads is what is decided.

mod step;

pub use step::Action;

use stateright::{Model, Property};

use crate::reach::Goal;

/// Hosts that a state has room for.
pub const HOSTS_MAX: usize = 3;
/// The protected VM and the best-effort one.
pub const VMS: usize = 2;
/// Orders for one VM that may still arrive.
pub const ORDERS_MAX: usize = 2;
/// Ticks for which a renewal is good.
const LEASE: u8 = 2;
/// Ticks that guests may outlive their permit.
const BITE: u8 = 1;
/// A block that stood still for so long proves that its host runs nothing.
const DEAD: u8 = LEASE + BITE;
/// Ticks of silence after which a host is put out.
const SILENT: u8 = 1;

/// What a host does that is put out, and who is put out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Response {
    /// It ends at once.
    Fence,
    /// Its guests are asked first, under the permit that it has.
    Shutdown,
    /// A parted network puts nobody out; the role moves.
    Hold,
}

/// A rule of the policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Who is put out renews nothing, while its guests are asked.
    OutRenewsNothing,
    /// Guests that were asked end with the permit, gone or not.
    AskedEndWithPermit,
    /// With `hold`, too, nothing runs without a permit.
    HoldEndsToo,
    /// A VM is placed anew when a silent holder's lease and bite are over.
    DeadWait,
    /// A coordinator acts when every one before knows of it, or is dead.
    FormerKnows,
    /// It places nothing before every member has answered under its epoch.
    Inventory,
    /// A VM is placed elsewhere when nobody else may hold it, by whomever it was placed.
    HoldersGone,
    /// A host refuses orders of an older epoch than it knows.
    OlderEpoch,
    /// Guaranteed VMs are placed before best-effort ones.
    GuaranteedFirst,
    /// Best-effort VMs leave the room that guaranteed ones need after one more failure.
    RoomKept,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::OutRenewsNothing,
        Self::AskedEndWithPermit,
        Self::HoldEndsToo,
        Self::DeadWait,
        Self::FormerKnows,
        Self::Inventory,
        Self::HoldersGone,
        Self::OlderEpoch,
        Self::GuaranteedFirst,
        Self::RoomKept,
    ];
}

/// A pool with its bounds.
#[derive(Clone, Debug)]
pub struct Policies {
    /// Its hosts.
    pub hosts: usize,
    /// One VM, or both.
    pub vms: usize,
    /// How many VMs a host has room for.
    pub room: [u8; HOSTS_MAX],
    /// Where the VMs run at first.
    pub at: [u8; VMS],
    /// Whom the first epoch names.
    pub coordinator: u8,
    /// The isolation response.
    pub response: Response,
    /// Power losses.
    pub losses: u8,
    /// Storages that stall.
    pub stalls: u8,
    /// Networks that part, and roles that are handed over.
    pub partings: u8,
    /// Hosts that lost their power stay away.
    pub away: bool,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// How a host is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Power {
    /// It has power.
    #[default]
    On,
    /// It has reset itself, and comes back.
    Reset,
    /// It has no power.
    Lost,
}

/// One life of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    /// Whether it lives at all.
    pub power: Power,
    /// An epoch has admitted this life.
    pub member: bool,
    /// Its storage does not answer.
    pub stalled: bool,
    /// The epoch that it knows.
    pub know: u8,
    /// The newest epoch of an order that it took.
    pub seen: u8,
    /// Ticks that its permit is valid for.
    pub permit: u8,
    /// Ticks that guests have outlived it.
    pub over: u8,
    /// It was put out, and asks its guests to end.
    pub asking: bool,
    /// It ends.
    pub fencing: bool,
    /// VMs that run, as a set.
    pub runs: u8,
    /// It places VMs.
    pub acts: bool,
    /// Ticks since its block changed last.
    pub still: u8,
}

/// An order to run a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Order {
    /// The epoch of who gave it.
    pub epoch: u8,
    /// To whom.
    pub host: u8,
}

/// The pool at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The hosts.
    pub hosts: [Host; HOSTS_MAX],
    /// Number of the newest epoch.
    pub epoch: u8,
    /// Its members, as a set.
    pub members: u8,
    /// Whom it names.
    pub coordinator: u8,
    /// Who was named before, and may still act.
    pub formers: u8,
    /// Hosts whose last life as a member is known to be dead.
    pub dead: u8,
    /// Who has answered the coordinator under its epoch.
    pub inventory: u8,
    /// Who may hold each VM, as the database says.
    pub holders: [u8; VMS],
    /// Orders that may arrive; the older one makes room.
    pub orders: [[Option<Order>; ORDERS_MAX]; VMS],
    /// The best-effort VM was placed by a coordinator.
    pub moved: bool,
    /// What may still happen: losses, stalls, partings.
    pub left: [u8; 3],
    /// The faults have ceased.
    pub calm: bool,
}

impl State {
    fn has(&self, host: usize) -> bool {
        self.members & (1 << host) != 0
    }

    /// What can make no difference any more is forgotten; epochs are compared only, and numbered anew
    /// from one.
    fn numbered(mut self, forget_orders: bool) -> Self {
        for (number, host) in self.hosts.iter_mut().enumerate() {
            host.seen = if host.seen <= host.know { 0 } else { host.seen };
            if self.dead & (1 << number) != 0 && host.power != Power::On {
                host.still = DEAD;
            }
        }
        for order in self.orders.iter_mut().flatten() {
            let late = |order: &Order| {
                let host = &self.hosts[usize::from(order.host)];
                order.epoch < host.know.max(host.seen)
            };
            *order = order.filter(|order| !forget_orders || !late(order));
        }
        for orders in &mut self.orders {
            orders.sort_unstable();
            if orders[0] == orders[1] {
                orders[0] = None;
            }
        }
        if self.hosts.iter().all(|host| !host.acts) {
            self.inventory = 0;
        }
        let mut known: u32 = 1 << self.epoch;
        for host in &self.hosts {
            known |= 1 << host.know | 1 << host.seen;
        }
        for order in self.orders.iter().flatten().flatten() {
            known |= 1 << order.epoch;
        }
        let place = |epoch: u8| (known & ((1 << epoch) - 1)).count_ones() as u8;
        self.epoch = place(self.epoch);
        for host in &mut self.hosts {
            (host.know, host.seen) = (place(host.know), place(host.seen));
        }
        for order in self.orders.iter_mut().flatten().flatten() {
            order.epoch = place(order.epoch);
        }
        self
    }
}

impl Policies {
    fn drops(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }
}

impl Model for Policies {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut first = State {
            hosts: [Host { power: Power::Lost, ..Host::default() }; HOSTS_MAX],
            epoch: 0,
            members: (1 << self.hosts) - 1,
            coordinator: self.coordinator,
            formers: 0,
            dead: 0,
            inventory: 0,
            holders: [0; VMS],
            orders: [[None; ORDERS_MAX]; VMS],
            moved: false,
            left: [self.losses, self.stalls, self.partings],
            calm: false,
        };
        for vm in 0..self.vms {
            first.holders[vm] = 1 << self.at[vm];
        }
        for host in 0..self.hosts {
            let runs = (0..self.vms).filter(|vm| usize::from(self.at[*vm]) == host);
            let runs = runs.fold(0, |set, vm| set | 1 << vm);
            let fresh = Host { member: true, permit: LEASE, runs, ..Host::default() };
            first.hosts[host] = fresh;
        }
        vec![first]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.steps(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        self.apply(&mut next, action);
        let next = next.numbered(!self.drops(Rule::OlderEpoch));
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("S1: a VM runs once", |_, state: &State| {
                let runs = |vm: usize| state.hosts.iter().filter(move |h| h.runs & (1 << vm) != 0);
                (0..VMS).all(|vm| runs(vm).count() <= 1)
            }),
            Property::always("S2: one coordinator acts", |_, state: &State| {
                state.hosts.iter().filter(|host| host.acts && host.permit > 0).count() <= 1
            }),
        ]
    }
}

impl Goal for Policies {
    fn is_reached(&self, state: &State) -> bool {
        let well = |host: &Host| host.member && host.permit > 0 && !host.asking && !host.fencing;
        let runs = |vm: usize| state.hosts.iter().any(|h| well(h) && h.runs & (1 << vm) != 0);
        runs(0) && (self.away || self.vms < VMS || runs(1))
    }

    fn is_calm(&self, state: &State) -> bool {
        // Where the best-effort VM has been from the start there never was room to give away.
        let taken = |host: usize| u8::from(!state.moved && state.holders[1] & (1 << host) != 0);
        let room = |host: usize| self.room[host] > taken(host);
        let there = |host: &usize| state.hosts[*host].power != Power::Lost;
        state.calm && (!self.away || (0..self.hosts).filter(there).any(room))
    }
}
