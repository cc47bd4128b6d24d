//! The planner's view of a pool.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Memory that the hypervisor's process needs for a guest besides the guest's own, at least.
const OVERHEAD_BYTES_MIN: u64 = 64 << 20;
/// Page tables and device state: one part in this many of the guest's memory.
const OVERHEAD_DIVISOR: u64 = 64;
/// Per virtual CPU: stack, state and emulation buffers.
const OVERHEAD_BYTES_PER_VCPU: u64 = 4 << 20;

/// What a VM takes from a host's free memory: guest memory plus the hypervisor's overhead.
#[must_use]
pub fn memory_need(guest_bytes: u64, vcpus: u32) -> u64 {
    guest_bytes
        .saturating_add(OVERHEAD_BYTES_MIN)
        .saturating_add(guest_bytes / OVERHEAD_DIVISOR)
        .saturating_add(OVERHEAD_BYTES_PER_VCPU.saturating_mul(u64::from(vcpus)))
}

/// A host as far as placement is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// `host.uuid`.
    pub id: Uuid,
    /// `host.name_label`, for explanations.
    pub name: String,
    /// `host.enabled`.
    pub enabled: bool,
    /// It answers, and with high availability armed it is a member.
    pub live: bool,
    /// Free memory in bytes: what all VMs placed there (running, starting, arriving) leave.
    pub memory_free: u64,
    /// SRs that are attached there.
    pub srs: BTreeSet<Uuid>,
    /// Networks that are present there.
    pub networks: BTreeSet<Uuid>,
    /// VMs placed there.
    pub vms: u32,
}

/// How a VM is protected (`VM.ha_restart_priority`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// `restart`: guaranteed.
    Restart,
    /// `best-effort`: started where room is left.
    BestEffort,
    /// Not restarted.
    None,
}

/// A VM as far as placement is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vm {
    /// `VM.uuid`.
    pub id: Uuid,
    /// `VM.name_label`, for explanations.
    pub name: String,
    /// What it takes from a host: see [`memory_need`].
    pub memory: u64,
    /// SRs of its disks.
    pub srs: BTreeSet<Uuid>,
    /// Networks of its interfaces.
    pub networks: BTreeSet<Uuid>,
    /// `VM.affinity`: the host it prefers.
    pub affinity: Option<Uuid>,
    /// The host where it runs now.
    pub resident: Option<Uuid>,
    /// How it is protected.
    pub protection: Protection,
    /// `VM.order`: lower starts first.
    pub order: i64,
    /// `VM.start_delay` in seconds: wait after this start before the next group.
    pub start_delay_s: u64,
}
