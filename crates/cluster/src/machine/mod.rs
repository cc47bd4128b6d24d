//! The machine: one guard's whole state, and the dispatch of events.
//!
//! The rules live in sibling modules by concept (`permit`, `death`, `putout`, `coordinator`,
//! `admission`, `proposer`, `fence`); each is an `impl Machine` block that owns its own part.

mod assign;
mod commands;
mod disk_io;
mod network;
mod observe;
mod rekey;
mod status;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::api::{BlockRange, BootInfo, ConfigError, Input, IoId, Output};
use crate::codec::Writer;
use crate::control::{ArmConfig, GuardState, StatefileSpec};
use crate::disk::cycle::Cycle;
use crate::disk::view::{FileView, SeenBeat};
use crate::fence::Fence;
use crate::health::{Pairs, Strangers};
use crate::ids::{HostId, Incarnation, Instant};
use crate::invariant::{Invariant, Violation};
use crate::keys::Keyring;
use crate::peer::Peer;
use crate::permit::Permit;
use crate::proposer::Proposer;
use crate::putout::Graph;
use crate::quarantine::Quarantine;
use crate::record::{Record, Seat};
use crate::rng::Rng;
use crate::statefile::blocks::Acceptor;
use crate::timing::{Timing, ns};
use crate::watch::Watch;

use disk_io::Pending;

/// Own sequences kept with the time at which they were sent.
const SENT_MAX: usize = 256;

/// One incarnation of one guard. See the crate's documentation for how to drive it.
#[derive(Debug)]
pub struct Machine {
    pub(crate) config: ArmConfig,
    pub(crate) keys: Keyring,
    pub(crate) me: Seat,
    pub(crate) host: HostId,
    pub(crate) booted_at: u64,
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) outputs: VecDeque<Output>,
    /// Nothing follows: restarted, reset or left.
    pub(crate) finished: bool,

    // What is known.
    pub(crate) files: Vec<FileView>,
    pub(crate) peers: Vec<Peer>,
    /// The newest decided record, and when it was learned.
    pub(crate) decided: Option<Record>,
    pub(crate) decided_at: u64,
    /// The area to which this life is to copy the database, and the record since which every one
    /// has said so.
    pub(crate) named: Option<(u8, u64)>,
    /// Lives that a decided epoch left out: (life, number of the first such epoch, when learned).
    pub(crate) outed: Vec<(Seat, u64, u64)>,
    /// Since when a majority of the statefiles has been read in this life.
    pub(crate) read_since: Option<u64>,
    pub(crate) isolation: bool,
    pub(crate) load: (u32, u32),
    pub(crate) havend_dead_since: Option<u64>,
    /// The pool daemon ended in order, with the database closed, and none has spoken since.
    pub(crate) database_closed: bool,
    pub(crate) graph: Graph,
    /// Lives that something outside the protocol says are dead, and when it said so.
    pub(crate) proofs: Vec<(Seat, u64)>,
    pub(crate) quarantine: Quarantine,
    pub(crate) strangers: Strangers,
    pub(crate) pairs: Pairs,

    // IO.
    pub(crate) beat_cycle: Option<Cycle>,
    pub(crate) ballot_cycle: Option<Cycle>,
    pub(crate) assign: Option<assign::Assign>,
    /// A write to the place of a host that is added failed then, and may still land.
    pub(crate) assign_failed_at: Option<u64>,
    /// A handful at most.
    pending: Vec<(IoId, Pending)>,
    next_io: u64,
    next_cycle: u64,
    pub(crate) io_failed_at: Option<u64>,
    pub(crate) next_beat: u64,
    pub(crate) beat_asap: bool,
    /// A beat cycle is to begin as soon as the one before ended.
    pub(crate) round_due: bool,
    /// Begin of the last good beat cycle's write, and of its reads, and what it confirmed.
    pub(crate) last_round: Option<Round>,

    // Sending.
    pub(crate) sequence: u64,
    /// Sequences of this life are above this one.
    pub(crate) began_with: u64,
    pub(crate) sent: VecDeque<(u64, u64)>,
    /// Addresses that hosts had before, and until when beats go there too: by slot.
    pub(crate) former: Vec<(u8, Vec<SocketAddr>, u64)>,
    pub(crate) room: Room,

    // Own part in the protocol.
    pub(crate) acceptor: Acceptor,
    pub(crate) ballot_version: u64,
    pub(crate) ballot_dirty: bool,
    /// After a failed ballot cycle: none before this.
    pub(crate) ballot_pause: u64,
    /// What the ballots of earlier lives say was read, and written as this life's first write.
    pub(crate) carry: Carry,
    pub(crate) watch: Watch,
    pub(crate) proposer: Proposer,
    pub(crate) permit: Permit,
    pub(crate) fence: Fence,
    pub(crate) drained: u64,
    /// Epochs up to this one were handed to the pool daemon with leave to act.
    pub(crate) acted_in: u64,
    pub(crate) may_act: bool,
    pub(crate) state_sequence: u64,
    pub(crate) next_tick: u64,
}

