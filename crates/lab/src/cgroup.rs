//! Cgroups that hold a host's processes: freezing, listing, removing.
//!
//! Version 1 (`freezer`) and version 2 differ in file names only, as far as the lab is concerned;
//! a frozen version 1 group must be thawed before its processes can be killed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// Longest wait for a group to report that it is frozen: short, because the watchdogs' clock stands
/// still meanwhile.
const FREEZE_WAIT: Duration = Duration::from_millis(50);

/// The kind of cgroup that this machine offers for freezing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "version", content = "root")]
pub enum CgroupKind {
    /// A version 1 `freezer` hierarchy mounted here.
    V1(PathBuf),
    /// A version 2 hierarchy mounted here.
    V2(PathBuf),
}

impl CgroupKind {
    /// Finds the hierarchy to use: the freezer of version 1 where it is, else version 2.
    pub fn detect() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("/proc/self/mounts")?;
        let mut v2 = None;
        for line in mounts.lines() {
            let mut fields = line.split(' ').skip(1);
            let (Some(path), Some(kind), Some(options)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            if kind == "cgroup" && options.split(',').any(|o| o == "freezer") {
                return Ok(Self::V1(PathBuf::from(path)));
            }
            if kind == "cgroup2" && v2.is_none() {
                v2 = Some(PathBuf::from(path));
            }
        }
        match v2 {
            Some(path) => Ok(Self::V2(path)),
            None => bail!("no cgroup hierarchy is mounted: mount cgroup2 on /sys/fs/cgroup"),
        }
    }

    /// Where the hierarchy is mounted, here and in the hosts.
    pub fn root(&self) -> &Path {
        match self {
            Self::V1(root) | Self::V2(root) => root,
        }
    }

    /// The group `name` of this hierarchy.
    pub fn group(&self, name: &str) -> Cgroup {
        Cgroup { v2: matches!(self, Self::V2(_)), path: self.root().join(name) }
    }
}

/// One group.
#[derive(Clone, Debug)]
pub struct Cgroup {
    v2: bool,
    path: PathBuf,
}

impl Cgroup {
    /// Creates it.
    pub fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.path).with_context(|| self.path.display().to_string())
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stops (or continues) everything in it and below it. `Ok(false)`: not all of it stands
    /// still yet, as when a process is stuck in the kernel.
    pub fn freeze(&self, on: bool) -> Result<bool> {
        let (file, value) = match (self.v2, on) {
            (true, true) => ("cgroup.freeze", "1"),
            (true, false) => ("cgroup.freeze", "0"),
            (false, true) => ("freezer.state", "FROZEN"),
            (false, false) => ("freezer.state", "THAWED"),
        };
        let path = self.path.join(file);
        fs::write(&path, value).with_context(|| path.display().to_string())?;
        if !on {
            return Ok(true);
        }
        let end = Instant::now() + FREEZE_WAIT;
        while Instant::now() < end {
            if self.is_frozen() {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(false)
    }

    /// Continues everything in it, whoever stopped it: the host's guard may have frozen a part of
    /// it in the middle of fencing.
    pub fn thaw_all(&self) {
        // Of a group that is gone nothing stands still.
        let _ = self.freeze(false);
        for child in subgroups(&self.path) {
            Self { v2: self.v2, path: child }.thaw_all();
        }
    }

    /// All of it stands still.
    pub fn is_frozen(&self) -> bool {
        if self.v2 {
            let text = fs::read_to_string(self.path.join("cgroup.events")).unwrap_or_default();
            text.lines().any(|l| l == "frozen 1")
        } else {
            let text = fs::read_to_string(self.path.join("freezer.state")).unwrap_or_default();
            text.trim() == "FROZEN"
        }
    }

    /// Processes in it and below it.
    pub fn processes(&self) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        collect(&self.path, &mut found);
        found
    }

    /// Removes it and the groups below it; they must be empty.
    pub fn remove(&self) -> Result<()> {
        remove_tree(&self.path).with_context(|| format!("removing {}", self.path.display()))
    }
}

fn collect(dir: &Path, found: &mut BTreeSet<u32>) {
    let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    found.extend(text.lines().filter_map(|l| l.parse::<u32>().ok()));
    for child in subgroups(dir) {
        collect(&child, found);
    }
}

fn remove_tree(dir: &Path) -> std::io::Result<()> {
    for child in subgroups(dir) {
        remove_tree(&child)?;
    }
    match fs::remove_dir(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn subgroups(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect()
}
