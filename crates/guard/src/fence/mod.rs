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
mod quiet;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use cgroup::Cgroup;
use domains::Domains;
use haven_block_io::{Look, Writes};
use process::{Process, by_executable};
use quiet::Quiet;

use crate::config::Config;

/// Pause between two looks at what is left.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// How long a host that is to leave waits for the kernel's writes, its own beats among them.
const QUIET_MAX: Duration = Duration::from_secs(2);

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
            writes: config.writes(),
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

    /// What the kernel still has to write for guests that are gone, after a moment in which it could have been
    /// written; `None`: nothing. File systems of which nobody tells are not asked about: a host with one
    /// could never leave. Waits: never on the loop.
    pub(crate) fn writes_left(&self) -> Option<String> {
        quiet::left_after(QUIET_MAX, || self.writes.look_at_listed())
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
        let mut quiet = Quiet::default();
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
            let look = match doomed.len() {
                0 => self.writes.look(),
                left => Look::Left(format!("{left} of {killed} are not gone")),
            };
            match quiet.after(look) {
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

    const OWN_DISK: &str = "22 1 254:1 / / rw,noatime shared:1 - ext4 /dev/vda1 rw\n";
    const NFS: &str = "90 22 0:50 / /run/sr-mount/a rw - nfs4 nas:/vms rw,addr=10.0.0.9\n";
    const REQUEST: &str =
        "   12 0080      0 0x3 0x5  60000 nfs_pgio nfsv3 WRITE a:call_status q:pending\n";

    /// A kernel that has this mounted.
    fn kernel(mounts: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("proc/self")).unwrap();
        std::fs::write(dir.path().join("proc/self/mountinfo"), mounts).unwrap();
        dir
    }

    /// One that has data on NFS, and its list of requests.
    fn nfs(tasks: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = kernel(&format!("{OWN_DISK}{NFS}"));
        let client = dir.path().join("sys/kernel/debug/sunrpc/rpc_clnt/0");
        std::fs::create_dir_all(&client).unwrap();
        std::fs::write(client.join("tasks"), tasks).unwrap();
        (dir, client.join("tasks"))
    }

    /// Of a host on which nothing runs.
    fn fencer(kernel: &tempfile::TempDir) -> Fencer {
        Fencer {
            gate: Vec::new(),
            vms: Vec::new(),
            vm_executables: Vec::new(),
            domains: None,
            writes: Writes::of(kernel.path()),
            bound: Duration::from_secs(10),
            strike: Process::kill,
        }
    }

    fn sleeper() -> std::process::Child {
        std::process::Command::new("sleep").arg("60").spawn().unwrap()
    }

    #[test]
    fn gate_and_vms_are_ended() {
        let (mut daemon, mut vm) = (sleeper(), sleeper());
        let (gate, vms) = (group_of(&[daemon.id(), std::process::id()]), group_of(&[vm.id()]));
        let kernel = kernel(OWN_DISK);
        let fencer = Fencer {
            gate: vec![gate.path().to_owned()],
            vms: vec![vms.path().to_owned(), PathBuf::from("/nowhere")],
            ..fencer(&kernel)
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
        let kernel = kernel(OWN_DISK);
        let fencer = Fencer {
            gate: vec![gate.path().to_owned()],
            vms: vec![vms.path().to_owned()],
            strike: |process| {
                STRUCK.lock().unwrap().push(process.pid);
                process.kill();
            },
            ..fencer(&kernel)
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
        let kernel = kernel(OWN_DISK);
        let fencer = Fencer {
            vms: vec![vms.path().to_owned()],
            bound: Duration::from_millis(50),
            strike: |_| {},
            ..fencer(&kernel)
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
        let kernel = kernel(OWN_DISK);
        let fencer = Fencer {
            domains: Some(Domains::listed_by(std::path::Path::new("/nowhere/xl"))),
            ..fencer(&kernel)
        };
        assert!(fencer.vm_runs());
        let report = fencer.fence();
        assert!(!report.clean, "{report:?}");
    }

    /// Its process is gone, and what it had sent waits in the kernel for the path to come back.
    #[test]
    fn what_the_kernel_still_has_to_write_is_not_clean() {
        let (dir, _tasks) = nfs(REQUEST);
        let fencer = Fencer { bound: Duration::from_millis(50), ..fencer(&dir) };
        let report = fencer.fence();
        assert!(!report.clean, "{report:?}");
        assert!(report.text.contains("1 requests of NFS"), "{report:?}");
    }

    #[test]
    fn what_the_kernel_writes_meanwhile_is_waited_for() {
        let (dir, tasks) = nfs(REQUEST);
        let fencer = Fencer { bound: Duration::from_secs(600), ..fencer(&dir) };
        let fencing = std::thread::spawn(move || fencer.fence());
        std::thread::sleep(10 * LOOK_INTERVAL);
        assert!(!fencing.is_finished(), "it did not wait");
        std::fs::write(tasks, "").unwrap();
        let report = fencing.join().unwrap();
        assert!(report.clean, "{report:?}");
    }

    /// Where requests are listed, one look proves nothing; a host of disks of its own loses no time by that.
    #[test]
    fn a_fence_trusts_no_single_look() {
        let bound = Duration::ZERO;
        let (dir, _tasks) = nfs("");
        let report = Fencer { bound, ..fencer(&dir) }.fence();
        assert!(!report.clean, "{report:?}");
        assert!(fencer(&dir).fence().clean);
        let kernel = kernel(OWN_DISK);
        let report = Fencer { bound, ..fencer(&kernel) }.fence();
        assert!(report.clean, "{report:?}");
    }
}
