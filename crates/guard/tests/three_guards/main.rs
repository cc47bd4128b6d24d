//! Three real guards on this machine: loopback addresses, one file as statefile. They form a
//! membership, notice a death, take a host back, and leave.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of a test are tests, too"
)]

mod allocations;
mod counting;
mod heap;
mod keys;
mod memory;
mod pool;
mod records;
mod undisturbed;
mod writes;

use std::time::{Duration, Instant};

use haven_cluster::alarm::Alarm;
use haven_cluster::control::{ArmConfig, GuardCommand, GuardPhase, GuardState};
use haven_cluster::ids::EpochNumber;
use haven_cluster::timing::Timing;
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

/// Waits for an acting coordinator.
fn acting(pool: &mut Pool) -> usize {
    let deadline = Instant::now() + WAIT;
    loop {
        let acting =
            pool.guards.iter_mut().position(|guard| guard.state().is_some_and(|s| s.may_act));
        if let Some(index) = acting {
            return index;
        }
        assert!(Instant::now() < deadline, "nobody may act: {:?}", pool.states());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for an acting coordinator and answers for its daemon.
fn settle(pool: &mut Pool) -> usize {
    let coordinator = acting(pool);
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

/// The second one resets its host, and the third one goes on as its next life.
fn put_out_second_and_third(pool: &mut Pool) {
    for (index, exit) in [(1, 86), (2, 0)] {
        let coordinator = acting(pool);
        assert_ne!(coordinator, index, "the first host founds the pool");
        let host = pool.config(index).host;
        pool.guards[coordinator].request(GuardCommand::PutOut { host }).unwrap();
        assert_eq!(pool.guards[index].ended(), Some(exit));
        assert_eq!(pool.guards[index].has_mark(), exit == 86, "the mark of this boot");
    }
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

/// The counter of incarnations is gone from the disk: the statefile has it. No life is begun twice.
#[test]
fn a_lost_counter_is_found_again_in_the_statefile() {
    let mut pool = Pool::start(pool::timing());
    let coordinator = form(&mut pool);
    let victim = (0..3).find(|index| *index != coordinator).unwrap();
    let before = pool.guards[victim].state().unwrap().me.unwrap();
    pool.guards[victim].kill();
    pool.guards[victim].reboot();
    let counter = pool.guards[victim].root("var/lib/haven/guard/incarnation");
    assert!(counter.exists());
    std::fs::remove_file(&counter).unwrap();
    pool.guards[victim].start();
    // It begins as 1, which is taken, writes nothing, and ends; its supervisor starts the next one.
    pool.arm(victim);
    assert_eq!(pool.guards[victim].ended(), Some(0));
    let known = haven_block_io::Ledger::open(&counter).unwrap();
    let known: u64 = known.payload().unwrap().parse().unwrap();
    assert!(known >= before.incarnation.0, "{known} is behind {before:?}");
    pool.guards[victim].start();
    pool.arm(victim);
    let back = pool.guards[victim].wait("its readmission", WAIT, formed);
    assert!(back.me.unwrap().incarnation > before.incarnation);
    // One that is there and says nothing is no lost one.
    pool.guards[victim].kill();
    pool.guards[victim].reboot();
    std::fs::write(&counter, "haven-ledger 1 9 00000000\n1").unwrap();
    pool.guards[victim].start();
    let config = Box::new(pool.config(victim));
    let refused = pool.guards[victim].request(GuardCommand::Arm(config)).unwrap_err();
    assert!(refused.text.contains("damaged"), "{refused:?}");
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

/// The pre-flight reads `guard.toml` as it is now, and so does a guard that is armed: it opens the device that
/// was judged, without being started anew. A file that cannot be read arms nobody.
#[test]
fn what_the_file_says_when_the_guard_is_armed_holds() {
    let mut pool = Pool::start(pool::timing());
    let file = pool.guards[0].root("etc/haven/guard.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::rename(pool.guards[0].root("dev/watchdog"), pool.guards[0].root("dev/other")).unwrap();
    let config = Box::new(pool.config(0));
    pool.guards[0].request(GuardCommand::Format(config.clone())).unwrap();
    std::fs::write(&file, "watchdog_device = 7\n").unwrap();
    let refused = pool.guards[0].request(GuardCommand::Arm(config)).unwrap_err();
    assert_eq!(refused.code, "HA_HEARTBEAT_DAEMON_STARTUP_FAILED");
    assert!(refused.text.contains("guard.toml is not valid"), "{}", refused.text);
    std::fs::write(&file, format!("{good}watchdog_device = \"/dev/other\"\n")).unwrap();
    form(&mut pool);
    let fed = pool.guards[0].watchdog_bytes();
    assert!(!fed.is_empty() && fed.iter().all(|byte| *byte == 0), "{fed:?}");
}

/// Other time-outs are decided: the watchdog is set anew by who holds it, for nobody can open it twice.
#[test]
fn the_watchdog_gets_another_bite_time_while_it_is_held() {
    let mut pool = Pool::start(pool::timing());
    let coordinator = form(&mut pool);
    let before: Vec<_> = pool.states().into_iter().map(|state| state.unwrap().me).collect();
    let epoch = pool.guards[coordinator].state().unwrap().epoch.unwrap().number;
    let timing = Timing { t_wd_ms: 1600, ..pool::timing() };
    for index in [coordinator].into_iter().chain((0..3).filter(|index| *index != coordinator)) {
        pool.guards[index].close_watchdog();
        let config = ArmConfig { timing, ..pool.config(index) };
        pool.guards[index].request(GuardCommand::Reconfigure(Box::new(config))).unwrap();
    }
    for guard in &mut pool.guards {
        let later = |state: &GuardState| state.epoch.as_ref().is_some_and(|e| e.number > epoch);
        guard.wait("the epoch of the new time-outs", WAIT, later);
    }
    // Longer than a permit lasts that nobody renews.
    std::thread::sleep(Duration::from_millis(u64::from(timing.t_lease_ms + timing.beat_ms)));
    for guard in &mut pool.guards {
        let state = guard.wait("a membership of three", WAIT, formed);
        assert!(state.alarms.is_empty(), "{:?}", state.alarms);
    }
    let after: Vec<_> = pool.states().into_iter().map(|state| state.unwrap().me).collect();
    assert_eq!(before, after, "a guard began a new life");
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

/// A host that is put out ends what it runs and goes on as the next life. On a host of Xen guests are
/// no processes: there nothing is said to be gone, and the machine resets.
#[test]
fn a_host_of_xen_is_fenced_by_a_reset_and_another_one_in_order() {
    let mut pool = Pool::start(pool::timing());
    pool.guards[1].on_xen(&[]);
    form(&mut pool);
    put_out_second_and_third(&mut pool);
}

/// A host of Xen leaves in order only when the hypervisor runs no guest, whatever its daemon believes.
#[test]
fn a_host_of_xen_is_not_excluded_while_a_domain_runs() {
    let mut pool = Pool::start(pool::timing());
    pool.guards[1].on_xen(&[]);
    form(&mut pool);
    let guard = &mut pool.guards[1];
    guard.run_domains(&[7]);
    assert_eq!(guard.request(GuardCommand::Exclude).unwrap_err().code, "HOST_IN_USE");
    guard.run_domains(&[]);
    guard.request(GuardCommand::Load { running: 0, protected: 0 }).unwrap();
    guard.request(GuardCommand::Exclude).unwrap();
    guard.wait("the end of its membership", WAIT, |state| state.phase == GuardPhase::Idle);
}

/// The daemon comes and goes, and a newer one asks for what this guard does not know: the guard says
/// so and goes on; its membership and its permit are its own.
#[test]
fn daemons_come_and_go_and_may_be_newer_than_the_guard() {
    let mut pool = Pool::start(pool::timing());
    let coordinator = form(&mut pool);
    let before: Vec<_> = pool.states().into_iter().map(|state| state.unwrap().me).collect();
    for _ in 0..10 {
        for guard in &mut pool.guards {
            let number = guard.next_request();
            let line = format!(r#"{{"id":{number},"command":{{"command":"sing","args":[1]}}}}"#);
            let refused = guard.ask(&line).unwrap_err();
            assert_eq!(refused.code, "MESSAGE_METHOD_UNKNOWN");
            // On the same connection, which the guard has kept.
            guard.request(GuardCommand::Load { running: 0, protected: 0 }).unwrap();
            guard.connect();
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    for guard in &mut pool.guards {
        let state = guard.wait("a membership of three", WAIT, formed);
        assert_eq!(state.protocol, haven_cluster::control::PROTOCOL);
    }
    let after: Vec<_> = pool.states().into_iter().map(|state| state.unwrap().me).collect();
    assert_eq!(before, after, "a guard began a new life");
    assert!(pool.guards[coordinator].state().unwrap().may_act);
}

/// A host is given another address while it is a member: nobody goes out, and it listens there.
#[test]
fn a_member_moves_to_another_address() {
    let mut pool = Pool::start(pool::timing());
    let coordinator = form(&mut pool);
    let moved = (0..3).find(|index| *index != coordinator).unwrap();
    let before: Vec<_> = pool.states().into_iter().map(|state| state.unwrap().me).collect();
    let old = pool.config(moved).hosts[moved].addresses[0];
    let new = std::net::SocketAddr::from(([127, 0, 1, 77], old.port()));
    for index in [coordinator].into_iter().chain((0..3).filter(|index| *index != coordinator)) {
        let mut config = pool.config(index);
        config.hosts[moved].addresses = vec![new];
        pool.guards[index].request(GuardCommand::Reconfigure(Box::new(config))).unwrap();
    }
    let deadline = Instant::now() + WAIT;
    while std::net::UdpSocket::bind(new).is_ok() {
        assert!(Instant::now() < deadline, "nobody listens at the new address");
        std::thread::sleep(Duration::from_millis(50));
    }
    // Longer than a host may be silent.
    std::thread::sleep(Duration::from_millis(2 * u64::from(pool::timing().t_put_ms)));
    for guard in &mut pool.guards {
        guard.wait("a membership of three", WAIT, |state| {
            let me = state.me.map(|me| me.host);
            let near = |ms: &Option<u64>| ms.is_some_and(|ms| ms < 1500);
            let others = state.peers.iter().filter(|peer| Some(peer.host) != me);
            formed(state) && others.clone().all(|peer| peer.heard_ms.iter().any(near))
        });
    }
    let after: Vec<_> = pool.states().into_iter().map(|state| state.unwrap().me).collect();
    assert_eq!(before, after, "a guard began a new life");
    // Armed again under the same configuration, as a daemon does that just started.
    let mut config = pool.config(moved);
    config.hosts[moved].addresses = vec![new];
    pool.guards[moved].request(GuardCommand::Arm(Box::new(config))).unwrap();
}

/// A second machine is started with a copy of a member's disk: it stands back and says why, and the
/// member does not notice. When the member is gone for good the copy is the host.
#[test]
fn a_copy_of_a_member_stands_back_while_the_member_lives() {
    let mut pool = Pool::start(pool::timing());
    let coordinator = form(&mut pool);
    let copied = (0..3).find(|index| *index != coordinator).unwrap();
    let before: Vec<_> = pool.states().into_iter().map(|state| state.unwrap().me).collect();
    let (mut twin, config) = pool.twin(copied);
    twin.request(GuardCommand::Arm(Box::new(config))).unwrap();
    let stands = |state: &GuardState| {
        let said = state.alarms.iter().any(|alarm| alarm.parse() == Ok(Alarm::Twin));
        said && matches!(&state.phase, GuardPhase::Joining(why) if why.contains("copy"))
    };
    let state = twin.wait("it to stand back", WAIT, stands);
    assert!(state.me.unwrap().incarnation > before[copied].unwrap().incarnation);
    // Longer than it takes a host to be put out and to be known as dead.
    std::thread::sleep(Duration::from_nanos(pool::timing().t_dead_ns()));
    assert!(stands(&twin.state().unwrap()));
    for guard in &mut pool.guards {
        guard.wait("a membership of three", WAIT, formed);
    }
    let after: Vec<_> = pool.states().into_iter().map(|state| state.unwrap().me).collect();
    assert_eq!(before, after, "the copy was taken for a new life of the host");
    pool.guards[copied].kill();
    twin.wait("it to be the host", WAIT, |state| !stands(state) && state.alarms.is_empty());
}

/// What was copied under an earlier record is not what the newest one names: areas come round.
#[test]
fn a_copy_for_an_earlier_record_is_refused() {
    let mut pool = Pool::start(pool::timing());
    pool.arm_all();
    let coordinator = acting(&mut pool);
    let area = pool.guards[coordinator].state().unwrap().epoch.unwrap().area_next.unwrap();
    let early = GuardCommand::DatabaseCopied { epoch: EpochNumber(0), area };
    let refused = pool.guards[coordinator].request(early).unwrap_err();
    assert_eq!(refused.code, "HA_WRONG_AREA");
    settle(&mut pool);
}
