//! Whom to believe at the other end of a TLS connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::failure::{Failure, Outcome};

/// Where a host keeps the certificate of its pool's CA.
const HOST_CA: &str = "/var/lib/haven/tls/ca.pem";

/// How the server's certificate is checked.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// It must be signed by the CA in this file.
    Ca(PathBuf),
    /// By the CA of the pool that this host belongs to, if it does.
    HostCa,
    /// Not at all: asked for on the command line.
    Nobody,
}

impl Trust {
    /// The TLS settings of this choice.
    pub(crate) fn config(&self) -> Outcome<Arc<ClientConfig>> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| Failure::local("preparing TLS", e))?;
        let config = match self {
            Self::Nobody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AcceptAll(provider)))
                .with_no_client_auth(),
            Self::Ca(path) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
            Self::HostCa => {
                let path = Path::new(HOST_CA);
                let roots = if path.is_file() { roots(path)? } else { RootCertStore::empty() };
                builder.with_root_certificates(roots).with_no_client_auth()
            }
        };
        Ok(Arc::new(config))
    }
}

fn roots(path: &Path) -> Outcome<RootCertStore> {
    let reading = format!("reading the CA certificate {}", path.display());
    let mut store = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|e| Failure::local(&reading, e))?
    {
        let certificate = certificate.map_err(|e| Failure::local(&reading, e))?;
        store.add(certificate).map_err(|e| Failure::local(&reading, e))?;
    }
    if store.is_empty() {
        Err(Failure::local(&reading, "it holds no certificate"))
    } else {
        Ok(store)
    }
}

/// `--insecure`: the connection is encrypted, and anybody may be at its end.
#[derive(Debug)]
struct AcceptAll(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
