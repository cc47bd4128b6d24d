//! TLS: the pool's certificate authority, the hosts' certificates, who may speak to whom.
//!
//! Owns: keys and certificates of this host (`/var/lib/haven/tls`), and the client and server
//! configurations made from them. A host is known by the DNS name [`peer_name`] in its
//! certificate, so that the library's own name check proves that the expected host answers.

mod ca;
mod config;
mod pinned;
mod site;

pub use ca::{
    CaMaterial, HostRequest, fingerprint, fingerprint_der, issue, make_ca, make_request, request_of,
};
pub use config::{HostTls, load_ca, peer_name, peer_of, server_name};
pub use pinned::{leaf_client, pinned_client, trusting_client};
pub use site::{
    JOIN_NAME, load as load_site, remove as remove_site, store as store_site, text as site_text,
};

/// Why TLS material could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A key or certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// A key or certificate is not usable.
    #[error("cannot use a certificate or key: {0}")]
    Use(#[from] rustls::Error),
    /// PEM text is damaged.
    #[error("damaged certificate or key: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: std::path::PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// A verifier cannot be built from the pool's CA.
    #[error("cannot verify with the pool's CA: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
    /// Something is not as it must be.
    #[error("{0}")]
    Invalid(String),
}
