//! This host's TLS material, which changes when it joins or leaves a pool.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use haven_cluster::ids::HostId;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig};
use tokio::sync::watch;
use uuid::Uuid;

use crate::tls::{HostTls, TlsError, fingerprint, fingerprint_der, issue, make_ca, make_request};

/// Name in the certificate of a host that is in no pool yet.
const FIRST_RUN_NAME: &str = "haven";

/// Configurations made from one [`HostTls`].
#[derive(Debug)]
struct Material {
    tls: Arc<HostTls>,
    api_server: Arc<ServerConfig>,
    api_fingerprint: String,
    peer_server: Arc<ServerConfig>,
    h1_client: Arc<ClientConfig>,
    h2_client: Arc<ClientConfig>,
}

/// The material in use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TlsStore {
    current: Arc<watch::Sender<Option<Arc<Material>>>>,
    first_run: Arc<OnceLock<Option<FirstRun>>>,
    /// The site's own certificate for the API.
    site: Arc<RwLock<Option<Arc<CertifiedKey>>>>,
}

/// What a host in no pool shows, with the fingerprint of its certificate.
type FirstRun = (Arc<ServerConfig>, String);

impl Default for TlsStore {
    fn default() -> Self {
        Self {
            current: Arc::new(watch::Sender::new(None)),
            first_run: Arc::default(),
            site: Arc::default(),
        }
    }
}

impl TlsStore {
    /// Has the API show the site's own certificate, or the pool's again, from now on.
    ///
    /// # Errors
    /// It is not usable; then nothing changes.
    pub fn set_site(&self, site: Option<CertifiedKey>) -> Result<(), TlsError> {
        let site = site.map(Arc::new);
        let current = self.current.borrow().clone();
        if let Some(material) = current {
            self.install(material.tls.clone(), site.clone())?;
        }
        *self.site.write().unwrap_or_else(PoisonError::into_inner) = site;
        Ok(())
    }

    /// Puts material into use for all connections from now on.
    pub fn set(&self, tls: HostTls) -> Result<(), TlsError> {
        let site = self.site.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.install(Arc::new(tls), site)
    }

    fn install(&self, tls: Arc<HostTls>, site: Option<Arc<CertifiedKey>>) -> Result<(), TlsError> {
        let shown = site.as_ref().and_then(|site| site.cert.first().map(fingerprint_der));
        let material = Material {
            api_fingerprint: shown.unwrap_or_else(|| tls.fingerprint()),
            api_server: Arc::new(tls.api_server(site)?),
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

    /// SHA-256, hexadecimal, of the certificate that browsers see.
    #[must_use]
    pub fn api_fingerprint(&self) -> Option<String> {
        self.current.borrow().as_ref().map(|material| material.api_fingerprint.clone())
    }

    /// Server configuration of the API; with a certificate of its own while the host is in no
    /// pool, for the first run of the console.
    #[must_use]
    pub fn api_server(&self) -> Option<Arc<ServerConfig>> {
        let pooled = self.current.borrow().as_ref().map(|material| material.api_server.clone());
        pooled.or_else(|| self.first_run().map(|(server, _)| server))
    }

    fn first_run(&self) -> Option<FirstRun> {
        self.first_run.get_or_init(first_run_server).clone()
    }

    /// SHA-256, hexadecimal, of the certificate that this host shows while it is in no pool.
    #[must_use]
    pub fn first_run_fingerprint(&self) -> Option<String> {
        self.first_run().map(|(_, fingerprint)| fingerprint)
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

/// A server with a certificate that nobody vouches for, made when it is first asked for.
fn first_run_server() -> Option<FirstRun> {
    let make = || -> Result<FirstRun, TlsError> {
        let ca = make_ca(Uuid::new_v4())?;
        let key = make_request()?;
        let cert = issue(&ca, &key.csr_pem, HostId(Uuid::new_v4()), FIRST_RUN_NAME, &[])?;
        let server = HostTls::new(&ca.cert_pem, &cert, &key.key_pem)?.api_server(None)?;
        Ok((Arc::new(server), fingerprint(&cert)?))
    };
    match make() {
        Ok(made) => Some(made),
        Err(error) => {
            tracing::error!(%error, "no certificate for the first run");
            None
        }
    }
}
