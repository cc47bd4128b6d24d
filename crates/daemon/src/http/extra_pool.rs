//! Founding, joining, tokens.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use haven_model::{ApiError, VmMetrics, codes};
use serde_json::{Value as Json, json};

use crate::join::{self, JoinRequest};
use crate::ops::membership;
use crate::promote;
use crate::state::AppState;

/// Life of a token unless the caller says otherwise.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);
/// Longest life of a token.
const TOKEN_LIFE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Shortest password.
const PASSWORD_CHARS_MIN: usize = 6;

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// `POST /haven/pool/init {name, password, address?}`: a new pool with this host.
pub(super) async fn init(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let name = asked.get("name").and_then(Json::as_str).unwrap_or("pool").to_owned();
    let password = asked.get("password").and_then(Json::as_str).unwrap_or_default().to_owned();
    if password.chars().count() < PASSWORD_CHARS_MIN {
        let text = format!("a password needs {PASSWORD_CHARS_MIN} characters or more");
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"password", &text]));
    }
    let address = match asked.get("address").and_then(Json::as_str).filter(|a| !a.is_empty()) {
        None => None,
        Some(text) => Some(
            text.parse::<IpAddr>()
                .map_err(|_| ApiError::with(codes::INVALID_IP_ADDRESS_SPECIFIED, &[&text]))?,
        ),
    };
    let pool = membership::found(state, name, password, address).await?;
    Ok(json!({ "uuid": pool.to_string(), "host": state.identity.host().0.to_string() }))
}

/// `POST /haven/users/password {user, password}`: of root or of a user of the pool.
pub(super) async fn set_password(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let text = |key: &str| asked.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    crate::ops::subject::set_password(state, &text("user"), text("password")).await?;
    Ok(json!({ "user": text("user") }))
}

/// `POST /haven/pool/token {valid_s?}`.
pub(super) async fn token(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let life = asked.get("valid_s").and_then(Json::as_u64).map_or(TOKEN_LIFE, Duration::from_secs);
    let life = life.clamp(Duration::from_secs(1), TOKEN_LIFE_MAX);
    let expires_ms = now_ms().saturating_add(u64::try_from(life.as_millis()).unwrap_or(0));
    let token = membership::issue_token(state, expires_ms, now_ms()).await?;
    Ok(json!({ "token": token, "expires_ms": expires_ms }))
}

/// `POST /haven/pool/join {token}`: this host joins the pool of the token.
pub(super) async fn join_here(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let token = asked.get("token").and_then(Json::as_str).unwrap_or_default();
    let agent = state.agent();
    let joined = join::host::join(agent, token).await?;
    Ok(json!({
        "pool": joined.pool.to_string(),
        "coordinator": joined.coordinator.0.to_string(),
        "host": state.identity.host().0.to_string(),
    }))
}

/// `POST /haven/pool/promote`: this member becomes the coordinator; high availability is off.
pub(super) async fn promote_here(state: &Arc<AppState>) -> Result<Json, ApiError> {
    promote::promote(state).await?;
    Ok(json!({ "coordinator": state.identity.host().0.to_string() }))
}

/// `POST /haven/pool/follow {coordinator}`: this member takes its orders from another host.
pub(super) async fn follow(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let text = asked.get("coordinator").and_then(Json::as_str).unwrap_or_default();
    let host = text.parse().map_err(|_| ApiError::uuid_invalid::<haven_model::Host>(text))?;
    promote::follow(state, host).await?;
    Ok(json!({ "coordinator": text }))
}

/// `POST /haven/join`: a host asks the coordinator to be admitted.
pub(super) async fn join_request(state: &Arc<AppState>, bytes: &[u8]) -> Response {
    let answer = match serde_json::from_slice::<JoinRequest>(bytes) {
        Ok(request) => membership::admit(state, request, now_ms()).await,
        Err(error) => Err(ApiError::internal(format!("the request cannot be read: {error}"))),
    };
    match serde_json::to_string(&answer) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `GET /haven/status`: this host alone.
pub(super) fn status(state: &Arc<AppState>) -> Json {
    let pool = state.identity.pool();
    let role = match (pool.is_some(), state.pool.is_open()) {
        (false, _) => "unconfigured",
        (true, true) => "coordinator",
        (true, false) => "member",
    };
    json!({
        "role": role,
        "host": state.identity.host().0.to_string(),
        "pool": pool.as_ref().map(|pool| pool.pool.to_string()),
        "coordinator": state.coordinator().map(|member| member.address.to_string()),
        "coordinator_host": state.authority.coordinator().map(|host| host.0.to_string()),
        "may_act": state.authority.may_act(),
        "version": env!("CARGO_PKG_VERSION"),
    })
}

/// `GET /haven/migrations`: what the last migration of each VM measured.
pub(super) async fn migrations(state: &Arc<AppState>) -> Result<Json, ApiError> {
    state
        .pool
        .read(|db| {
            let all = db.iter::<haven_model::Vm>().filter_map(|(_, vm)| {
                let metrics: &VmMetrics = db.get(vm.metrics)?;
                let notes = &metrics.other_config;
                let number = |key: &str| notes.get(key).and_then(|text| text.parse::<u64>().ok());
                Some(json!({
                    "vm": vm.uuid,
                    "name": vm.name_label,
                    "downtime_ms": number("last_migration_downtime_ms")?,
                    "elapsed_ms": number("last_migration_elapsed_ms"),
                    "bytes": number("last_migration_bytes"),
                }))
            });
            Json::Array(all.collect())
        })
        .await
}
