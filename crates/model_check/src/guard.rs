//! A guard that dies and comes back, with permits by disk and the watchdog; one host, one watcher.
//!
//! Guests do not die with their guard. What ends them is the watchdog, which nobody feeds, or the guard
//! that comes next and finds the mark of the one before: it resets the machine. A guard that began its
//! work instead would, as a higher incarnation, prove those guests dead that it does not know of.
//! Whatever happens, of a life that counts as dead no guest runs, and nobody holds a permit beside
//! guests of an earlier life.
//!
//! Ticks are as in the model of permits: without slack, drift or margin.

mod step;

pub use step::Action;

use stateright::{Model, Property};

/// Decisions that a state has room for.
pub const EPOCHS_MAX: usize = 5;
/// Ticks for which a cycle renews the permit, from the begin of its write.
const LEASE: u8 = 2;
/// Ticks after which a watchdog that is not fed bites.
const BITE: u8 = 1;
/// An unchanged block proves that nothing runs after this.
const DEAD: u8 = LEASE + BITE;

/// A rule of the guard as a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A guard that finds the mark of an earlier one of this boot resets the machine (H14).
    MarkResets,
    /// The mark is there before the first permit.
    MarkFirst,
    /// The watchdog runs before the first permit.
    ArmedFirst,
    /// It goes on when its guard dies: closing the device does not stop it.
    StaysArmed,
    /// It is fed on a valid permit only, or by a life that has never had one.
    FedOnPermit,
    /// The wait until a life is dead counts the watchdog's bite.
    DeadWaitBite,
    /// The mark goes, and the watchdog stops, when nothing runs any more.
    EmptyFirst,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::MarkResets,
        Self::MarkFirst,
        Self::ArmedFirst,
        Self::StaysArmed,
        Self::FedOnPermit,
        Self::DeadWaitBite,
        Self::EmptyFirst,
    ];
}

/// A host with its bounds.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Decided epochs in all, the first included; at most 5.
    pub epochs: u8,
    /// Guards that die.
    pub crashes: u8,
    /// Lives in all.
    pub lives: u8,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// The host, and what the watcher knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The host has power.
    pub on: bool,
    /// Life of the guard that runs; 0: none does.
    pub guard: u8,
    /// The newest life.
    pub newest_life: u8,
    /// The mark of this boot is set.
    pub marked: bool,
    /// Ticks that the permit is valid for; at 0 it has ended.
    pub permit: u8,
    /// This life has had a permit.
    pub held: bool,
    /// This life has begun to fence.
    pub fencing: bool,
    /// Ticks since the watchdog was fed; `None`: it does not run.
    pub unfed: Option<u8>,
    /// Life under which guests run; 0: none run.
    pub guests: u8,
    /// The beat block: life, tombstone.
    pub shown: (u8, bool),
    /// The block has changed since the watcher read it.
    pub changed: bool,
    /// Ticks since the read that first saw it as it is.
    pub still: u8,
    /// By epoch: the life that is a member; 0: none.
    pub chain: [u8; EPOCHS_MAX],
    /// Index of the newest epoch.
    pub newest: u8,
    /// Index of the newest that the watcher knows.
    pub knows: u8,
    /// The newest life that counts as dead; 0: none.
    pub dead: u8,
    /// Guards that may still die.
    pub crashes: u8,
}

impl State {
    fn member(&self) -> u8 {
        self.chain[usize::from(self.newest)]
    }

    /// The watcher knows that this life was put out.
    fn is_out(&self, life: u8) -> bool {
        let seen = &self.chain[..=usize::from(self.knows)];
        seen.contains(&life) && seen.last() != Some(&life)
    }
}

impl Guard {
    fn drops(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }
}

impl Model for Guard {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut chain = [0; EPOCHS_MAX];
        chain[0] = 1;
        vec![State {
            on: true,
            guard: 1,
            newest_life: 1,
            marked: !self.drops(Rule::MarkFirst),
            permit: 0,
            held: false,
            fencing: false,
            unfed: (!self.drops(Rule::ArmedFirst)).then_some(0),
            guests: 0,
            shown: (0, false),
            changed: false,
            still: 0,
            chain,
            newest: 0,
            knows: 0,
            dead: 0,
            crashes: self.crashes,
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
        vec![
            Property::always("S1: of who is declared dead nothing runs", |_, state: &State| {
                state.guests == 0 || state.guests > state.dead
            }),
            Property::always("a permit is for one's own guests", |_, state: &State| {
                state.permit == 0 || [0, state.guard].contains(&state.guests) || state.guard == 0
            }),
        ]
    }
}
