//! Memory that the kernel accepts for direct IO.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Unit of all direct IO, in bytes: the largest logical sector in common use.
pub const BLOCK_SIZE: usize = 4096;

/// One aligned block. Alignment is the reason for the type.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(4096))]
struct Block([u8; BLOCK_SIZE]);

/// A run of whole, aligned blocks.
#[derive(Clone)]
pub struct BlockBuffer {
    blocks: Vec<Block>,
}

impl BlockBuffer {
    /// `count` blocks of zeros.
    #[must_use]
    pub fn zeroed(count: usize) -> Self {
        Self { blocks: vec![Block([0; BLOCK_SIZE]); count] }
    }

    /// The bytes in as many blocks as they need; the rest of the last one is zero.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::padded(bytes, bytes.len())
    }

    /// `bytes` and zeroes up to `len`, rounded up to whole blocks.
    #[must_use]
    pub fn padded(bytes: &[u8], len: usize) -> Self {
        let mut buffer = Self::zeroed(0);
        buffer.refill(bytes, len);
        buffer
    }

    /// The same in the place of what was there: takes memory only to grow beyond all before.
    pub fn refill(&mut self, bytes: &[u8], len: usize) {
        self.resize(len.max(bytes.len()).div_ceil(BLOCK_SIZE));
        let all = self.as_mut_bytes();
        let (head, rest) = all.split_at_mut(bytes.len());
        head.copy_from_slice(bytes);
        rest.fill(0);
    }

    /// So many blocks, whatever stands in them; keeps the memory of those that go.
    pub fn resize(&mut self, count: usize) {
        self.blocks.resize(count, Block([0; BLOCK_SIZE]));
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.blocks.as_slice().as_bytes()
    }

    /// Its bytes, writable.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        self.blocks.as_mut_slice().as_mut_bytes()
    }

    /// Number of blocks.
    #[must_use]
    pub fn block_count(&self) -> usize {
        self.blocks.len()
    }
}

impl std::fmt::Debug for BlockBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockBuffer").field("blocks", &self.blocks.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_padded() {
        let buffer = BlockBuffer::from_bytes(&[7; BLOCK_SIZE + 1]);
        assert_eq!(buffer.block_count(), 2);
        assert_eq!(buffer.as_bytes().as_ptr() as usize % BLOCK_SIZE, 0);
        assert_eq!(buffer.as_bytes()[BLOCK_SIZE], 7);
        assert_eq!(buffer.as_bytes()[BLOCK_SIZE + 1], 0);
    }

    #[test]
    fn a_buffer_is_filled_again_in_its_place() {
        let mut buffer = BlockBuffer::from_bytes(&[7; 2 * BLOCK_SIZE]);
        let place = buffer.as_bytes().as_ptr();
        buffer.refill(&[8; 3], BLOCK_SIZE);
        assert_eq!(buffer.block_count(), 1);
        assert_eq!(buffer.as_bytes()[..4], [8, 8, 8, 0]);
        assert!(buffer.as_bytes()[3..].iter().all(|byte| *byte == 0));
        buffer.resize(2);
        assert_eq!(buffer.as_bytes().as_ptr(), place);
    }
}
