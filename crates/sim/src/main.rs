//! `haven-sim`: runs seeds of the simulator, or replays one with a readable log.

use std::io::Write;
use std::process::ExitCode;

use haven_cluster::timing::Profile;
use haven_sim::{ChaosPlan, Options, run_seed};

const USAGE: &str = "usage: haven-sim run [--hosts N] [--seeds N] [--first N] [--profile P] \
[--statefiles N] [--storm-ms N]\n       haven-sim replay --seed N [same options]\n       \
haven-sim mutations [same options] (only with the feature of that name)\n";

struct Arguments {
    hosts: usize,
    seeds: u64,
    first: u64,
    profile: Profile,
    statefiles: usize,
    storm_ms: u64,
    varied: bool,
}

fn parse(words: &[String]) -> Option<Arguments> {
    let mut arguments = Arguments {
        hosts: 3,
        seeds: 100,
        first: 0,
        profile: Profile::Fast,
        statefiles: 1,
        storm_ms: 60_000,
        varied: true,
    };
    for pair in words.chunks(2) {
        let [name, value] = pair else { return None };
        match name.as_str() {
            "--hosts" => arguments.hosts = value.parse().ok().filter(|n| (1..=64).contains(n))?,
            "--seeds" => arguments.seeds = value.parse().ok()?,
            "--first" | "--seed" => arguments.first = value.parse().ok()?,
            "--statefiles" => {
                arguments.statefiles = value.parse().ok().filter(|n| [1, 3].contains(n))?;
            }
            "--varied" => arguments.varied = value == "yes",
            "--storm-ms" => arguments.storm_ms = value.parse().ok()?,
            "--profile" => {
                arguments.profile = match value.as_str() {
                    "fast" => Profile::Fast,
                    "default" => Profile::Default,
                    "conservative" => Profile::Conservative,
                    _ => return None,
                };
            }
            #[cfg(feature = "mutations")]
            "--mutation" => {
                let names = value.split(',').map(haven_cluster::mutation::named);
                haven_cluster::mutation::set(&names.collect::<Option<Vec<_>>>()?);
            }
            _ => return None,
        }
    }
    Some(arguments)
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match words.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", words.as_slice()),
    };
    let Some(arguments) = parse(rest).filter(|_| ["run", "replay", "mutations"].contains(&command))
    else {
        let _written = std::io::stderr().write_all(USAGE.as_bytes());
        return ExitCode::from(2);
    };
    #[cfg(feature = "mutations")]
    if command == "mutations" {
        return mutations(&arguments);
    }
    let plan = ChaosPlan { storm_ms: arguments.storm_ms, ..ChaosPlan::default() };
    let mut options = Options::pool(arguments.hosts, arguments.profile);
    options.statefiles = arguments.statefiles;
    options.log = command == "replay";
    let seeds = if options.log { 1 } else { arguments.seeds };
    let mut out = std::io::stdout().lock();
    let mut broken = 0;
    for seed in arguments.first..arguments.first + seeds {
        let options = if arguments.varied { options.clone().varied(seed) } else { options.clone() };
        let world = run_seed(options, &plan, seed);
        for line in world.lines() {
            let _written = writeln!(out, "{line}");
        }
        if let Some(what) = &world.broken {
            broken += 1;
            let _written = writeln!(out, "seed {seed} at {} ms: {}", what.at_ms, what.what);
        }
    }
    let _written = writeln!(out, "{seeds} seeds, {broken} broken");
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// For every rule that can be removed: the first seed that breaks a promise without it.
#[cfg(feature = "mutations")]
fn mutations(arguments: &Arguments) -> ExitCode {
    use haven_cluster::mutation::{Mutation, set};
    let mut out = std::io::stdout().lock();
    let plan = ChaosPlan { storm_ms: arguments.storm_ms, ..ChaosPlan::default() };
    let mut options = Options::pool(arguments.hosts, arguments.profile);
    options.statefiles = arguments.statefiles;
    for mutation in Mutation::ALL {
        set(&[*mutation]);
        let mut seeds = arguments.first..arguments.first + arguments.seeds;
        let found = seeds.find_map(|seed| {
            let options =
                if arguments.varied { options.clone().varied(seed) } else { options.clone() };
            let broken = run_seed(options, &plan, seed).broken?;
            (!broken.what.starts_with("liveness")).then_some((seed, broken.what))
        });
        let _flushed = out.flush();
        let _written = match found {
            Some((seed, what)) => writeln!(out, "{mutation:?}: seed {seed}: {what}"),
            None => writeln!(out, "{mutation:?}: not caught"),
        };
    }
    set(&[]);
    ExitCode::SUCCESS
}
