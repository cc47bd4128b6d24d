//! What a copy lacks: the changes since its generation, as one batch.

use crate::{Batch, Image, MemStore, Snapshot, Store, StoreError};

impl Image {
    /// What a copy of this database at `generation` lacks; `None`: it is too far behind (deletes of
    /// that time are forgotten) or of another history, and needs everything.
    ///
    /// # Errors
    /// A row cannot be written as text.
    pub fn batch_since(&self, generation: u64) -> Result<Option<Batch>, StoreError> {
        if generation < self.floor || generation > self.generation {
            return Ok(None);
        }
        let since = (generation + 1, "", haven_model::RefId::NULL);
        let changed = self.by_generation.range(since..);
        let puts = changed.filter_map(|(_, class, id)| self.stored(class, *id).transpose());
        Ok(Some(Batch {
            previous: generation,
            generation: self.generation,
            puts: puts.collect::<Result<_, _>>()?,
            deletes: self.deletes.iter().filter(|t| t.deleted > generation).cloned().collect(),
            floor: self.floor,
        }))
    }
}

impl Snapshot {
    /// What this becomes by `batches`, one after the other.
    ///
    /// # Errors
    /// One of them does not follow on what came before it.
    pub fn after<'b>(self, batches: impl Iterator<Item = &'b Batch>) -> Result<Self, StoreError> {
        let mut store = MemStore::default();
        store.replace_all(&self)?;
        for batch in batches {
            store.commit(batch)?;
        }
        Ok(Self { schema: self.schema, ..store.load()?.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use haven_model::{Vbd, Vm};

    use super::*;
    use crate::Database;

    fn database() -> Database {
        let mut ids = 0;
        let ids = move || {
            ids += 1;
            ids
        };
        Database::open(Box::new(MemStore::default()), Box::new(ids)).unwrap()
    }

    fn rows(mut snapshot: Snapshot) -> Snapshot {
        snapshot.rows.sort_by(|a, b| (&a.class, a.reference).cmp(&(&b.class, b.reference)));
        snapshot
    }

    #[test]
    fn a_copy_that_follows_in_steps_of_any_size_is_as_one_that_was_taken_whole() {
        let mut db = database();
        let named = |name: &str| Vm { name_label: name.to_owned(), ..Vm::default() };
        let vm = db.transact(|tx| tx.insert(named("a"))).unwrap().value;
        let whole = db.export().unwrap();
        let mut batches = Vec::new();
        let mut next = |db: &Database, since: u64| {
            batches.push(db.batch_since(since).unwrap().unwrap());
            assert_eq!(
                rows(whole.clone().after(batches.iter()).unwrap()),
                rows(db.export().unwrap())
            );
            db.generation()
        };
        let vbd = db.transact(|tx| tx.insert(Vbd { vm, ..Vbd::default() })).unwrap().value;
        db.transact(|tx| tx.update(vm, |row: &mut Vm| row.name_label = "b".to_owned())).unwrap();
        let at = next(&db, 1);
        let short = db.transact(|tx| tx.insert(named("short"))).unwrap().value;
        db.transact(|tx| tx.remove(short)).unwrap();
        db.transact(|tx| tx.remove(vbd)).unwrap();
        let at = next(&db, at);
        db.transact(|tx| tx.remove(vm)).unwrap();
        db.transact(|tx| tx.insert_with(vm, named("again"))).unwrap();
        let at = next(&db, at);
        assert!(db.batch_since(at).unwrap().is_some_and(|b| b.puts.is_empty()), "nothing is new");
    }

    #[test]
    fn who_is_ahead_or_remembers_what_is_forgotten_needs_everything() {
        let mut db = database();
        let vm = db.transact(|tx| tx.insert(Vm::default())).unwrap().value;
        assert_eq!(db.batch_since(db.generation() + 1).unwrap(), None);
        db.transact(|tx| tx.remove(vm)).unwrap();
        let many = crate::DELETES_KEPT_MAX + 1;
        let made = db.transact(|tx| (0..many).map(|_| tx.insert(Vm::default())).collect());
        let made: Vec<_> = made.unwrap().value;
        for vm in made {
            db.transact(|tx| tx.remove(vm)).unwrap();
        }
        assert_eq!(db.batch_since(1).unwrap(), None);
    }

    #[test]
    fn a_batch_that_does_not_follow_is_refused() {
        let mut db = database();
        db.transact(|tx| tx.insert(Vm::default())).unwrap();
        let whole = db.export().unwrap();
        db.transact(|tx| tx.insert(Vm::default())).unwrap();
        db.transact(|tx| tx.insert(Vm::default())).unwrap();
        let late = db.batch_since(2).unwrap().unwrap();
        assert!(matches!(whole.after([&late].into_iter()), Err(StoreError::Gap { .. })));
    }
}
