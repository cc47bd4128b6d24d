//! An operation as its own code sees it.

use haven_model::{ApiError, Class, Ref, Task, codes};
use haven_tasks::{Claim, Input, Mode, Object, Operation, Step, TaskId, Undo};
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use super::runner::Runner;
use crate::state::Office;

/// What an operation will hold and do; made before it is admitted.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) operation: Operation,
}

impl Plan {
    /// An operation of this name (the value of `current_operations`).
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            operation: Operation {
                name: name.to_owned(),
                claims: Vec::new(),
                steps: Vec::new(),
                cancellable: false,
                wait_ms: 0,
            },
        }
    }

    /// It needs the object for itself.
    #[must_use]
    pub fn exclusive<C: Class>(self, object: Ref<C>) -> Self {
        self.claim(object, Mode::Exclusive)
    }

    /// It needs the object to stay as it is.
    #[must_use]
    pub fn shared<C: Class>(self, object: Ref<C>) -> Self {
        self.claim(object, Mode::Shared)
    }

    fn claim<C: Class>(mut self, object: Ref<C>, mode: Mode) -> Self {
        let object = Object { class: C::NAME.to_owned(), id: Uuid::from_u128(object.id().0) };
        let claims = &mut self.operation.claims;
        if !claims.iter().any(|claim| claim.object == object) {
            claims.push(Claim { object, mode });
        }
        self
    }

    /// Its next step.
    #[must_use]
    pub fn step(mut self, name: &str, weight: u32) -> Self {
        self.operation.steps.push(Step { name: name.to_owned(), weight });
        self
    }

    /// It may be cancelled.
    #[must_use]
    pub fn cancellable(mut self) -> Self {
        self.operation.cancellable = true;
        self
    }

    /// It waits for busy objects instead of being refused.
    #[must_use]
    pub fn wait_ms(mut self, wait_ms: u64) -> Self {
        self.operation.wait_ms = wait_ms;
        self
    }
}

/// A running operation.
#[derive(Clone, Debug)]
pub struct Op {
    pub(crate) runner: Runner,
    pub(crate) id: TaskId,
    pub(crate) interrupt: watch::Receiver<bool>,
    pub(crate) next: usize,
    /// In which it was begun.
    pub(crate) office: Office,
}

impl Op {
    /// Its task.
    #[must_use]
    pub fn task(&self) -> Ref<Task> {
        Ref::from_uuid(self.id.0)
    }

    /// Begins the next step. `undo` takes it back, also after a change of coordinator; it is
    /// durable when this returns.
    ///
    /// # Errors
    /// `TASK_CANCELLED`, or that the journal could not be written.
    pub async fn step(&mut self) -> Result<(), ApiError> {
        self.begin(None).await
    }

    /// As [`step`](Self::step), with the action that takes it back.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub async fn step_undo<T: Serialize>(&mut self, undo: &T) -> Result<(), ApiError> {
        let text = serde_json::to_string(undo).map_err(ApiError::internal)?;
        self.begin(Some(Undo(text))).await
    }

    async fn begin(&mut self, undo: Option<Undo>) -> Result<(), ApiError> {
        self.check_cancelled()?;
        let step = self.next;
        self.next += 1;
        self.runner.begin(self.id, step, undo).await
    }

    /// Part of the current step that is done, 0 to 1.
    pub async fn progress(&self, part: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=1000"
        )]
        let permille = (part.clamp(0.0, 1.0) * 1000.0) as u32;
        self.runner.tell(Input::Progress { task: self.id, permille }).await;
    }

    /// Point of no return: nothing is undone any more.
    pub async fn commit(&self) {
        self.runner.tell(Input::Commit(self.id)).await;
    }

    /// Waits until somebody cancels it.
    pub async fn interrupted(&self) {
        let mut interrupt = self.interrupt.clone();
        if interrupt.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// # Errors
    /// `TASK_CANCELLED` when somebody cancelled it; that another coordinator ended it.
    pub fn check_cancelled(&self) -> Result<(), ApiError> {
        if !self.office.lasts() {
            return Err(ApiError::internal("the coordinator changed during the operation"));
        }
        if *self.interrupt.borrow() {
            return Err(cancelled(self.id));
        }
        Ok(())
    }
}

/// The error of a cancelled task.
pub(crate) fn cancelled(id: TaskId) -> ApiError {
    ApiError::with(codes::TASK_CANCELLED, &[&Ref::<Task>::from_uuid(id.0)])
}
