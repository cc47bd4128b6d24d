//! The checks in their order.

use std::sync::Arc;

use haven_api::{Call as ApiCall, Registry, Request, Resolved, dispatch, rbac};
use haven_model::{ApiError, Ref, RoleLevel, Session as SessionRow, Task, Value, codes};
use uuid::Uuid;

use super::call::{Call, Caller, not_implemented};
use super::{async_call, local, session_calls};
use crate::audit::{self, Entry};
use crate::http::Origin;
use crate::ops;
use crate::session::Session;
use crate::state::{AppState, fresh, now};

/// How names of calls begin that answer a task.
const ASYNC: &str = "Async.";

/// Least role that may cancel or change the tasks of others.
const TASKS_OF_OTHERS: RoleLevel = RoleLevel::PoolOperator;

/// What a request gets.
#[derive(Debug)]
pub enum Answer {
    /// The value of a call.
    Value(Value),
    /// `system.listMethods`.
    Names(Vec<String>),
}

/// Answers one request.
///
/// # Errors
/// Whatever is wrong with it.
pub async fn answer(
    state: &Arc<AppState>,
    origin: Origin,
    request: Request,
) -> Result<Answer, ApiError> {
    let registry = Registry::standard();
    let name = request.name.clone();
    let call = match registry.resolve(request)? {
        Resolved::ListMethods => return Ok(Answer::Names(registry.names())),
        Resolved::IsAlive(value) => return Ok(Answer::Value(value)),
        Resolved::Call(call) => *call,
    };
    if let Some(answer) = local::answer(state, origin, &call).await {
        return answer.map(Answer::Value);
    }
    // A coordinator whose database is only moving has its callers wait for it.
    let here = state.authority.coordinator() == Some(state.identity.host());
    if !here && !state.pool.is_open() {
        return Err(state.not_coordinator());
    }
    if !call.method.needs_session {
        return session_calls::without_session(state, origin, &call).await.map(Answer::Value);
    }
    let session = session(state, &call)?;
    if let Err(error) = permitted(state, &call, session.role).await {
        let entry = written(state, &call, &session, origin, &name).await;
        state.audit.note(entry.with_result::<Value>(&Err(error.clone())));
        return Err(error);
    }
    let entry = match audit::is_audited(call.method) {
        true => Some(written(state, &call, &session, origin, &name).await),
        false => None,
    };
    let value = handle(state, call, Asked { session, origin, name, entry: entry.clone() }).await;
    if let Some(mut entry) = entry {
        if let (true, Ok(Value::Ref(task))) = (entry.call.starts_with(ASYNC), &value) {
            entry.task = task.to_string();
        }
        state.audit.note(entry.with_result(&value));
    }
    value.map(Answer::Value)
}

/// Whether the session's role allows the call.
async fn permitted(state: &AppState, call: &ApiCall<'_>, role: RoleLevel) -> Result<(), ApiError> {
    rbac::check(role, call)?;
    if call.method.class.name == "task" && !role.permits(TASKS_OF_OTHERS) {
        own_task(state, call).await?;
    }
    if role != RoleLevel::LocalRootOnly && rbac::has_guarded_keys(call.method) {
        state.pool.read(|db| rbac::check_whole(role, db, call)).await??;
    }
    Ok(())
}

/// Who may not touch the tasks of others may touch those of the same session.
async fn own_task(state: &AppState, call: &ApiCall<'_>) -> Result<(), ApiError> {
    let Ok(Value::Ref(task)) = call.args.value(0) else { return Ok(()) };
    if call.method.operation.is_read() {
        return Ok(());
    }
    let task = Ref::<Task>::from_id(*task);
    let owner = state.pool.read(|db| db.require(task).map(|row| row.session)).await??;
    if call.session == Some(owner) {
        return Ok(());
    }
    let permission = format!("{}:any", call.method.name.to_lowercase());
    let why = "the task belongs to another session";
    Err(ApiError::with(codes::RBAC_PERMISSION_DENIED, &[&permission, &why]))
}

/// The call as the audit log has it, but for its result.
async fn written(
    state: &AppState,
    call: &ApiCall<'_>,
    session: &Session,
    origin: Origin,
    name: &str,
) -> Entry {
    let values = call.args.values();
    let objects = state.pool.read(|db| audit::objects(db, call.method, values)).await;
    Entry {
        objects: objects.unwrap_or_default(),
        arguments: audit::arguments(call.method, values),
        ..Entry::of(session, origin, name)
    }
}

/// What is known of a call besides itself.
struct Asked {
    session: Session,
    origin: Origin,
    name: String,
    entry: Option<Entry>,
}

pub(super) fn session(state: &AppState, call: &ApiCall<'_>) -> Result<Session, ApiError> {
    let reference: Ref<SessionRow> = call.session.unwrap_or_default();
    let id = Uuid::from_u128(reference.id().0);
    let found = state.sessions.get(id, now().unix_s());
    found.ok_or_else(|| ApiError::with(codes::SESSION_INVALID, &[&reference]))
}

async fn handle(
    state: &Arc<AppState>,
    call: ApiCall<'static>,
    asked: Asked,
) -> Result<Value, ApiError> {
    let method = call.method;
    let Asked { session, origin, name, entry } = asked;
    let prepared = |session: Session| {
        Arc::new(Call {
            state: state.clone(),
            caller: Caller::User(session),
            origin,
            method: method.name.clone(),
            args: call.args.values().to_vec(),
            task: Ref::from_uuid(fresh()),
        })
    };
    if let Some(handler) = ops::handler(&method.name) {
        let prepared = prepared(session);
        let work = handler(prepared.clone());
        return if call.is_async {
            async_call::start(&prepared, work, entry).await
        } else {
            work.await
        };
    }
    if method.class.name == "session" {
        return session_calls::mechanical(state, &call, &session);
    }
    if !method.operation.is_read() && !method.operation.is_write() {
        return Err(not_implemented(&name));
    }
    if call.is_async {
        let prepared = prepared(session);
        let work = Box::pin(mechanical(state.clone(), call));
        return async_call::start(&prepared, work, entry).await;
    }
    mechanical(state.clone(), call).await
}

/// Answers what follows from fields.
async fn mechanical(state: Arc<AppState>, call: ApiCall<'static>) -> Result<Value, ApiError> {
    if let Some(answer) = state.pool.read(|db| dispatch::read(db, &call)).await? {
        return answer;
    }
    state.check_may_act()?;
    state
        .pool
        .write(move |tx| {
            dispatch::write(tx, &call).unwrap_or_else(|| Err(not_implemented(&call.method.name)))
        })
        .await
}
