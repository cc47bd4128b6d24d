//! Whole daemons in one process, with simulated hypervisors and storage: what a client of the
//! API sees.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod lifecycle;
mod members;
mod python;
mod support;
