//! What a host answers.

use std::collections::BTreeMap;

use haven_drivers::host_info::optical::Drive;
use haven_drivers::hypervisor::{
    DiskState, DomainInfo, DomainState, MigrateProgress, MigrateStats,
};
use haven_drivers::power::{Metadata, PowerState};
use haven_drivers::storage::{SrSpace, SrTest, VolumeInfo};
use haven_failover::rekey::Holds;
use haven_failover::storage::Remains;
use haven_failover::{Report, Sight};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::HostFacts;
use crate::stats::StatsAnswer;

/// What a host answers to an order that it carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reply", content = "body")]
pub enum OrderReply {
    /// Done; nothing to tell.
    Done,
    /// To `Inventory`.
    Inventory(Box<Inventory>),
    /// To `DiskState`.
    Disk(Box<DiskState>),
    /// To `ClosePlacement`: does it run here?
    Running(bool),
    /// To `MigrateVm`.
    Migrated(MigrateStats),
    /// To `MigrateProgress`; `None`: no migration runs.
    Progress(Option<MigrateProgress>),
    /// To `AttachSr`, `CreateVolume`, `CopyVolume`, `CreateRaw`: path on the host.
    Path(String),
    /// To `ScanSr`.
    Volumes(Vec<VolumeInfo>),
    /// To `SrSpace`.
    Space(SrSpace),
    /// To `ProbeSr`.
    Probed(Vec<String>),
    /// To `TestSr`.
    Tested(Box<SrTest>),
    /// To `GuestAgent`.
    Text(String),
    /// To `Screenshot`: PNG in base64.
    Picture(String),
    /// To `GuestPulses`.
    Pulses(Box<Pulses>),
    /// To `HostFacts`.
    Facts(Box<HostFacts>),
    /// To `Statistics`.
    Statistics(Box<StatsAnswer>),
    /// To `HaPreflight`.
    Preflight(PreflightReply),
    /// To `GuardKeys`.
    Keys(Holds),
    /// To `UpdateReplica`; no: a whole copy must come.
    Kept(bool),
    /// To `Power`: status.
    PowerState(PowerState),
    /// To `Power`: the installed agents.
    FenceAgents(Vec<String>),
    /// To `Power`: what an agent says of itself.
    FenceAgent(Box<Metadata>),
}

/// What runs on a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// The life under whose permit this runs here: an incarnation; 0 while high availability is
    /// off or no permit is valid. A host that fences itself, or has just come back, speaks for no
    /// life that held a VM.
    #[serde(default)]
    pub life: u64,
    /// All domains of Haven.
    pub domains: Vec<DomainInfo>,
    /// Orders that were acting when older ones were closed: each may still have its effect.
    pub acting: Vec<ActingOrder>,
    /// Storage repositories that are attached.
    pub attached: Vec<Uuid>,
    /// Identifies this boot of the host.
    pub boot_id: String,
    /// Free memory in bytes.
    pub memory_free: u64,
    /// Its optical drives by device; `None`: nobody looked for them yet.
    #[serde(default)]
    pub drives: Option<Vec<Drive>>,
    /// Machines that were ended because their storage is lost here, and of which something is left.
    #[serde(default)]
    pub ending: BTreeMap<Uuid, Remains>,
}

impl Inventory {
    /// What the host says of one VM, for the life that held it (0: high availability was off).
    #[must_use]
    pub fn report(&self, vm: Uuid, life: u64) -> Report {
        let domain = self.domains.iter().find(|domain| domain.uuid == vm);
        let sight = match domain.map(|domain| domain.state) {
            Some(DomainState::Incoming) => Sight::Incoming,
            Some(_) => Sight::Here,
            None => Sight::Nothing,
        };
        Report {
            sight,
            acting: self.acting.iter().any(|order| order.vm == Some(vm)),
            stranger: life != 0 && self.life != life,
        }
    }
}

/// An order that is being carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActingOrder {
    /// Its id.
    pub id: Uuid,
    /// The VM that it acts on, if it acts on one.
    pub vm: Option<Uuid>,
    /// Name of the order.
    pub kind: String,
}

/// How guests are that are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulses {
    /// Those that execute here and could be asked.
    pub guests: Vec<GuestPulse>,
    /// Storage repositories that do not answer here.
    pub faults: Vec<Uuid>,
}

/// How one guest is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestPulse {
    /// The VM.
    pub vm: Uuid,
    /// Its agent answers.
    pub agent: bool,
    /// Changes with everything that it reads, writes or sends.
    pub io: u64,
    /// How often it booted since it came here.
    pub boots: u64,
}

/// What the pre-flight found; no finding: the host is ready.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreflightReply {
    /// What stands against arming.
    pub findings: Vec<PreflightFinding>,
    /// What does not, but should be known.
    pub warnings: Vec<PreflightFinding>,
}

/// One finding of a pre-flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreflightFinding {
    /// Catalogue code.
    pub code: String,
    /// One sentence: what, why, what to do.
    pub text: String,
    /// What it is about, for clients that have words of their own; an earlier version says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<PreflightSubject>,
}

/// What a pre-flight looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreflightSubject {
    /// The guard of the host.
    Guard,
    /// What resets the host when its guard hangs.
    Watchdog,
    /// The host's own addresses on the heartbeat networks.
    Addresses,
    /// Its clock beside the coordinator's.
    Clock,
    /// The volumes for heartbeats.
    Statefile,
    /// The other hosts.
    Peers,
}
