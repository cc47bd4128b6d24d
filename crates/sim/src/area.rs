//! An area of the metadata volume as one pool daemon sees it: what it wrote, at once; and the list
//! of what is to be done to the volume, which takes time and may be cut off anywhere.
//!
//! Headers, seals and the store are the production code: `block_io::Area` on these pages, and
//! `pooldb::SealedStore` on that.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use haven_block_io::{Area, AreaError, BLOCK_SIZE, BlockBuffer, BlockIoError, Blocks};
use haven_cluster::AREA_BYTES;
use haven_pooldb::{
    Batch, Database, Seal, SealedArea, SealedStore, Snapshot, Store, StoreError, VolumeArea,
};

/// Bytes that are shared or copied at a time.
const PAGE: usize = BLOCK_SIZE;

/// One of them.
type Page = Arc<[u8; PAGE]>;

/// Bytes in pages, which copies share until one of them writes. A page that was never written is
/// zero.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Pages {
    pages: Vec<Option<Page>>,
    len: usize,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pages").field(&self.len).finish()
    }
}

impl Pages {
    /// Changes the length; new bytes are zero.
    fn resize(&mut self, len: usize) {
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

    /// Reads exactly; zeroes beyond the end.
    pub(crate) fn read(&self, at: usize, bytes: &mut [u8]) {
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
    }

    /// Writes; what lies between the end and there is zero.
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        if at + bytes.len() > self.len {
            self.resize(at + bytes.len());
        }
        let mut at = at;
        let mut left = bytes;
        while !left.is_empty() {
            let (page, from) = (at / PAGE, at % PAGE);
            let count = left.len().min(PAGE - from);
            let (head, tail) = left.split_at(count);
            if let Some(page) = self.pages.get_mut(page) {
                let page = page.get_or_insert_with(|| Arc::new([0; PAGE]));
                let part = Arc::make_mut(page).get_mut(from..from + count);
                part.into_iter().for_each(|part| part.copy_from_slice(head));
            }
            at += count;
            left = tail;
        }
    }

    /// Writes the first `length` bytes of pages, from the beginning of one on; whole ones are shared.
    fn put(&mut self, at: usize, pages: &[Page], length: usize) {
        let length = length.min(pages.len() * PAGE);
        if at + length > self.len {
            self.resize(at + length);
        }
        let (whole, torn) = pages.split_at(length / PAGE);
        for (place, page) in self.pages.iter_mut().skip(at / PAGE).zip(whole) {
            *place = Some(page.clone());
        }
        let rest = torn.first().and_then(|page| page.get(..length % PAGE));
        if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
            self.write(at + whole.len() * PAGE, rest);
        }
    }

    /// Writes zeroes to pages, from the beginning of one on; to the last one perhaps in part.
    fn zero(&mut self, at: usize, len: usize) {
        let (first, whole, rest) = (at / PAGE, len / PAGE, len % PAGE);
        let mut pages = self.pages.iter_mut().skip(first);
        pages.by_ref().take(whole).for_each(|page| *page = None);
        if let Some(Some(page)) = pages.next().filter(|_| rest > 0) {
            Arc::make_mut(page).iter_mut().take(rest).for_each(|byte| *byte = 0);
        }
    }

    /// Flips a bit in each of some pages that hold anything, from the page of a number on.
    pub(crate) fn rot(&mut self, from: usize, count: usize) {
        let used = self.pages.iter_mut().skip(from).flatten();
        for page in used.take(count) {
            if let Some(byte) = Arc::make_mut(page).get_mut(12) {
                *byte ^= 0x55;
            }
        }
    }

    /// They are the very pages of `other`.
    pub(crate) fn are(&self, other: &Self) -> bool {
        let same = |(own, other): (&Option<Page>, &Option<Page>)| match (own, other) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (own, other) => own.is_none() && other.is_none(),
        };
        let long = self.pages.len() == other.pages.len() && self.len == other.len;
        long && self.pages.iter().zip(&other.pages).all(same)
    }

    /// Pages that it reaches to.
    pub(crate) fn count(&self) -> usize {
        self.pages.len()
    }
}

/// One thing that is to be done to the volume.
#[derive(Clone, Debug)]
pub(crate) enum AreaOp {
    /// Whole pages, from the beginning of one on.
    Write {
        at: usize,
        pages: Vec<Page>,
    },
    Zero {
        at: usize,
        len: usize,
    },
    /// Nothing later begins before everything earlier has landed.
    Sync,
}

impl AreaOp {
    /// How many bytes it changes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Write { pages, .. } => pages.len() * PAGE,
            Self::Zero { len, .. } => *len,
            Self::Sync => 0,
        }
    }

    /// It takes the seals of an area away, to fill it anew.
    pub(crate) fn empties(&self) -> bool {
        matches!(self, Self::Zero { at, .. } if *at == SEAL_PAGES[0] * PAGE)
    }
}

