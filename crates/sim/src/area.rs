//! An area of the metadata volume as one pool daemon sees it: what it wrote, at once; and the list
//! of what is to be done to the volume, which takes time and may be cut off anywhere.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use haven_pooldb::{AreaBackend, RedbStore, StoreError, VolumeArea};

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
pub(crate) struct Journal(Arc<Mutex<Vec<AreaOp>>>);

impl Journal {
    fn push(&self, op: AreaOp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(op);
    }

    /// Takes all of it.
    pub(crate) fn take(&self) -> Vec<AreaOp> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Does an operation to the bytes of an area; of a torn write only the first `length` bytes.
pub(crate) fn apply(area: &mut Vec<u8>, op: &AreaOp, length: usize) {
    match op {
        AreaOp::Resize(len) => area.resize(*len, 0),
        AreaOp::Write { at, bytes } => {
            let kept = bytes.get(..length.min(bytes.len())).unwrap_or_default();
            if area.len() < at + kept.len() {
                area.resize(at + kept.len(), 0);
            }
            if let Some(to) = area.get_mut(*at..*at + kept.len()) {
                to.copy_from_slice(kept);
            }
        }
        AreaOp::Sync => {}
    }
}

struct LocalArea {
    view: Vec<u8>,
    journal: Journal,
}

impl std::fmt::Debug for LocalArea {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LocalArea").field(&self.view.len()).finish()
    }
}

fn end() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

impl VolumeArea for LocalArea {
    fn len(&self) -> io::Result<u64> {
        Ok(self.view.len() as u64)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.view.resize(len, 0);
        self.journal.push(AreaOp::Resize(len));
        Ok(())
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(at).map_err(io::Error::other)?;
        bytes.copy_from_slice(self.view.get(at..at + bytes.len()).ok_or_else(end)?);
        Ok(())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(at).map_err(io::Error::other)?;
        self.view.get_mut(at..at + bytes.len()).ok_or_else(end)?.copy_from_slice(bytes);
        self.journal.push(AreaOp::Write { at, bytes: bytes.to_vec() });
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.journal.push(AreaOp::Sync);
        Ok(())
    }
}

/// A store over the bytes of an area (none: a fresh one), and what it asks for.
pub(crate) fn store(view: Vec<u8>) -> Result<(RedbStore, Journal), StoreError> {
    let journal = Journal::default();
    let area = LocalArea { view, journal: journal.clone() };
    Ok((RedbStore::on_backend(AreaBackend::new(Box::new(area)))?, journal))
}
