//! The engine: one state machine for all tasks of the pool.

use std::collections::{BTreeMap, VecDeque};

use crate::claims::{Busy, Claims};
use crate::types::{Failure, Input, Object, Operation, Outcome, Output, Record, TaskId, Undo};

/// Operations that may wait for busy objects at the same time.
const WAITING_MAX: usize = 256;
/// Times that one undo action is tried.
const UNDO_ATTEMPTS_MAX: u32 = 5;
/// Pause between two tries of an undo action.
const UNDO_RETRY_MS: u64 = 2_000;
/// Progress is counted in parts of this.
const WHOLE: u32 = 1_000;

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Its operation runs.
    Running,
    /// Another coordinator began it; orders of it may still act.
    Held,
    /// Going back; the tries of the current action, and when the next is due.
    Undoing { attempts: u32, retry_at: Option<u64> },
}

#[derive(Clone, Debug)]
struct Task {
    record: Record,
    phase: Phase,
    progress: u32,
    cancelled: bool,
    /// Why it goes back.
    failure: Option<Failure>,
    /// Actions that did not succeed.
    left: Vec<Undo>,
}

#[derive(Clone, Debug)]
struct Waiting {
    task: TaskId,
    operation: Operation,
    until: u64,
}

/// All tasks of the pool. Times are milliseconds of any clock that does not go back.
#[derive(Debug, Default)]
pub struct Engine {
    tasks: BTreeMap<TaskId, Task>,
    claims: Claims,
    waiting: VecDeque<Waiting>,
    outputs: VecDeque<Output>,
}

impl Engine {
    /// Takes an input.
    pub fn handle(&mut self, now: u64, input: Input) {
        match input {
            Input::Submit(task, operation) => self.submit(now, task, operation),
            Input::Begin { task, step, undo } => self.begin(task, step, undo),
            Input::Progress { task, permille } => self.progress(task, permille),
            Input::Commit(task) => self.commit(task),
            Input::Finished(task, result) => self.finished(task, result),
            Input::Undone(task, ok) => self.undone(now, task, ok),
            Input::Cancel(task) => self.cancel(task),
            Input::Restore(record) => self.restore(record, Phase::Running),
            Input::Hold(record) => self.restore(record, Phase::Held),
            Input::Settled(task) => self.settled(task),
            Input::Leave(task) => self.leave(task),
            Input::Tick => {}
        }
        self.tick(now);
    }

