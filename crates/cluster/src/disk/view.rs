//! The newest content of one statefile as this guard read it.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::BLOCK_SIZE;
use crate::api::{ReadBytes, SharedBlock};
use crate::block::Padded;
use crate::health::Tally;
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

/// What blocks said when they were decoded last; asked again about the same memory it says it again.
#[derive(Clone, Debug)]
struct Memo<T> {
    blocks: Vec<SharedBlock>,
    /// Bytes that are not shared, if they were to be kept.
    flat: Vec<u8>,
    said: Option<T>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), flat: Vec::new(), said: None }
    }
}

impl<T> Memo<T> {
    /// What `decode` says of these bytes.
    fn of(&mut self, bytes: ReadBytes<'_>, decode: impl FnOnce(&Padded<'_>) -> T) -> Option<&T> {
        if self.said.is_none() || !bytes.is(&self.blocks) {
            self.said = Some(decode(&bytes.bytes()));
            bytes.keep(&mut self.blocks);
        }
        self.said.as_ref()
    }

    /// The same; bytes that are not shared are kept and compared: for a block that never changes.
    fn of_constant(
        &mut self,
        bytes: ReadBytes<'_>,
        decode: impl FnOnce(&Padded<'_>) -> T,
    ) -> Option<&T> {
        if let ReadBytes::Flat(flat) = bytes {
            if self.said.is_some() && self.flat == flat {
                return self.said.as_ref();
            }
            self.flat.clear();
            self.flat.extend_from_slice(flat);
        }
        self.of(bytes, decode)
    }
}

/// The checksum of a ballot copy, if it holds, and what the copy says.
type Said = (Option<u32>, Option<Arc<Ballot>>);

/// What a ballot copy says.
fn said(bytes: &Padded<'_>) -> Said {
    let checked = Ballot::checked(bytes);
    let ballot = checked.and_then(|(_, content)| Ballot::parse(content)).map(Arc::new);
    (checked.map(|(crc, _)| crc), ballot)
}

/// The blocks of one host for one parity of its incarnations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    print: Option<Print>,
    pub(crate) ballot: Option<Arc<Ballot>>,
    ballot_crc: u32,
    ballot_high: (u64, u64),
    beat_memo: Memo<(Print, Option<Beat>)>,
    /// By copy.
    ballot_memo: [Memo<Said>; 2],
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
    super_memo: [Memo<Option<Superblock>>; 2],
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
    /// Which of the last rounds of beats were slow here.
    pub(crate) rounds: Tally,
    /// A write of this host's ballot failed here: until it has landed or never will, the block is
    /// closed.
    pub(crate) ballot_failed_at: Option<u64>,
}

impl FileView {
    pub(crate) fn new(uuid: Uuid, generation: Uuid, slots: usize) -> Self {
        Self {
            uuid,
            generation,
            super_memo: Default::default(),
            places: (0..slots).map(|_| Default::default()).collect(),
            genesis: None,
            foreign: false,
            superblock_bad: false,
            regressed: false,
            good_at: None,
            latency: 0,
            rounds: Tally::default(),
            ballot_failed_at: None,
        }
    }

    pub(crate) fn grow(&mut self, slots: usize) {
        if slots > self.places.len() {
            self.places.resize_with(slots, Default::default);
        }
    }

    /// Takes the superblocks (two blocks).
    pub(crate) fn take_superblocks(&mut self, bytes: ReadBytes<'_>) {
        let (generation, uuid) = (self.generation, self.uuid);
        let (mut valid, mut ours) = (false, None);
        for (at, memo) in self.super_memo.iter_mut().enumerate() {
            let read = memo.of_constant(bytes.part(at, 1), Superblock::decode);
            let Some(block) = read.and_then(Option::as_ref) else { continue };
            valid = true;
            if block.generation == generation && block.statefile == uuid {
                ours = ours.or(Some(&block.genesis));
            }
        }
        self.superblock_bad = !valid;
        self.foreign = valid && ours.is_none();
        if ours.is_some() && self.genesis.as_ref() != ours {
            self.genesis = ours.cloned();
        }
        self.regressed = false;
    }

    /// Takes one beat block.
    pub(crate) fn take_beat(
        &mut self,
        slot: u8,
        parity: u8,
        block: ReadBytes<'_>,
    ) -> Option<SeenBeat> {
        let generation = self.generation;
        let place = self.place_mut(slot, parity)?;
        let decode = |bytes: &Padded<'_>| {
            let ours =
                |beat: &Beat| beat.owner.generation == generation && beat.owner.seat.slot == slot;
            match Beat::decode(bytes).filter(|(_, beat)| ours(beat)) {
                Some((crc, beat)) => {
                    let (inc, sequence) = (beat.owner.seat.inc, beat.sequence);
                    (Print::Valid { inc, sequence, crc }, Some(beat))
                }
                None => (Print::Invalid(Sha256::digest(bytes.bytes()).into()), None),
            }
        };
        let (print, beat) = place.beat_memo.of(block, decode)?;
        let beat = *beat;
        let first = place.print.is_none();
        let changed = place.print.as_ref() != Some(print);
        if changed {
            place.print = Some(print.clone());
        }
        // A beat that is older than one seen before proves nothing: a write that failed may land over
        // later ones. What a restored volume has forgotten shows in the ballots.
        Some(SeenBeat { slot, beat, changed, first })
    }

    /// Takes one copy of a ballot; false if it could not be read.
    pub(crate) fn take_ballot(
        &mut self,
        slot: u8,
        parity: u8,
        copy: BallotCopy,
        bytes: ReadBytes<'_>,
    ) -> bool {
        let generation = self.generation;
        let Some(place) = self.place_mut(slot, parity) else { return true };
        let first = copy == BallotCopy::First;
        let same = place.ballot.is_some() && !place.ballot_bad;
        if bytes.blocks() * BLOCK_SIZE != BALLOT_BYTES {
            return false;
        }
        let flat = matches!(bytes, ReadBytes::Flat(_));
        let known = (same && flat).then_some(place.ballot_crc);
        let decode = |bytes: &Padded<'_>| {
            // The content that is kept needs no second look.
            if known.is_some() && Ballot::checked(bytes).map(|(crc, _)| crc) == known {
                return (known, None);
            }
            let (crc, ballot) = said(bytes);
            let ours = |ballot: &Arc<Ballot>| {
                ballot.owner.generation == generation && ballot.owner.seat.slot == slot
            };
            (crc, ballot.filter(ours))
        };
        let Some(memo) = place.ballot_memo.get_mut(usize::from(!first)) else { return true };
        let Some((crc, ballot)) = memo.of(bytes, decode) else { return true };
        if same && Some(place.ballot_crc) == *crc {
            place.first_bad &= !first;
            return true;
        }
        place.first_bad = if first { ballot.is_none() } else { true };
        let (Some(ballot), Some(crc)) = (ballot, *crc) else {
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
            place.ballot_crc = crc;
            place.ballot = Some(ballot.clone());
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
        self.places.get(slot).into_iter().flatten().filter_map(|place| place.ballot.as_deref())
    }
}
