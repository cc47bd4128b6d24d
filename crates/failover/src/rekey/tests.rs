use std::collections::BTreeMap;

use haven_cluster::control::PROTOCOL;
use haven_cluster::keys::{NumberedKey, Secret};
use uuid::Uuid;

use super::*;

fn host(n: u128) -> HostId {
    HostId(Uuid::from_u128(n))
}
fn key(byte: u8) -> NumberedKey {
    NumberedKey { number: u64::from(byte), secret: Secret::of([byte; 32]) }
}
fn keys(sends: u8, also: Option<u8>) -> Keys {
    let key = |byte| key(byte);
    let NumberedKey { number, secret } = key(sends);
    Keys { key: secret, key_number: number, other_key: also.map(key) }
}
fn holder(n: u128, member: bool, keys: Option<&Keys>) -> Holder {
    let holds = |keys: &Keys| Holds { protocol: PROTOCOL, keys: keys.view() };
    Holder { host: host(n), member, said: keys.map(holds) }
}
fn pool(held: &BTreeMap<u128, Keys>, me: u128) -> Vec<Holder> {
    let others = held.iter().filter(|(n, _)| **n != me);
    others.map(|(n, keys)| holder(*n, true, Some(keys))).collect()
}
fn id(byte: u8) -> u64 {
    key(byte).name().unwrap().id
}

/// Any two members understand each other: each accepts what the other sends with.
fn understood(held: &BTreeMap<u128, Keys>) -> bool {
    let views = || held.values().map(|keys| keys.view().unwrap());
    views().all(|one| views().all(|other| other.holds(one.sends.id)))
}

