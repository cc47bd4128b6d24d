//! A place of the statefile for a host that is added.
//!
//! Owns: that a place is read before it is written. What a life of this generation wrote there
//! stays, for its promises may have been counted: by a coordinator that added the host before this
//! one knew of it. What belongs to another host is never given away. Only what is neither is
//! blanked, on every statefile that can be read, before anybody may take the host in.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::BLOCK_SIZE;
use crate::api::{BlockRange, Output, ReadBytes, SharedBlock};
use crate::block::Padded;
use crate::control::{ArmConfig, HostSpec};
use crate::disk::cycle::majority;
use crate::ids::HostId;
use crate::machine::Machine;
use crate::machine::disk_io::Pending;
use crate::proposer::Change;
use crate::statefile::assign_writes;
use crate::statefile::blocks::{Ballot, Beat, Owner};
use crate::statefile::layout::{BALLOT_BLOCKS, BallotCopy, ballot_block, beat_block};
use crate::timing::ns;

/// An assignment under way.
#[derive(Debug)]
pub(crate) struct Assign {
    number: u64,
    pub(crate) change: Change,
    /// Hosts that are added, by slot.
    fresh: Vec<HostSpec>,
    begun: u64,
    files: Vec<Part>,
}

/// How far it is on one statefile.
#[derive(Debug)]
enum Part {
    Reading,
    /// What the blocks of the places hold.
    Read(BTreeMap<u32, Mark>),
    /// It cannot be read: the owner rewrites its place there when it can.
    Lost,
    Writing(Vec<(u32, SharedBlock)>),
    Done,
}

/// What a block of a place is, in this generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Nobody's: never assigned, or not readable.
    Nobody,
    /// Of this life (0: assigned, never written).
    Of(HostId, u64),
}

impl Machine {
    /// Begins to assign the places of `fresh`; `config` is taken when that is done.
    pub(crate) fn begin_assign(
        &mut self,
        command: u64,
        config: Box<ArmConfig>,
        mut fresh: Vec<HostSpec>,
    ) {
        let late = ns(u64::from(self.timing().t_late_ms));
        let lands = self.assign_failed_at.is_some_and(|at| self.now < at + late);
        if lands || self.assign_write_in_flight() {
            let text = "an earlier write to the place of an added host may still land; try again";
            self.refuse(command, "HA_STATEFILE_FAILED", text);
            return;
        }
        fresh.sort_unstable_by_key(|spec| spec.slot);
        let slots: Vec<u8> = fresh.iter().filter_map(|spec| u8::try_from(spec.slot).ok()).collect();
        let number = self.next_cycle;
        self.next_cycle += 1;
        let files = (0..self.files.len()).map(|_| Part::Reading).collect();
        let change = Change { command, config, settled: 0 };
        self.assign = Some(Assign { number, change, fresh, begun: self.now, files });
        for file in (0u8..).take(self.files.len()) {
            let io = self.new_io(Pending::AssignRead { file, number });
            self.output(Output::Read { io, statefile: file, ranges: ranges(&slots) });
        }
    }

    /// A read of the places returned.
    pub(crate) fn assign_read(&mut self, file: u8, number: u64, bytes: Option<ReadBytes<'_>>) {
        let generation = self.config.generation;
        let Some(assign) = self.assign.as_mut().filter(|assign| assign.number == number) else {
            return;
        };
        let marks =
            bytes.and_then(|bytes| marks(&generation, &assign.fresh, &bytes.bytes().bytes()));
        if let Some(part) = assign.files.get_mut(usize::from(file))
            && matches!(part, Part::Reading)
        {
            *part = marks.map_or(Part::Lost, Part::Read);
        }
        self.step_assign();
    }

