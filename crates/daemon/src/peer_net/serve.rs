//! Accept loops: TLS and Unix sockets, for axum routers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use haven_cluster::ids::HostId;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::dial::tune;
use super::idle::Idle;
use super::patience::Patient;
use super::thin::{Begun, serve_thin};
use crate::fair::{Address, Fair, Line, Who, counted};
use crate::tls::peer_of;

/// Connections at a time, per listener.
const CONNECTIONS_MAX: usize = 4096;
/// Longest wait for a client's handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Pause after a failed accept, e.g. without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Longest wait for a client to begin its first request. The head of each may take so much longer than
/// [`IDLE_MAX`], counted from the answer before.
const HEADER_MAX: Duration = Duration::from_secs(30);
/// A connection without a request for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(75);
/// What clients are told of that: less, so that none sends in the moment in which it is closed.
const KEEP_ALIVE: &str = "timeout=60";
/// Pings on HTTP/2 connections.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// A connection without an answer to a ping for so long is dead.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections of one address at a time, per listener.
const CONNECTIONS_OF_ONE_MAX: u32 = 512;
/// What is kept of a connection at most: of a request before it is read, and of an answer that
/// the client does not take.
const BUFFER_BYTES_MAX: usize = 128 << 10;
/// A client that reads nothing for so long is given up.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Who is at the other end of a connection; an extension of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Root on this host, through the Unix socket.
    LocalRoot,
    /// Somebody over TLS without a certificate.
    Remote(SocketAddr),
    /// A host, proven by a certificate of the pool's CA. Not yet known to be a member *now*.
    Peer(HostId, SocketAddr),
}

/// Serves `router` over TLS until `stop`. `config` is asked for every connection, so that new
/// certificates take effect; without one the connection is closed. With `fair` a handshake waits for
/// its turn as a request does, and counts for those of its address that have no session.
pub async fn serve_tls(
    listener: TcpListener,
    config: impl Fn() -> Option<Arc<ServerConfig>> + Send + Sync + 'static,
    router: Router,
    fair: Option<Arc<Fair>>,
    stop: CancellationToken,
) {
    let slots = Slots::default();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (Some(slot), Some(config)) = (slots.take(address.ip()), config()) else {
            continue;
        };
        let (router, fair, stop) = (router.clone(), fair.clone(), stop.clone());
        tokio::spawn(async move {
            if tune(&stream).is_err() {
                return;
            }
            let line = Line::default();
            let handshake = timeout(HANDSHAKE_MAX, TlsAcceptor::from(config).accept(stream));
            let handshake = match fair {
                Some(fair) => in_turn(&fair, &line, address.ip(), handshake).await,
                None => handshake.await,
            };
            let stream = match handshake {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    tracing::debug!(%address, %error, "TLS handshake failed");
                    return;
                }
                Err(_) => return,
            };
            let peer = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let caller = match peer.and_then(peer_of) {
                Some(host) => Caller::Peer(host, address),
                None => Caller::Remote(address),
            };
            serve_stream(stream, (caller, line), router, stop, slot).await;
        });
    }
}

/// The beginning of a connection, when it is its turn.
async fn in_turn<T>(
    fair: &Arc<Fair>,
    line: &Line,
    address: IpAddr,
    handshake: impl Future<Output = T>,
) -> T {
    let who = Who { address: Address::remote(address), session: None };
    let mut pass = fair.begin(who, line.clone()).await;
    counted(&mut pass, handshake).await
}

/// Serves `router` without TLS until `stop`: for redirects alone.
pub async fn serve_plain(listener: TcpListener, router: Router, stop: CancellationToken) {
    let slots = Slots::default();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, address)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Some(slot) = slots.take(address.ip()) else { continue };
        let who = (Caller::Remote(address), Line::default());
        tokio::spawn(serve_stream(stream, who, router.clone(), stop.clone(), slot));
    }
}

