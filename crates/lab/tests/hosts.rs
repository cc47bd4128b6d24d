//! Hosts: they come up quickly, die without a trace, and come back.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{config, eventually, lab, mount, product};
use haven_lab::Lab;
use haven_lab::protocol::{Direction, Link, Power, Process};
use haven_lab::story::{Guest, Narrator, Pool};

/// Processes that name the lab's directory, by id.
fn processes_of(dir: &std::path::Path) -> BTreeSet<u32> {
    let dir = dir.display().to_string();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let args = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&args).contains(&dir) {
            found.insert(pid);
        }
    }
    found
}

fn mounts_of(dir: &std::path::Path) -> usize {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    mounts.lines().filter(|l| l.contains(&dir.display().to_string())).count()
}

/// Files and control groups of the machine whose name contains the lab's.
fn named_after(id: &str) -> Vec<PathBuf> {
    let mut open: Vec<(PathBuf, u32)> =
        ["/tmp", "/var/tmp", "/run", "/dev/shm", "/var/lib/libvirt", "/etc/libvirt"]
            .map(|dir| (PathBuf::from(dir), 1))
            .to_vec();
    // Version 1 has a tree per controller below this one.
    open.push((PathBuf::from("/sys/fs/cgroup"), 3));
    let mut found = Vec::new();
    while let Some((dir, deeper)) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().contains(id) {
                found.push(entry.path());
            } else if deeper > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push((entry.path(), deeper - 1));
            }
        }
    }
    found
}

/// Network interfaces of the machine.
fn interfaces() -> BTreeSet<String> {
    let all = std::fs::read_dir("/sys/class/net").unwrap().flatten();
    all.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn assert_nothing_left(config: &haven_lab::LabConfig, pids: &BTreeSet<u32>) {
    for pid in pids {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "process {pid} is left");
    }
    assert_eq!(processes_of(&config.dir), BTreeSet::new());
    assert_eq!(mounts_of(&config.dir), 0);
    assert!(!config.dir.exists(), "{} is left", config.dir.display());
    assert_eq!(named_after(&config.id), Vec::<PathBuf>::new());
    for n in 1..=config.hosts {
        let group = config.cgroup.group(&config.cgroup_name(n));
        assert!(!group.path().exists(), "{} is left", group.path().display());
    }
}

/// Ids of all processes in the lab's hosts and around them.
fn all_processes(lab: &Lab) -> BTreeSet<u32> {
    let config = lab.config();
    let mut pids = processes_of(&config.dir);
    for n in 1..=config.hosts {
        pids.extend(config.cgroup.group(&config.cgroup_name(n)).processes());
    }
    pids
}

#[test]
fn three_hosts_come_up_in_seconds_each_its_own() {
    let begun = Instant::now();
    let Some(lab) = lab(3) else { return };
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let mut ids = BTreeSet::new();
    for n in 1..=3 {
        let host = lab.host(n);
        assert_eq!(host.sh("hostname").unwrap().trim(), format!("h{n}"));
        assert_eq!(host.sh("cat /proc/1/comm").unwrap().trim(), "haven-lab");
        host.sh("test ! -e /dev/kvm && test -p /dev/watchdog").unwrap();
        let xml = host.sh("virsh capabilities").unwrap();
        ids.insert(xml.split("<uuid>").nth(1).unwrap()[..36].to_owned());
        for other in 1..=3 {
            host.sh(&format!("ping -q -c1 -W2 10.77.0.{other}; ping -q -c1 -W2 10.88.0.{other}"))
                .unwrap();
        }
    }
    assert_eq!(ids.len(), 3, "libvirt's host ids are distinct");
}

#[test]
fn nothing_is_left_behind() {
    let Some(lab) = lab(2) else { return };
    mount(lab.host(1));
    let config = lab.config().clone();
    let pids = all_processes(&lab);
    assert!(pids.len() >= 6, "{pids:?}");
    lab.down().unwrap();
    assert_nothing_left(&config, &pids);
}

/// A host in no pool and the pool of its network, by what they say of themselves.
fn they_find_each_other(pool: &Pool<'_>) {
    let ask = |number, noun| pool.haven(pool.lab.host(number), &[noun, "find"], "").unwrap();
    eventually(60, "the pool finds the free host", || ask(1, "host")[0]["address"] == "10.77.0.2");
    eventually(60, "the free host finds the pool", || {
        let found = ask(2, "pool");
        found[0]["pool"] == "demo" && found[0]["address"] == "10.77.0.1"
    });
}

