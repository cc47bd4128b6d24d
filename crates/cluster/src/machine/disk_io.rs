//! Running the cycles of statefile IO and taking in what they bring.

use crate::BLOCK_SIZE;
use crate::api::{BlockRange, IoFailed, IoId, Output, ReadBytes, SharedBlock};
use crate::disk::cycle::{Cycle, Outcome, Purpose, Step, majority};
use crate::machine::{Carry, Machine, Round};
use crate::mutation::{Mutation, on};
use crate::record::bit;
use crate::report::Flags;
use crate::statefile::blocks::{Acceptor, Ballot, Beat, Owner};
use crate::statefile::layout::{
    BALLOT_BLOCKS, BallotCopy, ballot_block, beat_block, parity, round_ranges,
};
use crate::timing::ns;

/// An IO under way.
#[derive(Debug)]
pub(crate) enum Pending {
    Write {
        file: u8,
        purpose: Purpose,
        cycle: u64,
    },
    /// Superblocks, beats and first copies of the ballots of `slots` slots.
    Read {
        file: u8,
        purpose: Purpose,
        cycle: u64,
        start: u64,
        slots: u8,
    },
    /// Second copies of the places whose first copy was bad.
    ReadSecond {
        file: u8,
        purpose: Purpose,
        cycle: u64,
        start: u64,
        places: Vec<(u8, u8)>,
    },
    /// The places of hosts that are added.
    AssignRead {
        file: u8,
        number: u64,
    },
    /// A block of such a place.
    AssignWrite {
        file: u8,
        number: u64,
    },
}

impl Machine {
    pub(crate) fn cycle(&self, purpose: Purpose) -> Option<&Cycle> {
        match purpose {
            Purpose::Beat => self.beat_cycle.as_ref(),
            Purpose::Ballot => self.ballot_cycle.as_ref(),
        }
    }
    fn cycle_mut(&mut self, purpose: Purpose) -> Option<&mut Cycle> {
        match purpose {
            Purpose::Beat => self.beat_cycle.as_mut(),
            Purpose::Ballot => self.ballot_cycle.as_mut(),
        }
    }
    pub(crate) fn running(&self, purpose: Purpose) -> bool {
        self.cycle(purpose).is_some_and(|cycle| cycle.outcome() == Outcome::Running)
    }
    /// Number of statefile IOs that have not returned.
    pub(crate) fn io_in_flight(&self) -> usize {
        self.pending.len()
    }
    fn write_in_flight(&self, file: u8, purpose: Purpose) -> bool {
        self.pending.iter().any(
            |(_, io)| matches!(io, Pending::Write { file: f, purpose: p, .. } if *f == file && *p == purpose),
        )
    }
    /// The block of this purpose may not be written now: a write of it is under way, or one of a
    /// ballot failed and may still land over what would be written.
    fn block_closed(&self, file: u8, purpose: Purpose) -> bool {
        let late = ns(u64::from(self.timing().t_late_ms));
        let failed = || {
            let at = self.files.get(usize::from(file)).and_then(|view| view.ballot_failed_at);
            let at = at.filter(|_| purpose == Purpose::Ballot && !on(Mutation::FailedForgotten));
            at.is_some_and(|at| self.now < at + late)
        };
        self.write_in_flight(file, purpose) || failed()
    }
    /// A write of this purpose is under way on some statefile.
    pub(crate) fn writing(&self, purpose: Purpose) -> bool {
        (0u8..).take(self.files.len()).any(|file| self.write_in_flight(file, purpose))
    }
    fn too_busy(&self, purpose: Purpose) -> bool {
        let busy = (0u8..).take(self.files.len()).filter(|f| self.block_closed(*f, purpose));
        // So many cannot make a majority.
        busy.count() + majority(self.files.len()) > self.files.len()
    }

    /// No ballot cycle runs, and a new one can reach a majority.
    pub(crate) fn ballot_free(&self) -> bool {
        self.now >= self.ballot_pause
            && !self.running(Purpose::Ballot)
            && !self.too_busy(Purpose::Ballot)
    }

