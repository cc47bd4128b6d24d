//! Nothing of the host gets between a guard and its next beat: its memory waits for no disk, and its
//! threads for no other process.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use super::form;
use super::pool::{self, Pool, program};

/// Priority of the guard, as `chrt` says it.
const PRIORITY: &str = "20";
/// `SCHED_FIFO` in `/proc/<pid>/stat`.
const FIFO: &str = "1";

/// A guard whose words are kept beside its root.
fn told(root: &Path) -> Command {
    let mut command = program(root);
    command.stderr(File::create(root.join("said")).unwrap());
    command
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// A line of kilobytes of `/proc/<pid>/status`.
fn kib(status: &str, name: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What `limits` permits of locked memory, in KiB.
fn lockable_kib(limits: &str) -> u64 {
    let line = limits.lines().find(|line| line.starts_with("Max locked memory")).unwrap();
    let soft = line.split_whitespace().nth(3).unwrap();
    soft.parse().map_or(u64::MAX, |bytes: u64| bytes / 1024)
}

/// Where the host permits it; where it does not, the guard says so.
#[test]
fn memory_is_locked_and_every_thread_has_real_time_priority() {
    let mut pool = Pool::start_with(pool::timing(), told);
    form(&mut pool);
    let guard = &mut pool.guards[0];
    let said = read(guard.root("said"));
    let process = format!("/proc/{}", guard.child().id());
    let status = read(format!("{process}/status"));
    let (size, locked) = (kib(&status, "VmSize"), kib(&status, "VmLck"));
    println!("{locked} of {size} KiB are locked");
    assert_eq!(locked == 0, said.contains("memory is not locked"), "{said}");
    if lockable_kib(&read(format!("{process}/limits"))) > size {
        // All but the pages that are the kernel's own, and what comes later too: its threads are here.
        assert!(locked * 10 > size * 9, "{locked} of {size} KiB are locked: {said}");
    }
    let probe = Command::new("chrt").args(["-f", PRIORITY, "true"]).status();
    let permitted = probe.is_ok_and(|status| status.success());
    assert_eq!(permitted, !said.contains("no real-time priority"), "{said}");
    let mut threads = 0;
    for thread in std::fs::read_dir(format!("{process}/task")).unwrap() {
        let stat = read(thread.unwrap().path().join("stat"));
        // From the state, which is the third field: `rt_priority` is the 40th, `policy` the 41st.
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        if permitted {
            assert_eq!(fields[37..39], [PRIORITY, FIFO], "{stat}");
        }
        threads += 1;
    }
    assert!(threads > 3, "loop, control, receiver, disks: {threads}");
}
