//! The class `Certificate`.

use crate::{CertificatePurpose, CertificateType, DateTime, Host, Ref};

class! {
    /// A certificate that the pool or a host uses or trusts.
    Certificate = "Certificate", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Its name.
    name: String = "", DynamicRo ReadOnly;
    /// What it is for.
    r#type "type": CertificateType = CertificateType::Host, DynamicRo ReadOnly;
    /// Host it belongs to.
    host: Ref<Host> = Ref::NULL, StaticRo ReadOnly;
    /// From when it is valid.
    not_before: DateTime = DateTime::EPOCH, StaticRo ReadOnly;
    /// Until when it is valid.
    not_after: DateTime = DateTime::EPOCH, StaticRo ReadOnly;
    /// Its SHA-256 fingerprint.
    fingerprint: String = "", StaticRo ReadOnly, deprecated;
    /// Its SHA-256 fingerprint.
    fingerprint_sha256: String = "", StaticRo ReadOnly, prototyped;
    /// Its SHA-1 fingerprint.
    fingerprint_sha1: String = "", StaticRo ReadOnly, prototyped;
    /// What it may be used for.
    purpose: Vec<CertificatePurpose> = [], StaticRo ReadOnly, prototyped;
}