    /// Begins the cycles that are due.
    pub(crate) fn start_due_cycles(&mut self) {
        if self.fence.active() || self.finished {
            return;
        }
        let late = ns(u64::from(self.timing().t_late_ms));
        let waited = self.now >= self.booted_at + late || on(Mutation::NoLateWait);
        if self.carry == Carry::Read && waited && self.is_alone() && self.ballot_free() {
            self.carry = Carry::Writing;
            self.write_ballot();
        }
        if self.carry == Carry::Done && self.ballot_dirty && self.ballot_free() {
            self.write_ballot();
        }
        if self.round_due && !self.running(Purpose::Beat) && !self.too_busy(Purpose::Beat) {
            self.round_due = false;
            let writes = self.carry == Carry::Done && !self.looks_first();
            let writes = if writes { self.beat_writes() } else { Vec::new() };
            self.start_cycle(Purpose::Beat, writes, true);
        }
    }

    /// The beat block as it is to be written now, in the room of the cycle before, which is over.
    pub(crate) fn beat_writes(&mut self) -> Vec<(u32, SharedBlock)> {
        self.sequence += 1;
        let owner = self.owner();
        let beat = Beat { owner, sequence: self.sequence, report: self.report() };
        let mut writes = match &mut self.beat_cycle {
            Some(cycle) => std::mem::take(&mut cycle.writes),
            None => Vec::new(),
        };
        let number = beat_block(self.me.slot, parity(self.me.inc));
        writes.resize_with(1, || (number, SharedBlock::padded(&[], BLOCK_SIZE)));
        if let Some((at, block)) = writes.first_mut() {
            *at = number;
            beat.encode_in(&mut self.room.encoded, block);
        }
        writes
    }

    fn owner(&self) -> Owner {
        Owner { generation: self.config.generation, host: self.host, seat: self.me }
    }

    /// Writes the acceptor's state in both copies, one after the other, then reads.
    pub(crate) fn write_ballot(&mut self) {
        self.ballot_version += 1;
        let ballot = Ballot {
            owner: self.owner(),
            version: self.ballot_version,
            state: self.acceptor.clone(),
        };
        let Some(bytes) = ballot.encode() else {
            self.reset("its ballot no longer fits into its block");
            return;
        };
        let own = parity(self.me.inc);
        let mut writes = Vec::new();
        for p in [own, 1 - own] {
            // The other block belongs to dead lives; it is rewritten only if it became unreadable.
            if p == own || self.own_place_bad(p) {
                let both = [BallotCopy::First, BallotCopy::Second];
                for copy in both.into_iter().take(if on(Mutation::OneCopy) { 1 } else { 2 }) {
                    writes.push((ballot_block(self.me.slot, p, copy), bytes.clone()));
                }
            }
        }
        self.ballot_dirty = false;
        self.start_cycle(Purpose::Ballot, writes, true);
    }

    fn own_place_bad(&self, parity: u8) -> bool {
        (0u8..).take(self.files.len()).any(|file| self.own_place_bad_on(file, parity))
    }

    fn own_place_bad_on(&self, file: u8, parity: u8) -> bool {
        let (slot, parity) = (usize::from(self.me.slot), usize::from(parity));
        let place = self.files.get(usize::from(file)).and_then(|file| file.places.get(slot));
        place.and_then(|place| place.get(parity)).is_some_and(|place| place.first_bad)
    }

    /// The other block is written only where it is unreadable: elsewhere it may say what this life
    /// has not read, and no other statefile knows.
    fn is_due(&self, file: u8, block: u32) -> bool {
        let other = 1 - parity(self.me.inc);
        let copies = [BallotCopy::First, BallotCopy::Second];
        let is_other = copies.iter().any(|copy| ballot_block(self.me.slot, other, *copy) == block);
        !is_other || self.own_place_bad_on(file, other)
    }

    pub(crate) fn start_cycle(
        &mut self,
        purpose: Purpose,
        writes: Vec<(u32, SharedBlock)>,
        reads: bool,
    ) {
        let id = self.next_cycle;
        self.next_cycle += 1;
        let confirmed = self.confirmed();
        let before = match purpose {
            Purpose::Beat => self.beat_cycle.take(),
            Purpose::Ballot => self.ballot_cycle.take(),
        };
        let mut steps = before.map(|cycle| cycle.steps).unwrap_or_default();
        steps.clear();
        for file in (0u8..).take(self.files.len()) {
            let step = match writes.first() {
                None => Step::Wrote,
                Some(_) if self.block_closed(file, purpose) => Step::Busy,
                Some((block, bytes)) => {
                    let (block, bytes) = (*block, bytes.clone());
                    self.issue_write(Pending::Write { file, purpose, cycle: id }, block, bytes);
                    Step::Writing(0)
                }
            };
            steps.push(step);
        }
        let cycle = Cycle {
            id,
            writes,
            started: self.now,
            wrote_at: None,
            steps,
            confirmed,
            settled: false,
            reads,
        };
        match purpose {
            Purpose::Beat => self.beat_cycle = Some(cycle),
            Purpose::Ballot => self.ballot_cycle = Some(cycle),
        }
        self.pump(purpose);
    }

