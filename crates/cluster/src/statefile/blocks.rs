//! Contents of the blocks.

use uuid::Uuid;

use crate::BLOCK_SIZE;
use crate::block::{Padded, SharedBlock};
use crate::codec::{Reader, Writer, begin_sealed, end_sealed, seal, sealed, unseal};
use crate::ids::HostId;
use crate::record::{Record, Seat, get_seat, put_seat};
use crate::report::{BallotNumber, Report};
use crate::statefile::layout::BALLOT_BLOCKS;

const SUPER_MAGIC: &[u8; 8] = b"HVNSUPR1";
const BEAT_MAGIC: &[u8; 8] = b"HVNBEAT1";
const BALLOT_MAGIC: &[u8; 8] = b"HVNBALL1";
/// Bytes of one ballot copy.
pub(crate) const BALLOT_BYTES: usize = BLOCK_SIZE * BALLOT_BLOCKS as usize;

/// The superblock: which generation this volume serves, and record 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) generation: Uuid,
    pub(crate) statefile: Uuid,
    pub(crate) genesis: Record,
}

impl Superblock {
    pub(crate) fn encode(&self) -> Option<SharedBlock> {
        let mut out = sealed(BLOCK_SIZE);
        out.uuid(self.generation);
        out.uuid(self.statefile);
        self.genesis.put(&mut out)?;
        seal(SUPER_MAGIC, out, BLOCK_SIZE)
    }
    pub(crate) fn decode(block: &Padded<'_>) -> Option<Self> {
        let mut input = Reader::new(unseal(SUPER_MAGIC, block)?.1);
        Some(Self {
            generation: input.uuid()?,
            statefile: input.uuid()?,
            genesis: Record::decode(input.rest())?,
        })
    }
}

/// Whose block it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) generation: Uuid,
    pub(crate) host: HostId,
    pub(crate) seat: Seat,
}

impl Owner {
    fn put(&self, out: &mut Writer) {
        out.uuid(self.generation);
        out.uuid(self.host.0);
        put_seat(out, self.seat);
    }
    fn get(input: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            generation: input.uuid()?,
            host: HostId(input.uuid()?),
            seat: get_seat(input)?,
        })
    }
}

/// A beat block. Incarnation 0 with sequence 0: assigned, never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    pub(crate) owner: Owner,
    pub(crate) sequence: u64,
    pub(crate) report: Report,
}

impl Beat {
    pub(crate) fn encode(&self) -> SharedBlock {
        let mut block = SharedBlock::padded(&[], BLOCK_SIZE);
        self.encode_in(&mut Writer::with_capacity(256), &mut block);
        block
    }
    /// The same in the place of `block`, in its memory where that is possible.
    pub(crate) fn encode_in(&self, room: &mut Writer, block: &mut SharedBlock) {
        begin_sealed(room);
        self.owner.put(room);
        room.u64(self.sequence);
        self.report.put(room);
        // It always fits: its length is fixed.
        block.refill(end_sealed(BEAT_MAGIC, room, BLOCK_SIZE).unwrap_or_default(), BLOCK_SIZE);
    }
    /// The block's checksum, and what it says.
    pub(crate) fn decode(block: &Padded<'_>) -> Option<(u32, Self)> {
        let (crc, content) = unseal(BEAT_MAGIC, block)?;
        let mut input = Reader::new(content);
        let owner = Owner::get(&mut input)?;
        let sequence = input.u64()?;
        let report = Report::get(&mut input)?;
        Some((crc, Self { owner, sequence, report }))
    }
}

/// An acceptor's state for the instance after `decided`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Acceptor {
    /// The newest decided record that it knows; `None`: only the genesis record.
    pub(crate) decided: Option<Record>,
    /// Highest ballot promised (`mbal`).
    pub(crate) promised: BallotNumber,
    /// Ballot of the accepted value (`bal`), and the value.
    pub(crate) accepted: Option<(BallotNumber, Record)>,
}

impl Acceptor {
    pub(crate) const fn blank() -> Self {
        Self { decided: None, promised: BallotNumber::ZERO, accepted: None }
    }
    /// Number of the epoch whose instance this state is about.
    pub(crate) fn instance(&self) -> u64 {
        self.decided.as_ref().map_or(0, |record| record.number) + 1
    }
    /// Takes over what `other` knows: the later instance wins, within one the higher ballots.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.instance() > self.instance() {
            self.clone_from(other);
        } else if other.instance() == self.instance() {
            self.promised = self.promised.max(other.promised);
            let newer = match (&self.accepted, &other.accepted) {
                (Some((mine, _)), Some((theirs, _))) => theirs > mine,
                (None, Some(_)) => true,
                _ => false,
            };
            if newer {
                self.accepted.clone_from(&other.accepted);
            }
        }
    }
}

/// A ballot block (one copy).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ballot {
    pub(crate) owner: Owner,
    /// Counts the writes of this incarnation; of two valid copies the higher one is newer.
    pub(crate) version: u64,
    pub(crate) state: Acceptor,
}

impl Ballot {
    pub(crate) fn encode(&self) -> Option<SharedBlock> {
        let mut out = sealed(512);
        self.owner.put(&mut out);
        out.u64(self.version);
        self.state.promised.put(&mut out);
        put_record(&mut out, self.state.decided.as_ref())?;
        let (ballot, value) = match &self.state.accepted {
            Some((ballot, value)) => (*ballot, Some(value)),
            None => (BallotNumber::ZERO, None),
        };
        ballot.put(&mut out);
        put_record(&mut out, value)?;
        seal(BALLOT_MAGIC, out, BALLOT_BYTES)
    }
    /// The checksum of a valid copy, and its content for [`Self::parse`].
    pub(crate) fn checked<'a>(block: &'a Padded<'_>) -> Option<(u32, &'a [u8])> {
        unseal(BALLOT_MAGIC, block)
    }
    pub(crate) fn parse(content: &[u8]) -> Option<Self> {
        let mut input = Reader::new(content);
        let owner = Owner::get(&mut input)?;
        let version = input.u64()?;
        let promised = BallotNumber::get(&mut input)?;
        let decided = get_record(&mut input)?;
        let ballot = BallotNumber::get(&mut input)?;
        let accepted = get_record(&mut input)?.map(|value| (ballot, value));
        Some(Self { owner, version, state: Acceptor { decided, promised, accepted } })
    }
}

pub(crate) fn put_record(out: &mut Writer, record: Option<&Record>) -> Option<()> {
    let at = out.len();
    out.u16(0);
    if let Some(record) = record {
        record.put(out)?;
        let length = u16::try_from(out.len() - at - 2).ok()?;
        out.patch(at, &length.to_le_bytes())?;
    }
    Some(())
}

/// Outer `None`: malformed; inner: no record.
pub(crate) fn get_record(input: &mut Reader<'_>) -> Option<Option<Record>> {
    let length = usize::from(input.u16()?);
    let bytes = input.raw(length)?;
    if bytes.is_empty() { Some(None) } else { Some(Some(Record::decode(bytes)?)) }
}
