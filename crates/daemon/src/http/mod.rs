//! The API over HTTP: XML-RPC, JSON-RPC, and what the command line needs besides.
//!
//! Owns: routes, limits, content types. The same application serves the TLS port, the port for
//! members and the local socket of root; [`Origin`] says which. Never decides what a message
//! does: [`crate::dispatch`] does.

mod audit_log;
mod auth;
mod console;
mod extra;
mod extra_ha;
mod extra_pool;
mod extra_recovery;
mod host_console;
mod metrics;
mod raw_vdi;
mod redirect;
mod rpc;
mod rrd;
mod screen;
mod upload;
mod web;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;

use crate::cli;
use crate::fair::{Address, Entry, Line, Who, metered};
pub use redirect::redirect;

use crate::peer_net::{
    Caller, ForwardError, ForwardedFor, RawStream, forward_request, forwarded_caller,
};
use crate::state::AppState;

/// Largest body of a call.
pub(crate) const RPC_BYTES_MAX: usize = 300 * 1024;
/// So much of a request that is too long is read before it is answered.
const DROPPED_BYTES_MAX: usize = 4 << 20;
/// Longest wait for the body of a call.
const BODY_MAX: Duration = Duration::from_secs(30);
/// Routes that concern this host alone, and are never forwarded to the coordinator.
const OWN_ROUTES: &[&str] = &[
    "/haven/pool/init",
    "/haven/pool/join",
    "/haven/pool/promote",
    "/haven/ha/emergency-disarm",
    "/haven/pool/follow",
    "/haven/status",
    crate::copies::ABOUT_ROUTE,
    crate::copies::COPY_ROUTE,
    "/haven/pool/copies",
    "/haven/pool/recover",
    "/haven/web",
    crate::ops::certificate::ROUTE,
    host_console::HERE_ROUTE,
];

/// Where consoles are; any host of the pool leads there.
const CONSOLE_ROUTE: &str = "/console";
/// The pool database, as a file.
const DUMP_ROUTE: &str = "/pool/xmldbdump";
/// The audit log.
const AUDIT_ROUTE: &str = "/audit_log";
/// Set by clients that want any host to answer for the pool; others get `HOST_IS_SLAVE`.
const PROXY: &str = "x-haven-proxy";

/// On whose behalf a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Root of a host of the pool, through its local socket: a login always succeeds.
    Root,
    /// Somebody over the network.
    Remote(IpAddr),
}

impl Origin {
    /// From who is at the other end, and what a member says for whom it forwards.
    fn of(request: &Request) -> Self {
        match request.extensions().get::<Caller>() {
            Some(Caller::LocalRoot) => Self::Root,
            Some(Caller::Remote(address)) => Self::Remote(address.ip()),
            Some(Caller::Peer(..)) => match forwarded_caller(request.headers()) {
                ForwardedFor::Root => Self::Root,
                ForwardedFor::Remote(address) => Self::Remote(address),
            },
            // Without the extension a request counts as foreign: the safe reading.
            None => Self::Remote(IpAddr::from([0, 0, 0, 0])),
        }
    }

    /// Whether calls come from root.
    #[must_use]
    pub fn is_root(self) -> bool {
        self == Self::Root
    }
}

/// The application.
pub fn router(state: Arc<AppState>) -> Router {
    Router::new().fallback(entry).with_state(state)
}

/// On a request that is only to be answered that its client asks too much.
#[derive(Clone, Copy, Debug)]
struct Refused;

/// Waits for the request's turn before anything of it is read.
async fn entry(State(state): State<Arc<AppState>>, mut request: Request) -> Response {
    let line = request.extensions().get::<Line>().cloned().unwrap_or_default();
    let address = match Origin::of(&request) {
        Origin::Root => Address::Root,
        Origin::Remote(address) => Address::remote(address),
    };
    let who = Who { address, session: line.session() };
    match state.fair.enter(who, line.clone()).await {
        Entry::Pass(pass) => metered(pass, answer(state, line, request)).await,
        Entry::Refused => {
            request.extensions_mut().insert(Refused);
            match is_call(&request) {
                true => answer(state, line, request).await,
                false => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            }
        }
    }
}