    /// The next thing that the driver has to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        let waits = self.waiting.iter().map(|waiting| waiting.until);
        let retries = self.tasks.values().filter_map(|task| match task.phase {
            Phase::Undoing { retry_at, .. } => retry_at,
            Phase::Running | Phase::Held => None,
        });
        waits.chain(retries).min()
    }

    /// The tasks and operations that hold an object now, for `current_operations`.
    #[must_use]
    pub fn holders(&self, object: &Object) -> Vec<(TaskId, String)> {
        self.claims.holders(object)
    }

    /// Tasks that have not ended.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.tasks.len() + self.waiting.len()
    }

    /// Whether a task runs, waits or goes back.
    #[must_use]
    pub fn knows(&self, task: TaskId) -> bool {
        self.tasks.contains_key(&task) || self.waiting.iter().any(|waiting| waiting.task == task)
    }

    /// A broken invariant, if any.
    #[must_use]
    pub fn check(&self) -> Option<String> {
        if self.waiting.len() > WAITING_MAX {
            return Some("more operations wait than allowed".to_owned());
        }
        if let Some(task) = self
            .tasks
            .values()
            .find(|task| matches!(task.phase, Phase::Undoing { .. }) && task.record.undo.is_empty())
        {
            return Some(format!("{:?} goes back with nothing to undo", task.record.task));
        }
        self.claims.broken(|task| self.tasks.contains_key(&task))
    }

    fn submit(&mut self, now: u64, task: TaskId, operation: Operation) {
        if self.knows(task) {
            return;
        }
        match self.claims.conflict(task, &operation.claims) {
            None => self.start(task, operation),
            Some(busy) if operation.wait_ms == 0 || self.waiting.len() >= WAITING_MAX => {
                self.outputs.push_back(Output::Refuse(task, busy));
            }
            Some(_) => {
                let until = now.saturating_add(operation.wait_ms);
                self.waiting.push_back(Waiting { task, operation, until });
            }
        }
    }

    fn start(&mut self, task: TaskId, operation: Operation) {
        self.claims.take(task, &operation);
        let record = Record { task, operation, step: None, undo: Vec::new(), committed: false };
        self.outputs.push_back(Output::Journal(record.clone()));
        self.tasks.insert(task, Task::new(record, Phase::Running));
        self.outputs.push_back(Output::Start(task));
    }

    fn begin(&mut self, id: TaskId, step: usize, undo: Option<Undo>) {
        let Some(task) = self.running(id) else { return };
        if task.cancelled {
            self.outputs.push_back(Output::Interrupt(id));
            return;
        }
        task.record.step = Some(step);
        task.record.undo.extend(undo);
        let record = task.record.clone();
        self.outputs.push_back(Output::Journal(record));
        self.outputs.push_back(Output::Proceed(id, step));
        self.progress(id, 0);
    }

    fn progress(&mut self, id: TaskId, permille: u32) {
        let Some(task) = self.running(id) else { return };
        let whole = task.whole(permille.min(WHOLE));
        if whole > task.progress {
            task.progress = whole;
            self.outputs.push_back(Output::Progress(id, whole));
        }
    }

    fn commit(&mut self, id: TaskId) {
        let Some(task) = self.running(id) else { return };
        task.record.committed = true;
        task.record.undo.clear();
        let record = task.record.clone();
        self.outputs.push_back(Output::Journal(record));
    }

    fn finished(&mut self, id: TaskId, result: Result<(), Failure>) {
        let Some(task) = self.running(id) else { return };
        match result {
            Ok(()) => self.end(id, Outcome::Done),
            Err(failure) => {
                task.failure = Some(failure);
                self.go_back(id);
            }
        }
    }

    fn undone(&mut self, now: u64, id: TaskId, ok: bool) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let Phase::Undoing { attempts, retry_at: None } = task.phase else { return };
        if !ok && attempts < UNDO_ATTEMPTS_MAX {
            let retry_at = Some(now.saturating_add(UNDO_RETRY_MS));
            task.phase = Phase::Undoing { attempts, retry_at };
            return;
        }
        if let Some(action) = task.record.undo.pop()
            && !ok
        {
            task.left.push(action);
        }
        let record = task.record.clone();
        self.outputs.push_back(Output::Journal(record));
        self.go_back(id);
    }

    fn cancel(&mut self, id: TaskId) {
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.task == id) {
            self.waiting.remove(at);
            self.outputs.push_back(Output::End(id, Outcome::Cancelled));
            return;
        }
        let Some(task) = self.running(id) else { return };
        if task.record.operation.cancellable && !task.record.committed && !task.cancelled {
            task.cancelled = true;
            self.outputs.push_back(Output::Interrupt(id));
        }
    }

    fn restore(&mut self, record: Record, phase: Phase) {
        let id = record.task;
        if self.knows(id) {
            return;
        }
        self.claims.take(id, &record.operation);
        let step = record.step.and_then(|step| record.operation.steps.get(step));
        let during = step.map_or_else(|| "before its first step".to_owned(), |s| s.name.clone());
        let held = phase == Phase::Held;
        let mut task = Task::new(record, phase);
        task.failure = Some(Failure {
            code: "INTERNAL_ERROR".to_owned(),
            params: vec![format!("the coordinator changed during: {during}")],
        });
        self.tasks.insert(id, task);
        if !held {
            self.end_restored(id);
        }
    }

    fn settled(&mut self, id: TaskId) {
        let Some(task) = self.held(id) else { return };
        task.phase = Phase::Running;
        self.end_restored(id);
    }

    fn leave(&mut self, id: TaskId) {
        if self.held(id).is_some() {
            self.tasks.remove(&id);
            self.claims.release(id);
        }
    }

    fn end_restored(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get(&id) else { return };
        if task.record.committed {
            self.end(id, Outcome::Done);
        } else {
            self.go_back(id);
        }
    }

    /// Undoes the newest action, or ends the task when none is left.
    fn go_back(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        if let Some(action) = task.record.undo.last() {
            let action = action.clone();
            task.phase = Phase::Undoing { attempts: 1, retry_at: None };
            self.outputs.push_back(Output::Undo(id, action));
            return;
        }
        let failure = task.failure.take().unwrap_or_else(|| Failure {
            code: "INTERNAL_ERROR".to_owned(),
            params: vec!["no reason was given".to_owned()],
        });
        let outcome = match (task.left.is_empty(), task.cancelled) {
            (true, true) => Outcome::Cancelled,
            (true, false) => Outcome::Undone(failure),
            (false, _) => Outcome::Failed { failure, left: std::mem::take(&mut task.left) },
        };
        self.end(id, outcome);
    }

    fn end(&mut self, id: TaskId, outcome: Outcome) {
        self.tasks.remove(&id);
        self.claims.release(id);
        self.outputs.push_back(Output::End(id, outcome));
    }

    /// Starts what need not wait any longer, refuses what waited too long, retries undo actions.
    fn tick(&mut self, now: u64) {
        let mut still = VecDeque::new();
        // First come, first served: one that waits also keeps its objects from those behind it.
        let mut ahead: Vec<Waiting> = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            let busy = self
                .claims
                .conflict(waiting.task, &waiting.operation.claims)
                .or_else(|| ahead.iter().find_map(|other| other.blocks(&waiting.operation)));
            match busy {
                None => self.start(waiting.task, waiting.operation),
                Some(busy) if now >= waiting.until => {
                    self.outputs.push_back(Output::Refuse(waiting.task, busy));
                }
                Some(_) => {
                    ahead.push(waiting.clone());
                    still.push_back(waiting);
                }
            }
        }
        self.waiting = still;
        for (id, task) in &mut self.tasks {
            if let Phase::Undoing { attempts, retry_at: Some(at) } = task.phase
                && now >= at
                && let Some(action) = task.record.undo.last()
            {
                task.phase = Phase::Undoing { attempts: attempts + 1, retry_at: None };
                self.outputs.push_back(Output::Undo(*id, action.clone()));
            }
        }
    }

    fn held(&mut self, id: TaskId) -> Option<&mut Task> {
        self.tasks.get_mut(&id).filter(|task| task.phase == Phase::Held)
    }

    fn running(&mut self, id: TaskId) -> Option<&mut Task> {
        self.tasks.get_mut(&id).filter(|task| task.phase == Phase::Running)
    }
}

impl Task {
    fn new(record: Record, phase: Phase) -> Self {
        Self { record, phase, progress: 0, cancelled: false, failure: None, left: Vec::new() }
    }

    /// Progress of the whole, from that of the current step.
    fn whole(&self, permille: u32) -> u32 {
        let steps = &self.record.operation.steps;
        let total: u64 = steps.iter().map(|step| u64::from(step.weight)).sum();
        let Some(at) = self.record.step else { return 0 };
        let before: u64 = steps.iter().take(at).map(|step| u64::from(step.weight)).sum();
        let current = steps.get(at).map_or(0, |step| u64::from(step.weight));
        let done = before * u64::from(WHOLE) + current * u64::from(permille);
        u32::try_from(done.checked_div(total).unwrap_or(0)).unwrap_or(WHOLE).min(WHOLE)
    }
}

impl Waiting {
    /// Whether an operation behind this one wants an object that this one waits for.
    fn blocks(&self, operation: &Operation) -> Option<Busy> {
        let mut claims = Claims::default();
        claims.take(self.task, &self.operation);
        claims.conflict(TaskId(uuid::Uuid::nil()), &operation.claims)
    }
}
