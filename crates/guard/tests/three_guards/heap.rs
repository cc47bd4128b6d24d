//! A whole guard takes nothing from the heap once it is a member: not for datagrams, not for reads
//! and writes of the statefile, not for the state that it pushes, not for the daemon's reports.
//!
//! The guard is this very test program, started anew with a heap that counts.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use haven_cluster::control::GuardCommand;
use haven_cluster::timing::{Profile, Timing};

use super::counting;
use super::pool::Pool;
use super::{WAIT, form, formed};

/// Where the guard lives that the started program is; without it, it is no guard.
const ROOT: &str = "HAVEN_TEST_GUARD_ROOT";
/// What the program answers to a line begins so.
const ANSWER: &str = "taken ";
/// Beats until everything that is kept for reuse is there.
const WARM: u32 = 60;
/// Beats that are counted.
const BEATS: u32 = 60;

/// The program that is started: a guard, and a thread that says what it took.
#[test]
fn guard_with_a_counted_heap() {
    let Ok(root) = std::env::var(ROOT) else { return };
    std::thread::spawn(|| {
        counting::ignore_this_thread();
        for _line in std::io::stdin().lines().map_while(Result::ok) {
            let mut out = std::io::stdout();
            writeln!(out, "{ANSWER}{}", counting::taken_by_all()).unwrap();
            out.flush().unwrap();
        }
    });
    let arguments = ["--root".to_owned(), root];
    let _ended = haven_guard::run(arguments.into_iter());
}

/// Asks it.
struct Counter {
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Counter {
    fn taken(&mut self) -> u64 {
        self.ask.write_all(b"\n").unwrap();
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the guard is gone");
            if let Some((_, count)) = line.split_once(ANSWER) {
                return count.trim().parse().unwrap();
            }
        }
    }
}

fn program(root: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let test = concat!(module_path!(), "::guard_with_a_counted_heap");
    let test = test.split_once("::").map_or(test, |(_, test)| test);
    command.args(["--exact", test, "--nocapture"]).env(ROOT, root);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The daemon's report comes every second; a beat passes between two looks.
fn beats(pool: &mut Pool, count: u32) {
    let beat = Duration::from_millis(u64::from(Timing::of(Profile::Fast).beat_ms));
    let (begin, mut reported) = (Instant::now(), None::<Instant>);
    while begin.elapsed() < beat * count {
        if reported.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
            pool.guards[0].request(GuardCommand::Load { running: 2, protected: 1 }).unwrap();
            reported = Some(Instant::now());
        }
        let _fed = pool.guards[0].watchdog_bytes();
        std::thread::sleep(beat);
    }
}

#[test]
fn a_member_takes_nothing_from_the_heap() {
    let mut pool = Pool::start_with(super::pool::timing(), program);
    let child = pool.guards[0].child();
    let mut counter = Counter {
        ask: child.stdin.take().unwrap(),
        answers: BufReader::new(child.stdout.take().unwrap()),
    };
    form(&mut pool);
    beats(&mut pool, WARM);
    // A machine that is too busy for the beats has changes to tell: another turn then.
    let deadline = Instant::now() + 3 * WAIT;
    let took = loop {
        let epoch = pool.guards[0].wait("a membership of three", WAIT, formed).epoch;
        let before = counter.taken();
        beats(&mut pool, BEATS);
        let took = counter.taken() - before;
        let calm = pool.guards[0].state().is_some_and(|s| s.epoch == epoch && formed(&s));
        if took == 0 || Instant::now() > deadline || calm {
            break took;
        }
    };
    println!(
        "figure guard_allocations_per_beat_3 {:.2} count",
        f64::from(u32::try_from(took).unwrap()) / f64::from(BEATS)
    );
    assert_eq!(took, 0, "in {BEATS} beats");
}
