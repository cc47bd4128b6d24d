//! Haven's own routes beside XenAPI, as JSON.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use haven_model::{ApiError, Language, RoleLevel};
use serde_json::{Value as Json, json};

use super::auth::{self, Credentials, Who};
use super::{
    Origin, RPC_BYTES_MAX, body, extra_ha, extra_pool, extra_recovery, host_console, metrics, text,
    web,
};
use crate::copies;
use crate::ops::certificate;
use crate::state::AppState;

/// Largest request of a host that wants to join.
const JOIN_BYTES_MAX: usize = 4 << 20;

/// Where a dump of the database is put back.
const RESTORE_ROUTE: &str = "/haven/pool/restore";
/// Largest dump.
pub(super) const DUMP_BYTES_MAX: usize = 512 << 20;

/// Least role that may change a pool in Haven's own ways.
const ACT: RoleLevel = RoleLevel::PoolAdmin;
/// Least role that may look at it.
const LOOK: RoleLevel = RoleLevel::ReadOnly;
/// Least role that may deal with alerts, as in XenAPI.
const OPERATE: RoleLevel = RoleLevel::PoolOperator;
/// Alerts are taken on.
const ALERTS_ROUTE: &str = "/haven/alerts/acknowledge";
/// A CD image is fetched: as storage is made, and the pool connects to where somebody says.
const FETCH_ROUTE: &str = "/haven/storage/fetch";
/// Everybody's own: how they like their console.
const PREFERENCES_ROUTE: &str = "/haven/preferences";
/// Questions that have a body. They change nothing.
const QUESTIONS: &[&str] = &["/haven/ha/what-if", "/haven/ha/explain", "/haven/ha/check"];

/// The language in which the client wants its explanations.
pub(super) fn language(request: &Request) -> Language {
    let header = request.headers().get(header::ACCEPT_LANGUAGE);
    header.and_then(|value| value.to_str().ok()).map(Language::from_tag).unwrap_or_default()
}

