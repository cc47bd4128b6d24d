//! Facts of this host: CPU, memory, networks, versions, clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::execute::AgentParts;
use crate::orders::{HostFacts, NicFacts};

/// Longest wait for a small program.
const PROGRAM_MAX: Duration = Duration::from_secs(10);
/// Longest wait for the hypervisor's capabilities; without them the rest is answered.
const CAPABILITIES_MAX: Duration = Duration::from_secs(15);

/// Memory of the host in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) total: u64,
    pub(super) free: u64,
}

/// Gathers all facts.
pub async fn host_facts(parts: &AgentParts) -> HostFacts {
    let hypervisor = parts.hypervisor.clone();
    let asked = spawn_blocking(move || hypervisor.capabilities());
    let capabilities = match timeout(CAPABILITIES_MAX, asked).await {
        Ok(Ok(Ok(capabilities))) => Some(capabilities),
        _ => None,
    };
    let memory = memory();
    let name = rustix::system::uname();
    let cpu = cpu(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default());
    HostFacts {
        host: parts.identity.host().0,
        hostname: name.nodename().to_string_lossy().into_owned(),
        boot_id: boot_id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: name.release().to_string_lossy().into_owned(),
        hypervisor: capabilities,
        cpu_count: cpu.count,
        cpu_sockets: cpu.sockets,
        cpu_vendor: cpu.vendor,
        cpu_model: cpu.model,
        cpu_flags: cpu.flags,
        cpu_mhz: cpu.mhz,
        memory_total: memory.total,
        memory_free: memory.free,
        numa: Vec::new(),
        nics: nics().await,
        wall_ms: wall_ms(),
        uptime_ms: uptime_ms(),
    }
}

/// The clock, milliseconds since 1970.
#[must_use]
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn uptime_ms() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
    u64::try_from(Duration::from_secs_f64(seconds.max(0.0)).as_millis()).unwrap_or_default()
}

/// Identifies this boot: the kernel's id, and the start of the first process, which differs for
/// hosts that share a kernel.
pub(super) fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let stat = fs::read_to_string("/proc/1/stat").unwrap_or_default();
    // The command may contain blanks; what follows its bracket does not. Field 22 is the start.
    let after = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let start = after.split_ascii_whitespace().nth(19).unwrap_or("0");
    format!("{}-{start}", id.trim())
}

pub(super) fn memory() -> Memory {
    parse_memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

fn parse_memory(text: &str) -> Memory {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Memory {
        total: value("MemTotal:").unwrap_or_default(),
        free: value("MemAvailable:").unwrap_or_default(),
    }
}

#[derive(Debug, Default, PartialEq)]
struct Cpu {
    count: u32,
    sockets: u32,
    vendor: String,
    model: String,
    flags: String,
    mhz: f64,
}

fn cpu(text: &str) -> Cpu {
    let mut cpu = Cpu::default();
    let mut sockets = BTreeSet::new();
    let mut first = BTreeMap::new();
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let (key, value) = (key.trim(), value.trim());
        match key {
            "processor" => cpu.count += 1,
            "physical id" => {
                sockets.insert(value);
            }
            _ => {}
        }
        first.entry(key).or_insert(value);
    }
    let text = |key: &str| first.get(key).copied().unwrap_or_default().to_owned();
    cpu.sockets = u32::try_from(sockets.len()).unwrap_or(u32::MAX).max(1);
    cpu.vendor = text("vendor_id");
    cpu.model = text("model name");
    cpu.flags = text("flags");
    cpu.mhz = text("cpu MHz").parse().unwrap_or(0.0);
    cpu
}

async fn nics() -> Vec<NicFacts> {
    let run = Command::new("ip").args(["-j", "-d", "address"]).kill_on_drop(true).output();
    match timeout(PROGRAM_MAX, run).await {
        Ok(Ok(output)) if output.status.success() => parse_nics(&output.stdout),
        other => {
            tracing::warn!(?other, "cannot list network interfaces with `ip address`");
            Vec::new()
        }
    }
}

