//! The host agent.

pub mod permit;
