//! One epoch number, decided by Disk Paxos over ballot blocks that tear, rot and arrive late.
//!
//! Every host owns two blocks, for even and odd lives, each in two copies that are written one after
//! the other. A host may lose its power between any two steps: the copy that it was writing then has
//! the old content, the new one or none that can be read, or the write is still on its way. Some
//! copies may rot. Whatever happens, two values are never decided.

mod disk;
mod step;

pub use disk::{Block, Disk};
pub use step::{Action, Host, Loss, Phase, Step};

use stateright::{Model, Property};

/// Hosts that a state has room for.
pub const HOSTS_MAX: usize = 3;

/// A rule of the ballots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A new life carries what its earlier lives promised and accepted (H3).
    Carry,
    /// A proposer takes over the accepted value of the highest ballot.
    Adoption,
    /// A value counts when it has been read back that nobody promised a higher ballot meanwhile.
    SecondPhase,
    /// A write counts when both copies are on the disk (H4).
    BothCopies,
    /// Who cannot be read in both copies is unknown: nothing is decided without it (H4, P7).
    Unknown,
    /// A life that cannot read its own earlier blocks writes nothing (P5).
    ReadOwnFirst,
    /// A new life writes nothing before writes of earlier ones have landed or never will (P6).
    LateWait,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Carry,
        Self::Adoption,
        Self::SecondPhase,
        Self::BothCopies,
        Self::Unknown,
        Self::ReadOwnFirst,
        Self::LateWait,
    ];
}

/// A pool that decides one epoch.
#[derive(Clone, Debug)]
pub struct Ballots {
    /// Hosts, 2 or 3.
    pub hosts: usize,
    /// Proposals that are begun in all.
    pub proposals: u8,
    /// Power losses in all.
    pub losses: u8,
    /// Copies that rot.
    pub rot: u8,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// The pool at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The shared disk.
    pub disk: Disk,
    /// The hosts.
    pub hosts: [Host; HOSTS_MAX],
    /// Counter of the highest ballot that was begun.
    pub begun: u8,
    /// Power losses that may still come.
    pub losses: u8,
    /// Copies that may still rot.
    pub rot: u8,
    /// The value that was decided first, plus one.
    pub decided: u8,
    /// Another value was decided too.
    pub forked: bool,
}

impl Ballots {
    fn drops(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }
}

impl Model for Ballots {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let (losses, rot) = (self.losses, self.rot);
        vec![State {
            disk: Disk::default(),
            hosts: [Host::default(); HOSTS_MAX],
            begun: 0,
            losses,
            rot,
            decided: 0,
            forked: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for host in 0..self.hosts {
            self.steps_of(state, host, actions);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        self.apply(&mut next, action);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("one value is decided", |_, state: &State| !state.forked)]
    }
}
