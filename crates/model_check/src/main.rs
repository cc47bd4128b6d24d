//! `haven-model-check`: explores all models, then every rule left out, and prints the figures. What is
//! too big to be seen whole is explored up to a bound, and called "bounded" in the output.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use haven_model_check::suite::{self, Case};

/// Explored states (revisits counted) at which a case ends as bounded: some minutes and GiB.
/// `--states N` gives another bound, `--only TEXT` only the cases whose name has that text,
/// `--traces` prints each run that breaks a promise.
const STATES_MAX: usize = 100_000_000;

fn main() -> std::io::Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let quick = words.iter().any(|word| word == "--quick");
    let traces = words.iter().any(|word| word == "--traces");
    let bound = words.iter().skip_while(|word| *word != "--states").nth(1);
    let only = words.iter().skip_while(|word| *word != "--only").nth(1).cloned();
    let only = only.unwrap_or_default();
    let bound = bound.and_then(|word| word.parse().ok()).unwrap_or(STATES_MAX);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut out = std::io::stdout().lock();
    let (mut states, mut broken, mut whole, mut bounded) = (0, 0, 0, 0);
    let meant = |case: &&Case| (!quick || case.quick) && case.name.contains(&only);
    for case in suite::cases().iter().filter(meant) {
        let began = Instant::now();
        let report = case.explore(threads, bound);
        let took = began.elapsed().as_secs_f64();
        states += report.states;
        whole += usize::from(report.complete);
        bounded += usize::from(!report.complete && report.broken.is_none());
        let verdict = match &report.broken {
            None if report.complete => "holds in every reachable state",
            None => "bounded: nothing broke in what was seen",
            Some(_) => "BROKEN",
        };
        writeln!(
            out,
            "{:<66} {:>11} states, depth {:>3}, {took:>5.1} s: {verdict}",
            case.name, report.states, report.depth
        )?;
        if let Some((promise, steps)) = report.broken {
            broken += 1;
            writeln!(out, "{promise}\n{steps}")?;
        }
    }
    for case in suite::risks().iter().filter(meant) {
        let report = case.explore(threads, bound);
        let steps = report.broken.map_or(0, |(_, steps)| steps.lines().count());
        writeln!(
            out,
            "risk: {:<60} {:>11} states: breaks in {steps} steps",
            case.name, report.states
        )?;
    }
    let cases = suite::without_rules();
    let missed = leave_out(&mut out, threads, bound, cases.iter().filter(meant), traces)?;
    writeln!(out, "figure model_states {states} states")?;
    writeln!(out, "figure model_broken {broken} cases")?;
    writeln!(out, "figure model_whole {whole} cases")?;
    writeln!(out, "figure model_bounded {bounded} cases")?;
    writeln!(out, "figure model_rules_broken {} rules", missed.broken)?;
    writeln!(out, "figure model_rules_implied {} rules", missed.implied)?;
    writeln!(out, "figure model_rules_not_seen {} rules", missed.not_seen)?;
    // What is bounded, implied or not seen is said so, here and in docs/protocol.md.
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What became of the models from which a rule was left out.
#[derive(Debug, Default)]
struct LeftOut {
    /// A promise broke.
    broken: usize,
    /// Every state was seen and nothing broke: other rules imply this one within the bounds.
    implied: usize,
    /// Nothing broke in what was seen.
    not_seen: usize,
}

/// Leaves each rule out.
fn leave_out<'a>(
    out: &mut impl Write,
    threads: usize,
    bound: usize,
    cases: impl Iterator<Item = &'a Case>,
    traces: bool,
) -> std::io::Result<LeftOut> {
    let mut left = LeftOut::default();
    for case in cases {
        let report = case.explore(threads, bound);
        let (count, verdict) = match &report.broken {
            Some((promise, steps)) => {
                (&mut left.broken, format!("broken in {} steps: {promise}", steps.lines().count()))
            }
            None if report.complete => {
                (&mut left.implied, "every state seen, nothing broke: implied here".to_owned())
            }
            None => (&mut left.not_seen, "bounded: nothing broke in what was seen".to_owned()),
        };
        *count += 1;
        writeln!(out, "without {:<58} {:>11} states: {verdict}", case.name, report.states)?;
        if let Some((_, steps)) = report.broken.filter(|_| traces) {
            writeln!(out, "{steps}")?;
        }
    }
    Ok(left)
}