/// Memory that each beat uses again.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// One beat's datagrams.
    sends: Vec<Output>,
    /// What datagrams were written to before.
    spare: Vec<Vec<u8>>,
    /// For what is encoded.
    encoded: Writer,
    /// The beats that a read showed.
    seen: Vec<SeenBeat>,
    /// What a round reads, of so many slots.
    round: (u8, Arc<[BlockRange]>),
}

/// How far the state of earlier lives was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carry {
    /// Not read yet.
    Reading,
    /// Read; waits for `t_late` after boot, and until it is alone.
    Read,
    /// Being written.
    Writing,
    /// Written: this life takes part.
    Done,
}

/// The last good beat cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) write_started: u64,
    pub(crate) read_started: u64,
    pub(crate) confirmed: u64,
}

impl Machine {
    /// Begins membership as `boot.incarnation`. `rng_seed` should differ between starts and
    /// machines: it spreads retries, and tells twins apart.
    pub fn new(boot: BootInfo, config: ArmConfig, rng_seed: u64) -> Result<Self, ConfigError> {
        crate::statefile::check_config(&config)?;
        let own = config.hosts.iter().find(|spec| spec.host == boot.host);
        let own = own.and_then(|spec| u8::try_from(spec.slot).ok());
        let slot = own.ok_or(ConfigError::NotListed)?;
        let keys = Keyring::new(&config.keys).ok_or(ConfigError::BadKey)?;
        let slots = slots_of(&config);
        let view = |spec: &StatefileSpec| FileView::new(spec.uuid, config.generation, slots);
        let now = boot.now.0;
        let mut machine = Self {
            keys,
            me: Seat { slot, inc: boot.incarnation.0 },
            host: boot.host,
            booted_at: boot.booted_at.0,
            now,
            rng: Rng::new(rng_seed),
            outputs: VecDeque::new(),
            finished: false,
            files: config.statefiles.iter().map(view).collect(),
            peers: (0u8..).take(slots).map(Peer::new).collect(),
            decided: None,
            decided_at: now,
            named: None,
            outed: Vec::new(),
            read_since: None,
            isolation: false,
            load: (boot.running, 0),
            havend_dead_since: None,
            database_closed: false,
            graph: Graph::default(),
            proofs: Vec::new(),
            quarantine: Quarantine::default(),
            strangers: Strangers::default(),
            pairs: Pairs::default(),
            beat_cycle: None,
            ballot_cycle: None,
            assign: None,
            assign_failed_at: None,
            pending: Vec::new(),
            next_io: 1,
            next_cycle: 1,
            io_failed_at: None,
            next_beat: now,
            beat_asap: false,
            round_due: false,
            last_round: None,
            sequence: crate::watch::first_sequence(rng_seed),
            began_with: crate::watch::first_sequence(rng_seed),
            sent: VecDeque::with_capacity(SENT_MAX),
            former: Vec::new(),
            room: Room::default(),
            acceptor: Acceptor::blank(),
            ballot_version: 0,
            ballot_dirty: false,
            ballot_pause: 0,
            carry: Carry::Reading,
            watch: Watch::default(),
            proposer: Proposer::default(),
            permit: Permit::default(),
            fence: Fence::default(),
            drained: 0,
            acted_in: 0,
            may_act: false,
            state_sequence: 0,
            next_tick: now,
            config,
        };
        if let Some(peer) = machine.peer_mut(slot) {
            peer.see_inc(boot.incarnation.0, now);
        }
        Ok(machine)
    }

