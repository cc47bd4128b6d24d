//! One simulated host: power, clock, watchdog, guard process, running VMs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use haven_cluster::control::GuardState;
use haven_cluster::ids::Instant;
use haven_cluster::{IoId, Machine};
use haven_failover::{ArmedView, Orders, armed_view, valid_at};

use crate::arming::Paper;
use crate::daemon::Daemon;
use crate::database::DbHost;
use crate::disk::{Answer, Path, ReadOp, WriteOp};
use crate::reshape::Shaped;

/// Drift is counted in parts of so many.
const MILLION: i64 = 1_000_000;

/// An event that waits for a paused guard.
#[derive(Debug)]
pub(crate) enum Deferred {
    Timer,
    Datagram(u8, Vec<u8>),
    Io(u64, IoId, Answer),
    Fenced(bool),
    Feed(u64),
}

/// An IO that waits for a stalled path.
#[derive(Debug)]
pub(crate) enum Stuck {
    /// Not yet sent to the medium.
    Write(u64, IoId, WriteOp),
    Read(u64, IoId, ReadOp),
    /// On the medium, but the answer is lost.
    Answer(u64, IoId, u8, Answer),
}

impl Stuck {
    /// Which statefile it is about.
    pub(crate) fn file(&self) -> u8 {
        match self {
            Self::Write(_, _, op) => op.file,
            Self::Read(_, _, op) => op.file,
            Self::Answer(_, _, file, _) => *file,
        }
    }
}

/// A write that left the host and has not landed.
#[derive(Clone, Debug)]
pub(crate) struct Flying {
    pub(crate) life: u64,
    pub(crate) io: IoId,
    pub(crate) op: WriteOp,
}

/// A VM that is being started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Starting {
    pub(crate) since: u64,
    /// Its process is there, and the daemon agreed that it executes.
    pub(crate) agreed: bool,
    /// What it was ordered by.
    pub(crate) order: crate::manager::Order,
}

#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    pub(crate) armed: bool,
    /// Counts armings; feeding loops of earlier ones end.
    pub(crate) arms: u64,
    /// Real bite time in real nanoseconds.
    pub(crate) bite: u64,
    pub(crate) fed_at: u64,
    /// The only look at it that counts, unless every feed has one of its own.
    pub(crate) looks_at: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) powered: bool,
    /// Counts power-ups; events of earlier ones are void.
    pub(crate) boot: u64,
    pub(crate) booted_at: u64,
    /// Its daemons are not up yet since it got power.
    pub(crate) booting: bool,
    /// Drift of its clock, parts per million.
    pub(crate) drift: i64,
    /// Counts machines; IO of earlier ones is void.
    pub(crate) life: u64,
    pub(crate) machine: Option<Machine>,
    /// Durable: the newest incarnation used.
    pub(crate) incarnation: u64,
    /// Left by a clean shutdown or disarm: no guard runs.
    pub(crate) idle: bool,
    pub(crate) timer_at: Option<u64>,
    /// Its daemon looks after VMs every now and then: it acted a moment ago.
    pub(crate) managing: bool,
    pub(crate) watchdog: Watchdog,
    /// Life and epoch of which the log last said that this host knows it.
    pub(crate) said_epoch: (u64, u64),
    /// It cannot be opened.
    pub(crate) no_watchdog: bool,
    pub(crate) paused: bool,
    pub(crate) deferred: Vec<Deferred>,
    /// By statefile; those not named are good.
    paths: BTreeMap<u8, Path>,
    /// Where its guard receives: network and address, each once.
    pub(crate) listens: Vec<(u8, SocketAddr)>,
    /// When a datagram was sent to an address that its host has left.
    pub(crate) old_at: u64,
    pub(crate) stuck: Vec<Stuck>,
    pub(crate) flying: Vec<Flying>,
    /// By tag: the life, the IO and what it collected.
    pub(crate) reads: Vec<(u64, (u64, IoId, ReadOp))>,
    /// Pause between check and feed, in nanoseconds.
    pub(crate) feed_late: u64,
    pub(crate) feed_late_now: u64,
    /// Ballot writes that still go through; `None`: all.
    pub(crate) ballot_writes_left: Option<u32>,
    /// The same for beat writes.
    pub(crate) beat_writes_left: Option<u32>,
    /// After so many more ballot writes have landed the whole path stalls, before the answer.
    pub(crate) stall_after: Option<u32>,
    /// The next write of a ballot (or of a beat) fails, and lands so many milliseconds later.
    pub(crate) fails_late: Option<(bool, u64)>,
    /// Reads do not return; writes do.
    pub(crate) reads_stuck: bool,
    /// Time from power to the guard's start, in milliseconds; else by chance.
    pub(crate) boot_ms: Option<u64>,
    /// Added between landing and answer, in nanoseconds.
    pub(crate) answers_late: u64,
    pub(crate) gate_closed: bool,
    pub(crate) vms: BTreeSet<u32>,
    /// VMs whose start was ordered and judged; by their order's moment.
    pub(crate) starting: BTreeMap<u32, Starting>,
    /// VMs that it sends to other hosts.
    pub(crate) sending: BTreeMap<u32, crate::stream::Sending>,
    /// VMs of which it has received a part, and since when.
    pub(crate) incoming: BTreeMap<u32, u64>,
    /// When a VM that it runs arrived from another host.
    pub(crate) arrived: BTreeMap<u32, u64>,
    /// Disks that it copies: for which task, and of which VM.
    pub(crate) copying: BTreeMap<u128, u32>,
    /// VMs that it was told to expect.
    pub(crate) windows: BTreeMap<u32, crate::stream::Window>,
    /// When it let nothing in any more, not even what was on its way.
    pub(crate) cut_at: u64,
    /// VMs that it was ordered to end because their storage is lost.
    pub(crate) ending: crate::data::Ending,
    /// VMs without a process of which a write waits for the path to the data storage.
    pub(crate) unlanded: BTreeSet<u32>,
    pub(crate) isolation: bool,
    /// What the pool daemon was last told.
    pub(crate) told: Option<Box<GuardState>>,
    pub(crate) db: DbHost,
    /// Its copy of the pool database, on its own disk.
    pub(crate) copy: Option<crate::database::Copy>,
    /// What its daemon has heard of orders; the production code.
    pub(crate) heard: Orders,
    /// What it was told of the pool's configuration.
    pub(crate) shaped: Shaped,
    /// How its daemon is.
    pub(crate) daemon: Daemon,
    /// What its daemon knows of keys.
    pub(crate) keyed: crate::keys::Keyed,
    /// Its guard says that it is of the version before keys could change.
    pub(crate) older_guard: bool,
    /// The daemon still has to report its database IO as drained.
    pub(crate) acted: bool,
    /// Its disk is a copy of that host's.
    pub(crate) poses: Option<usize>,
    /// What its disk says of being armed, where a story arms it.
    pub(crate) paper: Paper,
    /// By how many milliseconds somebody has set the clock that its daemon takes for the time of day.
    pub(crate) wall_set_ms: i64,
    /// No process or thread can be started there.
    pub(crate) no_memory: bool,
}

