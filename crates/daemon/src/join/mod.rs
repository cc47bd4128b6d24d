//! Founding a pool, and joining one.
//!
//! Owns: the join token, the messages of `POST /haven/join`, what a new host must fulfil, and the
//! moment at which a host becomes a member: the replacement of its `host.json`. The pool's rows
//! are the caller's.

pub mod candidate;
pub mod coordinator;
pub mod credentials;
pub mod found;
pub mod host;
mod token;

use std::net::IpAddr;

use haven_cluster::ids::HostId;
use haven_drivers::storage::SrSpec;
use haven_model::{ApiError, codes};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use token::{Token, TokenRecord, new_token};

use crate::identity::Member;
use crate::orders::HostFacts;

/// Body of `POST /haven/join`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Secret of the token.
    pub secret: String,
    /// Identity of the new host.
    pub host: HostId,
    /// Its `host.name_label`.
    pub name: String,
    /// Its management address.
    pub address: IpAddr,
    /// Port of its API.
    pub api_port: u16,
    /// Its port for members.
    pub peer_port: u16,
    /// Its request for a certificate.
    pub csr_pem: String,
    /// What it is.
    pub facts: HostFacts,
}

/// Answer to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoinAnswer {
    /// `pool.uuid`.
    pub pool: Uuid,
    /// Certificate of the pool's CA.
    pub ca_pem: String,
    /// Certificate of the new host.
    pub cert_pem: String,
    /// The coordinator.
    pub coordinator: HostId,
    /// All members, the new one included.
    pub members: Vec<Member>,
    /// What the new host attaches.
    pub storage: Vec<SrSpec>,
}

/// Body of the answer: the catalogue error if the host was not admitted.
pub type JoinResult = Result<JoinAnswer, ApiError>;

/// A file of this host cannot be written, most often because its disk is full.
pub(crate) fn unwritten(error: impl std::fmt::Display) -> ApiError {
    ApiError::with(codes::DATABASE_WRITE_FAILED, &[&error])
}
