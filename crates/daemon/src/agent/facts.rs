//! Facts of this host: CPU, memory, networks, versions, clock.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use haven_drivers::host_info::{self, Addressing, HostInfo, Nic, NicKind};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::execute::AgentParts;
use crate::identity::HostIdentity;
use crate::orders::{HostFacts, NicFacts, NumaFree};

/// Longest wait for the hypervisor's capabilities; without them the rest is answered.
const CAPABILITIES_MAX: Duration = Duration::from_secs(15);

/// Gathers all facts.
pub async fn host_facts(parts: &AgentParts) -> HostFacts {
    let hypervisor = parts.hypervisor.clone();
    let asked = spawn_blocking(move || hypervisor.capabilities());
    let address = parts.config.settings.address.or_else(|| own_address(&parts.identity.get()));
    let read = spawn_blocking(move || host_info::read(address));
    let capabilities = match timeout(CAPABILITIES_MAX, asked).await {
        Ok(Ok(Ok(capabilities))) => Some(capabilities),
        _ => None,
    };
    let info = read.await.unwrap_or_default();
    let nics = info.nics.iter().map(|nic| nic_facts(&info, nic)).collect();
    HostFacts {
        host: parts.identity.host().0,
        hostname: info.hostname,
        boot_id: boot_id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: info.kernel,
        hypervisor: capabilities,
        cpu_count: info.cpu.count,
        cpu_sockets: info.cpu.sockets,
        cpu_vendor: info.cpu.vendor,
        cpu_model: info.cpu.model,
        cpu_flags: info.cpu.flags,
        cpu_mhz: info.cpu.mhz,
        memory_total: info.memory.total,
        memory_free: info.memory.free,
        numa: info
            .numa
            .iter()
            .map(|numa| NumaFree { node: numa.node, total: numa.total, free: numa.free })
            .collect(),
        nics,
        wall_ms: host_info::wall_ms(),
        uptime_ms: uptime_ms(),
        time_zone: time_zone(),
        firmware: info.firmware,
    }
}

/// The time zone of this host, as `timedatectl` names it; empty: none is set.
fn time_zone() -> String {
    let link = fs::read_link("/etc/localtime").unwrap_or_default();
    let text = link.to_string_lossy();
    text.split_once("zoneinfo/").map(|(_, zone)| zone.to_owned()).unwrap_or_default()
}

/// The address by which the pool knows this host.
fn own_address(identity: &HostIdentity) -> Option<IpAddr> {
    identity.pool.as_ref()?.member(identity.host).map(|member| member.address)
}

fn nic_facts(info: &HostInfo, nic: &Nic) -> NicFacts {
    let dhcp = info.management.as_ref().is_some_and(|management| {
        management.device == nic.device && management.addressing == Addressing::Dhcp
    });
    NicFacts {
        device: nic.device.clone(),
        mac: nic.mac.clone(),
        mtu: nic.mtu,
        carrier: nic.carrier,
        speed: nic.speed,
        physical: nic.kind == NicKind::Physical,
        bridge: nic.master.clone(),
        addresses: nic.addresses.iter().map(|(ip, prefix)| format!("{ip}/{prefix}")).collect(),
        dynamic: nic.dynamic || dhcp,
    }
}

fn uptime_ms() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
    u64::try_from(Duration::from_secs_f64(seconds.max(0.0)).as_millis()).unwrap_or_default()
}

/// Identifies this boot: the kernel's id, and the start of the first process, which differs for
/// hosts that share a kernel.
pub(super) fn boot_id() -> String {
    let stat = fs::read_to_string("/proc/1/stat").unwrap_or_default();
    format!("{}-{}", host_info::boot_id(), start_of(&stat))
}

/// Field 22 of a process' `stat`. The command before it may contain blanks and brackets.
fn start_of(stat: &str) -> &str {
    let after = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    after.split_ascii_whitespace().nth(19).unwrap_or("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_process_is_found_behind_an_odd_name() {
        let stat = "1 (a ) b) S 0 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 7788 1 2";
        assert_eq!(start_of(stat), "7788");
        assert_eq!(start_of(""), "0");
    }

    #[test]
    fn an_address_from_dhcp_is_noticed_though_its_life_has_no_limit() {
        let nic = Nic { device: "eth0".to_owned(), ..Nic::default() };
        let mut info = HostInfo::default();
        assert!(!nic_facts(&info, &nic).dynamic);
        info.management = Some(host_info::Management {
            device: "eth0".to_owned(),
            address: IpAddr::from([10, 0, 0, 1]),
            prefix: 24,
            gateway: None,
            addressing: Addressing::Dhcp,
        });
        assert!(nic_facts(&info, &nic).dynamic);
    }
}
