//! Control groups, version 1 (freezer) and 2, as a way to stop everything in them at once.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::process::Process;

/// Longest wait for a frozen state: one process stuck in the kernel must not hold up the rest.
const FREEZE_WAIT: Duration = Duration::from_millis(500);
/// Deepest nesting that is searched.
const DEPTH_MAX: u32 = 16;

/// A group with everything below it.
#[derive(Clone, Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// The group at `path`, which need not exist (then it is empty).
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// All processes in it. Foreign ones (not of this PID namespace) show as number 0 and are
    /// left out: they cannot be reached from here.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let mut pids = Vec::new();
        collect(&self.path, &mut pids, DEPTH_MAX);
        pids.sort_unstable();
        pids.dedup();
        let own = std::process::id();
        pids.into_iter().filter(|pid| *pid != own).filter_map(Process::of).collect()
    }

    /// Stops everything in it where the kernel can, so that a list of it is complete. Returns
    /// whether it stands still.
    pub(crate) fn freeze(&self) -> bool {
        let (file, on, frozen): (_, _, fn(&Path) -> bool) = if self.is_v1() {
            ("freezer.state", "FROZEN", is_frozen_v1)
        } else {
            ("cgroup.freeze", "1", is_frozen_v2)
        };
        if put(&self.path.join(file), on).is_err() {
            return false;
        }
        let deadline = Instant::now() + FREEZE_WAIT;
        while !frozen(&self.path) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Lets it run again; what was killed while it stood still dies without another step.
    pub(crate) fn thaw(&self) {
        let (file, off) =
            if self.is_v1() { ("freezer.state", "THAWED") } else { ("cgroup.freeze", "0") };
        // A group that cannot be thawed shows as processes that do not go away.
        let _failed: std::io::Result<()> = put(&self.path.join(file), off);
    }

    /// Kills everything in it, in one step where the kernel can.
    pub(crate) fn kill(&self, strike: fn(Process)) {
        if put(&self.path.join("cgroup.kill"), "1").is_err() {
            for process in self.processes() {
                strike(process);
            }
        }
    }

    fn is_v1(&self) -> bool {
        self.path.join("freezer.state").exists()
    }
}

/// Writes to a control file, which the kernel made: one that is missing must not be created.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    File::options().write(true).open(path)?.write_all(text.as_bytes())
}

fn is_frozen_v1(path: &Path) -> bool {
    fs::read_to_string(path.join("freezer.state")).is_ok_and(|text| text.trim() == "FROZEN")
}

fn is_frozen_v2(path: &Path) -> bool {
    fs::read_to_string(path.join("cgroup.events"))
        .is_ok_and(|text| text.lines().any(|line| line == "frozen 1"))
}

fn collect(path: &Path, pids: &mut Vec<u32>, depth: u32) {
    let text = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|pid| *pid != 0));
    let Some(depth) = depth.checked_sub(1) else { return };
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), pids, depth);
        }
    }
}
