//! The storage's fault switches do what they say.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{SR, eventually, lab, mount, state_of};
use haven_lab::protocol::{Direction, Link};
use haven_lab::storage::faults::{Fault, StorageSwitch};
use haven_lab::{Host, Lab};

const WRITE: &str =
    "dd if=/dev/zero of=/run/sr-mount/test/f bs=4k count=1 oflag=direct conv=notrunc";

fn mounted(hosts: u32) -> Option<Lab> {
    let lab = lab(hosts)?;
    (1..=hosts).for_each(|n| mount(lab.host(n)));
    Some(lab)
}

/// Starts a writer in the host that goes on for ever; returns its id outside.
fn writer(lab: &Lab, host: Host<'_>) -> u32 {
    host.sh(&format!("(while {WRITE} 2>/dev/null; do :; done) >/dev/null 2>&1 &")).unwrap();
    let group = lab.config().cgroup.group(&lab.config().cgroup_name(host.number()));
    let mut found = None;
    eventually(5, "the writer runs", || {
        found = group.processes().into_iter().find(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default() == "dd\n"
        });
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn all_hosts_see_the_same_bytes_at_once() {
    let Some(lab) = mounted(2) else { return };
    let (one, two) = (lab.host(1), lab.host(2));
    for i in 0..20 {
        one.sh(&format!("echo {i} > {SR}/n; echo {i} >> {SR}/all")).unwrap();
        assert_eq!(two.sh(&format!("cat {SR}/n")).unwrap().trim(), i.to_string());
    }
    two.sh(&format!("mkdir {SR}/d && mv {SR}/all {SR}/d/moved && ln -s d/moved {SR}/link"))
        .unwrap();
    assert_eq!(one.sh(&format!("wc -l < {SR}/link")).unwrap().trim(), "20");
    one.sh(&format!("rm -r {SR}/d {SR}/link {SR}/n && test -z \"$(ls {SR})\"")).unwrap();
    two.sh(&format!("test -z \"$(ls {SR})\"")).unwrap();
}

#[test]
fn o_direct_sparse_files_and_allocation_work() {
    let Some(lab) = mounted(1) else { return };
    let host = lab.host(1);
    host.sh(&format!("{WRITE} 2>&1 && truncate -s 1G {SR}/sparse && fallocate -l 4M {SR}/full"))
        .unwrap();
    assert_eq!(host.sh(&format!("stat -c %s,%b {SR}/sparse")).unwrap().trim(), "1073741824,0");
    assert_eq!(host.sh(&format!("stat -c %s,%b {SR}/full")).unwrap().trim(), "4194304,8192");
    host.sh(&format!("cd {SR} && qemu-img create -q -f qcow2 a.qcow2 1G && qemu-img info a.qcow2"))
        .unwrap();
}

#[test]
fn a_stall_holds_writers_and_heals() {
    let Some(lab) = mounted(2) else { return };
    let (one, two) = (lab.host(1), lab.host(2));
    one.sh(WRITE).unwrap();
    one.storage(Fault::Stall).unwrap();
    let pid = writer(&lab, one);
    // Interruptible at first; after a signal, or once the kernel knows better, it is in D state.
    let _ = one.sh_output("pkill -9 dd");
    eventually(5, "the writer is in D state", || state_of(pid) == Some('D'));
    two.sh(WRITE).unwrap();
    let begun = Instant::now();
    one.storage(Fault::Ok).unwrap();
    eventually(5, "the writer is gone", || state_of(pid).is_none_or(|s| s != 'D'));
    assert!(begun.elapsed() < Duration::from_secs(2));
    one.sh(WRITE).unwrap();
}

#[test]
fn power_loss_works_with_stuck_io() {
    let Some(lab) = mounted(1) else { return };
    let host = lab.host(1);
    host.storage(Fault::Stall).unwrap();
    let pid = writer(&lab, host);
    let _ = host.sh_output("pkill -9 dd");
    eventually(5, "the writer is in D state", || state_of(pid) == Some('D'));
    let begun = Instant::now();
    host.off().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(state_of(pid).is_none());
}

#[test]
fn a_stalled_write_of_a_dead_host_never_lands() {
    let Some(lab) = mounted(2) else { return };
    let (one, two) = (lab.host(1), lab.host(2));
    one.sh(&format!("echo old > {SR}/f; sync")).unwrap();
    one.storage_switch(StorageSwitch { writes: Fault::Stall, ..StorageSwitch::default() }).unwrap();
    one.sh(&format!("(exec dd if=/dev/zero of={SR}/f bs=4k count=1 conv=notrunc) 2>/dev/null &"))
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    one.off().unwrap();
    one.storage(Fault::Ok).unwrap();
    assert_eq!(two.sh(&format!("head -c3 {SR}/f")).unwrap(), "old");
}

#[test]
fn errors_are_per_class_of_request() {
    let Some(lab) = mounted(1) else { return };
    let host = lab.host(1);
    host.sh(WRITE).unwrap();
    let read = "dd if=/run/sr-mount/test/f of=/dev/null iflag=direct bs=4k count=1";
    host.storage(Fault::Eio).unwrap();
    for command in [WRITE, read, "ls /run/sr-mount/test"] {
        let output = host.sh_output(command).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("Input/output error"), "{command}: {said}");
    }
    host.storage_switch(StorageSwitch { writes: Fault::Eio, ..StorageSwitch::default() }).unwrap();
    host.sh(read).unwrap();
    assert!(host.sh(WRITE).is_err());
    host.storage_switch(StorageSwitch { reads: Fault::Eio, ..StorageSwitch::default() }).unwrap();
    host.sh(WRITE).unwrap();
    assert!(host.sh(read).is_err());
}

#[test]
fn a_full_storage_takes_overwrites_only() {
    let Some(lab) = mounted(1) else { return };
    let host = lab.host(1);
    host.sh(WRITE).unwrap();
    host.storage(Fault::Enospc).unwrap();
    host.sh(WRITE).unwrap();
    for command in [
        "dd if=/dev/zero of=/run/sr-mount/test/f bs=4k count=1 seek=1 conv=notrunc",
        "touch /run/sr-mount/test/new",
        "mkdir /run/sr-mount/test/dir",
    ] {
        let output = host.sh_output(command).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("No space left on device"), "{command}: {said}");
    }
    let free = host.sh("stat -f -c %a /run/sr-mount/test").unwrap();
    assert_eq!(free.trim(), "0");
}

