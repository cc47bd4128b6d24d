//! The drivers of this host, as the settings choose them.

use std::sync::Arc;

use haven_drivers::hypervisor::libvirt::{LibvirtConfig, LibvirtHypervisor};
use haven_drivers::hypervisor::sim::SimWorld;
use haven_drivers::hypervisor::{Hypervisor, HypervisorError};
use haven_drivers::storage::sim::SimArray;
use haven_drivers::storage::{SrDriver, StorageConfig};

use crate::agent::StorageSet;
use crate::boot::Drivers;
use crate::config::{Config, HypervisorSettings};
use crate::simulate::Simulation;

/// Memory of a simulated host.
const SIM_MEMORY_BYTES: u64 = 64 << 30;
/// Types of storage that the simulation stands for.
const SIM_KINDS: [&str; 3] = ["nfs", "file", "local"];

/// Makes them. A libvirt that is not there yet is no error: calls fail until it is.
/// With them the simulated pool that this host is part of, if it is.
pub fn drivers(config: &Config) -> Result<(Drivers, Option<Simulation>), HypervisorError> {
    match &config.settings.hypervisor {
        HypervisorSettings::Sim => Ok((simulated(), None)),
        HypervisorSettings::SimPool { hosts, vms } => {
            let simulation = Simulation::new(*hosts, *vms, config.paths.database().exists());
            Ok((simulation.drivers(0), Some(simulation)))
        }
        HypervisorSettings::Libvirt { uri, force_tcg } => {
            let defaults = LibvirtConfig::default();
            let hypervisor = LibvirtHypervisor::new(LibvirtConfig {
                uri: uri.clone(),
                run_dir: config.paths.run(),
                force_tcg: *force_tcg,
                ..defaults
            })?;
            let storage =
                StorageConfig { mount_root: config.paths.sr_mount(), ..StorageConfig::default() };
            let storage = set(haven_drivers::storage::drivers(&storage));
            Ok((Drivers { hypervisor: Arc::new(hypervisor), storage }, None))
        }
    }
}

fn simulated() -> Drivers {
    let hypervisor: Arc<dyn Hypervisor> =
        Arc::new(SimWorld::new(1, SIM_MEMORY_BYTES).hypervisor(0));
    let array = SimArray::new();
    let driver = |kind: &str| -> (String, Arc<dyn SrDriver>) {
        (kind.to_owned(), Arc::new(array.driver(0)))
    };
    Drivers { hypervisor, storage: set(SIM_KINDS.into_iter().map(driver)) }
}

fn set(drivers: impl IntoIterator<Item = (String, Arc<dyn SrDriver>)>) -> StorageSet {
    drivers.into_iter().fold(StorageSet::default(), |set, (kind, driver)| set.with(&kind, driver))
}
