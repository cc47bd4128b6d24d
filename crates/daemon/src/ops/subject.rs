//! Users of the pool besides root, and their roles.
//!
//! There is no external directory yet: a subject is a user of the pool itself, with a password
//! that the pool keeps as a hash. `other_config["password"]` of `subject.create` sets it and is
//! not kept; `subject_identifier` is the name that the user logs in with.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_api::access::{STANDARD_ROLES, permissions as of_role};
use haven_model::{ApiError, Field, HavenSecret, Ref, Role, RoleLevel, Subject, Value, codes};
use haven_pooldb::{Image, Tx};

use super::init;
use crate::dispatch::Call;
use crate::session::Passwords;
use crate::state::{AppState, fresh};

/// Root of the pool: not a subject, and in need of no role.
pub const ROOT: &str = "root";
/// Shortest password, in characters.
const PASSWORD_CHARS_MIN: usize = 6;
/// Users of a pool.
const SUBJECTS_MAX: usize = 10_000;
/// Longest name of a user.
const NAME_CHARS_MAX: usize = 128;
/// What sets the password at creation.
const PASSWORD: &str = "password";
/// Under what other clients look for the name.
const NAME: &str = "subject-name";

/// Key of the secret that holds a user's hash.
#[must_use]
pub fn password_key(user: &str) -> String {
    format!("password/{user}")
}

/// The user of that name.
#[must_use]
pub fn find<'a>(db: &'a Image, name: &str) -> Option<(Ref<Subject>, &'a Subject)> {
    db.iter::<Subject>().find(|(_, row)| row.subject_identifier == name)
}

/// The most powerful of some roles.
#[must_use]
pub fn role(roles: &[Ref<Role>]) -> RoleLevel {
    let standard = STANDARD_ROLES.iter().filter(|role| roles.contains(&role.reference()));
    standard.map(|role| role.level).max().unwrap_or(RoleLevel::Nobody)
}

fn level(role: Ref<Role>) -> Result<RoleLevel, ApiError> {
    let found = STANDARD_ROLES.iter().find(|standard| standard.reference() == role);
    found.map(|found| found.level).ok_or_else(|| ApiError::new(codes::ROLE_NOT_FOUND, Vec::new()))
}

/// Makes sure that the pool has the rows of all roles.
///
/// # Errors
/// The database refuses.
pub fn ensure_roles(tx: &mut Tx<'_>) -> Result<(), ApiError> {
    for role in STANDARD_ROLES {
        if !tx.contains(role.reference()) {
            tx.insert_with(role.reference(), role.row())?;
        }
    }
    Ok(())
}

async fn hash(password: String) -> Result<String, ApiError> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        let why = format!("a password needs {PASSWORD_CHARS_MIN} characters or more");
        return Err(ApiError::with(codes::CHANGE_PASSWORD_REJECTED, &[&why]));
    }
    tokio::task::spawn_blocking(move || Passwords::hash(&password))
        .await
        .map_err(ApiError::internal)?
        .map_err(ApiError::internal)
}

/// Sets the password of root or of a user.
///
/// # Errors
/// There is no such user, or the password is too short.
pub async fn set_password(
    state: &Arc<AppState>,
    user: &str,
    password: String,
) -> Result<(), ApiError> {
    let hash = hash(password).await?;
    let user = user.to_owned();
    state.check_may_act()?;
    state
        .pool
        .write(move |tx| {
            if user != ROOT && find(tx, &user).is_none() {
                return Err(ApiError::new(codes::SUBJECT_CANNOT_BE_RESOLVED, Vec::new()));
            }
            init::set_secret(tx, &password_key(&user), &hash)
        })
        .await
}

fn checked(name: &str) -> Result<(), ApiError> {
    let good = |c: char| !c.is_control() && !matches!(c, '/' | ':' | '"' | '\\');
    let fits = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX;
    if fits && name.chars().all(good) && name != ROOT {
        return Ok(());
    }
    Err(ApiError::with(codes::INVALID_VALUE, &[&"subject_identifier", &name]))
}

/// `subject.create(record)`. Without `roles` the user is an administrator, as in XenAPI.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let mut row: Subject = call.arg(0)?;
    if let Some(name) = row.other_config.get(NAME).filter(|_| row.subject_identifier.is_empty()) {
        row.subject_identifier = name.clone();
    }
    checked(&row.subject_identifier)?;
    row.other_config.entry(NAME.to_owned()).or_insert_with(|| row.subject_identifier.clone());
    row.roles.iter().try_for_each(|role| level(*role).map(|_| ()))?;
    let password = row.other_config.remove(PASSWORD);
    let hash = match password {
        Some(password) => Some(hash(password).await?),
        None => None,
    };
    row.uuid = fresh().to_string();
    let subject = call
        .write(move |tx| {
            if find(tx, &row.subject_identifier).is_some() {
                return Err(ApiError::new(codes::SUBJECT_ALREADY_EXISTS, Vec::new()));
            }
            if tx.count(<Subject as haven_model::Class>::NAME) >= SUBJECTS_MAX {
                return Err(ApiError::not_allowed(format!(
                    "a pool has {SUBJECTS_MAX} users at most"
                )));
            }
            if let Some(hash) = &hash {
                init::set_secret(tx, &password_key(&row.subject_identifier), hash)?;
            }
            tx.insert(row)
        })
        .await?;
    Ok(subject.to_value())
}

