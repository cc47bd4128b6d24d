//! A live migration as the coordinator carries it out: its parts, in their order.
//!
//! Owns: which part belongs to which step of the task, what is durable before which order leaves, and
//! from where on it counts as done. Never does: any of it. Until it is committed a migration is undone
//! by finding out where the VM is ([`Search`](crate::Search)).

/// The steps of its task, with their share of the progress.
pub const STEPS: [(&str, u32); 3] =
    [("prepare the destination", 1), ("copy memory", 18), ("record", 1)];

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// An earlier migration of the VM whose end nobody saw is ended first.
    Settle,
    /// The next step begins; `undo`: what takes it back is to find out where the VM is.
    Begin {
        /// With that undo.
        undo: bool,
    },
    /// Both hosts are named as holders, before either may run the VM on the other's behalf.
    Reserve,
    /// The destination is told to expect it, in the life that was named.
    Prepare,
    /// The source is told to send it; its answer says that it arrived.
    Send,
    /// The destination is named as the only holder.
    Arrived,
    /// Point of no return.
    Commit,
    /// The destination closes the way in; whether it hears that does not matter.
    CloseWay,
}

/// After [`Part::Settle`], and what else comes before (disks that move first).
const PARTS: [Part; 10] = [
    Part::Settle,
    Part::Begin { undo: true },
    Part::Reserve,
    Part::Prepare,
    Part::Begin { undo: false },
    Part::Send,
    Part::Begin { undo: false },
    Part::Arrived,
    Part::Commit,
    Part::CloseWay,
];

/// A migration that is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Migration {
    at: usize,
}

impl Migration {
    /// What is to be done now; none: it is done. If it fails, the task has failed.
    #[must_use]
    pub fn part(&self) -> Option<Part> {
        PARTS.get(self.at).copied()
    }

    /// That was done.
    pub fn done(&mut self) {
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Part> {
        let mut migration = Migration::default();
        let mut parts = Vec::new();
        while let Some(part) = migration.part() {
            parts.push(part);
            migration.done();
        }
        parts
    }

    #[test]
    fn what_takes_it_back_is_known_before_anybody_is_named_or_told() {
        let at = |part| all().iter().position(|each| *each == part).unwrap();
        let undo = at(Part::Begin { undo: true });
        assert!(undo < at(Part::Reserve) && at(Part::Reserve) < at(Part::Prepare));
        assert!(at(Part::Prepare) < at(Part::Send) && at(Part::Send) < at(Part::Arrived));
        assert!(at(Part::Arrived) < at(Part::Commit));
    }

    #[test]
    fn each_step_begins_once() {
        let begun = all().iter().filter(|part| matches!(part, Part::Begin { .. })).count();
        assert_eq!(begun, STEPS.len());
    }
}
