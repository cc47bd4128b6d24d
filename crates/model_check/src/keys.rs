//! The key of the datagrams changes while the pool is armed.
//!
//! Three hosts. A coordinator has all members accept the new key, then send with it, then drop the old one.
//! Its orders arrive at any time, in any order, or never; what a host knows of the others is what they said at
//! some time, never more. A coordinator may be followed by any other member at any moment, whose orders then count, while
//! those of before are refused by who knows of it. A host that was off holds what it held, and comes in
//! again. The promise: any two members accept what the other sends with. Whoever does not would not be heard,
//! and be fenced for nothing.

use stateright::{Model, Property};

/// Hosts of the pool.
const HOSTS: usize = 3;

/// A rule of the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A host sends with the new key only when it heard that every other member accepts it.
    AllAccept,
    /// It drops the old one only when it heard every other member send with the new one.
    AllSend,
    /// While it holds two keys, nobody is admitted who does not.
    BothComeIn,
    /// A coordinator that does not hold the new key goes back instead of on with what others hold; here it
    /// is followed by one that does as it likes.
    BackUnsent,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::AllAccept, Self::AllSend, Self::BothComeIn, Self::BackUnsent];
}

/// What a guard holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Held {
    /// The old key.
    #[default]
    Old,
    /// Both, sending with the old one.
    OldBoth,
    /// Both, sending with the new one.
    NewBoth,
    /// The new key.
    New,
}

impl Held {
    fn sends_new(self) -> bool {
        matches!(self, Self::NewBoth | Self::New)
    }
    fn both(self) -> bool {
        matches!(self, Self::OldBoth | Self::NewBoth)
    }
    /// Accepts what the other one sends with.
    fn hears(self, other: Self) -> bool {
        self.both() || self.sends_new() == other.sends_new()
    }
}

/// A host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    /// What its guard holds, also while it is off.
    pub held: Held,
    /// It is a member.
    pub member: bool,
    /// By host: what it heard last of it.
    pub heard: [Held; HOSTS],
}

/// All of it at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// By number.
    pub hosts: [Host; HOSTS],
    /// Who coordinates.
    pub chief: u8,
    /// An admission that is under way was proposed before this: who is admitted, by whom.
    pub comes: Option<u8>,
    /// Hosts that may still go off.
    pub losses: u8,
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A host accepts the new key besides, as it was told.
    Accept(u8),
    /// It sends with it.
    Send(u8),
    /// It drops the old one.
    Drop(u8),
    /// It drops the new one, with which it does not send.
    Back(u8),
    /// It hears the other one.
    Hear(u8, u8),
    /// It goes off: no member any more.
    Off(u8),
    /// A host that is no member gets what the coordinator holds.
    Take(u8),
    /// The coordinator proposes it as a member.
    Propose(u8),
    /// That is decided.
    Decide,
    /// Another member coordinates.
    Chief(u8),
}

/// A change of keys.
#[derive(Clone, Debug)]
pub struct Change {
    /// Hosts that may go off in all.
    pub losses: u8,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

impl Change {
    fn drops(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }

    /// What the host knows of every other member, and of who may become one in this moment.
    fn all(state: &State, host: usize, ready: impl Fn(Held) -> bool) -> bool {
        let comes = |other: usize| state.comes.is_some_and(|comes| usize::from(comes) == other);
        (0..HOSTS)
            .filter(|other| *other != host && (state.hosts[*other].member || comes(*other)))
            .all(|other| ready(state.hosts[host].heard[other]))
    }

