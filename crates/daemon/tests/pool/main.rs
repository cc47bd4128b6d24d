//! Whole daemons in one process, with simulated hypervisors and storage: what a client of the
//! API sees.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cloned_ref_to_slice_refs,
    reason = "helpers of tests may fail as tests do, and parameter lists read alike"
)]

mod absent;
mod access;
mod add_host;
mod armed;
mod complaints;
mod devices;
mod discovery;
mod doubt;
mod draining;
mod drills;
mod drives;
mod fetching;
mod guarded;
mod guards;
mod host_console;
mod keys;
mod lifecycle;
mod lost_storage;
mod members;
mod motion;
mod moves;
mod node;
mod own_volumes;
#[path = "../shared/ports.rs"]
mod ports;
mod promise;
mod python;
mod recovery;
mod reshaping;
mod restarts;
mod roles;
mod serving;
mod simulated;
mod snapshots;
mod storage_test;
mod support;
mod transfer;
mod transport;
mod trouble;
mod volume;
mod watched;
mod web;
mod xe;
