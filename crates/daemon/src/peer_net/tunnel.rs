//! Byte streams to a socket on another host, as an HTTP upgrade on the peer port.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use haven_cluster::ids::HostId;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};
use tokio::time::timeout;
use uuid::Uuid;

use super::{DialError, Dialer, Protocol};

/// Name of the protocol in the `Upgrade` header.
const PROTOCOL: &str = "haven-tunnel";
/// Longest wait for the other host to connect the far end.
const OPEN_MAX: Duration = Duration::from_secs(15);
/// Bytes under way per direction; memory streams of migrations need more than the default 8 KiB.
const BUFFER_BYTES: usize = 256 * 1024;

/// What a tunnel leads to: a fixed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The libvirt daemon, for a migration that was announced.
    Libvirt,
    /// The memory stream of a migration that was announced.
    Migrate(Uuid),
    /// A guest's screen.
    Vnc(Uuid),
    /// A guest's serial console.
    Serial(Uuid),
    /// A console of the host itself.
    Terminal,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Libvirt => f.write_str("libvirt"),
            Self::Migrate(vm) => write!(f, "migrate/{vm}"),
            Self::Vnc(vm) => write!(f, "vnc/{vm}"),
            Self::Serial(vm) => write!(f, "serial/{vm}"),
            Self::Terminal => f.write_str("terminal"),
        }
    }
}

impl FromStr for Target {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "libvirt" {
            return Ok(Self::Libvirt);
        }
        if text == "terminal" {
            return Ok(Self::Terminal);
        }
        let (kind, vm) = text.split_once('/').ok_or(())?;
        let vm = Uuid::try_parse(vm).map_err(|_| ())?;
        match kind {
            "migrate" => Ok(Self::Migrate(vm)),
            "vnc" => Ok(Self::Vnc(vm)),
            "serial" => Ok(Self::Serial(vm)),
            _ => Err(()),
        }
    }
}

/// Why a tunnel could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The host cannot be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// HTTP failed.
    #[error("the host broke off: {0}")]
    Http(#[from] hyper::Error),
    /// The host refused.
    #[error("the host refused with {0}")]
    Refused(StatusCode),
    /// It did not answer.
    #[error("the host did not answer in time")]
    Timeout,
    /// The request could not be made.
    #[error("{0}")]
    Request(#[from] http::Error),
}

/// Opens a tunnel to `target` on `host`.
pub async fn open_tunnel(
    dialer: &Dialer,
    host: HostId,
    target: Target,
) -> Result<TokioIo<Upgraded>, TunnelError> {
    open_tunnel_at(dialer, (host, None), target).await
}

/// The same at an address of the host that is not its own one.
///
/// # Errors
/// It does not answer there, or refuses.
pub async fn open_tunnel_at(
    dialer: &Dialer,
    (host, at): (HostId, Option<SocketAddr>),
    target: Target,
) -> Result<TokioIo<Upgraded>, TunnelError> {
    let stream = match at {
        Some(at) => dialer.dial_at(host, at, Protocol::Http1).await?,
        None => dialer.dial(host, Protocol::Http1).await?,
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    let request = Request::builder()
        .method(Method::GET)
        .uri(format!("/tunnel/{target}"))
        .header(header::HOST, "peer")
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, PROTOCOL)
        .body(Empty::<Bytes>::new())?;
    let response = timeout(OPEN_MAX, sender.send_request(request))
        .await
        .map_err(|_| TunnelError::Timeout)??;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(TunnelError::Refused(response.status()));
    }
    Ok(TokioIo::new(hyper::upgrade::on(response).await?))
}

/// The target that a request for a tunnel names, if it is one.
#[must_use]
pub fn tunnel_request_target(uri: &Uri, headers: &HeaderMap) -> Option<Target> {
    let upgrade = headers.get(header::UPGRADE)?;
    if !upgrade.as_bytes().eq_ignore_ascii_case(PROTOCOL.as_bytes()) {
        return None;
    }
    uri.path().strip_prefix("/tunnel/")?.parse().ok()
}

/// Copies in both directions until both are over. Errors end it too.
pub async fn join_streams<A, B>(mut a: A, mut b: B)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let copied = copy_bidirectional_with_sizes(&mut a, &mut b, BUFFER_BYTES, BUFFER_BYTES).await;
    if let Err(error) = copied {
        tracing::debug!(%error, "tunnel ended");
    }
}