    pub(crate) fn new_io(&mut self, pending: Pending) -> IoId {
        let io = IoId(self.next_io);
        self.next_io += 1;
        self.pending.push((io, pending));
        io
    }

    fn take_pending(&mut self, io: IoId) -> Option<Pending> {
        let at = self.pending.iter().position(|(of, _)| *of == io)?;
        Some(self.pending.swap_remove(at).1)
    }

    fn issue_write(&mut self, pending: Pending, block: u32, bytes: SharedBlock) {
        let (Pending::Write { file, .. }
        | Pending::AssignRead { file, .. }
        | Pending::AssignWrite { file, .. }
        | Pending::Read { file, .. }
        | Pending::ReadSecond { file, .. }) = pending;
        let io = self.new_io(pending);
        self.output(Output::Write { io, statefile: file, block, bytes });
    }

    /// Issues reads once the writes are on a majority, and acts on the outcome once.
    fn pump(&mut self, purpose: Purpose) {
        let (now, slots) = (self.now, u8::try_from(self.peers.len()).unwrap_or(64));
        let Some(cycle) = self.cycle_mut(purpose) else { return };
        let id = cycle.id;
        // A set of statefiles.
        let mut to_read = 0;
        if cycle.written() && cycle.reads {
            cycle.wrote_at.get_or_insert(now);
            for (file, step) in (0u8..).zip(cycle.steps.iter_mut()) {
                if *step == Step::Wrote {
                    *step = Step::Reading(now);
                    to_read |= bit(file);
                }
            }
        }
        let outcome = cycle.outcome();
        let settle = outcome != Outcome::Running && !cycle.settled;
        cycle.settled |= settle;
        if self.room.round.0 != slots {
            self.room.round = (slots, round_ranges(slots).into());
        }
        for file in crate::record::slots(to_read) {
            let io = self.new_io(Pending::Read { file, purpose, cycle: id, start: now, slots });
            self.output(Output::Read { io, statefile: file, ranges: self.room.round.1.clone() });
        }
        if settle {
            self.cycle_done(purpose, outcome == Outcome::Good);
        }
    }

    pub(crate) fn write_done(&mut self, io: IoId, result: Result<(), IoFailed>) {
        if result.is_err() {
            self.io_failed_at = Some(self.now);
        }
        match self.take_pending(io) {
            Some(Pending::Write { file, purpose, cycle: id }) => {
                if result.is_err()
                    && purpose == Purpose::Ballot
                    && let Some(view) = self.files.get_mut(usize::from(file))
                {
                    view.ballot_failed_at = Some(self.now);
                }
                self.cycle_write_done(file, purpose, id, result.is_ok());
            }
            Some(Pending::AssignWrite { file, number }) => {
                self.assign_wrote(file, number, result.is_ok());
            }
            _ => {}
        }
    }

    fn cycle_write_done(&mut self, file: u8, purpose: Purpose, id: u64, ok: bool) {
        let Some(cycle) = self.cycle_mut(purpose).filter(|cycle| cycle.id == id) else { return };
        let Some(Step::Writing(index)) = cycle.steps.get(usize::from(file)).copied() else {
            return;
        };
        let next = cycle.writes.get(index + 1).cloned();
        let next = next.filter(|(block, _)| self.is_due(file, *block));
        let Some(cycle) = self.cycle_mut(purpose) else { return };
        let Some(step) = cycle.steps.get_mut(usize::from(file)) else { return };
        *step = match (&next, ok) {
            (_, false) => Step::Bad,
            (Some(_), true) => Step::Writing(index + 1),
            (None, true) => Step::Wrote,
        };
        let next = next.filter(|_| ok);
        if let Some((block, bytes)) = next {
            self.issue_write(Pending::Write { file, purpose, cycle: id }, block, bytes);
        }
        self.pump(purpose);
    }

