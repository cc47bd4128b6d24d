//! Shared statefiles, and each host's path to them.

use std::collections::BTreeMap;

use haven_cluster::{BLOCK_SIZE, BlockRange, IoFailed};

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

/// One statefile: blocks that were never written are zero.
#[derive(Clone, Debug, Default)]
pub(crate) struct Volume {
    blocks: BTreeMap<u32, Vec<u8>>,
}

impl Volume {
    pub(crate) fn read(&self, range: BlockRange) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(range.count as usize * BLOCK_SIZE);
        for block in range.first..range.first + range.count {
            match self.blocks.get(&block) {
                Some(content) => bytes.extend_from_slice(content),
                None => bytes.resize(bytes.len() + BLOCK_SIZE, 0),
            }
        }
        bytes
    }

    /// Writes the first `length` bytes of `bytes`: a torn write stops early.
    pub(crate) fn write(&mut self, block: u32, bytes: &[u8], length: usize) {
        let kept = bytes.iter().take(length).copied().collect::<Vec<u8>>();
        for (block, chunk) in (block..).zip(kept.chunks(BLOCK_SIZE)) {
            let content = self.blocks.entry(block).or_insert_with(|| vec![0; BLOCK_SIZE]);
            for (old, new) in content.iter_mut().zip(chunk) {
                *old = *new;
            }
        }
    }

    /// Flips a byte in the middle of a block.
    pub(crate) fn corrupt(&mut self, block: u32) {
        if let Some(byte) = self.blocks.get_mut(&block).and_then(|content| content.get_mut(40)) {
            *byte ^= 0x55;
        }
    }
}

/// A write on its way to the medium.
#[derive(Clone, Debug)]
pub(crate) struct WriteOp {
    pub(crate) file: u8,
    pub(crate) block: u32,
    pub(crate) bytes: Vec<u8>,
}

/// A read collecting its ranges.
#[derive(Clone, Debug)]
pub(crate) struct ReadOp {
    pub(crate) file: u8,
    pub(crate) ranges: Vec<BlockRange>,
    pub(crate) parts: Vec<u8>,
    pub(crate) next: usize,
}

/// How an IO ended.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Wrote(Result<(), IoFailed>),
    Read(Result<Vec<u8>, IoFailed>),
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
