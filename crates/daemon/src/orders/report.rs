//! What members tell the coordinator without being asked.

use std::collections::BTreeSet;

use haven_cluster::ids::HostId;
use haven_drivers::hypervisor::{CRASHED, HypervisorEvent};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Inventory;

/// A report of a member (`POST /report`). Sent at once after events, and every few seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Pool of the sender.
    pub pool: Uuid,
    /// The sender; checked against its certificate.
    pub host: HostId,
    /// Counts the reports of this `havend`.
    pub sequence: u64,
    /// What happened since the last report that was delivered; a hint only, the inventory is
    /// what counts.
    pub events: Vec<HypervisorEvent>,
    /// What runs now; `None`: the hypervisor does not answer.
    pub inventory: Option<Box<Inventory>>,
    /// Storage repositories that should be attached and are not, with the reason.
    pub storage_faults: Vec<(Uuid, String)>,
    /// The sender's guard stands back for another machine of this host's name: one is a copy of the
    /// other's disk. What else this report says is not the member's.
    #[serde(default)]
    pub twin: bool,
    /// Promises that the sender saw broken, by name: its guard of itself, or its
    /// daemon of its guard.
    #[serde(default)]
    pub broken: Vec<String>,
    /// Sentences of the sender's guard that no other host's guard need say.
    #[serde(default)]
    pub alarms: Vec<String>,
    /// How the storage repositories stand that the sender is to have; an older one does not say.
    #[serde(default)]
    pub storage: Vec<StorageSight>,
}

/// How a storage repository stands on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageSight {
    /// The repository.
    pub sr: Uuid,
    /// Why it does not answer; nothing: it does.
    pub fault: Option<String>,
    /// The host could prove to have let go of it; an older one does not say.
    #[serde(default)]
    pub lets_go: bool,
}

/// Events of reports that were not taken in; older ones go first.
const EVENTS_MAX: usize = 1024;

impl Report {
    /// This report in the place of an earlier one that was not taken in: nothing that happened is lost.
    #[must_use]
    pub fn after(mut self, mut earlier: Vec<HypervisorEvent>) -> Self {
        earlier.append(&mut self.events);
        let excess = earlier.len().saturating_sub(EVENTS_MAX);
        self.events = earlier.split_off(excess);
        self
    }

    /// VMs whose process ended although nobody had asked for that.
    #[must_use]
    pub fn crashed(&self) -> BTreeSet<Uuid> {
        let crash = |event: &HypervisorEvent| match event {
            HypervisorEvent::Lifecycle { vm, state: None, detail } if detail == CRASHED => {
                Some(*vm)
            }
            _ => None,
        };
        self.events.iter().filter_map(crash).collect()
    }
}
