//! Calls with a deadline.
//!
//! Owns: the worker threads and the connection of one kind of calls ("lane"). A call that misses
//! its deadline is abandoned with its thread and its connection: the caller gets an error at the
//! deadline, later calls a new connection. Abandoned threads are bounded; above the bound the
//! lane refuses calls until some return. Never interprets the calls.
//!
//! The connection is a state machine: `Down` (with a back-off), `Opening` (by one of the waiting
//! calls), `Up`.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::hypervisor::HypervisorError;

/// First pause after a failed attempt to connect; doubles up to the last.
const BACKOFF_FIRST_MS: u64 = 50;
const BACKOFF_LAST_MS: u64 = 2_000;

/// Bounds of a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneLimits {
    /// Calls at the same time; more wait for their turn until their deadline.
    pub(crate) in_flight_max: usize,
    /// Stuck threads that are tolerated.
    pub(crate) abandoned_max: usize,
    /// One connection for all calls (`true`) or one for each (`false`, for jobs that last).
    pub(crate) shared_connection: bool,
}

type Opener<C> = dyn Fn() -> Result<C, HypervisorError> + Send + Sync;

/// A kind of calls with worker threads and a connection of its own.
pub(crate) struct Lane<C> {
    shared: Arc<Shared<C>>,
}

struct Shared<C> {
    name: &'static str,
    limits: LaneLimits,
    open: Box<Opener<C>>,
    alive: fn(&C) -> bool,
    state: Mutex<State<C>>,
    changed: Condvar,
}

struct State<C> {
    link: Link<C>,
    generation: u64,
    in_flight: usize,
    abandoned: usize,
}

enum Link<C> {
    Down { until: Option<Instant>, failures: u32, last: Option<HypervisorError> },
    Opening { ticket: u64 },
    Up { connection: Arc<C>, generation: u64 },
}

/// Which connection a call uses; 0 is none of the shared ones.
#[derive(Default)]
struct Used(AtomicU64);

