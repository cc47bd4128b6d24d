//! What a host says of itself, in its beat block and in every datagram.

use crate::codec::{Reader, Writer};
use crate::record::{Seat, get_seat, put_seat};

/// A ballot number: unique by its proposer's seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BallotNumber {
    pub(crate) counter: u64,
    pub(crate) seat: Seat,
}

impl BallotNumber {
    /// Below every ballot that is proposed.
    pub(crate) const ZERO: Self = Self { counter: 0, seat: Seat { slot: 0, inc: 0 } };

    pub(crate) fn put(self, out: &mut Writer) {
        out.u64(self.counter);
        put_seat(out, self.seat);
    }
    pub(crate) fn get(input: &mut Reader<'_>) -> Option<Self> {
        Some(Self { counter: input.u64()?, seat: get_seat(input)? })
    }
}

/// One-bit statements of a report, and in the upper byte which two keys it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(pub(crate) u16);

impl Flags {
    /// This incarnation fenced itself completely.
    pub(crate) const TOMBSTONE: u16 = 1;
    /// This incarnation left by a clean shutdown; nothing runs.
    pub(crate) const EXCLUDED: u16 = 2;
    /// Fencing is under way.
    pub(crate) const FENCING: u16 = 4;
    /// A permit is held.
    pub(crate) const PERMIT: u16 = 8;
    /// "I confirm my epoch and know no newer one and no newer proposal in phase 2."
    pub(crate) const VOTE: u16 = 16;
    /// An isolation address answers.
    pub(crate) const ISOLATION: u16 = 32;
    /// The statefiles are read and written.
    pub(crate) const DISK_GOOD: u16 = 64;
    /// Not a member; asks to be admitted.
    pub(crate) const WANTS_IN: u16 = 128;

    /// The tag of the two keys that are held ([`KeysView::tag`](crate::keys::KeysView)): the upper byte.
    pub(crate) fn keys(self) -> u8 {
        self.0.to_be_bytes()[0]
    }
    pub(crate) fn with_keys(self, tag: u8) -> Self {
        Self(self.0 | u16::from(tag) << 8)
    }
    pub(crate) fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }
    pub(crate) fn with(self, flag: u16, on: bool) -> Self {
        if on { Self(self.0 | flag) } else { self }
    }
}

/// A host's statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) flags: Flags,
    /// The newest epoch that this incarnation confirms.
    pub(crate) confirmed: u64,
    /// Slots whose datagrams arrive.
    pub(crate) hears: u64,
    /// Slots whose beat blocks progress.
    pub(crate) progress: u64,
    /// The newest epoch number for which a proposal was seen.
    pub(crate) proposal: u64,
    /// Database IO issued under epochs up to this one has returned.
    pub(crate) drained: u64,
    /// Running VMs, and of those protected ones.
    pub(crate) running: u32,
    pub(crate) protected: u32,
}

impl Report {
    pub(crate) fn put(&self, out: &mut Writer) {
        out.u16(self.flags.0);
        out.u64(self.confirmed);
        out.u64(self.hears);
        out.u64(self.progress);
        out.u64(self.proposal);
        out.u64(self.drained);
        out.u32(self.running);
        out.u32(self.protected);
    }
    pub(crate) fn get(input: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            flags: Flags(input.u16()?),
            confirmed: input.u64()?,
            hears: input.u64()?,
            progress: input.u64()?,
            proposal: input.u64()?,
            drained: input.u64()?,
            running: input.u32()?,
            protected: input.u32()?,
        })
    }
}
