//! Accept loops: TLS and Unix sockets, for axum routers.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
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
use super::patience::Patient;
use super::thin::{Begun, serve_thin};
use crate::fair::Line;
use crate::tls::peer_of;

/// Connections at a time, per listener.
const CONNECTIONS_MAX: usize = 4096;
/// Longest wait for a client's handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Pause after a failed accept, e.g. without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Longest wait for a client to send its request head.
const HEADER_MAX: Duration = Duration::from_secs(30);
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
/// certificates take effect; without one the connection is closed.
pub async fn serve_tls(
    listener: TcpListener,
    config: impl Fn() -> Option<Arc<ServerConfig>> + Send + Sync + 'static,
    router: Router,
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
        let router = router.clone();
        let stop = stop.clone();
        tokio::spawn(async move {
            if tune(&stream).is_err() {
                return;
            }
            let handshake = TlsAcceptor::from(config).accept(stream);
            let stream = match timeout(HANDSHAKE_MAX, handshake).await {
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
            serve_stream(stream, caller, router, stop, slot).await;
        });
    }
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
        let caller = Caller::Remote(address);
        tokio::spawn(serve_stream(stream, caller, router.clone(), stop.clone(), slot));
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
        let serving = serve_stream(stream, Caller::LocalRoot, router.clone(), stop.clone(), slot);
        tokio::spawn(serving);
    }
}

async fn serve_stream<S>(
    stream: S,
    caller: Caller,
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
    let line = Line::default();
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(caller.clone());
        request.extensions_mut().insert(line.clone());
        router.clone().oneshot(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let mut http1 = builder.http1();
    http1.timer(TokioTimer::new()).header_read_timeout(HEADER_MAX).max_buf_size(BUFFER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let connection = builder
        .serve_connection_with_upgrades(TokioIo::new(Patient::new(stream, STALL_MAX)), service);
    tokio::select! {
        result = connection => if let Err(error) = result {
            tracing::debug!(%error, "connection ended");
        },
        () = stop.cancelled() => {}
    }
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
