//! A second image that readers use while a transaction of the first waits for its store.

use crate::{Image, Tombstone};

impl Image {
    /// An image of its own with the same rows, which are shared.
    #[must_use]
    pub fn mirror(&self) -> Self {
        let mut copy = Self::empty();
        copy.follow(self);
        copy
    }

    /// Takes over what `newer` has become. What changed is told by the generations, so both must
    /// be of one history; an image of another one, or one too far behind, is taken over whole.
    pub fn follow(&mut self, newer: &Self) {
        if self.generation > newer.generation || self.generation < newer.floor {
            *self = Self::empty();
        }
        let since = self.generation;
        for (_, class, reference) in newer.by_generation.range((since + 1, "", NO_ROW)..) {
            let entry = newer.tables.get(class).and_then(|table| table.rows.get(reference));
            self.put(class, *reference, entry.cloned());
        }
        let gone: Vec<Tombstone> =
            newer.deletes.iter().filter(|delete| delete.deleted > since).cloned().collect();
        for delete in &gone {
            let class = newer.tables.get_key_value(delete.class.as_str());
            // A row that was made again under its old reference is there.
            if let Some((class, table)) = class
                && !table.rows.contains_key(&delete.reference)
            {
                self.put(class, delete.reference, None);
            }
        }
        self.deletes.extend(gone);
        self.floor = newer.floor;
        self.deletes.retain(|delete| delete.deleted > newer.floor);
        self.generation = newer.generation;
    }
}

/// Before the references of all rows.
const NO_ROW: haven_model::RefId = haven_model::RefId::NULL;

#[cfg(test)]
mod tests {
    use haven_model::{Vbd, Vm};

    use crate::{Database, Image, MemStore};

    fn database() -> Database {
        let mut ids = 0;
        let ids = move || {
            ids += 1;
            ids
        };
        Database::open(Box::new(MemStore::default()), Box::new(ids)).unwrap()
    }

    fn same(a: &Image, b: &Image) {
        assert_eq!(a.export().unwrap(), b.export().unwrap());
        let backs = |image: &Image| -> Vec<_> {
            image.iter::<Vm>().map(|(vm, row)| (vm, row.vbds.clone())).collect()
        };
        assert_eq!(backs(a), backs(b));
        assert_eq!(a.changes_since(1), b.changes_since(1));
    }

    #[test]
    fn a_mirror_follows_every_kind_of_change() {
        let mut db = database();
        let mut mirror = db.mirror();
        let named = |name: &str| Vm { name_label: name.to_owned(), ..Vm::default() };
        let vm = db.transact(|tx| tx.insert(named("a"))).unwrap().value;
        mirror.follow(&db);
        same(&mirror, &db);
        let vbd = db.transact(|tx| tx.insert(Vbd { vm, ..Vbd::default() })).unwrap().value;
        db.transact(|tx| tx.update(vm, |row: &mut Vm| row.name_label = "b".to_owned())).unwrap();
        assert!(mirror.get(vm).unwrap().vbds.is_empty(), "it shows what it followed last");
        mirror.follow(&db);
        same(&mirror, &db);
        assert_eq!(mirror.get(vm).unwrap().vbds, [vbd]);
        db.transact(|tx| tx.remove(vbd)).unwrap();
        let gone = db.transact(|tx| tx.insert(named("c"))).unwrap().value;
        db.transact(|tx| tx.remove(gone)).unwrap();
        db.transact(|tx| tx.insert_with(gone, named("again"))).unwrap();
        mirror.follow(&db);
        same(&mirror, &db);
        assert_eq!(mirror.get(gone).unwrap().name_label, "again");
    }

    #[test]
    fn a_mirror_of_another_history_begins_anew() {
        let (mut db, mut other) = (database(), database());
        for _ in 0..3 {
            db.transact(|tx| tx.insert(Vm::default())).unwrap();
        }
        other.transact(|tx| tx.insert(Vm::default())).unwrap();
        let mut mirror = db.mirror();
        mirror.follow(&other);
        same(&mirror, &other);
    }
}
