use haven_cluster::control::{ArmConfig, IsolationResponse};
use haven_cluster::timing::{Profile, Timing};
use uuid::Uuid;

use super::*;
use crate::testing::coordinator;

fn host(number: u128) -> HostId {
    HostId(Uuid::from_u128(number))
}

fn arming() -> Arming<&'static str> {
    Arming::new(vec![host(2), host(3)])
}

fn told(second: Told<&'static str>, third: Told<&'static str>) -> Answer<&'static str> {
    Answer::Told(vec![(host(2), second), (host(3), third)])
}

const DONE: Answer<&str> = Answer::Done(Ok(()));

/// An arming of which everything went well until this step.
fn until(step: &Step) -> Arming<&'static str> {
    let mut arming = arming();
    while arming.step() != step {
        let answer = match arming.step() {
            Step::Check => Answer::Checked(Vec::new()),
            Step::ArmOthers(_) => told(Told::Done, Told::Done),
            Step::End(end) => panic!("{end:?}"),
            _ => DONE,
        };
        arming.answer(answer, false);
    }
    arming
}

#[test]
fn the_own_guard_comes_last_and_is_noted_first() {
    let mut steps = Vec::new();
    let mut arming = arming();
    while !matches!(arming.step(), Step::End(_)) {
        steps.push(arming.step().clone());
        let answer = match arming.step() {
            Step::Check => Answer::Checked(Vec::new()),
            Step::ArmOthers(_) => told(Told::Done, Told::Done),
            _ => DONE,
        };
        arming.answer(answer, false);
    }
    let others = Step::ArmOthers(vec![host(2), host(3)]);
    let expected =
        [Step::Check, Step::Prepare, Step::Note, others, Step::ArmSelf, Step::Form, Step::Record];
    assert_eq!(steps, expected);
    assert_eq!(arming.step(), &Step::End(End::Armed));
    assert_eq!(arming.why(), None);
}

#[test]
fn a_host_that_is_off_is_named_before_those_that_do_not_see_it() {
    let mut arming = arming();
    let unfit = vec![Unfit::Lacks("host2 is not seen"), Unfit::Silent("host3 is off")];
    assert_eq!(arming.answer(Answer::Checked(unfit), false), Step::End(End::Refused));
    assert_eq!(arming.why(), Some("host3 is off"));
}

#[test]
fn before_anybody_was_told_nothing_is_taken_back() {
    let mut arming = until(&Step::Prepare);
    let failed = Answer::Done(Err("no room"));
    assert_eq!(arming.answer(failed, false), Step::End(End::Refused));
}

#[test]
fn who_refused_is_not_disarmed_and_who_is_in_doubt_is() {
    let others = Step::ArmOthers(vec![host(2), host(3)]);
    let mut arming = until(&others);
    let next = arming.answer(told(Told::Refused("no watchdog"), Told::Unknown("cut off")), false);
    assert_eq!(next, Step::LeaveOthers(vec![host(3)]));
    assert_eq!(arming.answer(Answer::Told(vec![(host(3), Told::Done)]), false), Step::LeaveSelf);
    assert_eq!(arming.answer(DONE, false), Step::End(End::TakenBack));
    assert_eq!(arming.why(), Some("no watchdog"), "what went wrong first");
}

#[test]
fn what_was_founded_is_ended_by_a_decided_epoch() {
    for step in [Step::ArmSelf, Step::Form, Step::Record] {
        let mut arming = until(&step);
        assert_eq!(arming.answer(Answer::Done(Err("late")), true), Step::Act);
        assert_eq!(arming.answer(DONE, true), Step::Disarm);
        assert_eq!(arming.answer(DONE, true), Step::End(End::TakenBack));
    }
    // Also when it was founded while the guards were asked to leave.
    let mut arming = until(&Step::ArmSelf);
    let everybody = Step::LeaveOthers(vec![host(2), host(3)]);
    assert_eq!(arming.answer(Answer::Done(Err("refused")), false), everybody);
    assert_eq!(arming.answer(told(Told::Done, Told::Unknown("cut off")), true), Step::Act);
    assert_eq!(arming.answer(Answer::Done(Err("no permit")), true), Step::End(End::Halved));
}

#[test]
fn a_host_that_cannot_be_asked_to_leave_keeps_its_arming_from_being_taken_back() {
    let mut arming = until(&Step::Form);
    arming.answer(Answer::Done(Err("late")), false);
    let next = arming.answer(told(Told::Done, Told::Unknown("off")), false);
    assert_eq!(next, Step::End(End::Halved));
}

fn config() -> ArmConfig {
    ArmConfig {
        generation: Uuid::nil(),
        host: host(1),
        keys: haven_cluster::keys::Keys::one(String::new()),
        statefiles: Vec::new(),
        hosts: Vec::new(),
        timing: Timing::of(Profile::Fast),
        failures_to_tolerate: 1,
        isolation_addresses: Vec::new(),
        isolation_response: IsolationResponse::Fence,
        first_coordinator: host(1),
    }
}

fn joining(number: u64) -> GuardState {
    let mut state = coordinator(0);
    state.phase = GuardPhase::Joining("others".to_owned());
    state.epoch.as_mut().unwrap().number = EpochNumber(number);
    state
}

#[test]
fn only_who_began_goes_on_and_only_before_an_epoch() {
    let config = config();
    let look = |state: Option<&GuardState>, me| {
        let mut looks = Looks::default();
        (0..3).map(|_| looks.half_armed(state, (&config, me), false, true)).last()
    };
    assert_eq!(look(Some(&joining(0)), host(1)), Some(Half::ArmOthers));
    assert_eq!(look(Some(&joining(1)), host(1)), Some(Half::Whole));
    assert_eq!(look(Some(&joining(0)), host(2)), Some(Half::Whole));
    assert_eq!(look(Some(&GuardState::idle()), host(1)), Some(Half::Whole));
    assert_eq!(look(None, host(1)), Some(Half::Whole));
    let mut looks = Looks::default();
    assert_eq!(
        looks.half_armed(Some(&joining(0)), (&config, host(1)), false, true),
        Half::Whole,
        "they may only be slow"
    );
}

#[test]
fn a_pool_that_acts_and_was_never_recorded_is_disarmed() {
    let (config, state) = (config(), coordinator(1));
    let mut looks = Looks::default();
    let mut look =
        |acts, recorded| looks.half_armed(Some(&state), (&config, host(1)), acts, recorded);
    assert_eq!(look(true, false), Half::Disarm);
    assert_eq!(look(true, true), Half::Whole);
    assert_eq!(look(false, false), Half::Whole);
}
