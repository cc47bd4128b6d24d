//! The host agent: carries out orders of the coordinator on this host.
//!
//! Owns: the judgement whether an order may act ([`gate`]), the drivers, what is attached, and
//! reports to the coordinator. Knows no database and decides nothing else.

mod answers;
mod drives;
mod ending;
mod execute;
mod facts;
pub mod gate;
mod health;
mod host;
mod images;
mod landed;
mod lanes;
mod migration;
pub mod permit;
mod power;
mod pulse;
mod reports;
mod screens;
mod server;
mod storage;
mod stuck;
mod vms;

pub use execute::{Agent, AgentParts, StorageSet};
pub use facts::host_facts;
pub use images::Writing;
pub use migration::Windows;
pub use server::{PeerHandlers, peer_router};
