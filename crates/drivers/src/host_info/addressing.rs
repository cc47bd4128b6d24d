//! How the host is reached, and whether its address may change: a pool member needs one that
//! stays.
//!
//! The kernel knows that an address has a limited life, but not why one without is there. So the
//! host's network configuration is read too: ifupdown, systemd-networkd, NetworkManager.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::nics::Nic;
use crate::exec;

/// Longest wait for `ip`.
const IP_DEADLINE_MS: u64 = 10_000;
/// Files of one configuration directory that are read.
const FILES_MAX: usize = 1_000;

/// Where an address comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressing {
    /// Configured on the host.
    Static,
    /// From DHCP: may change.
    Dhcp,
    /// Nothing says so; it has no limited life.
    #[default]
    Unknown,
}

/// How the host is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Management {
    /// Device that has the address.
    pub device: String,
    /// The address.
    pub address: IpAddr,
    /// Its prefix length.
    pub prefix: u8,
    /// The default gateway.
    pub gateway: Option<IpAddr>,
    /// Where the address comes from.
    pub addressing: Addressing,
}

#[derive(Deserialize)]
struct Route {
    dev: Option<String>,
    gateway: Option<IpAddr>,
}

/// Finds the device of `address`, or else the one with the default route.
pub(super) fn management(nics: &[Nic], address: Option<IpAddr>) -> Option<Management> {
    let route = default_route();
    let gateway = route.as_ref().and_then(|r| r.gateway);
    let by_address = |nic: &&Nic| {
        address.is_some_and(|wanted| nic.addresses.iter().any(|(known, _)| *known == wanted))
    };
    let by_route = |nic: &&Nic| {
        let device = route.as_ref().and_then(|r| r.dev.as_ref());
        device.is_some_and(|device| nic.device == *device)
    };
    let nic = nics.iter().find(by_address).or_else(|| nics.iter().find(by_route))?;
    let chosen = nic.addresses.iter().find(|(known, _)| Some(*known) == address);
    let (address, prefix) = chosen.or_else(|| nic.addresses.first()).copied()?;
    let device = nic.device.clone();
    let addressing = if nic.dynamic {
        Addressing::Dhcp
    } else {
        configured(Path::new("/"), &device).unwrap_or_default()
    };
    Some(Management { device, address, prefix, gateway, addressing })
}

fn default_route() -> Option<Route> {
    let deadline = Duration::from_millis(IP_DEADLINE_MS);
    let output = exec::run("ip", &["-j", "route", "show", "default"], deadline).ok()?;
    let routes: Vec<Route> = serde_json::from_str(&output.stdout).ok()?;
    routes.into_iter().next()
}

/// What the configuration below `root` says about a device.
fn configured(root: &Path, device: &str) -> Option<Addressing> {
    ifupdown(root, device).or_else(|| networkd(root, device)).or_else(|| manager(root, device))
}

/// Texts of the files with this suffix in a directory, in order of their names.
fn texts(dir: &Path, suffix: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).take(FILES_MAX).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(suffix));
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}

fn ifupdown(root: &Path, device: &str) -> Option<Addressing> {
    let main = std::fs::read_to_string(root.join("etc/network/interfaces")).unwrap_or_default();
    let mut all = vec![main];
    all.extend(texts(&root.join("etc/network/interfaces.d"), ""));
    all.iter().flat_map(|text| text.lines()).find_map(|line| {
        let mut words = line.split_whitespace();
        let ours = words.next() == Some("iface") && words.next() == Some(device);
        let method = if ours { words.nth(1) } else { None };
        method_name(method?)
    })
}

fn method_name(method: &str) -> Option<Addressing> {
    match method {
        "static" | "manual" => Some(Addressing::Static),
        "dhcp" | "auto" => Some(Addressing::Dhcp),
        _ => None,
    }
}

/// Values of `key` in an ini file.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(|line| line.trim().split_once('='))
        .filter(move |(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
}

fn networkd(root: &Path, device: &str) -> Option<Addressing> {
    let dirs = ["etc/systemd/network", "run/systemd/network"];
    let files = dirs.iter().flat_map(|dir| texts(&root.join(dir), ".network"));
    files.into_iter().find_map(|text| {
        let names = || values(&text, "Name").flat_map(str::split_whitespace);
        if !names().any(|pattern| matches_name(pattern, device)) {
            return None;
        }
        let dhcp = values(&text, "DHCP").any(|v| ["yes", "true", "ipv4", "ipv6"].contains(&v));
        let fixed = values(&text, "Address").next().is_some();
        match (fixed, dhcp) {
            (true, _) => Some(Addressing::Static),
            (false, true) => Some(Addressing::Dhcp),
            (false, false) => None,
        }
    })
}

/// `en*` and the like; other wildcards do not occur in practice.
fn matches_name(pattern: &str, device: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => device.starts_with(start),
        None => pattern == device,
    }
}

fn manager(root: &Path, device: &str) -> Option<Addressing> {
    let dirs = ["etc/NetworkManager/system-connections", "run/NetworkManager/system-connections"];
    let files = dirs.iter().flat_map(|dir| texts(&root.join(dir), ".nmconnection"));
    files.into_iter().find_map(|text| {
        if !values(&text, "interface-name").any(|name| name == device) {
            return None;
        }
        values(&text, "method").find_map(|method| match method {
            "manual" => Some(Addressing::Static),
            "auto" => Some(Addressing::Dhcp),
            _ => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_with(path: &str, text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
        root
    }

    #[test]
    fn ifupdown_is_read() {
        let text =
            "auto xbr0\niface xbr0 inet static\n  address 10.0.0.1/16\niface eth1 inet dhcp\n";
        let root = root_with("etc/network/interfaces", text);
        assert_eq!(configured(root.path(), "xbr0"), Some(Addressing::Static));
        assert_eq!(configured(root.path(), "eth1"), Some(Addressing::Dhcp));
        assert_eq!(configured(root.path(), "eth2"), None);
    }

    #[test]
    fn networkd_is_read() {
        let text = "[Match]\nName=en* eth0\n[Network]\nDHCP=yes\n";
        let root = root_with("etc/systemd/network/10-all.network", text);
        assert_eq!(configured(root.path(), "enp3s0"), Some(Addressing::Dhcp));
        assert_eq!(configured(root.path(), "eth1"), None);
        let text = "[Match]\nName=xbr0\n[Network]\nDHCP=no\nAddress=10.0.0.1/16\n";
        let root = root_with("etc/systemd/network/x.network", text);
        assert_eq!(configured(root.path(), "xbr0"), Some(Addressing::Static));
    }

    #[test]
    fn network_manager_is_read() {
        let text = "[connection]\ninterface-name=eth0\n[ipv4]\nmethod=manual\n";
        let root = root_with("etc/NetworkManager/system-connections/a.nmconnection", text);
        assert_eq!(configured(root.path(), "eth0"), Some(Addressing::Static));
    }

    #[test]
    fn the_given_address_decides_the_device() {
        let nic = |device: &str, address: &str| Nic {
            device: device.into(),
            addresses: vec![(address.parse().unwrap(), 16)],
            ..Nic::default()
        };
        let nics = [nic("a0", "192.0.2.1"), nic("b0", "192.0.2.2")];
        let found = management(&nics, Some("192.0.2.2".parse().unwrap())).unwrap();
        assert_eq!((found.device.as_str(), found.prefix), ("b0", 16));
    }
}
