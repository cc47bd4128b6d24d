//! When the coordinator that a record names may act, and who is named next.

use crate::control::IsolationResponse;
use crate::machine::Machine;
use crate::mutation::{Mutation, on};
use crate::record::{AREA_COUNT, OpenEpoch, Record, Seat, bit};
use crate::timing::ns;

/// How long a daemon must have been gone: it is started again and again meanwhile.
const DAEMON_GONE_MS: u64 = 300_000;

impl Machine {
    /// Looks again whether this host may act as coordinator.
    pub(crate) fn judge_coordinator(&mut self) {
        let closed = self.database_closed;
        let idle = closed && !on(Mutation::ClosedForGood);
        let may = self.permit_valid() && !idle && self.coordinator_cleared();
        let named = self.decided.as_ref().is_some_and(|record| record.coordinator == self.me);
        let epoch = self.epoch();
        if may {
            self.acted_in = epoch;
        }
        // Who is not coordinator and never acted since its IO was last drained has none; nor has a daemon
        // that closed the database before it ended.
        if !named && (closed || self.drained >= self.acted_in) {
            self.note_drained(epoch);
        }
        if may != self.may_act {
            self.may_act = may;
            self.changed();
        }
    }

    /// Another host is named, and may not act before this one says that its database IO is drained; but
    /// the daemon that has to say so is gone and does not come back: no memory is left to start it, or
    /// whatever it is. Without a coordinator nobody's machines are restarted: this host gives way.
    pub(crate) fn free_office(&mut self) {
        let Some(record) = &self.decided else { return };
        let heir = record.coordinator;
        let owes = heir != self.me && self.is_member() && self.drained < self.acted_in;
        let gone = |since: u64| self.now >= since.saturating_add(ns(DAEMON_GONE_MS));
        if owes && self.havend_dead_since.is_some_and(gone) && self.disk_live(heir.slot) {
            self.begin_fence(
                "its pool daemon does not come back, and the next coordinator waits for it",
            );
        }
    }

    pub(crate) fn note_drained(&mut self, epoch: u64) {
        self.drained = self.drained.max(epoch);
        let (drained, now, slot) = (self.drained, self.now, self.me.slot);
        if let Some(peer) = self.peer_mut(slot) {
            peer.drained.note(drained, now);
        }
    }

    /// The newest record names this life, it has an area to write, and every coordinator of an
    /// open epoch is dead or has confirmed a newer epoch than the last that named it, drained.
    fn coordinator_cleared(&self) -> bool {
        let Some(record) = &self.decided else { return false };
        if record.coordinator != self.me || !record.armed {
            return false;
        }
        let has_area = record.area_next.is_some() || record.area_owner == self.me;
        let named = || record.open.iter().filter(|open| open.coordinator != self.me);
        let newest = named().map(|open| open.number).max();
        let cleared = named().all(|open| {
            if on(Mutation::LastCoordinatorOnly) && Some(open.number) != newest {
                return true;
            }
            let last = named().filter(|other| other.coordinator == open.coordinator);
            let last = last.map(|other| other.number).max().unwrap_or(open.number);
            self.coordinator_left(open.coordinator, last)
        });
        has_area && (cleared || on(Mutation::NoCoordinatorWait))
    }

    fn coordinator_left(&self, seat: Seat, last: u64) -> bool {
        let Some(peer) = self.peer(seat.slot) else { return false };
        if peer.dead_since(seat.inc).is_some() {
            return true;
        }
        if peer.inc() != seat.inc {
            return false;
        }
        let confirmed = peer.confirms.newest().unwrap_or(0);
        let drained = peer.drained.newest().unwrap_or(0);
        if on(Mutation::AnyEpochClears) {
            return confirmed != last;
        }
        confirmed > last && (drained >= last || on(Mutation::DrainIgnored))
    }

    /// The seat to name in the next record, whose members are `members`.
    pub(crate) fn next_coordinator(&self, record: &Record, members: &[Seat]) -> Seat {
        let present = |slot: u8| members.iter().copied().find(|seat| seat.slot == slot);
        // Who is named by the last record opens the database at home: its coordinator, and nobody else.
        let wishes = &self.proposer.wishes;
        if wishes.disarm.is_none() || on(Mutation::LastNamesAnother) {
            let heir = wishes.hand_over.and_then(|(_, slot)| present(slot));
            if let Some(seat) = heir.or_else(|| self.held_heir(record, members)) {
                return seat;
            }
        }
        if let Some(seat) = members.iter().find(|seat| **seat == record.coordinator) {
            return *seat;
        }
        // Its host in a new life has the database at hand; else the lowest with a good disk.
        let live = |seat: &&Seat| self.disk_live(seat.slot) && self.linked(self.me.slot, seat.slot);
        present(record.coordinator.slot)
            .filter(|_| !self.is_member())
            .or_else(|| members.iter().find(live).copied())
            .unwrap_or(self.me)
    }

    /// Isolation response `hold`: nobody goes out, but the role moves to the better component.
    fn held_heir(&self, record: &Record, members: &[Seat]) -> Option<Seat> {
        let best = self.role_moves_to(record)?;
        members.iter().copied().find(|seat| best & bit(seat.slot) != 0)
    }

    /// The component to which the role moves under `hold`, as a set of slots.
    pub(crate) fn role_moves_to(&self, record: &Record) -> Option<u64> {
        if self.config.isolation_response != IsolationResponse::Hold {
            return None;
        }
        let best = self.best_component(record)?;
        let moves = best & bit(self.me.slot) != 0 && best & bit(record.coordinator.slot) == 0;
        moves.then_some(best)
    }

    /// An area that no open epoch's coordinator may write.
    pub(crate) fn free_area(record: &Record, open: &[&OpenEpoch]) -> Option<u8> {
        let mut used = bit(record.area_live) | record.area_next.map_or(0, bit);
        if !on(Mutation::AreaReused) {
            used |= open.iter().fold(0, |set, epoch| set | bit(epoch.area));
        }
        (0..AREA_COUNT).find(|area| used & bit(*area) == 0)
    }
}
