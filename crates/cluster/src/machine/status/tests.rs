use uuid::Uuid;

use super::*;
use crate::api::BootInfo;
use crate::control::{ArmConfig, HostSpec, IsolationResponse, StatefileSpec};
use crate::keys::Keys;
use crate::record::OPEN_MAX;
use crate::statefile::format::genesis;
use crate::timing::{Profile, Timing};

fn config() -> ArmConfig {
    let host = |n: u16| HostSpec {
        host: HostId(Uuid::from_u128(u128::from(n) + 1)),
        slot: n,
        addresses: Vec::new(),
    };
    ArmConfig {
        generation: Uuid::from_u128(7),
        host: HostId(Uuid::from_u128(1)),
        keys: Keys::one("5a".repeat(32)),
        statefiles: vec![StatefileSpec { uuid: Uuid::from_u128(100), path: "/statefile".into() }],
        hosts: (0..3).map(host).collect(),
        timing: Timing::of(Profile::Fast),
        failures_to_tolerate: 1,
        isolation_addresses: Vec::new(),
        isolation_response: IsolationResponse::Fence,
        first_coordinator: HostId(Uuid::from_u128(1)),
    }
}

/// What the guard of host 1 complains of when it knows this record.
fn alarms(change: impl FnOnce(&mut Record)) -> Vec<Alarm> {
    let config = config();
    let mut record = genesis(&config);
    change(&mut record);
    let boot = BootInfo {
        host: config.host,
        incarnation: Incarnation(4),
        now: Instant(1),
        booted_at: Instant(0),
        running: 0,
    };
    let mut machine = Machine::new(boot, config, 1).unwrap();
    machine.decided = Some(record);
    let mut state = GuardState::idle();
    machine.fill_state(Instant(1), &mut state);
    state.alarms.iter().map(|sentence| sentence.parse().unwrap()).collect()
}

#[test]
fn a_record_that_is_as_it_should_be_is_no_reason_for_an_alarm() {
    assert_eq!(alarms(|_| ()), []);
}

#[test]
fn as_many_open_epochs_as_there_may_be_are_an_alarm() {
    let open = |many: usize| move |record: &mut Record| record.open = vec![record.as_open(); many];
    assert_eq!(alarms(open(OPEN_MAX - 1)), []);
    assert_eq!(alarms(open(OPEN_MAX)), [Alarm::TooManyEpochs]);
}

#[test]
fn a_member_in_the_place_of_another_host_is_an_alarm() {
    let foreign = |record: &mut Record| record.members[2].host = HostId(Uuid::from_u128(99));
    assert_eq!(alarms(foreign), [Alarm::WrongSlot(2)]);
    // A place that the configuration does not have is a host that was removed a moment ago.
    let removed = |record: &mut Record| record.members[2].seat.slot = 9;
    assert_eq!(alarms(removed), []);
}
