//! The durable store: redb on a file or on an area of a volume.

use std::path::{Path, PathBuf};

use haven_model::RefId;
use redb::{ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, WriteTransaction};

use crate::{Batch, Snapshot, Store, StoreError, StoredRow, Tombstone};

/// Class and reference → generations and body.
const ROWS: TableDefinition<'_, (&str, u128), (u64, u64, &str)> = TableDefinition::new("rows");
/// Generation, class and reference of a delete → generation of the creation.
const DELETES: TableDefinition<'_, (u64, &str, u128), u64> = TableDefinition::new("deletes");
/// Schema version, generation, floor.
const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");

const SCHEMA: &str = "schema";
const GENERATION: &str = "generation";
const FLOOR: &str = "floor";

/// The whole database is in memory anyway; redb's own cache can be small.
const CACHE_BYTES: usize = 8 << 20;

/// A durable store.
#[derive(Debug)]
pub struct RedbStore {
    /// Absent after a write that failed: redb takes no more until it is opened again.
    db: Option<redb::Database>,
    /// The file; `None` on a backend, whose owner opens it again.
    path: Option<PathBuf>,
    /// What the facts say, if it is known: nobody else writes here.
    facts: Option<Facts>,
}

/// What is kept besides rows and deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    schema: u64,
    generation: u64,
    floor: u64,
}

fn open_file(path: &Path) -> Result<redb::Database, StoreError> {
    redb::Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(io)
}

fn io(error: impl std::fmt::Display) -> StoreError {
    StoreError::Io(error.to_string())
}

impl RedbStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// It cannot be opened, is in use, or is no database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        Ok(Self { db: Some(open_file(&path)?), path: Some(path), facts: None })
    }

    /// Opens a database on anything that has bytes, or makes one there if it is empty.
    ///
    /// # Errors
    /// It fails, or holds something that is no database.
    pub fn on_backend(backend: impl StorageBackend) -> Result<Self, StoreError> {
        let mut builder = redb::Database::builder();
        let builder = builder.set_cache_size(CACHE_BYTES);
        let db = builder.create_with_backend(backend).map_err(io)?;
        Ok(Self { db: Some(db), path: None, facts: None })
    }

    /// Reads everything anew and compares it with its checksums. What does not fit is repaired by
    /// going back to what was there before, so the caller must know how new the content should be.
    ///
    /// # Errors
    /// Nothing whole is left.
    pub fn check(&mut self) -> Result<(), StoreError> {
        self.db()?;
        self.facts = None;
        let Some(db) = &mut self.db else { return Ok(()) };
        db.check_integrity().map(drop).map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    /// The database, opened again if a write had failed: the disk may have room by now.
    fn db(&mut self) -> Result<&redb::Database, StoreError> {
        if let (None, Some(path)) = (&self.db, &self.path) {
            self.db = Some(open_file(path)?);
        }
        self.db.as_ref().ok_or_else(|| io("an earlier write failed"))
    }

    /// After a failed write a file is closed; what was durable before is found there again.
    fn written(&mut self, done: Result<Facts, StoreError>) -> Result<(), StoreError> {
        self.facts = done.as_ref().ok().copied();
        if done.is_err() && self.path.is_some() {
            self.db = None;
        }
        done.map(drop)
    }

    fn facts(&mut self) -> Result<Option<Facts>, StoreError> {
        if self.facts.is_none() {
            self.facts = self.read_facts()?;
        }
        Ok(self.facts)
    }

    fn read_facts(&mut self) -> Result<Option<Facts>, StoreError> {
        let read = self.db()?.begin_read().map_err(io)?;
        let table = match read.open_table(FACTS) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let fact = |name: &str| -> Result<u64, StoreError> {
            Ok(table.get(name).map_err(io)?.map_or(0, |v| v.value()))
        };
        Ok(Some(Facts {
            schema: fact(SCHEMA)?,
            generation: fact(GENERATION)?,
            floor: fact(FLOOR)?,
        }))
    }
}

/// Writes the facts that are not the same as before.
fn write_facts(
    tx: &WriteTransaction,
    before: Option<Facts>,
    generation: u64,
    floor: u64,
) -> Result<Facts, StoreError> {
    let now = Facts { schema: crate::SCHEMA_VERSION, generation, floor };
    let mut facts = tx.open_table(FACTS).map_err(io)?;
    let values = [
        (SCHEMA, now.schema, before.map(|facts| facts.schema)),
        (GENERATION, now.generation, before.map(|facts| facts.generation)),
        (FLOOR, now.floor, before.map(|facts| facts.floor)),
    ];
    for (name, value, known) in values {
        if known != Some(value) {
            facts.insert(name, value).map_err(io)?;
        }
    }
    Ok(now)
}

