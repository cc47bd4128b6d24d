//! A client that knows only the fingerprint of the pool's CA, or nothing: the joining host.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::ring::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::TlsError;
use super::ca::fingerprint_der;

/// A client configuration that accepts exactly the servers whose certificate is signed by the CA
/// with this SHA-256 (hexadecimal), whatever address was dialled.
pub fn pinned_client(ca_sha256: &str) -> Result<ClientConfig, TlsError> {
    client(Trusted::Ca { sha256: ca_sha256.to_ascii_lowercase() })
}

/// A client configuration that accepts whoever answers: for a host that joins with a name and a
/// password and knows nothing else of the pool. Only that the server has the key of its
/// certificate is verified.
pub fn trusting_client() -> Result<ClientConfig, TlsError> {
    client(Trusted::Anybody)
}

/// A client configuration that accepts exactly the server whose own certificate has this SHA-256
/// (hexadecimal): for a host in no pool, whose certificate nobody vouches for and a person compared.
pub fn leaf_client(sha256: &str) -> Result<ClientConfig, TlsError> {
    client(Trusted::Leaf { sha256: sha256.to_ascii_lowercase() })
}

fn client(trusted: Trusted) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(default_provider());
    let verifier = Verifier { trusted, provider: provider.clone() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Whose certificate is accepted.
#[derive(Debug)]
enum Trusted {
    Ca { sha256: String },
    Leaf { sha256: String },
    Anybody,
}

#[derive(Debug)]
struct Verifier {
    trusted: Trusted,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let sha256 = match &self.trusted {
            Trusted::Ca { sha256 } => sha256,
            Trusted::Leaf { sha256 } if fingerprint_der(end_entity) != *sha256 => {
                let error = CertificateError::ApplicationVerificationFailure;
                return Err(Error::InvalidCertificate(error));
            }
            Trusted::Leaf { .. } | Trusted::Anybody => return Ok(ServerCertVerified::assertion()),
        };
        let ca = intermediates
            .iter()
            .find(|cert| fingerprint_der(cert) == *sha256)
            .ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