impl Host {
    pub(crate) fn new(drift: i64) -> Self {
        Self {
            powered: false,
            boot: 0,
            booted_at: 0,
            booting: false,
            drift,
            life: 0,
            machine: None,
            incarnation: 0,
            idle: false,
            timer_at: None,
            managing: false,
            watchdog: Watchdog::default(),
            said_epoch: (0, 0),
            no_watchdog: false,
            paused: false,
            deferred: Vec::new(),
            paths: BTreeMap::new(),
            listens: Vec::new(),
            old_at: 0,
            stuck: Vec::new(),
            flying: Vec::new(),
            reads: Vec::new(),
            feed_late: 0,
            feed_late_now: 0,
            ballot_writes_left: None,
            beat_writes_left: None,
            stall_after: None,
            fails_late: None,
            reads_stuck: false,
            boot_ms: None,
            answers_late: 0,
            gate_closed: false,
            vms: BTreeSet::new(),
            starting: BTreeMap::new(),
            sending: BTreeMap::new(),
            incoming: BTreeMap::new(),
            arrived: BTreeMap::new(),
            copying: BTreeMap::new(),
            windows: BTreeMap::new(),
            cut_at: 0,
            ending: BTreeMap::new(),
            unlanded: BTreeSet::new(),
            isolation: true,
            told: None,
            db: DbHost::default(),
            copy: None,
            heard: Orders::default(),
            shaped: Shaped::default(),
            daemon: Daemon::default(),
            keyed: crate::keys::Keyed::default(),
            older_guard: false,
            acted: false,
            poses: None,
            paper: Paper::default(),
            wall_set_ms: 0,
            no_memory: false,
        }
    }

    /// How it reaches a statefile.
    pub(crate) fn path(&self, file: u8) -> Path {
        self.paths.get(&file).copied().unwrap_or_default()
    }

    pub(crate) fn set_path(&mut self, file: u8, path: Path) {
        self.paths.insert(file, path);
    }

    /// The host's clock at a real time.
    pub(crate) fn local(&self, real: u64) -> u64 {
        let elapsed = i64::try_from(real.saturating_sub(self.booted_at)).unwrap_or(i64::MAX);
        let (whole, rest) = (elapsed / MILLION, elapsed % MILLION);
        let scaled = elapsed + whole * self.drift + (rest * self.drift).div_euclid(MILLION);
        u64::try_from(scaled).unwrap_or(0)
    }

    /// The real time at which the host's clock has reached `local`.
    pub(crate) fn real(&self, local: u64) -> u64 {
        let rate = u64::try_from(MILLION + self.drift).unwrap_or(1).max(1);
        let million = MILLION.unsigned_abs();
        let scaled = local / rate * million + local % rate * million / rate;
        self.booted_at + scaled + 1
    }

    /// The daemon may start VMs now, as far as it was told.
    pub(crate) fn permitted(&self, now: u64) -> bool {
        let permit = self.told.as_ref().and_then(|state| state.permit);
        self.powered && !self.gate_closed && valid_at(permit, Instant(self.local(now)))
    }

    /// Whether this life of the guard has not said yet that it knows this epoch, or now knows another.
    pub(crate) fn says_epoch(&mut self, number: u64) -> bool {
        let now = (self.life, number);
        std::mem::replace(&mut self.said_epoch, now) != now
    }

    /// The guard's word, as its daemon has it.
    pub(crate) fn armed_view(&self, now: u64) -> Option<ArmedView> {
        armed_view(self.told.as_deref(), true, Instant(self.local(now)))
    }

    /// VMs of which the guard can see a process.
    pub(crate) fn processes(&self) -> u32 {
        let agreed = self.starting.values().filter(|starting| starting.agreed).count();
        let sent = self.sending.values().filter(|sending| sending.sent).count();
        let all = self.vms.len() + agreed + sent + self.incoming.len();
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// The daemon acts as coordinator now.
    pub(crate) fn acting(&self, now: u64) -> bool {
        self.told.as_ref().is_some_and(|state| state.may_act) && self.permitted(now)
    }
}
