//! The rows of a host, from what it says of itself.

use std::collections::BTreeMap;

use haven_model::{
    ApiError, Host, HostCpu, HostMetrics, IpConfigurationMode, Network, Pbd, Pif, PifMetrics, Pool,
    Ref, Sr,
};
use haven_pooldb::{Image, Tx};

use super::spec::COMMON_CPU_MODEL;
use super::{allowed, network, rows, spec};
use crate::identity::Member;
use crate::orders::{HostFacts, NicFacts};
use crate::state::{fresh, now};

/// The version of XenAPI that clients find.
const API_VERSION: (i64, i64) = (2, 21);
/// Memory that the host keeps for itself: one part in this many, up to the limit below.
const OVERHEAD_DIVISOR: u64 = 8;
const OVERHEAD_BYTES_MAX: u64 = 1 << 30;

/// Writes a new host with its CPUs, ports and repositories.
///
/// # Errors
/// The database refuses.
pub fn insert(tx: &mut Tx<'_>, member: &Member, facts: &HostFacts) -> Result<Ref<Host>, ApiError> {
    let host = Ref::<Host>::from_uuid(member.host.0);
    let metrics = tx.insert(HostMetrics { uuid: fresh().to_string(), ..HostMetrics::default() })?;
    tx.insert_with(
        host,
        Host {
            uuid: member.host.0.to_string(),
            name_label: member.name.clone(),
            name_description: "Haven host".to_owned(),
            enabled: true,
            api_version_major: API_VERSION.0,
            api_version_minor: API_VERSION.1,
            api_version_vendor: "Haven".to_owned(),
            sched_policy: "cfs".to_owned(),
            edition: "free".to_owned(),
            metrics,
            ssl_legacy: false,
            https_only: true,
            tls_verification_enabled: true,
            allowed_operations: allowed::host_allowed(false),
            ..Host::default()
        },
    )?;
    refresh(tx, host, member, facts)?;
    attach_shared(tx, host)?;
    Ok(host)
}

/// Shared repositories are attached by every host: the same configuration as elsewhere.
fn attach_shared(tx: &mut Tx<'_>, host: Ref<Host>) -> Result<(), ApiError> {
    let shared: Vec<(Ref<Sr>, BTreeMap<String, String>)> = tx
        .iter::<Sr>()
        .filter(|(_, row)| row.shared)
        .filter_map(|(sr, row)| {
            let pbd = row.pbds.iter().find_map(|pbd| tx.get::<Pbd>(*pbd))?;
            Some((sr, pbd.device_config.clone()))
        })
        .collect();
    for (sr, device_config) in shared {
        super::pbd::insert(tx, host, sr, device_config)?;
    }
    Ok(())
}

/// Writes what may have changed since the host was last asked.
///
/// # Errors
/// The database refuses.
pub fn refresh(
    tx: &mut Tx<'_>,
    host: Ref<Host>,
    member: &Member,
    facts: &HostFacts,
) -> Result<(), ApiError> {
    let int = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let metrics = tx.require(host)?.metrics;
    tx.update(metrics, |row: &mut HostMetrics| {
        row.memory_total = int(facts.memory_total);
        row.memory_free = int(facts.memory_free);
        row.live = true;
        row.last_updated = now();
    })?;
    let overhead = (facts.memory_total / OVERHEAD_DIVISOR).min(OVERHEAD_BYTES_MAX);
    tx.update(host, |row: &mut Host| {
        row.hostname = facts.hostname.clone();
        row.address = member.address.to_string();
        row.memory_overhead = int(overhead);
        row.software_version = software(facts);
        row.cpu_info = cpu_info(facts);
        row.capabilities = capabilities(facts);
        row.bios_strings.clone_from(&facts.firmware);
        if !facts.time_zone.is_empty() {
            row.timezone.clone_from(&facts.time_zone);
        }
    })?;
    cpus(tx, host, facts)?;
    for nic in facts.nics.iter().filter(|nic| nic.physical) {
        // A port of a bridge has no address of its own: the bridge has it.
        let bridge = nic.bridge.as_ref();
        let bridge = facts.nics.iter().find(|other| Some(&other.device) == bridge);
        port(tx, host, member, nic, bridge.filter(|_| nic.addresses.is_empty()).unwrap_or(nic))?;
    }
    cpu_model(tx, facts)
}

