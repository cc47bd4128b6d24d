//! The small cases, whole; the big ones are for `make model`.

use haven_model_check::suite;

/// No case of the quick ones comes near this.
const STATES_MAX: usize = 60_000_000;

#[test]
fn the_promises_hold_in_every_reachable_state() {
    for case in suite::cases().iter().filter(|case| case.quick) {
        let report = case.explore(2, STATES_MAX);
        assert!(report.complete, "{}: not all was seen", case.name);
        assert_eq!(report.broken, None, "{}", case.name);
    }
}

#[test]
fn every_rule_left_out_breaks_a_promise() {
    for case in suite::without_rules().iter().filter(|case| case.quick) {
        let report = case.explore(2, STATES_MAX);
        assert!(report.broken.is_some(), "without {}: nothing broke", case.name);
    }
}

/// What the page calls a residual risk is one: a run that shows it, with all rules in place.
#[test]
fn the_residual_risks_are_real() {
    for case in suite::risks().iter().filter(|case| case.quick) {
        let report = case.explore(2, STATES_MAX);
        assert!(report.broken.is_some(), "{}: nothing broke", case.name);
    }
}
