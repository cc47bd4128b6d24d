//! Hosts and pools of the same network find each other: mDNS and DNS-SD (`_haven._tcp.local.`).
//!
//! Owns: what this host says of itself on its management network, and what it heard there. A host in no
//! pool says that it is free; of a pool the coordinator speaks; other members are silent. What was heard
//! proves nothing: it is an address to look at. Who joins what is decided by token or setup code, and by
//! fingerprints that a person compares. IPv4 only; never crosses a router.

mod found;
mod run;
mod said;
mod wire;

pub use found::Found;
pub use run::run;
pub use said::{Said, Standing};
