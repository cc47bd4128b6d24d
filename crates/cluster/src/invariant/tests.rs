//! What the predicates take for broken, and what they must not.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::*;
use crate::ids::{EpochNumber, HostId, Incarnation, Life};
use crate::timing::{Profile, Timing};

fn life(host: u128) -> Life {
    Life { host: HostId(Uuid::from_u128(host)), incarnation: Incarnation(3) }
}

fn record(number: u64) -> EpochView {
    EpochView {
        generation: Uuid::from_u128(9),
        number: EpochNumber(number),
        members: vec![life(1), life(2)],
        coordinator: life(1),
        q: 2,
        area_live: 0,
        area_owner: Some(life(1)),
        area_next: None,
        armed: true,
        places: Some(3),
        timing: Some(Timing::of(Profile::Fast)),
        tolerate: Some(1),
    }
}

fn id(result: Result<(), Violation>) -> Option<&'static str> {
    result.err().map(|violation| violation.invariant.id())
}

#[test]
fn every_promise_has_a_name_of_its_own_that_is_read_back() {
    let ids: BTreeSet<_> = Invariant::ALL.iter().map(|promise| promise.id()).collect();
    let meanings: BTreeSet<_> = Invariant::ALL.iter().map(|promise| promise.meaning()).collect();
    assert_eq!((ids.len(), meanings.len()), (Invariant::ALL.len(), Invariant::ALL.len()));
    for promise in Invariant::ALL {
        assert_eq!(promise.id().parse(), Ok(promise));
        // A name is one word of a sentence.
        assert!(!promise.id().contains([' ', '.', '{']), "{promise}");
    }
    assert_eq!("S3".parse::<Invariant>(), Err(UnknownInvariant));
}

#[test]
fn a_machine_that_runs_on_two_hosts_is_seen() {
    assert_eq!(id(runs_once("web", Vec::<u8>::new())), None);
    assert_eq!(id(runs_once("web", [1])), None);
    assert_eq!(id(runs_once("web", [1, 1])), None, "it is one host");
    assert_eq!(id(runs_once("web", [1, 1, 2])), Some("S1"));
    let text = runs_once("web", [1, 2]).unwrap_err().to_string();
    assert_eq!(text, "invariant S1 is broken: VM web runs on 1 and on 2 at once");
}

#[test]
fn two_who_act_are_seen_and_one_who_is_fenced_twice() {
    assert_eq!(id(one_acts([4])), None);
    assert_eq!(id(one_acts([4, 5])), Some("S2"));
    assert_eq!(id(fenced_once([4, 5])), None);
    assert_eq!(id(fenced_once([4, 5, 4])), Some("I7"));
}

#[test]
fn a_record_that_differs_in_anything_is_another_one() {
    let changes: [fn(&mut EpochView); 8] = [
        |record| record.members = vec![life(2)],
        |record| record.coordinator = life(2),
        |record| record.q = 1,
        |record| record.area_live = 1,
        |record| record.area_owner = Some(life(2)),
        |record| record.area_next = Some(1),
        |record| record.armed = false,
        |record| record.places = Some(1),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut other = record(7);
        change(&mut other);
        assert_eq!(id(same_record(&record(7), &other)), Some("fork"), "change {number}");
        other.number = EpochNumber(8);
        assert_eq!(id(same_record(&record(7), &other)), None, "another number, change {number}");
        other.number = EpochNumber(7);
        other.generation = Uuid::nil();
        assert_eq!(id(same_record(&record(7), &other)), None, "another arming, change {number}");
    }
}

#[test]
fn what_a_host_does_not_know_is_no_fork_and_what_it_says_later_counts() {
    let (timing, tolerate) = (None, None);
    let unknown = EpochView { area_owner: None, places: None, timing, tolerate, ..record(7) };
    let mut chain = Chain::keeping(8);
    assert_eq!(id(chain.note(&unknown)), None);
    assert_eq!(id(chain.note(&record(7))), None);
    assert_eq!(id(chain.note(&unknown)), None);
    let other = EpochView { area_owner: Some(life(2)), ..record(7) };
    assert_eq!(id(chain.note(&other)), Some("fork"), "the first one did not say who");
    let timing = Some(Timing::of(Profile::Default));
    for other in [
        EpochView { places: Some(1), ..record(7) },
        EpochView { timing, ..record(7) },
        EpochView { tolerate: Some(2), ..record(7) },
    ] {
        assert_eq!(id(chain.note(&other)), Some("fork"));
    }
}

#[test]
fn a_chain_keeps_the_newest_and_begins_anew_with_another_arming() {
    let other = |number| EpochView { q: 1, ..record(number) };
    let mut chain = Chain::keeping(2);
    for number in 1..=3 {
        assert_eq!(id(chain.note(&record(number))), None);
    }
    assert_eq!((chain.newest(), id(chain.note(&other(1)))), (3, None), "the first is forgotten");
    assert_eq!(id(chain.note(&other(2))), Some("fork"));
    assert_eq!(id(chain.note(&other(3))), Some("fork"));
    let anew = EpochView { generation: Uuid::nil(), ..other(1) };
    assert_eq!(id(chain.note(&anew)), None);
    assert_eq!(chain.newest(), 1);
}
