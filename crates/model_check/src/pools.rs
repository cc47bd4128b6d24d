//! A small whole pool: lives that come and go, epochs that put them out and admit them, hosts that are
//! taken out of the pool. No state from which it cannot get well again.
//!
//! There is no time here: a wait that can end is over whenever its holder likes, for the question is
//! not whether somebody goes on too early (that is the model of permits), but whether anybody can go
//! on at all. What a host reads is what the disk says; what only its memory knows, a device's or a
//! person's word about a death, is lost with its life. Epochs and lives are numbered anew after each
//! step, by their order, so that a pool that has done the same thing twice is the same pool.
//!
//! *Well* means: the faults have ceased, every host that is still in the pool (but those that left in
//! order, where they stay away) is a member, the named coordinator acts, no proposal is left in phase 2, and all older epochs are closed.

mod know;
mod numbers;
mod step;

pub use step::Action;

use stateright::{Model, Property};

use crate::reach::Goal;

/// Hosts that a state has room for.
pub const HOSTS_MAX: usize = 3;
/// Epochs that a state has room for.
pub const EPOCHS_MAX: usize = 8;
/// What is older than every epoch that is kept.
const NEVER: u8 = 1;

/// A rule of the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Whoever proposes takes over a value in phase 2 that nobody decided.
    PhaseTwoFinished,
    /// A new life that sees no member may found the next epoch when enough of the last one are gone.
    Founding,
    /// A final mark of a member counts for that, too.
    MarksCount,
    /// Places that open epochs name are read, also those of hosts that are in the pool no more.
    PlacesRead,
    /// A host is taken out of the pool when an epoch without it is decided.
    EpochWithout,
    /// And when no open epoch names a life of it.
    DebtsPaid,
    /// Also where the disk tells what ended that life, which may rot.
    MarksRot,
    /// And when no value in phase 2 names the host.
    ComingWaits,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::PhaseTwoFinished,
        Self::Founding,
        Self::MarksCount,
        Self::PlacesRead,
        Self::EpochWithout,
        Self::DebtsPaid,
        Self::MarksRot,
        Self::ComingWaits,
    ];
}

/// A pool with its bounds.
#[derive(Clone, Debug)]
pub struct Pools {
    /// Its hosts.
    pub hosts: usize,
    /// Power losses.
    pub losses: u8,
    /// Storages that stall.
    pub stalls: u8,
    /// Members that are put out for no reason that they could help: a parted network.
    pub partings: u8,
    /// Hosts that are told to leave in order.
    pub leaves: u8,
    /// Hosts that are taken out of the pool.
    pub removals: u8,
    /// Last blocks of hosts that are down, or gone, that rot.
    pub rots: u8,
    /// Hosts have power devices.
    pub devices: bool,
    /// Who left in order stays away when the faults have ceased.
    pub away: bool,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// An epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch {
    /// Life of each host in it; 0: none.
    pub members: [u8; HOSTS_MAX],
    /// Whose life coordinates.
    pub coordinator: u8,
    /// Earlier epochs that are not closed, as a set of indices.
    pub open: u8,
}

/// What a life does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// No power.
    #[default]
    Off,
    /// It reads, and has written nothing.
    Reading,
    /// It has written, and asks to be admitted.
    Asking,
    /// It holds a permit.
    Member,
    /// It has left in order.
    Left,
}

/// A host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    /// What its life does.
    pub phase: Phase,
    /// Number of its life.
    pub life: u8,
    /// Its storage does not answer.
    pub stalled: bool,
    /// The epoch that it knows; see [`State::chain`].
    pub know: u8,
    /// Lives of each host, up to this one, whose death it was told of by a device.
    pub told: [u8; HOSTS_MAX],
}

/// The last block of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Block {
    /// Which life wrote it.
    pub life: u8,
    /// The epoch that it confirms.
    pub confirms: u8,
    /// Up to which epoch its IO as coordinator is drained.
    pub drained: u8,
    /// It is the last one of that life: a tombstone, or *excluded*.
    pub last: bool,
}

