//! Processes of this PID namespace, as `/proc` shows them.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

/// A process, told from a later one with the same number by its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    started: u64,
}

impl Process {
    /// The process that has this number now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let started = start_time(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        Some(Self { pid, started })
    }

    /// Kills it; one that is gone is fine.
    pub(crate) fn kill(self) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| Self::of(self.pid) == Some(self)) {
            // A failure shows as a process that does not go away.
            let _gone: rustix::io::Result<()> = kill_process(pid, Signal::KILL);
        }
    }

    /// Whether none of its threads can act or has IO on its way: a leader that is a zombie says
    /// nothing of the others, one of which may be stuck in the kernel.
    pub(crate) fn is_gone(self) -> bool {
        if Self::of(self.pid) != Some(self) {
            return true;
        }
        let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", self.pid)) else { return true };
        tasks.flatten().all(|task| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            matches!(state(&stat), None | Some('Z' | 'X'))
        })
    }
}

/// All processes whose executable's name begins with one of `names`.
pub(crate) fn by_executable(names: &[String]) -> Vec<Process> {
    if names.is_empty() {
        return Vec::new();
    }
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let own = std::process::id();
    pids.filter(|pid| *pid != own && executable_matches(*pid, names))
        .filter_map(Process::of)
        .collect()
}

fn executable_matches(pid: u32, names: &[String]) -> bool {
    let link = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_else(|_| PathBuf::new());
    let name = link.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    // A dying process has no executable any more, but still its (cut) name.
    let comm = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("comm"));
    let comm = comm.unwrap_or_default();
    names.iter().any(|wanted| name.starts_with(wanted) || comm.starts_with(wanted))
}

/// Field 22 of `/proc/<pid>/stat`; the name in field 2 may contain anything.
fn start_time(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_child_is_gone_even_before_it_is_reaped() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        assert!(!process.is_gone());
        assert!(by_executable(&["sleep".to_owned()]).contains(&process));
        process.kill();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !process.is_gone() {
            assert!(std::time::Instant::now() < deadline, "it does not die");
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(Process::of(process.pid), None);
    }

    #[test]
    fn names_with_brackets_do_not_confuse_the_parser() {
        let stat = "7 (a) b) D 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert_eq!(state(stat), Some('D'));
        assert_eq!(start_time(stat), Some(4242));
    }
}
