//! One arming: a machine, and what performs its outputs.
//!
//! Owns: sockets, IO lanes and the watchdog of this arming. The watchdog is fed in one place,
//! [`Membership::feed`]. Never decides: that is the machine's.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use haven_block_io::{
    BLOCK_SIZE, BlockBuffer, IoDone, IoLanes, IoOperation, OpenMode, Watchdog, boottime_ns,
};
use haven_cluster::alarm::Alarm;
use haven_cluster::control::{ArmConfig, GuardReply, GuardState};
use haven_cluster::ids::{Incarnation, Instant};
use haven_cluster::{
    BlockRange, BootInfo, ConfigError, Input, Invariant, IoFailed, IoId, Machine, Output, Violation,
};

use crate::config::Config;
use crate::event::Event;
use crate::fence::Fencer;
use crate::net::Networks;
use crate::reach::Probe;
use crate::recorder::Recorder;
use crate::{log, reset, spawn};

/// Feeds per bite time: one that is late or skipped does no harm.
const FEEDS_PER_BITE: u64 = 8;
/// How often it is tried again to listen at addresses that could not be bound.
const BIND_AGAIN_NS: u64 = 5_000_000_000;
/// Buffers for statefile IO that are kept for the next one.
const BUFFERS_MAX: usize = 6;
/// Longest silence of a receiving thread before the watchdog is fed no more.
const LOOP_DEADLINE_NS: u64 = 500_000_000;

/// What an output asks of the loop.
#[derive(Debug)]
pub(crate) enum Step {
    Reply(GuardReply),
    StateChanged,
    /// A clean tombstone is durable: this process ends, the next one continues above.
    Restart {
        above: Incarnation,
    },
    /// This host left the membership.
    Left {
        disarmed: bool,
    },
}

/// Why an arming failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArmError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the heartbeat sockets cannot be opened: {0}")]
    Network(std::io::Error),
    #[error("this host is not in the list of hosts")]
    NotListed,
}

/// Memory for statefile IO, used again and again.
#[derive(Debug, Default)]
struct Room {
    reads: Vec<BlockBuffer>,
    writes: Vec<BlockBuffer>,
    /// What was read last, as the machine and as the lanes say it.
    runs: Option<(Arc<[BlockRange]>, Runs)>,
}

/// Offsets and numbers of blocks.
type Runs = Arc<[(u64, usize)]>;

impl Room {
    fn read(&mut self, ranges: Arc<[BlockRange]>) -> IoOperation {
        let into = self.reads.pop().unwrap_or_else(|| BlockBuffer::zeroed(0));
        let runs = match &self.runs {
            Some((known, runs)) if Arc::ptr_eq(known, &ranges) => Arc::clone(runs),
            _ => {
                let run = |range: &BlockRange| {
                    (u64::from(range.first) * BLOCK_SIZE as u64, range.count as usize)
                };
                let runs: Runs = ranges.iter().map(run).collect();
                self.runs = Some((ranges, Arc::clone(&runs)));
                runs
            }
        };
        IoOperation::Read { runs, into }
    }

    fn write(&mut self, block: u32, head: &[u8], len: usize) -> IoOperation {
        let mut data = self.writes.pop().unwrap_or_else(|| BlockBuffer::zeroed(0));
        data.refill(head, len);
        IoOperation::Write { offset: u64::from(block) * BLOCK_SIZE as u64, data }
    }

    fn give_back(&mut self, buffer: BlockBuffer, write: bool) {
        let kept = if write { &mut self.writes } else { &mut self.reads };
        if kept.len() < BUFFERS_MAX {
            kept.push(buffer);
        }
    }
}

/// A running arming.
#[derive(Debug)]
pub(crate) struct Membership {
    machine: Machine,
    recorder: Option<Recorder>,
    term: u64,
    networks: Networks,
    /// Addresses that could not be bound, and when they are tried again.
    unusable: (Vec<SocketAddr>, u64),
    probe: Probe,
    probed: Vec<IpAddr>,
    lanes: Vec<IoLanes>,
    room: Room,
    /// IO that was refused at once; told to the machine in the next round.
    refused: Vec<(IoId, bool)>,
    watchdog: Option<Watchdog>,
    watchdog_path: Option<PathBuf>,
    watchdog_bite_ms: u64,
    feed_at_ns: u64,
    /// A promise was broken: never feed again, and say so for as long as there is somebody to hear it.
    broken: Option<Invariant>,
    fencer: Fencer,
    events: SyncSender<Event>,
    reset: crate::config::ResetMode,
}

