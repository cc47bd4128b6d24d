//! Agents that obey, lie, hang and fail; and one of Debian's.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;

/// An agent whose power is a file, and whose manners depend on `mood`. It keeps what it was told
/// and how it was called.
const AGENT: &str = r#"#!/bin/sh
here=$(dirname "$0")
if [ "$2" = metadata ]; then cat "$here/metadata.xml"; exit 0; fi
echo "$0 $*" >> "$here/argv"
env >> "$here/env"
while IFS= read -r line; do echo "$line" >> "$here/stdin"; case $line in
  action=*) action=${line#action=};; mood=*) mood=${line#mood=};; plug=*) plug=${line#plug=};;
  password=*) password=${line#password=};; esac; done
state=$here/power-$plug
case $mood in
  hang) sleep 60;;
  fail) echo "login with $password refused" >&2; exit 1;;
  deaf) [ $action = off ] && sleep 60;;
  late) [ $action = off ] && { (sleep 0.3; echo off > $state) > /dev/null 2>&1 & exit 0; };;
  lie) [ $action = off ] && { echo "Success: Powered OFF"; exit 0; };;
  wrong) [ $action = off ] && { echo off > $state; echo "lost the session" >&2; exit 1; };;
esac
case $action in
  status) [ "$(cat $state)" = off ] && exit 2; exit 0;;
  off) [ "$(cat $state)" = off ] && echo "Success: Already OFF"; echo off > $state;;
  on) echo on > $state;;
esac
"#;

const METADATA: &str = r#"<?xml version="1.0" ?>
<resource-agent name="fence_fake" shortdesc="A fake">
<parameters>
  <parameter name="action" required="1"><content type="string" default="reboot"/></parameter>
  <parameter name="mood" required="0"><content type="select" default="good">
    <option value="good"/><option value="lie"/><option value="hang"/><option value="fail"/>
    <option value="deaf"/><option value="late"/><option value="wrong"/></content></parameter>
  <parameter name="plug" required="1" obsoletes="port"><content type="string"/></parameter>
  <parameter name="port" required="1" deprecated="1"><content type="string"/></parameter>
  <parameter name="password" required="0"><content type="string"/></parameter>
  <parameter name="delay" required="0"><content type="second" default="0"/></parameter>
  <parameter name="lanplus" required="0"><content type="boolean"/></parameter>
  <parameter name="missing_as_off" required="0"><content type="boolean"/></parameter>
  <parameter name="ipmitool_path" required="0"><content type="string"/></parameter>
</parameters>
<actions><action name="on" automatic="0"/><action name="off"/><action name="reboot"/>
<action name="status"/><action name="metadata"/></actions>
</resource-agent>"#;

fn device() -> (tempfile::TempDir, Agents) {
    let dir = tempfile::tempdir().unwrap();
    install(dir.path(), "fence_fake");
    fs::write(dir.path().join("metadata.xml"), METADATA).unwrap();
    for plug in ["1", "2"] {
        fs::write(dir.path().join(format!("power-{plug}")), "on\n").unwrap();
    }
    let limits = Limits {
        switch: Duration::from_secs(3),
        status: Duration::from_secs(3),
        verify: Duration::from_secs(1),
        pause: Duration::from_millis(20),
        ..Limits::default()
    };
    let agents = Agents::new(vec![dir.path().to_owned()], limits);
    (dir, agents)
}