    pub(crate) fn read_done(&mut self, io: IoId, result: Result<ReadBytes<'_>, IoFailed>) {
        if result.is_err() {
            self.io_failed_at = Some(self.now);
        }
        let bytes = result.ok();
        match self.take_pending(io) {
            Some(Pending::Read { file, purpose, cycle, start, slots }) => {
                let bad = bytes.and_then(|bytes| self.take_first(file, start, slots, bytes));
                match bad {
                    Some(places) if !places.is_empty() => {
                        let ranges = places
                            .iter()
                            .map(|(slot, p)| BlockRange {
                                first: ballot_block(*slot, *p, BallotCopy::Second),
                                count: BALLOT_BLOCKS,
                            })
                            .collect();
                        let next = Pending::ReadSecond { file, purpose, cycle, start, places };
                        let io = self.new_io(next);
                        self.output(Output::Read { io, statefile: file, ranges });
                    }
                    Some(_) => self.read_complete(file, purpose, cycle, start, true),
                    None => self.read_complete(file, purpose, cycle, start, false),
                }
            }
            Some(Pending::ReadSecond { file, purpose, cycle, start, places }) => {
                let ok = bytes.is_some_and(|bytes| self.take_second(file, &places, bytes));
                self.read_complete(file, purpose, cycle, start, ok);
            }
            Some(Pending::AssignRead { file, number }) => self.assign_read(file, number, bytes),
            _ => {}
        }
    }

    /// Takes a first read; gives the places whose first ballot copy is bad.
    fn take_first(
        &mut self,
        file: u8,
        start: u64,
        slots: u8,
        bytes: ReadBytes<'_>,
    ) -> Option<Vec<(u8, u8)>> {
        let (count, copy) = (2 * usize::from(slots), BALLOT_BLOCKS as usize);
        if bytes.blocks() != 2 + count + count * copy {
            return None;
        }
        let places = || (0..slots).flat_map(|slot| [(slot, 0u8), (slot, 1u8)]);
        let mut seen = std::mem::take(&mut self.room.seen);
        seen.clear();
        let view = self.files.get_mut(usize::from(file))?;
        view.take_superblocks(bytes.part(0, 2));
        for ((slot, p), at) in places().zip(2..) {
            seen.extend(view.take_beat(slot, p, bytes.part(at, 1)));
        }
        let mut bad = Vec::new();
        for ((slot, p), at) in places().zip((2 + count..).step_by(copy)) {
            if !view.take_ballot(slot, p, BallotCopy::First, bytes.part(at, copy)) {
                bad.push((slot, p));
            }
        }
        bad.retain(|(slot, _)| self.assigned(*slot));
        // An own block that cannot be read is rewritten from memory.
        let own_bad = bad.iter().any(|(slot, _)| *slot == self.me.slot);
        self.ballot_dirty |= own_bad && self.carry == Carry::Done;
        for beat in &seen {
            self.observe_beat(beat, start);
        }
        self.room.seen = seen;
        Some(bad)
    }

    fn take_second(&mut self, file: u8, places: &[(u8, u8)], bytes: ReadBytes<'_>) -> bool {
        let Some(view) = self.files.get_mut(usize::from(file)) else { return false };
        let copy = BALLOT_BLOCKS as usize;
        let mut all = bytes.blocks() == places.len() * copy;
        for ((slot, p), at) in places.iter().zip((0..).step_by(copy)) {
            all &= view.take_ballot(*slot, *p, BallotCopy::Second, bytes.part(at, copy));
        }
        all
    }

    /// A read of one statefile ended; `ok`: all ballots were readable.
    fn read_complete(&mut self, file: u8, purpose: Purpose, id: u64, start: u64, ok: bool) {
        self.observe_ballots(file);
        if self.finished {
            return;
        }
        let now = self.now;
        let Some(view) = self.files.get_mut(usize::from(file)) else { return };
        let young = matches!(self.carry, Carry::Reading | Carry::Read) && on(Mutation::CarryUnread);
        let ok = ok || young || on(Mutation::UnreadableIgnored);
        // A life that has not written yet waits for its own blocks alone, and what it takes over is the
        // newest that it ever saw of each: one that saw a first copy rot, and the second one older,
        // would wait for ever.
        let only_reads = matches!(self.carry, Carry::Reading | Carry::Read);
        let regressed = view.regressed && !only_reads;
        let good = ok && view.genesis.is_some() && !view.foreign && !regressed;
        let foreign = view.foreign || view.superblock_bad && on(Mutation::SuperblockNeeded);
        if good {
            view.good_at = Some(now);
            view.latency = now - start;
            if purpose == Purpose::Beat {
                let cycle = self.beat_cycle.as_ref().filter(|cycle| cycle.id == id);
                self.note_round(file, cycle.map(|cycle| cycle.started));
            }
        }
        if foreign && self.carry == Carry::Done {
            self.begin_fence("the statefile was formatted for another generation");
        }
        if let Some(cycle) = self.cycle_mut(purpose).filter(|cycle| cycle.id == id) {
            if let Some(step) = cycle.steps.get_mut(usize::from(file)) {
                *step = if good { Step::Good(start) } else { Step::Bad };
            }
            self.pump(purpose);
        }
    }

