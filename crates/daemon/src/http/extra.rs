//! Haven's own routes beside XenAPI, as JSON.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use haven_model::{ApiError, codes};
use serde_json::{Value as Json, json};

use super::{Origin, RPC_BYTES_MAX, body, extra_pool, text};
use crate::dispatch::check_password;
use crate::state::AppState;

/// Largest request of a host that wants to join.
const JOIN_BYTES_MAX: usize = 4 << 20;

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
    let login = basic(&request);
    if let Err(error) = authorise(state, origin, login).await {
        return denied(&error);
    }
    let bytes = match body(request, RPC_BYTES_MAX).await {
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
    let answer = match path {
        "/haven/pool/init" => extra_pool::init(state, &asked).await,
        "/haven/pool/token" => extra_pool::token(state, &asked).await,
        "/haven/pool/join" => extra_pool::join_here(state, &asked).await,
        // Who coordinates is for root of the host itself to say.
        "/haven/pool/promote" if origin.is_root() => extra_pool::promote_here(state).await,
        "/haven/pool/follow" if origin.is_root() => extra_pool::follow(state, &asked).await,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    reply(answer)
}

/// `GET /haven/…`.
pub(super) async fn get(
    state: &Arc<AppState>,
    origin: Origin,
    path: &str,
    login: Option<(String, String)>,
) -> Response {
    if let Err(error) = authorise(state, origin, login).await {
        return denied(&error);
    }
    match path {
        "/haven/status" => reply(Ok(extra_pool::status(state))),
        "/haven/ha/status" => reply(crate::ops::ha_status::status(state).await),
        "/haven/migrations" => reply(extra_pool::migrations(state).await),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The user and password of a request.
pub(super) fn basic(request: &Request) -> Option<(String, String)> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Root of a host, or the right user and password.
async fn authorise(
    state: &Arc<AppState>,
    origin: Origin,
    login: Option<(String, String)>,
) -> Result<(), ApiError> {
    if origin.is_root() {
        return Ok(());
    }
    let Some((user, password)) = login else {
        return Err(ApiError::with(codes::SESSION_AUTHENTICATION_FAILED, &[&"", &"no login"]));
    };
    check_password(state, &user, password).await
}

fn reply(answer: Result<Json, ApiError>) -> Response {
    match answer {
        Ok(value) => text("application/json", value.to_string()),
        Err(error) => failed(&error),
    }
}

fn denied(error: &ApiError) -> Response {
    let mut response = (StatusCode::UNAUTHORIZED, error_json(error)).into_response();
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"haven\""));
    response
}

fn failed(error: &ApiError) -> Response {
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], error_json(error))
        .into_response()
}

/// The same shape as an error of JSON-RPC 2.0.
fn error_json(error: &ApiError) -> String {
    let data: Vec<&str> = error.params.iter().map(String::as_str).collect();
    json!({ "error": { "code": 1, "message": error.code, "data": data } }).to_string()
}
