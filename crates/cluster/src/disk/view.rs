//! The newest content of one statefile as this guard read it.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::BLOCK_SIZE;
use crate::record::Record;
use crate::statefile::blocks::{BALLOT_BYTES, Ballot, Beat, Superblock};
use crate::statefile::layout::BallotCopy;

/// Tells contents of a beat block apart.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Print {
    /// A valid block: written once with this incarnation and sequence.
    Valid { inc: u64, sequence: u64, crc: u32 },
    /// Anything else, by its hash.
    Invalid([u8; 32]),
}

/// The blocks of one host for one parity of its incarnations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    print: Option<Print>,
    /// Highest (incarnation, sequence) ever read here.
    beat_high: (u64, u64),
    pub(crate) ballot: Option<Ballot>,
    ballot_crc: u32,
    ballot_high: (u64, u64),
    /// Neither copy could be read in the last read.
    pub(crate) ballot_bad: bool,
    /// The first copy could not be read in the last read.
    pub(crate) first_bad: bool,
}

/// What a read brought for one place.
#[derive(Debug)]
pub(crate) struct SeenBeat {
    pub(crate) slot: u8,
    /// The content, if it is a valid block.
    pub(crate) beat: Option<Beat>,
    /// It differs from what was there before.
    pub(crate) changed: bool,
    /// Nothing was known of this block before.
    pub(crate) first: bool,
}

/// One statefile.
#[derive(Debug)]
pub(crate) struct FileView {
    uuid: Uuid,
    generation: Uuid,
    /// By slot, then parity.
    pub(crate) places: Vec<[Place; 2]>,
    pub(crate) genesis: Option<Record>,
    /// The last read found a valid superblock of another generation or volume.
    pub(crate) foreign: bool,
    /// The last read found no valid superblock.
    pub(crate) superblock_bad: bool,
    /// The last read was older than an earlier one: restored from a copy.
    pub(crate) regressed: bool,
    /// Completion of the last cycle in which everything worked.
    pub(crate) good_at: Option<u64>,
    pub(crate) latency: u64,
}

impl FileView {
    pub(crate) fn new(uuid: Uuid, generation: Uuid, slots: usize) -> Self {
        Self {
            uuid,
            generation,
            places: (0..slots).map(|_| Default::default()).collect(),
            genesis: None,
            foreign: false,
            superblock_bad: false,
            regressed: false,
            good_at: None,
            latency: 0,
        }
    }

    pub(crate) fn grow(&mut self, slots: usize) {
        if slots > self.places.len() {
            self.places.resize_with(slots, Default::default);
        }
    }

    /// Takes the superblocks (two blocks).
    pub(crate) fn take_superblocks(&mut self, bytes: &[u8]) {
        let valid: Vec<Superblock> =
            bytes.chunks(BLOCK_SIZE).filter_map(Superblock::decode).collect();
        self.superblock_bad = valid.is_empty();
        let ours = |block: &&Superblock| {
            block.generation == self.generation && block.statefile == self.uuid
        };
        if let Some(block) = valid.iter().find(ours) {
            self.genesis = Some(block.genesis.clone());
        }
        self.foreign = !valid.is_empty() && !valid.iter().any(|block| ours(&block));
        self.regressed = false;
    }

    /// Takes one beat block.
    pub(crate) fn take_beat(&mut self, slot: u8, parity: u8, bytes: &[u8]) -> Option<SeenBeat> {
        let generation = self.generation;
        let place = self.place_mut(slot, parity)?;
        let beat = Beat::decode(bytes)
            .filter(|beat| beat.owner.generation == generation && beat.owner.seat.slot == slot);
        let print = match &beat {
            Some(beat) => Print::Valid {
                inc: beat.owner.seat.inc,
                sequence: beat.sequence,
                crc: crc32c::crc32c(bytes),
            },
            None => Print::Invalid(Sha256::digest(bytes).into()),
        };
        let first = place.print.is_none();
        let changed = place.print.as_ref() != Some(&print);
        place.print = Some(print);
        let mut regressed = false;
        if let Some(beat) = &beat {
            let at = (beat.owner.seat.inc, beat.sequence);
            regressed = at < place.beat_high;
            place.beat_high = place.beat_high.max(at);
        }
        self.regressed |= regressed;
        Some(SeenBeat { slot, beat, changed, first })
    }

    /// Takes one copy of a ballot; false if it could not be read.
    pub(crate) fn take_ballot(
        &mut self,
        slot: u8,
        parity: u8,
        copy: BallotCopy,
        bytes: &[u8],
    ) -> bool {
        let generation = self.generation;
        let Some(place) = self.place_mut(slot, parity) else { return true };
        let Some(bytes) = bytes.get(..BALLOT_BYTES) else { return false };
        let crc = crc32c::crc32c(bytes);
        let first = copy == BallotCopy::First;
        if place.ballot.is_some() && !place.ballot_bad && place.ballot_crc == crc {
            place.first_bad &= !first;
            return true;
        }
        let ballot = Ballot::decode(bytes).filter(|ballot| {
            ballot.owner.generation == generation && ballot.owner.seat.slot == slot
        });
        place.first_bad = if first { ballot.is_none() } else { true };
        let Some(ballot) = ballot else {
            place.ballot_bad = true;
            return false;
        };
        let at = (ballot.owner.seat.inc, ballot.version);
        let high = place.ballot_high;
        // The second copy may lag by the write that was cut off between the two: such a write
        // never counted. Anything else that is older than what was seen is a restored volume.
        let cut_off =
            !first && ((at.0 == high.0 && at.1 + 1 == high.1) || (at.0 < high.0 && high.1 == 1));
        place.ballot_bad = false;
        if at >= high {
            place.ballot_high = at;
            place.ballot = Some(ballot);
            place.ballot_crc = crc;
        } else if !cut_off {
            self.regressed = true;
        }
        true
    }

    fn place_mut(&mut self, slot: u8, parity: u8) -> Option<&mut Place> {
        self.places.get_mut(usize::from(slot))?.get_mut(usize::from(parity))
    }

    /// All ballots of a slot that could be read.
    pub(crate) fn ballots(&self, slot: usize) -> impl Iterator<Item = &Ballot> {
        self.places.get(slot).into_iter().flatten().filter_map(|place| place.ballot.as_ref())
    }
}
