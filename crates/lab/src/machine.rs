//! What a machine must have to carry a lab.

use std::path::Path;

use anyhow::{Result, bail};

/// Programs that the lab runs, and their Debian packages.
const PROGRAMS: [(&str, &str); 8] = [
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("mount", "mount"),
    ("libvirtd", "libvirt-daemon"),
    ("qemu-system-x86_64", "qemu-system-x86"),
];

/// Says in one sentence each what is missing.
pub(crate) fn check() -> Result<()> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("root (namespaces, mounts and networks are made)".to_owned());
    }
    for device in ["/dev/fuse", "/dev/net/tun"] {
        if !Path::new(device).exists() {
            missing.push(device.to_owned());
        }
    }
    for (program, package) in PROGRAMS {
        let found = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
            .iter()
            .any(|dir| Path::new(dir).join(program).exists());
        if !found {
            missing.push(format!("{program} (package {package})"));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!("the lab cannot run here; missing: {}", missing.join(", "))
}