    fn cycle_done(&mut self, purpose: Purpose, good: bool) {
        if self.finished {
            return;
        }
        match purpose {
            Purpose::Beat => {
                if good {
                    self.round_complete();
                }
            }
            Purpose::Ballot => {
                if !good {
                    self.ballot_dirty = true;
                    self.ballot_pause = self.now + self.beat_ns() / 2;
                }
                if self.carry == Carry::Writing {
                    self.carry = if good { Carry::Done } else { Carry::Read };
                    self.beat_asap |= good;
                    if good {
                        self.want_watchdog();
                    }
                } else {
                    self.ballot_cycle_done(good);
                }
            }
        }
    }

    /// A majority of the statefiles was written (unless this life still reads only) and read.
    fn round_complete(&mut self) {
        if self.read_since.is_none() {
            self.read_since = Some(self.now);
            self.beat_asap = true;
        }
        if self.carry == Carry::Reading {
            self.carry_over();
            return;
        }
        let Some(cycle) = self.beat_cycle.take() else { return };
        if cycle.writes.is_empty() {
            self.watched(cycle.read_from().unwrap_or(cycle.started));
            self.looked();
        } else if cycle.reads {
            let read_started = cycle.read_from().unwrap_or(cycle.started);
            self.last_round = Some(Round {
                write_started: cycle.started,
                read_started,
                confirmed: cycle.confirmed,
            });
            self.renew_by_disk(&cycle);
            let (now, gap) = (self.now, ns(u64::from(self.timing().t_put_ms)));
            let slot = self.me.slot;
            if let Some(peer) = self.peer_mut(slot) {
                peer.note_progress(now, gap);
            }
        }
        self.beat_cycle = Some(cycle);
        self.next_tick = self.now;
    }

    /// Takes over what the earlier lives of this host promised and accepted.
    fn carry_over(&mut self) {
        let slot = usize::from(self.me.slot);
        let mut state = Acceptor::blank();
        if !on(Mutation::NoCarry) {
            for ballot in self.files.iter().flat_map(|file| file.ballots(slot)) {
                state.merge(&ballot.state);
            }
        }
        self.acceptor = state;
        self.carry = Carry::Read;
        self.begin_watch();
        self.adopt_decided();
    }

    /// The newest epoch that this incarnation confirms: one that it knows and read itself.
    pub(crate) fn confirmed(&self) -> u64 {
        if self.read_since.is_some() || on(Mutation::VotesUnread) { self.epoch() } else { 0 }
    }

    /// The flags that stand in beats and datagrams.
    pub(crate) fn flags(&self) -> Flags {
        let ready = self.carry == Carry::Done
            && self.permit.watchdog == crate::permit::Watchdog::Armed
            && self.is_settled()
            && !self.fence.active();
        Flags::default()
            .with(Flags::TOMBSTONE, self.fence.tombstone())
            .with(Flags::EXCLUDED, self.fence.excluded())
            .with(Flags::FENCING, self.fence.active() || self.fence.asking())
            .with(Flags::PERMIT, self.permit_valid())
            .with(Flags::VOTE, self.says_vote())
            .with(Flags::ISOLATION, self.isolation)
            .with(Flags::DISK_GOOD, self.disk_good())
            .with(Flags::WANTS_IN, ready && !self.is_member())
            .with_keys(self.keys.view.tag())
    }

    /// The last beat cycle completed within `T_net`.
    pub(crate) fn disk_good(&self) -> bool {
        let limit = ns(u64::from(self.timing().t_net_ms));
        self.last_round.is_some_and(|round| self.now < round.write_started + limit)
    }
}
