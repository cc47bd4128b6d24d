//! The outside world of a host behind traits, each with a real and a simulated implementation.

pub mod hypervisor;
pub mod storage;
