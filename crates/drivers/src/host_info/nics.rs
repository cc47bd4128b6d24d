//! Network devices with their addresses, as `ip` lists them.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exec;

/// Longest wait for `ip`.
const IP_DEADLINE_MS: u64 = 10_000;

/// What a device is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NicKind {
    /// A port of the host, or of a container that stands for a host.
    #[default]
    Physical,
    /// A bridge.
    Bridge,
    /// A bond.
    Bond,
    /// A VLAN on another device.
    Vlan,
    /// Anything else.
    Other,
}

/// One network device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nic {
    /// Its name.
    pub device: String,
    /// What it is.
    pub kind: NicKind,
    /// MAC address.
    pub mac: String,
    /// Maximum transmission unit.
    pub mtu: u32,
    /// Has a link.
    pub carrier: bool,
    /// Mbit/s, 0 if unknown.
    pub speed: u32,
    /// The bridge or bond that it is a part of.
    pub master: Option<String>,
    /// Global addresses with their prefix length.
    pub addresses: Vec<(IpAddr, u8)>,
    /// An address has a limited life: it came from DHCP or a router.
    pub dynamic: bool,
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
    local: Option<IpAddr>,
    prefixlen: Option<u8>,
    scope: Option<String>,
    #[serde(default)]
    dynamic: bool,
}

/// Devices of this host, without loopback and those of guests. Empty if `ip` fails, which is
/// logged.
#[must_use]
pub fn nics() -> Vec<Nic> {
    let deadline = Duration::from_millis(IP_DEADLINE_MS);
    match exec::run("ip", &["-j", "-d", "address"], deadline) {
        Ok(output) if output.success => {
            let mut nics = parse(&output.stdout);
            for nic in &mut nics {
                nic.speed = speed(&nic.device);
            }
            nics
        }
        other => {
            tracing::warn!(?other, "cannot list network devices");
            Vec::new()
        }
    }
}

/// `-1` means that there is no link.
fn speed(device: &str) -> u32 {
    let text = std::fs::read_to_string(format!("/sys/class/net/{device}/speed"));
    text.unwrap_or_default().trim().parse().unwrap_or(0)
}

fn parse(json: &str) -> Vec<Nic> {
    let links: Vec<Link> = serde_json::from_str(json).unwrap_or_default();
    links.into_iter().filter_map(read).collect()
}

fn read(link: Link) -> Option<Nic> {
    let kind = link.linkinfo.and_then(|info| info.info_kind).unwrap_or_default();
    let has = |flag: &str| link.flags.iter().any(|f| f == flag);
    if has("LOOPBACK") || kind == "tun" {
        return None;
    }
    let global = || link.addr_info.iter().filter(|a| a.scope.as_deref() == Some("global"));
    Some(Nic {
        kind: match kind.as_str() {
            "" | "veth" => NicKind::Physical,
            "bridge" => NicKind::Bridge,
            "bond" => NicKind::Bond,
            "vlan" => NicKind::Vlan,
            _ => NicKind::Other,
        },
        mac: link.address,
        mtu: link.mtu,
        carrier: has("LOWER_UP"),
        speed: 0,
        master: link.master,
        addresses: global().filter_map(|a| Some((a.local?, a.prefixlen?))).collect(),
        dynamic: global().any(|a| a.dynamic),
        device: link.ifname,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_and_loopback_are_left_out() {
        let json = r#"[
            {"ifname":"lo","flags":["LOOPBACK","UP"],"mtu":65536},
            {"ifname":"eth0","flags":["UP","LOWER_UP"],"mtu":1500,"master":"xbr0",
             "address":"02:00:00:00:00:01"},
            {"ifname":"xbr0","flags":["UP"],"mtu":1500,"linkinfo":{"info_kind":"bridge"},
             "addr_info":[{"local":"10.77.0.1","prefixlen":16,"scope":"global","dynamic":true},
                          {"local":"fe80::1","prefixlen":64,"scope":"link"}]},
            {"ifname":"vnet3","flags":["UP"],"mtu":1500,"linkinfo":{"info_kind":"tun"}}]"#;
        let nics = parse(json);
        assert_eq!(nics.iter().map(|n| n.device.as_str()).collect::<Vec<_>>(), ["eth0", "xbr0"]);
        assert!(nics[0].carrier && nics[0].master.as_deref() == Some("xbr0"));
        assert_eq!((nics[1].kind, nics[1].dynamic), (NicKind::Bridge, true));
        assert_eq!(nics[1].addresses, [("10.77.0.1".parse().unwrap(), 16)]);
    }
}
