//! What this guard knows of one host, over all its incarnations.
//!
//! Owns: when something was first seen. Every date is on this host's clock, and never earlier
//! than the fact that it dates, so that a wait counted from it is never too short.

use crate::health::Hearing;
use crate::record::Seat;
use crate::report::Report;

/// Entries kept of a history; the oldest beyond are dropped, which only lengthens waits.
const HISTORY_MAX: usize = 40;

/// Growing values with the time at which each was first seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Vec<(u64, u64)>);

impl History {
    /// Notes a value; smaller and equal ones are old news.
    pub(crate) fn note(&mut self, value: u64, now: u64) {
        if self.0.last().is_none_or(|(last, _)| value > *last) {
            if self.0.len() == HISTORY_MAX {
                self.0.remove(0);
            }
            self.0.push((value, now));
        }
    }
    pub(crate) fn newest(&self) -> Option<u64> {
        self.0.last().map(|(value, _)| *value)
    }
    /// When a value greater than `value` was first seen.
    pub(crate) fn above_since(&self, value: u64) -> Option<u64> {
        self.0.iter().find(|(seen, _)| *seen > value).map(|(_, at)| *at)
    }
    /// The newest value that was first seen at `time` or earlier.
    pub(crate) fn newest_at(&self, time: u64) -> Option<u64> {
        self.0.iter().rev().find(|(_, at)| *at <= time).map(|(value, _)| *value)
    }
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A vote as it was received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vote {
    pub(crate) epoch: u64,
    /// When this host sent the beat that the vote echoes.
    pub(crate) sent_at: u64,
}

/// One host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    pub(crate) slot: u8,
    /// Incarnations by first sight: a higher one proves all lower ones dead.
    incs: History,
    /// Epochs that the present incarnation was seen to confirm.
    pub(crate) confirms: History,
    /// Epochs up to which its database IO was seen drained.
    pub(crate) drained: History,
    /// Newest report of the present incarnation, its sequence and arrival.
    pub(crate) report: Report,
    pub(crate) report_sequence: u64,
    pub(crate) report_at: Option<u64>,
    /// Last datagram of the present incarnation: sequence, and arrival per network.
    pub(crate) heard_sequence: u64,
    pub(crate) heard: Vec<Option<u64>>,
    /// How well.
    pub(crate) hearing: Hearing,
    /// The id of the key by which that datagram was authentic; 0: there is none.
    pub(crate) signed: u64,
    /// Its newest vote.
    pub(crate) vote: Option<Vote>,
    /// Completion of the read in which one of its beat blocks was last seen changed.
    pub(crate) changed_at: Option<u64>,
    /// Its beat block was seen to change at least once after the first sight in this life.
    pub(crate) progressed_at: Option<u64>,
    /// Since when it has done so without a gap.
    pub(crate) progress_since: Option<u64>,
    /// Highest incarnation that a beat block bore.
    pub(crate) wrote_inc: u64,
    /// Begin of the latest read that showed the final mark (tombstone or *excluded*) of `.0`.
    pub(crate) final_mark: Option<(u64, u64)>,
    /// The incarnation that left by a clean shutdown.
    pub(crate) excluded: Option<u64>,
    /// Lives known to be dead, with the date of that knowledge.
    dead: Vec<(u64, u64)>,
}

impl Peer {
    pub(crate) fn new(slot: u8) -> Self {
        Self { slot, ..Self::default() }
    }

    /// The highest incarnation seen; 0: none.
    pub(crate) fn inc(&self) -> u64 {
        self.incs.newest().unwrap_or(0)
    }
    pub(crate) fn seat(&self) -> Seat {
        Seat { slot: self.slot, inc: self.inc() }
    }

    /// Notes an incarnation; true if it is the newest one (known or new).
    pub(crate) fn see_inc(&mut self, inc: u64, now: u64) -> bool {
        if inc > self.inc() {
            self.incs.note(inc, now);
            self.confirms.clear();
            self.drained.clear();
            self.report = Report::default();
            self.report_sequence = 0;
            self.report_at = None;
            self.heard_sequence = 0;
            self.heard.clear();
            self.hearing = Hearing::default();
            self.signed = 0;
            self.vote = None;
            self.progressed_at = None;
            self.progress_since = None;
        }
        inc == self.inc()
    }

    /// Takes a report of the present incarnation.
    pub(crate) fn take_report(&mut self, sequence: u64, report: Report, now: u64) {
        self.confirms.note(report.confirmed, now);
        self.drained.note(report.drained, now);
        if sequence > self.report_sequence || self.report_at.is_none() {
            self.report = report;
            self.report_sequence = sequence;
            self.report_at = Some(now);
        }
    }

    /// Notes that its beat block changed; a gap longer than `gap` begins anew.
    pub(crate) fn note_progress(&mut self, now: u64, gap: u64) {
        if self.progressed_at.is_none_or(|at| now > at + gap) {
            self.progress_since = Some(now);
        }
        self.progressed_at = Some(now);
    }

    /// Forgets that a life was taken for dead: it was silent while it waited for admission, held
    /// no permit, and now is a member.
    pub(crate) fn admitted(&mut self, inc: u64) {
        self.dead.retain(|(dead, _)| *dead < inc);
    }

    /// Notes that a life is dead.
    pub(crate) fn set_dead(&mut self, inc: u64, now: u64) {
        if self.dead_since(inc).is_none() {
            self.dead.push((inc, now));
        }
    }

    /// The life has written its tombstone, or that it left in order: it has no permit any more, and
    /// gives no vote. That its VMs are gone counts only after a decision without it.
    pub(crate) fn marked(&self, inc: u64) -> bool {
        self.final_mark.is_some_and(|(marked, _)| marked == inc)
    }

    /// Since when this guard has known that the life is dead.
    pub(crate) fn dead_since(&self, inc: u64) -> Option<u64> {
        let by_wait = self.dead.iter().filter(|(dead, _)| *dead >= inc).map(|(_, at)| *at).min();
        match (by_wait, self.incs.above_since(inc)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Since when this guard has known that the life no longer votes for epoch `epoch`: it
    /// confirmed a newer one, or it is dead.
    pub(crate) fn left_since(&self, inc: u64, epoch: u64) -> Option<u64> {
        let confirmed = if inc == self.inc() { self.confirms.above_since(epoch) } else { None };
        match (confirmed, self.dead_since(inc)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Highest life that is known dead.
    pub(crate) fn highest_dead(&self) -> Option<u64> {
        let by_wait = self.dead.iter().map(|(inc, _)| *inc).max();
        by_wait.max(self.inc().checked_sub(1))
    }

    /// Last arrival of a datagram on any network.
    pub(crate) fn heard_at(&self) -> Option<u64> {
        self.heard.iter().copied().flatten().max()
    }

    pub(crate) fn is(&self, flag: u16) -> bool {
        self.report.flags.has(flag)
    }
}
