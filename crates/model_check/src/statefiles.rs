//! One epoch number, decided over three statefiles: each of them may be slow for anybody at any
//! moment, and one of them may be put back from a copy.
//!
//! A write and a read count when they are done on two of the three. Hosts may lose their power, and
//! begin again with what two statefiles say of them. Blocks rot, and are written again from memory by
//! the life that wrote them or took them over. Blocks do not tear here (that is the model of the
//! ballots); whatever happens, two values are never decided, and one can still be, when the faults
//! have ceased.

mod step;

pub use step::{Action, Step};

use stateright::{Model, Property};

use crate::ballots::Block;
use crate::reach::Goal;

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
    /// A statefile on which a ballot cannot be read counts as not read (P7).
    RottenIsUnread,
    /// A life begins when it has read its own blocks on two statefiles (P5).
    OwnRead,
    /// Who finds its own block rotten writes it again.
    Rewrite,
}

impl Rule {
    /// Those without which two values may be decided.
    pub const SAFETY: [Self; 7] = [
        Self::Majority,
        Self::Carry,
        Self::Adoption,
        Self::SecondPhase,
        Self::OlderIsUnread,
        Self::RottenIsUnread,
        Self::OwnRead,
    ];
}

/// How the first statefile may be put back from a copy, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// Not at all.
    Never,
    /// While all three hold everything, and nobody writes or reads.
    WhileIdle,
    /// At any moment: while another one lacks something, or was read already, no rule of one life can
    /// tell (see `docs/protocol.md`, residual risks).
    AnyTime,
}

/// A pool that decides one epoch.
#[derive(Clone, Debug)]
pub struct Statefiles {
    /// Proposals that are begun in all.
    pub proposals: u8,
    /// Power losses in all.
    pub losses: u8,
    /// Blocks that rot.
    pub rot: u8,
    /// A statefile that is put back.
    pub restore: Restore,
    /// Faults may cease, and one more ballot be begun then: for what must stay within reach.
    pub calm: bool,
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

/// Blocks of one statefile, by host; `None` cannot be read.
pub type File = [Option<Block>; HOSTS];

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
    /// Blocks that may still rot.
    pub rot: u8,
    /// The faults have ceased.
    pub calm: bool,
    /// The value that was decided first, plus one.
    pub decided: u8,
    /// Another value was decided too.
    pub forked: bool,
}

impl State {
    /// Every statefile holds what every host has promised and accepted, and nobody is at work.
    fn is_idle(&self) -> bool {
        self.hosts.iter().enumerate().all(|(number, host)| {
            host.step == Step::Idle
                && self.files.iter().all(|file| file[number] == Some(host.memory))
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
            files: [[Some(Block::default()); HOSTS]; FILES],
            hosts: [Host::default(); HOSTS],
            copy: None,
            restore: self.restore != Restore::Never,
            begun: 0,
            losses: self.losses,
            rot: self.rot,
            calm: false,
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
            Some(_) if state.restore && (self.restore == Restore::AnyTime || state.is_idle()) => {
                actions.push(Action::PutBack);
            }
            _ => {}
        }
        if self.calm && !state.calm {
            actions.push(Action::Calm);
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

impl Goal for Statefiles {
    fn is_reached(&self, state: &State) -> bool {
        state.decided != 0
    }

    fn is_calm(&self, state: &State) -> bool {
        state.calm
    }
}
