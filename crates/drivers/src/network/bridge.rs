//! Linux bridges.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exec;

/// Longest wait for one `ip` command.
const IP_DEADLINE_MS: u64 = 10_000;
/// Longest name of a network device.
const NAME_BYTES_MAX: usize = 15;
const DEVICES: &str = "/sys/class/net";

/// Why a bridge could not be made or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not the name of a network device.
    #[error("\"{0}\" is no name of a network device")]
    BadName(String),
    /// A device of that name exists and is no bridge.
    #[error("network device {0} exists and is not a bridge")]
    NotABridge(String),
    /// There is no such device.
    #[error("there is no network device {0} on this host")]
    NoDevice(String),
    /// The uplink belongs to another bridge or bond.
    #[error("network device {device} belongs to {master} already")]
    Taken {
        /// The uplink.
        device: String,
        /// What it belongs to.
        master: String,
    },
    /// The uplink has an address.
    #[error(
        "network device {0} has an address of this host; move it to the bridge in the host's \
         network configuration first"
    )]
    HasAddress(String),
    /// Guests are plugged in.
    #[error("bridge {bridge} is in use by {ports}")]
    InUse {
        /// The bridge.
        bridge: String,
        /// Its ports.
        ports: String,
    },
    /// `ip` failed.
    #[error("ip {command}: {words}")]
    Failed {
        /// Its arguments.
        command: String,
        /// Its complaint.
        words: String,
    },
}

/// A bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// Devices that are plugged in, guests' included.
    pub ports: Vec<String>,
    /// Maximum transmission unit.
    pub mtu: u32,
}

fn device(name: &str) -> PathBuf {
    Path::new(DEVICES).join(name)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// All bridges of this host.
#[must_use]
pub fn bridges() -> Vec<Bridge> {
    let is_bridge = |name: &String| device(name).join("bridge").exists();
    let describe = |name: String| {
        let mtu = std::fs::read_to_string(device(&name).join("mtu")).unwrap_or_default();
        let ports = names(&device(&name).join("brif"));
        Bridge { ports, mtu: mtu.trim().parse().unwrap_or(0), name }
    };
    names(Path::new(DEVICES)).into_iter().filter(is_bridge).map(describe).collect()
}

/// What connects a bridge to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uplink {
    /// A network device.
    Device(String),
    /// A VLAN of a network device, which goes on carrying everything else.
    Vlan {
        /// The device.
        device: String,
        /// The VLAN's tag.
        tag: u16,
    },
}

impl Uplink {
    /// Name of the device that becomes the bridge's port.
    fn port(&self) -> String {
        match self {
            Self::Device(device) => device.clone(),
            Self::Vlan { device, tag } => format!("{device}.{tag}"),
        }
    }

    /// Makes the port if it is one that can be made.
    fn make(&self) -> Result<(), NetworkError> {
        let Self::Vlan { device: below, tag } = self else { return Ok(()) };
        check_name(below)?;
        let port = self.port();
        check_name(&port)?;
        if !device(below).exists() {
            return Err(NetworkError::NoDevice(below.clone()));
        }
        if !device(&port).exists() {
            let tag = tag.to_string();
            ip(&["link", "add", "link", below, "name", &port, "type", "vlan", "id", &tag])?;
        }
        // A VLAN of a device that is down carries nothing.
        ip(&["link", "set", "dev", below, "up"])
    }
}

/// Makes sure that the bridge exists, is up, and has `uplink` as a port. Idempotent. Without an
/// uplink the network is internal to the host. `mtu` 0 leaves it as it is.
pub fn ensure(bridge: &str, uplink: Option<&Uplink>, mtu: u32) -> Result<(), NetworkError> {
    check_name(bridge)?;
    let port = uplink.map(Uplink::port);
    if let Some(uplink) = uplink {
        uplink.make()?;
    }
    let uplink = port.as_deref();
    if let Some(uplink) = uplink {
        check_uplink(bridge, uplink)?;
    }
    if !device(bridge).exists() {
        let no_wait = ["forward_delay", "0"];
        let mut command = vec!["link", "add", "name", bridge, "type", "bridge"];
        command.extend(no_wait);
        ip(&command)?;
    } else if !device(bridge).join("bridge").exists() {
        return Err(NetworkError::NotABridge(bridge.to_owned()));
    }
    let mtu = mtu.to_string();
    if let Some(uplink) = uplink.filter(|u| !device(bridge).join("brif").join(u).exists()) {
        ip(&["link", "set", "dev", uplink, "master", bridge])?;
        if mtu != "0" {
            ip(&["link", "set", "dev", uplink, "mtu", &mtu])?;
        }
        ip(&["link", "set", "dev", uplink, "up"])?;
    }
    if mtu != "0" {
        ip(&["link", "set", "dev", bridge, "mtu", &mtu])?;
    }
    ip(&["link", "set", "dev", bridge, "up"])
}