impl Used {
    fn set(&self, generation: u64) {
        self.0.store(generation, Ordering::Release);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Life of one call, shared by the caller and its thread.
struct Token(AtomicU8);
const RUNNING: u8 = 0;
const DONE: u8 = 1;
const ABANDONED: u8 = 2;
const COMMITTED: u8 = 3;

/// What a caller that has seen its deadline still grants to work that has committed itself.
const COMMITTED_GRACE_MS: u64 = 10_000;

impl Token {
    fn change(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// The call as its work sees it.
pub(crate) struct Call {
    token: Arc<Token>,
    until: Instant,
}

impl Call {
    /// The work asks before the step that cannot be taken back. `false`: the caller was told, or
    /// is about to be told, that the deadline passed, so that step must not happen any more.
    pub(crate) fn commit(&self) -> bool {
        Instant::now() < self.until && self.token.change(RUNNING, COMMITTED)
    }
}

impl<C> std::fmt::Debug for Lane<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Lane")
            .field("name", &self.shared.name)
            .field("in_flight", &state.in_flight)
            .field("abandoned", &state.abandoned)
            .finish_non_exhaustive()
    }
}

impl<C: Send + Sync + 'static> Lane<C> {
    /// A lane that connects with `open` when it is first used.
    pub(crate) fn new(
        name: &'static str,
        limits: LaneLimits,
        open: Box<Opener<C>>,
        alive: fn(&C) -> bool,
    ) -> Self {
        let link = Link::Down { until: None, failures: 0, last: None };
        let state = State { link, generation: 0, in_flight: 0, abandoned: 0 };
        let shared =
            Shared { name, limits, open, alive, state: Mutex::new(state), changed: Condvar::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Runs `work` with a connection on a worker thread; returns at the deadline at the latest.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        call: &str,
        deadline: Duration,
        work: impl FnOnce(&C) -> Result<T, HypervisorError> + Send + 'static,
    ) -> Result<T, HypervisorError> {
        self.call_with(call, deadline, move |connection, _| work(connection))
    }

    /// As [`Lane::call`], for work that must not take effect after its deadline: it asks
    /// [`Call::commit`] first. If it does, the caller waits for the outcome a little longer.
    pub(crate) fn call_with<T: Send + 'static>(
        &self,
        call: &str,
        deadline: Duration,
        work: impl FnOnce(&C, &Call) -> Result<T, HypervisorError> + Send + 'static,
    ) -> Result<T, HypervisorError> {
        let until = Instant::now() + deadline;
        let seconds = deadline.as_secs() + u64::from(deadline.subsec_millis() >= 500);
        let missed = || HypervisorError::Deadline { call: call.to_owned(), seconds };
        if !self.shared.enter(until)? {
            return Err(missed());
        }
        let token = Arc::new(Token(AtomicU8::new(RUNNING)));
        let used = Arc::new(Used::default());
        let (sender, receiver) = sync_channel(1);
        let worker = Worker {
            shared: Arc::clone(&self.shared),
            token: Arc::clone(&token),
            used: Arc::clone(&used),
        };
        let spawned = std::thread::Builder::new()
            .name(format!("libvirt-{}", self.shared.name))
            .spawn(move || worker.run(until, work, &sender));
        if let Err(error) = spawned {
            // The closure, and with it the worker's guard of its slot, was dropped.
            return Err(HypervisorError::Failed { call: call.into(), text: error.to_string() });
        }
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) if Instant::now() >= until => Err(missed()),
            Err(RecvTimeoutError::Disconnected) => Err(HypervisorError::Failed {
                call: call.to_owned(),
                text: "its thread ended without an answer".to_owned(),
            }),
            Err(RecvTimeoutError::Timeout) => {
                let grace = Duration::from_millis(COMMITTED_GRACE_MS);
                if !self.abandon(&token, RUNNING, &used)
                    && let Ok(result) = receiver.recv_timeout(grace)
                {
                    return result;
                }
                self.abandon(&token, COMMITTED, &used);
                receiver.try_recv().unwrap_or_else(|_| Err(missed()))
            }
        }
    }

    /// `false`: the call is not in the phase `from` any more.
    fn abandon(&self, token: &Token, from: u8, used: &Used) -> bool {
        let mut state = self.shared.lock();
        if !token.change(from, ABANDONED) {
            return false;
        }
        state.in_flight = state.in_flight.saturating_sub(1);
        state.abandoned += 1;
        tracing::warn!(lane = self.shared.name, stuck = state.abandoned, "a call is stuck");
        let old = state.retire(used.get(), None);
        drop(state);
        self.shared.changed.notify_all();
        drop_elsewhere(old);
        true
    }
}

