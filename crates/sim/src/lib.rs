//! Deterministic simulation of whole pools.
//!
//! For: finding runs that break S1 (a VM on one host) or S2 (one acting coordinator), and showing
//! that a pool comes back. Owns: virtual clocks, network, disks, watchdogs and a modelled hypervisor
//! around the real membership machine of `haven-cluster`, the real decisions of failover, plans and
//! database (`haven-failover`, `haven-planner`, `haven-pooldb`); and when a pool daemon asks for them.
//! Never does: read a real clock, start a thread, or draw randomness that the seed does not give.

mod area;
mod arming;
pub mod chaos;
mod checks;
mod clocks;
mod copying;
mod daemon;
mod data;
mod database;
mod disk;
mod divergence;
mod event;
pub mod faults;
pub mod guests;
mod host;
mod io;
mod keys;
mod manager;
mod motion;
mod network;
mod operators;
mod options;
mod outside;
mod perform;
mod power;
mod record;
#[cfg(feature = "mutations")]
pub mod removals;
mod reshape;
pub mod restarts;
mod rng;
pub mod scenario;
mod shelf;
pub mod shrink;
pub mod story;
mod stream;
mod takeover;
mod tasks;
mod troubles;
mod twin;
mod world;

pub use chaos::{ChaosPlan, run_faults, run_seed};
pub use checks::Broken;
pub use data::DataFault;
pub use operators::Call;
pub use options::Options;
pub use power::PowerDevice;
pub use world::World;
