//! Where requests wait, fail or pass, by the switches of their mount.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::faults::{Class, Fault, RETRANSMIT_MS, StorageSwitch};
use crate::protocol::Direction;

/// Threads that execute requests.
const WORKERS: usize = 8;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// Sends a request's answer.
pub type Finish = Box<dyn FnOnce() + Send>;
/// Executes a request, or with an error number does not, and returns its answer.
pub type Job = Box<dyn FnOnce(Option<i32>) -> Finish + Send>;

/// Gate of one mount. Requests that wait in it are bounded by the kernel, which limits those that
/// it has under way for a mount.
pub struct Gate {
    state: Mutex<State>,
    queue: Sender<Box<dyn FnOnce() + Send>>,
    full: AtomicBool,
    dice: AtomicU64,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("switch", &self.lock().switch).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    switch: StorageSwitch,
    cut: Option<Direction>,
    waiting: Vec<(Class, Job)>,
    unanswered: Vec<Finish>,
}

impl State {
    /// The request does not reach the server now.
    fn keeps(&self, class: Class) -> bool {
        matches!(self.cut, Some(Direction::Out | Direction::Both))
            || self.switch.of(class) == Fault::Stall
    }

    /// Answers do not reach the host now.
    fn mutes(&self) -> bool {
        matches!(self.cut, Some(Direction::In | Direction::Both))
    }
}

impl Gate {
    /// An open gate with its worker threads.
    pub fn start() -> std::io::Result<Arc<Self>> {
        let (queue, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..WORKERS {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new().name("request".into()).spawn(move || work(&receiver))?;
        }
        Ok(Arc::new(Self {
            state: Mutex::default(),
            queue,
            full: AtomicBool::new(false),
            dice: AtomicU64::new(0x9e37_79b9_7f4a_7c15),
        }))
    }

    /// Takes a request.
    pub fn submit(self: &Arc<Self>, class: Class, job: Job) {
        let mut state = self.lock();
        if state.keeps(class) {
            state.waiting.push((class, job));
        } else {
            let switch = state.switch;
            drop(state);
            self.dispatch(class, switch, job);
        }
    }

    /// Turns the switches; requests that waited and need not any more go on.
    pub fn set(self: &Arc<Self>, switch: StorageSwitch, cut: Option<Direction>) {
        let mut state = self.lock();
        state.switch = switch;
        state.cut = cut;
        self.full.store(switch.writes == Fault::Enospc, Ordering::Relaxed);
        let mut free = Vec::new();
        for (class, job) in std::mem::take(&mut state.waiting) {
            if state.keeps(class) {
                state.waiting.push((class, job));
            } else {
                free.push((class, job));
            }
        }
        let answers =
            if state.mutes() { Vec::new() } else { std::mem::take(&mut state.unanswered) };
        drop(state);
        for answer in answers {
            answer();
        }
        for (class, job) in free {
            self.dispatch(class, switch, job);
        }
    }

    /// No space is left.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// A mount is answered at present.
    pub fn answers(&self) -> bool {
        let state = self.lock();
        state.cut.is_none() && state.switch.of(Class::Name) != Fault::Stall
    }

    fn dispatch(self: &Arc<Self>, class: Class, switch: StorageSwitch, job: Job) {
        let error = match switch.of(class) {
            Fault::Eio => Some(EIO),
            Fault::Enospc => Some(ENOSPC),
            Fault::Ok | Fault::Stall => None,
        };
        let lost = u64::from(switch.loss_percent) > self.roll();
        let wait_ms = switch.delay_ms + if lost { RETRANSMIT_MS } else { 0 };
        let gate = Arc::clone(self);
        let run: Box<dyn FnOnce() + Send> = Box::new(move || {
            let answer = job(error);
            gate.answer(answer);
        });
        if wait_ms == 0 {
            // The receivers live as long as the process.
            let _ = self.queue.send(run);
        } else {
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(wait_ms));
                run();
            });
        }
    }

    fn answer(&self, answer: Finish) {
        let mut state = self.lock();
        if state.mutes() {
            state.unanswered.push(answer);
        } else {
            drop(state);
            answer();
        }
    }

    /// A number from 0 to 99.
    fn roll(&self) -> u64 {
        let step = |x: u64| {
            Some(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
        };
        let old = self.dice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        (old.unwrap_or_default() >> 33) % 100
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn work(receiver: &Mutex<Receiver<Box<dyn FnOnce() + Send>>>) {
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(run) => run(),
            Err(_) => return,
        }
    }
}
