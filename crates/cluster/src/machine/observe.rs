//! What blocks and datagrams teach: incarnations, reports, decided records, proposals.

use crate::disk::view::{Place, SeenBeat};
use crate::machine::{Carry, Machine};
use crate::mutation::{Mutation, on};
use crate::record::{Record, Seat, bit};
use crate::report::{BallotNumber, Flags};
use crate::statefile::blocks::Acceptor;
use crate::timing::ns;

/// Lives that were put out and are remembered at most.
const OUTED_MAX: usize = 512;

impl Machine {
    /// A slot that belongs to a host of the pool.
    pub(crate) fn assigned(&self, slot: u8) -> bool {
        self.config.hosts.iter().any(|spec| spec.slot == u16::from(slot))
            || self.decided.as_ref().is_some_and(|record| record.slots() & bit(slot) != 0)
    }

    /// A read that began at `start` showed this beat block.
    pub(crate) fn observe_beat(&mut self, seen: &SeenBeat, start: u64) {
        let now = self.now;
        let own = seen.slot == self.me.slot;
        let gap = ns(u64::from(self.timing().t_put_ms));
        let Some(peer) = self.peer_mut(seen.slot) else { return };
        if seen.changed {
            peer.changed_at = Some(now);
        }
        let Some(beat) = seen.beat.as_ref().filter(|beat| beat.owner.seat.inc > 0) else { return };
        let inc = beat.owner.seat.inc;
        peer.wrote_inc = peer.wrote_inc.max(inc);
        if own {
            return self.observe_own(beat, seen.changed && !seen.first, start);
        }
        if !peer.see_inc(inc, now) {
            return;
        }
        if seen.changed && !seen.first {
            peer.note_progress(now, gap);
        }
        let before = peer.report.confirmed;
        peer.take_report(beat.sequence, beat.report, now);
        let flags = beat.report.flags;
        if flags.has(Flags::TOMBSTONE) || flags.has(Flags::EXCLUDED) {
            peer.final_mark = Some((inc, start));
        }
        if flags.has(Flags::EXCLUDED) {
            peer.excluded = Some(inc);
        }
        if peer.report.confirmed > before {
            self.next_tick = now;
        }
    }

    /// Somebody wrote with this host's identity and an incarnation that is not below its own.
    pub(crate) fn incarnation_taken(&mut self, inc: u64) {
        if self.carry == Carry::Done {
            self.begin_fence("a later incarnation of this host has written");
        } else {
            self.restart(inc);
        }
    }

    /// Takes what the ballots of statefile `file` say.
    pub(crate) fn observe_ballots(&mut self, file: u8) {
        let Some(view) = self.files.get(usize::from(file)) else { return };
        let young = self.decided.is_none();
        let mut newest = if young { view.genesis.clone() } else { None };
        let (known, slots) = (self.epoch(), view.places.len());
        for slot in 0..slots {
            for ballot in view.ballots(slot) {
                let number = ballot.state.decided.as_ref().map_or(0, |record| record.number);
                let best = newest.as_ref().map_or(known, |record| record.number);
                if number > best {
                    newest.clone_from(&ballot.state.decided);
                }
            }
        }
        for slot in 0..slots {
            for seat in self.ballot_seats(file, slot).into_iter().flatten() {
                self.observe_seat(seat);
            }
        }
        if let Some(record) = newest {
            self.learn(record);
        }
        self.carry_late(file);
        self.flee_proposals();
    }

    /// Whose the ballots of a slot are, by parity.
    fn ballot_seats(&self, file: u8, slot: usize) -> [Option<Seat>; 2] {
        let view = self.files.get(usize::from(file));
        let places = view.and_then(|view| view.places.get(slot));
        let seat = |place: &Place| place.ballot.as_ref().map(|ballot| ballot.owner.seat);
        places.map_or([None; 2], |places| places.each_ref().map(seat))
    }

    /// A ballot of this life was read.
    fn observe_seat(&mut self, seat: Seat) {
        let (now, me) = (self.now, self.me);
        if seat.inc == 0 {
            return;
        }
        if seat.slot == me.slot {
            if seat.inc > me.inc || (seat.inc == me.inc && !self.wrote_ballot()) {
                self.incarnation_taken(seat.inc);
            }
        } else if let Some(peer) = self.peer_mut(seat.slot) {
            peer.see_inc(seat.inc, now);
        }
    }

    /// What an earlier life of this host promised and accepted on a statefile that was read after
    /// the first majority: one of those may have lied.
    fn carry_late(&mut self, file: u8) {
        let carried = matches!(self.carry, Carry::Read | Carry::Writing | Carry::Done);
        if !carried || on(Mutation::NoCarry) || on(Mutation::CarryUnread) {
            return;
        }
        let Some(view) = self.files.get(usize::from(file)) else { return };
        let mine = &self.acceptor;
        let news = view.ballots(usize::from(self.me.slot)).find(|ballot| {
            let theirs = &ballot.state;
            let accepted = |state: &Acceptor| state.accepted.as_ref().map(|(number, _)| *number);
            ballot.owner.seat.inc < self.me.inc
                && theirs.instance() == mine.instance()
                && (theirs.promised > mine.promised || accepted(theirs) > accepted(mine))
        });
        if let Some(state) = news.map(|ballot| ballot.state.clone()) {
            self.acceptor.merge(&state);
            self.ballot_dirty = true;
        }
    }

