//! Blocks in memory: most of a statefile's block is zeroes behind a short content, which nobody
//! needs to store, copy or sum up byte by byte.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use crate::BLOCK_SIZE;

/// Bytes of whole blocks that nobody writes any more: the same memory is the same content. Stored
/// without the zeroes at their end.
#[derive(Clone, Debug)]
pub struct SharedBlock {
    /// `None`: there are only zeroes, of which nobody counts who shares them.
    head: Option<Arc<[u8]>>,
    len: usize,
}

impl SharedBlock {
    /// `head`, then zeroes up to `len` bytes; a head that is longer is cut off.
    #[must_use]
    pub fn padded(head: &[u8], len: usize) -> Self {
        let head = head.get(..len).unwrap_or(head);
        Self { head: (!head.is_empty()).then(|| head.into()), len }
    }
    /// Length in bytes, with the zeroes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }
    /// Nothing is in it, not even zeroes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// The content: everything behind it is zero.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        self.head.as_deref().unwrap_or_default()
    }
    /// All bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = self.head().to_vec();
        bytes.resize(self.len, 0);
        bytes
    }
    /// Other content of the same kind: in the same memory, if nobody else has it and it fits.
    pub(crate) fn refill(&mut self, head: &[u8], len: usize) {
        let head = head.get(..len).unwrap_or(head);
        match self.head.as_mut().and_then(Arc::get_mut) {
            Some(memory) if memory.len() == head.len() => {
                memory.copy_from_slice(head);
                self.len = len;
            }
            _ => *self = Self::padded(head, len),
        }
    }
    /// It is the very memory of `other`, or both are nothing but zeroes.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let same = match (&self.head, &other.head) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (own, other) => own.is_none() && other.is_none(),
        };
        same && self.len == other.len
    }
}

impl From<Vec<u8>> for SharedBlock {
    fn from(bytes: Vec<u8>) -> Self {
        Self::padded(&bytes, bytes.len())
    }
}

impl PartialEq for SharedBlock {
    fn eq(&self, other: &Self) -> bool {
        let (own, other_head) = (self.head(), other.head());
        let (short, long) =
            if own.len() < other_head.len() { (own, other_head) } else { (other_head, own) };
        let (same, rest) = long.split_at_checked(short.len()).unwrap_or_default();
        self.len == other.len && same == short && rest.iter().all(|byte| *byte == 0)
    }
}

impl Eq for SharedBlock {}

/// Bytes to look at: a head, and zeroes up to a length.
#[derive(Clone, Debug)]
pub(crate) struct Padded<'a> {
    head: Cow<'a, [u8]>,
    len: usize,
}

impl<'a> From<&'a [u8]> for Padded<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { head: bytes.into(), len: bytes.len() }
    }
}

impl<'a> From<&'a Vec<u8>> for Padded<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl<'a> From<&'a SharedBlock> for Padded<'a> {
    fn from(block: &'a SharedBlock) -> Self {
        Self { head: block.head().into(), len: block.len }
    }
}

impl<'a> Padded<'a> {
    /// Blocks one after the other.
    pub(crate) fn concat(blocks: &'a [SharedBlock]) -> Self {
        let len = blocks.iter().map(SharedBlock::len).sum();
        match blocks {
            [first, rest @ ..] if rest.iter().all(|block| block.head.is_none()) => {
                Self { head: first.head().into(), len }
            }
            _ => {
                let mut head = Vec::with_capacity(len);
                for block in blocks {
                    head.extend_from_slice(block.head());
                    head.resize(head.len() + block.len - block.head().len(), 0);
                }
                Self { head: head.into(), len }
            }
        }
    }
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }
    /// All bytes.
    pub(crate) fn bytes(&self) -> Cow<'_, [u8]> {
        if self.head.len() == self.len {
            return Cow::Borrowed(&self.head);
        }
        let mut bytes = self.head.to_vec();
        bytes.resize(self.len, 0);
        bytes.into()
    }
    /// CRC32C of everything from `from` on.
    pub(crate) fn crc(&self, from: usize) -> u32 {
        let head = self.head.get(from..).unwrap_or_default();
        crc_padded(head, self.len.saturating_sub(from))
    }
}

/// CRC32C of `head` and as many zeroes as make `len` bytes.
pub(crate) fn crc_padded(head: &[u8], len: usize) -> u32 {
    zeroes(crc32c::crc32c(head), len.saturating_sub(head.len()))
}

