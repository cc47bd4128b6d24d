//! Dialling a member.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use haven_cluster::ids::HostId;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::TlsStore;
use crate::identity::IdentityStore;
use crate::tls::server_name;

/// Longest wait for a TCP connection.
const CONNECT_MAX: Duration = Duration::from_secs(4);
/// Longest wait for the TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(6);
/// Unacknowledged data breaks a connection after this time.
const TCP_USER_TIMEOUT_MS: u32 = 20_000;

/// A connection to a member.
pub type PeerStream = TlsStream<TcpStream>;

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One request after the other, and upgrades to byte streams.
    Http1,
    /// Many requests at once.
    Http2,
}

/// Why a member cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No such member.
    #[error("it is not a member of the pool")]
    NotMember,
    /// This host has no certificate.
    #[error("this host has no certificate of a pool")]
    NoCertificate,
    /// No connection.
    #[error("no connection to {address}: {source}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The handshake failed: another host, or not of this pool.
    #[error("no trusted connection to {address}: {source}")]
    Handshake {
        /// Where to.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Dials members of the pool. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dialer {
    identity: Arc<IdentityStore>,
    tls: TlsStore,
}

impl Dialer {
    /// With the addresses of `identity` and the certificate of `tls`.
    #[must_use]
    pub fn new(identity: Arc<IdentityStore>, tls: TlsStore) -> Self {
        Self { identity, tls }
    }

    /// Where members reach `host` at another address of it; none: it is no member.
    #[must_use]
    pub fn at(&self, host: HostId, address: IpAddr) -> Option<SocketAddr> {
        let identity = self.identity.get();
        let member = identity.pool.as_ref()?.member(host)?;
        Some(SocketAddr::new(address, member.peer_port))
    }

    /// Connects to `host` and proves that it is `host`.
    pub async fn dial(&self, host: HostId, protocol: Protocol) -> Result<PeerStream, DialError> {
        let identity = self.identity.get();
        let member = identity
            .pool
            .as_ref()
            .and_then(|pool| pool.member(host))
            .ok_or(DialError::NotMember)?;
        self.dial_at(host, member.peer_address(), protocol).await
    }

    /// The same at an address of which only this is known: that `host` should answer there.
    ///
    /// # Errors
    /// Nobody answers there, or somebody else.
    pub async fn dial_at(
        &self,
        host: HostId,
        address: SocketAddr,
        protocol: Protocol,
    ) -> Result<PeerStream, DialError> {
        let config = self.tls.client(protocol).ok_or(DialError::NoCertificate)?;
        let stream = timeout(CONNECT_MAX, TcpStream::connect(address))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| DialError::Connect { address, source })?;
        tune(&stream).map_err(|source| DialError::Connect { address, source })?;
        let name = server_name(host).map_err(|_| DialError::NotMember)?;
        timeout(HANDSHAKE_MAX, TlsConnector::from(config).connect(name, stream))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| DialError::Handshake { address, source })
    }
}

/// No delay for small messages, and no hour-long wait for a peer that is gone.
pub(super) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_tcp_user_timeout(stream, TCP_USER_TIMEOUT_MS)?;
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(stream, Duration::from_secs(10))?;
    rustix::net::sockopt::set_tcp_keepintvl(stream, Duration::from_secs(5))?;
    Ok(())
}
