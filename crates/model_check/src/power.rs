//! Power fencing, as a proof of death, against a device that lies, hangs, or obeys late.
//!
//! One host that may be put out, and is power fenced; its lives follow each other. The device may
//! answer "off" and do nothing, do it later than it says, or not at all. Somebody may switch the host
//! on again at any moment, or cut its power; its next life may be admitted by anybody, without the
//! watcher's knowledge. Guests of a life may run as long as the host has power: nothing here relies on
//! their permit (what does, is the model of permits' question), so that this proof stands alone.
//! A life that counts as dead runs no guest, and none of its writes is on its way.

mod step;

pub use step::Action;

use stateright::{Model, Property};

/// Decisions that a state has room for.
pub const EPOCHS_MAX: usize = 4;
/// Ticks for which writes that were under way at a power loss may land.
const LATE: u8 = 2;

/// A rule of power fencing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The device's word is not enough: its status must say "off" too.
    StatusAsked,
    /// The status was asked for after the command began.
    AskedAfterwards,
    /// The command began after the decision that put the life out was known (H13).
    BegunAfterwards,
    /// The proof is one life's, never a later one's.
    OneLife,
    /// It counts when writes that were on their way have landed (P9).
    LateWait,
    /// A device that reports "off" while the host is heard is not believed.
    HeardIsOn,
    /// A proof about a life that a decided epoch has as a member is void.
    MemberIsNotDead,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::StatusAsked,
        Self::AskedAfterwards,
        Self::BegunAfterwards,
        Self::OneLife,
        Self::LateWait,
        Self::HeardIsOn,
        Self::MemberIsNotDead,
    ];
}

/// How good the device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// Its status says what is true; its command may lie, hang or act late.
    StatusTrue,
    /// Its status lies too, but the host is heard.
    StatusLiesOfHeard,
    /// Its status lies, and the host is silent.
    StatusLies,
}

/// A host, its device, and who fences it.
#[derive(Clone, Debug)]
pub struct Power {
    /// Decided epochs in all, the first included; at most 4.
    pub epochs: u8,
    /// The device.
    pub device: Device,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// An attempt of the coordinator's daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The life that the guard named.
    pub life: u8,
    /// The guard knew that it was put out when this began.
    pub named: bool,
    /// The device said "off" to the command.
    pub word: bool,
    /// The status said "off": before the command began, or after.
    pub status: Option<bool>,
    /// The host was heard at or after the moment of which the device says "off".
    pub heard: bool,
}

/// All of it at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The host has power.
    pub on: bool,
    /// Number of its present, or last, life; from 1 on.
    pub life: u8,
    /// That life runs guests.
    pub runs: bool,
    /// Writes of that life may still land for so long after the power went.
    pub late: u8,
    /// By epoch: the life that is a member; 0: none.
    pub chain: [u8; EPOCHS_MAX],
    /// Index of the newest epoch.
    pub newest: u8,
    /// Index of the newest that the watcher knows.
    pub knows: u8,
    /// A command that the device may still carry out.
    pub pending: bool,
    /// What the daemon is at.
    pub attempt: Option<Attempt>,
    /// What the guard was told, and ticks until it counts.
    pub proof: Option<(u8, u8)>,
    /// The newest life that the watcher counts as dead; 0: none.
    pub dead: u8,
}

impl State {
    /// The life that the watcher's newest epoch has.
    fn member(&self) -> u8 {
        self.chain[usize::from(self.knows)]
    }

    /// The newest life that the watcher knows to have been put out; 0: none.
    fn put_out(&self) -> u8 {
        let seen = &self.chain[..=usize::from(self.knows)];
        let member = self.member();
        seen.iter().copied().filter(|life| *life != member).max().unwrap_or(0)
    }
}

impl Power {
    fn drops(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }
}

impl Model for Power {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut chain = [0; EPOCHS_MAX];
        chain[0] = 1;
        vec![State {
            on: true,
            life: 1,
            runs: true,
            late: 0,
            chain,
            newest: 0,
            knows: 0,
            pending: false,
            attempt: None,
            proof: None,
            dead: 0,
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
        vec![Property::always(
            "S1: who is declared dead runs nothing, and no write of it lands",
            |_, state: &State| state.dead < state.life || (!state.runs && state.late == 0),
        )]
    }
}