/// Zeroes behind the content of a beat block: by far the most frequent block.
pub(crate) const BEAT_ZEROES: usize = BLOCK_SIZE - 115;
static ZEROES: [u8; BLOCK_SIZE] = [0; BLOCK_SIZE];

/// What an inverted sum becomes over zeroes is linear in its bits: the contribution of each of its
/// bytes.
type Step = [[u32; 256]; 4];

fn step(zeroes: usize) -> Step {
    let mut step = [[0; 256]; 4];
    for (shift, table) in (0u32..).step_by(8).zip(&mut step) {
        for (byte, place) in (0u32..).zip(table.iter_mut()) {
            *place = !slow_zeroes(!(byte << shift), zeroes);
        }
    }
    step
}

/// Over the zeroes of a beat block, and over 1, 2, 4 and so on up to those of two blocks.
static BEAT_STEP: LazyLock<Step> = LazyLock::new(|| step(BEAT_ZEROES));
static STEPS: LazyLock<[Step; 14]> = LazyLock::new(|| std::array::from_fn(|bit| step(1 << bit)));

fn take(step: &Step, crc: u32) -> u32 {
    let tables = step.iter().zip((!crc).to_le_bytes());
    !tables.fold(0, |sum, (table, byte)| {
        sum ^ table.get(usize::from(byte)).copied().unwrap_or_default()
    })
}

/// The sum `crc` after `count` more zeroes.
fn zeroes(crc: u32, count: usize) -> u32 {
    if count == BEAT_ZEROES {
        return take(&BEAT_STEP, crc);
    }
    if count >> STEPS.len() != 0 {
        return slow_zeroes(crc, count);
    }
    let due = STEPS.iter().enumerate().filter(|(bit, _)| count >> bit & 1 == 1);
    due.fold(crc, |crc, (_, step)| take(step, crc))
}

fn slow_zeroes(mut crc: u32, count: usize) -> u32 {
    let mut left = count;
    while left > 0 {
        let some = ZEROES.get(..left).unwrap_or(&ZEROES);
        crc = crc32c::crc32c_append(crc, some);
        left -= some.len();
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of every length up to two blocks, that of a beat block among them.
    #[test]
    fn zeroes_are_summed_up_as_if_they_were_there() {
        let head: Vec<u8> = (0..=255).collect();
        for count in (0..2 * BLOCK_SIZE).chain([40_000, 100_003]) {
            for head in [&head[..], &[], &[7]] {
                let mut whole = head.to_vec();
                whole.resize(head.len() + count, 0);
                assert_eq!(crc_padded(head, whole.len()), crc32c::crc32c(&whole), "{count}");
            }
        }
    }

    #[test]
    fn blocks_are_equal_by_content() {
        let short = SharedBlock::padded(&[1, 2], 10);
        assert_eq!(short, SharedBlock::from(vec![1, 2, 0, 0, 0, 0, 0, 0, 0, 0]));
        assert_ne!(short, SharedBlock::from(vec![1, 2, 0, 0, 0, 0, 0, 0, 0, 1]));
        assert_ne!(short, SharedBlock::padded(&[1, 2], 11));
        assert_ne!(short, SharedBlock::padded(&[1, 3], 10));
        assert_eq!(short.to_vec().len(), 10);
    }

    #[test]
    fn memory_is_filled_again_only_if_nobody_else_has_it() {
        let mut block = SharedBlock::padded(&[1, 2], 8);
        let memory = block.head().as_ptr();
        block.refill(&[3, 4], 8);
        assert_eq!((block.head(), block.head().as_ptr()), (&[3, 4][..], memory));
        let kept = block.clone();
        block.refill(&[5, 6], 8);
        assert_eq!((kept.head(), block.head()), (&[3, 4][..], &[5, 6][..]));
        block.refill(&[7], 9);
        assert_eq!((block.head(), block.len()), (&[7][..], 9));
    }

    #[test]
    fn blocks_side_by_side_are_their_bytes() {
        let (one, zero) = (SharedBlock::padded(&[1, 2], 8), SharedBlock::padded(&[], 8));
        let full = SharedBlock::from(vec![9; 8]);
        for blocks in [vec![one.clone(), zero.clone()], vec![zero, one, full]] {
            let bytes: Vec<u8> = blocks.iter().flat_map(SharedBlock::to_vec).collect();
            let all = Padded::concat(&blocks);
            assert_eq!(*all.bytes(), *bytes);
            assert_eq!(all.crc(3), crc32c::crc32c(&bytes[3..]));
        }
    }
}