/// The pool at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Epochs that somebody still asks about, the newest last. Elsewhere an epoch is named by a number:
    /// twice its index plus two, or one more for those between it and the next one that is kept.
    pub chain: [Epoch; EPOCHS_MAX],
    /// How many they are.
    pub count: u8,
    /// The value in phase 2.
    pub pending: Option<Epoch>,
    /// Whose it is, where only that life may complete it.
    pub proposer: Option<u8>,
    /// The hosts.
    pub hosts: [Host; HOSTS_MAX],
    /// Their blocks.
    pub blocks: [Block; HOSTS_MAX],
    /// Hosts that are in the pool no more.
    pub removed: u8,
    /// What may still happen, in the order of [`Pools`].
    pub left: [u8; 6],
    /// The faults have ceased.
    pub calm: bool,
}

impl State {
    fn newest(&self) -> usize {
        usize::from(self.count) - 1
    }

    fn is_removed(&self, host: usize) -> bool {
        self.removed & (1 << host) != 0
    }

    /// The epoch that a host knows, if it is kept.
    fn known(&self, host: usize) -> Option<usize> {
        let know = self.hosts[host].know;
        know.is_multiple_of(2).then(|| usize::from(know / 2) - 1)
    }
}

/// The number of a kept epoch.
fn number(index: usize) -> u8 {
    index as u8 * 2 + 2
}

impl Pools {
    fn drops(&self, rule: Rule) -> bool {
        // A host whose place would have to be read is in the pool, but for the weaker wait.
        let behind = rule == Rule::MarksRot && self.without == Some(Rule::PlacesRead);
        self.without == Some(rule) || behind
    }
}

impl Model for Pools {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut first = State {
            chain: [Epoch::default(); EPOCHS_MAX],
            count: 1,
            pending: None,
            proposer: None,
            hosts: [Host::default(); HOSTS_MAX],
            blocks: [Block::default(); HOSTS_MAX],
            removed: !((1 << self.hosts) - 1),
            left: [self.losses, self.stalls, self.partings, self.leaves, self.removals, self.rots],
            calm: false,
        };
        for host in 0..self.hosts {
            first.chain[0].members[host] = 1;
            let know = number(0);
            first.hosts[host] = Host { phase: Phase::Member, life: 1, know, ..Host::default() };
            first.blocks[host] = Block { life: 1, confirms: know, drained: NEVER, last: false };
        }
        vec![self.numbered(first)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.steps(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        self.apply(&mut next, action);
        let next = self.numbered(next);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("there is room for every epoch", |_, state: &State| {
            usize::from(state.count) < EPOCHS_MAX
        })]
    }
}

impl Goal for Pools {
    fn is_reached(&self, state: &State) -> bool {
        let newest = state.newest();
        let epoch = state.chain[newest];
        let away = |host: usize| self.away && state.hosts[host].phase == Phase::Left;
        let here = (0..self.hosts).filter(|host| !state.is_removed(*host) && !away(*host));
        let mut all = here.map(|host| (host, &state.hosts[host]));
        let all = all.all(|(host, life)| {
            life.phase == Phase::Member
                && life.know == number(newest)
                && epoch.members[host] == life.life
                && !life.stalled
        });
        let acting = usize::from(epoch.coordinator);
        let closed = |old: usize| self.is_closed(state, acting, old);
        all && state.pending.is_none()
            && self.acts(state, acting)
            && (0..newest).filter(|old| epoch.open & (1 << old) != 0).all(closed)
    }

    fn is_calm(&self, state: &State) -> bool {
        if !self.away {
            return state.calm;
        }
        // Whoever is not of the last epoch, or of the one that is to be, may wait for those who are.
        let left = |host: usize| state.hosts[host].phase == Phase::Left || state.is_removed(host);
        let is_there = |host: usize| !left(host);
        let epochs = [Some(state.chain[state.newest()]), state.pending];
        let waits = |epoch: Epoch| (0..self.hosts).any(|h| epoch.members[h] != 0 && is_there(h));
        state.calm && epochs.into_iter().flatten().all(waits)
    }
}
