//! `haven-sim`: storms by seed, one seed as a readable log, the rules that may not be removed, the
//! scenario folders, and the figures of all that.

mod heap;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use haven_cluster::timing::Profile;
use haven_sim::{ChaosPlan, Options, World, run_seed, story};

#[global_allocator]
static HEAP: heap::Heap = heap::Heap;

/// How often a hunt says how far it is.
const SAY_EVERY_S: u64 = 600;

const USAGE: &str = "usage: haven-sim run [--hosts N] [--seeds N] [--first N] [--profile P] \
[--statefiles N] [--storm-ms N] [--varied yes|no] [--threads N] [--seconds N]\n       \
haven-sim replay --seed N [same options]\n       haven-sim shrink --seed N [same \
options]\n       haven-sim stories [--folder scenarios] \
[--bless yes] [--rule NAME]\n       haven-sim replay-guard FILE\n       haven-sim mutations [--threads N] [--rule NAME] (with the feature of that \
name)\n";

#[derive(Clone)]
struct Arguments {
    hosts: usize,
    seeds: u64,
    first: u64,
    /// None: by seed.
    profile: Option<Profile>,
    statefiles: usize,
    storm_ms: u64,
    varied: bool,
    threads: usize,
    seconds: u64,
    folder: String,
    bless: bool,
    rule: Option<String>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            hosts: 3,
            seeds: 100,
            first: 0,
            profile: Some(Profile::Fast),
            statefiles: 1,
            storm_ms: 60_000,
            varied: true,
            threads: 1,
            seconds: u64::MAX,
            folder: "scenarios".to_owned(),
            bless: false,
            rule: None,
        }
    }
}

fn parse(words: &[String]) -> Option<Arguments> {
    let mut arguments = Arguments::default();
    for pair in words.chunks(2) {
        let [name, value] = pair else { return None };
        match name.as_str() {
            "--hosts" => arguments.hosts = value.parse().ok().filter(|n| (1..=64).contains(n))?,
            "--seeds" => arguments.seeds = value.parse().ok()?,
            "--first" | "--seed" => arguments.first = value.parse().ok()?,
            "--statefiles" => {
                arguments.statefiles = value.parse().ok().filter(|n| [1, 3].contains(n))?;
            }
            "--storm-ms" => arguments.storm_ms = value.parse().ok()?,
            "--varied" => arguments.varied = value == "yes",
            "--threads" => arguments.threads = value.parse().ok().filter(|n| *n > 0)?,
            "--seconds" => arguments.seconds = value.parse().ok()?,
            "--folder" => arguments.folder.clone_from(value),
            "--bless" => arguments.bless = value == "yes",
            "--rule" => arguments.rule = Some(value.clone()),
            "--profile" => {
                arguments.profile = match value.as_str() {
                    "fast" => Some(Profile::Fast),
                    "default" => Some(Profile::Default),
                    "conservative" => Some(Profile::Conservative),
                    "mixed" => None,
                    _ => return None,
                };
            }
            _ => return None,
        }
    }
    Some(arguments)
}

fn say(line: &str) {
    let _written = writeln!(std::io::stdout(), "{line}");
}

