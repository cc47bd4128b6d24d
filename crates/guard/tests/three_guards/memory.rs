//! The root system of a host runs out of memory while its guard is a member: no page, thread or process more.

use std::process::Command;
use std::time::Duration;

use haven_cluster::control::{GuardCommand, GuardState};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::pool::{self, Pool};
use super::{WAIT, form, formed};

/// Beats until everything that is kept for reuse is there, and beats without memory.
const BEATS: u64 = 60;

/// No address space is left to this process: the kernel gives it nothing more, whatever it asks for.
fn starve(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    for resource in [Resource::As, Resource::Data] {
        let none = Rlimit { current: Some(0), maximum: None };
        prlimit(Some(pid), resource, none).unwrap();
    }
}

fn beats_on(pool: &mut Pool, index: usize) {
    let wait = 3 * WAIT;
    let now = pool.guards[index].state().unwrap().sequence;
    let later = |state: &GuardState| state.sequence >= now + BEATS;
    let state = pool.guards[index].wait("so many beats", wait, later);
    assert!(formed(&state), "{state:#?}");
}

/// Row 35: the guard asked for what it needs when it began. It stays a member, answers its daemon, and
/// stops its guests or the whole host when it is put out.
#[test]
fn a_guard_without_memory_beats_on_and_gives_way_when_it_must() {
    let mut pool = Pool::start(pool::timing());
    let coordinator = form(&mut pool);
    let victim = (0..3).find(|index| *index != coordinator).unwrap();
    let mut guest = Command::new("sleep").arg("600").spawn().unwrap();
    pool.guards[victim].run_vms(&[guest.id()]);
    pool.guards[victim].request(GuardCommand::Load { running: 1, protected: 1 }).unwrap();
    beats_on(&mut pool, victim);

    let before = pool.guards[victim].state().unwrap().me.unwrap();
    starve(pool.guards[victim].child().id());
    pool.guards[victim].request(GuardCommand::Load { running: 1, protected: 1 }).unwrap();
    beats_on(&mut pool, victim);
    assert_eq!(pool.guards[victim].state().unwrap().me, Some(before), "the same life");

    let command = GuardCommand::PutOut { host: before.host };
    pool.guards[coordinator].request(command).unwrap();
    let ended = pool.guards[victim].ended();
    let bound = Duration::from_millis(pool::timing().restart_bound_ms());
    pool.guards[coordinator].wait("the victim to be dead", bound + WAIT, |state| {
        state.dead.iter().any(|life| life.host == before.host && *life >= before)
    });
    println!("ended with {ended:?}");
    // Either it could still stop its guests, or the machine is reset with them.
    let stopped = guest.try_wait().unwrap().is_some();
    assert!(
        ended == Some(86) || (ended == Some(0) && stopped),
        "{ended:?}, guests gone: {stopped}"
    );
    let _gone: Result<(), _> = guest.kill();
    let _reaped: Result<_, _> = guest.wait();
}
