//! Several transactions, durable together: the store is written once for all of them.

use std::collections::BTreeMap;

use haven_model::{ApiError, RefId};

use crate::database::with_batch;
use crate::image::Entry;
use crate::{Batch, Database, DbError, StoredRow, Tx};

/// One transaction of a group.
pub type Work = Box<dyn FnOnce(&mut Tx<'_>) -> Result<(), ApiError> + Send>;

/// An entry as it was before a change.
pub(crate) type Undo = (&'static str, RefId, Option<Entry>);

/// What the transactions of a group have done together.
#[derive(Debug, Default)]
struct Group {
    undo: Vec<Undo>,
    effect: Option<Batch>,
    /// The last word on each row; `None`: gone.
    rows: BTreeMap<(String, RefId), Option<StoredRow>>,
}

impl Group {
    fn add(&mut self, undo: Vec<Undo>, batch: Option<Batch>) {
        self.undo.extend(undo);
        let Some(batch) = batch else { return };
        for gone in &batch.deletes {
            self.rows.insert((gone.class.clone(), gone.reference), None);
        }
        for row in batch.puts {
            self.rows.insert((row.class.clone(), row.reference), Some(row));
        }
        let effect = self.effect.get_or_insert_with(|| Batch {
            previous: batch.previous,
            generation: batch.generation,
            puts: Vec::new(),
            deletes: Vec::new(),
            floor: batch.floor,
        });
        effect.generation = batch.generation;
        effect.floor = effect.floor.max(batch.floor);
        effect.deletes.extend(batch.deletes);
    }

    fn finish(self) -> (Vec<Undo>, Option<Batch>) {
        let effect = self
            .effect
            .map(|effect| Batch { puts: self.rows.into_values().flatten().collect(), ..effect });
        (self.undo, effect)
    }
}

impl Database {
    /// Does each of `works` as a transaction of its own, one after the other, and makes all of
    /// them durable together. A transaction that refuses has no effect on the others; when the
    /// store fails, none has had any.
    pub fn transact_all(&mut self, works: Vec<Work>) -> Vec<Result<(), ApiError>> {
        let before = self.image.generation;
        let mut group = Group::default();
        let mut results: Vec<Result<(), ApiError>> = Vec::with_capacity(works.len());
        for work in works {
            let mut tx = Tx::new(&mut self.image, self.ids.as_mut());
            let done = work(&mut tx)
                .and_then(|()| tx.batch().map_err(|error| DbError::Store(error).into()));
            results.push(done.map(|batch| {
                let undo = tx.hold(batch.as_ref());
                group.add(undo, batch);
            }));
        }
        let (mut undo, effect) = group.finish();
        let Some(effect) = effect else { return results };
        let stored = if self.store_doubtful {
            self.image.export().and_then(|all| self.store.replace_all(&with_batch(all, &effect)))
        } else {
            self.store.commit(&effect)
        };
        self.store_doubtful = stored.is_err();
        self.failure = stored.as_ref().err().map(ToString::to_string);
        match stored {
            Ok(()) => self.image.settle(&effect),
            Err(error) => {
                while let Some((class, reference, entry)) = undo.pop() {
                    self.image.put(class, reference, entry);
                }
                self.image.generation = before;
                self.image.memo.forget();
                let error = ApiError::from(DbError::Store(error));
                for result in results.iter_mut().filter(|result| result.is_ok()) {
                    *result = Err(error.clone());
                }
            }
        }
        results
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use haven_model::{Ref, Vbd, Vm};

    use super::*;
    use crate::{MemStore, Snapshot};

    fn ids() -> Box<dyn crate::IdSource> {
        let mut last = 0;
        Box::new(move || {
            last += 1;
            last
        })
    }

    fn named(name: &'static str, made: &Arc<Mutex<Vec<Ref<Vm>>>>) -> Work {
        let made = made.clone();
        Box::new(move |tx| {
            let vm = tx.insert(Vm { name_label: name.to_owned(), ..Vm::default() })?;
            made.lock().unwrap().push(vm);
            Ok(())
        })
    }

    fn reopened(db: Database) -> (Snapshot, Snapshot) {
        let here = db.export().unwrap();
        let mut other = Database::open(Box::new(MemStore::default()), ids()).unwrap();
        let mut store = other.move_to(Box::new(MemStore::default())).unwrap();
        drop(db);
        store.replace_all(&here).unwrap();
        let again = Database::open(store, ids()).unwrap().export().unwrap();
        (here, again)
    }

    #[test]
    fn a_group_is_as_its_transactions_one_by_one() {
        let mut db = Database::open(Box::new(MemStore::default()), ids()).unwrap();
        let made = Arc::default();
        let (first, second) = (Arc::clone(&made), Arc::clone(&made));
        let results = db.transact_all(vec![
            named("a", &made),
            named("b", &made),
            Box::new(|_| Err(ApiError::internal("refused"))),
            // The first is gone again before it was ever stored, the second has a device.
            Box::new(move |tx| tx.remove(first.lock().unwrap()[0])),
            Box::new(move |tx| {
                let vm = second.lock().unwrap()[1];
                tx.insert(Vbd { vm, ..Vbd::default() }).map(|_| ())
            }),
        ]);
        let good: Vec<bool> = results.iter().map(Result::is_ok).collect();
        assert_eq!(good, [true, true, false, true, true]);
        assert_eq!(db.generation(), 4, "a refused one makes no generation");
        let made = made.lock().unwrap().clone();
        assert!(db.get(made[0]).is_none());
        assert_eq!(db.get(made[1]).unwrap().vbds.len(), 1);
        assert_eq!(db.changes_since(1).dels.len(), 1);
        let again = named("again", &Arc::default());
        assert!(db.transact_all(vec![again]).iter().all(Result::is_ok), "the store is at its side");
        let (here, stored) = reopened(db);
        assert_eq!(here, stored);
    }

    #[test]
    fn a_row_that_goes_and_comes_in_one_group_stays() {
        let mut db = Database::open(Box::new(MemStore::default()), ids()).unwrap();
        let vm = db.transact(|tx| tx.insert(Vm::default())).unwrap().value;
        let results = db.transact_all(vec![
            Box::new(move |tx| tx.remove(vm)),
            Box::new(move |tx| tx.insert_with(vm, Vm::default())),
        ]);
        assert!(results.iter().all(Result::is_ok));
        let mut stores = db.move_to(Box::new(MemStore::default())).unwrap();
        let stored = stores.load().unwrap().unwrap();
        assert!(stored.rows.iter().any(|row| row.reference == vm.id()));
    }

    #[test]
    fn when_the_store_fails_nothing_has_happened() {
        let mut db = Database::open(Box::new(MemStore::failing_after(1)), ids()).unwrap();
        let vm = db.transact(|tx| tx.insert(Vm::default())).unwrap().value;
        let before = db.export().unwrap();
        let results =
            db.transact_all(vec![named("a", &Arc::default()), Box::new(move |tx| tx.remove(vm))]);
        assert!(results.iter().all(|r| r.as_ref().unwrap_err().code == "DATABASE_WRITE_FAILED"));
        assert_eq!(db.export().unwrap(), before);
        assert!(db.is_doubtful());
    }
}
