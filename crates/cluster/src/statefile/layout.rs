//! Which block is whose.

use crate::api::BlockRange;
use crate::mutation::{Mutation, on};

/// The two superblocks.
pub(crate) const SUPERBLOCKS: [u32; 2] = [0, 1];
/// First beat block; two per slot, by parity of the incarnation.
const BEATS: u32 = 8;
/// First copy of the ballots; two ballots of two blocks each per slot.
const BALLOTS_A: u32 = 256;
/// Second copy of the ballots.
const BALLOTS_B: u32 = 512;
/// Blocks of a ballot copy.
pub(crate) const BALLOT_BLOCKS: u32 = 2;
/// Blocks that a statefile must have.
pub const STATEFILE_BLOCKS: u32 = 1024;

/// Which of the two copies of a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BallotCopy {
    First,
    Second,
}

pub(crate) fn parity(inc: u64) -> u8 {
    u8::from(inc % 2 == 1 && !on(Mutation::NoParity))
}

pub(crate) fn beat_block(slot: u8, parity: u8) -> u32 {
    BEATS + 2 * u32::from(slot) + u32::from(parity)
}

pub(crate) fn ballot_block(slot: u8, parity: u8, copy: BallotCopy) -> u32 {
    let first = match copy {
        BallotCopy::First => BALLOTS_A,
        BallotCopy::Second => BALLOTS_B,
    };
    first + BALLOT_BLOCKS * (2 * u32::from(slot) + u32::from(parity))
}

/// What a round reads of a pool whose highest slot is `slots - 1`: superblocks, beats and the
/// first copies of the ballots.
pub(crate) fn round_ranges(slots: u8) -> [BlockRange; 3] {
    let slots = u32::from(slots);
    [
        BlockRange { first: SUPERBLOCKS[0], count: 2 },
        BlockRange { first: BEATS, count: 2 * slots },
        BlockRange { first: BALLOTS_A, count: 2 * BALLOT_BLOCKS * slots },
    ]
}

#[cfg(test)]
mod tests {
    use super::{STATEFILE_BLOCKS, round_ranges};

    #[test]
    fn a_round_reads_the_places_of_the_pool_and_no_others() {
        let blocks = |slots| round_ranges(slots).iter().map(|range| range.count).sum::<u32>();
        assert_eq!([1, 3, 64].map(blocks), [8, 20, 386]);
        assert!(round_ranges(64).iter().all(|range| range.first + range.count < STATEFILE_BLOCKS));
    }
}
