//! A host's file systems: the machine's programs, everything else its own.
//!
//! The new root is a tmpfs of bind mounts. `/etc`, `/var` and `/root` lie in the lab's directory and
//! survive a power cycle; `/run`, `/tmp` and `/dev` are fresh each time; `/haven` holds the product's
//! programs. The old root is detached, so that a host sees nothing of the machine or of other labs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{CWD, FileType, Mode, makedev};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use crate::cgroup::CgroupKind;
use crate::config::LabConfig;
use crate::storage::mount::mount_disk;

/// Top-level directories that a host does not share with the machine.
const OWN: [&str; 13] = [
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "etc",
    "var",
    "root",
    "mnt",
    "media",
    "haven",
    "lost+found",
    "old-root",
];

/// Devices of a host. No /dev/kvm: hosts emulate, everywhere alike.
const DEVICES: [(&str, u32, u32); 8] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
    ("fuse", 10, 229),
    ("net/tun", 10, 200),
];

/// Builds the host's root and moves into it.
pub fn enter(config: &LabConfig, n: u32) -> Result<()> {
    let host = config.host_dir(n);
    rustix::mount::mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .context("making mounts private")?;
    let root = host.join("newroot");
    fs::create_dir_all(&root)?;
    tmpfs(&root, "mode=755,size=16m")?;
    share_machine(&root)?;
    for own in OWN {
        fs::create_dir_all(root.join(own))?;
    }
    for (from, to) in [
        (host.join("etc"), "etc"),
        (host.join("var"), "var"),
        (host.join("root"), "root"),
        (config.bin_dir.clone(), "haven"),
    ] {
        bind(&from, &root.join(to))?;
    }
    add_programs(&host.join("sbin"), &root.join("usr/sbin"))?;
    tmpfs(&root.join("tmp"), "mode=1777,size=256m")?;
    run_directory(&root.join("run"), &host.join("shared"))?;
    devices(&root.join("dev"), &host.join("watchdog"))?;
    mount("proc", &root.join("proc"), "proc", "")?;
    mount("sysfs", &root.join("sys"), "sysfs", "")?;
    cgroups(&config.cgroup, &root)?;
    rustix::process::chdir(&root)?;
    rustix::process::pivot_root(".", "old-root").context("pivot_root")?;
    rustix::process::chdir("/")?;
    rustix::mount::unmount("/old-root", UnmountFlags::DETACH).context("leaving the old root")?;
    fs::remove_dir("/old-root")?;
    own_disk()
}

fn share_machine(root: &Path) -> Result<()> {
    for entry in fs::read_dir("/")?.flatten() {
        let name = entry.file_name();
        if OWN.iter().any(|own| name == *own) {
            continue;
        }
        let (from, to) = (entry.path(), root.join(&name));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
        } else if kind.is_dir() {
            fs::create_dir_all(&to)?;
            rustix::mount::mount_bind_recursive(&from, &to)
                .with_context(|| format!("binding {}", from.display()))?;
        }
    }
    Ok(())
}

/// Puts programs of the lab over those of the machine, without touching the machine's.
fn add_programs(extra: &Path, at: &Path) -> Result<()> {
    let layers = format!("lowerdir={}:/usr/sbin", extra.display());
    mount("overlay", at, "overlay", &layers)
}

fn run_directory(run: &Path, shared: &Path) -> Result<()> {
    tmpfs(run, "mode=755,size=256m")?;
    for sub in ["libvirt", "haven/vnc", "haven/serial", "haven/peer", "haven/migrate"] {
        fs::create_dir_all(run.join(sub))?;
    }
    for sub in ["sr-mount", "lock", "haven-lab"] {
        fs::create_dir_all(run.join(sub))?;
    }
    bind(shared, &run.join("haven-lab"))
}

fn devices(dev: &Path, watchdog: &Path) -> Result<()> {
    tmpfs(dev, "mode=755,size=16m")?;
    for sub in ["pts", "shm", "net", "mapper"] {
        fs::create_dir_all(dev.join(sub))?;
    }
    for (name, major, minor) in DEVICES {
        let mode = Mode::from_raw_mode(0o666);
        let path = dev.join(name);
        rustix::fs::mknodat(CWD, &path, FileType::CharacterDevice, mode, makedev(major, minor))?;
        rustix::fs::chmod(&path, mode)?;
    }
    for (target, name) in [
        ("pts/ptmx", "ptmx"),
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
    ] {
        symlink(target, dev.join(name))?;
    }
    mount("devpts", &dev.join("pts"), "devpts", "newinstance,ptmxmode=0666,mode=620")?;
    tmpfs(&dev.join("shm"), "mode=1777,size=64m")?;
    fs::write(dev.join("watchdog"), "")?;
    bind(watchdog, &dev.join("watchdog"))
}

/// The part of the freezer's hierarchy that begins at this host's group, with its two subgroups.
fn cgroups(kind: &CgroupKind, root: &Path) -> Result<()> {
    let inside = kind.root().strip_prefix("/").unwrap_or(kind.root());
    tmpfs(&root.join("sys/fs/cgroup"), "mode=755,size=1m")?;
    let at = root.join(inside);
    fs::create_dir_all(&at)?;
    match kind {
        CgroupKind::V1(_) => mount("cgroup", &at, "cgroup", "freezer")?,
        CgroupKind::V2(_) => mount("cgroup2", &at, "cgroup2", "")?,
    }
    for group in ["gate", "guard"] {
        fs::create_dir_all(at.join(group))?;
    }
    Ok(())
}

/// The parts of the host that can run full or fail: a disk of its own.
fn own_disk() -> Result<()> {
    let stage = Path::new("/mnt");
    mount_disk(stage)?;
    for (from, to) in [("haven", "/var/lib/haven"), ("log", "/var/log")] {
        bind(&stage.join(from), Path::new(to))?;
    }
    fs::create_dir_all("/var/log/libvirt/qemu")?;
    rustix::mount::unmount(stage, UnmountFlags::DETACH)?;
    Ok(())
}

fn bind(from: &Path, to: &Path) -> Result<()> {
    rustix::mount::mount_bind(from, to)
        .with_context(|| format!("binding {} to {}", from.display(), to.display()))
}

fn tmpfs(at: &Path, options: &str) -> Result<()> {
    mount("tmpfs", at, "tmpfs", options)
}

fn mount(source: &str, at: &Path, kind: &str, options: &str) -> Result<()> {
    let data = std::ffi::CString::new(options)?;
    rustix::mount::mount(source, at, kind, MountFlags::empty(), data.as_c_str())
        .with_context(|| format!("mounting {kind} on {}", at.display()))
}

/// Where a host's group `name` is, seen from inside.
pub fn group_inside(kind: &CgroupKind, name: &str) -> PathBuf {
    kind.root().join(name)
}
