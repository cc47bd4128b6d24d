//! This host's TLS material, which changes when it joins or leaves a pool.

use std::sync::Arc;

use rustls::{ClientConfig, ServerConfig};
use tokio::sync::watch;

use crate::tls::{HostTls, TlsError};

/// Configurations made from one [`HostTls`].
#[derive(Debug)]
struct Material {
    tls: HostTls,
    api_server: Arc<ServerConfig>,
    peer_server: Arc<ServerConfig>,
    h1_client: Arc<ClientConfig>,
    h2_client: Arc<ClientConfig>,
}

/// The material in use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TlsStore {
    current: Arc<watch::Sender<Option<Arc<Material>>>>,
}

impl Default for TlsStore {
    fn default() -> Self {
        Self { current: Arc::new(watch::Sender::new(None)) }
    }
}

impl TlsStore {
    /// Puts material into use for all connections from now on.
    pub fn set(&self, tls: HostTls) -> Result<(), TlsError> {
        let material = Material {
            api_server: Arc::new(tls.api_server()?),
            peer_server: Arc::new(tls.peer_server()?),
            h1_client: Arc::new(tls.peer_client("http/1.1")?),
            h2_client: Arc::new(tls.peer_client("h2")?),
            tls,
        };
        self.current.send_replace(Some(Arc::new(material)));
        Ok(())
    }

    /// Forgets it: the host has left its pool.
    pub fn clear(&self) {
        self.current.send_replace(None);
    }

    /// Certificate of the pool's CA.
    #[must_use]
    pub fn ca_pem(&self) -> Option<String> {
        self.current.borrow().as_ref().map(|material| material.tls.ca_pem().to_owned())
    }

    /// Server configuration of the API.
    #[must_use]
    pub fn api_server(&self) -> Option<Arc<ServerConfig>> {
        self.current.borrow().as_ref().map(|material| material.api_server.clone())
    }

    /// Server configuration of the peer port.
    #[must_use]
    pub fn peer_server(&self) -> Option<Arc<ServerConfig>> {
        self.current.borrow().as_ref().map(|material| material.peer_server.clone())
    }

    pub(super) fn client(&self, protocol: super::Protocol) -> Option<Arc<ClientConfig>> {
        self.current.borrow().as_ref().map(|material| match protocol {
            super::Protocol::Http1 => material.h1_client.clone(),
            super::Protocol::Http2 => material.h2_client.clone(),
        })
    }
}