impl<C> Shared<C> {
    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Send + Sync + 'static> Shared<C> {
    /// Waits for a slot. `false`: the deadline came first.
    fn enter(&self, until: Instant) -> Result<bool, HypervisorError> {
        let mut state = self.lock();
        loop {
            if state.abandoned >= self.limits.abandoned_max {
                return Err(HypervisorError::Disconnected(format!(
                    "{} {} calls are stuck; libvirtd or its storage does not answer",
                    state.abandoned, self.name
                )));
            }
            if state.in_flight < self.limits.in_flight_max {
                state.in_flight += 1;
                return Ok(true);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let wait = self.changed.wait_timeout(state, left);
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The connection, opened if need be, and its generation.
    fn acquire(&self, until: Instant, used: &Used) -> Result<Arc<C>, HypervisorError> {
        if !self.limits.shared_connection {
            return Ok(Arc::new((self.open)()?));
        }
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let failures = match &mut state.link {
                Link::Up { connection, generation } if (self.alive)(connection) => {
                    used.set(*generation);
                    return Ok(Arc::clone(connection));
                }
                Link::Up { .. } => 0,
                Link::Down { until: Some(until), last: Some(last), .. } if *until > now => {
                    return Err(last.clone());
                }
                Link::Down { failures, .. } => *failures,
                Link::Opening { .. } => {
                    let left = until.saturating_duration_since(now);
                    if left.is_zero() {
                        return Err(HypervisorError::Disconnected("still connecting".to_owned()));
                    }
                    let wait = self.changed.wait_timeout(state, left);
                    state = wait.unwrap_or_else(PoisonError::into_inner).0;
                    continue;
                }
            };
            state.generation += 1;
            let ticket = state.generation;
            let old = std::mem::replace(&mut state.link, Link::Opening { ticket });
            used.set(ticket);
            drop(state);
            drop_elsewhere(Some(old));
            return self.open_now(ticket, failures);
        }
    }

    fn open_now(&self, ticket: u64, failures: u32) -> Result<Arc<C>, HypervisorError> {
        let opened = (self.open)().map(Arc::new);
        let mut state = self.lock();
        let mine = matches!(&state.link, Link::Opening { ticket: t, .. } if *t == ticket);
        if mine {
            state.link = match &opened {
                Ok(connection) => {
                    Link::Up { connection: Arc::clone(connection), generation: ticket }
                }
                Err(error) => down_after(failures + 1, error),
            };
        }
        drop(state);
        self.changed.notify_all();
        opened
    }

    fn leave(&self, token: &Token) {
        let mut state = self.lock();
        match token.0.swap(DONE, Ordering::AcqRel) {
            ABANDONED => state.abandoned = state.abandoned.saturating_sub(1),
            _ => state.in_flight = state.in_flight.saturating_sub(1),
        }
        drop(state);
        self.changed.notify_all();
    }
}

fn down_after<C>(failures: u32, error: &HypervisorError) -> Link<C> {
    let pause = BACKOFF_FIRST_MS.saturating_mul(1 << failures.min(10)).min(BACKOFF_LAST_MS);
    let until = Some(Instant::now() + Duration::from_millis(pause));
    Link::Down { until, failures, last: Some(error.clone()) }
}

impl<C> State<C> {
    /// Takes a connection out of use if it is still the current one (or being opened).
    fn retire(&mut self, used: u64, error: Option<&HypervisorError>) -> Option<Link<C>> {
        let current = match &self.link {
            Link::Up { generation, .. } => *generation == used,
            Link::Opening { ticket, .. } => *ticket == used,
            Link::Down { .. } => false,
        };
        current.then(|| {
            let last = error.cloned();
            std::mem::replace(&mut self.link, Link::Down { until: None, failures: 0, last })
        })
    }
}

/// Closing may block on a daemon that does not answer.
fn drop_elsewhere<T: Send + 'static>(value: Option<T>) {
    if let Some(value) = value {
        // If no thread can be made, the value is dropped here: late is better than leaked.
        let _ = std::thread::Builder::new().name("libvirt-close".into()).spawn(move || drop(value));
    }
}

struct Worker<C: Send + Sync + 'static> {
    shared: Arc<Shared<C>>,
    token: Arc<Token>,
    used: Arc<Used>,
}

impl<C: Send + Sync + 'static> Drop for Worker<C> {
    fn drop(&mut self) {
        self.shared.leave(&self.token);
    }
}

impl<C: Send + Sync + 'static> Worker<C> {
    fn run<T>(
        self,
        until: Instant,
        work: impl FnOnce(&C, &Call) -> Result<T, HypervisorError>,
        sender: &std::sync::mpsc::SyncSender<Result<T, HypervisorError>>,
    ) {
        let connection = match self.shared.acquire(until, &self.used) {
            Ok(connection) => connection,
            Err(error) => {
                drop(self);
                let _ = sender.try_send(Err(error));
                return;
            }
        };
        // Whoever was told that the deadline passed must not see the work begin later.
        if self.token.0.load(Ordering::Acquire) == ABANDONED || Instant::now() >= until {
            return;
        }
        let result = work(&connection, &Call { token: Arc::clone(&self.token), until });
        if let Err(error @ HypervisorError::Disconnected(_)) = &result {
            let old = self.shared.lock().retire(self.used.get(), Some(error));
            drop(old);
        }
        // The slot is free before the caller can make its next call.
        let shared = Arc::clone(&self.shared);
        drop(self);
        let _ = sender.try_send(result);
        drop(connection);
        drop(shared);
    }
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
