//! XML-RPC and JSON-RPC around [`crate::dispatch`].

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use haven_api::{Pieces, Request, jsonrpc, xmlrpc};
use haven_model::{ApiError, RefId, Value, codes};
use uuid::Uuid;

use super::{Origin, RPC_BYTES_MAX, Refused, answered, body, text};
use crate::dispatch::{self, Answer};
use crate::fair::{InPieces, Line};
use crate::state::AppState;

/// Calls for which a password is verified.
const LOGINS: [&str; 2] =
    ["session.login_with_password", "session.slave_local_login_with_password"];
/// Processor time of that, on a thread of its own.
const LOGIN_COST: Duration = Duration::from_millis(25);

/// Answers a call; the path chooses the encoding: everything but `/jsonrpc` is XML. `line` learns
/// whose call it is.
pub(super) async fn answer(
    state: &Arc<AppState>,
    origin: Origin,
    line: &Line,
    path: &str,
    request: HttpRequest,
) -> Response {
    let refused = request.extensions().get::<Refused>().is_some();
    let bytes = match body(request, RPC_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(status) => return status.into_response(),
    };
    let is_json = path == "/jsonrpc";
    let parsed = if is_json {
        jsonrpc::parse_call(&bytes).map(|(call, to)| (call, Some(to)))
    } else {
        xmlrpc::parse_call(&bytes).map(|call| (call, None))
    };
    let (call, reply_to) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return malformed(&error.to_string()),
    };
    drop(bytes);
    let answer = if refused {
        Err(ApiError::new(codes::TOO_BUSY, Vec::new()))
    } else {
        line.is_of(session(state, &call));
        if LOGINS.contains(&call.name.as_str()) {
            line.costs(LOGIN_COST);
        }
        dispatch::answer(state, origin, call).await
    };
    let content_type = if is_json { jsonrpc::CONTENT_TYPE } else { xmlrpc::CONTENT_TYPE };
    match (answer, reply_to) {
        (Ok(Answer::Value(value)), Some(to)) => {
            answered(content_type, written(jsonrpc::pieces(&to, value)))
        }
        (Ok(Answer::Value(value)), None) => answered(content_type, written(xmlrpc::pieces(value))),
        (Ok(Answer::Names(names)), to) => {
            let names = Value::Set(names.into_iter().map(Value::String).collect());
            match to {
                Some(to) => answered(content_type, written(jsonrpc::pieces(&to, names))),
                None => text(content_type, xmlrpc::write_bare(&names)),
            }
        }
        (Err(error), Some(to)) => text(content_type, jsonrpc::write_response(&to, Err(&error))),
        (Err(error), None) => text(content_type, xmlrpc::write_failure(&error)),
    }
}

/// The answer to a call that nobody has read.
pub(super) fn failed(path: &str, error: &ApiError) -> Response {
    if path != "/jsonrpc" {
        return text(xmlrpc::CONTENT_TYPE, xmlrpc::write_failure(error));
    }
    let to = jsonrpc::ReplyTo { version: jsonrpc::Version::V2, id: serde_json::Value::Null };
    text(jsonrpc::CONTENT_TYPE, jsonrpc::write_response(&to, Err(error)))
}

/// The open session that a call is in.
fn session(state: &AppState, call: &Request) -> Option<Uuid> {
    let id = match call.params.first()? {
        Value::Ref(id) => *id,
        other => other.as_str()?.parse::<RefId>().ok()?,
    };
    let id = Uuid::from_u128(id.0);
    state.sessions.is_open(id).then_some(id)
}

/// A short answer as it is; a long one piece by piece, as the client takes it.
pub(super) fn written(mut pieces: Pieces) -> Body {
    let first = pieces.next().unwrap_or_default();
    if pieces.is_over() {
        return Body::from(first);
    }
    Body::new(InPieces(std::iter::once(first).chain(pieces)))
}

fn malformed(why: &str) -> Response {
    let why = why.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!("<html><body><h1>The call cannot be read</h1>{why}</body></html>");
    (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/html")], page).into_response()
}
