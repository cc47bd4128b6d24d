//! A whole pool in one process: this host is real, its hypervisor and all other hosts are not.
//!
//! For benches, for work on clients and on the console, and for trying the API without a machine
//! room: `hypervisor = { driver = "sim_pool", hosts = 64, vms = 3000 }` in `havend.toml`, or
//! `haven-lab sim-pool`. Everything above the hypervisor is the real thing: database, sessions,
//! tasks, events, orders; orders to simulated hosts are handed over in memory.
//!
//! Owns: the simulated hosts and what a new simulated pool contains. Never part of a pool whose
//! settings name another driver.

mod hosts;
mod rows;

use std::sync::Arc;
use std::time::Duration;

use haven_drivers::hypervisor::Hypervisor;
use haven_drivers::hypervisor::sim::SimWorld;
use haven_drivers::storage::SrDriver;
use haven_drivers::storage::sim::SimArray;
use haven_model::{ApiError, Host};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::agent::StorageSet;
use crate::boot::Drivers;
use crate::orders::Report;
use crate::state::AppState;

pub use hosts::SimPeer;

/// Memory of a simulated host.
const MEMORY_BYTES: u64 = 64 << 30;
/// Types of storage that the simulation stands for.
const KINDS: [&str; 3] = ["nfs", "file", "local"];
/// How often it is looked whether somebody has founded the pool.
const FOUNDED_POLL: Duration = Duration::from_millis(50);

/// A simulated pool.
#[derive(Clone, Debug)]
pub struct Simulation {
    world: Arc<SimWorld>,
    array: Arc<SimArray>,
    hosts: usize,
    vms: usize,
}

impl Simulation {
    /// A pool of `hosts` hosts (this one included) that is filled with `vms` VMs once it is
    /// founded; `filled`: it was, by an earlier daemon.
    #[must_use]
    pub fn new(hosts: usize, vms: usize, filled: bool) -> Self {
        let world = SimWorld::new(hosts.max(1), MEMORY_BYTES);
        // What runs is in the database; until it has been read, nobody may conclude anything.
        world.set_answering(!filled);
        Self { world, array: SimArray::new(), hosts: hosts.max(1), vms }
    }

    /// The drivers of one of its hosts.
    #[must_use]
    pub fn drivers(&self, host: usize) -> Drivers {
        let hypervisor: Arc<dyn Hypervisor> = Arc::new(self.world.hypervisor(host));
        let driver = |set: StorageSet, kind: &str| {
            let driver: Arc<dyn SrDriver> = Arc::new(self.array.driver(host));
            set.with(kind, driver)
        };
        Drivers { hypervisor, storage: KINDS.into_iter().fold(StorageSet::default(), driver) }
    }

    /// Fills the pool once it is founded, starts its guests, and reports for its hosts; runs for
    /// ever.
    pub async fn run(self, state: Arc<AppState>, reports: mpsc::Sender<Report>) {
        while !state.pool.is_open() {
            sleep(FOUNDED_POLL).await;
        }
        let peers = match hosts::start(&self, &state) {
            Ok(peers) => peers,
            Err(error) => {
                tracing::error!(%error, "the simulated hosts could not be made");
                Vec::new()
            }
        };
        // Beside the filling: who does not report for long counts as dead.
        let filling = async {
            if let Err(error) = self.fill(&state, &peers).await {
                tracing::error!(%error, "the simulated pool could not be filled");
            }
        };
        tokio::join!(filling, hosts::report(&state, &peers, &reports), hosts::collect(&peers));
    }

    async fn fill(&self, state: &Arc<AppState>, peers: &[SimPeer]) -> Result<(), ApiError> {
        self.world.set_answering(false);
        let known = state.pool.read(|db| db.iter::<Host>().count()).await?;
        if known < self.hosts {
            rows::fill(state, peers, self.vms).await?;
        }
        rows::run_guests(state, self).await?;
        self.world.set_answering(true);
        hosts::attach_storage(self, state).await?;
        tracing::info!(hosts = self.hosts, vms = self.vms, "the simulated pool is complete");
        Ok(())
    }
}
