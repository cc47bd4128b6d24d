//! Where a VM is, of which two hosts may have a process: a migration is on its way, or was.

use haven_cluster::mutation::{Mutation, removed};

/// What a host sees of a VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// It has no process here.
    #[default]
    Nothing,
    /// Its process waits for the rest of its memory.
    Incoming,
    /// It is here, and executes or is paused.
    Here,
}

/// A host's word about a VM, under the epoch of whoever asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is there.
    pub sight: Sight,
    /// An order about the VM acts there still.
    pub acting: bool,
    /// The host does not speak for the life that held the VM: what that one wrote may still be on its
    /// way, and only the proof of its death says when it is not.
    pub stranger: bool,
}

/// What a holder's word says of a VM whose other holder is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It runs there.
    Runs,
    /// It does not, and will not.
    Gone,
    /// The destination of a migration that nobody sends any more: to be destroyed before the VM is
    /// started anywhere.
    Stranded,
    /// It is not there, but an order that acts may still make it appear: ask again.
    Undecided,
}

/// Judges what the living holder said, after its placement was closed there.
#[must_use]
pub fn presence(report: Report) -> Presence {
    match report.sight {
        _ if report.stranger && !removed(Mutation::OtherLifeAnswers) => Presence::Undecided,
        Sight::Incoming => Presence::Stranded,
        Sight::Here => Presence::Runs,
        Sight::Nothing if report.acting => Presence::Undecided,
        Sight::Nothing => Presence::Gone,
    }
}

/// What both ends of a migration say of its VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is where it was.
    Stayed,
    /// It arrived.
    Moved,
    /// It is at neither end: it stopped, or crashed.
    Gone,
    /// It may still change sides: ask again.
    UnderWay,
}

/// Judges from what the source said, and the destination **afterwards**, both after the way in was closed
/// at the destination. A guest leaves the source for the destination, never the other way: asked in the
/// other order, one that arrives in between would be seen at neither. And what begins after both were
/// asked, because an order to send it waited until then, would be seen by nobody.
#[must_use]
pub fn verdict(source: Report, destination: Report) -> Verdict {
    let strange = source.stranger || destination.stranger;
    let unfinished = source.acting || destination.sight == Sight::Incoming;
    match (source.sight, destination.sight) {
        _ if strange && !removed(Mutation::OtherLifeAnswers) => Verdict::UnderWay,
        _ if unfinished && !removed(Mutation::MoveUnfinished) => Verdict::UnderWay,
        (Sight::Nothing, Sight::Nothing) => Verdict::Gone,
        (Sight::Nothing, Sight::Here) => Verdict::Moved,
        (_, Sight::Nothing | Sight::Incoming) => Verdict::Stayed,
        (_, Sight::Here) => Verdict::UnderWay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(sight: Sight) -> Report {
        Report { sight, ..Report::default() }
    }

    #[test]
    fn a_migration_is_judged_only_when_it_is_over_at_both_ends() {
        let judged = |source, destination| verdict(says(source), says(destination));
        assert_eq!(judged(Sight::Here, Sight::Nothing), Verdict::Stayed);
        assert_eq!(judged(Sight::Nothing, Sight::Here), Verdict::Moved);
        assert_eq!(judged(Sight::Nothing, Sight::Nothing), Verdict::Gone);
        assert_eq!(judged(Sight::Here, Sight::Here), Verdict::UnderWay);
        assert_eq!(judged(Sight::Here, Sight::Incoming), Verdict::UnderWay);
        assert_eq!(judged(Sight::Nothing, Sight::Incoming), Verdict::UnderWay);
        let sends = Report { acting: true, ..says(Sight::Here) };
        assert_eq!(verdict(sends, says(Sight::Nothing)), Verdict::UnderWay);
        let anew = Report { stranger: true, ..says(Sight::Nothing) };
        assert_eq!(verdict(anew, says(Sight::Nothing)), Verdict::UnderWay);
        assert_eq!(verdict(says(Sight::Here), anew), Verdict::UnderWay);
    }

    #[test]
    fn who_is_left_runs_it_only_when_it_has_all_of_it() {
        assert_eq!(presence(says(Sight::Here)), Presence::Runs);
        assert_eq!(presence(says(Sight::Incoming)), Presence::Stranded);
        assert_eq!(presence(says(Sight::Nothing)), Presence::Gone);
        let acts = Report { acting: true, ..says(Sight::Nothing) };
        assert_eq!(presence(acts), Presence::Undecided);
        let anew = Report { stranger: true, ..says(Sight::Nothing) };
        assert_eq!(presence(anew), Presence::Undecided);
    }
}
