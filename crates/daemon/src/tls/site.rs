//! A certificate of the site's own for the API, in place of the pool's.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::TlsError;
use crate::identity::replace_secret;

/// Certificate and chain.
const CERT: &str = "server.pem";
/// Private key, RSA or ECDSA.
const KEY: &str = "server.key";
/// What a host asks for that joins: it knows the pool's CA and nothing else.
pub const JOIN_NAME: &str = "join.haven.internal";

/// The certificate in `dir`, if the site has put one there.
///
/// # Errors
/// The files cannot be read, or do not belong together.
pub fn load(dir: &Path) -> Result<Option<CertifiedKey>, TlsError> {
    let (cert, key) = (dir.join(CERT), dir.join(KEY));
    if !cert.exists() && !key.exists() {
        return Ok(None);
    }
    let read = |path: &Path| {
        fs::read(path).map_err(|source| TlsError::Io { path: path.to_owned(), source })
    };
    parse(&read(&cert)?, &read(&key)?).map(Some)
}

/// A certificate with its chain, and the key that belongs to it.
fn parse(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    Ok(CertifiedKey::from_der(chain, key, &default_provider())?)
}

/// Puts a certificate of the site's own in place of an older one, after it was found good.
///
/// # Errors
/// It is not usable, or cannot be stored; then the older one stays.
pub fn store(dir: &Path, chain_pem: &str, key_pem: &str) -> Result<CertifiedKey, TlsError> {
    let parsed = parse(chain_pem.as_bytes(), key_pem.as_bytes())?;
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        replace_secret(&path, text.as_bytes()).map_err(|source| TlsError::Io { path, source })
    };
    write(KEY, key_pem)?;
    write(CERT, chain_pem)?;
    Ok(parsed)
}

/// Removes the site's certificate.
///
/// # Errors
/// A file cannot be removed.
pub fn remove(dir: &Path) -> Result<(), TlsError> {
    for path in [dir.join(CERT), dir.join(KEY)] {
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(TlsError::Io { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The certificate that clients see, as text, if it is the site's own.
#[must_use]
pub fn text(dir: &Path) -> Option<String> {
    fs::read_to_string(dir.join(CERT)).ok()
}

/// Shows the site's certificate to everybody but hosts that join.
#[derive(Debug)]
pub(super) struct Chooser {
    /// The pool's.
    pub(super) pool: Arc<CertifiedKey>,
    /// The site's.
    pub(super) site: Option<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let joins = hello.server_name() == Some(JOIN_NAME);
        let site = self.site.clone().filter(|_| !joins);
        Some(site.unwrap_or_else(|| self.pool.clone()))
    }
}

#[cfg(test)]
mod tests {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::version::{TLS12, TLS13};
    use rustls::{
        ClientConfig, DigitallySignedStruct, ProtocolVersion, SignatureScheme,
        SupportedProtocolVersion,
    };

    use super::*;

    /// A certificate with an RSA key, for clients that know no other; made for this test.
    const RSA_CERT: &str = include_str!("testdata/rsa.pem");
    const RSA_KEY: &str = include_str!("testdata/rsa.key");

    #[test]
    fn a_sites_own_certificate_is_used_and_half_a_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(load(dir.path()).unwrap().is_none());
        fs::write(dir.path().join(CERT), RSA_CERT).unwrap();
        assert!(load(dir.path()).is_err(), "the key is missing");
        fs::write(dir.path().join(KEY), RSA_KEY).unwrap();
        let loaded = load(dir.path()).unwrap().unwrap();
        assert_eq!(loaded.cert.len(), 1);
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
        fs::write(dir.path().join(KEY), other).unwrap();
        assert!(load(dir.path()).is_err(), "the key of another certificate");
    }

    /// Trusts everybody: what is looked at is what the two can agree on.
    #[derive(Debug)]
    struct Anyone;

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            Ok(ServerCertVerified::assertion())
        }
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            default_provider().signature_verification_algorithms.supported_schemes()
        }
    }

    /// What a client and the API agree on that knows RSA alone in TLS 1.2, as Go's library for
    /// XenAPI does, and these versions.
    async fn agreed(
        site: Option<CertifiedKey>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Option<ProtocolVersion> {
        let ca = crate::tls::make_ca(uuid::Uuid::nil()).unwrap();
        let request = crate::tls::make_request().unwrap();
        let host = haven_cluster::ids::HostId(uuid::Uuid::nil());
        let cert = crate::tls::issue(&ca, &request.csr_pem, host, "h1", &[]).unwrap();
        let tls = crate::tls::HostTls::new(&ca.cert_pem, &cert, &request.key_pem).unwrap();
        let server = Arc::new(tls.api_server(site.map(Arc::new)).unwrap());
        let mut provider = default_provider();
        provider.cipher_suites.retain(|suite| {
            let name = format!("{:?}", suite.suite());
            name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_RSA_")
        });
        let client = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_no_client_auth();
        let (near, far) = tokio::io::duplex(1 << 16);
        let name = ServerName::try_from("pool.example").unwrap();
        let (connected, _served) = tokio::join!(
            tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, near),
            tokio_rustls::TlsAcceptor::from(server).accept(far),
        );
        connected.ok().and_then(|stream| stream.get_ref().1.protocol_version())
    }

    #[tokio::test]
    async fn clients_of_tls_1_2_that_know_rsa_alone_need_a_certificate_of_the_sites_own() {
        let rsa = || {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(CERT), RSA_CERT).unwrap();
            fs::write(dir.path().join(KEY), RSA_KEY).unwrap();
            load(dir.path()).unwrap()
        };
        let (both, old) = ([&TLS13, &TLS12], [&TLS12]);
        assert_eq!(agreed(None, &both).await, Some(ProtocolVersion::TLSv1_3));
        assert_eq!(agreed(None, &old).await, None);
        assert_eq!(agreed(rsa(), &old).await, Some(ProtocolVersion::TLSv1_2));
        assert_eq!(agreed(rsa(), &both).await, Some(ProtocolVersion::TLSv1_3));
    }
}