#[derive(Deserialize)]
struct Link {
    ifname: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    mtu: u32,
    #[serde(default)]
    flags: Vec<String>,
    master: Option<String>,
    linkinfo: Option<LinkInfo>,
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct LinkInfo {
    info_kind: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    local: Option<String>,
    prefixlen: Option<u32>,
    scope: Option<String>,
    #[serde(default)]
    dynamic: bool,
}

fn parse_nics(json: &[u8]) -> Vec<NicFacts> {
    let links: Vec<Link> = serde_json::from_slice(json).unwrap_or_default();
    links.into_iter().filter_map(nic).collect()
}

fn nic(link: Link) -> Option<NicFacts> {
    let kind = link.linkinfo.and_then(|info| info.info_kind).unwrap_or_default();
    let has = |flag: &str| link.flags.iter().any(|known| known == flag);
    if has("LOOPBACK") || kind == "tun" {
        return None;
    }
    let global: Vec<&Address> = link
        .addr_info
        .iter()
        .filter(|address| address.scope.as_deref() == Some("global"))
        .collect();
    Some(NicFacts {
        mac: link.address,
        mtu: link.mtu,
        carrier: has("LOWER_UP"),
        speed: speed(&link.ifname),
        physical: kind.is_empty() || kind == "veth",
        bridge: link.master,
        addresses: global
            .iter()
            .filter_map(|address| {
                Some(format!("{}/{}", address.local.as_ref()?, address.prefixlen?))
            })
            .collect(),
        dynamic: global.iter().any(|address| address.dynamic),
        device: link.ifname,
    })
}

fn speed(device: &str) -> u32 {
    let text = fs::read_to_string(format!("/sys/class/net/{device}/speed")).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_guests_and_loopback_are_left_out_and_dhcp_is_noticed() {
        let json = br#"[
            {"ifname":"lo","flags":["LOOPBACK","UP"],"mtu":65536,"addr_info":[]},
            {"ifname":"eth0","flags":["UP","LOWER_UP"],"mtu":1500,"master":"xbr0",
             "address":"02:00:00:00:00:01","linkinfo":{"info_kind":"veth"},"addr_info":[]},
            {"ifname":"xbr0","flags":["UP"],"mtu":1500,"address":"02:00:00:00:00:01",
             "linkinfo":{"info_kind":"bridge"},
             "addr_info":[{"local":"10.77.0.1","prefixlen":16,"scope":"global","dynamic":true},
                          {"local":"fe80::1","prefixlen":64,"scope":"link"}]},
            {"ifname":"vnet3","flags":["UP"],"mtu":1500,"master":"xbr0",
             "linkinfo":{"info_kind":"tun"},"addr_info":[]}]"#;
        let nics = parse_nics(json);
        let devices: Vec<_> = nics.iter().map(|nic| nic.device.as_str()).collect();
        assert_eq!(devices, ["eth0", "xbr0"]);
        assert!(nics[0].physical && nics[0].carrier && nics[0].bridge.as_deref() == Some("xbr0"));
        assert!(!nics[1].physical && nics[1].dynamic);
        assert_eq!(nics[1].addresses, ["10.77.0.1/16"]);
    }

    #[test]
    fn cpus_and_memory_are_counted() {
        let text = "processor\t: 0\nvendor_id\t: AuthenticAMD\nphysical id\t: 0\n\
                    processor\t: 1\nvendor_id\t: AuthenticAMD\nphysical id\t: 1\n";
        let cpu = cpu(text);
        assert_eq!((cpu.count, cpu.sockets, cpu.vendor.as_str()), (2, 2, "AuthenticAMD"));
        let memory = parse_memory("MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable: 1024 kB\n");
        assert_eq!(memory, Memory { total: 2 << 20, free: 1 << 20 });
    }
}