fn remove_rows(tx: &WriteTransaction, deletes: &[Tombstone]) -> Result<(), StoreError> {
    if deletes.is_empty() {
        return Ok(());
    }
    let mut rows = tx.open_table(ROWS).map_err(io)?;
    for t in deletes {
        rows.remove((t.class.as_str(), t.reference.0)).map_err(io)?;
    }
    Ok(())
}

fn write_rows(tx: &WriteTransaction, puts: &[StoredRow]) -> Result<(), StoreError> {
    let mut rows = tx.open_table(ROWS).map_err(io)?;
    for row in puts {
        let key = (row.class.as_str(), row.reference.0);
        rows.insert(key, (row.created, row.modified, row.body.as_str())).map_err(io)?;
    }
    Ok(())
}

fn write_deletes(
    tx: &WriteTransaction,
    deletes: &[Tombstone],
    floor: u64,
) -> Result<(), StoreError> {
    let mut gone = tx.open_table(DELETES).map_err(io)?;
    for t in deletes {
        let key = (t.deleted, t.class.as_str(), t.reference.0);
        gone.insert(key, t.created).map_err(io)?;
    }
    gone.retain_in(..(floor + 1, "", 0), |_, _| false).map_err(io)
}

fn commit(db: &redb::Database, batch: &Batch, before: Option<Facts>) -> Result<Facts, StoreError> {
    let tx = db.begin_write().map_err(io)?;
    remove_rows(&tx, &batch.deletes)?;
    write_rows(&tx, &batch.puts)?;
    // Nothing is deleted, and nothing has become too old: most commits.
    let same = batch.deletes.is_empty() && before.is_some_and(|facts| facts.floor == batch.floor);
    if !same {
        write_deletes(&tx, &batch.deletes, batch.floor)?;
    }
    let facts = write_facts(&tx, before, batch.generation, batch.floor)?;
    tx.commit().map_err(io)?;
    Ok(facts)
}

fn replace_all(db: &redb::Database, snapshot: &Snapshot) -> Result<Facts, StoreError> {
    let tx = db.begin_write().map_err(io)?;
    tx.delete_table(ROWS).map_err(io)?;
    tx.delete_table(DELETES).map_err(io)?;
    write_rows(&tx, &snapshot.rows)?;
    write_deletes(&tx, &snapshot.deletes, snapshot.floor)?;
    let facts = write_facts(&tx, None, snapshot.generation, snapshot.floor)?;
    tx.commit().map_err(io)?;
    Ok(facts)
}

impl Store for RedbStore {
    fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        let Some(Facts { schema, generation, floor }) = self.facts()? else { return Ok(None) };
        let mut snapshot =
            Snapshot { schema, generation, floor, rows: Vec::new(), deletes: Vec::new() };
        let read = self.db()?.begin_read().map_err(io)?;
        for row in read.open_table(ROWS).map_err(io)?.iter().map_err(io)? {
            let (key, value) = row.map_err(io)?;
            let ((class, reference), (created, modified, body)) = (key.value(), value.value());
            snapshot.rows.push(StoredRow {
                class: class.to_owned(),
                reference: RefId(reference),
                created,
                modified,
                body: body.to_owned(),
            });
        }
        for delete in read.open_table(DELETES).map_err(io)?.iter().map_err(io)? {
            let (key, created) = delete.map_err(io)?;
            let (deleted, class, reference) = key.value();
            let (class, reference) = (class.to_owned(), RefId(reference));
            let created = created.value();
            snapshot.deletes.push(Tombstone { class, reference, created, deleted });
        }
        Ok(Some(snapshot))
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let found = self.generation()?;
        if batch.previous != found {
            return Err(StoreError::Gap { expected: batch.previous, found });
        }
        let before = self.facts;
        let done = self.db().and_then(|db| commit(db, batch, before));
        self.written(done)
    }

    fn replace_all(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let done = self.db().and_then(|db| replace_all(db, snapshot));
        self.written(done)
    }

    fn generation(&mut self) -> Result<u64, StoreError> {
        Ok(self.facts()?.map_or(0, |facts| facts.generation))
    }
}