#[test]
fn delay_and_loss_slow_requests_down() {
    let Some(lab) = mounted(1) else { return };
    let host = lab.host(1);
    host.sh(WRITE).unwrap();
    let timed = || {
        let begun = Instant::now();
        host.sh(WRITE).unwrap();
        begun.elapsed()
    };
    host.storage_switch(StorageSwitch { delay_ms: 200, ..StorageSwitch::default() }).unwrap();
    assert!(timed() > Duration::from_millis(200));
    host.storage_switch(StorageSwitch { loss_percent: 100, ..StorageSwitch::default() }).unwrap();
    assert!(timed() > Duration::from_secs(1));
}

#[test]
fn a_cut_storage_link_stalls_mounts_and_io() {
    let Some(lab) = mounted(2) else { return };
    let host = lab.host(1);
    host.cut(Link::Sto, Direction::Both).unwrap();
    let pid = writer(&lab, host);
    let _ = host.sh_output("pkill -9 dd");
    eventually(5, "the writer is in D state", || state_of(pid) == Some('D'));
    let refused = host
        .sh_output("mkdir -p /mnt/x; mount -t nfs -o retry=0 10.88.0.250:/export/vms /mnt/x")
        .unwrap();
    assert_eq!(refused.status.code(), Some(32));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Connection timed out"));
    lab.host(2).sh(WRITE).unwrap();
    host.heal(Some(Link::Sto)).unwrap();
    eventually(5, "the writer is gone", || state_of(pid).is_none_or(|s| s != 'D'));
    host.sh("mount -t nfs -o retry=0 10.88.0.250:/export/vms /mnt/x && umount /mnt/x").unwrap();
    let unknown = host.sh_output("mount -t nfs -o retry=0 10.88.0.250:/nothing /mnt/x").unwrap();
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("access denied by server"));
}

#[test]
fn a_lost_answer_does_not_undo_the_write() {
    let Some(lab) = mounted(2) else { return };
    let (one, two) = (lab.host(1), lab.host(2));
    one.sh(&format!("printf 'old\n' > {SR}/g")).unwrap();
    // The file is open before the answers are cut off.
    one.sh(&format!("(exec 3<>{SR}/g; sleep 1; printf 'new\n' >&3) >/dev/null 2>&1 &")).unwrap();
    std::thread::sleep(Duration::from_millis(400));
    one.cut(Link::Sto, Direction::In).unwrap();
    eventually(5, "the write is done at the server", || {
        two.sh(&format!("cat {SR}/g")).unwrap() == "new\n"
    });
}

#[test]
fn the_own_disk_runs_full_or_fails() {
    let Some(lab) = lab(1) else { return };
    let host = lab.host(1);
    host.disk(Fault::Enospc).unwrap();
    let output = host.sh_output("echo x > /var/lib/haven/x").unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"));
    host.disk(Fault::Eio).unwrap();
    assert!(host.sh("ls /var/lib/haven").is_err());
    host.disk(Fault::Ok).unwrap();
    host.sh("echo x > /var/lib/haven/x && test -s /var/lib/haven/x").unwrap();
}
