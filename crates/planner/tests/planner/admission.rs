//! The quick check of one start against the thorough one, which compares two whole pools.

use haven_planner::{
    Budget, Change, Effect, Pool, Protection, Purpose, Vm, admit, place, start_keeps, verdict,
};

use crate::pools::{Dice, Shape, id, random, vm};

/// A VM that is to be started, in a pool that may know it already.
fn candidate(dice: &mut Dice, pool: &Pool) -> Vm {
    let waits = pool.vms.iter().find(|vm| vm.waits()).filter(|_| dice.one_in(2));
    let mut new = waits.cloned().unwrap_or_else(|| vm(500, 1 + dice.below(12)));
    if dice.one_in(4) {
        new.apart.insert(id(700));
    }
    if dice.one_in(4) {
        new.protection = Protection::None;
    }
    new
}

/// One pool through a row of starts and stops: what the quick check lets pass keeps the promise.
fn walk(seed: u64, shape: &Shape) -> (u32, u32) {
    let dice = &mut Dice(seed ^ 0x5eed);
    let mut pool = random(seed, shape);
    let (mut quick, mut thorough) = (0, 0);
    for step in 0..6 {
        let new = candidate(dice, &pool);
        let host = pool.hosts[usize::try_from(dice.below(pool.hosts.len() as u64)).unwrap()].id;
        let goal = 1 + u32::try_from(dice.below(2)).unwrap();
        let keeps = start_keeps(&pool, &new, host, goal, Budget::QUICK);
        let change = Change::Add { vm: Box::new(new.clone()), host: Some(host) };
        let Ok(after) = pool.with(&change) else {
            assert!(!keeps, "seed {seed}, step {step}: it cannot even run there");
            continue;
        };
        let found = admit(&pool, &after, goal, Budget::QUICK);
        assert!(!keeps || found.effect == Effect::Keeps, "seed {seed}, step {step}: {found}");
        quick += u32::from(keeps);
        thorough += u32::from(found.effect == Effect::Keeps);
        if dice.one_in(3) {
            let gone = pool.vms.first().map(|vm| vm.id);
            pool = gone.map_or(after, |vm| pool.with(&Change::Remove { vm }).unwrap());
        } else {
            pool = after;
        }
    }
    (quick, thorough)
}

#[test]
fn the_quick_check_of_a_start_is_never_more_generous_than_the_thorough_one() {
    let shapes = [
        Shape { hosts: (2, 6), vms: (2, 20), memory: (20, 60), size_max: 12, rules: false },
        Shape { hosts: (3, 6), vms: (2, 16), memory: (30, 80), size_max: 12, rules: true },
    ];
    let (mut quick, mut thorough) = (0, 0);
    for seed in 0..400 {
        let (one, other) = walk(seed, &shapes[usize::try_from(seed % 2).unwrap()]);
        quick += one;
        thorough += other;
    }
    assert!(quick > 200, "it lets nothing pass: {quick} of {thorough}");
    assert_eq!(quick, thorough, "small pools are decided exactly by both");
}

#[test]
fn a_start_goes_where_the_tolerance_stays_highest() {
    let shape = Shape { hosts: (3, 6), vms: (4, 16), memory: (10, 50), size_max: 12, rules: false };
    let mut differs = 0;
    for seed in 0..400 {
        let pool = random(seed, &shape);
        let new = vm(500, 8);
        let able =
            |host: &&haven_planner::Host| verdict(&pool, &new, host, Purpose::Ordinary).is_ok();
        let kept = |host: &haven_planner::Host| {
            let goals = (1..=2).rev();
            let mut kept =
                goals.filter(|goal| start_keeps(&pool, &new, host.id, *goal, Budget::QUICK));
            kept.next().unwrap_or(0)
        };
        let all: Vec<u32> = pool.hosts.iter().filter(able).map(kept).collect();
        let best = all.iter().max().copied();
        let found = place(&pool, &new, 2, Budget::QUICK).ok();
        assert_eq!(found.map(|found| found.tolerates), best, "seed {seed}");
        differs += u32::from(best != all.iter().min().copied());
    }
    assert!(differs > 5, "the choice mattered in {differs} pools only");
}