/// From wherever a change stopped, each host that may have become coordinator then leads the pool to one
/// key, whatever the order in which hosts hear of their steps, and nobody is misunderstood on the way.
#[test]
fn whoever_coordinates_next_leads_the_change_to_its_end() {
    let mut seen = 0;
    for stop in 0..12 {
        for next in 1..=3 {
            for order in 0..3 {
                let mut held: BTreeMap<u128, Keys> = (1..=3).map(|n| (n, keys(1, None))).collect();
                held.insert(1, keys(1, Some(2)));
                lead(&mut held, 1, order, stop);
                let new = held[&next].view().unwrap().holds(id(2));
                let left = lead(&mut held, next, 2 - order, 100);
                assert!(left > 0, "it ends");
                let last = keys(if new { 2 } else { 1 }, None);
                assert!(held.values().all(|keys| *keys == last), "{held:?}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 108);
}

/// Carries out what a coordinator is advised, `steps` single steps at most; how many are left.
fn lead(held: &mut BTreeMap<u128, Keys>, me: u128, turn: usize, mut steps: usize) -> usize {
    loop {
        let own = held[&me].clone();
        let told = match advise(host(me), &own, &pool(held, me)) {
            Advice::Tell(_, mut told) => {
                let by = turn % told.len();
                told.rotate_left(by);
                told
            }
            Advice::Settled => return steps,
            other => panic!("{other:?}"),
        };
        for (to, step) in told {
            if steps == 0 {
                return 0;
            }
            steps -= 1;
            let keys = held.get_mut(&to.0.as_u128()).unwrap();
            *keys = keys.after(&step).unwrap();
            assert!(understood(held), "{held:?} after {step:?}");
        }
    }
}

#[test]
fn nobody_sends_with_a_key_before_all_members_accept_it() {
    let (mine, one) = (keys(1, Some(2)), keys(1, None));
    let others = [holder(2, true, Some(&mine)), holder(3, true, None)];
    assert_eq!(advise(host(1), &mine, &others), Advice::Wait(Stage::Accept, vec![host(3)]));
    let others = [holder(2, true, Some(&mine)), holder(3, true, Some(&one))];
    let accept = Advice::Tell(Stage::Accept, vec![(host(3), KeyStep::Accept(key(2)))]);
    assert_eq!(advise(host(1), &mine, &others), accept);
    let turned = keys(2, Some(1));
    let others = [holder(2, true, Some(&turned)), holder(3, true, None)];
    assert_eq!(advise(host(1), &turned, &others), Advice::Wait(Stage::Send, vec![host(3)]));
}

/// A host that was off holds the old key; a member is never told all at once.
#[test]
fn a_host_that_is_no_member_gets_what_the_coordinator_holds() {
    let (mine, old) = (keys(2, None), keys(1, None));
    let others = [holder(2, true, Some(&mine)), holder(3, false, Some(&old))];
    let take = Advice::Tell(Stage::Outside, vec![(host(3), KeyStep::Take(mine.clone()))]);
    assert_eq!(advise(host(1), &mine, &others), take);
    let others = [holder(2, true, Some(&mine)), holder(3, false, None)];
    assert_eq!(advise(host(1), &mine, &others), Advice::Settled);
}

/// It was off while the others changed, and coordinates now: the key that they left does not come back.
#[test]
fn a_coordinator_that_is_behind_makes_a_newer_key() {
    let (mine, newer) = (keys(1, None), keys(2, None));
    let others = [holder(2, false, Some(&newer))];
    assert_eq!(advise(host(1), &mine, &others), Advice::Renew);
    assert_eq!(next_number(&mine.view().unwrap(), &others), 3);
    // Who only accepts a newer one is of a change that this coordinator takes back.
    let half = keys(1, Some(2));
    let back = Advice::Tell(Stage::Drop, vec![(host(2), KeyStep::Only(id(1)))]);
    assert_eq!(advise(host(1), &mine, &[holder(2, true, Some(&half))]), back);
}

/// A guard has room for two keys: what is left of an earlier change is ended before, and the older keys are
/// not handed on (a storm found a coordinator that began the newer one in vain, for ever).
#[test]
fn a_coordinator_that_is_behind_in_the_middle_of_a_change_ends_that_first() {
    let outside = [holder(2, false, Some(&keys(3, None)))];
    let mut mine = keys(1, Some(2));
    for step in [KeyStep::Send(id(2)), KeyStep::Only(id(2))] {
        let Advice::Tell(_, steps) = advise(host(1), &mine, &outside) else { panic!() };
        assert_eq!(steps, [(host(1), step.clone())]);
        mine = mine.after(&step).unwrap();
    }
    assert_eq!(advise(host(1), &mine, &outside), Advice::Renew);
}

/// An order of a change that was taken back was carried out late.
#[test]
fn a_member_that_sends_with_a_key_that_was_taken_back_is_led_back() {
    let (mine, astray) = (keys(1, None), keys(2, Some(1)));
    let mut held = BTreeMap::from([(1, mine.clone()), (2, astray)]);
    let back = Advice::Tell(Stage::Send, vec![(host(2), KeyStep::Send(id(1)))]);
    assert_eq!(advise(host(1), &mine, &pool(&held, 1)), back);
    for step in [KeyStep::Send(id(1)), KeyStep::Only(id(1))] {
        let Advice::Tell(_, told) = advise(host(1), &mine, &pool(&held, 1)) else { panic!() };
        assert_eq!(told, [(host(2), step.clone())]);
        held.insert(2, held[&2].after(&step).unwrap());
    }
    assert_eq!(advise(host(1), &mine, &pool(&held, 1)), Advice::Settled);
}

#[test]
fn a_change_begins_only_where_all_members_answer_and_can() {
    let mine = keys(1, None);
    let view = mine.view().unwrap();
    let may = |others: &[Holder]| may_begin(&view, others);
    assert_eq!(may(&[holder(2, true, Some(&mine)), holder(3, false, None)]), Ok(()));
    assert_eq!(may(&[holder(2, true, None)]), Err(Objection::Silent(host(2))));
    let old = Holder { said: Some(Holds { protocol: 2, keys: None }), ..holder(2, true, None) };
    assert_eq!(may(&[old]), Err(Objection::TooOld(host(2))));
    // An earlier version of the daemon kept the key and lost its number.
    let unnumbered = Keys { key_number: 0, ..mine };
    assert_eq!(may(&[holder(2, true, Some(&unnumbered))]), Ok(()));
    let half = keys(1, Some(2));
    assert_eq!(may(&[holder(2, true, Some(&half))]), Err(Objection::UnderWay));
    assert_eq!(may_begin(&half.view().unwrap(), &[]), Err(Objection::UnderWay));
}
