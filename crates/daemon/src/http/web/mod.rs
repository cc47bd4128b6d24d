//! The web console: its files, its session, and what the page asks.
//!
//! Owns: everything below `/ui/`. The page's session is in a cookie that no script can read; every
//! change needs a token that only the page has, and comes from the page's own origin. Any host
//! serves the page; what it asks goes to the coordinator. Never does what a message does: it puts
//! the session in front of a call, and hands it on.

mod assets;
mod cookie;
mod page;
mod setup;

pub(super) use setup::where_and_code;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use haven_model::{ApiError, codes};
use serde_json::{Value as Json, json};

use super::{RPC_BYTES_MAX, body};
use crate::peer_net::{Caller, ForwardError, forward_request};
use crate::state::AppState;

/// Everything of the console is below this.
const PREFIX: &str = "/ui";
/// Which host answered: the page begins anew when it is another one.
const COORDINATOR: &str = "x-haven-coordinator";

/// Whether a request is for the console; the bare root of the server leads there.
pub(super) fn is_ours(method: &Method, path: &str) -> bool {
    (path == "/" && *method == Method::GET) || path == PREFIX || path.starts_with("/ui/")
}

/// What the page asks for, apart from files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked<'a> {
    Session,
    Call,
    Haven(&'a str),
    Console,
    Statistics,
    Screen,
    /// A machine, a disk, or a CD image, sent or fetched as a file.
    File,
    Setup(&'a str),
}

impl<'a> Asked<'a> {
    fn of(path: &'a str) -> Option<Self> {
        match path {
            "/ui/session" => Some(Self::Session),
            "/ui/rpc" => Some(Self::Call),
            "/ui/console" => Some(Self::Console),
            "/ui/rrd_updates" | "/ui/vm_rrd" | "/ui/host_rrd" => Some(Self::Statistics),
            "/ui/vncsnapshot" => Some(Self::Screen),
            "/ui/import" | "/ui/export" | "/ui/import_raw_vdi" => Some(Self::File),
            _ => {
                let haven = path.strip_prefix("/ui/haven/").map(Self::Haven);
                haven.or_else(|| path.strip_prefix("/ui/setup/").map(Self::Setup))
            }
        }
    }
}

/// Answers a request for the console.
pub(super) async fn serve(state: &Arc<AppState>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let Some(asked) = Asked::of(&path) else { return file(&path, &request) };
    let forwarded = matches!(request.extensions().get::<Caller>(), Some(Caller::Peer(..)));
    // The host that the browser speaks to knows under which name; who forwards has looked.
    if !forwarded && !is_own_origin(&request) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let here = matches!(asked, Asked::Setup(_)) || state.identity.pool().is_none();
    if !here
        && !forwarded
        && let Some(coordinator) = super::elsewhere(state)
    {
        return match forward_request(&state.dialer, coordinator, request).await {
            Ok(response) => response,
            Err(ForwardError::Stranger) => {
                let error = state.unknown_here();
                failed(status_of(&error), &error)
            }
            Err(error) => {
                tracing::debug!(%error, "the page could not be forwarded to the coordinator");
                let error = state.not_coordinator();
                failed(status_of(&error), &error)
            }
        };
    }
    let mut response = match asked {
        Asked::Setup(what) => set_up(state, what, request).await,
        _ if state.identity.pool().is_none() => page::unconfigured(state),
        _ => page::answer(state, asked, request).await,
    };
    assets::secure(response.headers_mut());
    if let Ok(host) = HeaderValue::from_str(&state.identity.host().0.to_string()) {
        response.headers_mut().insert(COORDINATOR, host);
    }
    response
}

fn file(path: &str, request: &Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    match path.strip_prefix("/ui/") {
        Some(name) => assets::serve(name, request.headers()),
        None => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/ui/")]).into_response(),
    }
}

/// Whether a request comes from a page of this very server: browsers say so with everything that
/// changes something, and with WebSockets.
fn is_own_origin(request: &Request) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN) else {
        return *request.method() == Method::GET
            && !request.headers().contains_key(header::UPGRADE);
    };
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or(host);
    let origin = origin.to_str().ok().and_then(|text| text.strip_prefix("https://"));
    matches!((origin, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

async fn set_up(state: &Arc<AppState>, what: &str, request: Request) -> Response {
    match json_body(request).await {
        Ok(asked) => reply(setup::answer(state, what, &asked).await),
        Err(response) => response,
    }
}

/// The body of a request, as JSON.
async fn json_body(request: Request) -> Result<Json, Response> {
    let bytes = body(request, RPC_BYTES_MAX).await.map_err(IntoResponse::into_response)?;
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        failed(StatusCode::BAD_REQUEST, &ApiError::internal(format!("not JSON: {error}")))
    })
}

fn reply(answer: Result<Json, ApiError>) -> Response {
    match answer {
        Ok(value) => json_response(StatusCode::OK, value.to_string()),
        Err(error) => failed(status_of(&error), &error),
    }
}

/// What passes by itself is an answer like any other: the page reads it and asks again, where 503
/// would be an error in the console of the browser whenever the coordinator changes.
fn status_of(error: &ApiError) -> StatusCode {
    match error.code {
        codes::HOST_STILL_BOOTING | codes::HOST_IS_SLAVE => StatusCode::OK,
        codes::SESSION_INVALID | codes::SESSION_AUTHENTICATION_FAILED => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The same shape as an error of JSON-RPC 2.0.
fn failed(status: StatusCode, error: &ApiError) -> Response {
    let body = json!({ "error": { "code": 1, "message": error.code, "data": error.params } });
    json_response(status, body.to_string())
}

fn json_response(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri("/ui/rpc");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn only_the_page_itself_may_change_something() {
        let own = [("host", "10.77.0.1"), ("origin", "https://10.77.0.1")];
        assert!(is_own_origin(&request(Method::POST, &own)));
        for foreign in
            ["https://evil.example", "http://10.77.0.1", "https://10.77.0.1:8443", "null"]
        {
            let headers = [("host", "10.77.0.1"), ("origin", foreign)];
            assert!(!is_own_origin(&request(Method::POST, &headers)), "{foreign}");
            assert!(!is_own_origin(&request(Method::GET, &headers)), "{foreign}");
        }
        assert!(!is_own_origin(&request(Method::POST, &own[..1])));
        assert!(is_own_origin(&request(Method::GET, &own[..1])));
        let socket = [("host", "10.77.0.1"), ("upgrade", "websocket")];
        assert!(!is_own_origin(&request(Method::GET, &socket)));
    }

    #[test]
    fn a_pool_without_a_coordinator_is_no_error_of_the_browser() {
        let passing = ApiError::new(codes::HOST_STILL_BOOTING, Vec::new());
        assert_eq!(reply(Err(passing)).status(), StatusCode::OK);
        let wrong = ApiError::with(codes::SESSION_INVALID, &[&""]);
        assert_eq!(reply(Err(wrong)).status(), StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn the_root_leads_to_the_console_and_the_api_stays_where_it_is() {
        assert!(is_ours(&Method::GET, "/") && is_ours(&Method::GET, "/ui/vm/1/console"));
        assert!(!is_ours(&Method::POST, "/") && !is_ours(&Method::GET, "/uikit"));
        assert_eq!(Asked::of("/ui/haven/ha/status"), Some(Asked::Haven("ha/status")));
        assert_eq!(Asked::of("/ui/import"), Some(Asked::File));
        assert_eq!(Asked::of("/ui/vm/1/console"), None);
    }
}
