//! What a host is: processor, memory, network devices, addresses, clock, watchdog.
//!
//! Owns: reading these from the kernel and from the host's own network configuration. Changes
//! nothing, remembers nothing.

mod addressing;
mod hardware;
mod load;
mod nics;
pub mod optical;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use addressing::{Addressing, Management};
pub use hardware::{Cpu, Memory, Numa, cpu, firmware, memory, numa};
pub use load::{CpuTicks, Load, NicBytes, load};
pub use nics::{Nic, NicKind, nics};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostInfo {
    /// Name of the host.
    pub hostname: String,
    /// Kernel release.
    pub kernel: String,
    /// Identifies this boot.
    pub boot_id: String,
    /// Milliseconds of the real-time clock since 1970, for skew checks.
    pub wall_ms: u64,
    /// Processor.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// Memory per NUMA node.
    pub numa: Vec<Numa>,
    /// Network devices, without loopback and those of guests.
    pub nics: Vec<Nic>,
    /// How the host is reached; `None` if the address given is not this host's and there is no
    /// default route.
    pub management: Option<Management>,
    /// `/dev/watchdog` is there.
    pub watchdog: bool,
    /// What its firmware says of itself: `bios-vendor`, `system-manufacturer` …
    #[serde(default)]
    pub firmware: BTreeMap<String, String>,
}

/// Reads all. `management` is the address by which the pool knows this host, if it has one.
#[must_use]
pub fn read(management: Option<IpAddr>) -> HostInfo {
    let name = rustix::system::uname();
    let nics = nics();
    HostInfo {
        hostname: name.nodename().to_string_lossy().into_owned(),
        kernel: name.release().to_string_lossy().into_owned(),
        boot_id: boot_id(),
        wall_ms: wall_ms(),
        cpu: cpu(),
        memory: memory(),
        numa: numa(),
        management: addressing::management(&nics, management),
        nics,
        watchdog: std::fs::symlink_metadata("/dev/watchdog").is_ok(),
        firmware: firmware(),
    }
}

/// The real-time clock.
#[must_use]
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The kernel's id of this boot.
#[must_use]
pub fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}
