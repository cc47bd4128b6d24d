//! The little of the tar format that exported VMs need: plain files, one after the other.

use axum::body::Bytes;
use haven_model::{ApiError, codes};

use super::Pieces;

/// Size of a block: headers are one, contents are padded to whole ones.
const BLOCK: usize = 512;
/// Where the header says what.
const NAME: std::ops::Range<usize> = 0..100;
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const KIND: usize = 156;
const MAGIC: std::ops::Range<usize> = 257..265;

/// One file with its header and padding.
#[must_use]
pub(super) fn file(name: &str, content: &[u8]) -> Bytes {
    let mut header = [0u8; BLOCK];
    let mut put = |at: std::ops::Range<usize>, bytes: &[u8]| {
        for (to, from) in header.iter_mut().skip(at.start).take(at.len()).zip(bytes) {
            *to = *from;
        }
    };
    put(NAME, name.as_bytes());
    put(100..108, b"0000644\0");
    put(108..116, b"0000000\0");
    put(116..124, b"0000000\0");
    put(SIZE, format!("{:011o}\0", content.len()).as_bytes());
    put(136..148, b"00000000000\0");
    put(CHECKSUM, b"        ");
    put(KIND..KIND + 1, b"0");
    put(MAGIC, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    for (to, from) in header.iter_mut().skip(CHECKSUM.start).zip(sum.bytes()) {
        *to = from;
    }
    let mut all = header.to_vec();
    all.extend_from_slice(content);
    all.resize(BLOCK + content.len().next_multiple_of(BLOCK), 0);
    Bytes::from(all)
}

/// What ends an archive.
#[must_use]
pub(super) fn end() -> Bytes {
    Bytes::from(vec![0; 2 * BLOCK])
}

/// Files as they arrive.
pub(super) struct Reader {
    pieces: Pieces,
    waiting: Vec<u8>,
}

/// A file of an archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name.
    pub(super) name: String,
    /// Its content.
    pub(super) content: Vec<u8>,
}

fn damaged(what: &str) -> ApiError {
    ApiError::with(codes::IMPORT_ERROR, &[&what])
}

impl Reader {
    pub(super) fn new(pieces: Pieces) -> Self {
        Self { pieces, waiting: Vec::new() }
    }

    /// Exactly so many bytes; `None`: the stream ended before the first.
    async fn take(&mut self, count: usize) -> Result<Option<Vec<u8>>, ApiError> {
        while self.waiting.len() < count {
            match self.pieces.recv().await {
                Some(piece) => self.waiting.extend_from_slice(&piece?),
                None if self.waiting.is_empty() => return Ok(None),
                None => return Err(ApiError::new(codes::IMPORT_ERROR_PREMATURE_EOF, Vec::new())),
            }
        }
        let rest = self.waiting.split_off(count);
        Ok(Some(std::mem::replace(&mut self.waiting, rest)))
    }

    /// The next file; `None` at the end. A file of more than `most` bytes is refused.
    pub(super) async fn next(&mut self, most: usize) -> Result<Option<Entry>, ApiError> {
        let eof = || ApiError::new(codes::IMPORT_ERROR_PREMATURE_EOF, Vec::new());
        let header = self.take(BLOCK).await?.ok_or_else(eof)?;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let text = |range: std::ops::Range<usize>| {
            let bytes = header.get(range).unwrap_or_default();
            let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            String::from_utf8_lossy(text).trim().to_owned()
        };
        let size =
            usize::from_str_radix(&text(SIZE), 8).map_err(|_| damaged("this is no XVA file"))?;
        if size > most {
            return Err(damaged("a part of the file is larger than it can be"));
        }
        let padded = size.next_multiple_of(BLOCK);
        let mut content = self.take(padded).await?.ok_or_else(eof)?;
        content.truncate(size);
        Ok(Some(Entry { name: text(NAME), content }))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_back_from_any_pieces() {
        let all =
            [file("ova.xml", b"<value/>"), file("Ref:1/00000000", &[7; 1000]), end()].concat();
        for length in [1, 100, 512, 4096] {
            let (sender, pieces) = mpsc::channel(4);
            let all = all.clone();
            tokio::spawn(async move {
                for chunk in all.chunks(length) {
                    sender.send(Ok(Bytes::copy_from_slice(chunk))).await.unwrap();
                }
            });
            let mut reader = Reader::new(pieces);
            let first = reader.next(100).await.unwrap().unwrap();
            assert_eq!(
                (first.name.as_str(), first.content.as_slice()),
                ("ova.xml", &b"<value/>"[..])
            );
            assert_eq!(reader.next(1000).await.unwrap().unwrap().content, [7; 1000]);
            assert_eq!(reader.next(1).await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn a_file_that_breaks_off_or_is_too_large_is_refused() {
        let half = file("ova.xml", &[1; 600]).slice(0..700);
        for (bytes, most) in [(half, 1000), (file("ova.xml", &[1; 600]), 10)] {
            let (sender, pieces) = mpsc::channel(1);
            sender.send(Ok(bytes)).await.unwrap();
            drop(sender);
            assert!(Reader::new(pieces).next(most).await.is_err());
        }
    }
}
