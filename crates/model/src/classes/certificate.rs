//! The class `Certificate`.

use crate::{CertificatePurpose, CertificateType, DateTime, Host, Ref};

class! {
    /// A certificate that the pool or a host uses or trusts.
    Certificate = "Certificate", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    name: String = "", DynamicRo ReadOnly;
    r#type "type": CertificateType = CertificateType::Host, DynamicRo ReadOnly;
    host: Ref<Host> = Ref::NULL, StaticRo ReadOnly;
    not_before: DateTime = DateTime::EPOCH, StaticRo ReadOnly;
    not_after: DateTime = DateTime::EPOCH, StaticRo ReadOnly;
    fingerprint: String = "", StaticRo ReadOnly, deprecated;
    fingerprint_sha256: String = "", StaticRo ReadOnly, prototyped;
    fingerprint_sha1: String = "", StaticRo ReadOnly, prototyped;
    purpose: Vec<CertificatePurpose> = [], StaticRo ReadOnly, prototyped;
}
