//! What members tell the coordinator without being asked.

use haven_cluster::ids::HostId;
use haven_drivers::hypervisor::HypervisorEvent;
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
}
