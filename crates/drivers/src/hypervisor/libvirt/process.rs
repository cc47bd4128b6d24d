//! The QEMU process of a domain, seen without libvirt.
//!
//! Owns: the proof that a stopped domain's process is gone. libvirt's word is not enough: a
//! process with a thread that waits for stalled storage may outlive its main thread, and a
//! restarted libvirtd may have lost it.

use std::path::{Path, PathBuf};
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
    pid: Pid,
}

/// Names of the guest in a command line begin so.
const GUEST_ARGUMENT: &str = "guest=";

/// Finds the process of a domain by the name in its command line.
pub(crate) fn find(vm: Uuid) -> Option<QemuProcess> {
    let (pid, _) = guests().find(|(_, guest)| *guest == vm)?;
    pidfd_open(pid, PidfdFlags::empty()).ok().map(|fd| QemuProcess { fd, pid })
}

/// VMs that have a process here.
pub(crate) fn all() -> Vec<Uuid> {
    let mut all: Vec<Uuid> = guests().map(|(_, vm)| vm).collect();
    all.sort();
    all.dedup();
    all
}

/// Files that the process of a domain has open for writing, as the kernel names them; none without a process.
pub(crate) fn writes_to(vm: Uuid) -> Option<Vec<PathBuf>> {
    let Some((pid, _)) = guests().find(|(_, guest)| *guest == vm) else { return Some(Vec::new()) };
    let own = Path::new("/proc").join(pid.as_raw_nonzero().to_string());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(own.join("fd")).ok()?.flatten() {
        let info = std::fs::read_to_string(own.join("fdinfo").join(entry.file_name()));
        let written = info.is_ok_and(|info| is_written(&info));
        match std::fs::read_link(entry.path()) {
            Ok(path) if written && path.is_absolute() => files.push(path),
            // Closed meanwhile, a socket, or only read.
            _ => {}
        }
    }
    files.sort();
    files.dedup();
    Some(files)
}

/// Whether a descriptor was opened for writing, as its `fdinfo` says (proc(5)).
fn is_written(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_none_or(|flags| flags & 3 != 0)
}

fn guests() -> impl Iterator<Item = (Pid, Uuid)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        Some((pid, guest_in(&entry.path())?))
    })
}

/// The guest of a process, by its directory. A main thread that has ended has no command line any more, while
/// another thread may still wait for storage.
fn guest_in(process: &Path) -> Option<Uuid> {
    let named = |dir: &Path| {
        let command = std::fs::read(dir.join("cmdline")).ok()?;
        command.split(|byte| *byte == 0).find_map(guest_of)
    };
    named(process).or_else(|| {
        let ended = status(process).is_some_and(|text| field(&text, "State:").starts_with('Z'));
        let threads = std::fs::read_dir(process.join("task")).ok().filter(|_| ended)?;
        threads.flatten().find_map(|thread| named(&thread.path()))
    })
}

fn status(process: &Path) -> Option<String> {
    std::fs::read_to_string(process.join("status")).ok()
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

/// Whether it was killed and is on its way out: its main thread has ended, or it is to get the signal.
fn dies(status: &str) -> bool {
    let pending = |name| u64::from_str_radix(field(status, name), 16).unwrap_or(0);
    let kill = 1 << (Signal::KILL.as_raw() - 1);
    field(status, "State:").starts_with('Z')
        || (pending("SigPnd:") | pending("ShdPnd:")) & kill != 0
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

    /// Whether it was killed already, and waits for something.
    pub(crate) fn is_dying(&self) -> bool {
        let directory = format!("/proc/{}", self.pid.as_raw_nonzero());
        status(Path::new(&directory)).is_some_and(|status| dies(&status))
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

    /// As QEMU is after a SIGKILL while a thread of it waits for storage.
    #[test]
    fn a_process_whose_main_thread_has_ended_is_still_there() {
        let dir = tempfile::tempdir().unwrap();
        let (vm, thread) = (Uuid::from_u128(7), dir.path().join("task/12"));
        std::fs::create_dir_all(&thread).unwrap();
        let command = format!("qemu\0guest={},debug\0", domain_name(vm));
        std::fs::write(dir.path().join("cmdline"), "").unwrap();
        std::fs::write(thread.join("cmdline"), &command).unwrap();
        let status = |state: &str, pending: &str| {
            format!("Name:\tqemu\nState:\t{state}\nSigPnd:\t0000000000000000\nShdPnd:\t{pending}\n")
        };
        let (none, kill) = ("0000000000000000", "0000000000000100");
        std::fs::write(dir.path().join("status"), status("Z (zombie)", none)).unwrap();
        assert_eq!(guest_in(dir.path()), Some(vm));
        // A thread of the kernel has no command line either.
        std::fs::write(dir.path().join("status"), status("S (sleeping)", none)).unwrap();
        assert_eq!(guest_in(dir.path()), None);
        assert!(!dies(&status("S (sleeping)", none)) && dies(&status("D (disk sleep)", kill)));
        assert!(dies(&status("Z (zombie)", none)));
    }

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

    #[test]
    fn what_a_process_writes_to_is_seen_and_what_it_reads_is_not() {
        let (vm, dir) = (Uuid::new_v4(), tempfile::tempdir().unwrap());
        let (read, written) = (dir.path().join("read"), dir.path().join("written"));
        std::fs::write(&read, "").unwrap();
        let script = format!("exec 8<{} 9>{}; read x", read.display(), written.display());
        let mut child = std::process::Command::new("sh")
            .args(["-c", &script, "sh", &format!("guest={},debug", domain_name(vm))])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let files = writes_to(vm).unwrap_or_default();
            assert!(!files.contains(&read));
            if files.contains(&written) {
                break;
            }
            assert!(Instant::now() < until, "{files:?}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(writes_to(vm), Some(Vec::new()));
        assert!(is_written("pos:\t0\nflags:\t02140002\n") && !is_written("flags:\t02100000\n"));
    }
}