/// `subject.destroy(subject)`: the user's sessions end too.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let subject: Ref<Subject> = call.arg(0)?;
    call.write(move |tx| {
        let name = tx.require(subject)?.subject_identifier.clone();
        super::preferences::forget(tx, &name)?;
        let key = password_key(&name);
        let secret = tx.iter::<HavenSecret>().find(|(_, row)| row.key == key).map(|(row, _)| row);
        if let Some(secret) = secret {
            tx.remove(secret)?;
        }
        tx.remove(subject)
    })
    .await?;
    call.state.sessions.close_subject(subject);
    Ok(Value::void())
}

/// Changes the roles, in the open sessions too.
async fn change_roles(
    call: &Call,
    change: impl FnOnce(&mut Vec<Ref<Role>>) -> Result<(), ApiError> + Send + 'static,
) -> Result<Value, ApiError> {
    let subject: Ref<Subject> = call.arg(0)?;
    let roles = call
        .write(move |tx| {
            let mut roles = tx.require(subject)?.roles.clone();
            change(&mut roles)?;
            let new = roles.clone();
            tx.update(subject, |row: &mut Subject| row.roles = new)?;
            Ok(roles)
        })
        .await?;
    match role(&roles) {
        RoleLevel::Nobody => call.state.sessions.close_subject(subject),
        role => call.state.sessions.set_role(subject, role),
    }
    Ok(Value::void())
}

/// `subject.add_to_roles(subject, role)`.
pub async fn add_to_roles(call: Arc<Call>) -> Result<Value, ApiError> {
    let role: Ref<Role> = call.arg(1)?;
    level(role)?;
    change_roles(&call, move |roles| {
        if roles.contains(&role) {
            return Err(ApiError::new(codes::ROLE_ALREADY_EXISTS, Vec::new()));
        }
        roles.push(role);
        Ok(())
    })
    .await
}

/// `subject.remove_from_roles(subject, role)`.
pub async fn remove_from_roles(call: Arc<Call>) -> Result<Value, ApiError> {
    let role: Ref<Role> = call.arg(1)?;
    change_roles(&call, move |roles| {
        if !roles.contains(&role) {
            return Err(ApiError::new(codes::ROLE_NOT_FOUND, Vec::new()));
        }
        roles.retain(|known| *known != role);
        Ok(())
    })
    .await
}

fn texts(list: Vec<String>) -> Value {
    Value::Set(list.into_iter().map(Value::String).collect())
}

/// `subject.get_permissions_name_label(subject)`.
pub async fn permissions(call: Arc<Call>) -> Result<Value, ApiError> {
    let subject: Ref<Subject> = call.arg(0)?;
    let roles = call.read(|db| Ok(db.require(subject)?.roles.clone())).await?;
    Ok(texts(of_role(role(&roles))))
}

/// `role.get_permissions_name_label(role)`.
pub async fn role_permissions(call: Arc<Call>) -> Result<Value, ApiError> {
    let level = level(call.arg(0)?)?;
    std::future::ready(Ok(texts(of_role(level)))).await
}

/// `role.get_by_permission_name_label(permission)`: the roles that have it.
pub async fn roles_with(call: Arc<Call>) -> Result<Value, ApiError> {
    let permission: String = call.arg(0)?;
    let has = |role: &&haven_api::access::StandardRole| of_role(role.level).contains(&permission);
    let roles = STANDARD_ROLES.iter().filter(has).map(|role| role.reference().to_value());
    std::future::ready(Ok(Value::Set(roles.collect()))).await
}

/// `auth.get_subject_identifier(name)`.
pub async fn identifier(call: Arc<Call>) -> Result<Value, ApiError> {
    let name: String = call.arg(0)?;
    let missing = || ApiError::new(codes::SUBJECT_CANNOT_BE_RESOLVED, Vec::new());
    call.read(|db| find(db, &name).map(|_| Value::from(name.as_str())).ok_or_else(missing)).await
}

/// `auth.get_subject_information_from_identifier(identifier)`.
pub async fn information(call: Arc<Call>) -> Result<Value, ApiError> {
    let name: String = call.arg(0)?;
    let missing = || ApiError::new(codes::SUBJECT_CANNOT_BE_RESOLVED, Vec::new());
    call.read(|db| {
        let (_, row) = find(db, &name).ok_or_else(missing)?;
        let mut known: BTreeMap<String, String> = row.other_config.clone();
        known.insert("subject-is-group".to_owned(), "false".to_owned());
        Ok(known.to_value())
    })
    .await
}

/// `auth.get_group_membership(identifier)`: there are no groups.
pub async fn groups(_call: Arc<Call>) -> Result<Value, ApiError> {
    std::future::ready(Ok(Value::Set(Vec::new()))).await
}