fn text<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn software(facts: &HostFacts) -> BTreeMap<String, String> {
    let hypervisor = facts.hypervisor.clone().unwrap_or_default();
    text([
        ("product_brand", "Haven".to_owned()),
        ("product_version", facts.version.clone()),
        ("product_version_text", facts.version.clone()),
        ("platform_name", "Haven".to_owned()),
        ("platform_version", facts.version.clone()),
        ("build_number", facts.version.clone()),
        ("hostname", facts.hostname.clone()),
        ("linux", facts.kernel.clone()),
        ("libvirt", hypervisor.libvirt_version),
        ("qemu", hypervisor.hypervisor_version),
        ("xapi", format!("{}.{}", API_VERSION.0, API_VERSION.1)),
        ("xapi_build", facts.version.clone()),
    ])
}

fn cpu_info(facts: &HostFacts) -> BTreeMap<String, String> {
    let models = facts.hypervisor.as_ref().map_or(String::new(), |h| h.usable_models.join(" "));
    text([
        ("cpu_count", facts.cpu_count.to_string()),
        ("socket_count", facts.cpu_sockets.max(1).to_string()),
        ("vendor", facts.cpu_vendor.clone()),
        ("modelname", facts.cpu_model.clone()),
        ("speed", format!("{:.3}", facts.cpu_mhz)),
        ("flags", facts.cpu_flags.clone()),
        (spec::GUEST_MODELS_KEY, models),
        ("features", String::new()),
        ("features_hvm", String::new()),
        ("features_pv", String::new()),
    ])
}

fn capabilities(facts: &HostFacts) -> Vec<String> {
    let kind = facts.hypervisor.as_ref().map_or("", |found| found.virt_type.as_str());
    let mut list = vec!["hvm-3.0-x86_64".to_owned()];
    if !kind.is_empty() {
        list.push(kind.to_owned());
    }
    list
}

fn cpus(tx: &mut Tx<'_>, host: Ref<Host>, facts: &HostFacts) -> Result<(), ApiError> {
    let known = tx.require(host)?.host_cpus.clone();
    let count = usize::try_from(facts.cpu_count).unwrap_or(0);
    for gone in known.iter().skip(count) {
        tx.remove(*gone)?;
    }
    for number in known.len()..count {
        tx.insert(HostCpu {
            uuid: fresh().to_string(),
            host,
            number: i64::try_from(number).unwrap_or(0),
            vendor: facts.cpu_vendor.clone(),
            modelname: facts.cpu_model.clone(),
            flags: facts.cpu_flags.clone(),
            ..HostCpu::default()
        })?;
    }
    Ok(())
}

