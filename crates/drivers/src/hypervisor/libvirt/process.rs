//! The QEMU process of a domain, seen without libvirt.
//!
//! Owns: the proof that a stopped domain's process is gone. libvirt's word is not enough: a
//! process with a thread that waits for stalled storage may outlive its main thread, and a
//! restarted libvirtd may have lost it.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use uuid::Uuid;

use super::DOMAIN_PREFIX;

/// A handle on a QEMU process; survives reuse of the number.
#[derive(Debug)]
pub(crate) struct QemuProcess {
    fd: OwnedFd,
}

/// Names of the guest in a command line begin so.
const GUEST_ARGUMENT: &str = "guest=";

/// Finds the process of a domain by the name in its command line.
pub(crate) fn find(vm: Uuid) -> Option<QemuProcess> {
    let (pid, _) = guests().find(|(_, guest)| *guest == vm)?;
    pidfd_open(pid, PidfdFlags::empty()).ok().map(|fd| QemuProcess { fd })
}

/// VMs that have a process here.
pub(crate) fn all() -> Vec<Uuid> {
    let mut all: Vec<Uuid> = guests().map(|(_, vm)| vm).collect();
    all.sort();
    all.dedup();
    all
}

fn guests() -> impl Iterator<Item = (Pid, Uuid)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let vm = command.split(|byte| *byte == 0).find_map(guest_of)?;
        Some((pid, vm))
    })
}

/// `guest=haven-<uuid>,…` as libvirt names QEMU's guests.
fn guest_of(argument: &[u8]) -> Option<Uuid> {
    let text = std::str::from_utf8(argument).ok()?.strip_prefix(GUEST_ARGUMENT)?;
    let name = text.split(',').next()?.strip_prefix(DOMAIN_PREFIX)?;
    Uuid::try_parse(name).ok()
}

impl QemuProcess {
    /// Waits until the last thread of the process has ended.
    pub(crate) fn wait_gone(&self, longest: Duration) -> bool {
        let until = Instant::now() + longest;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let wait = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
            match poll(&mut fds, Some(&wait)) {
                Ok(0) => return false,
                Ok(_) => return true,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Kills the process.
    pub(crate) fn kill(&self) {
        // An error means that it is gone, which `wait_gone` finds out.
        let _ = pidfd_send_signal(&self.fd, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::super::domain_name;
    use super::*;

    #[test]
    fn a_process_is_found_by_its_guest_name_and_seen_to_end() {
        let vm = Uuid::new_v4();
        let mut child = std::process::Command::new("sh")
            .args(["-c", "read x", "sh", &format!("guest={},debug", domain_name(vm))])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // A process that has just begun may not have its command line yet.
        let until = Instant::now() + Duration::from_secs(5);
        let process = loop {
            match find(vm) {
                Some(process) => break process,
                None => assert!(Instant::now() < until, "not found"),
            }
        };
        assert!(all().contains(&vm));
        assert!(!process.wait_gone(Duration::from_millis(10)));
        process.kill();
        assert!(process.wait_gone(Duration::from_secs(5)));
        child.wait().unwrap();
        assert!(find(vm).is_none());
        assert!(find(Uuid::new_v4()).is_none());
    }
}
