//! A byte-addressed part of a volume with a length of its own: the home of a pool database.
//!
//! Layout, in blocks: header, header again, two places for seals, then the bytes. A header has
//! magic, logical length and checksum; a seal has magic, checksum, count, length and a few bytes
//! of the caller's, which say what the content must be. Seals are written to both places in turn,
//! so the one before is readable until the next is durable. The caller serialises access; two
//! areas of one volume never share a block.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use crate::block::{BLOCK_SIZE, BlockBuffer};
use crate::file::{BlockFile, BlockIoError, OpenMode};

const MAGIC: &[u8; 8] = b"HAVNARE2";
const SEAL_MAGIC: &[u8; 8] = b"HAVNSEAL";
const BLOCK: u64 = BLOCK_SIZE as u64;
/// Blocks before the content.
const CONTENT: u64 = 4;
/// First of the two places for seals, in blocks.
pub const SEALS: u64 = 2;
/// Magic, checksum, count and length of a seal.
const SEAL_HEAD_BYTES: usize = 24;
/// Longest seal.
const SEAL_BYTES_MAX: usize = 1024;

/// What an area lies on: whole blocks, direct. [`BlockFile`] in production; tests have others.
pub trait Blocks: Send + Sync + Debug {
    /// Reads whole blocks at `offset`.
    fn read(&self, offset: u64, buffer: &mut BlockBuffer) -> Result<(), BlockIoError>;
    /// Writes whole blocks at `offset`; durable after [`Self::sync`].
    fn write(&self, offset: u64, buffer: &BlockBuffer) -> Result<(), BlockIoError>;
    /// Makes all writes durable.
    fn sync(&self) -> Result<(), BlockIoError>;
    /// Writes zeroes.
    fn zero(&self, offset: u64, blocks: u64) -> Result<(), BlockIoError> {
        const CHUNK_BLOCKS: u64 = 256;
        let mut done = 0;
        while done < blocks {
            let count = CHUNK_BLOCKS.min(blocks - done);
            let zeroes = BlockBuffer::zeroed(usize::try_from(count).unwrap_or(0));
            self.write(offset + done * BLOCK, &zeroes)?;
            done += count;
        }
        Ok(())
    }
}

impl Blocks for BlockFile {
    fn read(&self, offset: u64, buffer: &mut BlockBuffer) -> Result<(), BlockIoError> {
        Self::read(self, offset, buffer)
    }
    fn write(&self, offset: u64, buffer: &BlockBuffer) -> Result<(), BlockIoError> {
        Self::write(self, offset, buffer)
    }
    fn sync(&self) -> Result<(), BlockIoError> {
        Self::sync(self)
    }
}

/// Why an area could not be used.
#[derive(Debug, thiserror::Error)]
pub enum AreaError {
    /// The volume failed.
    #[error(transparent)]
    Io(#[from] BlockIoError),
    /// The header is not one of an area.
    #[error("there is no formatted area at offset {0}")]
    Blank(u64),
    /// The area is full.
    #[error("the area holds {capacity} bytes, {wanted} were needed")]
    Full {
        /// What it can hold.
        capacity: u64,
        /// What was asked for.
        wanted: u64,
    },
    /// More than fits into a seal.
    #[error("a seal of {0} bytes is too long")]
    LongSeal(usize),
}

/// An open area.
#[derive(Debug)]
pub struct Area {
    blocks: Arc<dyn Blocks>,
    offset: u64,
    capacity: u64,
    length: u64,
    /// The seals as they are on the volume, by place: count and content.
    seals: [Seal; 2],
}

/// Count and content of a seal, if it can be read.
type Seal = Option<(u64, Vec<u8>)>;

/// Opens a volume for areas: direct, durable only after a sync.
pub fn open_volume(path: &Path) -> Result<Arc<dyn Blocks>, BlockIoError> {
    Ok(Arc::new(BlockFile::open_unsynced(path, OpenMode::Existing)?))
}

impl Area {
    /// Opens a formatted area of `size` bytes (all of it) at `offset`.
    pub fn open(blocks: Arc<dyn Blocks>, offset: u64, size: u64) -> Result<Self, AreaError> {
        let capacity = size.saturating_sub(CONTENT * BLOCK);
        let mut area = Self { blocks, offset, capacity, length: 0, seals: [None, None] };
        let header = |at: u64| area.block(at).map(|bytes| parse_header(bytes.as_bytes()));
        // The second copy is as old as the first, or older by one change of the length that was
        // cut off between them.
        let length = match header(0)? {
            Some(length) => Some(length),
            None => header(1)?,
        };
        let fits = |length: &u64| *length <= capacity;
        area.length = length.filter(fits).ok_or(AreaError::Blank(offset))?;
        area.seals = area.read_seals()?;
        Ok(area)
    }

