//! The pool database: typed tables in memory, transactions that are durable before they are
//! seen, and a feed of what changed.
//!
//! Owns: the rows of all classes, their references back (see [`haven_model::relations`]), the
//! generation (one more with every transaction that changes something) and the memory of what
//! was deleted. Where the bytes go is a [`Store`]'s affair: [`MemStore`], [`RedbStore`] on a
//! file, or [`SealedStore`] on an area of a shared volume.
//!
//! Never: reads a clock, makes up references (the caller hands in a generator), starts threads,
//! decides what a row should say.
//!
//! Reads go through [`Image`]; both [`Database`] and [`Tx`] give one, so code that only looks
//! takes `&Image`.
//!
//! ```
//! use haven_model::{Vbd, Vm};
//! use haven_pooldb::{Database, MemStore};
//!
//! let mut ids = 0;
//! let ids = move || { ids += 1; ids };
//! let mut db = Database::open(Box::new(MemStore::default()), Box::new(ids))?;
//! let vm = db.transact(|tx| {
//!     let vm = tx.insert(Vm { name_label: "web1".into(), ..Vm::default() })?;
//!     tx.insert(Vbd { vm, ..Vbd::default() })?;
//!     Ok(vm)
//! })?.value;
//! assert_eq!(db.get(vm).map(|row| row.vbds.len()), Some(1));
//! # Ok::<(), haven_pooldb::DbError>(())
//! ```

mod batch;
mod changes;
mod database;
mod delta;
mod error;
mod group;
mod image;
mod migrate;
mod rowcodec;
mod store;
mod tx;

pub use batch::{Batch, SCHEMA_VERSION, Snapshot, StoredRow, Tombstone};
pub use changes::{Changes, DELETES_KEPT_MAX};
pub use database::{Committed, Database, IdSource};
pub use error::{DbError, StoreError};
pub use group::Work;
pub use image::Image;
pub use migrate::{SCHEMA_OLDEST, upgrade};
pub use store::{
    AreaBackend, MemStore, RedbStore, Seal, SealedArea, SealedStore, Store, VolumeArea,
};
pub use tx::Tx;
