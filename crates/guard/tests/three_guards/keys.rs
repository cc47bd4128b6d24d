//! The key of the datagrams changes while three guards beat.

use haven_cluster::control::GuardCommand;
use haven_cluster::keys::{KeyStep, NumberedKey, Rekey, Secret};

use crate::pool::{self, Pool};
use crate::{WAIT, form, formed};

/// Asks until the guard takes the step: it refuses for as long as it has not heard that another is ready.
fn take(pool: &mut Pool, index: usize, step: &KeyStep) {
    let generation = pool.config(index).generation;
    let command = || GuardCommand::Rekey(Box::new(Rekey { generation, step: step.clone() }));
    for _ in 0..200 {
        let Err(refusal) = pool.guards[index].request(command()) else { return };
        assert_eq!(refusal.code, "HA_KEYS_NOT_READY", "{}", refusal.text);
        assert!(!refusal.text.contains("cdcd"), "a secret is told: {}", refusal.text);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("guard {index} never takes {step:?}");
}

#[test]
fn the_key_changes_under_traffic_and_nobody_is_missed() {
    let mut pool = Pool::start(pool::timing());
    form(&mut pool);
    let epoch = pool.guards[0].state().unwrap().epoch.unwrap();
    let key = NumberedKey { number: 1, secret: Secret::of([0xcd; 32]) };
    let id = key.name().unwrap().id;
    // Too early: nobody else accepts it.
    let generation = pool.config(0).generation;
    let early = |step| GuardCommand::Rekey(Box::new(Rekey { generation, step }));
    take(&mut pool, 0, &KeyStep::Accept(key.clone()));
    let refused = pool.guards[0].request(early(KeyStep::Send(id))).unwrap_err();
    assert!(refused.text.contains("does not accept the new key"), "{}", refused.text);
    for index in 1..3 {
        take(&mut pool, index, &KeyStep::Accept(key.clone()));
    }
    take(&mut pool, 0, &KeyStep::Send(id));
    // Too early: the others send with the old one.
    let refused = pool.guards[0].request(early(KeyStep::Only(id))).unwrap_err();
    assert!(refused.text.contains("does not send with the new key"), "{}", refused.text);
    for index in 1..3 {
        take(&mut pool, index, &KeyStep::Send(id));
    }
    for index in 0..3 {
        take(&mut pool, index, &KeyStep::Only(id));
    }
    // Longer than a silent host is waited for.
    let lost = u64::from(pool::timing().t_put_ms);
    std::thread::sleep(std::time::Duration::from_millis(2 * lost));
    for guard in &mut pool.guards {
        let state = guard.wait("a membership of three", WAIT, formed);
        assert_eq!(state.epoch.as_ref(), Some(&epoch), "something was decided");
        let keys = state.keys.unwrap();
        assert_eq!((keys.sends.id, keys.also), (id, None));
        let heard = state.peers.iter().filter(|peer| Some(peer.host) != state.me.map(|me| me.host));
        assert!(heard.flat_map(|peer| &peer.heard_ms).all(|ms| ms.is_some_and(|ms| ms < lost)));
    }
}

/// It is told what it lacks while it is no member, and comes in; a member is not told so.
#[test]
fn a_guard_with_the_old_key_is_not_admitted_until_it_is_told() {
    let mut pool = Pool::start(pool::timing());
    let coordinator = form(&mut pool);
    let late = (coordinator + 1) % 3;
    let there: Vec<usize> = (0..3).filter(|index| *index != late).collect();
    pool.guards[late].kill();
    for index in &there {
        pool.guards[*index].wait("an epoch of two", WAIT, |state| {
            state.epoch.as_ref().is_some_and(|epoch| epoch.members.len() == 2)
        });
    }
    let key = NumberedKey { number: 1, secret: Secret::of([0xcd; 32]) };
    let id = key.name().unwrap().id;
    for step in [KeyStep::Accept(key), KeyStep::Send(id), KeyStep::Only(id)] {
        for index in &there {
            take(&mut pool, *index, &step);
        }
    }
    let mut keys = pool.config(late).keys;
    keys.key = Secret::of([0xcd; 32]);
    keys.key_number = 1;
    pool.guards[late].reboot();
    pool.guards[late].start();
    pool.arm(late);
    let wait = u64::from(pool::timing().t_late_ms + 3 * pool::timing().t_put_ms);
    std::thread::sleep(std::time::Duration::from_millis(wait));
    assert!(!formed(&pool.guards[late].state().unwrap()), "it has the old key");
    take(&mut pool, late, &KeyStep::Take(keys));
    pool.guards[late].wait("its admission", WAIT, formed);
    let generation = pool.config(late).generation;
    let member = Rekey { generation, step: KeyStep::Take(pool.config(late).keys) };
    let refused = pool.guards[late].request(GuardCommand::Rekey(Box::new(member))).unwrap_err();
    assert!(refused.text.contains("one step after the other"), "{}", refused.text);
}
