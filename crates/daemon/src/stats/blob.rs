//! Archives of one object as bytes: for the disk, and for the next host of a VM.
//!
//! `HAVENRRD`, a version, the time of the last sample, the series by name, a checksum of all.
//! Numbers are little-endian. What is damaged or of another version is nothing at all.

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"HAVENRRD";
const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 32;
/// Longest name of a series.
const NAME_BYTES_MAX: usize = 256;

/// What stands before the series.
pub(super) const HEAD_BYTES: usize = 20;

/// The time of the last sample, by the head alone: nothing is known of the rest.
pub(super) fn last(head: &[u8; HEAD_BYTES]) -> Option<i64> {
    let mut reader = Reader(head.strip_prefix(MAGIC)?);
    if reader.u32()? != VERSION {
        return None;
    }
    reader.i64()
}

/// Writes the pieces.
#[derive(Debug)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new() -> Self {
        let mut writer = Self(MAGIC.to_vec());
        writer.u32(VERSION);
        writer
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn f64(&mut self, value: f64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn f32(&mut self, value: f32) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    pub(super) fn name(&mut self, name: &str) {
        let end = name.floor_char_boundary(NAME_BYTES_MAX);
        let name = name.get(..end).unwrap_or_default();
        self.count(name.len());
        self.0.extend(name.as_bytes());
    }

    /// All of it, with its checksum.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let checksum = Sha256::digest(&self.0);
        self.0.extend(checksum);
        self.0
    }
}

/// Reads the pieces back; every one may be missing.
#[derive(Debug)]
pub(super) struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    /// Looks at the checksum and the version.
    pub(super) fn new(bytes: &'b [u8]) -> Option<Self> {
        let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
        if Sha256::digest(body).as_slice() != checksum {
            return None;
        }
        let mut reader = Self(body.strip_prefix(MAGIC)?);
        (reader.u32()? == VERSION).then_some(reader)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Option<f64> {
        self.take().map(f64::from_le_bytes)
    }

    pub(super) fn f32(&mut self) -> Option<f32> {
        self.take().map(f32::from_le_bytes)
    }

    /// A count that is no larger than allowed.
    pub(super) fn count(&mut self, max: usize) -> Option<usize> {
        usize::try_from(self.u32()?).ok().filter(|count| *count <= max)
    }

    pub(super) fn name(&mut self) -> Option<String> {
        let length = self.count(NAME_BYTES_MAX)?;
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        String::from_utf8(head.to_vec()).ok()
    }
}
