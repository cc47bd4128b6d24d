//! A store that forgets with the process: for tests and simulation.

use std::collections::BTreeMap;

use haven_model::RefId;

use crate::{Batch, Snapshot, Store, StoreError, StoredRow, Tombstone};

/// A store in memory.
#[derive(Debug, Clone, Default)]
pub struct MemStore {
    used: bool,
    rows: BTreeMap<(String, RefId), StoredRow>,
    deletes: Vec<Tombstone>,
    generation: u64,
    floor: u64,
    fail_after: Option<u64>,
}

impl MemStore {
    /// A store whose writes fail after the first `writes`.
    #[must_use]
    pub fn failing_after(writes: u64) -> Self {
        Self { fail_after: Some(writes), ..Self::default() }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        if let Some(left) = &mut self.fail_after {
            *left = left
                .checked_sub(1)
                .ok_or_else(|| StoreError::Io("the test store is told to fail".to_owned()))?;
        }
        self.used = true;
        Ok(())
    }

    fn put(&mut self, row: &StoredRow) {
        self.rows.insert((row.class.clone(), row.reference), row.clone());
    }
}

impl Store for MemStore {
    fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.used.then(|| Snapshot {
            schema: crate::SCHEMA_VERSION,
            generation: self.generation,
            floor: self.floor,
            rows: self.rows.values().cloned().collect(),
            deletes: self.deletes.clone(),
        }))
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.previous != self.generation {
            let (expected, found) = (batch.previous, self.generation);
            return Err(StoreError::Gap { expected, found });
        }
        self.write()?;
        // A row that went and came in one group is there.
        for gone in &batch.deletes {
            self.rows.remove(&(gone.class.clone(), gone.reference));
        }
        for row in &batch.puts {
            self.put(row);
        }
        self.deletes.extend(batch.deletes.iter().cloned());
        self.deletes.retain(|t| t.deleted > batch.floor);
        self.generation = batch.generation;
        self.floor = batch.floor;
        Ok(())
    }

    fn replace_all(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.write()?;
        self.rows.clear();
        for row in &snapshot.rows {
            self.put(row);
        }
        self.deletes.clone_from(&snapshot.deletes);
        self.generation = snapshot.generation;
        self.floor = snapshot.floor;
        Ok(())
    }

    fn generation(&mut self) -> Result<u64, StoreError> {
        Ok(self.generation)
    }
}