    /// Empties the area, whatever it held.
    pub fn format(blocks: Arc<dyn Blocks>, offset: u64, size: u64) -> Result<Self, AreaError> {
        let capacity = size.saturating_sub(CONTENT * BLOCK);
        let mut area = Self { blocks, offset, capacity, length: 0, seals: [None, None] };
        // No seal may outlive the content that it is of.
        area.blocks.zero(offset + SEALS * BLOCK, 2)?;
        area.sync()?;
        area.write_header(0)?;
        Ok(area)
    }

    /// The same, under a seal that says what is going to be there: whoever finds the area before that
    /// is whole knows what it lacks.
    pub fn format_under(
        blocks: Arc<dyn Blocks>,
        offset: u64,
        size: u64,
        seal: &[u8],
    ) -> Result<Self, AreaError> {
        let capacity = size.saturating_sub(CONTENT * BLOCK);
        let mut area = Self { blocks, offset, capacity, length: 0, seals: [None, None] };
        area.seals = area.read_seals()?;
        area.write_seal(seal)?;
        area.write_seal(seal)?;
        area.write_header(0)?;
        Ok(area)
    }

    /// Logical length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing was stored yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Changes the logical length, durably; new bytes read as zeros.
    pub fn set_len(&mut self, length: u64) -> Result<(), AreaError> {
        if length > self.capacity {
            return Err(AreaError::Full { capacity: self.capacity, wanted: length });
        }
        if length > self.length {
            self.zero(self.length, length)?;
        }
        self.write_header(length)
    }

    /// Reads `bytes.len()` bytes at `at`.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), AreaError> {
        self.inside(at, bytes.len())?;
        let (start, skip, count) = self.span(at, bytes.len());
        let mut buffer = BlockBuffer::zeroed(count);
        self.blocks.read(start, &mut buffer)?;
        for (to, from) in bytes.iter_mut().zip(buffer.as_bytes().iter().skip(skip)) {
            *to = *from;
        }
        Ok(())
    }

    /// Writes `bytes` at `at`; durable after [`Self::sync`].
    pub fn write(&self, at: u64, bytes: &[u8]) -> Result<(), AreaError> {
        self.inside(at, bytes.len())?;
        let (start, skip, count) = self.span(at, bytes.len());
        let mut buffer = BlockBuffer::zeroed(count);
        if skip != 0 || !bytes.len().is_multiple_of(BLOCK_SIZE) {
            self.blocks.read(start, &mut buffer)?;
        }
        for (to, from) in buffer.as_mut_bytes().iter_mut().skip(skip).zip(bytes) {
            *to = *from;
        }
        Ok(self.blocks.write(start, &buffer)?)
    }

    /// Flushes the device's cache.
    pub fn sync(&self) -> Result<(), AreaError> {
        Ok(self.blocks.sync()?)
    }

    /// The newest seal that can be read.
    pub fn seal(&self) -> Result<Option<Vec<u8>>, AreaError> {
        Ok(self.read_seals()?.into_iter().flatten().max().map(|(_, bytes)| bytes))
    }

    /// The newest seal, if both places can be read and it follows on the other: then it is
    /// certainly the newest that was ever written.
    pub fn certain_seal(&self) -> Result<Option<Vec<u8>>, AreaError> {
        let [Some(first), Some(second)] = self.read_seals()? else { return Ok(None) };
        let follows = first.0.abs_diff(second.0) == 1;
        Ok(follows.then(|| first.max(second).1))
    }

    /// Whether the seals on the volume are those that were read or written last: if not, somebody
    /// else has written, or the volume was put back to what it was earlier.
    pub fn seals_stand(&self) -> Result<bool, AreaError> {
        Ok(self.read_seals()? == self.seals)
    }

