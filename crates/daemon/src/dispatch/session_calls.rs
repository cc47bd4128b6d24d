//! Sessions: login, logout, and what clients ask about their own.

use std::sync::Arc;

use haven_api::{Call as ApiCall, Operation};
use haven_model::{ApiError, Class, DateTime, Field, Ref, Session as Row, Value, codes, record};
use uuid::Uuid;

use super::call::{Call, not_implemented};
use crate::http::Origin;
use crate::ops::init;
use crate::session::{PasswordError, Passwords, Session};
use crate::state::{AppState, now};

/// Messages that need no session.
pub(super) async fn without_session(
    state: &Arc<AppState>,
    origin: Origin,
    call: &ApiCall<'_>,
) -> Result<Value, ApiError> {
    match call.method.name.as_str() {
        "session.login_with_password" | "session.slave_local_login_with_password" => {
            let (user, password): (String, String) = (call.args.get(0)?, call.args.get(1)?);
            let originator = call.args.get::<String>(3).unwrap_or_default();
            if !origin.is_root() {
                check_password(state, &user, password).await?;
            }
            let session = state.sessions.open(&user, &originator, now().unix_s());
            Ok(reference(&session).to_value())
        }
        name => Err(not_implemented(name)),
    }
}

/// Whether a password is right.
///
/// # Errors
/// `SESSION_AUTHENTICATION_FAILED`.
pub async fn check_password(
    state: &Arc<AppState>,
    user: &str,
    password: String,
) -> Result<(), ApiError> {
    let key = format!("password/{user}");
    let Ok(hash) = state.pool.read(|db| init::secret(db, &key)).await else {
        return Err(state.not_coordinator());
    };
    match state.passwords.verify(hash, password).await {
        Ok(()) => Ok(()),
        Err(error @ PasswordError::Wrong) => {
            tracing::info!(user, "a login failed");
            Err(ApiError::with(codes::SESSION_AUTHENTICATION_FAILED, &[&user, &error]))
        }
        Err(error) => Err(ApiError::with(codes::SESSION_AUTHENTICATION_FAILED, &[&user, &error])),
    }
}

fn reference(session: &Session) -> Ref<Row> {
    Ref::from_uuid(session.id)
}

/// `session.logout()`, `session.local_logout()`.
pub(crate) async fn logout(call: Arc<Call>) -> Result<Value, ApiError> {
    if let super::Caller::User(session) = &call.caller {
        call.state.sessions.close(session.id);
    }
    std::future::ready(Ok(Value::void())).await
}

/// `session.change_password(old, new)`.
pub(crate) async fn change_password(call: Arc<Call>) -> Result<Value, ApiError> {
    let (old, new): (String, String) = (call.arg(0)?, call.arg(1)?);
    let user = call.caller.user().to_owned();
    check_password(&call.state, &user, old).await?;
    let hash = tokio::task::spawn_blocking(move || Passwords::hash(&new))
        .await
        .map_err(ApiError::internal)?
        .map_err(ApiError::internal)?;
    let key = format!("password/{user}");
    call.write(move |tx| init::set_secret(tx, &key, &hash)).await?;
    Ok(Value::void())
}

/// `session.get_all_subject_identifiers()`: there is no external authentication.
pub(crate) async fn no_subjects(_call: Arc<Call>) -> Result<Value, ApiError> {
    std::future::ready(Ok(Value::Set(Vec::new()))).await
}

/// The session as a row.
fn row(state: &AppState, session: &Session) -> Row {
    Row {
        uuid: session.id.to_string(),
        this_host: state.this_host(),
        last_active: DateTime(session.last_active),
        validation_time: DateTime(session.created),
        is_local_superuser: true,
        auth_user_name: session.user.clone(),
        originator: session.originator.clone(),
        ..Row::default()
    }
}

/// The mechanical messages of the class, about any open session.
pub(super) fn mechanical(
    state: &AppState,
    call: &ApiCall<'_>,
    own: &Session,
) -> Result<Value, ApiError> {
    let named = || -> Result<Session, ApiError> {
        let asked: Ref<Row> = call.args.get(0)?;
        if asked == reference(own) {
            return Ok(own.clone());
        }
        let found = state.sessions.all().into_iter().find(|session| reference(session) == asked);
        found.ok_or_else(|| ApiError::handle_invalid(asked))
    };
    match call.method.operation {
        Operation::Get(index) => {
            let field = Row::META.fields.get(index).map_or("", |field| field.name);
            Class::get(&row(state, &named()?), field).ok_or_else(|| not_implemented(field))
        }
        Operation::GetRecord => Ok(record(&row(state, &named()?))),
        Operation::GetByUuid => {
            let uuid: String = call.args.get(0)?;
            let id = Uuid::try_parse(&uuid).ok();
            let found = state.sessions.all().into_iter().find(|session| Some(session.id) == id);
            found
                .map(|session| reference(&session).to_value())
                .ok_or_else(|| ApiError::uuid_invalid::<Row>(&uuid))
        }
        _ => Err(not_implemented(&call.method.name)),
    }
}
