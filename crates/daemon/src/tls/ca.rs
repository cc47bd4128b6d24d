//! The pool's certificate authority.

use std::net::IpAddr;

use haven_cluster::ids::HostId;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{TlsError, peer_name};

/// Certificates are valid from long ago, so that a wrong clock cannot lock a host out, ...
const VALID_FROM_YEAR: i32 = 2000;
/// ... until the pool's CA is replaced.
const VALID_TO_YEAR: i32 = 2099;

/// Certificate and key of the pool's CA.
#[derive(Clone)]
pub struct CaMaterial {
    /// The certificate.
    pub cert_pem: String,
    /// The private key.
    pub key_pem: String,
}

impl std::fmt::Debug for CaMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaMaterial").finish_non_exhaustive()
    }
}

/// A host's new key and its request for a certificate.
#[derive(Clone)]
pub struct HostRequest {
    /// The private key; it never leaves the host.
    pub key_pem: String,
    /// The request.
    pub csr_pem: String,
}

impl std::fmt::Debug for HostRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostRequest").finish_non_exhaustive()
    }
}

/// Makes a CA for a new pool.
pub fn make_ca(pool: Uuid) -> Result<CaMaterial, TlsError> {
    let key = KeyPair::generate()?;
    let mut params = lasting(CertificateParams::new(Vec::<String>::new())?);
    params.distinguished_name.push(DnType::CommonName, format!("Haven pool {pool}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let cert = params.self_signed(&key)?;
    Ok(CaMaterial { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
}

/// Makes a key and a request. What the certificate says is the coordinator's choice, so the
/// request carries only the key.
pub fn make_request() -> Result<HostRequest, TlsError> {
    let key = KeyPair::generate()?;
    let csr = CertificateParams::new(Vec::<String>::new())?.serialize_request(&key)?;
    Ok(HostRequest { key_pem: key.serialize_pem(), csr_pem: csr.pem()? })
}

/// Makes a request for another certificate of the key that a host has.
///
/// # Errors
/// The key is damaged.
pub fn request_of(key_pem: &str) -> Result<String, TlsError> {
    let key = KeyPair::from_pem(key_pem)?;
    let csr = CertificateParams::new(Vec::<String>::new())?.serialize_request(&key)?;
    Ok(csr.pem()?)
}

/// Issues the certificate of a host. Nothing of the request but the key is believed.
pub fn issue(
    ca: &CaMaterial,
    csr_pem: &str,
    host: HostId,
    hostname: &str,
    addresses: &[IpAddr],
) -> Result<String, TlsError> {
    let key = KeyPair::from_pem(&ca.key_pem)?;
    let issuer = Issuer::from_ca_cert_pem(&ca.cert_pem, key)?;
    let mut request = CertificateSigningRequestParams::from_pem(csr_pem)?;
    let mut names = vec![peer_name(host)];
    if is_dns_name(hostname) {
        names.push(hostname.to_owned());
    }
    let mut params = lasting(CertificateParams::new(names)?);
    params.subject_alt_names.extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
    params.distinguished_name.push(DnType::CommonName, peer_name(host));
    params.serial_number = Some(SerialNumber::from_slice(Uuid::new_v4().as_bytes()));
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    request.params = params;
    Ok(request.signed_by(&issuer)?.pem())
}

/// SHA-256 of a certificate, hexadecimal.
pub fn fingerprint(cert_pem: &str) -> Result<String, TlsError> {
    let der = CertificateDer::from_pem_slice(cert_pem.as_bytes())?;
    Ok(fingerprint_der(&der))
}

/// SHA-256 of a certificate, hexadecimal.
#[must_use]
pub fn fingerprint_der(der: &CertificateDer<'_>) -> String {
    Sha256::digest(der.as_ref()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lasting(mut params: CertificateParams) -> CertificateParams {
    params.not_before = rcgen::date_time_ymd(VALID_FROM_YEAR, 1, 1);
    params.not_after = rcgen::date_time_ymd(VALID_TO_YEAR, 1, 1);
    params
}

fn is_dns_name(name: &str) -> bool {
    rustls::pki_types::DnsName::try_from(name).is_ok()
}
