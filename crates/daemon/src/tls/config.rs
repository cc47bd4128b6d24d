//! Client and server configurations of a host.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use haven_cluster::ids::HostId;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use uuid::Uuid;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::TlsError;
use super::site::Chooser;
use crate::identity::replace_secret;

/// Zone of the hosts' names in their certificates; never looked up.
const ZONE: &str = ".host.haven.internal";
/// Certificate of the pool's CA.
const CA_CERT: &str = "ca.pem";
/// Key of the pool's CA, where it is kept.
const CA_KEY: &str = "ca.key";
/// This host's certificate.
const HOST_CERT: &str = "host.pem";
/// This host's key.
const HOST_KEY: &str = "host.key";

/// The name of a host in its certificate.
#[must_use]
pub fn peer_name(host: HostId) -> String {
    format!("{}{ZONE}", host.0)
}

/// The same for a TLS client.
pub fn server_name(host: HostId) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(peer_name(host)).map_err(|error| TlsError::Invalid(error.to_string()))
}

/// The host that a (verified) certificate belongs to.
#[must_use]
pub fn peer_of(cert: &CertificateDer<'_>) -> Option<HostId> {
    let (_, cert) = X509Certificate::from_der(cert.as_ref()).ok()?;
    let names = cert.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| match name {
        GeneralName::DNSName(name) => {
            name.strip_suffix(ZONE).and_then(|uuid| Uuid::try_parse(uuid).ok()).map(HostId)
        }
        _ => None,
    })
}

/// Certificates and key of this host.
pub struct HostTls {
    ca: CertificateDer<'static>,
    ca_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl std::fmt::Debug for HostTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostTls").finish_non_exhaustive()
    }
}

impl HostTls {
    /// From PEM texts.
    pub fn new(ca_pem: &str, cert_pem: &str, key_pem: &str) -> Result<Self, TlsError> {
        let ca = CertificateDer::from_pem_slice(ca_pem.as_bytes())?;
        let cert = CertificateDer::from_pem_slice(cert_pem.as_bytes())?;
        // The CA travels along, so that a joining host can pin it.
        let chain = vec![cert, ca.clone()];
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())?;
        Ok(Self { ca, ca_pem: ca_pem.to_owned(), chain, key })
    }

    /// From the files in `dir`.
    pub fn load(dir: &Path) -> Result<Self, TlsError> {
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read_to_string(&path).map_err(|source| TlsError::Io { path, source })
        };
        Self::new(&read(CA_CERT)?, &read(HOST_CERT)?, &read(HOST_KEY)?)
    }

    /// Stores PEM texts in `dir`, the CA's key only if given.
    pub fn store(
        dir: &Path,
        ca_pem: &str,
        ca_key_pem: Option<&str>,
        cert_pem: &str,
        key_pem: &str,
    ) -> Result<(), TlsError> {
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            replace_secret(&path, text.as_bytes()).map_err(|source| TlsError::Io { path, source })
        };
        write(CA_CERT, ca_pem)?;
        if let Some(key) = ca_key_pem {
            write(CA_KEY, key)?;
        }
        write(HOST_CERT, cert_pem)?;
        write(HOST_KEY, key_pem)
    }

    /// A request for another certificate of the key in `dir`.
    ///
    /// # Errors
    /// The key cannot be read.
    pub fn request(dir: &Path) -> Result<String, TlsError> {
        let path = dir.join(HOST_KEY);
        let key = fs::read_to_string(&path).map_err(|source| TlsError::Io { path, source })?;
        super::request_of(&key)
    }

    /// Puts another certificate of the same key and host into `dir`, and returns all of it.
    ///
    /// # Errors
    /// It is no certificate of that key, of `host`, by the pool's CA; then nothing has changed.
    pub fn renew(dir: &Path, host: HostId, cert_pem: &str) -> Result<Self, TlsError> {
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read_to_string(&path).map_err(|source| TlsError::Io { path, source })
        };
        let new = Self::new(&read(CA_CERT)?, cert_pem, &read(HOST_KEY)?)?;
        if new.chain.first().and_then(peer_of) != Some(host) {
            return Err(TlsError::Invalid("the certificate is another host's".to_owned()));
        }
        // A key that does not belong to it is refused here.
        new.peer_server()?;
        new.signed_by_ca()?;
        let path = dir.join(HOST_CERT);
        let stored = replace_secret(&path, cert_pem.as_bytes());
        stored.map_err(|source| TlsError::Io { path, source })?;
        Ok(new)
    }

    fn signed_by_ca(&self) -> Result<(), TlsError> {
        let provider = Arc::new(default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(self.roots()?, provider).build()?;
        let Some(cert) = self.chain.first() else { return Ok(()) };
        verifier.verify_client_cert(cert, &[], UnixTime::now()).map(drop).map_err(TlsError::Use)
    }

    /// Removes everything from `dir`.
    pub fn forget(dir: &Path) -> Result<(), TlsError> {
        match fs::remove_dir_all(dir) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(TlsError::Io { path: dir.to_owned(), source })
            }
            _ => Ok(()),
        }
    }

    /// SHA-256, hexadecimal, of the host's own certificate.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.chain.first().map(super::fingerprint_der).unwrap_or_default()
    }

    /// Certificate of the pool's CA.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Server of the API: clients show no certificate.
    /// With a certificate of the site's own they see that.
    pub fn api_server(&self, site: Option<Arc<CertifiedKey>>) -> Result<ServerConfig, TlsError> {
        let provider = default_provider();
        let pool = CertifiedKey::from_der(self.chain.clone(), self.key.clone_key(), &provider)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Chooser { pool: Arc::new(pool), site }));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Server for members: clients show a certificate of the pool's CA.
    pub fn peer_server(&self) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(self.roots()?, provider.clone()).build()?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Client to members. `protocol` is the one to speak: `h2` or `http/1.1`.
    pub fn peer_client(&self, protocol: &str) -> Result<ClientConfig, TlsError> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(self.roots()?)
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Ok(config)
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone())?;
        Ok(Arc::new(roots))
    }
}

/// The CA's certificate and key, where this host keeps them.
pub fn load_ca(dir: &Path) -> Result<super::CaMaterial, TlsError> {
    let read = |name: &str| {
        let path = dir.join(name);
        fs::read_to_string(&path).map_err(|source| TlsError::Io { path, source })
    };
    Ok(super::CaMaterial { cert_pem: read(CA_CERT)?, key_pem: read(CA_KEY)? })
}
