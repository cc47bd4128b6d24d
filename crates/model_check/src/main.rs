//! `haven-model-check`: explores all models whole, then every rule left out, and prints the figures.

use std::io::Write;
use std::process::ExitCode;

use haven_model_check::suite::{self, Case};

/// Explored states (revisits counted) after which a case is given up as too big.
const STATES_MAX: usize = 2_000_000_000;

fn main() -> std::io::Result<ExitCode> {
    let quick = std::env::args().any(|word| word == "--quick");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut out = std::io::stdout().lock();
    let (mut states, mut broken, mut unfinished) = (0, 0, 0);
    for case in suite::cases().iter().filter(|case| !quick || case.quick) {
        let report = case.explore(threads, STATES_MAX);
        states += report.states;
        unfinished += usize::from(!report.complete);
        let verdict = match &report.broken {
            None if report.complete => "holds",
            None => "not finished",
            Some(_) => "BROKEN",
        };
        writeln!(
            out,
            "{:<66} {:>11} states, depth {:>3}: {verdict}",
            case.name, report.states, report.depth
        )?;
        if let Some((promise, steps)) = report.broken {
            broken += 1;
            writeln!(out, "{promise}\n{steps}")?;
        }
    }
    let missed = leave_out(&mut out, threads, quick)?;
    writeln!(out, "figure model_states {states} states")?;
    writeln!(out, "figure model_broken {broken} cases")?;
    writeln!(out, "figure model_unfinished {unfinished} cases")?;
    writeln!(out, "figure model_rules_missed {missed} rules")?;
    Ok(if broken + unfinished + missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Leaves each rule out; returns how many were not missed by the model.
fn leave_out(out: &mut impl Write, threads: usize, quick: bool) -> std::io::Result<usize> {
    let mut missed = 0;
    for case in suite::without_rules().iter().filter(|case: &&Case| !quick || case.quick) {
        let report = case.explore(threads, STATES_MAX);
        let verdict = report.broken.as_ref().map_or("MISSED".to_owned(), |(promise, steps)| {
            format!("broken in {} steps: {promise}", steps.lines().count())
        });
        missed += usize::from(report.broken.is_none());
        writeln!(out, "without {:<58} {:>11} states: {verdict}", case.name, report.states)?;
    }
    Ok(missed)
}
