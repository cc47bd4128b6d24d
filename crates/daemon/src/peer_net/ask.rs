//! One of Haven's own requests to another member, as root of this host.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use haven_cluster::ids::HostId;
use haven_model::ApiError;
use http::Method;
use serde_json::Value as Json;
use tokio::time::timeout;

use super::{Caller, Dialer, forward_request};

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Largest answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The member said no; nothing has changed there.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// Nobody knows whether the member has done it.
    #[error("the host did not answer: {0}")]
    Silent(String),
}

/// Asks `host`; with `body` it is a `POST`.
///
/// # Errors
/// See [`AskError`].
pub async fn ask_member(
    dialer: &Dialer,
    host: HostId,
    path: &str,
    body: Option<&Json>,
) -> Result<Json, AskError> {
    let silent = |error: String| AskError::Silent(error);
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let content = body.map(|body| Body::from(body.to_string())).unwrap_or_default();
    let request = Request::builder().method(method).uri(path).body(content);
    let mut request = request.map_err(|error| silent(error.to_string()))?;
    request.extensions_mut().insert(Caller::LocalRoot);
    let work = async {
        let response = forward_request(dialer, host, request).await;
        let response = response.map_err(|error| silent(error.to_string()))?;
        let good = response.status().is_success();
        let bytes = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
        let bytes = bytes.map_err(|error| silent(error.to_string()))?;
        let answer: Json =
            serde_json::from_slice(&bytes).map_err(|error| silent(error.to_string()))?;
        if good { Ok(answer) } else { Err(AskError::Refused(refusal(&answer))) }
    };
    timeout(ANSWER_MAX, work).await.unwrap_or_else(|_| Err(silent("too slow".to_owned())))
}

/// The error in an answer of Haven's own routes.
#[must_use]
pub fn refusal(answer: &Json) -> ApiError {
    let error = answer.get("error").unwrap_or(&Json::Null);
    let code = error.get("message").and_then(Json::as_str).unwrap_or_default();
    let data = error.get("data").and_then(Json::as_array).cloned().unwrap_or_default();
    let params = data.iter().map(|part| part.as_str().unwrap_or_default().to_owned());
    ApiError::from_wire(code, params.collect())
}
