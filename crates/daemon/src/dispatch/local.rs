//! Messages that a host answers by itself, whoever coordinates: the emergency calls, and what a
//! host without a pool can be asked.
//!
//! A member knows users from its copy of the database; only root signs in there. Its sessions are
//! good for these messages alone: everything else is answered with the coordinator's address.

use std::sync::Arc;

use haven_api::{Call as ApiCall, rbac};
use haven_model::{ApiError, Field, Ref, Session as Row, Value};
use haven_pooldb::{Database, MemStore};
use uuid::Uuid;

use super::session_calls::account;
use super::{entry, login};
use crate::audit::Entry;
use crate::http::Origin;
use crate::ops::{emergency, join, subject};
use crate::session::Login;
use crate::state::{AppState, now};

/// Logs in to this host, not to the pool.
const LOCAL_LOGIN: &str = "session.slave_local_login_with_password";
const LOGIN: &str = "session.login_with_password";
const LOGOUTS: [&str; 2] = ["session.logout", "session.local_logout"];
const JOINS: [&str; 2] = ["pool.join", "pool.join_force"];

/// The answer, if it is for this host to give.
pub(super) async fn answer(
    state: &Arc<AppState>,
    origin: Origin,
    call: &ApiCall<'_>,
) -> Option<Result<Value, ApiError>> {
    let name = call.method.name.as_str();
    let closed = !state.pool.is_open();
    let alone = state.identity.pool().is_none();
    if closed && (name == LOCAL_LOGIN || alone && name == LOGIN) {
        return Some(log_in(state, origin, call).await);
    }
    let mine = emergency::answers(name)
        || closed && LOGOUTS.contains(&name)
        || alone && JOINS.contains(&name);
    if !mine {
        return None;
    }
    let session = match entry::session(state, call) {
        Ok(session) => session,
        Err(error) => return Some(Err(error)),
    };
    let answer = match rbac::check(session.role, call) {
        Ok(()) if call.is_async => {
            Err(ApiError::not_allowed("this host has no tasks: call it without Async"))
        }
        Ok(()) if LOGOUTS.contains(&name) => {
            state.sessions.close(session.id);
            Ok(Value::void())
        }
        Ok(()) if JOINS.contains(&name) => join::alone(state, call).await,
        Ok(()) => emergency::answer(state, call).await,
        Err(error) => Err(error),
    };
    state.audit.note(Entry::of(&session, origin, name).with_result(&answer));
    Some(answer)
}

async fn log_in(
    state: &Arc<AppState>,
    origin: Origin,
    call: &ApiCall<'_>,
) -> Result<Value, ApiError> {
    let (user, password): (String, String) = (call.args.get(0)?, call.args.get(1)?);
    let result = authenticate(state, origin, &user, password).await;
    state.audit.note(Entry::new(&user, origin, &call.method.name).with_result(&result));
    let session = state.sessions.open(result?, now().unix_s());
    Ok(Ref::<Row>::from_uuid(session.id).to_value())
}

/// Root of this host needs no password; root of the pool has the one of the last copy.
async fn authenticate(
    state: &Arc<AppState>,
    origin: Origin,
    user: &str,
    password: String,
) -> Result<Login, ApiError> {
    let Origin::Remote(address) = origin else { return Ok(Login::root(user, "")) };
    login::looked_at(state, address, user, async {
        let hash = if user == subject::ROOT { copied_hash(state).await } else { None };
        state.passwords.verify(hash, password).await
    })
    .await?;
    Ok(Login::root(user, ""))
}

/// Hash of root's password in this member's copy of the database.
async fn copied_hash(state: &AppState) -> Option<String> {
    let copy = state.agent().replica().clone();
    let read = move || {
        let snapshot = copy.load().ok()?;
        let ids = Box::new(|| Uuid::new_v4().as_u128());
        let database = Database::create(Box::<MemStore>::default(), ids, &snapshot).ok()?;
        account(&database, subject::ROOT).0
    };
    tokio::task::spawn_blocking(read).await.ok().flatten()
}
