//! Domains of Xen, as its toolstack lists them. The hypervisor alone knows what runs; `xl list`
//! asks it.
//!
//! Owns: that whoever cannot tell takes it that guests run. Waits for a process: never on the loop.

use std::io::{ErrorKind, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{log, sys};

/// Longest wait for the list.
const LIST_WAIT: Duration = Duration::from_secs(5);
/// Pause between two looks whether it is there.
const LIST_INTERVAL: Duration = Duration::from_millis(5);
/// Longest list that is read: what a pipe holds. A longer one never ends, and tells of guests anyway.
const LIST_BYTES_MAX: u64 = 64 << 10;
/// Columns after the number of a domain: memory, processors, state, time.
const COLUMNS_AFTER_NUMBER: usize = 4;

/// Where the list comes from.
#[derive(Clone, Debug)]
pub(crate) struct Domains {
    lister: PathBuf,
    /// One that could not be ended: no other is started before it is gone.
    stuck: Arc<Mutex<Option<Child>>>,
}

impl Domains {
    pub(crate) fn listed_by(lister: &Path) -> Self {
        Self { lister: lister.to_owned(), stuck: Arc::default() }
    }

    /// Whether a guest runs, or may run for all that is known.
    pub(crate) fn may_run(&self) -> bool {
        match self.count() {
            Ok(count) => count > 0,
            Err(why) => {
                let lister = self.lister.display();
                log::warn(&format!("`{lister} list` does not tell what runs here: {why}"));
                true
            }
        }
    }

    /// Guests that run.
    fn count(&self) -> Result<usize, String> {
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(child) = stuck.as_mut() {
            match child.try_wait() {
                Ok(Some(_)) => *stuck = None,
                _ => return Err("an earlier one still hangs".to_owned()),
            }
        }
        // A child inherits it: nobody but the guard itself goes before everybody else.
        sys::become_ordinary().map_err(|error| error.to_string())?;
        let mut child = Command::new(&self.lister)
            .arg("list")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| error.to_string())?;
        let answer = answer_of(&mut child);
        if answer.is_err() {
            *stuck = end(child);
        }
        guests(&answer?).ok_or_else(|| "a list of another form".to_owned())
    }
}

/// What a process says that ends well in time.
fn answer_of(child: &mut Child) -> Result<String, String> {
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < LIST_WAIT => std::thread::sleep(LIST_INTERVAL),
            Ok(None) => return Err(format!("no answer within {} s", LIST_WAIT.as_secs())),
            Err(error) => return Err(error.to_string()),
        }
    };
    if !status.success() {
        return Err(status.to_string());
    }
    let mut pipe = child.stdout.take().ok_or("no pipe")?;
    // A descendant may hold the other end: what is not complete now is no answer.
    fcntl_setfl(&pipe, OFlags::NONBLOCK).map_err(|error| error.to_string())?;
    let mut text = String::new();
    match pipe.by_ref().take(LIST_BYTES_MAX).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err("it is cut off".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Ends a process with what it started; gives it back if it does not go.
fn end(mut child: Child) -> Option<Child> {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // One that is gone is fine, and one that stays is noticed below.
        let _gone: rustix::io::Result<()> = kill_process_group(group, Signal::KILL);
    }
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        if let Ok(Some(_)) = child.try_wait() {
            return None;
        }
        std::thread::sleep(LIST_INTERVAL);
    }
    Some(child)
}

/// Guests in a list: every domain but the first, those included that are dying. `None`: this is not
/// the list that is known here.
fn guests(list: &str) -> Option<usize> {
    let mut lines = list.lines().filter(|line| !line.trim().is_empty());
    let heading: Vec<&str> = lines.next()?.split_whitespace().collect();
    if heading != ["Name", "ID", "Mem", "VCPUs", "State", "Time(s)"] {
        return None;
    }
    // A name may have spaces: columns are counted from the end.
    let number = |line: &str| -> Option<u32> {
        line.split_whitespace().rev().nth(COLUMNS_AFTER_NUMBER)?.parse().ok()
    };
    let numbers: Vec<u32> = lines.map(number).collect::<Option<_>>()?;
    let others = numbers.iter().filter(|number| **number != 0).count();
    numbers.contains(&0).then_some(others)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const HEADING: &str = "Name                     ID   Mem VCPUs\tState\tTime(s)\n";
    const FIRST: &str = "Domain-0                  0  1024     2     r-----      12.5\n";

    fn lister(script: &str) -> (tempfile::TempDir, Domains) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("xl");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        (dir, Domains::listed_by(&path))
    }

    #[test]
    fn every_domain_but_the_first_is_a_guest() {
        let count = |lines: &str| guests(&format!("{HEADING}{lines}"));
        assert_eq!(count(FIRST), Some(0));
        assert_eq!(count(&format!("{FIRST}a b 7 7 512 1 ---s-d 0.0\n")), Some(1));
        assert_eq!(count(&format!("{FIRST}(null) 3 0 1 --ps-d 9.9\n")), Some(1));
        assert_eq!(count(""), None, "the first domain must be there");
        assert_eq!(count(&format!("{FIRST}what is that\n")), None);
        assert_eq!(guests(""), None);
        assert_eq!(guests(FIRST), None);
    }

    #[test]
    fn who_cannot_tell_takes_it_that_guests_run() {
        assert!(Domains::listed_by(Path::new("/nowhere/xl")).may_run());
        let said = format!("[ $1 = list ] && printf '{HEADING}{FIRST}'");
        assert!(!lister(&said).1.may_run());
        assert!(lister(&format!("{said}; exit 1")).1.may_run());
        assert!(lister(&format!("{said}; printf 'web1 4 512 1 -b---- 1.0\\n'")).1.may_run());
        assert!(lister(&format!("{said}; sleep 60 &")).1.may_run(), "the pipe is held");
    }
}