    fn wrote_ballot(&self) -> bool {
        matches!(self.carry, Carry::Writing | Carry::Done) || self.ballot_version > 0
    }

    /// All values in phase 2 that were seen, own ones included.
    pub(crate) fn accepted_values(&self) -> impl Iterator<Item = &(BallotNumber, Record)> {
        let seen = self.files.iter().flat_map(|file| {
            let places = file.places.iter().flatten();
            places.filter_map(|place| place.ballot.as_ref()?.state.accepted.as_ref())
        });
        seen.chain(self.acceptor.accepted.as_ref())
    }

    /// A member that a proposal in phase 2 leaves out fences: the proposal may be decided.
    fn flee_proposals(&mut self) {
        let epoch = self.epoch();
        let out = self
            .accepted_values()
            .any(|(_, value)| value.number > epoch && value.armed && !value.has(self.me));
        if out && self.is_member() && !on(Mutation::DiskIgnoresPhase2) {
            self.put_out("a proposal in phase 2 leaves this host out");
        }
    }

    /// Takes a decided record that is newer than the one known.
    pub(crate) fn learn(&mut self, record: Record) {
        let first = self.decided.is_none();
        if !first && record.number <= self.epoch() {
            return;
        }
        let (number, known) = (record.number, self.epoch());
        let now = self.now;
        let bite_ms = self.timing().t_wd_ms;
        let stood = self.is_member() || record.open.iter().any(|open| open.has(self.me));
        let mut left: Vec<Seat> =
            record.open.iter().flat_map(|open| open.members.clone()).collect();
        left.extend(self.decided.iter().flat_map(Record::seats));
        left.sort_unstable();
        left.dedup();
        for seat in left {
            let known = self.outed.iter().any(|(out, _, _)| *out == seat);
            if !record.has(seat) && !known {
                self.outed.push((seat, number, now));
            }
        }
        // Also the places of those that only an open epoch names: a host that was removed meanwhile is
        // in no configuration any more, and whether it left is to be seen in its block alone.
        let named =
            record.open.iter().flat_map(|open| open.members.iter().chain([&open.coordinator]));
        let slots = record.seats().chain(named.copied()).map(|seat| usize::from(seat.slot) + 1);
        let slots = slots.max().unwrap_or(0);
        self.grow(slots);
        let seats: Vec<Seat> = record.seats().collect();
        for seat in seats {
            if let Some(peer) = self.peer_mut(seat.slot) {
                peer.admitted(seat.inc);
            }
        }
        if let Some(before) = self.decided.take() {
            self.note_put_outs(&before, &record);
        }
        self.drop_proofs(&record);
        let (armed, member) = (record.armed, record.has(self.me));
        let area = record.area_next.filter(|_| record.coordinator == self.me);
        self.named = area.map(|area| match self.named {
            // What records between said that this life has not read is not known.
            Some((before, since)) if before == area && number == known + 1 => (area, since),
            _ => (area, number),
        });
        self.decided = Some(record);
        self.rearm_watchdog(bite_ms);
        self.decided_at = now;
        self.forget_outed();
        self.adopt_decided();
        let me = self.me;
        if let Some(peer) = self.peer_mut(me.slot) {
            peer.confirms.note(number, now);
        }
        self.beat_asap = true;
        self.next_tick = now;
        self.proposal_decided(number);
        self.changed();
        if !armed {
            self.disarmed();
        } else if stood && !member {
            self.put_out("a decided epoch leaves this host out");
        }
    }

    /// Memory of lives that are in no open epoch any more and known dead is not needed.
    fn forget_outed(&mut self) {
        if self.outed.len() <= OUTED_MAX {
            return;
        }
        let open = self.decided.as_ref().map(Record::open_and_self).unwrap_or_default();
        let needed: Vec<Seat> = open.into_iter().flat_map(|open| open.members).collect();
        self.outed.retain(|(seat, _, _)| needed.contains(seat));
    }

    /// The acceptor moves on to the instance after the newest decided record.
    pub(crate) fn adopt_decided(&mut self) {
        let Some(record) = &self.decided else { return };
        if record.number >= self.acceptor.instance() {
            self.acceptor = Acceptor { decided: Some(record.clone()), ..Acceptor::blank() };
            self.ballot_dirty = true;
        }
        if let Some(record) = self.acceptor.decided.clone() {
            self.learn(record);
        }
    }

    /// Makes room for hosts in higher slots.
    pub(crate) fn grow(&mut self, slots: usize) {
        while self.peers.len() < slots.min(crate::record::SLOTS_MAX) {
            let slot = u8::try_from(self.peers.len()).unwrap_or(u8::MAX);
            self.peers.push(crate::peer::Peer::new(slot));
        }
        let slots = self.peers.len();
        for file in &mut self.files {
            file.grow(slots);
        }
    }

    /// The beat block of the host's present incarnation changed within `T_put`.
    pub(crate) fn disk_live(&self, slot: u8) -> bool {
        let limit = ns(u64::from(self.timing().t_put_ms));
        if slot == self.me.slot {
            return self.disk_good();
        }
        let at = self.peer(slot).and_then(|peer| peer.progressed_at);
        at.is_some_and(|at| self.now < at + limit)
    }

    /// Its datagrams arrived within `T_net`.
    pub(crate) fn heard(&self, slot: u8) -> bool {
        self.hears() & bit(slot) != 0
    }
}
