//! Talking to a host of the pool.
//!
//! Owns: the connection (local socket or TLS), the session, JSON-RPC, waiting for tasks.
//! Never prints; progress goes through [`tasks::Progress`].

pub(crate) mod endpoint;
pub(crate) mod rpc;
pub(crate) mod tasks;
pub(crate) mod transport;
pub(crate) mod trust;
pub(crate) mod upload;

pub(crate) use self::endpoint::Endpoint;
pub(crate) use self::rpc::Rpc;