/// `POST /haven/…`.
pub(super) async fn post(
    state: &Arc<AppState>,
    origin: Origin,
    path: &str,
    request: Request,
) -> Response {
    if path == "/haven/join" {
        // A new host has neither session nor certificate: its token speaks for it.
        return match body(request, JOIN_BYTES_MAX).await {
            Ok(bytes) => extra_pool::join_request(state, &bytes).await,
            Err(status) => status.into_response(),
        };
    }
    let language = language(&request);
    let needed = match path {
        ALERTS_ROUTE | FETCH_ROUTE => OPERATE,
        PREFERENCES_ROUTE => LOOK,
        _ if QUESTIONS.contains(&path) => LOOK,
        _ => ACT,
    };
    let who = match authorise(state, origin, Credentials::of(&request), needed).await {
        Ok(who) => who,
        Err(error) => return denied(&error),
    };
    let limit = if path == RESTORE_ROUTE { DUMP_BYTES_MAX } else { RPC_BYTES_MAX };
    let bytes = match body(request, limit).await {
        Ok(bytes) => bytes,
        Err(status) => return status.into_response(),
    };
    let asked: Json = if bytes.is_empty() {
        json!({})
    } else {
        match serde_json::from_slice(&bytes) {
            Ok(asked) => asked,
            Err(error) => return failed(&ApiError::internal(format!("not JSON: {error}"))),
        }
    };
    let user = &who.login.user;
    let answer = match path {
        ALERTS_ROUTE => crate::ops::alert::acknowledge(state, user, &asked).await,
        PREFERENCES_ROUTE => crate::ops::preferences::set(state, user, &asked).await,
        "/haven/ha/pause" => crate::ops::ha_pause::pause(state, user, &asked).await,
        "/haven/ha/drill" => crate::ha::drill::drill(state, user, &asked).await,
        "/haven/ha/check" => crate::ha::checkup::check(state).await,
        "/haven/pool/check-host" => crate::ops::add_host::check(state, &asked).await,
        "/haven/pool/add-host" => crate::ops::add_host::add(state, &asked).await,
        host_console::ROUTE => host_console::state_of(state, &asked).await,
        FETCH_ROUTE => crate::transfer::fetch::begin(state, &asked).await,
        "/haven/storage/test" => crate::ops::sr_test::test(state, &asked).await,
        "/haven/users/password" => extra_pool::set_password(state, &asked).await,
        "/haven/pool/init" => extra_pool::init(state, &asked).await,
        "/haven/pool/token" => extra_pool::token(state, &asked).await,
        "/haven/pool/join" => extra_pool::join_here(state, &asked).await,
        "/haven/ha/policy" => crate::ops::ha_policy::set(state, &asked, language).await,
        "/haven/ha/what-if" => crate::ops::what_if::what_if(state, &asked, language).await,
        "/haven/ha/explain" => crate::ops::what_if::explain(state, &asked, language).await,
        // Who coordinates is for root of the host itself to say.
        "/haven/pool/promote" if origin.is_root() => extra_pool::promote_here(state).await,
        "/haven/pool/recover" if origin.is_root() => extra_recovery::recover(state, &asked).await,
        "/haven/pool/dump" => extra_recovery::dump(state).await,
        RESTORE_ROUTE => extra_recovery::restore(state, &asked).await,
        "/haven/pool/follow" if origin.is_root() => extra_pool::follow(state, &asked).await,
        // The coordinator's root asks, after it has checked who asks there.
        certificate::ROUTE if origin.is_root() => certificate::change_here(state, &asked).await,
        "/haven/ha/set" => extra_ha::set(state, &asked).await,
        "/haven/ha/replace-statefile" => extra_ha::replace(state, &asked).await,
        "/haven/ha/emergency-disarm" if origin.is_root() => extra_ha::emergency(state).await,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    state.audit.note(who.entry(origin, path).with_result(&answer));
    reply(answer)
}

/// `GET /haven/…`.
pub(super) async fn get(
    state: &Arc<AppState>,
    origin: Origin,
    path: &str,
    (credentials, language): (Credentials, Language),
) -> Response {
    // Whoever may not add hosts has no use for a list of them.
    let needed = if path == "/haven/pool/waiting" { ACT } else { LOOK };
    if let Err(error) = authorise(state, origin, credentials, needed).await {
        return denied(&error);
    }
    match path {
        "/haven/web" if origin.is_root() => reply(Ok(web::where_and_code(state).await)),
        certificate::ROUTE if origin.is_root() => reply(certificate::show_here(state).await),
        host_console::HERE_ROUTE if origin.is_root() => reply(Ok(host_console::here(state))),
        "/haven/status" => reply(Ok(extra_pool::status(state))),
        copies::ABOUT_ROUTE if origin.is_root() => reply(extra_recovery::about(state).await),
        "/haven/pool/waiting" => reply(Ok(state.found.show())),
        "/haven/pool/copies" => reply(extra_recovery::copies(state).await),
        copies::COPY_ROUTE if origin.is_root() => reply(extra_recovery::copy(state).await),
        "/haven/ha/status" => reply(crate::ops::ha_status::status(state, language).await),
        "/haven/ha/plan" => reply(crate::ops::what_if::plan(state, language).await),
        "/haven/ha/policy" => reply(crate::ops::ha_policy::show(state, language).await),
        "/haven/migrations/now" => reply(Ok(state.moving.show())),
        "/haven/disk-moves/now" => reply(Ok(state.moving_disks.show())),
        "/haven/metrics" => match state.pool.read(metrics::page).await {
            Ok(page) => text(metrics::CONTENT_TYPE, page),
            Err(error) => failed(&error),
        },
        "/haven/migrations" => reply(extra_pool::migrations(state).await),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A user with the role that is needed; root of a host has it.
async fn authorise(
    state: &Arc<AppState>,
    origin: Origin,
    credentials: Credentials,
    needed: RoleLevel,
) -> Result<Who, ApiError> {
    let who = auth::identify(state, origin, credentials).await?;
    auth::require(&who, needed, "haven")?;
    Ok(who)
}

fn reply(answer: Result<Json, ApiError>) -> Response {
    match answer {
        Ok(value) => text("application/json", value.to_string()),
        Err(error) => failed(&error),
    }
}

fn denied(error: &ApiError) -> Response {
    if error.code == haven_model::codes::RBAC_PERMISSION_DENIED {
        return (StatusCode::FORBIDDEN, error_json(error)).into_response();
    }
    let mut response = (StatusCode::UNAUTHORIZED, error_json(error)).into_response();
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"haven\""));
    response
}

pub(super) fn failed(error: &ApiError) -> Response {
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], error_json(error))
        .into_response()
}

/// The same shape as an error of JSON-RPC 2.0.
fn error_json(error: &ApiError) -> String {
    let data: Vec<&str> = error.params.iter().map(String::as_str).collect();
    json!({ "error": { "code": 1, "message": error.code, "data": data } }).to_string()
}