    /// Writes a seal, durably.
    pub fn write_seal(&mut self, content: &[u8]) -> Result<(), AreaError> {
        let too_long = AreaError::LongSeal(content.len());
        let length = u32::try_from(content.len()).map_err(|_| AreaError::LongSeal(usize::MAX))?;
        if content.len() > SEAL_BYTES_MAX {
            return Err(too_long);
        }
        let count = self.seals.iter().flatten().map(|(count, _)| *count).max().unwrap_or(0) + 1;
        let mut rest = count.to_le_bytes().to_vec();
        rest.extend(length.to_le_bytes());
        rest.extend(content);
        let mut bytes = SEAL_MAGIC.to_vec();
        bytes.extend(crc32c::crc32c(&rest).to_le_bytes());
        bytes.extend(rest);
        let place = self.offset + (SEALS + count % 2) * BLOCK;
        self.blocks.write(place, &BlockBuffer::from_bytes(&bytes))?;
        self.sync()?;
        let [even, odd] = &mut self.seals;
        *(if count % 2 == 0 { even } else { odd }) = Some((count, content.to_vec()));
        Ok(())
    }

    fn read_seals(&self) -> Result<[Seal; 2], AreaError> {
        let mut buffer = BlockBuffer::zeroed(2);
        self.blocks.read(self.offset + SEALS * BLOCK, &mut buffer)?;
        let (even, odd) = buffer.as_bytes().split_at(BLOCK_SIZE);
        Ok([parse_seal(even), parse_seal(odd)])
    }

    /// One of the blocks before the content.
    fn block(&self, number: u64) -> Result<BlockBuffer, AreaError> {
        let mut buffer = BlockBuffer::zeroed(1);
        self.blocks.read(self.offset + number * BLOCK, &mut buffer)?;
        Ok(buffer)
    }

    fn inside(&self, at: u64, count: usize) -> Result<(), AreaError> {
        let end = at.saturating_add(count as u64);
        if end > self.capacity {
            return Err(AreaError::Full { capacity: self.capacity, wanted: end });
        }
        Ok(())
    }

    /// First block on the volume, bytes to skip in it, number of blocks.
    fn span(&self, at: u64, count: usize) -> (u64, usize, usize) {
        let skip = usize::try_from(at % BLOCK).unwrap_or(0);
        let start = self.offset + CONTENT * BLOCK + (at - at % BLOCK);
        (start, skip, (skip + count).div_ceil(BLOCK_SIZE))
    }

    fn zero(&self, from: u64, to: u64) -> Result<(), AreaError> {
        let rest = |from: u64, to: u64| vec![0; usize::try_from(to - from).unwrap_or(0)];
        let first = from.next_multiple_of(BLOCK).min(to);
        if from < first {
            self.write(from, &rest(from, first))?;
        }
        let last = (to - to % BLOCK).max(first);
        self.blocks.zero(self.offset + CONTENT * BLOCK + first, (last - first) / BLOCK)?;
        if last < to {
            self.write(last, &rest(last, to))?;
        }
        Ok(())
    }

    /// One copy after the other: a power loss tears one of them at most. Durable, because what is
    /// written next may lie beyond the length before.
    fn write_header(&mut self, length: u64) -> Result<(), AreaError> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(length.to_le_bytes());
        let sum = crc32c::crc32c(&bytes);
        bytes.extend(sum.to_le_bytes());
        let block = BlockBuffer::from_bytes(&bytes);
        for copy in 0..2 {
            self.blocks.write(self.offset + copy * BLOCK, &block)?;
            self.sync()?;
        }
        self.length = length;
        Ok(())
    }
}

fn parse_header(bytes: &[u8]) -> Option<u64> {
    let length = u64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?);
    let sum = u32::from_le_bytes(bytes.get(16..20)?.try_into().ok()?);
    let valid = bytes.get(..8)? == MAGIC && crc32c::crc32c(bytes.get(..16)?) == sum;
    valid.then_some(length)
}

