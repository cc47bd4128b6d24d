//! Sessions: login, logout, and what clients ask about their own.

use std::collections::BTreeSet;
use std::sync::Arc;

use haven_api::{Call as ApiCall, Operation};
use haven_model::{
    ApiError, Class, DateTime, Field, Ref, RoleLevel, Session as Row, Value, codes, record,
};
use haven_pooldb::Image;
use uuid::Uuid;

use super::call::{Call, not_implemented};
use crate::audit::{self, Entry};
use crate::http::Origin;
use crate::ops::{init, subject};
use crate::session::{Login, PasswordError, Session};
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
            let result = authenticate(state, origin, &user, password).await;
            let mut entry = Entry::new(&user, origin, &call.method.name).with_result(&result);
            entry.originator.clone_from(&originator);
            if let Ok(login) = &result {
                audit::role_name(login.role).clone_into(&mut entry.role);
            }
            state.audit.note(entry);
            let session = state.sessions.open(Login { originator, ..result? }, now().unix_s());
            Ok(reference(&session).to_value())
        }
        name => Err(not_implemented(name)),
    }
}

/// Who a user name and password stand for. Root of a host of the pool needs no password.
///
/// # Errors
/// `SESSION_AUTHENTICATION_FAILED`, or that the user has no role.
pub async fn authenticate(
    state: &Arc<AppState>,
    origin: Origin,
    user: &str,
    password: String,
) -> Result<Login, ApiError> {
    let Origin::Remote(address) = origin else { return Ok(Login::root(user, "")) };
    let Ok((hash, login)) = state.pool.read(|db| account(db, user)).await else {
        return Err(state.not_coordinator());
    };
    let verify = verified(state, user, hash, login.is_some(), password);
    let system = match super::login::looked_at(state, address, user, verify).await? {
        By::Pool => None,
        By::System => Some(system_login(state, user)),
    };
    let login = system.or(login).filter(|login| login.role != RoleLevel::Nobody);
    login.ok_or_else(|| {
        ApiError::with(codes::SESSION_AUTHORIZATION_FAILED, &[&user, &"the user has no role"])
    })
}

/// Who knows a user's password.
enum By {
    Pool,
    /// The operating system of this host, through PAM.
    System,
}

/// Asks who may know the password. Both are asked at the same time: how long it takes says nothing
/// of who knows the user.
async fn verified(
    state: &AppState,
    user: &str,
    hash: Option<String>,
    known: bool,
    password: String,
) -> Result<By, PasswordError> {
    // A name of the pool's own stands for the pool's user alone, but for root.
    let pam = state.pam.as_ref().filter(|_| user == subject::ROOT || !known);
    let Some(pam) = pam else {
        return state.passwords.verify(hash, password).await.map(|()| By::Pool);
    };
    let given = password.clone();
    let mut system = std::pin::pin!(pam.accepts(user, &given));
    let mut pool = std::pin::pin!(state.passwords.verify(hash, password));
    tokio::select! {
        accepted = &mut system => {
            if accepted { Ok(By::System) } else { pool.await.map(|()| By::Pool) }
        }
        verified = &mut pool => match verified {
            Ok(()) => Ok(By::Pool),
            Err(error) => if system.await { Ok(By::System) } else { Err(error) },
        },
    }
}

/// The rights of a user of the operating system.
fn system_login(state: &AppState, user: &str) -> Login {
    if user == subject::ROOT {
        return Login::root(user, "");
    }
    let role = state.pam.as_ref().and_then(|pam| RoleLevel::from_name(&pam.settings().role));
    Login {
        user: user.to_owned(),
        originator: String::new(),
        role: role.unwrap_or(RoleLevel::Nobody),
        subject: Ref::NULL,
    }
}

/// Hash and rights of a user; a name that nobody has is no account, but takes as long.
pub(crate) fn account(db: &Image, user: &str) -> (Option<String>, Option<Login>) {
    let hash = init::secret(db, &subject::password_key(user));
    if user == subject::ROOT {
        return (hash, Some(Login::root(user, "")));
    }
    let login = subject::find(db, user).map(|(subject, row)| Login {
        user: user.to_owned(),
        originator: String::new(),
        role: subject::role(&row.roles),
        subject,
    });
    (hash.filter(|_| login.is_some()), login)
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
    let super::Caller::User(session) = &call.caller else {
        return Err(ApiError::internal("there is no session"));
    };
    let user = if session.is_root() { subject::ROOT.to_owned() } else { session.user.clone() };
    // Whoever is root on a host may have forgotten the old one.
    if call.origin != Origin::Root {
        authenticate(&call.state, call.origin, &user, old).await?;
    }
    subject::set_password(&call.state, &user, new).await?;
    Ok(Value::void())
}

/// `session.get_all_subject_identifiers()`: of the users that are logged in, root aside.
pub(crate) async fn subject_identifiers(call: Arc<Call>) -> Result<Value, ApiError> {
    let sessions = call.state.sessions.all();
    call.read(|db| {
        let rows = sessions.iter().filter_map(|session| db.get(session.subject));
        let all: BTreeSet<String> = rows.map(|row| row.subject_identifier.clone()).collect();
        Ok(Value::Set(all.into_iter().map(Value::String).collect()))
    })
    .await
}

/// `session.logout_subject_identifier(identifier)`.
pub(crate) async fn logout_subject(call: Arc<Call>) -> Result<Value, ApiError> {
    let identifier: String = call.arg(0)?;
    let found = call.read(|db| Ok(subject::find(db, &identifier).map(|(found, _)| found))).await?;
    if let Some(subject) = found {
        call.state.sessions.close_subject(subject);
    }
    Ok(Value::void())
}

/// The session as a row.
fn row(state: &AppState, session: &Session) -> Row {
    Row {
        uuid: session.id.to_string(),
        this_host: state.this_host(),
        last_active: DateTime(session.last_active),
        validation_time: DateTime(session.created),
        is_local_superuser: session.is_root(),
        subject: session.subject,
        rbac_permissions: haven_api::access::permissions(session.role),
        auth_user_sid: session
            .subject
            .non_null()
            .map(|subject| subject.to_string())
            .unwrap_or_default(),
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
        // Who knows a session's reference could use it: only administrators look at others.
        let found = state.sessions.all().into_iter().find(|session| reference(session) == asked);
        let found = found.filter(|_| own.role.permits(RoleLevel::PoolAdmin));
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
                .filter(|found| found.id == own.id || own.role.permits(RoleLevel::PoolAdmin))
                .map(|session| reference(&session).to_value())
                .ok_or_else(|| ApiError::uuid_invalid::<Row>(&uuid))
        }
        _ => Err(not_implemented(&call.method.name)),
    }
}
