//! The outside world of a host behind traits, each with a real and a simulated implementation.
//!
//! Owns: how hypervisors ([`hypervisor`]), storage ([`storage`]), the host itself ([`host_info`])
//! and its bridges ([`network`]) are reached. All calls block up to a deadline of their own.
//! Never decides where anything runs, never knows the database, has no async runtime.

pub mod exec;
pub mod host_info;
pub mod hypervisor;
pub mod network;
pub mod storage;
