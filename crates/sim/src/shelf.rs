//! What is known of the areas of the metadata volume without reading them once more.
//!
//! Owns: a shortcut. An area that holds, page by page, what a daemon had written when it closed its
//! database, or what was read before, holds the same rows; and one that could not be opened cannot be
//! opened as long as nothing is written there. Runs that go the long way
//! ([`Options::plain`](crate::Options)) show that it is so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use haven_pooldb::{Database, Image, MemStore, Snapshot};

use crate::area::{self, Pages, View};

/// Clones are the same shelf.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<BTreeMap<u8, Entry>>>);

/// Of an area: its pages when it was closed or read, with its rows; and when it was refused, with whose it
/// was to be, and why.
#[derive(Debug, Default)]
struct Entry {
    known: Option<(Pages, Snapshot)>,
    refused: Option<(Pages, Option<String>, String)>,
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u8, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A daemon closes the database that it has in this area.
    pub(crate) fn close(&self, area: u8, view: &View, image: &Image) {
        if let Ok(rows) = image.export() {
            self.put(area, view.pages(), rows);
        }
    }

    /// An area was read for what it holds.
    pub(crate) fn read(&self, area: u8, pages: Option<&Pages>, image: &Image) {
        if let Some((pages, rows)) = pages.cloned().zip(image.export().ok()) {
            self.put(area, pages, rows);
        }
    }

    /// An area holds these pages, which hold these rows.
    pub(crate) fn put(&self, area: u8, pages: Pages, rows: Snapshot) {
        self.lock().entry(area).or_default().known = Some((pages, rows));
    }

    /// An area could not be opened as that of `owner`.
    pub(crate) fn refuse(&self, area: u8, pages: &Pages, owner: Option<&str>, why: &str) {
        let refused = (pages.clone(), owner.map(str::to_owned), why.to_owned());
        self.lock().entry(area).or_default().refused = Some(refused);
    }

    /// Why it cannot be opened, if that was so of these very pages.
    pub(crate) fn refused(&self, area: u8, pages: &Pages, owner: Option<&str>) -> Option<String> {
        let all = self.lock();
        let (kept, of, why) = all.get(&area)?.refused.as_ref()?;
        (kept.are(pages) && of.as_deref() == owner).then(|| why.clone())
    }

    /// What an area holds, if those are the very pages whose rows are known, under a seal of `owner` that
    /// they are not older than.
    pub(crate) fn open(
        &self,
        area: u8,
        pages: &Pages,
        owner: Option<&str>,
        first: u128,
    ) -> Option<Database> {
        let all = self.lock();
        let (_, rows) = all.get(&area)?.known.as_ref().filter(|(kept, _)| kept.are(pages))?;
        let seal = area::seal(pages).filter(|seal| seal.generation <= rows.generation)?;
        owner.is_none_or(|owner| owner == seal.owner).then_some(())?;
        Database::create(Box::new(MemStore::default()), area::ids(first), rows).ok()
    }
}
