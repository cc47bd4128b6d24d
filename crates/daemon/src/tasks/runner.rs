//! The loop around the task machine.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use haven_model::{ApiError, Ref, Task, Value, codes};
use haven_tasks::{
    Change, Engine, Failure, Input, Operation, Outcome, Output, Record, TaskId, Undo,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::BoxFuture;
use super::journal;
use super::op::{Op, Plan, cancelled};
use crate::state::{AppState, Office};

/// Inputs that may wait for the loop; senders wait beyond that.
const INPUTS_MAX: usize = 1024;
/// How long the loop sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// Carries out an undo action; true when it succeeded.
pub type UndoFn = Arc<dyn Fn(Undo) -> BoxFuture<bool> + Send + Sync>;

enum Message {
    Input(Input),
    Submit {
        id: TaskId,
        operation: Operation,
        reply: oneshot::Sender<Result<Op, ApiError>>,
    },
    Begin {
        id: TaskId,
        step: usize,
        undo: Option<Undo>,
        reply: Reply,
    },
    Finish {
        id: TaskId,
        result: Result<(), Failure>,
        reply: oneshot::Sender<Outcome>,
    },
    /// What is submitted waits for [`Message::Resume`].
    Pause,
    Resume,
}

type Reply = oneshot::Sender<Result<(), ApiError>>;

/// Runs operations. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Runner {
    inputs: mpsc::Sender<Message>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Message")
    }
}

impl Runner {
    /// Starts the loop.
    #[must_use]
    pub fn start(state: &Arc<AppState>, undo: UndoFn) -> Self {
        let (inputs, receiver) = mpsc::channel(INPUTS_MAX);
        let runner = Self { inputs };
        let actor = Actor {
            paused: None,
            state: Arc::downgrade(state),
            runner: runner.clone(),
            undo,
            engine: Engine::default(),
            slots: BTreeMap::new(),
            began: Instant::now(),
        };
        tokio::spawn(actor.run(receiver));
        runner
    }

    /// Runs an operation to its end, whatever happens to the caller: admission, the body, and
    /// the undo of what it began when it fails.
    ///
    /// # Errors
    /// `OTHER_OPERATION_IN_PROGRESS`, what the body answers, or `TASK_CANCELLED`.
    pub async fn run<F, Fut>(&self, id: TaskId, plan: Plan, body: F) -> Result<Value, ApiError>
    where
        F: FnOnce(Op) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Value, ApiError>> + Send + 'static,
    {
        let runner = self.clone();
        // A task of its own from the start: it must go on when its caller hangs up, or the
        // objects that it holds would be held for ever. A panic is a failure.
        let whole = tokio::spawn(async move {
            let (reply, admitted) = oneshot::channel();
            runner.send(Message::Submit { id, operation: plan.operation, reply }).await;
            let op = admitted.await.map_err(|_| stopped())??;
            let result = tokio::spawn(body(op)).await.unwrap_or_else(|panic| {
                Err(ApiError::internal(format!("an operation broke off: {panic}")))
            });
            runner.finish(id, result).await
        });
        whole.await.map_err(ApiError::internal)?
    }

    async fn finish(&self, id: TaskId, result: Result<Value, ApiError>) -> Result<Value, ApiError> {
        let told = match &result {
            Ok(_) => Ok(()),
            Err(error) => Err(failure(error)),
        };
        let (reply, ended) = oneshot::channel();
        self.send(Message::Finish { id, result: told, reply }).await;
        match ended.await.map_err(|_| stopped())? {
            Outcome::Done => result,
            Outcome::Cancelled => Err(cancelled(id)),
            Outcome::Undone(failure) => Err(api_error(failure)),
            Outcome::Failed { failure, left } => {
                tracing::error!(task = %id.0, ?left, "an operation could not be undone completely");
                Err(api_error(failure))
            }
        }
    }

    /// Asks a task to stop.
    pub async fn cancel(&self, task: Ref<Task>) {
        let id = TaskId(uuid::Uuid::from_u128(task.id().0));
        self.tell(Input::Cancel(id)).await;
    }

    /// Takes over the journal of an earlier coordinator. What is in `held` keeps its objects until
    /// [`settled`](Self::settled).
    pub async fn restore(&self, records: Vec<Record>, held: Vec<Record>) {
        for record in held {
            self.tell(Input::Hold(record)).await;
        }
        for record in records {
            self.tell(Input::Restore(record)).await;
        }
    }