    /// A write to a place returned.
    pub(crate) fn assign_wrote(&mut self, file: u8, number: u64, ok: bool) {
        if !ok {
            self.assign_failed_at = Some(self.now);
        }
        let Some(assign) = self.assign.as_mut().filter(|assign| assign.number == number) else {
            return;
        };
        if !ok {
            self.end_assign("the added host's place could not be written");
            return;
        }
        if let Some(Part::Writing(left)) = assign.files.get_mut(usize::from(file))
            && !left.is_empty()
        {
            left.remove(0);
        }
        if self.may_assign() {
            self.write_next(file);
        }
        self.step_assign();
    }

    /// The next coordinator may have given the place already, and its host may live there.
    fn may_assign(&self) -> bool {
        self.decided.as_ref().is_some_and(|record| record.coordinator == self.me)
    }

    fn assign_write_in_flight(&self) -> bool {
        self.pending.iter().any(|(_, io)| matches!(io, Pending::AssignWrite { .. }))
    }

    fn end_assign(&mut self, why: &str) {
        if let Some(assign) = self.assign.take() {
            self.refuse(assign.change.command, "HA_STATEFILE_FAILED", why);
        }
    }

    /// Goes on as far as what returned and the time allow.
    pub(crate) fn step_assign(&mut self) {
        if !self.may_assign() {
            return self.end_assign("this host is no longer coordinator");
        }
        let timing = self.timing();
        let Some(assign) = &mut self.assign else { return };
        let all = assign.files.len();
        let count = |test: fn(&Part) -> bool| assign.files.iter().filter(|p| test(p)).count();
        let reading = count(|part| matches!(part, Part::Reading));
        let read = count(|part| matches!(part, Part::Read(_)));
        let lost = count(|part| matches!(part, Part::Lost));
        let done = count(|part| matches!(part, Part::Done));
        let waited = |ms: u32| self.now >= assign.begun + ns(u64::from(ms));
        if all - lost < majority(all) || (reading > 0 && waited(timing.t_lease_ms)) {
            self.end_assign("too few statefiles answer to give the added host its place");
        } else if read > 0 && (reading == 0 || (read >= majority(all) && waited(timing.t_net_ms))) {
            self.judge_places();
        } else if reading + read == 0 && done + lost < all && waited(2 * timing.t_lease_ms) {
            self.give_up_writing();
        } else if reading == 0 && done + lost == all {
            // Blank or its own on a majority: it can be read from now on.
            if let Some(assign) = self.assign.take() {
                self.take_config(assign.change, true);
            }
        }
    }

    /// A write is stuck: that statefile is as good as lost, and the write may land yet.
    fn give_up_writing(&mut self) {
        self.assign_failed_at = Some(self.now);
        let Some(assign) = &mut self.assign else { return };
        for part in assign.files.iter_mut().filter(|part| matches!(part, Part::Writing(_))) {
            *part = Part::Lost;
        }
        self.step_assign();
    }

    /// The places were read: what is nobody's is blanked.
    fn judge_places(&mut self) {
        let generation = self.config.generation;
        let Some(assign) = &mut self.assign else { return };
        let mut writes = Vec::new();
        for spec in &assign.fresh {
            let all = assign_writes(generation, spec);
            let read = || assign.files.iter().filter_map(|part| part.marks());
            let marks = || {
                let of = |marks: &BTreeMap<u32, Mark>, block: u32| marks.get(&block).copied();
                read().flat_map(move |m| all_blocks(spec).into_iter().filter_map(move |b| of(m, b)))
            };
            if marks().any(|mark| matches!(mark, Mark::Of(host, _) if host != spec.host)) {
                let text = format!("the place of slot {} belongs to another host", spec.slot);
                self.end_assign(&text);
                return;
            }
            let lived = marks().any(|mark| matches!(mark, Mark::Of(_, inc) if inc > 0));
            if !lived {
                writes.extend(all);
            }
        }
        for part in &mut assign.files {
            *part = match part.marks() {
                Some(marks) => {
                    let blank = |block: &u32| matches!(marks.get(block), Some(Mark::Of(..)));
                    let left = writes.iter().filter(|(block, _)| !blank(block));
                    Part::Writing(left.cloned().collect())
                }
                None => Part::Lost,
            };
        }
        for file in (0u8..).take(self.files.len()) {
            self.write_next(file);
        }
        self.step_assign();
    }