async fn answer(state: Arc<AppState>, line: Line, mut request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if web::is_ours(request.method(), &path) {
        return web::serve(&state, request).await;
    }
    let origin = Origin::of(&request);
    let stranger = matches!(request.extensions().get::<Caller>(), Some(Caller::Remote(_)));
    if stranger && state.identity.pool().is_none() {
        // Only the console's first run is for everybody who can reach a host without a pool.
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if path == cli::ROUTE && request.extensions().get::<RawStream>().is_some() {
        let elsewhere = elsewhere(&state);
        return cli::serve(&state, origin, elsewhere, request).await;
    }
    let local = request.extensions().get::<Caller>() == Some(&Caller::LocalRoot);
    let statistics = rrd::ROUTES.contains(&path.as_str());
    let asks = path == CONSOLE_ROUTE
        || path == screen::ROUTE
        || statistics
        || request.headers().contains_key(PROXY);
    // Never twice: two hosts that disagree about the coordinator would play ball.
    let forwarded = matches!(request.extensions().get::<Caller>(), Some(Caller::Peer(..)));
    if (local || asks && !forwarded)
        && !OWN_ROUTES.contains(&path.as_str())
        && let Some(coordinator) = elsewhere(&state)
    {
        if statistics {
            rrd::name_host(&state, &mut request);
        }
        let is_call = is_call(&request);
        return match forward_request(&state.dialer, coordinator, request).await {
            Ok(response) => response,
            Err(ForwardError::Stranger) if is_call => rpc::failed(&path, &state.unknown_here()),
            Err(ForwardError::Stranger) => extra::failed(&state.unknown_here()),
            Err(error) => {
                tracing::warn!(%error, "a request could not be forwarded to the coordinator");
                StatusCode::BAD_GATEWAY.into_response()
            }
        };
    }
    if path == CONSOLE_ROUTE {
        return console::serve(&state, origin, request).await;
    }
    match *request.method() {
        Method::OPTIONS => options(&request),
        Method::POST if path.starts_with("/haven/") => {
            extra::post(&state, origin, &path, request).await
        }
        Method::POST => rpc::answer(&state, origin, &line, &path, request).await,
        Method::GET if path.starts_with("/haven/") => {
            let asker = (auth::Credentials::of(&request), extra::language(&request));
            drop(request);
            extra::get(&state, origin, &path, asker).await
        }
        Method::GET if path == screen::ROUTE => screen::serve(&state, origin, request).await,
        Method::GET if statistics => rrd::serve(&state, origin, request).await,
        Method::GET | Method::PUT if raw_vdi::route(&path).is_some() => {
            raw_vdi::serve(&state, origin, request).await
        }
        Method::GET | Method::PUT if path == DUMP_ROUTE => {
            extra_recovery::dump_or_restore(&state, origin, request).await
        }
        Method::GET if path == AUDIT_ROUTE => audit_log::serve(&state, origin, request).await,
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Whether its answer is one of the API, an error as well as a result.
fn is_call(request: &Request) -> bool {
    let path = request.uri().path();
    *request.method() == Method::POST && !path.starts_with("/haven/") && path != CONSOLE_ROUTE
}

/// The coordinator, when it is another host.
fn elsewhere(state: &AppState) -> Option<haven_cluster::ids::HostId> {
    if state.pool.is_open() {
        return None;
    }
    let coordinator = state.authority.coordinator()?;
    (coordinator != state.identity.host()).then_some(coordinator)
}

fn options(request: &Request) -> Response {
    let requested = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .and_then(|value| value.to_str().ok())
        .map_or_else(|| "X-Requested-With".to_owned(), |list| format!("{list}, X-Requested-With"));
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("PUT"));
    if let Ok(requested) = HeaderValue::from_str(&requested) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, requested);
    }
    response
}

/// An answer of the API, as text.
pub(crate) fn text(content_type: &'static str, body: String) -> Response {
    answered(content_type, Body::from(body))
}

/// An answer of the API: exactly this content type, and readable by programs in browsers.
fn answered(content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers
        .insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("X-Requested-With"));
    response
}

/// The body, up to the limit.
pub(crate) async fn body(request: Request, limit: usize) -> Result<Vec<u8>, StatusCode> {
    body_within(request, limit, BODY_MAX).await
}

async fn body_within(
    request: Request,
    limit: usize,
    longest: Duration,
) -> Result<Vec<u8>, StatusCode> {
    let read = tokio::time::timeout(longest, read_up_to(request.into_body(), limit)).await;
    read.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
}

/// What is too long is read on for a while and dropped: a client that still writes when the
/// connection is closed sees a broken pipe, and never the answer.
async fn read_up_to(mut body: Body, limit: usize) -> Result<Vec<u8>, StatusCode> {
    let (mut bytes, mut dropped) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() else { continue };
        if dropped == 0 && bytes.len() + data.len() <= limit {
            bytes.extend_from_slice(&data);
            continue;
        }
        dropped += data.len();
        if dropped > DROPPED_BYTES_MAX {
            break;
        }
    }
    if dropped == 0 { Ok(bytes) } else { Err(StatusCode::PAYLOAD_TOO_LARGE) }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::HttpBody;
    use hyper::body::{Bytes, Frame};

    use super::*;

    /// A body of which a part came, and then nothing more.
    struct Stalled(bool);

    impl HttpBody for Stalled {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{ \"method\":")))))
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for_without_end() {
        let request = Request::post("/jsonrpc").body(Body::new(Stalled(false))).unwrap();
        let read = body_within(request, RPC_BYTES_MAX, Duration::from_millis(20)).await;
        assert_eq!(read, Err(StatusCode::REQUEST_TIMEOUT));
    }
}