/// Removes a bridge, and its uplink if that is a VLAN; idempotent. Refused while anything else is
/// plugged in, or while the bridge has an address of the host.
pub fn remove(bridge: &str, uplink: Option<&Uplink>) -> Result<(), NetworkError> {
    check_name(bridge)?;
    let port = uplink.map(Uplink::port);
    if device(bridge).exists() {
        if !device(bridge).join("bridge").exists() {
            return Err(NetworkError::NotABridge(bridge.to_owned()));
        }
        let mut ports = names(&device(bridge).join("brif"));
        ports.retain(|name| Some(name) != port.as_ref());
        if !ports.is_empty() {
            let (bridge, ports) = (bridge.to_owned(), ports.join(", "));
            return Err(NetworkError::InUse { bridge, ports });
        }
        if has_address(bridge)? {
            return Err(NetworkError::HasAddress(bridge.to_owned()));
        }
        ip(&["link", "delete", "dev", bridge])?;
    }
    match (uplink, port) {
        (Some(Uplink::Vlan { .. }), Some(port)) if device(&port).exists() => {
            ip(&["link", "delete", "dev", &port])
        }
        _ => Ok(()),
    }
}

fn check_uplink(bridge: &str, uplink: &str) -> Result<(), NetworkError> {
    check_name(uplink)?;
    if !device(uplink).exists() {
        return Err(NetworkError::NoDevice(uplink.to_owned()));
    }
    let master = std::fs::read_link(device(uplink).join("master")).ok();
    let master = master.and_then(|m| Some(m.file_name()?.to_string_lossy().into_owned()));
    match master {
        Some(master) if master == bridge => Ok(()),
        Some(master) => Err(NetworkError::Taken { device: uplink.to_owned(), master }),
        None if has_address(uplink)? => Err(NetworkError::HasAddress(uplink.to_owned())),
        None => Ok(()),
    }
}

fn has_address(name: &str) -> Result<bool, NetworkError> {
    let listed = run(&["-o", "address", "show", "dev", name, "scope", "global"])?;
    Ok(!listed.trim().is_empty())
}

fn check_name(name: &str) -> Result<(), NetworkError> {
    let good = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.starts_with(['-', '.'])
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if good { Ok(()) } else { Err(NetworkError::BadName(name.to_owned())) }
}

fn ip(arguments: &[&str]) -> Result<(), NetworkError> {
    run(arguments).map(|_| ())
}

fn run(arguments: &[&str]) -> Result<String, NetworkError> {
    let failed = |words: String| NetworkError::Failed { command: arguments.join(" "), words };
    let deadline = Duration::from_millis(IP_DEADLINE_MS);
    let output = exec::run("ip", arguments, deadline).map_err(|e| failed(e.to_string()))?;
    match output {
        exec::Output { killed: true, .. } => Err(failed("it did not return in time".to_owned())),
        exec::Output { success: false, complaint, .. } => Err(failed(complaint)),
        exec::Output { stdout, .. } => Ok(stdout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_options_or_paths_are_refused() {
        for bad in ["", "-4", "..", "a/b", "a b", "sixteen-letters-x"] {
            assert_eq!(ensure(bad, None, 0), Err(NetworkError::BadName(bad.to_owned())));
        }
        assert!(check_name("eth0.100").is_ok());
    }

    #[test]
    fn a_device_that_is_no_bridge_is_left_alone() {
        assert_eq!(remove("lo", None), Err(NetworkError::NotABridge("lo".into())));
        assert_eq!(ensure("lo", None, 0), Err(NetworkError::NotABridge("lo".into())));
        let vlan = Uplink::Vlan { device: "no-such-device".into(), tag: 7 };
        // The name of its port would be too long: nothing is tried.
        let long = NetworkError::BadName("no-such-device.7".into());
        assert_eq!(ensure("xbr-haven-test", Some(&vlan), 0), Err(long));
        let vlan = Uplink::Vlan { device: "no-device".into(), tag: 7 };
        assert_eq!(
            ensure("xbr-haven-test", Some(&vlan), 0),
            Err(NetworkError::NoDevice("no-device".into()))
        );
        assert!(!device("xbr-haven-test").exists());
        assert_eq!(
            ensure("xbr-haven-test", Some(&Uplink::Device("no-such-device".into())), 0),
            Err(NetworkError::NoDevice("no-such-device".into()))
        );
    }
}
