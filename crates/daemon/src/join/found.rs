//! Founding a pool on this host.
//!
//! [`prepare`] makes identity and certificates; the caller makes the database with them; then
//! [`Founding::commit`] turns this host into the pool's coordinator.

use std::net::{IpAddr, UdpSocket};

use haven_model::{ApiError, codes};
use uuid::Uuid;

use super::host::{check_free, install};
use super::unwritten;
use crate::agent::{Agent, host_facts};
use crate::identity::{Member, PoolMembership};
use crate::orders::HostFacts;
use crate::tls::{CaMaterial, HostRequest, fingerprint, issue, make_ca, make_request};

/// An address behind the default route; nothing is sent to it.
const FAR_AWAY: (IpAddr, u16) = (IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 9);

/// A pool that is about to be.
#[derive(Debug)]
pub struct Founding {
    /// `pool.uuid`.
    pub pool: Uuid,
    /// The pool's CA; its key belongs into the pool's secrets.
    pub ca: CaMaterial,
    /// This host, the only member and coordinator.
    pub member: Member,
    /// What this host is.
    pub facts: HostFacts,
    cert_pem: String,
    key: HostRequest,
}

/// Makes identity and certificates of a new pool. Nothing is stored yet. `address` is this
/// host's management address, found by itself when absent.
pub async fn prepare(agent: &Agent, address: Option<IpAddr>) -> Result<Founding, ApiError> {
    check_free(agent).await?;
    let parts = agent.parts();
    parts.identity.try_write().map_err(unwritten)?;
    let settings = &parts.config.settings;
    let facts = host_facts(parts).await;
    let address = address
        .or_else(|| management_address(settings.address, &facts))
        .ok_or_else(|| ApiError::new(codes::HOST_HAS_NO_MANAGEMENT_IP, Vec::new()))?;
    let member = Member {
        host: parts.identity.host(),
        name: settings.name.clone().unwrap_or_else(|| facts.hostname.clone()),
        address,
        api_port: settings.api_port,
        peer_port: settings.peer_port,
    };
    let pool = Uuid::new_v4();
    let ca = make_ca(pool).map_err(ApiError::internal)?;
    let key = make_request().map_err(ApiError::internal)?;
    let cert_pem = issue(&ca, &key.csr_pem, member.host, &facts.hostname, &[address])
        .map_err(ApiError::internal)?;
    Ok(Founding { pool, ca, member, facts, cert_pem, key })
}

impl Founding {
    /// SHA-256 of the CA, for join tokens.
    pub fn ca_sha256(&self) -> Result<String, ApiError> {
        fingerprint(&self.ca.cert_pem).map_err(ApiError::internal)
    }

    /// Makes this host the coordinator of the new pool.
    pub fn commit(self, agent: &Agent) -> Result<PoolMembership, ApiError> {
        let membership = PoolMembership {
            pool: self.pool,
            coordinator: self.member.host,
            members: vec![self.member],
            storage: Vec::new(),
            arm: None,
            given_up: None,
        };
        install(agent, &membership, &self.ca.cert_pem, &self.cert_pem, &self.key)?;
        tracing::info!(pool = %membership.pool, "founded a pool");
        Ok(membership)
    }
}

/// The address at which a host that is in no pool is managed: the one of its settings, else the one by
/// which it speaks to the world, else one of a bridge, else any.
pub fn management_address(set: Option<IpAddr>, facts: &HostFacts) -> Option<IpAddr> {
    set.or_else(way_out).or_else(|| first_address(facts))
}

/// The address by which this host speaks to the world.
pub(crate) fn way_out() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect(FAR_AWAY).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified() && !address.is_loopback()).then_some(address)
}

/// An address of a bridge, or else of any interface.
fn first_address(facts: &HostFacts) -> Option<IpAddr> {
    let first = |physical: bool| {
        facts
            .nics
            .iter()
            .filter(|nic| nic.physical == physical)
            .flat_map(|nic| &nic.addresses)
            .find_map(|text| text.split('/').next()?.parse().ok())
    };
    first(false).or_else(|| first(true))
}
