//! An area of the metadata volume as one pool daemon sees it: what it wrote, at once; and the list
//! of what is to be done to the volume, which takes time and may be cut off anywhere.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use haven_pooldb::{AreaBackend, RedbStore, StoreError, VolumeArea};

/// Bytes that are shared or copied at a time.
const PAGE: usize = 4096;

/// Bytes in pages, which copies share until one of them writes. A page that was never written is
/// zero.
#[derive(Clone, Default)]
pub(crate) struct Pages {
    pages: Vec<Option<Arc<[u8; PAGE]>>>,
    len: usize,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pages").field(&self.len).finish()
    }
}

impl Pages {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Changes the length; new bytes are zero.
    pub(crate) fn resize(&mut self, len: usize) {
        if len < self.len {
            self.pages.truncate(len.div_ceil(PAGE));
            let (last, kept) = (len / PAGE, len % PAGE);
            if let Some(Some(page)) = self.pages.get_mut(last) {
                let rest = Arc::make_mut(page).get_mut(kept..);
                rest.into_iter().flatten().for_each(|byte| *byte = 0);
            }
        } else {
            self.pages.resize(len.div_ceil(PAGE), None);
        }
        self.len = len;
    }

    /// Reads exactly; false beyond the end.
    pub(crate) fn read(&self, at: usize, bytes: &mut [u8]) -> bool {
        if at + bytes.len() > self.len {
            return false;
        }
        let mut at = at;
        let mut left = bytes;
        while !left.is_empty() {
            let (page, from) = (at / PAGE, at % PAGE);
            let count = left.len().min(PAGE - from);
            let (head, tail) = left.split_at_mut(count);
            match self.pages.get(page).and_then(Option::as_ref) {
                Some(page) => head.copy_from_slice(page.get(from..from + count).unwrap_or(&[])),
                None => head.fill(0),
            }
            at += count;
            left = tail;
        }
        true
    }

    /// Writes within the length; false beyond the end.
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) -> bool {
        if at + bytes.len() > self.len {
            return false;
        }
        let mut at = at;
        let mut left = bytes;
        while !left.is_empty() {
            let (page, from) = (at / PAGE, at % PAGE);
            let count = left.len().min(PAGE - from);
            let (head, tail) = left.split_at(count);
            if let Some(page) = self.pages.get_mut(page) {
                if let Ok(whole) = <&[u8; PAGE]>::try_from(head) {
                    *page = Some(Arc::new(*whole));
                } else {
                    let page = page.get_or_insert_with(|| Arc::new([0; PAGE]));
                    let part = Arc::make_mut(page).get_mut(from..from + count);
                    part.into_iter().for_each(|part| part.copy_from_slice(head));
                }
            }
            at += count;
            left = tail;
        }
        true
    }
}

/// One thing that is to be done to the volume.
#[derive(Clone, Debug)]
pub(crate) enum AreaOp {
    /// The length changes; new bytes are zero.
    Resize(usize),
    Write {
        at: usize,
        bytes: Vec<u8>,
    },
    /// Nothing later begins before everything earlier has landed.
    Sync,
}

/// What a store asked for and nobody did yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    ops: Arc<Mutex<Vec<AreaOp>>>,
    closed: Arc<AtomicBool>,
}

impl Journal {
    fn push(&self, op: AreaOp) {
        self.ops.lock().unwrap_or_else(PoisonError::into_inner).push(op);
    }

    /// Takes all of it.
    pub(crate) fn take(&self) -> Vec<AreaOp> {
        std::mem::take(&mut self.ops.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The process that wrote is gone: its store fails from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// Does an operation to the bytes of an area; of a torn write only the first `length` bytes.
pub(crate) fn apply(area: &mut Pages, op: &AreaOp, length: usize) {
    match op {
        AreaOp::Resize(len) => area.resize(*len),
        AreaOp::Write { at, bytes } => {
            let kept = bytes.get(..length.min(bytes.len())).unwrap_or_default();
            if area.len() < at + kept.len() {
                area.resize(at + kept.len());
            }
            area.write(*at, kept);
        }
        AreaOp::Sync => {}
    }
}

#[derive(Debug)]
struct LocalArea {
    view: Pages,
    journal: Journal,
}

impl LocalArea {
    /// The process was killed: what its database still wants to tidy up does not happen.
    fn alive(&self) -> io::Result<()> {
        let closed = self.journal.closed.load(Ordering::Relaxed);
        if closed { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

fn within(done: bool) -> io::Result<()> {
    if done { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

impl VolumeArea for LocalArea {
    fn len(&self) -> io::Result<u64> {
        Ok(self.view.len() as u64)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.alive()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.view.resize(len);
        self.journal.push(AreaOp::Resize(len));
        Ok(())
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.alive()?;
        within(self.view.read(usize::try_from(at).map_err(io::Error::other)?, bytes))
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.alive()?;
        let at = usize::try_from(at).map_err(io::Error::other)?;
        within(self.view.write(at, bytes))?;
        self.journal.push(AreaOp::Write { at, bytes: bytes.to_vec() });
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.alive()?;
        self.journal.push(AreaOp::Sync);
        Ok(())
    }
}

/// A store over the bytes of an area (none: a fresh one), and what it asks for.
pub(crate) fn store(view: Pages) -> Result<(RedbStore, Journal), StoreError> {
    let journal = Journal::default();
    let area = LocalArea { view, journal: journal.clone() };
    Ok((RedbStore::on_backend(AreaBackend::new(Box::new(area)))?, journal))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a plain vector, with lengths and places that cross pages.
    #[test]
    fn pages_are_bytes() {
        let (mut pages, mut plain) = (Pages::default(), Vec::new());
        let mut rng = crate::rng::Rng::new(7);
        let mut copies = Vec::new();
        for step in 0..2_000u32 {
            match rng.below(8) {
                0 => {
                    let len = rng.index(40_000);
                    pages.resize(len);
                    plain.resize(len, 0);
                }
                1 => copies.push((pages.clone(), plain.clone())),
                _ => {
                    let at = rng.index(plain.len() + 1);
                    let count = if rng.chance(300) { PAGE } else { rng.index(9_000) };
                    let at = if rng.chance(300) { at / PAGE * PAGE } else { at };
                    let bytes = vec![step as u8 | 1; count];
                    let fits = at + count <= plain.len();
                    assert_eq!(pages.write(at, &bytes), fits);
                    if fits {
                        plain[at..at + count].copy_from_slice(&bytes);
                    }
                }
            }
        }
        copies.push((pages, plain));
        for (pages, plain) in copies {
            let mut read = vec![9; plain.len()];
            assert!(pages.read(0, &mut read));
            assert!(read == plain);
            assert!(!pages.read(plain.len(), &mut [0]));
        }
    }
}
