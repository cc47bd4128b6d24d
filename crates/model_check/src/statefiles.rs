//! One epoch number, decided over three statefiles: each of them may be slow for anybody at any
//! moment, and one of them may be put back from a copy.
//!
//! A write and a read count when they are done on two of the three. Hosts may lose their power, and
//! begin again with what two statefiles say of them. Blocks do not tear here (that is the model of
//! the ballots); whatever happens, two values are never decided.

mod step;

pub use step::{Action, Step};

use stateright::{Model, Property};

use crate::ballots::Block;

/// Hosts of the pool.
pub const HOSTS: usize = 2;
/// Statefiles.
pub const FILES: usize = 3;

/// A rule of several statefiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A write or read of one statefile does not count; two must agree (H17).
    Majority,
    /// A new life carries what two statefiles say of its earlier ones (H3).
    Carry,
    /// A proposer takes over the accepted value of the highest ballot.
    Adoption,
    /// A value counts when a majority read after it shows no higher promise.
    SecondPhase,
    /// A statefile that shows less than was seen there counts as not read (H17).
    OlderIsUnread,
}

impl Rule {
    /// Those that are left out in turn; the last one says something only where a statefile is put back.
    pub const ALL: [Self; 4] = [Self::Majority, Self::Carry, Self::Adoption, Self::SecondPhase];
}

/// A pool that decides one epoch.
#[derive(Clone, Debug)]
pub struct Statefiles {
    /// Proposals that are begun in all.
    pub proposals: u8,
    /// Power losses in all.
    pub losses: u8,
    /// The first statefile may be copied once, and put back once while all three hold everything. Put
    /// back while another one lacks something it forks: no rule of one life can tell (see
    /// `docs/protocol.md`, residual risks).
    pub restore: bool,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// One host, across its lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    /// What it does.
    pub step: Step,
    /// Its block as it is in memory.
    pub memory: Block,
    /// The newest version of a block that it saw, by statefile and host.
    pub seen: [[u8; HOSTS]; FILES],
}

/// Blocks of one statefile, by host.
pub type File = [Block; HOSTS];

/// The pool at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The statefiles.
    pub files: [File; FILES],
    /// The hosts.
    pub hosts: [Host; HOSTS],
    /// A copy of the first statefile.
    pub copy: Option<File>,
    /// It may still be put back.
    pub restore: bool,
    /// Counter of the highest ballot that was begun.
    pub begun: u8,
    /// Power losses that may still come.
    pub losses: u8,
    /// The value that was decided first, plus one.
    pub decided: u8,
    /// Another value was decided too.
    pub forked: bool,
}

impl State {
    /// Every statefile holds what every host has promised and accepted.
    fn is_whole(&self) -> bool {
        self.hosts.iter().enumerate().all(|(number, host)| {
            host.step != Step::Down && self.files.iter().all(|file| file[number] == host.memory)
        })
    }
}

impl Statefiles {
    fn drops(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }

    /// Statefiles on which something must be done.
    fn enough(&self) -> u32 {
        if self.drops(Rule::Majority) { 1 } else { 2 }
    }
}

impl Model for Statefiles {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            files: [File::default(); FILES],
            hosts: [Host::default(); HOSTS],
            copy: None,
            restore: self.restore,
            begun: 0,
            losses: self.losses,
            decided: 0,
            forked: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for host in 0..HOSTS {
            self.steps_of(state, host, actions);
        }
        match state.copy {
            None if state.restore => actions.push(Action::CopyFile),
            Some(_) if state.restore && state.is_whole() => actions.push(Action::PutBack),
            _ => {}
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