fn install(dir: &Path, name: &str) {
    let path = dir.join(name);
    fs::write(&path, AGENT).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn agent(level: u8, plug: &str, mood: &str) -> AgentSettings {
    let words = [("plug", plug), ("mood", mood)];
    AgentSettings {
        agent: "fence_fake".to_owned(),
        level,
        parameters: words.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        secrets: BTreeMap::from([("password".to_owned(), Secret::new("hunter2"))]),
    }
}

fn settings(agents: impl IntoIterator<Item = AgentSettings>) -> PowerSettings {
    PowerSettings { agents: agents.into_iter().collect() }
}

#[test]
fn an_obedient_device_is_switched_and_says_so() {
    let (_dir, agents) = device();
    let host = settings([agent(1, "1", "good")]);
    agents.check(&host).unwrap();
    assert_eq!(agents.status(&host), Ok(PowerState::On));
    assert!(agents.off(&host).unwrap().was_on);
    assert_eq!(agents.status(&host), Ok(PowerState::Off));
    assert!(!agents.off(&host).unwrap().was_on, "it was off already");
    agents.on(&host).unwrap();
    assert_eq!(agents.status(&host), Ok(PowerState::On));
}

#[test]
fn a_device_that_says_off_but_is_on_proves_nothing() {
    let (_dir, agents) = device();
    let error = agents.off(&settings([agent(1, "1", "lie")])).unwrap_err();
    let expected =
        |e: &PowerError| matches!(e, PowerError::NotSwitched { seen: PowerState::On, .. });
    assert!(expected(&error), "{error}");
}

#[test]
fn what_counts_is_the_status_not_the_word() {
    let (_dir, agents) = device();
    let wrong = agents.off(&settings([agent(1, "1", "wrong")])).unwrap();
    assert!(wrong.was_on, "it failed, but the host is off");
    assert!(agents.off(&settings([agent(1, "2", "late")])).is_ok(), "a device takes its time");
}

#[test]
fn an_agent_that_hangs_or_fails_is_given_up_and_the_next_one_tried() {
    let (_dir, agents) = device();
    for mood in ["hang", "deaf", "fail"] {
        let began = Instant::now();
        let error = agents.off(&settings([agent(1, "1", mood)])).unwrap_err();
        assert!(matches!(error, PowerError::Failed { .. }), "{mood}: {error}");
        assert!(began.elapsed() < Duration::from_secs(30), "{mood}");
        let both = settings([agent(1, "1", mood), agent(2, "2", "good")]);
        assert_eq!(agents.off(&both).unwrap().agents.len(), 1, "{mood}");
        agents.on(&settings([agent(1, "2", "good")])).unwrap();
    }
    let both = settings([agent(1, "1", "fail"), agent(2, "2", "lie")]);
    assert!(matches!(agents.off(&both), Err(PowerError::All(errors)) if errors.len() == 2));
}

#[test]
fn a_host_with_two_supplies_is_off_when_both_are() {
    let (dir, agents) = device();
    let one_lies = settings([agent(1, "1", "good"), agent(1, "2", "lie")]);
    assert!(agents.off(&one_lies).is_err());
    assert_eq!(fs::read_to_string(dir.path().join("power-1")).unwrap(), "off\n");
    assert_eq!(agents.status(&one_lies), Ok(PowerState::On), "one still feeds it");
    let both = settings([agent(1, "1", "good"), agent(1, "2", "good")]);
    assert_eq!(agents.off(&both).unwrap().agents.len(), 2);
}

#[test]
fn nothing_set_up_is_an_error() {
    let (_dir, agents) = device();
    assert_eq!(agents.off(&PowerSettings::default()), Err(PowerError::NotSetUp));
}

#[test]
fn secrets_go_by_stdin_alone() {
    let (dir, agents) = device();
    let host = settings([agent(1, "1", "fail")]);
    let error = agents.off(&host).unwrap_err().to_string();
    assert!(error.contains("login with *** refused"), "{error}");
    assert!(!format!("{host:?}{error}").contains("hunter2"));
    let kept = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(kept("stdin").contains("password=hunter2\n"));
    assert!(!kept("argv").contains("hunter2") && !kept("env").contains("hunter2"));
    assert!(!kept("env").contains("CARGO"), "the environment of the daemon is not handed on");
}

#[test]
fn metadata_decides_what_may_be_said() {
    let (_dir, agents) = device();
    let metadata = agents.describe("fence_fake").unwrap();
    assert!(metadata.switches_power && metadata.parameter("password").unwrap().secret);
    assert!(metadata.parameter("missing_as_off").is_none(), "{metadata:?}");
    let with = |name: &str, value: &str| {
        let mut one = agent(1, "1", "good");
        one.parameters.insert(name.to_owned(), value.to_owned());
        agents.check(&settings([one])).map_err(|error| error.to_string())
    };
    assert!(with("delay", "5").is_ok());
    assert!(with("delay", "soon").unwrap_err().contains("number of seconds"));
    assert!(with("lanplus", "perhaps").unwrap_err().contains("yes or no"));
    assert!(with("mood", "sad").unwrap_err().contains("one of good, lie"));
    assert!(with("colour", "red").unwrap_err().contains("no such parameter, but mood, plug"));
    assert!(with("action", "on").unwrap_err().contains("says itself"));
    assert!(with("missing_as_off", "1").unwrap_err().contains("second time"));
    assert!(with("ipmitool_path", "/opt/x").unwrap_err().contains("as root"));
    assert!(with("plug", "1\naction=on").unwrap_err().contains("one line"));
    let mut bare = agent(1, "1", "good");
    bare.parameters.remove("plug");
    assert!(agents.check(&settings([bare.clone()])).unwrap_err().to_string().contains("plug"));
    bare.parameters.insert("port".to_owned(), "1".to_owned());
    agents.check(&settings([bare])).unwrap();
}

#[test]
fn what_is_no_power_switch_is_refused() {
    let (dir, agents) = device();
    for name in ["fence_../sh", "sh", "fence_Fake", "fence_x y"] {
        let one = AgentSettings { agent: name.to_owned(), ..agent(1, "1", "good") };
        assert!(matches!(agents.check(&settings([one])), Err(PowerError::Agent { .. })), "{name}");
    }
    let missing = AgentSettings { agent: "fence_none".to_owned(), ..agent(1, "1", "good") };
    let error = agents.check(&settings([missing])).unwrap_err().to_string();
    assert!(error.contains("install the package"), "{error}");
    let fabric = METADATA.replace(r#"name="on" automatic="0""#, r#"name="on" automatic="1""#);
    fs::write(dir.path().join("metadata.xml"), fabric).unwrap();
    install(dir.path(), "fence_fabric");
    let one = AgentSettings { agent: "fence_fabric".to_owned(), ..agent(1, "1", "good") };
    let error = agents.check(&settings([one])).unwrap_err().to_string();
    assert!(error.contains("may still run its VMs"), "{error}");
    assert_eq!(agents.installed(), ["fence_fabric", "fence_fake"]);
}
