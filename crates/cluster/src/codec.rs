//! Little-endian bytes, written and read by hand: the formats are part of the protocol.

use uuid::Uuid;

use crate::block::{Padded, SharedBlock, crc_padded};

/// Appends to a byte vector.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }
    /// Forgets what was written; the room stays.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }
    /// Writes over what stands at `at`.
    pub(crate) fn patch(&mut self, at: usize, value: &[u8]) -> Option<()> {
        self.bytes.get_mut(at..at + value.len())?.copy_from_slice(value);
        Some(())
    }
    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }
    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }
    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }
    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }
    pub(crate) fn uuid(&mut self, value: Uuid) {
        self.bytes.extend_from_slice(value.as_bytes());
    }
    pub(crate) fn raw(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
    /// Writes into the room of `bytes`, which becomes as large as it is to be; what stood there is
    /// forgotten.
    pub(crate) fn over(bytes: Vec<u8>, capacity: usize) -> Self {
        let mut out = Self { bytes };
        out.clear();
        out.bytes.reserve(capacity);
        out
    }
}

/// Takes from a byte slice; every method gives `None` past the end.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }
    pub(crate) fn raw(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(head)
    }
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.raw(N)?.try_into().ok()
    }
    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }
    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
    pub(crate) fn uuid(&mut self) -> Option<Uuid> {
        self.array().map(Uuid::from_bytes)
    }
}

/// Bytes before the sealed content of a block: magic (8), CRC32C (4), content length (4).
pub(crate) const SEAL_BYTES: usize = 16;

/// Begins a sealed block: room for the seal, the content follows.
pub(crate) fn begin_sealed(out: &mut Writer) {
    out.clear();
    out.raw(&[0; SEAL_BYTES]);
}

/// The same in room of its own.
pub(crate) fn sealed(capacity: usize) -> Writer {
    let mut out = Writer::with_capacity(capacity);
    begin_sealed(&mut out);
    out
}

/// Closes what was begun by [`begin_sealed`] for `size` bytes: magic, CRC32C over everything after
/// the CRC, length of the content, the content, zeroes. `None`: it does not fit.
pub(crate) fn end_sealed<'a>(
    magic: &[u8; 8],
    out: &'a mut Writer,
    size: usize,
) -> Option<&'a [u8]> {
    if out.len() > size {
        return None;
    }
    let length = u32::try_from(out.len().checked_sub(SEAL_BYTES)?).ok()?;
    out.patch(12, &length.to_le_bytes())?;
    let crc = crc_padded(out.as_slice().get(12..)?, size - 12);
    out.patch(8, &crc.to_le_bytes())?;
    out.patch(0, magic)?;
    Some(out.as_slice())
}

/// The same, as a block.
pub(crate) fn seal(magic: &[u8; 8], mut out: Writer, size: usize) -> Option<SharedBlock> {
    end_sealed(magic, &mut out, size).map(|head| SharedBlock::padded(head, size))
}

/// The checksum and the content of a sealed block; `None` if the magic or the checksum is wrong.
pub(crate) fn unseal<'a>(magic: &[u8; 8], block: &'a Padded<'_>) -> Option<(u32, &'a [u8])> {
    let mut reader = Reader::new(block.head());
    if reader.raw(8)? != magic {
        return None;
    }
    let crc = reader.u32()?;
    if block.crc(12) != crc {
        return None;
    }
    let length = usize::try_from(reader.u32()?).ok()?;
    Some((crc, reader.raw(length)?))
}
