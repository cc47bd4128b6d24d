//! What a guard says of itself when it has seen what must never happen.

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
