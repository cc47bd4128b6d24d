//! The outside world of a host behind traits, each with a real and a simulated implementation.
//!
//! Owns: how hypervisors ([`hypervisor`]), storage ([`storage`]), the host itself ([`host_info`]),
//! its bridges ([`network`]) and the power of other hosts ([`power`]) are reached. All calls block up to a deadline of their own.
//! Never decides where anything runs, never knows the database, has no async runtime.

pub mod exec;
pub mod firmware;
pub mod host_info;
pub mod hypervisor;
pub mod network;
pub mod power;
pub mod storage;
mod xml;