/// The same for all that `make demo` starts: daemons, a guest, storage with a fault, a way in.
#[test]
fn a_pool_with_guests_and_faults_leaves_nothing_behind() {
    let before = interfaces();
    let Some(lab) = product(2) else { return };
    let tell = Narrator::default();
    let pool = Pool { lab: &lab, tell: &tell };
    pool.found().unwrap();
    they_find_each_other(&pool);
    pool.join().unwrap();
    pool.add_storage().unwrap();
    let guest = Guest::new(1);
    pool.create_guest(&guest).unwrap();
    pool.haven(lab.host(1), &["vm", "start", &guest.name, "--on", "h2"], "").unwrap();
    lab.forward("127.0.0.1:0".parse().unwrap(), vec!["10.77.0.1:443".parse().unwrap()]).unwrap();
    lab.host(2).storage(haven_lab::storage::faults::Fault::Stall).unwrap();
    let config = lab.config().clone();
    let pids = all_processes(&lab);
    let names: Vec<String> = pids
        .iter()
        .filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok())
        .collect();
    for name in ["havend", "haven-guard", "libvirtd", "qemu-system-x86"] {
        assert!(names.iter().any(|found| found.trim() == name), "{name}: {names:?}");
    }
    assert!(!named_after(&config.id).is_empty(), "what would be left is seen");
    lab.down().unwrap();
    assert_nothing_left(&config, &pids);
    assert_eq!(interfaces(), before);
}

#[test]
fn nothing_runs_on_when_the_supervisor_is_killed() {
    let Some(_) = lab(1) else { return };
    let lab = Lab::up(config(2)).unwrap();
    let config = lab.config().clone();
    let pids = all_processes(&lab);
    let dir = config.dir.display().to_string();
    let supervisor = pids.iter().find(|pid| {
        let args = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&args).contains(&format!("supervise\0{dir}"))
    });
    let supervisor = rustix::process::Pid::from_raw((*supervisor.unwrap()).cast_signed()).unwrap();
    rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();
    eventually(10, "all processes are gone", || {
        pids.iter().all(|pid| {
            let state = common::state_of(*pid);
            state.is_none() || state == Some('Z')
        })
    });
    lab.down().unwrap();
    assert_eq!(processes_of(&config.dir), BTreeSet::new());
    assert!(!config.dir.exists());
}

#[test]
fn two_labs_live_side_by_side() {
    let Some(first) = lab(2) else { return };
    let Some(second) = lab(2) else { return };
    first.host(1).sh("echo first > /var/lib/haven/whose").unwrap();
    second.host(1).sh("test ! -e /var/lib/haven/whose").unwrap();
    first.host(2).off().unwrap();
    first.host(1).sh("! ping -q -c1 -W1 10.77.0.2").unwrap();
    second.host(1).sh("ping -q -c1 -W2 10.77.0.2").unwrap();
    first.down().unwrap();
    second.host(1).sh("ping -q -c1 -W2 10.77.0.2 && virsh -q list").unwrap();
}

#[test]
fn power_loss_keeps_the_disk_and_loses_the_rest() {
    let Some(lab) = lab(2) else { return };
    let host = lab.host(1);
    host.sh("touch /etc/haven/kept /var/lib/haven/kept /run/haven/lost /tmp/haven-lost").unwrap();
    let begun = Instant::now();
    host.off().unwrap();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(host.status().unwrap().power, Power::Off);
    assert!(host.sh("true").is_err());
    host.on().unwrap();
    host.sh("test -e /etc/haven/kept && test -e /var/lib/haven/kept").unwrap();
    host.sh("test ! -e /run/haven/lost && test ! -e /tmp/haven-lost && ping -q -c1 10.77.0.2")
        .unwrap();
    assert_eq!(host.status().unwrap().boots, 2);
}

