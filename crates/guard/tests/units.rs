//! The packaged units: guests live on when a daemon restarts, the guard is not stopped by the way,
//! and what it stops is what the units put into its gate.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the helpers of a test are tests, too"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Says that a test is left out, and why; whoever sets `CI` wants every test to have been run.
fn skip(why: &str) {
    let must_run = std::env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"));
    assert!(!must_run, "{why}");
    println!("SKIPPED: {why}");
}

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging")
}

/// `key=value` lines of a unit; several of one key in order.
fn unit(name: &str) -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(packaging().join("systemd").join(name)).unwrap();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let lines = text.lines().filter(|line| !line.starts_with(['#', '[']));
    for (key, value) in lines.filter_map(|line| line.split_once('=')) {
        found.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    found
}

fn says(unit: &BTreeMap<String, Vec<String>>, key: &str, value: &str) -> bool {
    unit.get(key).is_some_and(|values| values == &[value])
}

const UNITS: [&str; 2] = ["havend.service", "haven-guard.service"];
const GATED: [&str; 3] = ["libvirtd", "virtlogd", "virtqemud"];

/// Whatever systemd does to one service, it does not pull another one with it.
#[test]
fn no_unit_is_stopped_with_another_one() {
    for name in UNITS {
        let unit = unit(name);
        for key in ["BindsTo", "PartOf", "Requires", "Requisite", "Conflicts", "StopPropagatedFrom"]
        {
            assert!(!unit.contains_key(key), "{name} has {key}");
        }
    }
    for name in GATED {
        let drop_in = unit(&format!("{name}.service.d/haven.conf"));
        assert_eq!(drop_in.keys().collect::<Vec<_>>(), ["Slice"], "{name}");
    }
}

/// Stopping or restarting a daemon kills that process alone: guests and helpers are others.
#[test]
fn guests_survive_the_restart_of_a_daemon() {
    for name in UNITS {
        let unit = unit(name);
        assert!(says(&unit, "KillMode", "process"), "{name}");
        assert!(says(&unit, "Restart", "always"), "{name}");
        assert!(says(&unit, "StartLimitIntervalSec", "0"), "{name} may be given up");
    }
    assert!(says(&unit("haven-guard.service"), "RefuseManualStop", "yes"));
    assert!(says(&unit("havend.service"), "Type", "notify"));
    assert!(unit("havend.service").contains_key("WatchdogSec"), "a hung one is not noticed");
}

/// The guard is outside of what it stops, and that is where the units put everything else.
#[test]
fn the_gate_is_what_the_guard_stops() {
    assert!(says(&unit("havend.service"), "Slice", "haven-gate.slice"));
    for name in GATED {
        assert!(says(&unit(&format!("{name}.service.d/haven.conf")), "Slice", "haven-gate.slice"));
    }
    assert!(says(&unit("haven-guard.service"), "Slice", "haven.slice"));
    let text = fs::read_to_string(packaging().join("etc/guard.toml")).unwrap();
    let settings: toml::Table = text.parse().unwrap();
    let groups = |key: &str| -> Vec<String> {
        let listed = settings[key].as_array().unwrap();
        listed.iter().map(|group| group.as_str().unwrap().to_owned()).collect()
    };
    // systemd's path of haven-gate.slice, and where machines are.
    assert_eq!(groups("gate_cgroups"), ["/sys/fs/cgroup/haven.slice/haven-gate.slice"]);
    assert_eq!(groups("vm_cgroups"), ["/sys/fs/cgroup/machine.slice"]);
}

/// A reset that hangs on its way down is what the watchdog is for: it must not be stopped before.
#[test]
fn the_watchdog_goes_on_while_the_host_restarts() {
    let text = fs::read_to_string(packaging().join("modprobe.d/haven.conf")).unwrap();
    assert!(text.lines().any(|line| line == "options watchdog stop_on_reboot=0"), "{text}");
    let make = fs::read_to_string(packaging().join("../Makefile")).unwrap();
    assert!(make.contains("packaging/modprobe.d/haven.conf $(DESTDIR)/etc/modprobe.d"), "{make}");
}

/// What systemd itself thinks of them, where it is installed.
#[test]
fn systemd_finds_nothing_wrong() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skip("no systemd-analyze here");
    }
    let root = tempfile::tempdir().unwrap();
    let (units, programs) = (root.path().join("etc/systemd/system"), root.path().join("usr/sbin"));
    for dir in [&units, &programs, &root.path().join("usr/lib/systemd/system")] {
        fs::create_dir_all(dir).unwrap();
    }
    for name in ["haven.slice", "haven-gate.slice"].into_iter().chain(UNITS) {
        fs::copy(packaging().join("systemd").join(name), units.join(name)).unwrap();
    }
    for name in ["havend", "haven-guard"] {
        fs::copy("/bin/true", programs.join(name)).unwrap();
    }
    let own = Path::new("/usr/lib/systemd/system");
    for entry in fs::read_dir(own).unwrap().flatten() {
        let name = entry.file_name();
        let kind = Path::new(&name).extension().and_then(|end| end.to_str()).map(str::to_owned);
        if matches!(kind.as_deref(), Some("target" | "slice" | "mount" | "socket")) {
            fs::copy(entry.path(), root.path().join("usr/lib/systemd/system").join(name)).unwrap();
        }
    }
    let mut analyze = Command::new("systemd-analyze");
    analyze.arg(format!("--root={}", root.path().display())).arg("verify").args(UNITS);
    let output = analyze.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("unrecognized option") || said.contains("not supported") {
        return skip("this systemd-analyze is too old");
    }
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("haven")).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}
