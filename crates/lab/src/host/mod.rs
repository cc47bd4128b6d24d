//! The inside of a host: what runs as its first process, and what its files say.
//!
//! Owns: the host's mounts, its supervised services. Never knows the network's other end, nor
//! the faults: those are the supervisor's, outside.

pub mod files;
pub mod init;
pub mod mounts;
pub mod services;
