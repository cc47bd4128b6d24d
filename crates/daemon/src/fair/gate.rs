//! The gate before every request: the accounts with a clock, and with calls that wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use uuid::Uuid;

use super::shares::{Bill, CALL_NS, Entered, Shares, WAITING_MAX, Who};

/// How often it is looked whether the processors are busy.
const SAMPLE: Duration = Duration::from_millis(10);
/// Busy: this process alone takes more than one of so many parts of all processors, or less than
/// one of so many parts is idle.
const SPARE_DIVISOR: u32 = 4;
/// How often it is looked whether others, such as guests, left any idle.
const SAMPLE_ALL: Duration = Duration::from_millis(200);
/// How often those that wait are looked at when nothing else happens.
const TICK: Duration = Duration::from_millis(2);
/// How long a call waits for its refusal when too many of the same session wait.
const REFUSAL_PAUSE: Duration = Duration::from_secs(1);

/// What a connection was last used for: the account of its next request, before that is read.
#[derive(Clone, Debug)]
pub struct Line {
    number: u64,
    last: Arc<Mutex<Last>>,
}

/// Connections so far.
static LINES: AtomicU64 = AtomicU64::new(1);

impl Default for Line {
    fn default() -> Self {
        Self { number: LINES.fetch_add(1, Ordering::Relaxed), last: Arc::default() }
    }
}

#[derive(Debug, Default)]
struct Last {
    session: Option<Uuid>,
    elsewhere: Duration,
}

impl Line {
    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of its last call.
    #[must_use]
    pub fn session(&self) -> Option<Uuid> {
        self.last().session
    }

    /// A call was in this session.
    pub fn is_of(&self, session: Option<Uuid>) {
        self.last().session = session;
    }

    /// A call took so much of a processor on another thread.
    pub fn costs(&self, elsewhere: Duration) {
        self.last().elsewhere += elsewhere;
    }

    fn take_elsewhere(&self) -> Duration {
        std::mem::take(&mut self.last().elsewhere)
    }
}

#[derive(Debug, Default)]
struct Load {
    at: Duration,
    used: Duration,
    busy: bool,
    all_at: Duration,
    all: Ticks,
    crowded: bool,
}

/// What all processors did since the host started.
#[derive(Clone, Copy, Debug, Default)]
struct Ticks {
    idle: u64,
    total: u64,
}

impl Ticks {
    /// From the first line of `/proc/stat`; zeroes if there is none, which counts as nothing done.
    fn now() -> Self {
        Self::of(&std::fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    fn of(text: &str) -> Self {
        let first = text.lines().next().unwrap_or_default();
        let all: Vec<u64> =
            first.split_ascii_whitespace().skip(1).take(8).filter_map(|n| n.parse().ok()).collect();
        // The fourth is idle, the fifth is waiting for a disk.
        Self { idle: all.iter().skip(3).take(2).sum(), total: all.iter().sum() }
    }

    /// Whether hardly any processor was idle since `before`.
    fn crowded_since(self, before: Self) -> bool {
        let total = self.total.saturating_sub(before.total);
        let idle = self.idle.saturating_sub(before.idle);
        before.total > 0 && total > 0 && idle * u64::from(SPARE_DIVISOR) < total
    }
}

/// The gate. One for the whole process.
#[derive(Debug)]
pub struct Fair {
    shares: Mutex<Shares>,
    load: Mutex<Load>,
    start: Instant,
    processors: u32,
}

impl Default for Fair {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
        Self {
            shares: Mutex::new(Shares::new(processors.into())),
            load: Mutex::default(),
            start: Instant::now(),
            processors,
        }
    }
}

/// What a request gets at the gate.
#[derive(Debug)]
pub enum Entry {
    /// It goes on.
    Pass(Pass),
    /// Too many of the same session wait: it gets an error, after a pause in which it cost nothing.
    Refused,
}

/// A request within; over when dropped.
#[derive(Debug)]
pub struct Pass {
    fair: Arc<Fair>,
    entered: Who,
    line: Line,
    charged: u64,
    cost: u64,
    /// Of the cost, what stands to the account already.
    settled: u64,
}

impl Fair {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn shares(&self) -> std::sync::MutexGuard<'_, Shares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are no processors to spare.
    fn is_busy(&self) -> bool {
        let mut load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.start.elapsed();
        let passed = now.saturating_sub(load.at);
        if passed >= SAMPLE {
            let used = spent(ClockId::ProcessCPUTime);
            load.busy = used.saturating_sub(load.used) * SPARE_DIVISOR > passed * self.processors;
            (load.at, load.used) = (now, used);
        }
        if now.saturating_sub(load.all_at) >= SAMPLE_ALL {
            let all = Ticks::now();
            load.crowded = all.crowded_since(load.all);
            (load.all_at, load.all) = (now, all);
        }
        load.busy || load.crowded
    }

