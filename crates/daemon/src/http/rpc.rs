//! XML-RPC and JSON-RPC around [`crate::dispatch`].

use std::sync::Arc;

use axum::extract::Request as HttpRequest;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use haven_api::{Registry, Request, jsonrpc, xmlrpc};
use haven_model::{ApiError, RefId, Value, codes};

use super::{Origin, RPC_BYTES_MAX, body, text};
use crate::dispatch::{self, Answer};
use crate::session::Turn;
use crate::state::AppState;

/// Values that are written at once, without another thread.
const QUICK_VALUES: usize = 2000;

/// Answers a call; the path chooses the encoding: everything but `/jsonrpc` is XML.
pub(super) async fn answer(
    state: &Arc<AppState>,
    origin: Origin,
    path: &str,
    request: HttpRequest,
) -> Response {
    let bytes = match body(request, RPC_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(status) => return status.into_response(),
    };
    if path == "/jsonrpc" {
        json(state, origin, &bytes).await
    } else {
        xml(state, origin, &bytes).await
    }
}

async fn xml(state: &Arc<AppState>, origin: Origin, bytes: &[u8]) -> Response {
    let call = match xmlrpc::parse_call(bytes) {
        Ok(call) => call,
        Err(error) => return malformed(&error.to_string()),
    };
    let (answer, _turn) = in_turn(state, origin, call).await;
    let body = match answer {
        Ok(Answer::Names(names)) => {
            let names = names.into_iter().map(Value::String).collect();
            xmlrpc::write_bare(&Value::Set(names))
        }
        Ok(Answer::Value(value)) => written(value, xmlrpc::write_success).await,
        Err(error) => xmlrpc::write_failure(&error),
    };
    text("text/xml", body)
}

async fn json(state: &Arc<AppState>, origin: Origin, bytes: &[u8]) -> Response {
    let (call, reply_to) = match jsonrpc::parse_call(bytes) {
        Ok(parsed) => parsed,
        Err(error) => return malformed(&error.to_string()),
    };
    let (answer, _turn) = in_turn(state, origin, call).await;
    let body = match answer {
        Ok(Answer::Names(names)) => {
            let names = Value::Set(names.into_iter().map(Value::String).collect());
            jsonrpc::write_response(&reply_to, Ok(&names))
        }
        Ok(Answer::Value(value)) => {
            written(value, move |value| jsonrpc::write_response(&reply_to, Ok(value))).await
        }
        Err(error) => jsonrpc::write_response(&reply_to, Err(&error)),
    };
    text("application/json", body)
}

/// A call that only reads waits for its session's turn, and keeps it until the answer is written:
/// one client with many connections must not slow the others. Calls that wait for something else
/// than the processor (events, operations) have no turns.
async fn in_turn(
    state: &Arc<AppState>,
    origin: Origin,
    call: Request,
) -> (Result<Answer, ApiError>, Option<Turn>) {
    let method = Registry::standard().find(&call.name);
    let reads = method.is_some_and(|method| method.needs_session && method.operation.is_read());
    let session = call.params.first().filter(|_| reads).and_then(|value| match value {
        Value::Ref(id) => Some(*id),
        other => other.as_str()?.parse::<RefId>().ok(),
    });
    let turns = session.and_then(|id| state.sessions.turns(uuid::Uuid::from_u128(id.0)));
    let turn = match turns {
        None => None,
        Some(turns) => match turns.take().await {
            Some(turn) => Some(turn),
            None => return (Err(ApiError::new(codes::TOO_BUSY, Vec::new())), None),
        },
    };
    (dispatch::answer(state, origin, call).await, turn)
}

/// Writes a value; a long one on a thread of its own, where it keeps nobody else waiting.
pub(super) async fn written(
    value: Value,
    write: impl FnOnce(&Value) -> String + Send + 'static,
) -> String {
    if size(&value) <= QUICK_VALUES {
        return write(&value);
    }
    tokio::task::spawn_blocking(move || write(&value)).await.unwrap_or_default()
}

/// Values in a value, roughly; counts no further than it must.
fn size(value: &Value) -> usize {
    match value {
        Value::Set(items) => items.len() + items.first().map_or(0, |item| items.len() * size(item)),
        Value::Map(map) => map.len() + map.values().next().map_or(0, |item| map.len() * size(item)),
        Value::Record(fields) => fields.iter().map(|(_, value)| 1 + size(value)).sum(),
        Value::Row(row) => row.0.meta().fields.len(),
        _ => 0,
    }
}

fn malformed(why: &str) -> Response {
    let why = why.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!("<html><body><h1>The call cannot be read</h1>{why}</body></html>");
    (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/html")], page).into_response()
}
