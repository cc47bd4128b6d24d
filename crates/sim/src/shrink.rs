//! A run that breaks, with as few faults as possible.
//!
//! The faults of a storm are taken out by halves, quarters and so on down to single ones, as long as
//! the same promise still breaks. What is left replays exactly.

use haven_cluster::invariant::Invariant;

use crate::chaos::{ChaosPlan, run_faults, run_seed};
use crate::faults::Fault;
use crate::options::Options;
use crate::world::World;

/// Runs that a search may take.
const RUNS_MAX: usize = 2_000;

/// What is left of a storm.
#[derive(Debug)]
pub struct Shrunk {
    /// Faults before and after.
    pub before: usize,
    /// Those that are needed, with their moments in nanoseconds.
    pub faults: Vec<(u64, Fault)>,
    /// The run with these alone, with its log.
    pub world: World,
}

/// Which promise broke.
fn kind(world: &World) -> Option<Invariant> {
    world.broken.as_ref().map(|broken| broken.which)
}

/// Shrinks the storm of a seed; `None` if nothing breaks in it.
#[must_use]
pub fn shrink(options: &Options, plan: &ChaosPlan, seed: u64) -> Option<Shrunk> {
    let whole = run_seed(options.clone(), plan, seed);
    let wanted = kind(&whole)?;
    let mut faults = whole.happened().to_vec();
    let before = faults.len();
    let mut runs = 0;
    let mut breaks = |faults: &[(u64, Fault)]| {
        runs += 1;
        runs <= RUNS_MAX && kind(&run_faults(options.clone(), plan, seed, faults)) == Some(wanted)
    };
    let mut size = faults.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        let mut taken = false;
        while at < faults.len() {
            let end = (at + size).min(faults.len());
            let mut less = faults.clone();
            less.drain(at..end);
            if breaks(&less) {
                faults = less;
                taken = true;
            } else {
                at = end;
            }
        }
        if !taken || size > 1 {
            size /= 2;
        }
    }
    let logged = Options { log: true, ..options.clone() };
    let world = run_faults(logged, plan, seed, &faults);
    Some(Shrunk { before, faults, world })
}
