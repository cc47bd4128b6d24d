//! A call as its handler sees it.

use std::future::Future;
use std::sync::Arc;

use haven_model::{ApiError, Field, Ref, RoleLevel, Task, Value, codes};
use haven_pooldb::{Image, Tx};
use haven_tasks::TaskId;
use uuid::Uuid;

use crate::http::Origin;
use crate::session::Session;
use crate::state::AppState;
use crate::tasks::{Op, Plan};

/// Who calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Root of a host of the pool, over its local socket; no session.
    LocalRoot,
    /// A user with a session.
    User(Session),
}

impl Caller {
    /// What the caller may do.
    #[must_use]
    pub fn role(&self) -> RoleLevel {
        match self {
            Self::LocalRoot => RoleLevel::LocalRootOnly,
            Self::User(session) => session.role,
        }
    }

    /// The session, if there is one.
    #[must_use]
    pub fn session(&self) -> Ref<haven_model::Session> {
        match self {
            Self::LocalRoot => Ref::NULL,
            Self::User(session) => Ref::from_uuid(session.id),
        }
    }

    /// Name of the user.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            Self::LocalRoot => "root",
            Self::User(session) => &session.user,
        }
    }
}

/// A custom message on its way to its handler.
#[derive(Clone, Debug)]
pub struct Call {
    /// What handlers work with.
    pub state: Arc<AppState>,
    /// Who calls.
    pub caller: Caller,
    /// From where.
    pub origin: Origin,
    /// `VM.start`.
    pub method: String,
    /// Parameters without the session, checked and complete.
    pub args: Vec<Value>,
    /// Its task; synchronous calls have one too, though without a row.
    pub task: Ref<Task>,
}

impl Call {
    /// Parameter number `index`.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn arg<T: Field>(&self, index: usize) -> Result<T, ApiError> {
        let value = self.args.get(index).cloned().unwrap_or(Value::Nil);
        let name = format!("{} parameter {}", self.method, index + 1);
        T::from_value(value).map_err(|error| ApiError::bad_value(&name, &error))
    }

    /// Parameter number `index`, or its default if it was left out.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn arg_or<T: Field>(&self, index: usize, default: T) -> Result<T, ApiError> {
        match self.args.get(index) {
            None | Some(Value::Nil) => Ok(default),
            Some(_) => self.arg(index),
        }
    }

    /// Identity of the caller's session; nil without one.
    #[must_use]
    pub fn session_id(&self) -> Uuid {
        Uuid::from_u128(self.session().id().0)
    }

    /// The caller's session.
    #[must_use]
    pub fn session(&self) -> Ref<haven_model::Session> {
        self.caller.session()
    }

    /// Reads the database.
    ///
    /// # Errors
    /// What `read` answers.
    pub async fn read<T>(
        &self,
        read: impl FnOnce(&Image) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.state.pool.read(read).await?
    }

    /// Changes the database.
    ///
    /// # Errors
    /// What `change` answers, or that this host may not act.
    pub async fn write<T, F>(&self, change: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, ApiError> + Send + 'static,
    {
        self.state.check_may_act()?;
        self.state.pool.write(change).await
    }

    /// The task's identity for the task machine.
    #[must_use]
    pub fn task_id(&self) -> TaskId {
        TaskId(Uuid::from_u128(self.task.id().0))
    }

    /// Runs an operation as this call's task.
    ///
    /// # Errors
    /// As [`crate::tasks::Runner::run`].
    pub async fn run<F, Fut>(&self, plan: Plan, body: F) -> Result<Value, ApiError>
    where
        F: FnOnce(Op) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Value, ApiError>> + Send + 'static,
    {
        self.state.check_may_act()?;
        self.state.runner()?.run(self.task_id(), plan, body).await
    }
}

/// A message that Haven does not have.
pub(crate) fn not_implemented(name: &str) -> ApiError {
    ApiError::with(codes::NOT_IMPLEMENTED, &[&name])
}