#[test]
fn reboot_comes_back_and_poweroff_does_not() {
    let Some(lab) = lab(1) else { return };
    let host = lab.host(1);
    host.sh_output("reboot").unwrap();
    eventually(10, "the host has started again", || host.status().unwrap().boots == 2);
    host.wait_for_libvirtd().unwrap();
    host.sh_output("poweroff").unwrap();
    eventually(10, "the host is off", || host.status().unwrap().power == Power::Off);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(host.status().unwrap().power, Power::Off);
}

#[test]
fn the_watchdog_bites_when_it_is_not_petted() {
    let Some(lab) = lab(1) else { return };
    let host = lab.host(1);
    // Petted for three seconds: no bite, though the bite time is two.
    host.sh(
        "exec 3>/dev/watchdog; for i in 1 2 3 4 5 6; do printf . >&3; sleep .5; done; printf V >&3",
    )
    .unwrap();
    eventually(2, "disarmed by the magic close", || !host.status().unwrap().watchdog_armed);
    assert_eq!(host.status().unwrap().bites, 0);
    // Closed without the magic: it goes on counting.
    host.sh("printf . > /dev/watchdog").unwrap();
    let took = eventually(5, "a bite", || host.status().unwrap().bites == 1);
    assert!(took > Duration::from_millis(1800) && took < Duration::from_millis(3500), "{took:?}");
    eventually(10, "power on again", || host.status().unwrap().boots == 2);
}

#[test]
fn a_frozen_host_stands_still_and_its_watchdog_ends_that() {
    let Some(lab) = lab(2) else { return };
    let host = lab.host(1);
    let count =
        || host.path("/tmp/haven-n").and_then(|p| Ok(std::fs::read_to_string(p)?.len())).unwrap();
    host.sh("(while :; do printf . >> /tmp/haven-n; sleep .02; done) >/dev/null 2>&1 &").unwrap();
    host.freeze().unwrap();
    assert_eq!(host.status().unwrap().power, Power::Frozen);
    let before = count();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(count(), before);
    host.thaw().unwrap();
    eventually(5, "it goes on", || count() > before);
    host.sh("printf . > /dev/watchdog").unwrap();
    host.freeze().unwrap();
    eventually(6, "power on again", || host.status().unwrap().boots == 2);
    host.wait_for_libvirtd().unwrap();
    // A guard that was about to fence has frozen the gate by itself.
    let root = lab.config().cgroup.root().display().to_string();
    host.sh(&format!("cd {root}/gate; echo FROZEN > freezer.state || echo 1 > cgroup.freeze"))
        .unwrap();
    host.off().unwrap();
    host.on().unwrap();
}

#[test]
fn links_are_cut_in_one_direction_or_both_and_stay_so() {
    let Some(lab) = lab(3) else { return };
    let (one, two) = (lab.host(1), lab.host(2));
    let ping = |from: haven_lab::Host<'_>, to: &str| {
        from.sh_output(&format!("ping -q -c1 -W1 {to}")).unwrap().status.success()
    };
    assert!(ping(one, "10.77.0.2") && ping(one, "10.88.0.2"));
    // What leaves h1 is lost: its neighbour's frames still reach it.
    one.cut(Link::Lan, Direction::Out).unwrap();
    assert!(!ping(two, "10.77.0.1"));
    let received = |host: haven_lab::Host<'_>| -> u64 {
        host.sh("cat /sys/class/net/eth0/statistics/rx_packets").unwrap().trim().parse().unwrap()
    };
    let before = received(one);
    two.sh_output("ip neigh replace 10.77.0.1 lladdr 02:00:00:00:00:01 dev xbr0; ping -q -c3 -i.2 -W1 -b 10.77.255.255")
        .unwrap();
    assert!(received(one) > before, "the other direction still works");
    one.cut(Link::Lan, Direction::In).unwrap();
    let before = received(one);
    two.sh_output("ping -q -c3 -i.2 -W1 -b 10.77.255.255").unwrap();
    assert_eq!(received(one), before, "nothing arrives");
    assert!(ping(one, "10.88.0.2"), "the other link is not concerned");
    one.cut(Link::Lan, Direction::Both).unwrap();
    one.off().unwrap();
    one.on().unwrap();
    assert!(!ping(one, "10.77.0.3"), "a cut outlasts a power cycle");
    one.heal(None).unwrap();
    eventually(5, "healed", || ping(one, "10.77.0.3"));
}

