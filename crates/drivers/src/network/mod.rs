//! Bridges of a host, and VLANs: what guests' network interfaces are plugged into.
//!
//! Owns: making and removing bridges with `ip`. Never moves an address of the host: a device that
//! has one is refused as uplink, because the host would lose its pool.

mod bridge;

pub use bridge::{Bridge, NetworkError, Uplink, bridges, ensure, remove};
