//! A few of the deaths of `make bench-kills`: the coordinator's real daemon is killed, and its host
//! loses its power, while the armed pool acknowledges writes. Nothing that was acknowledged is lost.
//!
//! Needs havend, haven-guard and haven beside haven-lab: `cargo build --bins` builds them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use haven_lab::kills::{Kills, strike};
use haven_lab::story::{Narrator, Pool};

#[test]
fn what_was_acknowledged_outlives_its_coordinator() {
    let Some(lab) = common::product(2) else { return };
    let tell = Narrator::default();
    let pool = Pool { lab: &lab, tell: &tell };
    let plan = Kills {
        points: 10,
        power_every: 6,
        site_every: 0,
        writers: 4,
        profile: "fast".to_owned(),
        seed: 1,
    };
    strike(&pool, &plan).unwrap();
}
