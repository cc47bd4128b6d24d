//! Screens and serial consoles of guests, for clients of any host.
//!
//! Owns: the way from a client's connection to the Unix socket of QEMU, on this host or through a
//! tunnel on another. The caller has checked who asks, and where the guest runs.

mod websocket;

use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use haven_cluster::ids::HostId;
use http::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

use crate::agent::Agent;
use crate::peer_net::{Target, TunnelError, join_streams, open_tunnel};
use crate::terminal;

/// Consoles at a time on one host.
const CONSOLES_MAX: usize = 512;
/// Longest wait for QEMU to take the connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);

static SLOTS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(CONSOLES_MAX));

/// Which console of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleKind {
    /// The screen, by RFB (VNC).
    Vnc,
    /// The serial line.
    Serial,
}

/// A console and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleTarget {
    /// The guest.
    pub vm: Uuid,
    /// The host that runs it.
    pub host: HostId,
    /// Which of its consoles.
    pub kind: ConsoleKind,
}

/// Why a console cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// QEMU does not take the connection.
    #[error("the console of VM {vm} does not answer: {source}")]
    Local {
        /// Which VM.
        vm: Uuid,
        /// Why.
        source: std::io::Error,
    },
    /// The host gives no console of its own.
    #[error("the host gives no console: {}", .0.as_str())]
    Refused(terminal::Refusal),
    /// The host of the guest does not.
    #[error("the host of the VM gives no console: {0}")]
    Remote(#[from] TunnelError),
}

/// A byte stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens a console.
pub async fn open(agent: &Agent, target: ConsoleTarget) -> Result<Box<dyn Stream>, ConsoleError> {
    let ConsoleTarget { vm, host, kind } = target;
    if host != agent.host() {
        let target = match kind {
            ConsoleKind::Vnc => Target::Vnc(vm),
            ConsoleKind::Serial => Target::Serial(vm),
        };
        return Ok(Box::new(open_tunnel(&agent.parts().dialer, host, target).await?));
    }
    let path = match kind {
        ConsoleKind::Vnc => agent.parts().hypervisor.vnc_socket(vm),
        ConsoleKind::Serial => agent.parts().hypervisor.serial_socket(vm),
    };
    let stream = timeout(CONNECT_MAX, UnixStream::connect(path))
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(|source| ConsoleError::Local { vm, source })?;
    Ok(Box::new(stream))
}

/// Bytes between a client and a terminal of this host.
const TERMINAL_BYTES: usize = 64 * 1024;

/// Opens a console of a host itself. The caller has checked who asks, and whether the pool allows it.
///
/// # Errors
/// The host does not answer, or refuses.
pub async fn open_host(agent: &Agent, host: HostId) -> Result<Box<dyn Stream>, ConsoleError> {
    if host != agent.host() {
        return Ok(Box::new(open_tunnel(&agent.parts().dialer, host, Target::Terminal).await?));
    }
    let place = agent.terminals().enter().map_err(ConsoleError::Refused)?;
    let (near, far) = tokio::io::duplex(TERMINAL_BYTES);
    tokio::spawn(terminal::serve(far, place));
    Ok(Box::new(near))
}

/// Answers with the console of a host; `held` is dropped when it has ended.
pub async fn carry_host(
    console: Box<dyn Stream>,
    mut request: Request,
    held: impl Send + 'static,
) -> Response {
    let Ok(slot) = SLOTS.try_acquire() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let held = (slot, held);
    if request.method() != Method::CONNECT {
        return websocket::serve(console, websocket::Wire::Frames, held, request).await;
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            // The client writes frames by itself.
            Ok(client) => join_streams(TokioIo::new(client), console).await,
            Err(error) => tracing::debug!(%error, "console not opened by the client"),
        }
        drop(held);
    });
    Response::new(Body::empty())
}

/// Answers `CONNECT /console` with the raw stream, and `GET /console` with a WebSocket.
pub async fn serve(agent: &Agent, target: ConsoleTarget, mut request: Request) -> Response {
    let Ok(slot) = SLOTS.try_acquire() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let console = match open(agent, target).await {
        Ok(console) => console,
        Err(error) => {
            tracing::warn!(vm = %target.vm, %error, "no console");
            return StatusCode::BAD_GATEWAY.into_response();
        }
    };
    if request.method() != Method::CONNECT {
        return websocket::serve(console, websocket::Wire::Bytes, slot, request).await;
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(client) => join_streams(TokioIo::new(client), console).await,
            Err(error) => tracing::debug!(%error, "console not opened by the client"),
        }
        drop(slot);
    });
    Response::new(Body::empty())
}