    /// A held task is ended: no order of it acts any more. Or it is left to another coordinator.
    pub async fn settled(&self, task: TaskId, here: bool) {
        self.tell(if here { Input::Settled(task) } else { Input::Leave(task) }).await;
    }

    /// From now on what is asked for waits: the journal of an earlier coordinator comes first.
    pub async fn pause(&self) {
        self.send(Message::Pause).await;
    }

    /// What waited since [`pause`](Self::pause) is judged.
    pub async fn resume(&self) {
        self.send(Message::Resume).await;
    }

    pub(crate) async fn begin(
        &self,
        id: TaskId,
        step: usize,
        undo: Option<Undo>,
    ) -> Result<(), ApiError> {
        let (reply, proceed) = oneshot::channel();
        self.send(Message::Begin { id, step, undo, reply }).await;
        proceed.await.map_err(|_| stopped())?
    }

    pub(crate) async fn tell(&self, input: Input) {
        self.send(Message::Input(input)).await;
    }

    async fn send(&self, message: Message) {
        // The loop ends with the daemon only; whoever waits for an answer sees its end closed.
        if self.inputs.send(message).await.is_err() {
            tracing::debug!("the task loop has ended");
        }
    }
}

fn stopped() -> ApiError {
    ApiError::internal("the daemon is stopping")
}

fn failure(error: &ApiError) -> Failure {
    Failure { code: error.code.to_owned(), params: error.params.clone() }
}

pub(crate) fn api_error(failure: Failure) -> ApiError {
    ApiError::from_wire(&failure.code, failure.params)
}

/// What waits for a task.
struct Slot {
    operation: Operation,
    admitted: Option<oneshot::Sender<Result<Op, ApiError>>>,
    proceed: Option<Reply>,
    ended: Option<oneshot::Sender<Outcome>>,
    interrupt: watch::Sender<bool>,
    /// When it was asked for; a task of another coordinator has none.
    office: Option<Office>,
    restored: bool,
}

impl Slot {
    fn new(operation: Operation, restored: bool) -> Self {
        let interrupt = watch::Sender::new(false);
        let office = None;
        Self { operation, admitted: None, proceed: None, ended: None, interrupt, office, restored }
    }
}

struct Actor {
    /// Submissions that wait; `None`: none has to.
    paused: Option<Vec<Message>>,
    state: Weak<AppState>,
    runner: Runner,
    undo: UndoFn,
    engine: Engine,
    slots: BTreeMap<TaskId, Slot>,
    began: Instant,
}

