//! A byte-addressed part of a volume with a length of its own: the home of a pool database.
//!
//! Layout: one header block (magic, logical length, checksum), then the bytes. The caller
//! serialises access; two areas of one volume never share a block.

use std::path::Path;

use crate::block::{BLOCK_SIZE, BlockBuffer};
use crate::file::{BlockFile, BlockIoError, OpenMode};

const MAGIC: &[u8; 8] = b"HAVNAREA";

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
}

/// An open area.
#[derive(Debug)]
pub struct Area {
    file: BlockFile,
    offset: u64,
    capacity: u64,
    length: u64,
}

impl Area {
    /// Opens a formatted area of `size` bytes (header included) at `offset`.
    pub fn open(path: &Path, offset: u64, size: u64) -> Result<Self, AreaError> {
        let file = BlockFile::open_unsynced(path, OpenMode::Existing)?;
        let mut header = BlockBuffer::zeroed(1);
        file.read(offset, &mut header)?;
        let length = parse_header(header.as_bytes()).ok_or(AreaError::Blank(offset))?;
        let capacity = size.saturating_sub(BLOCK_SIZE as u64);
        if length > capacity {
            return Err(AreaError::Blank(offset));
        }
        Ok(Self { file, offset, capacity, length })
    }

    /// Empties the area, whatever it held.
    pub fn format(path: &Path, offset: u64, size: u64) -> Result<Self, AreaError> {
        let file = BlockFile::open_unsynced(path, OpenMode::Existing)?;
        let capacity = size.saturating_sub(BLOCK_SIZE as u64);
        let mut area = Self { file, offset, capacity, length: 0 };
        area.write_header(0)?;
        area.sync()?;
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

    /// Changes the logical length; new bytes read as zeros.
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
        self.file.read(start, &mut buffer)?;
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
            self.file.read(start, &mut buffer)?;
        }
        for (to, from) in buffer.as_mut_bytes().iter_mut().skip(skip).zip(bytes) {
            *to = *from;
        }
        Ok(self.file.write(start, &buffer)?)
    }

    /// Flushes the device's cache.
    pub fn sync(&self) -> Result<(), AreaError> {
        Ok(self.file.sync()?)
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
        let block = BLOCK_SIZE as u64;
        let skip = usize::try_from(at % block).unwrap_or(0);
        let start = self.offset + block + (at - at % block);
        (start, skip, (skip + count).div_ceil(BLOCK_SIZE))
    }

    fn zero(&self, from: u64, to: u64) -> Result<(), AreaError> {
        const CHUNK_BYTES: u64 = 1 << 20;
        let mut at = from;
        while at < to {
            let count = CHUNK_BYTES.min(to - at);
            self.write(at, &vec![0; usize::try_from(count).unwrap_or(0)])?;
            at += count;
        }
        Ok(())
    }

    fn write_header(&mut self, length: u64) -> Result<(), AreaError> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(length.to_le_bytes());
        let sum = crc32c::crc32c(&bytes);
        bytes.extend(sum.to_le_bytes());
        self.file.write(self.offset, &BlockBuffer::from_bytes(&bytes))?;
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
        let (_dir, path) = volume(8);
        let size = 4 * BLOCK_SIZE as u64;
        let mut area = Area::format(&path, size, size).unwrap();
        area.set_len(10_000).unwrap();
        area.write(0, &[1; 320]).unwrap();
        area.write(4090, &[2; 20]).unwrap();
        drop(area);
        let area = Area::open(&path, size, size).unwrap();
        assert_eq!(area.len(), 10_000);
        let mut bytes = [9; 4120];
        area.read(0, &mut bytes).unwrap();
        assert_eq!((bytes[319], bytes[320], bytes[4089]), (1, 0, 0));
        assert_eq!((bytes[4090], bytes[4109], bytes[4110]), (2, 2, 0));
    }

    #[test]
    fn an_area_never_leaves_its_bounds() {
        let (_dir, path) = volume(8);
        let size = 4 * BLOCK_SIZE as u64;
        let mut area = Area::format(&path, 0, size).unwrap();
        assert!(matches!(area.set_len(size), Err(AreaError::Full { .. })));
        assert!(matches!(area.write(size - 4096, &[1; 4]), Err(AreaError::Full { .. })));
        assert!(matches!(Area::open(&path, size, size), Err(AreaError::Blank(_))));
    }

    #[test]
    fn bytes_past_an_earlier_end_read_as_zeros() {
        let (_dir, path) = volume(8);
        let mut area = Area::format(&path, 0, 8 * BLOCK_SIZE as u64).unwrap();
        area.set_len(100).unwrap();
        area.write(0, &[5; 100]).unwrap();
        area.set_len(50).unwrap();
        area.set_len(100).unwrap();
        let mut bytes = [9; 100];
        area.read(0, &mut bytes).unwrap();
        assert_eq!((bytes[49], bytes[50], bytes[99]), (5, 0, 0));
    }
}