    /// Waits for the turn of a request of `line`.
    pub async fn enter(self: &Arc<Self>, who: Who, line: Line) -> Entry {
        match self.turn(who, line, WAITING_MAX).await {
            Some(pass) => Entry::Pass(pass),
            None => {
                tokio::time::sleep(REFUSAL_PAUSE).await;
                Entry::Refused
            }
        }
    }

    /// Waits for the turn of what comes before the first request of a connection; how many of those
    /// wait is bounded where connections are taken.
    pub(crate) async fn begin(self: &Arc<Self>, who: Who, line: Line) -> Pass {
        let pass = self.turn(who, line.clone(), usize::MAX).await;
        pass.unwrap_or_else(|| self.free(who, line))
    }

    /// Within, whatever the accounts say.
    fn free(self: &Arc<Self>, who: Who, line: Line) -> Pass {
        Pass { fair: self.clone(), entered: who, line, charged: 0, cost: 0, settled: 0 }
    }

    /// `None`: more than `most` of the same session wait.
    async fn turn(self: &Arc<Self>, who: Who, line: Line, most: usize) -> Option<Pass> {
        let entered = self.shares().enter((who, line.number), most, self.now(), self.is_busy());
        // From here on the place is given back whatever becomes of the request.
        let fair = self.clone();
        let pass = |charged| Pass { fair, entered: who, line, charged, cost: 0, settled: 0 };
        match entered {
            Entered::Go(charged) => Some(pass(charged)),
            Entered::Wait(turn) => {
                let mut pass = pass(0);
                self.keep_ticking();
                // Without an answer the gate is gone, and so is everything else.
                pass.charged = turn.await.unwrap_or_default();
                Some(pass)
            }
            Entered::Full => None,
        }
    }

    fn keep_ticking(self: &Arc<Self>) {
        if self.shares().begin_ticking() {
            let fair = self.clone();
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(TICK).await;
                    let (now, busy) = (fair.now(), fair.is_busy());
                    let mut shares = fair.shares();
                    shares.release(now, busy);
                    if shares.end_ticking() {
                        return;
                    }
                }
            });
        }
    }
}

impl Pass {
    fn owner(&self) -> Who {
        Who { session: self.line.session(), ..self.entered }
    }

    /// The request took so much of a processor.
    pub(super) fn spend(&mut self, time: Duration) {
        self.cost += u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    }

    /// Processor time that does not stand to the account yet, in nanoseconds.
    pub(super) fn unsettled(&self) -> u64 {
        let charged = if self.owner() == self.entered { self.charged } else { 0 };
        self.cost.saturating_sub(self.settled + charged)
    }

    /// Puts what was spent to the account; whether the request should wait before it goes on.
    pub(super) fn settle(&mut self) -> bool {
        let more = self.unsettled();
        self.settled += more;
        let (now, busy) = (self.fair.now(), self.fair.is_busy());
        self.fair.shares().goes_on(self.owner(), more, now, busy)
    }

    /// Waits for the next turn in the middle of an answer.
    pub(super) async fn again(self) -> Self {
        let (fair, who, line) = (self.fair.clone(), self.owner(), self.line.clone());
        drop(self);
        // What was begun is not refused; there is one answer on a connection at a time.
        let pass = fair.turn(who, line.clone(), usize::MAX).await;
        pass.unwrap_or_else(|| fair.free(who, line))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.spend(self.line.take_elsewhere());
        let bill = Bill {
            owner: self.owner(),
            charged: self.charged,
            settled: self.settled,
            cost: self.cost + CALL_NS,
        };
        let (now, busy) = (self.fair.now(), self.fair.is_busy());
        let mut shares = self.fair.shares();
        shares.leave(self.entered, bill, now);
        shares.release(now, busy);
    }
}

/// What a clock of processor time says.
pub(super) fn spent(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not needed is not made either: it would leave in the place of who is inside.
    #[tokio::test]
    async fn who_is_inside_is_counted_until_it_leaves() {
        let fair = Arc::new(Fair::default());
        let who = Who { address: super::super::shares::Address::Root, session: None };
        let pass = fair.begin(who, Line::default()).await;
        assert_eq!(fair.shares().inside(who), 1);
        let pass = pass.again().await;
        assert_eq!(fair.shares().inside(who), 1);
        drop(pass);
        assert_eq!(fair.shares().inside(who), 0);
    }

    #[test]
    fn a_host_without_idle_processors_is_crowded() {
        let before = Ticks::of("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1 1\n");
        assert_eq!((before.idle, before.total), (800, 1000));
        let idle = Ticks { idle: 830, total: 1100 };
        let crowded = Ticks { idle: 820, total: 1100 };
        assert!(!idle.crowded_since(before));
        assert!(crowded.crowded_since(before));
        assert!(!crowded.crowded_since(Ticks::of("")), "the first look says nothing");
    }
}
