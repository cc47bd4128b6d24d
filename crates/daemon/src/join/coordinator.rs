//! The coordinator's part: may this host join?
//!
//! [`admit`] is pure: it changes nothing. The caller stores the member, its rows and the used
//! token in one transaction and then sends the answer, or sends the error and stores nothing.

use std::net::IpAddr;

use haven_cluster::ids::HostId;
use haven_drivers::storage::SrSpec;
use haven_model::{ApiError, codes};
use uuid::Uuid;

use super::{JoinAnswer, JoinRequest, TokenRecord};
use crate::identity::Member;
use crate::orders::HostFacts;
use crate::tls::{CaMaterial, issue};

/// What the coordinator knows when a host asks.
#[derive(Clone, Debug)]
pub struct PoolView<'a> {
    /// `pool.uuid`.
    pub pool: Uuid,
    /// The coordinator.
    pub coordinator: HostId,
    /// All members.
    pub members: &'a [Member],
    /// CPU vendor that all hosts share, as the kernel names it; empty: any.
    pub cpu_vendor: &'a str,
    /// Version that all hosts share.
    pub version: &'a str,
    /// Tokens that were issued.
    pub tokens: &'a [TokenRecord],
    /// The clock, milliseconds since 1970.
    pub now_ms: u64,
    /// Largest difference of clocks, in seconds.
    pub clock_skew_max_s: u64,
    /// Accept an address that may change.
    pub allow_dynamic_address: bool,
    /// What every host of the pool attaches.
    pub storage: &'a [SrSpec],
    /// The pool's CA.
    pub ca: &'a CaMaterial,
}

/// A host that may join.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The new member.
    pub member: Member,
    /// The token, now used by it.
    pub token: TokenRecord,
    /// What the host gets.
    pub answer: JoinAnswer,
    /// The host was admitted before with the same token and asks again: its answer was lost.
    pub again: bool,
}

/// Judges a request, and issues the certificate.
pub fn admit(view: &PoolView<'_>, request: &JoinRequest) -> Result<Admission, ApiError> {
    let (token, again) = check_token(view, request)?;
    let member = Member {
        host: request.host,
        name: request.name.clone(),
        address: request.address,
        api_port: request.api_port,
        peer_port: request.peer_port,
    };
    if !again {
        is_new(view.members, &member)?;
    }
    check_host(view, request)?;
    let cert_pem =
        issue(view.ca, &request.csr_pem, request.host, &request.facts.hostname, &[request.address])
            .map_err(ApiError::internal)?;
    let mut members = view.members.to_vec();
    members.retain(|known| known.host != member.host);
    members.push(member.clone());
    let answer = JoinAnswer {
        pool: view.pool,
        ca_pem: view.ca.cert_pem.clone(),
        cert_pem,
        coordinator: view.coordinator,
        members,
        storage: view.storage.to_vec(),
    };
    Ok(Admission { member, token, answer, again })
}

/// The token's record as used by this host, and whether it had used it before.
fn check_token(
    view: &PoolView<'_>,
    request: &JoinRequest,
) -> Result<(TokenRecord, bool), ApiError> {
    let invalid = |why: &str| ApiError::with(codes::JOIN_TOKEN_INVALID, &[&why]);
    let known = view.tokens.iter().find(|record| record.is_of(&request.secret));
    let mut record = known.cloned().ok_or_else(|| invalid("unknown"))?;
    if view.now_ms >= record.expires_ms {
        return Err(invalid("expired"));
    }
    match record.used_by {
        Some(host) if host == request.host => Ok((record, true)),
        Some(host) => Err(ApiError::with(codes::JOIN_TOKEN_USED, &[&host.0])),
        None => {
            record.used_by = Some(request.host);
            Ok((record, false))
        }
    }
}

/// Whether no member has its identity or its address.
///
/// # Errors
/// `HOST_UUID_DUPLICATE`, `INVALID_IP_ADDRESS_SPECIFIED`.
pub fn is_new(members: &[Member], new: &Member) -> Result<(), ApiError> {
    for member in members {
        if member.host == new.host {
            return Err(ApiError::with(codes::HOST_UUID_DUPLICATE, &[&new.host.0, &member.name]));
        }
        if member.peer_address() == new.peer_address() {
            return Err(ApiError::with(codes::INVALID_IP_ADDRESS_SPECIFIED, &[&new.address]));
        }
    }
    Ok(())
}

fn check_host(view: &PoolView<'_>, request: &JoinRequest) -> Result<(), ApiError> {
    let rules = Rules {
        cpu_vendor: view.cpu_vendor,
        version: view.version,
        now_ms: view.now_ms,
        clock_skew_max_s: view.clock_skew_max_s,
        allow_dynamic_address: view.allow_dynamic_address,
    };
    checks(&rules, &request.facts, request.address).into_iter().try_for_each(|(_, found)| found)
}

/// What a host must be to join.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// CPU vendor that all hosts share; empty: any.
    pub cpu_vendor: &'a str,
    /// Version that all hosts share.
    pub version: &'a str,
    /// The clock, milliseconds since 1970.
    pub now_ms: u64,
    /// Largest difference of clocks, in seconds.
    pub clock_skew_max_s: u64,
    /// Accept an address that may change.
    pub allow_dynamic_address: bool,
}

/// Every rule by its name, with why the host breaks it.
#[must_use]
pub fn checks(
    rules: &Rules<'_>,
    facts: &HostFacts,
    address: IpAddr,
) -> Vec<(&'static str, Result<(), ApiError>)> {
    vec![
        ("version", check_version(rules, facts)),
        ("cpu", check_cpu(rules, facts)),
        ("clock", check_clock(rules, facts)),
        ("address", check_address(rules, facts, address)),
    ]
}

fn check_version(rules: &Rules<'_>, facts: &HostFacts) -> Result<(), ApiError> {
    if facts.version != rules.version {
        let versions: [&dyn std::fmt::Display; 2] = [&rules.version, &facts.version];
        return Err(ApiError::with(codes::HOST_VERSION_MISMATCH, &versions));
    }
    Ok(())
}

fn check_cpu(rules: &Rules<'_>, facts: &HostFacts) -> Result<(), ApiError> {
    if !rules.cpu_vendor.is_empty() && facts.cpu_vendor != rules.cpu_vendor {
        let vendors: [&dyn std::fmt::Display; 2] = [&rules.cpu_vendor, &facts.cpu_vendor];
        return Err(ApiError::with(codes::JOIN_CPU_VENDOR_MISMATCH, &vendors));
    }
    Ok(())
}

fn check_clock(rules: &Rules<'_>, facts: &HostFacts) -> Result<(), ApiError> {
    let skew_s = facts.wall_ms.abs_diff(rules.now_ms) / 1000;
    if skew_s > rules.clock_skew_max_s {
        return Err(ApiError::with(codes::HOST_CLOCK_SKEW, &[&skew_s, &rules.clock_skew_max_s]));
    }
    Ok(())
}

fn check_address(rules: &Rules<'_>, facts: &HostFacts, address: IpAddr) -> Result<(), ApiError> {
    if address.is_unspecified() || address.is_multicast() {
        return Err(ApiError::with(codes::INVALID_IP_ADDRESS_SPECIFIED, &[&address]));
    }
    let changing = facts.nics.iter().find(|nic| nic.dynamic && nic.has(address));
    match changing {
        Some(nic) if !rules.allow_dynamic_address => {
            Err(ApiError::with(codes::HOST_IP_NOT_STATIC, &[&nic.device]))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
