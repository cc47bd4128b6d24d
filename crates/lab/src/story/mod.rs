//! The demonstration and the measurements: a pool in the lab, and what happens when hosts die.
//!
//! Everything goes through what a person has: the `haven` command line in a host, and the API on a
//! host's local socket where the command line has no word for it (a guest's kernel).

pub mod api;
mod bench;
mod demo;
mod failover;
mod narrator;
mod pool;

pub use bench::{Bench, bench};
pub use demo::demo;
pub use failover::{Moment, Phases};
pub(crate) use narrator::figure;
pub use narrator::{Narrator, wait_for};
pub use pool::{Guest, Pool};
