//! Host sides of `havend` speaking to each other over real TLS, in one process.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod orders;
#[path = "../shared/ports.rs"]
mod ports;
mod streams;
mod support;
