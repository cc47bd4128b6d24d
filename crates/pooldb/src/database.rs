//! The database: an image, and the store that keeps it.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use haven_model::ApiError;

use crate::migrate;
use crate::{Batch, DbError, Image, Snapshot, Store, StoreError, Tx};

/// Where fresh identities come from: 128 bits, never zero, never twice.
pub trait IdSource: Send + Sync {
    /// The next identity.
    fn next_id(&mut self) -> u128;
}

impl<F: FnMut() -> u128 + Send + Sync> IdSource for F {
    fn next_id(&mut self) -> u128 {
        self()
    }
}

/// What a committed transaction gave.
#[derive(Debug)]
pub struct Committed<T> {
    /// What its closure returned.
    pub value: T,
    /// The generation after it.
    pub generation: u64,
    /// Its effect, to be sent to members; `None` if it changed nothing.
    pub batch: Option<Arc<Batch>>,
}

/// The database. Reads are those of [`Image`].
pub struct Database {
    pub(crate) image: Image,
    pub(crate) store: Box<dyn Store>,
    pub(crate) ids: Box<dyn IdSource>,
    /// A commit failed, and the store may or may not have kept it: write everything next time.
    pub(crate) store_doubtful: bool,
    /// What the store said when it failed last.
    pub(crate) failure: Option<String>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("generation", &self.image.generation)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl Deref for Database {
    type Target = Image;
    fn deref(&self) -> &Image {
        &self.image
    }
}

impl Database {
    /// Opens what the store holds; an empty store is an empty database.
    ///
    /// # Errors
    /// The store fails or holds something damaged or too new.
    pub fn open(store: Box<dyn Store>, ids: Box<dyn IdSource>) -> Result<Self, StoreError> {
        Self::open_keeping(store, ids, |_| Ok(()))
    }

    /// The same; what is of an older form is handed to `keep` before it is replaced, in one
    /// transaction of the store, by its migrated self.
    ///
    /// # Errors
    /// Those of [`Self::open`], and of `keep`: then nothing was changed.
    pub fn open_keeping(
        mut store: Box<dyn Store>,
        ids: Box<dyn IdSource>,
        keep: impl FnOnce(&Snapshot) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let image = match store.load()? {
            Some(mut snapshot) => {
                if migrate::is_older(&snapshot)? {
                    keep(&snapshot)?;
                    migrate::upgrade(&mut snapshot)?;
                    store.replace_all(&snapshot)?;
                }
                Image::load(&snapshot)?
            }
            None => Image::empty(),
        };
        Ok(Self { image, store, ids, store_doubtful: false, failure: None })
    }

    /// Puts `snapshot` in place of whatever the store holds, and opens it.
    ///
    /// # Errors
    /// The store fails, or the snapshot is damaged or too new.
    pub fn create(
        mut store: Box<dyn Store>,
        ids: Box<dyn IdSource>,
        snapshot: &Snapshot,
    ) -> Result<Self, StoreError> {
        let snapshot = today(snapshot)?;
        let image = Image::load(&snapshot)?;
        store.replace_all(&snapshot)?;
        Ok(Self { image, store, ids, store_doubtful: false, failure: None })
    }

    /// Does all of `work`, or none: its changes are durable before anyone can see them.
    ///
    /// # Errors
    /// `work` refused, or the store failed; then nothing has changed.
    pub fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, ApiError>,
    ) -> Result<Committed<T>, DbError> {
        let mut tx = Tx::new(&mut self.image, self.ids.as_mut());
        let value = work(&mut tx)?;
        let batch = tx.batch()?;
        if let Some(batch) = &batch {
            let stored = if self.store_doubtful {
                tx.export().and_then(|all| self.store.replace_all(&with_batch(all, batch)))
            } else {
                self.store.commit(batch)
            };
            self.store_doubtful = stored.is_err();
            self.failure = stored.as_ref().err().map(ToString::to_string);
            stored?;
        }
        tx.keep(batch.as_ref());
        let batch = batch.map(Arc::new);
        Ok(Committed { value, generation: self.image.generation, batch })
    }

    /// A commit failed: the store may have kept it or not, and some stores take nothing more until
    /// they are opened anew.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.store_doubtful
    }

    /// Why the last commit failed; empty if it did not.
    #[must_use]
    pub fn failure(&self) -> &str {
        self.failure.as_deref().unwrap_or_default()
    }

    /// Takes over what another copy has become, for instance at a member.
    ///
    /// # Errors
    /// The snapshot is damaged, or the store failed; then nothing has changed.
    pub fn import(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let snapshot = today(snapshot)?;
        let image = Image::load(&snapshot)?;
        self.store.replace_all(&snapshot)?;
        self.image = image;
        self.store_doubtful = false;
        Ok(())
    }

    /// Takes the store away: the database is in memory alone until it is moved to another one. A
    /// store may write when it is dropped, so it must be gone before another is opened on the same
    /// place.
    #[must_use]
    pub fn detach(&mut self) -> Box<dyn Store> {
        self.store_doubtful = true;
        std::mem::replace(&mut self.store, Box::new(crate::MemStore::default()))
    }

    /// Moves the database to another store (whose content is replaced) and returns the old one.
    ///
    /// # Errors
    /// The new store failed; the old one stays in use.
    pub fn move_to(&mut self, mut store: Box<dyn Store>) -> Result<Box<dyn Store>, StoreError> {
        store.replace_all(&self.image.export()?)?;
        self.store_doubtful = false;
        Ok(std::mem::replace(&mut self.store, store))
    }
}

/// The snapshot in today's form.
fn today(snapshot: &Snapshot) -> Result<Cow<'_, Snapshot>, StoreError> {
    if !migrate::is_older(snapshot)? {
        return Ok(Cow::Borrowed(snapshot));
    }
    let mut upgraded = snapshot.clone();
    migrate::upgrade(&mut upgraded)?;
    Ok(Cow::Owned(upgraded))
}

/// The transaction's rows are in the export already; its generation and deletes are not.
pub(crate) fn with_batch(mut all: Snapshot, batch: &Batch) -> Snapshot {
    all.generation = batch.generation;
    all.floor = batch.floor;
    all.deletes.extend(batch.deletes.iter().cloned());
    all.deletes.retain(|t| t.deleted > batch.floor);
    all
}
