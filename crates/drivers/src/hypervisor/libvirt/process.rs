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

use super::domain_name;

/// A handle on a QEMU process; survives reuse of the number.
#[derive(Debug)]
pub(crate) struct QemuProcess {
    fd: OwnedFd,
}

/// Finds the process of a domain by the name in its command line.
pub(crate) fn find(vm: Uuid) -> Option<QemuProcess> {
    let needle = format!("guest={},", domain_name(vm));
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Ok(number) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let Ok(command) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let found = command.split(|b| *b == 0).any(|a| a.starts_with(needle.as_bytes()));
        if !found {
            continue;
        }
        let fd = Pid::from_raw(number).and_then(|p| pidfd_open(p, PidfdFlags::empty()).ok());
        if let Some(fd) = fd {
            return Some(QemuProcess { fd });
        }
    }
    None
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
        assert!(!process.wait_gone(Duration::from_millis(10)));
        process.kill();
        assert!(process.wait_gone(Duration::from_secs(5)));
        child.wait().unwrap();
        assert!(find(vm).is_none());
        assert!(find(Uuid::new_v4()).is_none());
    }
}
