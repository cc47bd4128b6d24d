//! One of Debian's own agents, `fence_ipmilan`, against a simulated management controller.
//!
//! Needs the packages fence-agents, ipmitool and openipmi, which `make test` and `make test-fencing`
//! install. Without them the test says so and passes, but not where `CI` is set, as `make test` does.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use haven_drivers::power::{AgentSettings, Agents, PowerSettings, PowerState, Secret};

/// A controller whose host's power is a file.
struct Controller {
    dir: tempfile::TempDir,
    process: Child,
    port: u16,
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const CHASSIS: &str = r#"#!/bin/sh
dir=$(dirname "$0")
case "$2 $3" in
  "get power") echo "power:$(cat $dir/power)";;
  "set power") [ -e $dir/stuck ] || echo $4 > $dir/power;;
esac
"#;

/// Whoever sets `CI` wants every test to have been run.
fn must_run() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

fn controller() -> Option<Controller> {
    let needed = ["/usr/sbin/fence_ipmilan", "/usr/bin/ipmitool", "/usr/bin/ipmi_sim"];
    if let Some(missing) = needed.into_iter().find(|path| !Path::new(path).exists()) {
        let text = format!("{missing} is not installed; `make test-fencing` installs it");
        assert!(!must_run(), "{text}");
        eprintln!("SKIPPED: {text}");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let write = |name: &str, text: &str| fs::write(at(name), text).unwrap();
    // Free a moment ago: nobody else is likely to take it now.
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    write("power", "1\n");
    write("chassis", CHASSIS);
    fs::set_permissions(at("chassis"), fs::Permissions::from_mode(0o755)).unwrap();
    write(
        "lan.conf",
        &format!(
            "name \"bmc\"\nset_working_mc 0x20\nstartlan 1\n addr 127.0.0.1 {port}\n \
             priv_limit admin\n allowed_auths_admin md5\n \
             guid a123456789abcdefa123456789abcdef\nendlan\n\
             user 2 true \"haven\" \"hunter2\" admin 10\nchassis_control \"{} 0x20\"\n",
            at("chassis").display()
        ),
    );
    write(
        "commands",
        "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n",
    );
    fs::create_dir(at("state")).unwrap();
    let process = Command::new("ipmi_sim")
        .args(["-n", "-c"])
        .arg(at("lan.conf"))
        .arg("-f")
        .arg(at("commands"))
        .arg("-s")
        .arg(at("state"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    Some(Controller { dir, process, port })
}

impl Controller {
    fn settings(&self, password: &str) -> PowerSettings {
        let port = self.port.to_string();
        let told = [
            ("ip", "127.0.0.1"),
            ("ipport", port.as_str()),
            ("lanplus", "1"),
            ("cipher", "3"),
            ("username", "haven"),
            ("power_timeout", "4"),
        ];
        let agent = AgentSettings {
            agent: "fence_ipmilan".to_owned(),
            level: 1,
            parameters: told.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            secrets: BTreeMap::from([("password".to_owned(), Secret::new(password))]),
        };
        PowerSettings { agents: vec![agent] }
    }

    fn power(&self) -> String {
        fs::read_to_string(self.dir.path().join("power")).unwrap().trim().to_owned()
    }
}

#[test]
fn ipmi_switches_a_host_off_and_on_and_its_word_is_checked() {
    let Some(controller) = controller() else { return };
    let agents =
        Agents::new(vec![PathBuf::from("/usr/sbin")], haven_drivers::power::Limits::default());
    let host = controller.settings("hunter2");
    agents.check(&host).unwrap();
    let began = Instant::now();
    while agents.status(&host) != Ok(PowerState::On) {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", agents.status(&host));
    }
    assert!(agents.off(&host).unwrap().was_on);
    assert_eq!(controller.power(), "0");
    assert_eq!(agents.status(&host), Ok(PowerState::Off));
    agents.on(&host).unwrap();
    assert_eq!(controller.power(), "1");
    // A relay that sticks: the controller takes the order, the host stays on.
    fs::write(controller.dir.path().join("stuck"), "").unwrap();
    let error = agents.off(&host).unwrap_err();
    assert_eq!(controller.power(), "1", "{error}");
    let error = agents.status(&controller.settings("wrong")).unwrap_err().to_string();
    assert!(!error.contains("wrong"), "{error}");
}

/// What every agent of the distribution says of itself can be read, and those that only cut a host
/// off from storage or network are told from power switches.
#[test]
fn all_installed_agents_are_understood() {
    let agents = Agents::default();
    for name in agents.installed() {
        match agents.describe(&name) {
            Ok(metadata) => {
                let fabric = ["scsi", "mpath", "brocade", "sanbox2", "ifmib", "kdump", "compute"];
                let fabric = fabric.iter().any(|kind| name == format!("fence_{kind}"));
                assert!(!(fabric && metadata.switches_power), "{name}");
                assert!(name != "fence_ipmilan" || metadata.switches_power);
            }
            Err(error) => eprintln!("{error}"),
        }
    }
}
