//! What a guard says of itself when it has seen what must never happen.

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

use haven_cluster::Invariant;
use haven_cluster::control::{HostSpec, IsolationResponse, StatefileSpec};
use haven_cluster::ids::HostId;
use haven_cluster::timing::{Profile, Timing};
use uuid::Uuid;

use super::*;

fn armed(root: &std::path::Path) -> Membership {
    let host = HostId(Uuid::from_u128(1));
    let addresses = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let path = root.join("statefile").display().to_string();
    let arm = ArmConfig {
        generation: Uuid::from_u128(2),
        host,
        keys: haven_cluster::keys::Keys::one("5a".repeat(32)),
        statefiles: vec![StatefileSpec { uuid: Uuid::from_u128(3), path }],
        hosts: vec![HostSpec { host, slot: 0, addresses }],
        timing: Timing::of(Profile::Fast),
        failures_to_tolerate: 1,
        isolation_addresses: Vec::new(),
        isolation_response: IsolationResponse::Fence,
        first_coordinator: host,
    };
    let boot =
        BootInfo { host, incarnation: Incarnation(1), now: now(), booted_at: now(), running: 0 };
    let (events, _ends) = crate::event::queue();
    Membership::start(arm, boot, &Config::load(root, None).unwrap(), 1, &events).unwrap()
}

/// Beside the watchdog that is fed no more: whoever reads the state knows why.
#[test]
fn a_broken_promise_is_among_the_alarms_until_the_end() {
    let root = tempfile::tempdir().unwrap();
    let mut membership = armed(root.path());
    let said = |membership: &Membership| {
        let mut state = GuardState::idle();
        membership.fill_state(&mut state);
        let broken = |alarm: &String| alarm.parse().ok().and_then(Alarm::promise);
        state.alarms.iter().filter_map(broken).collect::<Vec<_>>()
    };
    assert_eq!(said(&membership), []);
    membership.broken = Some(Invariant::PermitFence);
    assert_eq!(said(&membership), [Invariant::PermitFence]);
    membership.tick(&mut Vec::new());
    assert_eq!(said(&membership), [Invariant::PermitFence]);
}

/// A membership that holds a watchdog and may feed it, and the device's end.
fn watched(root: &std::path::Path) -> (Membership, std::fs::File) {
    let path = root.join("watchdog");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
    let device = std::fs::File::options().read(true).custom_flags(nonblock).open(&path).unwrap();
    let mut membership = armed(root);
    membership.watchdog = Some(Watchdog::open(&path, 5000, 2000).unwrap());
    (membership, device)
}

/// Feeds when it is time to: how many bytes arrive.
fn fed(membership: &mut Membership, device: &mut std::fs::File) -> usize {
    let mut bytes = Vec::new();
    // Open on the other side: it would block when drained.
    let _drained: std::io::Result<usize> = device.read_to_end(&mut bytes);
    bytes.clear();
    membership.feed_at_ns = 0;
    membership.feed();
    let _drained: std::io::Result<usize> = device.read_to_end(&mut bytes);
    bytes.len()
}

#[test]
fn a_receiver_that_hangs_stops_the_feeding() {
    let root = tempfile::tempdir().unwrap();
    let (mut membership, mut device) = watched(root.path());
    assert_eq!(fed(&mut membership, &mut device), 1);
    membership.networks.stall(0);
    let silent = |membership: &Membership| boottime_ns() - membership.networks.oldest_tick_ns();
    while silent(&membership) <= LOOP_DEADLINE_NS {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(fed(&mut membership, &mut device), 0);
    assert!(membership.machine.may_feed(now()), "nothing else holds it back");
}

#[test]
fn a_broken_promise_stops_the_feeding_and_is_told() {
    let root = tempfile::tempdir().unwrap();
    let (mut membership, mut device) = watched(root.path());
    let mut steps = Vec::new();
    membership.handle(Input::Timer, &mut steps);
    assert_eq!(fed(&mut membership, &mut device), 1, "nothing is broken yet");
    steps.clear();
    membership.condemn(Invariant::PermitFence.broken(String::new()), &mut steps);
    assert!(matches!(steps[..], [Step::StateChanged]), "{steps:?}");
    assert_eq!(fed(&mut membership, &mut device), 0);
    // What is right again later is no better.
    membership.handle(Input::Timer, &mut steps);
    membership.condemn(Invariant::ChainKnown.broken(String::new()), &mut steps);
    assert_eq!(membership.broken, Some(Invariant::PermitFence), "the first one is told of");
    assert_eq!(fed(&mut membership, &mut device), 0);
    assert!(membership.machine.may_feed(now()), "nothing else holds it back");
}

/// What an earlier version kept of an arming has one key without a number; and one key is written as it was.
#[test]
fn an_arming_of_an_earlier_version_is_read() {
    let root = tempfile::tempdir().unwrap();
    let membership = armed(root.path());
    let mut kept = serde_json::to_value(membership.config()).unwrap();
    assert_eq!(kept["key"], "5a".repeat(32));
    assert!(kept.get("other_key").is_none());
    kept.as_object_mut().unwrap().remove("key_number");
    assert_eq!(serde_json::from_value::<ArmConfig>(kept).unwrap(), *membership.config());
}
