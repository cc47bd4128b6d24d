//! What real guards were told and said is repeated by a machine alone.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use haven_cluster::Output;
use haven_cluster::control::{GuardCommand, GuardPhase, GuardState};
use haven_cluster::trace::{Replayed, TraceError, replay};

use super::pool::{self, Pool};
use super::{WAIT, form, formed, settle};

/// Where the seed of the machine stands in a record.
const SEED_AT: usize = 48;

fn recording(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haven-guard"));
    command.arg("--root").arg(root).arg("--record").arg(root.join("record"));
    command
}

/// Row 118: three guards form a pool, lose one of them, and leave. Each record of those that stayed is
/// repeated without a clock, a disk or a network: to the same decisions, and byte for byte to the same
/// writes and datagrams.
#[test]
fn what_guards_decided_is_repeated_from_their_records() {
    let mut pool = Pool::start_with_all(pool::timing(), recording);
    let coordinator = form(&mut pool);
    let victim = (0..3).find(|index| *index != coordinator).unwrap();
    let before = pool.guards[victim].state().unwrap().me.unwrap();
    pool.guards[victim].kill();
    let bound = Duration::from_millis(pool::timing().restart_bound_ms()) + WAIT;
    pool.guards[coordinator].wait("the victim to be dead", bound, |state| {
        state.dead.iter().any(|life| *life >= before && life.host == before.host)
    });
    pool.guards[victim].reboot();
    pool.guards[victim].start();
    pool.arm(victim);
    pool.guards[victim].wait("its readmission", WAIT, formed);
    let coordinator = settle(&mut pool);
    pool.guards[coordinator].request(GuardCommand::Disarm).unwrap();
    let idle = |state: &GuardState| state.phase == GuardPhase::Idle;
    pool.guards.iter_mut().for_each(|guard| drop(guard.wait("its end", WAIT, idle)));
    let record = |index: usize, name: &str| std::fs::read(pool.guards[index].root(name)).unwrap();

    for index in 0..3 {
        let (mut notes, mut left, mut told) = (Vec::new(), false, Replayed::default());
        let deadline = Instant::now() + WAIT;
        // A record is written behind the guard: its end comes a moment after what it tells of.
        while !left {
            assert!(Instant::now() < deadline, "the end of its membership is in the record");
            std::thread::sleep(Duration::from_millis(20));
            notes.clear();
            let replayed = replay(&record(index, "record"), |_, said| match said {
                Output::Note(text) => notes.push(text.clone()),
                Output::Left { .. } => left = true,
                _ => {}
            });
            told = replayed.unwrap();
        }
        assert!(told.inputs > 50 && told.outputs > 30, "{told:?}");
        let decided = notes.iter().any(|note| note.contains("the pool is disarmed"));
        assert_eq!(decided, index == coordinator, "{notes:?}");
    }
    // The life that was killed: what it wrote until then.
    let killed = replay(&record(victim, "record.1"), |_, _| ()).unwrap();
    assert!(killed.torn && killed.outputs > 20, "{killed:?}");

    // Another machine (its sequences begin elsewhere) says something else, and that is noticed.
    let mut bytes = record(coordinator, "record");
    bytes[SEED_AT] ^= 1;
    let differs = replay(&bytes, |_, _| ());
    assert!(matches!(differs, Err(TraceError::Differs { .. })), "{differs:?}");
    assert_eq!(replay(b"something else", |_, _| ()), Err(TraceError::Format));
}
