//! A cycle: writes to all statefiles, then, once a majority has them, reads of all statefiles.
//!
//! The order is what permits and decisions rest on: every read of a cycle begins after its write
//! completed on a majority.

use crate::api::SharedBlock;
use crate::mutation::{Mutation, on};

/// What a cycle is for; each purpose writes its own blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Write the beat block, read everything.
    Beat,
    /// Write both copies of the ballot block, read everything.
    Ballot,
}

/// Where a cycle stands on one statefile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An earlier write of the same block has not returned: left out.
    Busy,
    /// Write number `.0` is under way.
    Writing(usize),
    /// All writes completed.
    Wrote,
    /// The read that began at `.0` is under way.
    Reading(u64),
    /// The read that began at `.0` brought everything.
    Good(u64),
    /// Something failed or could not be read.
    Bad,
}

/// How a cycle ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Running,
    /// A majority completed everything.
    Good,
    /// A majority can no longer do so.
    Failed,
}

/// One cycle.
#[derive(Debug)]
pub(crate) struct Cycle {
    pub(crate) id: u64,
    /// Blocks to write in this order; empty for a cycle that only reads.
    pub(crate) writes: Vec<(u32, SharedBlock)>,
    /// When the first write was asked for: permits are dated by it.
    pub(crate) started: u64,
    /// When the writes had completed on a majority.
    pub(crate) wrote_at: Option<u64>,
    pub(crate) steps: Vec<Step>,
    /// The epoch that the written beat confirms.
    pub(crate) confirmed: u64,
    /// The outcome was acted upon.
    pub(crate) settled: bool,
    /// Reads follow the writes.
    pub(crate) reads: bool,
}

/// More than half.
pub(crate) fn majority(count: usize) -> usize {
    if on(Mutation::OneStatefile) {
        return 1;
    }
    count / 2 + 1
}

impl Cycle {
    fn count(&self, test: impl Fn(&Step) -> bool) -> usize {
        self.steps.iter().filter(|step| test(step)).count()
    }

    /// The writes completed on a majority.
    pub(crate) fn written(&self) -> bool {
        let done =
            self.count(|step| matches!(step, Step::Wrote | Step::Reading(_) | Step::Good(_)));
        done >= majority(self.steps.len()) || self.wrote_at.is_some()
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let need = majority(self.steps.len());
        let good = if self.reads {
            self.count(|step| matches!(step, Step::Good(_)))
        } else {
            self.count(|step| matches!(step, Step::Wrote))
        };
        let bad = self.count(|step| matches!(step, Step::Bad | Step::Busy));
        if good >= need {
            Outcome::Good
        } else if self.steps.len() - bad < need {
            Outcome::Failed
        } else {
            Outcome::Running
        }
    }

    /// Begin of the earliest of the good reads.
    pub(crate) fn read_from(&self) -> Option<u64> {
        let starts = self.steps.iter().filter_map(|step| match step {
            Step::Good(start) => Some(*start),
            _ => None,
        });
        starts.min()
    }
}
