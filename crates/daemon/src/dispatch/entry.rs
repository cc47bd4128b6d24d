//! The checks in their order.

use std::sync::Arc;

use haven_api::{Call as ApiCall, Operation, Registry, Request, Resolved, dispatch};
use haven_model::{ApiError, Ref, Session as SessionRow, Value, codes};
use uuid::Uuid;

use super::call::{Call, Caller, not_implemented};
use super::{async_call, session_calls};
use crate::http::Origin;
use crate::ops;
use crate::state::{AppState, fresh, now};

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
    // A coordinator whose database is only moving has its callers wait for it.
    let here = state.authority.coordinator() == Some(state.identity.host());
    if !here && !state.pool.is_open() {
        return Err(state.not_coordinator());
    }
    if !call.method.needs_session {
        return session_calls::without_session(state, origin, &call).await.map(Answer::Value);
    }
    let session = session(state, &call)?;
    // Haven's users are all administrators so far: what is for root alone asks where they are.
    if call.method.role == haven_model::RoleLevel::LocalRootOnly && !origin.is_root() {
        let permission = call.method.name.to_lowercase();
        let why = "only root on a host of the pool may do this";
        return Err(ApiError::with(codes::RBAC_PERMISSION_DENIED, &[&permission, &why]));
    }
    let value = handle(state, call, session, &name).await?;
    Ok(Answer::Value(value))
}

fn session(state: &AppState, call: &ApiCall<'_>) -> Result<crate::session::Session, ApiError> {
    let reference: Ref<SessionRow> = call.session.unwrap_or_default();
    let id = Uuid::from_u128(reference.id().0);
    let found = state.sessions.get(id, now().unix_s());
    found.ok_or_else(|| ApiError::with(codes::SESSION_INVALID, &[&reference]))
}

async fn handle(
    state: &Arc<AppState>,
    call: ApiCall<'static>,
    session: crate::session::Session,
    name: &str,
) -> Result<Value, ApiError> {
    let method = call.method;
    if let Some(handler) = ops::handler(&method.name) {
        let task = Ref::from_uuid(fresh());
        let prepared = Arc::new(Call {
            state: state.clone(),
            caller: Caller::User(session),
            method: method.name.clone(),
            args: call.args.values().to_vec(),
            task,
        });
        if call.is_async {
            return async_call::start(prepared, handler).await;
        }
        return handler(prepared).await;
    }
    if method.class.name == "session" {
        return session_calls::mechanical(state, &call, &session);
    }
    if call.is_async {
        return Err(not_implemented(name));
    }
    if let Some(answer) = state.pool.read(|db| dispatch::read(db, &call)).await? {
        return answer;
    }
    if method.operation.is_write() {
        state.check_may_act()?;
        return state
            .pool
            .write(move |tx| {
                dispatch::write(tx, &call)
                    .unwrap_or_else(|| Err(not_implemented(&call.method.name)))
            })
            .await;
    }
    match method.operation {
        Operation::Custom | Operation::Create | Operation::Destroy => {
            Err(not_implemented(&method.name))
        }
        _ => Err(ApiError::internal("a message that nobody answers")),
    }
}
