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
}