/// A directory of programs in which shell scripts stand for the product's daemons.
fn programs_with_daemons(at: &std::path::Path) {
    std::fs::create_dir_all(at).unwrap();
    let real = std::path::Path::new(env!("CARGO_BIN_EXE_haven-lab"));
    std::fs::copy(real, at.join("haven-lab")).unwrap();
    for (name, script) in [
        ("havend", "#!/bin/sh\necho up\nexec sleep 1000\n"),
        ("haven-guard", "#!/bin/sh\necho up >> /run/haven-guard-starts\nexit 1\n"),
    ] {
        std::fs::write(at.join(name), script).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(at.join(name), executable).unwrap();
    }
}

#[test]
fn daemons_run_in_their_cgroups_and_are_restarted_with_pauses() {
    if lab(1).is_none() {
        return;
    }
    let mut config = config(1);
    let programs = config.dir.with_extension("bin");
    programs_with_daemons(&programs);
    config.bare = false;
    config.bin_dir = programs.clone();
    let lab = Lab::up_attached(config).unwrap();
    let host = lab.host(1);
    std::thread::sleep(Duration::from_secs(3));
    // Pauses double from 0.1 s: about five starts in three seconds, not hundreds.
    let starts = host.sh("wc -l < /run/haven-guard-starts").unwrap();
    let starts: u32 = starts.trim().parse().unwrap();
    assert!((3..=7).contains(&starts), "{starts} starts");
    let root = lab.config().cgroup.root().display().to_string();
    let gate = host.sh(&format!("cat {root}/gate/cgroup.procs")).unwrap();
    let sleeping = host.sh("pidof sleep").unwrap();
    let libvirtd = host.sh("pidof libvirtd").unwrap();
    for pid in [sleeping.trim(), libvirtd.trim()] {
        assert!(gate.lines().any(|l| l == pid), "{pid} is not in the gate: {gate:?}");
    }
    assert!(!gate.lines().any(|l| l == "1"), "the first process is outside of the gate");
    assert!(host.logs().join("havend.log").exists());
    drop(lab);
    std::fs::remove_dir_all(&programs).unwrap();
}

/// Mounted for this test alone: a hierarchy of version 2 may stand beside one of version 1.
#[test]
fn hosts_work_with_cgroups_of_version_2() {
    use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

    let Some(_) = lab(1) else { return };
    let mut config = config(1);
    let dir = config.dir.with_extension("cgroup2");
    let root = dir.display().to_string();
    std::fs::create_dir(&dir).unwrap();
    #[expect(deprecated, reason = "its successor is unsafe for the sake of descriptors")]
    rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNS).unwrap();
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
    mount("cgroup2", &dir, "cgroup2", MountFlags::empty(), None).unwrap();
    config.cgroup = haven_lab::cgroup::CgroupKind::V2(dir.clone());
    let lab = Lab::up_attached(config).unwrap();
    let host = lab.host(1);
    host.sh(&format!("grep -q . {root}/gate/cgroup.procs && test -w {root}/gate/cgroup.freeze"))
        .unwrap();
    host.freeze().unwrap();
    assert_eq!(host.status().unwrap().power, Power::Frozen);
    host.off().unwrap();
    host.on().unwrap();
    host.sh("virsh -q list").unwrap();
    drop(lab);
    rustix::mount::unmount(&dir, rustix::mount::UnmountFlags::DETACH).unwrap();
    std::fs::remove_dir(dir).unwrap();
}

#[test]
fn a_killed_service_is_restarted_a_stopped_one_is_not() {
    let Some(lab) = lab(1) else { return };
    let host = lab.host(1);
    let pid = || host.sh("pidof libvirtd").unwrap().trim().to_owned();
    let first = pid();
    host.kill(Process::Libvirtd, 9).unwrap();
    eventually(5, "another libvirtd", || {
        // Asked once: the killed one may go between two questions.
        host.sh("pidof libvirtd").is_ok_and(|now| now.trim() != first)
    });
    host.kill(Process::Libvirtd, 19).unwrap();
    let stopped = pid();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(pid(), stopped);
    host.sh("grep -q '^State:.T' /proc/$(pidof libvirtd)/status").unwrap();
    assert!(host.kill(Process::Havend, 9).is_err(), "what does not run cannot be killed");
}
