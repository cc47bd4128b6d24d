//! What a lab consists of, and where its parts lie.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::cgroup::CgroupKind;

/// Most hosts that one lab may have (the last byte of their addresses counts them).
pub const HOSTS_MAX: u32 = 64;
/// Address of the storage server in the storage network.
pub const STORAGE_SERVER: &str = "10.88.0.250";
/// Address of the lab itself in the hosts' network: their gateway, and the prober's address.
pub const LAN_GATEWAY: &str = "10.77.0.254";
/// What the storage server exports.
pub const EXPORT: &str = "/export/vms";
/// All that it exports: each can fail by itself.
pub const EXPORTS: [&str; 3] = [EXPORT, "/export/second", "/export/third"];

/// A lab's configuration, kept in `lab.json` below its directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LabConfig {
    /// Distinguishes labs that run side by side; part of cgroup and interface names.
    pub id: String,
    /// Directory of everything that belongs to the lab.
    pub dir: PathBuf,
    /// Number of hosts, called 1 to `hosts`.
    pub hosts: u32,
    /// Run only libvirtd in the hosts.
    pub bare: bool,
    /// Where `haven-lab`, `havend`, `haven-guard` and `haven` lie.
    pub bin_dir: PathBuf,
    /// Bite time of the hosts' watchdogs in milliseconds.
    pub watchdog_ms: u64,
    /// A host whose watchdog runs out is reset. Off on purpose, it shows what fencing is for.
    pub watchdog_bites: bool,
    /// A service that ends is started again after the same short pause however often, as the
    /// packaged units have it; else after longer and longer ones.
    #[serde(default)]
    pub steady_restarts: bool,
    /// What stands in the hosts' `havend.toml`.
    #[serde(default)]
    pub havend_toml: String,
    /// Kind of cgroup that freezes.
    pub cgroup: CgroupKind,
}

impl LabConfig {
    /// A configuration with defaults for this machine.
    pub fn new(id: &str, hosts: u32) -> Result<Self> {
        if !(1..=8).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            bail!("lab id {id:?}: use 1 to 8 letters and digits");
        }
        if !(1..=HOSTS_MAX).contains(&hosts) {
            bail!("{hosts} hosts: a lab has 1 to {HOSTS_MAX}");
        }
        let exe = std::env::current_exe().context("own path")?;
        let bin_dir = exe.parent().map(Path::to_path_buf).unwrap_or_default();
        // A test binary lies in `deps/`, beside which the programs are.
        let bin_dir = match bin_dir.file_name().and_then(|n| n.to_str()) {
            Some("deps") => bin_dir.parent().map(Path::to_path_buf).unwrap_or(bin_dir),
            _ => bin_dir,
        };
        Ok(Self {
            id: id.to_owned(),
            dir: default_dir(id),
            hosts,
            bare: false,
            bin_dir,
            watchdog_ms: 2000,
            watchdog_bites: true,
            steady_restarts: false,
            havend_toml: String::new(),
            cgroup: CgroupKind::detect()?,
        })
    }

    /// Reads `lab.json` of the lab in `dir`.
    pub fn load(dir: &Path) -> Result<Self> {
        let path = dir.join("lab.json");
        let text = fs::read_to_string(&path).with_context(|| {
            format!("{}: no lab there; `haven-lab up` makes one", path.display())
        })?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    /// Writes `lab.json`.
    pub fn save(&self) -> Result<()> {
        fs::create_dir_all(&self.dir)?;
        fs::write(self.dir.join("lab.json"), serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }

    /// The `haven-lab` program.
    pub fn program(&self) -> PathBuf {
        self.bin_dir.join("haven-lab")
    }

    /// Directory of host `n`.
    pub fn host_dir(&self, n: u32) -> PathBuf {
        self.dir.join(format!("hosts/h{n}"))
    }

    /// Directory that host `n` sees as `/run/haven-lab`.
    pub fn shared_dir(&self, n: u32) -> PathBuf {
        self.host_dir(n).join("shared")
    }

    /// Directory of the logs of host `n`'s services.
    pub fn log_dir(&self, n: u32) -> PathBuf {
        self.shared_dir(n).join("log")
    }

    /// The directory behind the storage server's export.
    pub fn export_dir(&self) -> PathBuf {
        self.dir.join("export/vms")
    }

    /// The directory behind another export.
    pub fn dir_of_export(&self, export: &str) -> PathBuf {
        self.dir.join(export.trim_start_matches('/'))
    }

    /// Socket on which the supervisor listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("supervisor.sock")
    }

    /// Name of the cgroup of host `n`.
    pub fn cgroup_name(&self, n: u32) -> String {
        format!("haven-lab-{}-h{n}", self.id)
    }
}

/// The directory of lab `id` unless another is named: `$HAVEN_LAB_DIR` or below `/var/tmp`.
pub fn default_dir(id: &str) -> PathBuf {
    match std::env::var_os("HAVEN_LAB_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(format!("/var/tmp/haven-lab-{id}")),
    }
}