    fn may(&self, state: &State, action: Action) -> bool {
        let of = |host: u8| &state.hosts[usize::from(host)];
        let chief = of(state.chief);
        match action {
            // Who does not hold the new key, or has nothing else, tells nobody to accept it.
            Action::Accept(host) => {
                let begins = host == state.chief && host == 0;
                of(host).member && of(host).held == Held::Old && (begins || chief.held != Held::Old)
            }
            Action::Send(host) => {
                let ready = Self::all(state, host.into(), |held| held != Held::Old);
                of(host).member
                    && of(host).held == Held::OldBoth
                    && chief.held != Held::Old
                    && (ready || self.drops(Rule::AllAccept))
            }
            Action::Drop(host) => {
                let ready = Self::all(state, host.into(), Held::sends_new);
                of(host).member
                    && of(host).held == Held::NewBoth
                    && (ready || self.drops(Rule::AllSend))
            }
            Action::Back(host) => {
                let unsent = Self::all(state, host.into(), |held| !held.sends_new());
                let leads = chief.held == Held::Old || host == state.chief;
                of(host).member
                    && of(host).held == Held::OldBoth
                    && (leads && unsent || self.drops(Rule::BackUnsent))
            }
            Action::Hear(host, other) => {
                let (one, two) = (of(host), of(other));
                host != other && one.held.hears(two.held)
            }
            Action::Off(host) => state.losses > 0 && of(host).member,
            Action::Take(host) => !of(host).member && state.comes != Some(host),
            Action::Propose(host) => {
                let near = (0..HOSTS).all(|other| {
                    let other = &state.hosts[other];
                    let hear = other.held.hears(of(host).held) && of(host).held.hears(other.held);
                    !other.member || hear
                });
                let keyed = !chief.held.both()
                    || chief.heard[usize::from(host)].both()
                    || self.drops(Rule::BothComeIn);
                !of(host).member && state.comes.is_none() && near && keyed
            }
            Action::Decide => state.comes.is_some(),
            Action::Chief(host) => host != state.chief && of(host).member,
        }
    }

    fn act(state: &mut State, action: Action) {
        match action {
            Action::Accept(host) => state.hosts[usize::from(host)].held = Held::OldBoth,
            Action::Send(host) => state.hosts[usize::from(host)].held = Held::NewBoth,
            Action::Drop(host) => state.hosts[usize::from(host)].held = Held::New,
            Action::Back(host) => state.hosts[usize::from(host)].held = Held::Old,
            Action::Hear(host, other) => {
                let held = state.hosts[usize::from(other)].held;
                state.hosts[usize::from(host)].heard[usize::from(other)] = held;
            }
            Action::Off(host) => {
                state.losses -= 1;
                state.hosts[usize::from(host)].member = false;
                if state.chief == host {
                    let next = state.hosts.iter().position(|host| host.member);
                    state.chief = next.and_then(|next| u8::try_from(next).ok()).unwrap_or(host);
                }
            }
            Action::Take(host) => {
                state.hosts[usize::from(host)].held = state.hosts[usize::from(state.chief)].held;
                // A new life: what it said before counts no more.
                for other in &mut state.hosts {
                    other.heard[usize::from(host)] = Held::Old;
                }
            }
            Action::Propose(host) => state.comes = Some(host),
            Action::Decide => {
                if let Some(host) = state.comes.take() {
                    state.hosts[usize::from(host)].member = true;
                }
            }
            Action::Chief(host) => state.chief = host,
        }
    }
}

impl Model for Change {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let host = Host { member: true, ..Host::default() };
        vec![State { hosts: [host; HOSTS], chief: 0, comes: None, losses: self.losses }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let hosts = || (0u8..).take(HOSTS);
        let own = hosts().flat_map(|host| {
            [Action::Accept, Action::Send, Action::Drop, Action::Back, Action::Off]
                .into_iter()
                .chain([Action::Take, Action::Propose, Action::Chief])
                .map(move |action| action(host))
        });
        let heard = hosts().flat_map(|host| hosts().map(move |other| Action::Hear(host, other)));
        let all = own.chain(heard).chain([Action::Decide]);
        actions.extend(all.filter(|action| self.may(state, *action)));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        Self::act(&mut next, action);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("members understand each other", |_, state: &State| {
            let members = || state.hosts.iter().filter(|host| host.member);
            members().all(|one| members().all(|other| one.held.hears(other.held)))
        })]
    }
}
