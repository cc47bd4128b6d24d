//! Handing a request to another member, as it came: streamed, upgrades included.

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use haven_cluster::ids::HostId;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::serve::Caller;
use super::{DialError, Dialer, Protocol, join_streams};

/// Says to the other member for whom the request is. Never believed from anyone but a member.
const CALLER: HeaderName = HeaderName::from_static("x-haven-caller");
/// In a refusal: who asks is in this host's pool no more.
pub(super) const STRANGER: HeaderName = HeaderName::from_static("x-haven-stranger");
/// Its value for root of the forwarding host.
const ROOT: &str = "root";
/// Where the other member serves what is forwarded.
const MOUNT: &str = "/proxy";

/// Why a request could not be forwarded.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The host cannot be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The other host has the database, which does not know this one: it was taken out of the pool while
    /// it was off.
    #[error("that host does not know this one as a member of its pool")]
    Stranger,
    /// HTTP failed.
    #[error("the host broke off: {0}")]
    Http(#[from] hyper::Error),
    /// The request has no usable path.
    #[error("cannot forward: {0}")]
    Uri(#[from] http::uri::InvalidUri),
}

/// Forwards `request` to `host` and streams its answer back.
pub async fn forward_request(
    dialer: &Dialer,
    host: HostId,
    mut request: Request,
) -> Result<Response, ForwardError> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let uri: Uri = format!("{MOUNT}{path}").parse()?;
    let caller = match request.extensions().get::<Caller>() {
        Some(Caller::LocalRoot) => HeaderValue::from_static(ROOT),
        Some(Caller::Remote(address) | Caller::Peer(_, address)) => {
            HeaderValue::from_str(&address.ip().to_string())
                .unwrap_or(HeaderValue::from_static("0.0.0.0"))
        }
        None => HeaderValue::from_static("0.0.0.0"),
    };
    let stream = dialer.dial(host, Protocol::Http1).await?;
    let (mut sender, connection) = http1::handshake::<_, Body>(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    let upgrades = may_upgrade(&request);
    let near = upgrades.then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let mut onward = Request::new(body);
    *onward.method_mut() = parts.method.clone();
    *onward.uri_mut() = uri;
    *onward.headers_mut() = end_to_end(parts.headers, upgrades);
    onward.headers_mut().insert(header::HOST, HeaderValue::from_static("peer"));
    onward.headers_mut().insert(CALLER, caller);
    let mut response = sender.send_request(onward).await?;
    if response.headers().contains_key(STRANGER) {
        return Err(ForwardError::Stranger);
    }
    let connected = parts.method == Method::CONNECT && response.status().is_success();
    let switched = connected || response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if let Some(near) = near.filter(|_| switched) {
        let far = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            match tokio::try_join!(near, far) {
                Ok((near, far)) => join_streams(TokioIo::new(near), TokioIo::new(far)).await,
                Err(error) => tracing::debug!(%error, "forwarded upgrade not opened"),
            }
        });
    }
    let (mut head, body) = response.into_parts();
    head.headers = end_to_end(head.headers, switched);
    Ok(Response::from_parts(head, Body::new(body)))
}

/// The answer to a host that is in this host's pool no more, as its database says.
#[must_use]
pub fn to_stranger() -> Response {
    (StatusCode::FORBIDDEN, [(STRANGER, "1")]).into_response()
}

/// Whether the head of an answer, as it came, is of that one.
#[must_use]
pub fn is_to_stranger(head: &[u8]) -> bool {
    let header = STRANGER;
    let name = header.as_str().as_bytes();
    head.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name))
}

/// For whom a forwarded request is, as the member says that forwarded it.
#[must_use]
pub fn forwarded_caller(headers: &HeaderMap) -> ForwardedFor {
    match headers.get(CALLER).and_then(|value| value.to_str().ok()) {
        Some(ROOT) => ForwardedFor::Root,
        Some(text) => ForwardedFor::Remote(text.parse().unwrap_or(UNKNOWN)),
        None => ForwardedFor::Remote(UNKNOWN),
    }
}

const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// For whom a member forwarded a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedFor {
    /// Root of that member, through its local socket.
    Root,
    /// A client of that member, who needs a session.
    Remote(IpAddr),
}

fn may_upgrade(request: &Request) -> bool {
    request.method() == Method::CONNECT || request.headers().contains_key(header::UPGRADE)
}

/// Headers that are for the other end; those of an upgrade only where there is one.
fn end_to_end(mut headers: HeaderMap, upgrade: bool) -> HeaderMap {
    for name in [header::TRANSFER_ENCODING, header::TE, header::TRAILER, CALLER] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    if !upgrade {
        headers.remove(header::CONNECTION);
        headers.remove(header::UPGRADE);
    }
    headers
}
