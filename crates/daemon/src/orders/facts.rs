//! What a host is: hardware, versions, networks, clock.

use std::collections::BTreeMap;
use std::net::IpAddr;

use haven_drivers::hypervisor::Capabilities;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Facts of a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// `host.uuid`.
    pub host: Uuid,
    /// Host name of the operating system.
    pub hostname: String,
    /// Identifies this boot.
    pub boot_id: String,
    /// Version of `havend`.
    pub version: String,
    /// Kernel release.
    pub kernel: String,
    /// What the hypervisor can do; `None`: it does not answer.
    pub hypervisor: Option<Capabilities>,
    /// Logical CPUs.
    pub cpu_count: u32,
    /// CPU sockets.
    pub cpu_sockets: u32,
    /// CPU vendor as the kernel names it, e.g. `AuthenticAMD`.
    pub cpu_vendor: String,
    /// Model name of the CPU.
    pub cpu_model: String,
    /// CPU flags, separated by blanks.
    pub cpu_flags: String,
    /// MHz.
    pub cpu_mhz: f64,
    /// Memory in bytes.
    pub memory_total: u64,
    /// Free memory in bytes (with what caches would give back).
    pub memory_free: u64,
    /// Memory per NUMA node.
    pub numa: Vec<NumaFree>,
    /// Network interfaces, without the ones of guests.
    pub nics: Vec<NicFacts>,
    /// The clock, milliseconds since 1970.
    pub wall_ms: u64,
    /// Milliseconds since the boot.
    pub uptime_ms: u64,
    /// Its time zone, as `timedatectl` names it; empty: none is set.
    #[serde(default)]
    pub time_zone: String,
    /// What its firmware says of itself, named as `host.bios_strings` names it.
    #[serde(default)]
    pub firmware: BTreeMap<String, String>,
}

/// Memory of one NUMA node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumaFree {
    /// Number of the node.
    pub node: u32,
    /// Its memory in bytes.
    pub total: u64,
    /// Free memory in bytes.
    pub free: u64,
}

/// One network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NicFacts {
    /// Name of the device.
    pub device: String,
    /// MAC address.
    pub mac: String,
    /// Maximum transmission unit.
    pub mtu: u32,
    /// Has a link.
    pub carrier: bool,
    /// Mbit/s, 0 when unknown.
    pub speed: u32,
    /// A physical (or in the lab: virtual) port, not a bridge, bond or VLAN.
    pub physical: bool,
    /// The bridge that it is a port of, if any.
    pub bridge: Option<String>,
    /// Addresses with prefix length, e.g. `10.0.0.5/16`.
    pub addresses: Vec<String>,
    /// An address of it came from DHCP or router advertisement and may change.
    pub dynamic: bool,
}

impl NicFacts {
    /// Has it this address?
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        self.addresses
            .iter()
            .filter_map(|text| text.split('/').next())
            .any(|text| text.parse::<IpAddr>().is_ok_and(|known| known == address))
    }
}