impl Actor {
    async fn run(mut self, mut receiver: mpsc::Receiver<Message>) {
        loop {
            let due = self.engine.next_deadline().map_or(IDLE, Duration::from_millis);
            let due = if due == IDLE { Instant::now() + IDLE } else { self.began + due };
            let message = tokio::select! {
                message = receiver.recv() => message,
                () = tokio::time::sleep_until(due) => Some(Message::Input(Input::Tick)),
            };
            let Some(message) = message else { return };
            match message {
                Message::Pause => self.paused = Some(self.paused.take().unwrap_or_default()),
                Message::Resume => {
                    let waited = self.paused.take().unwrap_or_default();
                    waited.into_iter().for_each(|message| self.take(message));
                }
                message => self.take(message),
            }
            if let Some(broken) = self.engine.check() {
                tracing::error!(%broken, "an invariant of the task machine is broken");
            }
            if !self.pump().await {
                return;
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn take(&mut self, message: Message) {
        let now = self.now();
        let input = match message {
            Message::Input(input) => {
                match &input {
                    Input::Restore(record) | Input::Hold(record) => {
                        let slot = Slot::new(record.operation.clone(), true);
                        self.slots.entry(record.task).or_insert(slot);
                    }
                    Input::Leave(task) => drop(self.slots.remove(task)),
                    _ => {}
                }
                input
            }
            Message::Submit { id, reply, .. }
                if self.paused.as_ref().is_some_and(|waiting| waiting.len() >= INPUTS_MAX) =>
            {
                tracing::warn!(task = %id.0, "too many operations wait for the journal");
                answer(Some(reply), Err(ApiError::new(codes::TOO_BUSY, Vec::new())));
                return;
            }
            message @ Message::Submit { .. } if self.paused.is_some() => {
                self.paused.get_or_insert_default().push(message);
                return;
            }
            Message::Submit { id, operation, reply } => {
                let mut slot = Slot::new(operation.clone(), false);
                slot.admitted = Some(reply);
                slot.office = self.state.upgrade().map(|state| state.pool.office());
                self.slots.insert(id, slot);
                Input::Submit(id, operation)
            }
            Message::Begin { id, step, undo, reply } => {
                if let Some(slot) = self.slots.get_mut(&id) {
                    slot.proceed = Some(reply);
                }
                Input::Begin { task: id, step, undo }
            }
            Message::Pause | Message::Resume => return,
            Message::Finish { id, result, reply } => {
                if let Some(slot) = self.slots.get_mut(&id) {
                    slot.ended = Some(reply);
                }
                Input::Finished(id, result)
            }
        };
        self.engine.handle(now, input);
    }

    /// Writes what must be durable in one transaction, then tells whoever waits.
    async fn pump(&mut self) -> bool {
        let turn = self.engine.turn();
        let changes: Vec<_> = turn.durable.into_iter().filter_map(|one| self.asked(one)).collect();
        let mut durable = Ok(());
        if !changes.is_empty() {
            let Some(state) = self.state.upgrade() else { return false };
            durable = journal::write(&state, changes).await;
            if let Err(error) = &durable {
                tracing::error!(%error, "the task journal could not be written");
            }
        }
        for output in turn.then {
            self.tell(output, &durable);
        }
        true
    }

    /// The change with the operation that it is about. How a task of this office ended its caller
    /// writes.
    fn asked(&self, change: Change) -> Option<journal::Asked> {
        let slot = |id: &TaskId| self.slots.get(id);
        let operation = match &change {
            Change::Ended(id, _) if !slot(id).is_some_and(|slot| slot.restored) => return None,
            Change::Hold(id) | Change::Release(id) => slot(id).map(|slot| slot.operation.clone()),
            _ => None,
        };
        Some((change, operation))
    }

    fn tell(&mut self, output: Output, durable: &Result<(), ApiError>) {
        match output {
            Output::Start(id) => self.admit(id),
            Output::Refuse(id, busy) => {
                let Some(slot) = self.slots.remove(&id) else { return };
                let object = haven_model::RefId(busy.object.id.as_u128());
                let holder = Ref::<Task>::from_uuid(busy.holder.0);
                let error = ApiError::with(
                    codes::OTHER_OPERATION_IN_PROGRESS,
                    &[&busy.object.class, &object, &busy.operation, &holder],
                );
                answer(slot.admitted, Err(error));
            }
            Output::Proceed(id, _) => {
                let slot = self.slots.get_mut(&id);
                answer(slot.and_then(|slot| slot.proceed.take()), durable.clone());
            }
            Output::Interrupt(id) => {
                let Some(slot) = self.slots.get_mut(&id) else { return };
                slot.interrupt.send_replace(true);
                answer(slot.proceed.take(), Err(cancelled(id)));
            }
            Output::Undo(id, action) => {
                let (undo, runner) = (self.undo.clone(), self.runner.clone());
                tokio::spawn(async move {
                    let ok = undo(action).await;
                    runner.tell(Input::Undone(id, ok)).await;
                });
            }
            Output::End(id, outcome) => {
                let Some(slot) = self.slots.remove(&id) else { return };
                answer(slot.admitted, Err(cancelled(id)));
                if let Some(ended) = slot.ended {
                    // Nobody listens when the daemon stops.
                    let _unheard = ended.send(outcome);
                }
            }
            Output::Journal(_) | Output::Progress(..) => {}
        }
    }

    fn admit(&mut self, id: TaskId) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let Some(office) = slot.office.clone() else { return };
        let (runner, interrupt) = (self.runner.clone(), slot.interrupt.subscribe());
        let op = Op { runner, id, interrupt, next: 0, office };
        answer(slot.admitted.take(), Ok(op));
    }
}

fn answer<T>(waiter: Option<oneshot::Sender<T>>, value: T) {
    if let Some(waiter) = waiter {
        // The other end may have gone; then nobody needs the answer.
        let _unheard = waiter.send(value);
    }
}
