//! What a run comes to: figures, a table of the kinds, and whether it passed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};

use super::bmc::Bmc;
use super::run::Soak;
use crate::story::{Phases, figure};

/// A phase of a restart.
type Of = fn(&Phases) -> Option<Duration>;

const PHASES: [(&str, Of); 4] = [
    ("detected", |phases| phases.detected),
    ("fenced", |phases| phases.fenced),
    ("placed", |phases| phases.placed),
    ("started", |phases| phases.started),
];

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) faults: u32,
    pub(super) needless: u32,
    pub(super) needless_by: BTreeMap<&'static str, u32>,
    pub(super) unexpected: Vec<String>,
    /// Guests for which a host was chosen later than promised.
    pub(super) late: Vec<String>,
    pub(super) restarts: BTreeMap<&'static str, Restarts>,
    pub(super) silences: BTreeMap<&'static str, Duration>,
}

/// What faults of one kind did to guests.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    pub(super) faults: u32,
    pub(super) bound: Option<Duration>,
    pub(super) phases: Vec<Phases>,
}

/// Whether a host was chosen later than `bound`, which is what `haven ha status` promises.
pub(super) fn is_late(phases: &Phases, bound: Option<Duration>) -> bool {
    phases.placed.zip(bound).is_some_and(|(placed, bound)| placed > bound)
}

impl Tally {
    /// # Errors
    /// What was counted must not happen.
    pub(super) fn verdict(&self) -> Result<()> {
        let (lines, late) = (self.unexpected.len(), self.late.len());
        if self.needless > 0 || lines > 0 || late > 0 {
            bail!("{} needless fences, {lines} unexpected lines, {late} late", self.needless);
        }
        Ok(())
    }

    /// One row for each kind, for a document: the worst of each phase beside what is promised until a host is
    /// chosen.
    fn table(&self) -> Vec<String> {
        let head =
            "| fault | times | restarts | detected | fenced | placed | started | bound | silence |";
        let mut rows = vec![head.to_owned(), "| --- ".repeat(9) + "|"];
        for (kind, restarts) in &self.restarts {
            let phases = PHASES.map(|(_, of)| shown(restarts.worst(of)));
            let (bound, silence) = (shown(restarts.bound), shown(self.silences.get(kind).copied()));
            let (faults, count) = (restarts.faults, restarts.phases.len());
            let phases = phases.join(" | ");
            rows.push(format!("| {kind} | {faults} | {count} | {phases} | {bound} | {silence} |"));
        }
        rows
    }
}

impl Restarts {
    fn worst(&self, of: Of) -> Option<Duration> {
        self.phases.iter().filter_map(of).max()
    }
}

fn shown(time: Option<Duration>) -> String {
    time.map_or_else(String::new, |time| format!("{:.1} s", time.as_secs_f64()))
}

/// Prints it.
pub(super) fn report(
    tally: &Tally,
    plan: &Soak,
    bmc: Option<&Bmc>,
    disks_good: bool,
) -> Result<Vec<String>> {
    let timing = plan.timing();
    figure("soak_faults_injected", f64::from(tally.faults), "faults");
    figure("double_writers", if disks_good { 0.0 } else { 1.0 }, "disks");
    figure("needless_fences", f64::from(tally.needless), "hosts");
    for (kind, hosts) in &tally.needless_by {
        figure(&format!("needless_fences_{kind}"), f64::from(*hosts), "hosts");
    }
    figure("unexpected_lines", f64::from(u32::try_from(tally.unexpected.len())?), "lines");
    figure("late_restarts", f64::from(u32::try_from(tally.late.len())?), "guests");
    if let Some(bmc) = bmc {
        figure("hosts_switched_off", f64::from(bmc.offs()), "times");
    }
    let bounds = [("restart", timing.restart_bound_ms()), ("takeover", timing.takeover_bound_ms())];
    for (name, ms) in bounds {
        let bound_s = Duration::from_millis(ms).as_secs_f64();
        figure(&format!("{name}_bound_{}_s", plan.profile), bound_s, "s");
    }
    for (kind, restarts) in &tally.restarts {
        for (name, of) in PHASES {
            if let Some(worst) = restarts.worst(of) {
                figure(&format!("soak_{kind}_{name}_worst_s"), worst.as_secs_f64(), "s");
            }
        }
    }
    for (kind, silence) in &tally.silences {
        figure(&format!("soak_{kind}_silence_s"), silence.as_secs_f64(), "s");
    }
    Ok(tally.table())
}

#[cfg(test)]
mod tests {
    use haven_cluster::timing::{Profile, Timing};

    use super::super::faults::FAULTS;
    use super::*;

    fn placed(ms: u64) -> Phases {
        Phases { placed: Some(Duration::from_millis(ms)), ..Phases::default() }
    }

    #[test]
    fn who_is_placed_later_than_the_bound_of_the_kind_is_late() {
        let timing = Timing::of(Profile::Fast);
        let bound = |name: &str| FAULTS.iter().find(|kind| kind.name == name)?.bound(&timing);
        let member = timing.restart_bound_ms();
        assert_eq!(bound("power_lost"), Some(Duration::from_millis(member)));
        let coordinator = timing.takeover_bound_ms();
        assert_eq!(bound("coordinator_loses_power"), Some(Duration::from_millis(coordinator)));
        for name in ["havend_dies", "all_lose_power", "storage_stalls_and_network_lost"] {
            assert_eq!(bound(name), None, "{name}");
        }
        assert!(!is_late(&placed(member), bound("power_lost")));
        assert!(is_late(&placed(member + 1), bound("power_lost")));
        assert!(!is_late(&placed(coordinator), bound("coordinator_loses_power")));
        assert!(is_late(&placed(coordinator + 1), bound("coordinator_loses_power")));
        assert!(!is_late(&placed(3_600_000), bound("all_lose_power")));
        assert!(!is_late(&Phases::default(), bound("power_lost")), "it was not restarted");
    }

    #[test]
    fn a_run_with_a_late_restart_fails_and_the_table_says_the_worst() {
        let mut tally = Tally::default();
        tally.verdict().unwrap();
        let row = tally.restarts.entry("power_lost").or_default();
        (row.faults, row.bound) = (2, Some(Duration::from_millis(6800)));
        row.phases.extend([placed(6100), placed(6400)]);
        tally.silences.insert("power_lost", Duration::from_millis(7200));
        let row = "| power_lost | 2 | 2 |  |  | 6.4 s |  | 6.8 s | 7.2 s |";
        assert_eq!(tally.table()[2..], [row]);
        tally.late.push("power_lost: g1".to_owned());
        assert!(tally.verdict().unwrap_err().to_string().contains("1 late"));
    }
}
