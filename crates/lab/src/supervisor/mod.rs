//! The process outside all hosts that owns them: power, links, storage, watchdogs.
//!
//! Owns: one actor thread per host, and the infrastructure namespace with its switches. All that it
//! starts dies with it, and all namespaces are held by processes alone, so that nothing stays behind
//! even after SIGKILL, except for empty cgroups and files, which [`sweep`] removes.
//! Never: the product's business.

mod actor;
mod log;
mod net;
mod power;
mod server;
mod watchdog;

pub use net::run_infrastructure;
pub use server::{detach, run};

use anyhow::Result;

use crate::config::LabConfig;

/// Removes the cgroups that a killed supervisor left behind.
pub fn sweep(config: &LabConfig) -> Result<()> {
    for n in 1..=config.hosts {
        let group = config.cgroup.group(&config.cgroup_name(n));
        if group.path().exists() {
            power::kill_group(&group)?;
            group.remove()?;
        }
    }
    Ok(())
}