/// The two pages with seals, in an area.
const SEAL_PAGES: [usize; 2] = [haven_block_io::SEALS as usize, haven_block_io::SEALS as usize + 1];

/// What a daemon has written, and what of it was not done to the volume yet.
#[derive(Debug, Default)]
struct Inner {
    pages: Pages,
    ops: Vec<AreaOp>,
}

/// An area as a daemon sees it. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    inner: Arc<Mutex<Inner>>,
    closed: Arc<AtomicBool>,
}

impl View {
    pub(crate) fn of(pages: Pages) -> Self {
        let inner = Inner { pages, ops: Vec::new() };
        Self { inner: Arc::new(Mutex::new(inner)), closed: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all that is to be done.
    pub(crate) fn take(&self) -> Vec<AreaOp> {
        std::mem::take(&mut self.lock().ops)
    }

    /// What the daemon believes to be there.
    pub(crate) fn pages(&self) -> Pages {
        self.lock().pages.clone()
    }

    /// Whether the seals on the volume are those that the daemon read or wrote last.
    pub(crate) fn seals_stand(&self, volume: &Pages) -> bool {
        let inner = self.lock();
        let seals =
            |pages: &Pages| SEAL_PAGES.map(|number| pages.pages.get(number).cloned().flatten());
        seals(&inner.pages) == seals(volume)
    }

    /// The process that wrote is gone: its store fails from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// The process was killed: what its database still wants to tidy up does not happen.
    fn alive(&self) -> io::Result<()> {
        let closed = self.closed.load(Ordering::Relaxed);
        if closed { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

fn place(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

impl Blocks for View {
    fn read(&self, offset: u64, buffer: &mut BlockBuffer) -> Result<(), BlockIoError> {
        self.lock().pages.read(place(offset), buffer.as_mut_bytes());
        Ok(())
    }
    fn write(&self, offset: u64, buffer: &BlockBuffer) -> Result<(), BlockIoError> {
        let (mut inner, at) = (self.lock(), place(offset));
        let (pages, _) = buffer.as_bytes().as_chunks();
        let pages: Vec<Page> = pages.iter().map(|page| Arc::new(*page)).collect();
        inner.pages.put(at, &pages, usize::MAX);
        inner.ops.push(AreaOp::Write { at, pages });
        Ok(())
    }
    fn zero(&self, offset: u64, blocks: u64) -> Result<(), BlockIoError> {
        let (at, len) = (place(offset), place(blocks) * PAGE);
        let mut inner = self.lock();
        inner.pages.zero(at, len);
        if len > 0 {
            inner.ops.push(AreaOp::Zero { at, len });
        }
        Ok(())
    }
    fn sync(&self) -> Result<(), BlockIoError> {
        self.lock().ops.push(AreaOp::Sync);
        Ok(())
    }
}

/// Does an operation to the bytes of an area; of a torn one only to the first `length` bytes.
pub(crate) fn apply(area: &mut Pages, op: &AreaOp, length: usize) {
    match op {
        AreaOp::Write { at, pages } => area.put(*at, pages, length),
        AreaOp::Zero { at, len } => area.zero(*at, length.min(*len)),
        AreaOp::Sync => {}
    }
}

#[derive(Debug)]
struct LocalArea {
    area: Area,
    view: View,
}

fn io_error(error: AreaError) -> io::Error {
    io::Error::other(error)
}

impl VolumeArea for LocalArea {
    fn len(&self) -> io::Result<u64> {
        Ok(self.area.len())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.view.alive()?;
        self.area.set_len(len).map_err(io_error)
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.view.alive()?;
        self.area.read(at, bytes).map_err(io_error)
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.view.alive()?;
        self.area.write(at, bytes).map_err(io_error)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.view.alive()?;
        self.area.sync().map_err(io_error)
    }
}

impl SealedArea for LocalArea {
    fn seal(&self) -> io::Result<Option<Vec<u8>>> {
        self.area.seal().map_err(io_error)
    }

    fn seals_stand(&self) -> io::Result<bool> {
        self.area.seals_stand().map_err(io_error)
    }

    fn write_seal(&mut self, seal: &[u8]) -> io::Result<()> {
        self.view.alive()?;
        self.area.write_seal(seal).map_err(io_error)
    }
}

/// The store of a process that may be killed: what it would still tidy up then fails, and is not even
/// computed.
#[derive(Debug)]
pub(crate) struct Mortal {
    store: Option<SealedStore>,
    view: View,
}

impl Mortal {
    fn store(&mut self) -> Result<&mut SealedStore, StoreError> {
        self.store.as_mut().ok_or_else(|| corrupt("its process is gone"))
    }
}

impl Store for Mortal {
    fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        self.store()?.load()
    }
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.store()?.commit(batch)
    }
    fn replace_all(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.store()?.replace_all(snapshot)
    }
    fn generation(&mut self) -> Result<u64, StoreError> {
        self.store()?.generation()
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        if self.view.alive().is_ok() || std::thread::panicking() {
            return;
        }
        let store = self.store.take();
        // redb writes nothing when it is dropped while a thread unwinds.
        let _unwound = catch_unwind(AssertUnwindSafe(|| {
            let _gone = store;
            resume_unwind(Box::new(()))
        }));
    }
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

/// Identities for rows, counted from `first` on.
pub(crate) fn ids(first: u128) -> Box<dyn haven_pooldb::IdSource> {
    let mut next = first;
    Box::new(move || {
        next += 1;
        next
    })
}

/// Opens what an area holds, after it was compared with its checksums, its seal and `owner`. What that
/// writes is done to the volume only by whoever goes on with it.
pub(crate) fn open(
    pages: Pages,
    owner: Option<&str>,
    first_id: u128,
) -> Result<(Database, View), StoreError> {
    let view = View::of(pages);
    let area = Area::open(Arc::new(view.clone()), 0, AREA_BYTES).map_err(corrupt)?;
    let area = LocalArea { area, view: view.clone() };
    // Damage that the store did not expect is an assertion of its own; nobody needs to read it.
    let store = quietly(|| SealedStore::open_to_write(Box::new(area), owner))?;
    let store = Mortal { store: Some(store), view: view.clone() };
    Ok((Database::open(Box::new(store), ids(first_id))?, view))
}

/// The generation as which an area would be opened, whoever wrote it; `None`: it cannot be.
pub(crate) fn generation(pages: &Pages) -> Option<u64> {
    let (db, view) = open(pages.clone(), None, 0).ok()?;
    view.close();
    Some(db.generation())
}

fn quietly<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    static HOOK: Once = Once::new();
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    QUIET.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    done.unwrap_or_else(|_| Err(corrupt("its pages make no sense")))
}

/// Empties an area and begins a store in it; under a seal of what is to come, if there is one.
pub(crate) fn fresh(
    pages: Pages,
    owner: &str,
    to_come: Option<u64>,
) -> Result<(Mortal, View), StoreError> {
    let view = View::of(pages);
    let blocks: Arc<dyn Blocks> = Arc::new(view.clone());
    let area = match to_come {
        Some(generation) => {
            let seal = SealedStore::seal_of(generation, owner)?;
            Area::format_under(blocks, 0, AREA_BYTES, &seal)
        }
        None => Area::format(blocks, 0, AREA_BYTES),
    };
    let area = LocalArea { area: area.map_err(corrupt)?, view: view.clone() };
    let store = SealedStore::create(Box::new(area), owner.to_owned())?;
    Ok((Mortal { store: Some(store), view: view.clone() }, view))
}

/// The seal of an area as it is on the volume, if one can be read.
pub(crate) fn seal(pages: &Pages) -> Option<Seal> {
    seals(pages, Area::seal)
}

/// The same, if it is certain that no newer one was ever written.
pub(crate) fn certain_seal(pages: &Pages) -> Option<Seal> {
    seals(pages, Area::certain_seal)
}

fn seals(
    pages: &Pages,
    read: impl FnOnce(&Area) -> Result<Option<Vec<u8>>, AreaError>,
) -> Option<Seal> {
    let area = Area::open(Arc::new(View::of(pages.clone())), 0, AREA_BYTES).ok()?;
    SealedStore::parse_seal(&read(&area).ok()??).ok()
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
                2 => {
                    let first = rng.index(plain.len() / PAGE + 1);
                    let count = rng.index(plain.len() / PAGE - first + 1) * PAGE;
                    let most = plain.len() - first * PAGE;
                    let count = (count + rng.index(8) * 512).min(most);
                    pages.zero(first * PAGE, count);
                    plain[first * PAGE..][..count].fill(0);
                }
                3 => {
                    let (at, count) = (rng.index(plain.len() / PAGE + 1) * PAGE, rng.index(4));
                    let length = (rng.index(9) * 2_048).min(count * PAGE);
                    let page = Arc::new([step as u8 | 1; PAGE]);
                    plain.resize(plain.len().max(at + length), 0);
                    pages.put(at, &vec![page; count], length);
                    plain[at..at + length].fill(step as u8 | 1);
                }
                _ => {
                    let at = rng.index(plain.len() + 1);
                    let count = if rng.chance(300) { PAGE } else { rng.index(9_000) };
                    let at = if rng.chance(300) { at / PAGE * PAGE } else { at };
                    let bytes = vec![step as u8 | 1; count];
                    plain.resize(plain.len().max(at + count), 0);
                    pages.write(at, &bytes);
                    plain[at..at + count].copy_from_slice(&bytes);
                }
            }
        }
        copies.push((pages, plain));
        for (pages, plain) in copies {
            let mut read = vec![9; plain.len()];
            pages.read(0, &mut read);
            assert!(read == plain);
            assert_eq!(pages.len, plain.len());
            let mut beyond = [9; 3];
            pages.read(plain.len(), &mut beyond);
            assert_eq!(beyond, [0; 3]);
        }
    }
}
