//! Ends everything on this host that could run a VM or write to the pool's storage.
//!
//! Owns: the order. First the gate (havend, libvirtd and helpers: nobody starts a VM behind our
//! back, no database write is on its way), then every VM process, then waiting until all of them
//! are *gone*: a process stuck in IO is not. Never writes to shared storage and never talks to
//! libvirt: both may hang.
//!
//! On a host of Xen a guest is no process: there nothing is ever said to be gone, and the machine
//! resets, which ends the hypervisor with all that it runs.

mod cgroup;
mod domains;
mod process;
mod writes;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use cgroup::Cgroup;
use domains::Domains;
use process::{Process, by_executable};
use writes::Writes;

use crate::config::Config;

/// Pause between two looks at what is left.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// What is to be ended, and how long it may take.
#[derive(Clone, Debug)]
pub(crate) struct Fencer {
    gate: Vec<PathBuf>,
    vms: Vec<PathBuf>,
    vm_executables: Vec<String>,
    /// Guests that are no processes, on a host of Xen.
    domains: Option<Domains>,
    writes: Writes,
    bound: Duration,
    /// How one process is killed; tests put a blunt one here.
    strike: fn(Process),
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FenceReport {
    /// Everything is gone; a tombstone may say so.
    pub(crate) clean: bool,
    /// For the log: what was ended, or what is left.
    pub(crate) text: String,
}

impl Fencer {
    /// What the configuration names.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            gate: config.file.gate_cgroups.clone(),
            vms: config.file.vm_cgroups.clone(),
            vm_executables: config.file.vm_executables.clone(),
            domains: config.is_xen().then(|| Domains::listed_by(&config.xen_lister())),
            writes: Writes::default(),
            bound: Duration::from_millis(config.file.fence_bound_ms),
            strike: Process::kill,
        }
    }

    /// Whether a VM runs here, or may run. May wait for a process: never on the loop.
    pub(crate) fn vm_runs(&self) -> bool {
        let in_groups = self.vms.iter().any(|path| !Cgroup::new(path).processes().is_empty());
        in_groups
            || !by_executable(&self.vm_executables).is_empty()
            || self.domains.as_ref().is_some_and(Domains::may_run)
    }

    /// Ends everything; returns at the latest after the bound.
    pub(crate) fn fence(&self) -> FenceReport {
        if self.domains.is_some() {
            // At once: while processes were ended the guests would only run on.
            let text = "the guests of Xen are no processes; they end with this machine".to_owned();
            return FenceReport { clean: false, text };
        }
        let started = Instant::now();
        let gate = self.groups(&self.gate);
        let vms = self.groups(&self.vms);
        let mut doomed = self.stop(&gate);
        doomed.extend(self.stop(&vms));
        let killed = doomed.len();
        loop {
            // Whoever supervises the daemons may start new ones; they know of no VM and hold no
            // permit. A VM process, however young, must go.
            let young = by_executable(&self.vm_executables);
            let grouped: Vec<Process> = vms.iter().flat_map(Cgroup::processes).collect();
            for process in young.into_iter().chain(grouped) {
                (self.strike)(process);
                if !doomed.contains(&process) {
                    doomed.push(process);
                }
            }
            doomed.retain(|process| !process.is_gone());
            let ms = started.elapsed().as_millis();
            let late = started.elapsed() >= self.bound;
            let left = match doomed.len() {
                0 => self.writes.under_way(),
                left => Some(format!("{left} of {killed} are not gone")),
            };
            match left {
                None => {
                    return FenceReport { clean: true, text: format!("{killed} gone in {ms} ms") };
                }
                Some(left) if late => {
                    return FenceReport { clean: false, text: format!("{left} after {ms} ms") };
                }
                Some(_) => {}
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    fn groups(&self, paths: &[PathBuf]) -> Vec<Cgroup> {
        paths.iter().map(|path| Cgroup::new(path)).collect()
    }

    /// Freezes, lists, kills and thaws: the list is complete, and nothing in it takes another
    /// step.
    fn stop(&self, groups: &[Cgroup]) -> Vec<Process> {
        let mut doomed = Vec::new();
        for group in groups {
            group.freeze();
            doomed.extend(group.processes());
            group.kill(self.strike);
            group.thaw();
        }
        doomed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that looks like a group which the kernel neither freezes nor kills.
    fn group_of(pids: &[u32]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("machine-1");
        std::fs::create_dir(&inner).unwrap();
        let text: String = pids.iter().map(|pid| format!("{pid}\n")).collect();
        std::fs::write(inner.join("cgroup.procs"), text).unwrap();
        dir
    }

    fn sleeper() -> std::process::Child {
        std::process::Command::new("sleep").arg("60").spawn().unwrap()
    }

    #[test]
    fn gate_and_vms_are_ended() {
        let (mut daemon, mut vm) = (sleeper(), sleeper());
        let (gate, vms) = (group_of(&[daemon.id(), std::process::id()]), group_of(&[vm.id()]));
        let fencer = Fencer {
            gate: vec![gate.path().to_owned()],
            vms: vec![vms.path().to_owned(), PathBuf::from("/nowhere")],
            vm_executables: Vec::new(),
            domains: None,
            writes: Writes::default(),
            bound: Duration::from_secs(10),
            strike: Process::kill,
        };
        assert!(fencer.vm_runs());
        let report = fencer.fence();
        assert!(report.clean, "{report:?}");
        assert!(report.text.starts_with("2 gone"), "{report:?}");
        assert!(!daemon.wait().unwrap().success());
        assert!(!vm.wait().unwrap().success());
    }

    /// Whoever still could start a VM is ended first: a list of VMs is complete only then (H8).
    #[test]
    fn the_gate_is_closed_before_the_vms_are_listed() {
        static STRUCK: std::sync::Mutex<Vec<u32>> = std::sync::Mutex::new(Vec::new());
        let (mut daemon, mut vm) = (sleeper(), sleeper());
        let (gate, vms) = (group_of(&[daemon.id()]), group_of(&[vm.id()]));
        let fencer = Fencer {
            gate: vec![gate.path().to_owned()],
            vms: vec![vms.path().to_owned()],
            vm_executables: Vec::new(),
            domains: None,
            writes: Writes::default(),
            bound: Duration::from_secs(10),
            strike: |process| {
                STRUCK.lock().unwrap().push(process.pid);
                process.kill();
            },
        };
        assert!(fencer.fence().clean);
        assert_eq!(STRUCK.lock().unwrap()[..2], [daemon.id(), vm.id()]);
        daemon.wait().unwrap();
        vm.wait().unwrap();
    }

    #[test]
    fn what_does_not_go_is_not_clean() {
        let mut vm = sleeper();
        let vms = group_of(&[vm.id()]);
        let fencer = Fencer {
            gate: Vec::new(),
            vms: vec![vms.path().to_owned()],
            vm_executables: Vec::new(),
            domains: None,
            writes: Writes::default(),
            bound: Duration::from_millis(50),
            strike: |_| {},
        };
        let report = fencer.fence();
        assert!(!report.clean, "{report:?}");
        assert!(report.text.contains("1 of 1"), "{report:?}");
        vm.kill().unwrap();
        vm.wait().unwrap();
    }

    /// An empty host of Xen as well: that it is empty is seen a moment too early.
    #[test]
    fn a_host_of_xen_is_never_clean() {
        let fencer = Fencer {
            gate: Vec::new(),
            vms: Vec::new(),
            vm_executables: Vec::new(),
            domains: Some(Domains::listed_by(std::path::Path::new("/nowhere/xl"))),
            writes: Writes::default(),
            bound: Duration::from_secs(10),
            strike: Process::kill,
        };
        assert!(fencer.vm_runs());
        let report = fencer.fence();
        assert!(!report.clean, "{report:?}");
    }
}