/// Places for connections, all together and by address.
#[derive(Clone, Debug)]
struct Slots {
    all: Arc<Semaphore>,
    by_address: Arc<Mutex<BTreeMap<IpAddr, u32>>>,
}

impl Default for Slots {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(CONNECTIONS_MAX)), by_address: Arc::default() }
    }
}

/// A place; free again when dropped.
struct Slot {
    slots: Slots,
    address: IpAddr,
    _all: OwnedSemaphorePermit,
}

impl Slots {
    fn take(&self, address: IpAddr) -> Option<Slot> {
        let all = self.all.clone().try_acquire_owned().ok()?;
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_default();
        if *count >= CONNECTIONS_OF_ONE_MAX {
            return None;
        }
        *count += 1;
        drop(by_address);
        Some(Slot { slots: self.clone(), address, _all: all })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut by_address = self.slots.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// Serves `router` on a Unix socket, whose callers are root, until `stop`.
pub async fn serve_unix(listener: UnixListener, router: Router, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else { continue };
        let who = (Caller::LocalRoot, Line::default());
        tokio::spawn(serve_stream(stream, who, router.clone(), stop.clone(), slot));
    }
}

async fn serve_stream<S>(
    stream: S,
    (caller, line): (Caller, Line),
    router: Router,
    stop: CancellationToken,
    _slot: impl Send + 'static,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Ok(Ok(stream)) = timeout(HEADER_MAX, Begun::look(stream)).await else { return };
    if stream.is_thin() {
        let answer = move |mut request: Request| async move {
            request.extensions_mut().insert(caller);
            router.oneshot(request).await.unwrap_or_else(|never| match never {})
        };
        tokio::select! {
            served = serve_thin(stream, answer) => if let Err(error) = served {
                tracing::debug!(%error, "a command line could not be read");
            },
            () = stop.cancelled() => {}
        }
        return;
    }
    let idle = Idle::new(IDLE_MAX);
    let uses = idle.clone();
    // Members keep theirs: an order must not wait for a new one.
    let member = matches!(caller, Caller::Peer(..));
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(caller.clone());
        request.extensions_mut().insert(line.clone());
        answered(uses.clone(), router.clone(), request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let mut http1 = builder.http1();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_MAX + HEADER_MAX)
        .max_buf_size(BUFFER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let connection = builder
        .serve_connection_with_upgrades(TokioIo::new(Patient::new(stream, STALL_MAX)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => return,
        () = idle.passed(), if !member => {
            // A request that is on its way now is read and dropped: its client sees the end, no reset.
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = stop.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

/// An answer, which says how long the connection is kept.
async fn answered(idle: Idle, router: Router, request: Request) -> Result<Response, Infallible> {
    let _used = idle.used();
    let old = request.version() < http::Version::HTTP_2;
    let mut response = router.oneshot(request).await?;
    if old && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let name = HeaderName::from_static("keep-alive");
        response.headers_mut().insert(name, HeaderValue::from_static(KEEP_ALIVE));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_bounded_by_address_and_all_together() {
        let slots = Slots::default();
        let address = |last: u32| IpAddr::from((0x0a00_0000 + last).to_be_bytes());
        let mut held: Vec<Slot> =
            (0..CONNECTIONS_OF_ONE_MAX).map(|_| slots.take(address(1)).unwrap()).collect();
        assert!(slots.take(address(1)).is_none(), "one client has its share");
        held.push(slots.take(address(2)).unwrap());
        drop(held.remove(0));
        held.push(slots.take(address(1)).unwrap());
        let mut next = 1000;
        while held.len() < CONNECTIONS_MAX {
            next += 1;
            held.push(slots.take(address(next)).unwrap());
        }
        assert!(slots.take(address(3)).is_none(), "no more in all");
        held.clear();
        assert!(slots.by_address.lock().unwrap().is_empty(), "nobody is remembered for ever");
        assert!(slots.take(address(3)).is_some());
    }
}
