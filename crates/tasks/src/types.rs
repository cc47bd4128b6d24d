//! What crosses the engine's boundary.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claims::Busy;

/// A task; its XenAPI reference has the same uuid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub Uuid);

/// An object that an operation holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Object {
    /// XenAPI class.
    pub class: String,
    /// Uuid of the reference.
    pub id: Uuid,
}

/// Whether others may hold the same object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nobody else.
    Exclusive,
    /// Others that share too.
    Shared,
}

/// What an operation holds while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The object.
    pub object: Object,
    /// How.
    pub mode: Mode,
}

/// A step of an operation, known from the start; its weight is its share of the progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it does, e.g. `start on host`.
    pub name: String,
    /// Share of the whole, in any unit.
    pub weight: u32,
}

/// An operation as submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// E.g. `VM.start`; shown to whoever is refused because of it.
    pub name: String,
    /// What it holds.
    pub claims: Vec<Claim>,
    /// Its steps in order.
    pub steps: Vec<Step>,
    /// Whether it may be cancelled.
    pub cancellable: bool,
    /// Milliseconds to wait for its objects; 0: refused at once when one is busy.
    pub wait_ms: u64,
}

/// An action that takes a step back, as text that the driver understands. It must be idempotent
/// and also right when its step never happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Undo(pub String);

/// A catalogue error: code and parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code} {params:?}")]
pub struct Failure {
    /// Its code.
    pub code: String,
    /// Its parameters.
    pub params: Vec<String>,
}

/// What the journal keeps of a task that is in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The task.
    pub task: TaskId,
    /// The operation.
    pub operation: Operation,
    /// The step that was begun last.
    pub step: Option<usize>,
    /// What must be undone, oldest first.
    pub undo: Vec<Undo>,
    /// Past the point of no return: it counts as done.
    pub committed: bool,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// It failed and left nothing behind.
    Undone(Failure),
    /// It was cancelled and left nothing behind.
    Cancelled,
    /// It failed and some of it could not be undone.
    Failed {
        /// Why it failed.
        failure: Failure,
        /// The actions that did not succeed.
        left: Vec<Undo>,
    },
}

/// What the driver tells the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A new operation.
    Submit(TaskId, Operation),
    /// The operation is about to begin this step; nothing of it may happen before
    /// [`Output::Proceed`].
    Begin {
        /// The task.
        task: TaskId,
        /// Index of the step.
        step: usize,
        /// How to take it back.
        undo: Option<Undo>,
    },
    /// Progress within the current step, 0 to 1000.
    Progress {
        /// The task.
        task: TaskId,
        /// Parts of 1000.
        permille: u32,
    },
    /// Point of no return: from here on the operation counts as done.
    Commit(TaskId),
    /// The operation came to its end.
    Finished(TaskId, Result<(), Failure>),
    /// The action of the last [`Output::Undo`] succeeded or not.
    Undone(TaskId, bool),
    /// A client wants it cancelled.
    Cancel(TaskId),
    /// A record of the journal, found by a new coordinator.
    Restore(Record),
    /// The same, while orders that it gave may still act: it holds its objects, and is ended only
    /// after [`Input::Settled`].
    Hold(Record),
    /// No order of a held task acts any more.
    Settled(TaskId),
    /// Another coordinator ends this held task: it is forgotten here, and stays in the journal.
    Leave(TaskId),
    /// Time passed.
    Tick,
}

/// What the engine asks of the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The task holds its objects: run it.
    Start(TaskId),
    /// It may not run.
    Refuse(TaskId, Busy),
    /// Make this durable.
    Journal(Record),
    /// The step may be carried out, once the journal entry before it is durable.
    Proceed(TaskId, usize),
    /// Carry out this action, report with [`Input::Undone`].
    Undo(TaskId, Undo),
    /// Stop the running step as soon as possible; report with [`Input::Finished`].
    Interrupt(TaskId),
    /// Parts of 1000 of the whole; never falls.
    Progress(TaskId, u32),
    /// The task ended; its journal entry is to be removed.
    End(TaskId, Outcome),
}
