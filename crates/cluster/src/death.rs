//! When another host's life counts as dead: the wait that makes restarting its VMs safe.
//!
//! Owns: the death rule, and when an epoch is closed. Rule 3 (power fencing) is in `power`.

use crate::machine::Machine;
use crate::mutation::{Mutation, on};
use crate::power::late_ns;
use crate::record::{OpenEpoch, Record, Seat};
use crate::timing::Timing;

/// The longest waits among several timings: a permit may have been earned under any of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    pub(crate) dead: u64,
    pub(crate) void: u64,
    pub(crate) close: u64,
    pub(crate) late: u64,
}

impl Waits {
    pub(crate) fn of(record: &Record) -> Self {
        let newest_only = on(Mutation::NewestTimingOnly);
        let older = record.open.iter().map(|open| &open.timing).filter(|_| !newest_only);
        let mut waits = Self { dead: 0, void: 0, close: 0, late: 0 };
        let mut last: Option<&Timing> = None;
        for timing in older.chain(std::iter::once(&record.timing)) {
            // Time-outs seldom change.
            if last == Some(timing) {
                continue;
            }
            last = Some(timing);
            waits.dead = waits.dead.max(timing.t_dead_ns());
            waits.void = waits.void.max(timing.t_vote_void_ns());
            waits.close = waits.close.max(timing.t_close_ns());
            waits.late = waits.late.max(late_ns(timing));
        }
        waits
    }
}

impl Machine {
    /// Looks again at every life that the newest epoch leaves out.
    pub(crate) fn judge_deaths(&mut self) {
        self.judge_proofs();
        let Some(record) = &self.decided else { return };
        let waits = Waits::of(record);
        let alive = |seat: &Seat| {
            self.peer(seat.slot).is_some_and(|peer| peer.dead_since(seat.inc).is_none())
        };
        let outed = self.outed.iter().filter(|(seat, _, _)| alive(seat));
        let mut candidates: Vec<(Seat, u64, u64)> = outed.copied().collect();
        // A life in no open epoch holds no permit by votes; it still may hold one it asked for.
        for peer in self.peers.iter().filter(|peer| peer.inc() > 0 && peer.wrote_inc == peer.inc())
        {
            let seat = peer.seat();
            let known = record.has(seat) || self.outed.iter().any(|(out, _, _)| *out == seat);
            if !known && seat.slot != self.me.slot && alive(&seat) {
                candidates.push((seat, record.number, self.decided_at));
            }
        }
        let dead: Vec<Seat> = candidates
            .into_iter()
            .filter(|(seat, epoch, since)| self.provably_dead(*seat, *epoch, *since, waits))
            .map(|(seat, _, _)| seat)
            .collect();
        let now = self.now;
        for seat in dead {
            if let Some(peer) = self.peer_mut(seat.slot) {
                peer.set_dead(seat.inc, now);
            }
            self.changed();
        }
    }

    /// `epoch` left `seat` out, which this host learned at `since`.
    fn provably_dead(&self, seat: Seat, epoch: u64, since: u64, waits: Waits) -> bool {
        if on(Mutation::NoDeathWait) {
            return true;
        }
        let Some(peer) = self.peer(seat.slot) else { return false };
        // Rule 1: a final mark in a read that began after the decision was known.
        let early = on(Mutation::EarlyTombstone);
        if peer.final_mark.is_some_and(|(inc, start)| inc == seat.inc && (start > since || early)) {
            return true;
        }
        // Rule 2, disk: unchanged for T_dead, and read once more after the acknowledgement.
        let reread = self
            .last_round
            .is_some_and(|round| round.confirmed >= epoch && round.read_started > since);
        let silent = peer.changed_at.is_some_and(|at| self.now >= at.saturating_add(waits.dead));
        if !silent || !(reread || on(Mutation::NoReread)) {
            return false;
        }
        // Rule 2, votes: enough members of every epoch under which it may stand left that epoch.
        let Some(record) = &self.decided else { return false };
        let past = self.now.saturating_sub(waits.dead);
        let mut from = None;
        if seat.inc == peer.inc() {
            let at = if on(Mutation::ConfirmedAtOnce) { self.now } else { past };
            from = peer.confirms.newest_at(at);
        }
        if on(Mutation::LastEpochOnly) {
            from = record.open.iter().filter(|open| open.has(seat)).map(|open| open.number).max();
        }
        let from = from.unwrap_or(0);
        let mut standing = record.open.iter().filter(|open| open.number >= from && open.has(seat));
        standing.all(|open| self.votes_void(open, waits.void)) || on(Mutation::OutsiderTakesOver)
    }

    /// So many members of the epoch left it long enough ago that no permit by its votes is valid.
    fn votes_void(&self, open: &OpenEpoch, age: u64) -> bool {
        let left = open.members.iter().filter(|seat| {
            let Some(peer) = self.peer(seat.slot) else { return false };
            let dead = peer.dead_since(seat.inc).is_some();
            let since = peer.left_since(seat.inc, open.number);
            let age = if on(Mutation::AcksNotAged) || (dead && on(Mutation::DeadNotAged)) {
                0
            } else {
                age
            };
            since.is_some_and(|at| self.now >= at.saturating_add(age))
        });
        left.count() + usize::from(open.q) > open.members.len()
    }

    /// The epoch, `newest` or an open one before it, is closed: nobody stands in it, and no IO of its
    /// coordinator is under way.
    pub(crate) fn closed(&self, open: &OpenEpoch, newest: &Record, waits: Waits) -> bool {
        let mut latest = 0;
        for seat in &open.members {
            let Some(peer) = self.peer(seat.slot) else { return false };
            let Some(left) = peer.left_since(seat.inc, open.number) else { return false };
            latest = latest.max(left);
            let dead = peer.dead_since(seat.inc);
            let later = newest.open.iter().map(|later| (later.number, later.coordinator));
            let named_later = later
                .chain(std::iter::once((newest.number, newest.coordinator)))
                .any(|(number, named)| number > open.number && named == *seat);
            if *seat == open.coordinator && dead.is_none() && !named_later {
                let drained = peer.drained.above_since(open.number.saturating_sub(1));
                let Some(at) = drained.filter(|_| peer.inc() == seat.inc) else { return false };
                latest = latest.max(at);
            }
        }
        let wait = if on(Mutation::CloseAtOnce) { 0 } else { waits.close };
        self.now >= latest.saturating_add(wait)
    }
}