/// A network port: the same device of all hosts is in the same network.
fn port(
    tx: &mut Tx<'_>,
    host: Ref<Host>,
    member: &Member,
    nic: &NicFacts,
    addressed: &NicFacts,
) -> Result<(), ApiError> {
    let known = tx.require(host)?.pifs.iter().copied().find(|pif| {
        tx.get::<Pif>(*pif).is_some_and(|row| row.device == nic.device && row.vlan < 0)
    });
    let pif = match known {
        Some(pif) => pif,
        None => {
            let network = network_of(tx, nic)?;
            let metrics =
                tx.insert(PifMetrics { uuid: fresh().to_string(), ..PifMetrics::default() })?;
            tx.insert(Pif {
                uuid: fresh().to_string(),
                device: nic.device.clone(),
                network,
                host,
                vlan: -1,
                metrics,
                physical: true,
                ..Pif::default()
            })?
        }
    };
    let address = addressed.addresses.first().and_then(|text| text.split_once('/'));
    let (ip, prefix) = address.map_or(("", ""), |(ip, prefix)| (ip, prefix));
    let netmask = netmask(prefix);
    let metrics = tx.require(pif)?.metrics;
    tx.update(pif, |row: &mut Pif| {
        row.mac = nic.mac.clone();
        row.mtu = i64::from(nic.mtu);
        row.ip = ip.to_owned();
        row.netmask = netmask;
        row.ip_configuration_mode = match (ip.is_empty(), addressed.dynamic) {
            (true, _) => IpConfigurationMode::None,
            (false, true) => IpConfigurationMode::Dhcp,
            (false, false) => IpConfigurationMode::Static,
        };
        row.management = addressed.has(member.address);
    })?;
    tx.update(metrics, |row: &mut PifMetrics| {
        row.carrier = nic.carrier;
        row.speed = i64::from(nic.speed);
        row.duplex = true;
        row.device_name = nic.device.clone();
        row.last_updated = now();
    })
}

fn netmask(prefix: &str) -> String {
    let Some(bits) = prefix.parse::<u32>().ok().filter(|bits| (1..=32).contains(bits)) else {
        return String::new();
    };
    std::net::Ipv4Addr::from(u32::MAX << (32 - bits)).to_string()
}

/// The pool-wide network of a device; made when it is the first of that name.
fn network_of(tx: &mut Tx<'_>, nic: &NicFacts) -> Result<Ref<Network>, ApiError> {
    let same = tx.iter::<Pif>().find(|(_, pif)| pif.device == nic.device);
    if let Some(found) = same.map(|(_, pif)| pif.network) {
        return Ok(found);
    }
    let bridge = match &nic.bridge {
        Some(bridge) => bridge.clone(),
        None => bridge_name(tx, &nic.device),
    };
    tx.insert(Network {
        uuid: fresh().to_string(),
        name_label: format!("Pool-wide network associated with {}", nic.device),
        bridge,
        mtu: if nic.mtu == 0 { 1500 } else { i64::from(nic.mtu) },
        ..Network::default()
    })
}

/// `xenbr0` for `eth0`, as old clients expect; any free name for others.
fn bridge_name(db: &Image, device: &str) -> String {
    let number = device.strip_prefix("eth").filter(|rest| rest.parse::<u16>().is_ok());
    match number {
        Some(number) => format!("xenbr{number}"),
        None => network::free_bridge(db),
    }
}

/// The CPU that guests get: one that every host can give, so that VMs can move.
fn cpu_model(tx: &mut Tx<'_>, facts: &HostFacts) -> Result<(), ApiError> {
    let (pool, row) = rows::pool(tx)?;
    let Some(found) = &facts.hypervisor else { return Ok(()) };
    let now = row.cpu_info.get(spec::CPU_MODEL_KEY).cloned();
    let usable = |model: &str| found.usable_models.iter().any(|known| known == model);
    let model = match now {
        // Emulated CPUs are the same everywhere; a real one is, while all hosts can give it.
        Some(model) if model == COMMON_CPU_MODEL || usable(&model) => model,
        Some(_) => COMMON_CPU_MODEL.to_owned(),
        None if found.virt_type == "kvm" && usable(&found.cpu_model) => found.cpu_model.clone(),
        None => COMMON_CPU_MODEL.to_owned(),
    };
    let vendor = facts.cpu_vendor.clone();
    tx.update(pool, |row: &mut Pool| {
        row.cpu_info.insert(spec::CPU_MODEL_KEY.to_owned(), model);
        row.cpu_info.entry("vendor".to_owned()).or_insert(vendor);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_become_masks() {
        assert_eq!(netmask("16"), "255.255.0.0");
        assert_eq!(netmask("32"), "255.255.255.255");
        assert_eq!(netmask("64"), "");
        assert_eq!(netmask(""), "");
    }
}
