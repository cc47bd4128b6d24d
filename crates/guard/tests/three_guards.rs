//! Three real guards on this machine: loopback addresses, one file as statefile. They form a
//! membership, notice a death, take a host back, and leave.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of a test are tests, too"
)]

mod pool;

use std::time::{Duration, Instant};

use haven_cluster::control::{GuardCommand, GuardPhase, GuardState};
use pool::Pool;

const WAIT: Duration = Duration::from_secs(40);

fn formed(state: &GuardState) -> bool {
    state.phase == GuardPhase::Member
        && state.permit.is_some()
        && state.epoch.as_ref().is_some_and(|epoch| epoch.members.len() == 3)
}

/// Forms the pool and has the coordinator say that the database was copied. Its index.
fn form(pool: &mut Pool) -> usize {
    pool.arm_all();
    for index in 0..3 {
        pool.guards[index].wait("a membership of three", WAIT, formed);
    }
    settle(pool)
}

/// Waits for an acting coordinator and answers for its daemon.
fn settle(pool: &mut Pool) -> usize {
    let deadline = Instant::now() + WAIT;
    let coordinator = loop {
        let acting =
            pool.guards.iter_mut().position(|guard| guard.state().is_some_and(|s| s.may_act));
        if let Some(index) = acting {
            break index;
        }
        assert!(Instant::now() < deadline, "nobody may act: {:?}", pool.states());
        std::thread::sleep(Duration::from_millis(20));
    };
    let guard = &mut pool.guards[coordinator];
    let epoch = guard.state().unwrap().epoch.unwrap();
    if let Some(area) = epoch.area_next {
        guard.request(GuardCommand::DatabaseCopied { epoch: epoch.number, area }).unwrap();
        guard.wait("the copied area to live", WAIT, |state| {
            state.epoch.as_ref().is_some_and(|e| e.area_live == area && e.area_next.is_none())
        });
    }
    coordinator
}

/// A10: a dead host is declared dead within the bound that the timing promises; it comes back as
/// a new incarnation; the pool disarms.
#[test]
fn a_dead_guard_is_declared_dead_and_comes_back() {
    let mut pool = Pool::start(pool::timing());
    let coordinator = form(&mut pool);
    let victim = (0..3).find(|index| *index != coordinator).unwrap();
    for guard in &pool.guards {
        let kib = guard.rss_kib();
        println!("VmRSS {kib} KiB");
        assert!(kib < 40 * 1024, "a guard uses {kib} KiB");
    }

    let before = pool.guards[victim].state().unwrap().me.unwrap();
    let killed = Instant::now();
    pool.guards[victim].kill();
    let bound = Duration::from_millis(pool::timing().restart_bound_ms());
    for index in (0..3).filter(|index| *index != victim) {
        pool.guards[index].wait("the victim to be dead", bound + Duration::from_secs(5), |state| {
            state.dead.iter().any(|life| *life >= before && life.host == before.host)
        });
    }
    println!("dead after {} ms, bound {} ms", killed.elapsed().as_millis(), bound.as_millis());
    assert!(killed.elapsed() < bound + Duration::from_secs(2), "slower than promised");

    // In the same boot the mark of the dead guard makes the next one reset the machine.
    assert_eq!(pool.guards[victim].start_and_wait(), Some(86));
    pool.guards[victim].reboot();
    pool.guards[victim].start();
    pool.arm(victim);
    let back = pool.guards[victim].wait("its readmission", WAIT, formed);
    assert!(back.me.unwrap().incarnation > before.incarnation);

    let disarmed = |state: &GuardState| {
        state.phase == GuardPhase::Idle && state.epoch.as_ref().is_some_and(|epoch| !epoch.armed)
    };
    let coordinator = settle(&mut pool);
    pool.guards[coordinator].request(GuardCommand::Disarm).unwrap();
    for guard in &mut pool.guards {
        guard.wait("the end of the membership", WAIT, disarmed);
    }
    assert!(pool.guards.iter().all(|guard| !guard.has_mark()), "a mark was left behind");
}

/// A11: when the coordinator dies another one acts, in a fresh area, and only after the death.
#[test]
fn a_dead_coordinator_is_replaced() {
    let mut pool = Pool::start(pool::timing());
    let coordinator = form(&mut pool);
    let first = pool.guards[coordinator].state().unwrap();
    let (life, epoch) = (first.me.unwrap(), first.epoch.unwrap());
    pool.guards[coordinator].kill();
    let deadline = Instant::now() + WAIT;
    let next = loop {
        let states = pool.states();
        let acting = states.iter().flatten().find(|state| {
            state.may_act && state.epoch.as_ref().is_some_and(|e| e.coordinator != life)
        });
        if let Some(state) = acting {
            break state.clone();
        }
        assert!(Instant::now() < deadline, "nobody acts: {states:?}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(next.dead.contains(&life), "it acts before the death of its predecessor: {next:?}");
    let area = next.epoch.unwrap().area_next;
    assert!(area.is_some_and(|area| area != epoch.area_live), "no fresh area: {area:?}");
}

/// The watchdog is fed while armed and disarmed in the end.
#[test]
fn the_watchdog_is_fed_and_disarmed() {
    let mut pool = Pool::start(pool::timing());
    let coordinator = form(&mut pool);
    std::thread::sleep(Duration::from_secs(2));
    pool.guards[coordinator].request(GuardCommand::Disarm).unwrap();
    for guard in &mut pool.guards {
        guard.wait("idle", WAIT, |state| state.phase == GuardPhase::Idle);
        let bytes = guard.watchdog_bytes();
        assert!(bytes.len() > 8, "fed {} times only", bytes.len());
        assert_eq!(bytes.last(), Some(&b'V'), "left armed");
        assert!(bytes[..bytes.len() - 1].iter().all(|byte| *byte == 0));
    }
}

/// A host leaves in order only when nothing runs on it, whatever its daemon believes.
#[test]
fn a_host_is_not_excluded_while_a_vm_runs() {
    let mut pool = Pool::start(pool::timing());
    let coordinator = form(&mut pool);
    let leaving = (0..3).find(|index| *index != coordinator).unwrap();
    let mut vm = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let guard = &mut pool.guards[leaving];
    guard.run_vms(&[vm.id()]);
    guard.request(GuardCommand::Load { running: 0, protected: 0 }).unwrap();
    let refused = guard.request(GuardCommand::Exclude).unwrap_err();
    assert_eq!(refused.code, "HOST_IN_USE");
    guard.run_vms(&[]);
    vm.kill().unwrap();
    vm.wait().unwrap();
    guard.request(GuardCommand::Load { running: 0, protected: 0 }).unwrap();
    guard.request(GuardCommand::Exclude).unwrap();
    guard.wait("the end of its membership", WAIT, |state| state.phase == GuardPhase::Idle);
    pool.guards[coordinator].wait("an epoch without it", WAIT, |state| {
        state.epoch.as_ref().is_some_and(|epoch| epoch.members.len() == 2)
    });
}