impl Membership {
    /// Opens sockets and begins as `boot.incarnation`.
    pub(crate) fn start(
        arm: ArmConfig,
        boot: BootInfo,
        host: &Config,
        term: u64,
        events: &SyncSender<Event>,
    ) -> Result<Self, ArmError> {
        let own = arm.hosts.iter().find(|spec| spec.host == arm.host).ok_or(ArmError::NotListed)?;
        let networks = Networks::open(&own.addresses, events).map_err(ArmError::Network)?;
        let seed = crate::boot::seed();
        let recorder = host.record.as_ref();
        let recorder = recorder.and_then(|path| Recorder::start(path, &boot, &arm, seed));
        let machine = Machine::new(boot, arm.clone(), seed)?;
        let beat = Duration::from_millis(u64::from(arm.timing.beat_ms));
        let probe = Probe::start(arm.isolation_addresses.clone(), beat, events.clone())
            .map_err(ArmError::Network)?;
        let lanes = arm.statefiles.iter().map(|statefile| {
            let events = events.clone();
            IoLanes::new(PathBuf::from(&statefile.path), OpenMode::Existing, move |done| {
                // A loop that is gone ends the process.
                let _ended: Result<(), _> = events.send(Event::Io { term, done });
            })
        });
        Ok(Self {
            machine,
            recorder,
            term,
            networks,
            unusable: (Vec::new(), 0),
            probe,
            probed: arm.isolation_addresses.clone(),
            lanes: lanes.collect(),
            room: Room::default(),
            refused: Vec::new(),
            watchdog: None,
            watchdog_path: host.watchdog(),
            watchdog_bite_ms: host.file.watchdog_bite_ms,
            feed_at_ns: 0,
            broken: None,
            fencer: Fencer::new(host),
            events: events.clone(),
            reset: host.file.reset,
        })
    }

    /// The configuration by which this host is armed now.
    pub(crate) fn config(&self) -> &ArmConfig {
        self.machine.config()
    }

    /// The machine's state, in the place of an older one.
    pub(crate) fn fill_state(&self, state: &mut GuardState) {
        self.machine.fill_state(now(), state);
        state.alarms.extend(self.broken.map(|promise| Alarm::Broken(promise).to_string()));
    }

    /// When the loop must come back at the latest.
    pub(crate) fn deadline_ns(&self) -> u64 {
        let machine = self.machine.next_deadline().map_or(u64::MAX, |deadline| deadline.0);
        let feed = if self.watchdog.is_some() { self.feed_at_ns } else { u64::MAX };
        if self.refused.is_empty() { machine.min(feed) } else { 0 }
    }

    /// Takes one input and performs what follows from it; what is for the loop goes to `steps`.
    pub(crate) fn handle(&mut self, input: Input<'_>, steps: &mut Vec<Step>) {
        self.tell(input);
        while let Some(output) = self.machine.poll_output() {
            if let Some(recorder) = &mut self.recorder {
                recorder.output(&output);
            }
            steps.extend(self.perform(output));
        }
        if let Err(violation) = self.machine.check() {
            self.condemn(violation, steps);
        }
    }

    fn condemn(&mut self, violation: Violation, steps: &mut Vec<Step>) {
        if self.broken.is_some() {
            return;
        }
        log::error(&format!("{violation}; the watchdog is fed no more"));
        self.broken = Some(violation.invariant);
        // What is told beats the watchdog's bite.
        steps.push(Step::StateChanged);
    }

    fn tell(&mut self, input: Input<'_>) {
        let now = now();
        if let Some(recorder) = &mut self.recorder {
            recorder.input(now, &input);
        }
        self.machine.handle(now, input);
    }

    /// The clock's turn: timer, and IO that could not even be posted.
    pub(crate) fn tick(&mut self, steps: &mut Vec<Step>) {
        for (io, write) in std::mem::take(&mut self.refused) {
            self.handle(failed(io, write), steps);
        }
        if self.machine.next_deadline().is_some_and(|deadline| deadline <= now()) {
            self.handle(Input::Timer, steps);
        }
        self.follow_addresses();
    }

    /// This host was given other addresses, or others to probe.
    fn follow_addresses(&mut self) {
        let now_ns = boottime_ns();
        self.networks.forget_left(now_ns);
        let config = self.machine.config();
        if config.isolation_addresses != self.probed {
            self.probed.clone_from(&config.isolation_addresses);
            let beat = Duration::from_millis(u64::from(config.timing.beat_ms));
            match Probe::start(self.probed.clone(), beat, self.events.clone()) {
                Ok(probe) => self.probe = probe,
                Err(error) => log::error(&format!("isolation addresses: {error}")),
            }
        }
        let own = config.hosts.iter().find(|spec| spec.host == config.host);
        let Some(wanted) = own.map(|spec| spec.addresses.as_slice()) else { return };
        if self.networks.addresses().eq(wanted.iter().copied()) {
            return;
        }
        let known = wanted == self.unusable.0;
        if known && now_ns < self.unusable.1 {
            return;
        }
        match self.networks.move_to(wanted, now_ns, &self.events) {
            Ok(()) => {
                log::info(&format!("this host listens at {wanted:?} from now on"));
                self.unusable.0.clear();
            }
            Err(error) => {
                if !known {
                    log::error(&format!("cannot listen at {wanted:?} yet: {error}"));
                    self.unusable.0 = wanted.to_vec();
                }
                self.unusable.1 = now_ns + BIND_AGAIN_NS;
            }
        }
    }

