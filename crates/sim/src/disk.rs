//! Shared statefiles, and each host's path to them.

use std::collections::BTreeSet;
use std::sync::Arc;

use haven_cluster::statefile::STATEFILE_BLOCKS;
use haven_cluster::{BLOCK_SIZE, BlockRange, IoFailed, SharedBlock};

/// How a host reaches its statefiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Path {
    #[default]
    Good,
    /// IO takes up to this many nanoseconds.
    Slow(u64),
    /// IO does not return until the path heals.
    Stalled,
    /// IO fails at once; a write may have landed.
    Failing,
}

/// One statefile: blocks that were never written are zero. Readers share the blocks; a write puts
/// another one in place.
#[derive(Clone, Debug)]
pub(crate) struct Volume {
    blocks: Vec<SharedBlock>,
    copy: Vec<SharedBlock>,
    /// Blocks of which a bit flipped since they were written.
    rotten: BTreeSet<u32>,
}

impl Default for Volume {
    fn default() -> Self {
        let zero = SharedBlock::padded(&[], BLOCK_SIZE);
        Self {
            blocks: vec![zero; STATEFILE_BLOCKS as usize],
            copy: Vec::new(),
            rotten: BTreeSet::new(),
        }
    }
}

impl Volume {
    pub(crate) fn read(&self, range: BlockRange) -> &[SharedBlock] {
        let first = range.first as usize;
        self.blocks.get(first..first + range.count as usize).unwrap_or_default()
    }

    /// Writes the first `length` bytes of `bytes`: a torn write stops early.
    pub(crate) fn write(&mut self, block: u32, bytes: &SharedBlock, length: usize) {
        if !self.rotten.is_empty() {
            let blocks = u32::try_from(length.div_ceil(BLOCK_SIZE)).unwrap_or(0);
            self.rotten.retain(|rotten| !(block..block + blocks).contains(rotten));
        }
        if length == BLOCK_SIZE && bytes.len() == BLOCK_SIZE {
            if let Some(place) = self.blocks.get_mut(block as usize) {
                *place = bytes.clone();
            }
            return;
        }
        let places = self.blocks.iter_mut().skip(block as usize);
        if length == bytes.len() && length.is_multiple_of(BLOCK_SIZE) {
            let mut rest = bytes.head();
            for place in places.take(length / BLOCK_SIZE) {
                let (head, tail) = rest.split_at(rest.len().min(BLOCK_SIZE));
                *place = SharedBlock::padded(head, BLOCK_SIZE);
                rest = tail;
            }
            return;
        }
        let whole = bytes.to_vec();
        let kept = whole.get(..length.min(whole.len())).unwrap_or_default();
        for (place, chunk) in places.zip(kept.chunks(BLOCK_SIZE)) {
            let mut block = place.to_vec();
            block.splice(..chunk.len(), chunk.iter().copied());
            *place = block.into();
        }
    }

    pub(crate) fn snapshot(&mut self) {
        self.copy = self.blocks.clone();
    }

    /// Everything written since the copy was made is gone.
    pub(crate) fn restore(&mut self) {
        if !self.copy.is_empty() {
            self.blocks = self.copy.clone();
            self.rotten.clear();
        }
    }

    /// Flips a byte in the middle of a block.
    pub(crate) fn corrupt(&mut self, block: u32) {
        if let Some(place) = self.blocks.get_mut(block as usize) {
            let mut bytes = place.to_vec();
            if let Some(byte) = bytes.get_mut(40) {
                *byte ^= 0x55;
            }
            *place = bytes.into();
            self.rotten.insert(block);
        }
    }

    /// It is as it was written.
    pub(crate) fn is_whole(&self, block: u32) -> bool {
        !self.rotten.contains(&block)
    }
}

/// A write on its way to the medium.
#[derive(Clone, Debug)]
pub(crate) struct WriteOp {
    pub(crate) file: u8,
    pub(crate) block: u32,
    pub(crate) bytes: SharedBlock,
}

/// A read collecting its ranges.
#[derive(Clone, Debug)]
pub(crate) struct ReadOp {
    pub(crate) file: u8,
    pub(crate) ranges: Arc<[BlockRange]>,
    pub(crate) parts: Vec<SharedBlock>,
    pub(crate) next: usize,
}

/// How an IO ended.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Wrote(Result<(), IoFailed>),
    Read(Result<Vec<SharedBlock>, IoFailed>),
}

impl Answer {
    /// The same IO, failed.
    pub(crate) fn failed(self) -> Self {
        match self {
            Self::Wrote(_) => Self::Wrote(Err(IoFailed)),
            Self::Read(_) => Self::Read(Err(IoFailed)),
        }
    }
}