    fn write_next(&mut self, file: u8) {
        let Some(assign) = &mut self.assign else { return };
        let number = assign.number;
        let Some(part) = assign.files.get_mut(usize::from(file)) else { return };
        let Part::Writing(left) = part else { return };
        match left.first().cloned() {
            Some((block, bytes)) => {
                let io = self.new_io(Pending::AssignWrite { file, number });
                self.output(Output::Write { io, statefile: file, block, bytes });
            }
            None => *part = Part::Done,
        }
    }
}

impl Part {
    fn marks(&self) -> Option<&BTreeMap<u32, Mark>> {
        if let Self::Read(marks) = self { Some(marks) } else { None }
    }
}

/// The blocks of the places of these slots, in the order in which [`marks`] takes them.
fn ranges(slots: &[u8]) -> Arc<[BlockRange]> {
    let beats = slots.iter().map(|slot| BlockRange { first: beat_block(*slot, 0), count: 2 });
    let mut all: Vec<BlockRange> = beats.collect();
    for copy in [BallotCopy::First, BallotCopy::Second] {
        all.extend(slots.iter().map(|slot| BlockRange {
            first: ballot_block(*slot, 0, copy),
            count: 2 * BALLOT_BLOCKS,
        }));
    }
    all.into()
}

/// First blocks of everything in a host's place.
fn all_blocks(spec: &HostSpec) -> Vec<u32> {
    let Ok(slot) = u8::try_from(spec.slot) else { return Vec::new() };
    let of = |parity| {
        let ballots = [BallotCopy::First, BallotCopy::Second];
        let ballots = ballots.map(|copy| ballot_block(slot, parity, copy));
        [beat_block(slot, parity), ballots[0], ballots[1]]
    };
    [0, 1].into_iter().flat_map(of).collect()
}

fn ballot_owner(bytes: &[u8]) -> Option<Owner> {
    let bytes = Padded::from(bytes);
    let (_, content) = Ballot::checked(&bytes)?;
    Ballot::parse(content).map(|ballot| ballot.owner)
}

/// What the blocks of the places hold; `None` if these are not as many as were asked for.
fn marks(generation: &uuid::Uuid, fresh: &[HostSpec], bytes: &[u8]) -> Option<BTreeMap<u32, Mark>> {
    let slots: Vec<u8> = fresh.iter().filter_map(|spec| u8::try_from(spec.slot).ok()).collect();
    let mut rest = bytes;
    let mut found = BTreeMap::new();
    let mut take = |count: usize| {
        let (head, tail) = rest.split_at_checked(count * BLOCK_SIZE)?;
        rest = tail;
        Some(head)
    };
    let mark = |owner: Option<Owner>, slot: u8| match owner {
        Some(owner) if owner.generation == *generation && owner.seat.slot == slot => {
            Mark::Of(owner.host, owner.seat.inc)
        }
        _ => Mark::Nobody,
    };
    for slot in &slots {
        for parity in [0, 1] {
            let owner = Beat::decode(&take(1)?.into()).map(|(_, beat)| beat.owner);
            found.insert(beat_block(*slot, parity), mark(owner, *slot));
        }
    }
    for copy in [BallotCopy::First, BallotCopy::Second] {
        for slot in &slots {
            for parity in [0, 1] {
                let owner = ballot_owner(take(BALLOT_BLOCKS as usize)?);
                found.insert(ballot_block(*slot, parity, copy), mark(owner, *slot));
            }
        }
    }
    rest.is_empty().then_some(found)
}

#[cfg(test)]
mod tests;