fn parse_seal(bytes: &[u8]) -> Seal {
    let sum = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?);
    let count = u64::from_le_bytes(bytes.get(12..20)?.try_into().ok()?);
    let length = u32::from_le_bytes(bytes.get(20..SEAL_HEAD_BYTES)?.try_into().ok()?);
    let end = SEAL_HEAD_BYTES.checked_add(usize::try_from(length).ok()?)?;
    let rest = bytes.get(12..end)?;
    let valid = bytes.get(..8)? == SEAL_MAGIC && crc32c::crc32c(rest) == sum;
    valid.then(|| (count, bytes.get(SEAL_HEAD_BYTES..end).unwrap_or_default().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(blocks: u64) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metadata");
        let file = BlockFile::open(&path, OpenMode::Create).unwrap();
        file.set_size(blocks * BLOCK_SIZE as u64).unwrap();
        (dir, path)
    }

    #[test]
    fn unaligned_bytes_survive_and_neighbours_are_kept() {
        let (_dir, path) = volume(16);
        let size = 8 * BLOCK_SIZE as u64;
        let mut area = Area::format(open_volume(&path).unwrap(), size, size).unwrap();
        area.set_len(10_000).unwrap();
        area.write(0, &[1; 320]).unwrap();
        area.write(4090, &[2; 20]).unwrap();
        drop(area);
        let area = Area::open(open_volume(&path).unwrap(), size, size).unwrap();
        assert_eq!(area.len(), 10_000);
        let mut bytes = [9; 4120];
        area.read(0, &mut bytes).unwrap();
        assert_eq!((bytes[319], bytes[320], bytes[4089]), (1, 0, 0));
        assert_eq!((bytes[4090], bytes[4109], bytes[4110]), (2, 2, 0));
    }

    #[test]
    fn an_area_never_leaves_its_bounds() {
        let (_dir, path) = volume(16);
        let size = 8 * BLOCK_SIZE as u64;
        let mut area = Area::format(open_volume(&path).unwrap(), 0, size).unwrap();
        assert!(matches!(area.set_len(size), Err(AreaError::Full { .. })));
        assert!(matches!(area.write(size - 4096, &[1; 4]), Err(AreaError::Full { .. })));
        assert!(matches!(
            Area::open(open_volume(&path).unwrap(), size, size),
            Err(AreaError::Blank(_))
        ));
    }

    #[test]
    fn bytes_past_an_earlier_end_read_as_zeros() {
        let (_dir, path) = volume(8);
        let mut area = Area::format(open_volume(&path).unwrap(), 0, 8 * BLOCK_SIZE as u64).unwrap();
        area.set_len(100).unwrap();
        area.write(0, &[5; 100]).unwrap();
        area.set_len(50).unwrap();
        area.set_len(100).unwrap();
        let mut bytes = [9; 100];
        area.read(0, &mut bytes).unwrap();
        assert_eq!((bytes[49], bytes[50], bytes[99]), (5, 0, 0));
    }

    #[test]
    fn an_area_that_is_written_anew_says_at_every_moment_what_it_lacks() {
        let (_dir, path) = volume(8);
        let size = 8 * BLOCK;
        let open = || Area::open(open_volume(&path).unwrap(), 0, size).unwrap();
        drop(Area::format(open_volume(&path).unwrap(), 0, size).unwrap());
        for sealed in 0..4 {
            for seal in 0..sealed {
                open().write_seal(format!("old {seal}").as_bytes()).unwrap();
            }
            let area =
                Area::format_under(open_volume(&path).unwrap(), 0, size, b"to come").unwrap();
            assert_eq!(area.len(), 0);
            assert_eq!(open().certain_seal().unwrap().unwrap(), b"to come", "{sealed}");
            assert!(area.seals_stand().unwrap());
        }
    }

    #[test]
    fn a_damaged_header_or_seal_leaves_the_other_copy() {
        let (_dir, path) = volume(8);
        let size = 8 * BLOCK;
        let mut area = Area::format(open_volume(&path).unwrap(), 0, size).unwrap();
        assert_eq!(area.seal().unwrap(), None);
        area.set_len(100).unwrap();
        for seal in [b"one", b"two"] {
            area.write_seal(seal).unwrap();
        }
        let whole = std::fs::read(&path).unwrap();
        let open = || Area::open(open_volume(&path).unwrap(), 0, size).unwrap();
        assert_eq!(area.certain_seal().unwrap().unwrap(), b"two");
        for at in 0..20 {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(open().len(), 100, "byte {at}");
            assert_eq!(open().seal().unwrap().unwrap(), b"two");
        }
        for at in 0..SEAL_HEAD_BYTES + 3 {
            let mut bytes = whole.clone();
            bytes[2 * BLOCK_SIZE + at] ^= 4;
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(open().seal().unwrap().unwrap(), b"one", "byte {at}");
            assert_eq!(open().certain_seal().unwrap(), None, "byte {at}");
        }
        // The next one goes over the damaged place, not over the last good one.
        let mut area = open();
        area.write_seal(b"three").unwrap();
        assert_eq!(open().seal().unwrap().unwrap(), b"three");
        assert!(area.seals_stand().unwrap());
        std::fs::write(&path, &whole).unwrap();
        assert!(!area.seals_stand().unwrap(), "the volume was put back");
        drop(Area::format(open_volume(&path).unwrap(), 0, size).unwrap());
        assert_eq!(open().seal().unwrap(), None, "of the content before");
        assert!(matches!(area.write_seal(&[0; 2000]), Err(AreaError::LongSeal(2000))));
    }
}