    /// Takes one event in.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if self.finished {
            return;
        }
        self.now = self.now.max(now.0);
        self.expire_permit();
        match input {
            Input::Timer => {}
            Input::Datagram { network, bytes } => self.take_datagram(network, bytes),
            Input::ReadDone { io, result } => self.read_done(io, result),
            Input::WriteDone { io, result } => self.write_done(io, result),
            Input::WatchdogArmed { bite_ms } => self.watchdog_armed(bite_ms),
            Input::Command { id, command } => self.command(id, command),
            Input::Isolation { reached } => self.isolation = reached,
            Input::Fenced { clean } => self.fenced(clean),
            Input::HavendHealth { alive } => {
                let since = self.havend_dead_since.unwrap_or(self.now);
                self.havend_dead_since = if alive { None } else { Some(since) };
            }
        }
        if !self.finished {
            self.advance();
        }
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to send [`Input::Timer`] at the latest; `None` when the machine is finished.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.finished {
            return None;
        }
        let mut next = self.next_tick.min(self.next_beat);
        if let Some(until) = self.permit.until {
            next = next.min(until);
        }
        Some(Instant(next.max(self.now)))
    }

    /// Whether [`Input::Isolation`] with this would change anything now. Any event makes a machine
    /// look at what waits for a moment between its deadlines: the first write of a life, a ballot, the
    /// steps of fencing.
    #[must_use]
    pub fn would_learn(&self, reached: bool) -> bool {
        let waits = self.carry != Carry::Done || self.ballot_dirty || self.fence != Fence::Off;
        self.isolation != reached || waits
    }

    /// Everything that time or new knowledge may have made due.
    fn advance(&mut self) {
        if self.now >= self.next_tick {
            self.next_tick = self.now + self.beat_ns() / 4;
            self.evaluate();
        }
        self.step_fence();
        if self.finished {
            return;
        }
        if self.now >= self.next_beat || self.beat_asap {
            self.next_beat = self.now + self.beat_ns();
            self.beat_asap = false;
            self.round_due = true;
            self.judge_health();
            self.send_beats();
            self.changed();
        }
        self.start_due_cycles();
    }

    /// Judges everything anew: dead lives, the graph, permits by votes, what to propose.
    pub(crate) fn evaluate(&mut self) {
        self.step_assign();
        self.judge_deaths();
        self.update_graph();
        self.renew_by_votes();
        self.judge_coordinator();
        self.free_office();
        self.consider_proposing();
    }

    /// The configuration by which this machine works now.
    #[must_use]
    pub fn config(&self) -> &ArmConfig {
        &self.config
    }

    /// Time-outs of the newest epoch that this host knows.
    #[must_use]
    pub fn timing(&self) -> Timing {
        self.decided.as_ref().map_or(self.config.timing, |record| record.timing)
    }
    pub(crate) fn beat_ns(&self) -> u64 {
        ns(u64::from(self.timing().beat_ms))
    }

    /// Number of the newest decided epoch known.
    pub(crate) fn epoch(&self) -> u64 {
        self.decided.as_ref().map_or(0, |record| record.number)
    }
    /// This life is a member of the newest decided epoch known.
    pub(crate) fn is_member(&self) -> bool {
        self.decided.as_ref().is_some_and(|record| record.armed && record.has(self.me))
    }
    pub(crate) fn peer(&self, slot: u8) -> Option<&Peer> {
        self.peers.get(usize::from(slot))
    }
    pub(crate) fn peer_mut(&mut self, slot: u8) -> Option<&mut Peer> {
        self.peers.get_mut(usize::from(slot))
    }
    pub(crate) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
    /// The state is to be pushed.
    pub(crate) fn changed(&mut self) {
        if !self.outputs.contains(&Output::StateChanged) {
            self.state_sequence += 1;
            self.output(Output::StateChanged);
        }
    }
    pub(crate) fn reset(&mut self, reason: &str) {
        if !self.finished {
            self.finished = true;
            self.permit.until = None;
            self.output(Output::Reset { reason: reason.to_owned() });
        }
    }
    /// Once: a read may show several later lives.
    pub(crate) fn restart(&mut self, above: u64) {
        if !self.finished {
            self.finished = true;
            self.permit.until = None;
            self.output(Output::Restart { above: Incarnation(above) });
        }
    }

    /// The state as pushed to the pool daemon.
    #[must_use]
    pub fn state(&self, now: Instant) -> GuardState {
        let mut state = GuardState::idle();
        self.fill_state(now, &mut state);
        state
    }

    /// The same in the place of an older state, whose room is used again.
    pub fn fill_state(&self, now: Instant, state: &mut GuardState) {
        self.full_state(now.0.max(self.now), state);
    }

    /// Asks what this machine promises of itself.
    ///
    /// # Errors
    /// The first promise that does not hold.
    pub fn check(&self) -> Result<(), Violation> {
        let kept = crate::mutation::on(crate::mutation::Mutation::ExcludedKeepsPermit);
        let held = self.permit.until.is_some() && !kept;
        Invariant::PermitMember.demand(!held || self.is_member() || self.fence.asking())?;
        Invariant::PermitFence.demand(!held || !self.fence.active())?;
        let asks = self.fence.asks_until().zip(self.permit.until);
        Invariant::AskingPermit.demand(asks.is_none_or(|(asks, held)| asks == held))?;
        if let Some((ballot, value)) = &self.acceptor.accepted {
            Invariant::AcceptedInstance.demand(value.number == self.acceptor.instance())?;
            Invariant::AcceptedPromise.demand(*ballot <= self.acceptor.promised)?;
        }
        Invariant::ChainKnown.demand(self.acceptor.instance() <= self.epoch() + 1)
    }
}

/// Number of slots up to the highest one that is configured.
pub(crate) fn slots_of(config: &ArmConfig) -> usize {
    config.hosts.iter().map(|spec| usize::from(spec.slot) + 1).max().unwrap_or(0)
}