/// What a real guard decided, from its record (`haven-guard --record`).
fn replay_guard(file: &Path) -> ExitCode {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            say(&format!("{}: {error}", file.display()));
            return ExitCode::FAILURE;
        }
    };
    let said = |now: haven_cluster::ids::Instant, said: &haven_cluster::Output| {
        say(&format!("{:>14.3} {said:?}", now.0 as f64 / 1e9));
    };
    match haven_cluster::trace::replay(&bytes, said) {
        Ok(done) => {
            let end = if done.torn { "it ends before its machine did" } else { "whole" };
            say(&format!(
                "record_inputs {}\nrecord_outputs {} (all the same again; {end})",
                done.inputs, done.outputs
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = words.split_first().map_or(("", words.as_slice()), |(c, r)| (c, r));
    if let ("replay-guard", [file]) = (command, rest) {
        return replay_guard(Path::new(file));
    }
    let done = parse(rest).and_then(|arguments| match command {
        "run" => Some(run(&arguments)),
        "replay" => Some(replay(&arguments)),
        "shrink" => Some(shrink(&arguments)),
        "stories" => Some(stories(&arguments)),
        #[cfg(feature = "mutations")]
        "mutations" => Some(mutations(&arguments)),
        _ => None,
    });
    match done {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => {
            let _written = std::io::stderr().write_all(USAGE.as_bytes());
            ExitCode::from(2)
        }
    }
}

fn one(arguments: &Arguments, seed: u64, log: bool) -> World {
    let (options, plan) = pool_of(arguments, seed);
    run_seed(Options { log, ..options }, &plan, seed)
}

/// The pool and the storm of a seed.
fn pool_of(arguments: &Arguments, seed: u64) -> (Options, ChaosPlan) {
    // Half of the pools are fast; a storm over slow ones is longer, and its faults are further apart.
    let (profile, longer) = match (arguments.profile, seed % 8) {
        (Some(profile), _) => (profile, 1),
        (None, 0..4) => (Profile::Fast, 1),
        (None, 4..7) => (Profile::Default, 4),
        (None, _) => (Profile::Conservative, 8),
    };
    let plan = ChaosPlan::default();
    let gap_ms = plan.gap_ms * longer / 2 + plan.gap_ms / 2;
    let plan = ChaosPlan { storm_ms: arguments.storm_ms * longer, gap_ms, ..plan };
    let mut options = Options::pool(arguments.hosts, profile);
    options.statefiles = arguments.statefiles;
    (if arguments.varied { options.varied(seed) } else { options }, plan)
}

/// Seconds of processor time that this program used so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    // User and system time, in hundredths.
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn run(arguments: &Arguments) -> bool {
    let next = AtomicU64::new(arguments.first);
    let (broken, virtual_ms, runs) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let (unreadable, residual) = (AtomicU64::new(0), AtomicU64::new(0));
    let forgotten = AtomicU64::new(0);
    let (began, said) = (Instant::now(), AtomicU64::new(0));
    let until = began.checked_add(Duration::from_secs(arguments.seconds));
    let end = arguments.first.saturating_add(arguments.seeds);
    let before = cpu_seconds();
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end || until.is_some_and(|until| Instant::now() >= until) {
            return;
        }
        let world = one(arguments, seed, false);
        runs.fetch_add(1, Ordering::Relaxed);
        virtual_ms.fetch_add(world.now_ms(), Ordering::Relaxed);
        unreadable.fetch_add(u64::from(world.unreadable), Ordering::Relaxed);
        residual.fetch_add(u64::from(world.residual), Ordering::Relaxed);
        forgotten.fetch_add(u64::from(world.forgot_writes()), Ordering::Relaxed);
        if let Some(what) = &world.broken {
            broken.fetch_add(1, Ordering::Relaxed);
            let what_ms = what.at_ms;
            say(&format!(
                "seed {seed} at {what_ms} ms (`haven-sim shrink --seed {seed}`): {}",
                what.what
            ));
        }
        let due = began.elapsed().as_secs() / SAY_EVERY_S;
        if said.fetch_max(due, Ordering::Relaxed) < due {
            let hours = virtual_ms.load(Ordering::Relaxed) as f64 / 3.6e6;
            let (runs, broken) = (runs.load(Ordering::Relaxed), broken.load(Ordering::Relaxed));
            say(&format!("so far {hours:.1} h in {runs} seeds, {broken} broken"));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(work);
        }
    });
    let (runs, broken) = (runs.into_inner(), broken.into_inner());
    let hours = virtual_ms.into_inner() as f64 / 3.6e6;
    say(&format!("{runs} seeds of {} hosts, {broken} broken", arguments.hosts));
    let speed = hours / (cpu_seconds() - before).max(0.01);
    // Three hosts and the fast profile are what the figures are compared by.
    let profile = match arguments.profile {
        Some(Profile::Fast) => "",
        Some(Profile::Default) => "_default",
        Some(Profile::Conservative) => "_conservative",
        None => "_mixed",
    };
    let size = match arguments.hosts {
        3 => profile.to_owned(),
        hosts => format!("{profile}_{hosts}_hosts"),
    };
    say(&format!("figure sim_pool_hours{size} {hours:.1} h"));
    say(&format!("figure sim_pool_hours_per_cpu_s{size} {speed:.2} h/s"));
    say(&format!("figure sim_violations{size} {broken} runs"));
    // Both copies of a ballot were damaged together: a named residual risk.
    say(&format!("figure sim_ballots_lost{size} {} runs", unreadable.into_inner()));
    // A double start after a volume was rolled back that no host witnessed: another one.
    say(&format!("figure sim_unwitnessed{size} {} runs", residual.into_inner()));
    // An older database was taken, because the volume was put back or rotted and no host knew better.
    say(&format!("figure sim_forgotten{size} {} runs", forgotten.into_inner()));
    broken == 0
}

fn replay(arguments: &Arguments) -> bool {
    let world = one(arguments, arguments.first, true);
    for line in world.lines() {
        say(line);
    }
    world.broken.is_none()
}

/// The same run with as few faults as still break it, as a log.
fn shrink(arguments: &Arguments) -> bool {
    let (options, plan) = pool_of(arguments, arguments.first);
    let Some(shrunk) = haven_sim::shrink::shrink(&options, &plan, arguments.first) else {
        say("nothing breaks");
        return true;
    };
    for line in shrunk.world.lines() {
        say(line);
    }
    say(&format!("{} faults of {} are needed:", shrunk.faults.len(), shrunk.before));
    for (at, fault) in &shrunk.faults {
        say(&format!("{:>10.3} {fault:?}", *at as f64 / 1e9));
    }
    false
}

fn stories(arguments: &Arguments) -> bool {
    #[cfg(feature = "mutations")]
    let rule = arguments.rule.as_deref().and_then(haven_cluster::mutation::named);
    #[cfg(feature = "mutations")]
    haven_cluster::mutation::set(rule.as_slice());
    let found = story::run_all(Path::new(&arguments.folder), arguments.bless);
    let (mut passed, mut failed) = (0, 0);
    for (name, result) in found {
        match result {
            Ok(()) => passed += 1,
            Err(why) => {
                failed += 1;
                say(&format!("scenario {name}: {why}"));
            }
        }
    }
    say(&format!("figure scenarios_passed {passed} scenarios"));
    say(&format!("figure scenarios_failed {failed} scenarios"));
    failed == 0 && passed > 0
}

/// Every rule that can be removed must be missed by some run.
#[cfg(feature = "mutations")]
fn mutations(arguments: &Arguments) -> bool {
    use haven_sim::removals;
    let wanted = |removal: &removals::Removal| {
        arguments.rule.as_ref().is_none_or(|rule| format!("{:?}", removal.rule) == *rule)
    };
    let all: Vec<_> = removals::all().into_iter().filter(wanted).collect();
    if arguments.rule.is_some() {
        removals::keep_logs();
    }
    let (next, missed) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || loop {
        let number = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
        let Some(removal) = all.get(number) else { return };
        let mut rules = vec![removal.rule];
        rules.extend(removal.behind);
        match removal.caught() {
            Ok(seed) => {
                let world = removal.run(&rules, seed);
                let what = world.broken.as_ref().map_or("", |broken| broken.what.as_str());
                for line in world.lines() {
                    say(line);
                }
                say(&format!("without {rules:?}, seed {seed}: {what}"));
            }
            Err(why) => {
                missed.fetch_add(1, Ordering::Relaxed);
                if arguments.rule.is_some() {
                    removal.run(&rules, 0).lines().iter().for_each(|line| say(line));
                }
                say(&format!("without {rules:?}: {why}"));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(work);
        }
    });
    say(&format!("figure mutations_built {} rules", all.len()));
    say(&format!("figure mutations_missed {} rules", missed.load(Ordering::Relaxed)));
    missed.into_inner() == 0
}
