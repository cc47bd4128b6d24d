//! The pool database on the metadata volume: which area may be written, copied into, and called live.
//!
//! A coordinator copies the live area into a fresh one, and a record makes the copy the live one;
//! only then it acknowledges writes. A pool daemon may be killed or stopped at any moment and starts again with
//! what its guard knows; a host may lose its power, and leave a write on its way. A record in phase 2
//! may be completed by any host, however late. Whatever happens, the area that the newest record
//! calls live is whole and holds every write that was acknowledged.
//!
//! Who may act, and when a host is dead, is the other model's question: here it is known in truth.

mod step;

pub use step::Action;

use stateright::{Model, Property};

/// Hosts of the pool.
pub const HOSTS: usize = 2;
/// Areas of the volume.
pub const AREAS: usize = 4;

/// A rule of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// An area that is whole is not copied into again: a record that calls it live may be in phase 2.
    WholeIsKept,
    /// It is kept only if it holds what the live one holds: a life that coordinates anew may be given
    /// an area that it filled before.
    AsNewAsLive,
    /// Nothing is acknowledged before a record calls the copy live.
    RecordFirst,
    /// A coordinator begins when the one before it is dead, or has closed the database.
    FormerDrained,
    /// An area that an earlier coordinator was to write is not fresh (H15, P8).
    FreshArea,
    /// Nobody acts, and no life begins, while writes of a dead life may still land (P9, H14).
    LateWrites,
    /// That a daemon closed the database before it ended holds until the next one speaks, and no longer.
    ClosedUntilItSpeaks,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::WholeIsKept,
        Self::AsNewAsLive,
        Self::RecordFirst,
        Self::FormerDrained,
        Self::FreshArea,
        Self::LateWrites,
        Self::ClosedUntilItSpeaks,
    ];
}

/// A pool with its bounds.
#[derive(Clone, Debug)]
pub struct Areas {
    /// Records that are decided in all, the first included.
    pub records: u8,
    /// Writes that are acknowledged in all.
    pub writes: u8,
    /// Daemons that are killed or stopped in order.
    pub kills: u8,
    /// Hosts that lose their power.
    pub losses: u8,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// A record, shortened to what concerns the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Its number.
    pub number: u8,
    /// The area that is live.
    pub live: u8,
    /// The area into which the coordinator copies.
    pub next: Option<u8>,
    /// Coordinator: host and life.
    pub coordinator: (u8, u8),
}

/// What lies in an area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Area {
    /// Set of acknowledged writes; `None`: half of something.
    pub content: Option<u8>,
    /// Host and life that copied it whole.
    pub seal: Option<(u8, u8)>,
}

/// What a pool daemon is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Daemon {
    /// Holds no database.
    #[default]
    Idle,
    /// Writes this content into this area.
    Copying(u8, u8),
    /// Has done so, and waits for a record.
    Copied(u8, u8),
    /// Acknowledges writes into this area, which has this content.
    Open(u8, u8),
}

/// One host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    /// Has power.
    pub up: bool,
    /// Number of its life.
    pub life: u8,
    /// Its guard's newest record.
    pub knows: u8,
    /// Its daemon.
    pub daemon: Daemon,
    /// What its guard believes: a daemon closed the database before it ended, and none has spoken since.
    pub closed: bool,
    /// Where a write of its former life may still land, and whose seal was there.
    pub late: Option<(u8, Option<(u8, u8)>)>,
}

/// The pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The areas.
    pub areas: [Area; AREAS],
    /// The hosts.
    pub hosts: [Host; HOSTS],
    /// The newest decided record.
    pub record: Record,
    /// A record in phase 2.
    pub pending: Option<Record>,
    /// Areas that coordinators of records which are not closed were to write, as a set.
    pub open: u8,
    /// Writes that were acknowledged, as a set.
    pub acked: u8,
    /// Daemons that may still be killed or stopped.
    pub kills: u8,
    /// Hosts that may still lose their power.
    pub losses: u8,
}

impl Areas {
    fn drops(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }
}

impl Model for Areas {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut areas = [Area::default(); AREAS];
        areas[0].content = Some(0);
        let host = Host { up: true, ..Host::default() };
        let record = Record { number: 0, live: 0, next: Some(1), coordinator: (0, 0) };
        let (kills, losses) = (self.kills, self.losses);
        let hosts = [host; HOSTS];
        vec![State { areas, hosts, record, pending: None, open: 0b10, acked: 0, kills, losses }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for host in 0..HOSTS {
            self.steps_of(state, host, actions);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        self.apply(&mut next, action);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(
            "the live area is whole and holds what was acknowledged",
            |_, s: &State| {
                let live = s.areas.get(usize::from(s.record.live)).and_then(|area| area.content);
                live.is_some_and(|content| content & s.acked == s.acked)
            },
        )]
    }
}
