//! Where the database is kept.

mod area;
mod mem;
mod redb;
mod sealed;

pub use area::{AreaBackend, SealedArea, VolumeArea};
pub use mem::MemStore;
pub use redb::RedbStore;
pub use sealed::{Seal, SealedStore};

use crate::{Batch, Snapshot, StoreError};

/// Keeps a database. A member's copy is a store too: it is fed batches without being opened.
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Everything that is kept; `None` if nothing ever was.
    ///
    /// # Errors
    /// The store fails.
    fn load(&mut self) -> Result<Option<Snapshot>, StoreError>;

    /// Keeps one more transaction; durable when this returns. After an error the caller must
    /// assume nothing about whether it was kept.
    ///
    /// # Errors
    /// The store fails, or the batch does not follow on what is kept.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError>;

    /// Keeps this instead of everything; durable when it returns, and all or nothing.
    ///
    /// # Errors
    /// The store fails.
    fn replace_all(&mut self, snapshot: &Snapshot) -> Result<(), StoreError>;

    /// Generation of what is kept.
    ///
    /// # Errors
    /// The store fails.
    fn generation(&mut self) -> Result<u64, StoreError>;
}
