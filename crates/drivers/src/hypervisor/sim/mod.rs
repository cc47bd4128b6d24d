//! A hypervisor in memory, for tests and benches of what is built above.
//!
//! Owns: a [`SimWorld`] of hosts and the domains on them; hands out one [`SimHypervisor`] per
//! host. Calls may be given delays and failures, hosts may die. The world itself notices a VM
//! that runs twice ([`SimWorld::violations`]). Never sleeps longer than the configured delay and
//! has no randomness of its own.

mod copies;
mod host;
mod load;
mod world;

pub use host::SimHypervisor;
pub use load::grown;
pub use world::{Delays, SimWorld, Violation};

/// URI of a host of the world, for [`MigrateTarget`](super::MigrateTarget).
#[must_use]
pub fn host_uri(host: usize) -> String {
    format!("sim://{host}")
}

#[cfg(test)]
mod tests;