    /// An IO returned.
    pub(crate) fn io_done(&mut self, term: u64, done: IoDone, steps: &mut Vec<Step>) {
        if term != self.term {
            return;
        }
        let io = IoId(done.tag & !WRITE);
        let write = done.tag & WRITE != 0;
        let Ok(buffer) = done.result else { return self.handle(failed(io, write), steps) };
        let input = if write {
            Input::WriteDone { io, result: Ok(()) }
        } else {
            Input::ReadDone { io, result: Ok(buffer.as_bytes().into()) }
        };
        self.handle(input, steps);
        self.room.give_back(buffer, write);
    }

    /// The one place where the watchdog is fed: every loop met its deadline, the machine holds
    /// what it needs, and both were looked at just now.
    pub(crate) fn feed(&mut self) {
        let Some(watchdog) = &mut self.watchdog else { return };
        let now_ns = boottime_ns();
        if now_ns < self.feed_at_ns || self.broken.is_some() {
            return;
        }
        self.feed_at_ns = now_ns + watchdog.bite_ms() * 1_000_000 / FEEDS_PER_BITE;
        let silent_ns = now_ns.saturating_sub(self.networks.oldest_tick_ns());
        if silent_ns > LOOP_DEADLINE_NS {
            log::warn("a receiving thread is late; the watchdog is not fed");
            return;
        }
        if self.machine.may_feed(now())
            && let Err(error) = watchdog.feed()
        {
            log::error(&error.to_string());
        }
    }

    fn perform(&mut self, output: Output) -> Option<Step> {
        match output {
            Output::Send { network, to, bytes } => {
                self.networks.send(network, to, &bytes);
                self.machine.reuse(bytes);
            }
            Output::Read { io, statefile, ranges } => {
                let operation = self.room.read(ranges);
                self.submit(io, statefile, operation);
            }
            Output::Write { io, statefile, block, bytes } => {
                let operation = self.room.write(block, bytes.head(), bytes.len());
                self.submit(io, statefile, operation);
            }
            Output::WatchdogArm { bite_ms } => return self.arm_watchdog(bite_ms),
            Output::WatchdogDisarm => self.disarm_watchdog(),
            Output::Fence { reason } => self.fence(&reason),
            Output::Reset { reason } => reset::reset(self.reset, &reason),
            Output::Restart { above } => return Some(Step::Restart { above }),
            Output::Left { disarmed } => {
                self.disarm_watchdog();
                return Some(Step::Left { disarmed });
            }
            Output::Reply(reply) => return Some(Step::Reply(reply)),
            Output::Note(text) => log::info(&text),
            Output::StateChanged => return Some(Step::StateChanged),
        }
        None
    }

    fn submit(&mut self, io: IoId, statefile: u8, operation: IoOperation) {
        let write = matches!(operation, IoOperation::Write { .. });
        let tag = if write { io.0 | WRITE } else { io.0 };
        let lanes = self.lanes.get_mut(usize::from(statefile));
        if lanes.is_none_or(|lanes| lanes.submit(tag, operation).is_err()) {
            self.refused.push((io, write));
        }
    }

    fn arm_watchdog(&mut self, bite_ms: u32) -> Option<Step> {
        let (wanted, assumed) = (u64::from(bite_ms), self.watchdog_bite_ms);
        let armed = match (&mut self.watchdog, &self.watchdog_path) {
            (_, None) => Ok(wanted),
            // The epoch asks for another time.
            (Some(held), Some(_)) => held.set_bite(wanted, assumed).map(|()| held.bite_ms()),
            (None, Some(path)) => Watchdog::open(path, wanted, assumed).map(|opened| {
                let real_ms = opened.bite_ms();
                self.watchdog = Some(opened);
                real_ms
            }),
        };
        let armed = match armed {
            Ok(real_ms) => {
                if self.watchdog.is_some() {
                    log::info(&format!("watchdog armed, bites after {real_ms} ms"));
                }
                self.feed_at_ns = 0;
                Ok(u32::try_from(real_ms).unwrap_or(u32::MAX))
            }
            Err(error) => {
                log::error(&error.to_string());
                Err(IoFailed)
            }
        };
        self.tell(Input::WatchdogArmed { bite_ms: armed });
        Some(Step::StateChanged)
    }

    fn disarm_watchdog(&mut self) {
        if let Some(mut watchdog) = self.watchdog.take() {
            match watchdog.disarm() {
                Ok(()) => log::info("watchdog disarmed"),
                Err(error) => log::error(&error.to_string()),
            }
        }
    }

    fn fence(&self, reason: &str) {
        log::error(&format!("fencing this host: {reason}"));
        let (fencer, events) = (self.fencer.clone(), self.events.clone());
        let started = spawn("fence", move || {
            let _ended: Result<(), _> = events.send(Event::Fenced(fencer.fence()));
        });
        if let Err(error) = started {
            reset::reset(self.reset, &format!("no thread to fence with: {error}"));
        }
    }
}

/// Marks the tag of a write.
const WRITE: u64 = 1 << 63;

fn now() -> Instant {
    Instant(boottime_ns())
}

fn failed(io: IoId, write: bool) -> Input<'static> {
    if write {
        Input::WriteDone { io, result: Err(IoFailed) }
    } else {
        Input::ReadDone { io, result: Err(IoFailed) }
    }
}

#[cfg(test)]
mod tests;
