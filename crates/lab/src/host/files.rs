//! Files that make a host itself: identity, libvirt's and the guard's configuration.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use uuid::Uuid;

use crate::config::{LAN_GATEWAY, LabConfig, STORAGE_SERVER};

/// Writes what host `n` needs before its first start; what is there already stays.
pub fn prepare(config: &LabConfig, n: u32) -> Result<()> {
    let dir = config.host_dir(n);
    for sub in ["root", "shared/log", "sbin", "disk/haven", "disk/log"] {
        fs::create_dir_all(dir.join(sub))?;
    }
    fs::set_permissions(dir.join("root"), fs::Permissions::from_mode(0o700))?;
    for export in crate::config::EXPORTS {
        fs::create_dir_all(config.dir_of_export(export))?;
    }
    prepare_var(&dir.join("var"))?;
    let etc = dir.join("etc");
    if !etc.exists() {
        prepare_etc(config, n, &etc)?;
    }
    for name in ["mount.nfs", "mount.nfs4", "showmount", "reboot", "poweroff", "halt"] {
        link(Path::new("/haven/haven-lab"), &dir.join("sbin").join(name))?;
    }
    Ok(())
}

fn prepare_var(var: &Path) -> Result<()> {
    let subs = ["cache/libvirt/qemu", "lib/libvirt/qemu", "lib/haven", "log/libvirt/qemu", "tmp"];
    for sub in subs {
        fs::create_dir_all(var.join(sub))?;
    }
    link(Path::new("/run"), &var.join("run"))?;
    link(Path::new("/run/lock"), &var.join("lock"))?;
    // What libvirt learnt about QEMU on this machine saves each host a second.
    let learnt = Path::new("/var/cache/libvirt/qemu/capabilities");
    let own = var.join("cache/libvirt/qemu/capabilities");
    if learnt.is_dir() && !own.exists() {
        fs::create_dir_all(&own)?;
        for entry in fs::read_dir(learnt)?.flatten() {
            fs::copy(entry.path(), own.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn prepare_etc(config: &LabConfig, n: u32, etc: &Path) -> Result<()> {
    let partial = etc.with_extension("new");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    let status = Command::new("cp").arg("-a").arg("/etc").arg(&partial).status().context("cp")?;
    if !status.success() {
        bail!("copying /etc failed");
    }
    for sub in ["libvirt", "haven", "network"] {
        let dir = partial.join(sub);
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
    }
    fs::create_dir_all(partial.join("libvirt/qemu/networks"))?;
    let host = Uuid::new_v4();
    for (name, text) in [
        ("hostname", format!("h{n}\n")),
        ("hosts", hosts_file(config.hosts)),
        ("machine-id", format!("{}\n", host.simple())),
        ("resolv.conf", String::new()),
        ("network/interfaces", interfaces(n)),
        ("libvirt/libvirtd.conf", libvirtd_conf(host)),
        ("libvirt/qemu.conf", qemu_conf(n)),
        ("haven/guard.toml", guard_toml(config)),
        ("haven/havend.toml", config.havend_toml.clone()),
    ] {
        let path = partial.join(name);
        if fs::symlink_metadata(&path).is_ok() {
            fs::remove_file(&path)?;
        }
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(fs::rename(&partial, etc)?)
}

fn link(target: &Path, at: &Path) -> Result<()> {
    match symlink(target, at) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

fn hosts_file(hosts: u32) -> String {
    let mut text = format!("127.0.0.1 localhost\n{STORAGE_SERVER} storage\n");
    for n in 1..=hosts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "10.77.0.{n} h{n}");
    }
    text
}

fn interfaces(n: u32) -> String {
    format!(
        "auto lo xbr0 eth1\niface lo inet loopback\niface xbr0 inet static\n  address 10.77.0.{n}/16\n  \
         gateway {LAN_GATEWAY}\n  bridge_ports eth0\niface eth1 inet static\n  address 10.88.0.{n}/16\n"
    )
}

fn libvirtd_conf(host: Uuid) -> String {
    format!(
        "listen_tls = 0\nlisten_tcp = 0\nauth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\n\
         unix_sock_group = \"root\"\nunix_sock_dir = \"/run/libvirt\"\nhost_uuid = \"{host}\"\n\
         keepalive_interval = 2\nkeepalive_count = 3\nmax_clients = 200\nmax_workers = 20\n\
         log_outputs = \"2:stderr\"\nlog_filters = \"3:qemu 3:node_device 4:event 4:util\"\n"
    )
}

fn qemu_conf(n: u32) -> String {
    format!(
        "security_driver = \"none\"\nuser = \"root\"\ngroup = \"root\"\ndynamic_ownership = 0\n\
         remember_owner = 0\nnamespaces = []\ncgroup_controllers = []\nstdio_handler = \"file\"\n\
         migration_address = \"0.0.0.0\"\nmigration_host = \"10.77.0.{n}\"\n\
         keepalive_interval = 2\nkeepalive_count = 3\nmax_core = 0\n\
         shared_filesystems = [ \"/run/sr-mount\" ]\n"
    )
}

fn guard_toml(config: &LabConfig) -> String {
    let root = config.cgroup.root().display();
    format!(
        "# Written by the lab: its watchdog is a FIFO, its gate a freezer cgroup, and its guests are\n\
         # processes, whatever the machine around it is.\n\
         watchdog_device = \"/dev/watchdog\"\nwatchdog_bite_ms = {}\nhypervisor = \"qemu\"\n\
         gate_cgroups = [\"{root}/gate\"]\n\
         # VMs are in the gate too, and known by their executables.\nvm_cgroups = []\n",
        config.watchdog_ms
    )
}
