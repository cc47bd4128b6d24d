//! XML-RPC and JSON-RPC around [`crate::dispatch`].

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use haven_api::{jsonrpc, xmlrpc};
use haven_model::Value;

use super::{Origin, RPC_BYTES_MAX, body, text};
use crate::dispatch::{self, Answer};
use crate::state::AppState;

/// Answers a call; the path chooses the encoding: everything but `/jsonrpc` is XML.
pub(super) async fn answer(
    state: &Arc<AppState>,
    origin: Origin,
    path: &str,
    request: Request,
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
    let answer = match dispatch::answer(state, origin, call).await {
        Ok(Answer::Names(names)) => {
            let names = names.into_iter().map(Value::String).collect();
            xmlrpc::write_bare(&Value::Set(names))
        }
        Ok(Answer::Value(value)) => xmlrpc::write_success(&value),
        Err(error) => xmlrpc::write_failure(&error),
    };
    text("text/xml", answer)
}

async fn json(state: &Arc<AppState>, origin: Origin, bytes: &[u8]) -> Response {
    let (call, reply_to) = match jsonrpc::parse_call(bytes) {
        Ok(parsed) => parsed,
        Err(error) => return malformed(&error.to_string()),
    };
    let outcome = match dispatch::answer(state, origin, call).await {
        Ok(Answer::Names(names)) => Ok(Value::Set(names.into_iter().map(Value::String).collect())),
        Ok(Answer::Value(value)) => Ok(value),
        Err(error) => Err(error),
    };
    text("application/json", jsonrpc::write_response(&reply_to, outcome.as_ref()))
}

fn malformed(why: &str) -> Response {
    let why = why.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!("<html><body><h1>The call cannot be read</h1>{why}</body></html>");
    (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/html")], page).into_response()
}
