//! The rows in memory, with the indexes that reading and relations need.

mod links;
mod memo;
mod mirror;
mod table;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, LazyLock};

use haven_model::{Class, Ref, RefId, Row};

pub(crate) use links::Links;
pub(crate) use table::{Entry, Table};

use crate::{Snapshot, StoreError, StoredRow, Tombstone};

/// All rows at one generation. Changes go through [`crate::Tx`].
#[derive(Debug)]
pub struct Image {
    pub(crate) tables: BTreeMap<&'static str, Table>,
    pub(crate) links: Links,
    /// Every row under the generation that changed it last.
    pub(crate) by_generation: BTreeSet<(u64, &'static str, RefId)>,
    pub(crate) deletes: VecDeque<Tombstone>,
    pub(crate) floor: u64,
    pub(crate) generation: u64,
    /// A transaction has changed rows and is not at its end.
    pub(crate) changing: bool,
    pub(crate) memo: memo::Memo,
}

impl Image {
    pub(crate) fn empty() -> Self {
        // The classes never change: finding their relations once is enough.
        static EMPTY: LazyLock<(BTreeMap<&'static str, Table>, Links)> = LazyLock::new(|| {
            let links = Links::new();
            let tables = haven_model::stored_classes();
            (tables.map(|meta| (meta.name, Table::new(meta, &links))).collect(), links)
        });
        let (tables, links) = EMPTY.clone();
        Self {
            tables,
            links,
            by_generation: BTreeSet::new(),
            deletes: VecDeque::new(),
            floor: 0,
            generation: 0,
            changing: false,
            memo: memo::Memo::default(),
        }
    }

    /// The rows of today's form.
    pub(crate) fn load(snapshot: &Snapshot) -> Result<Self, StoreError> {
        if crate::migrate::is_older(snapshot)? {
            let text = format!("schema version {} was not migrated", snapshot.schema);
            return Err(StoreError::Corrupt(text));
        }
        let mut image = Self::of_rows(&snapshot.rows)?;
        image.generation = snapshot.generation;
        image.floor = snapshot.floor;
        image.deletes = snapshot.deletes.iter().cloned().collect();
        Ok(image)
    }

    /// Rows of any form that the classes of today can read.
    pub(crate) fn of_rows(rows: &[StoredRow]) -> Result<Self, StoreError> {
        let mut image = Self::empty();
        for row in rows {
            image.load_row(row)?;
        }
        for (link, target) in image.links.targets() {
            image.refresh_back(link, target);
        }
        Ok(image)
    }

    fn load_row(&mut self, stored: &StoredRow) -> Result<(), StoreError> {
        // A class that a newer program may have had: its rows stay in the store, unseen.
        let Some(table) = self.tables.get(stored.class.as_str()) else { return Ok(()) };
        let row = crate::rowcodec::decode(table.meta, &stored.reference, &stored.body)?;
        let class = table.meta.name;
        let entry = Entry { row: row.into(), created: stored.created, modified: stored.modified };
        self.put(class, stored.reference, Some(entry));
        Ok(())
    }

    /// The rows are those of after `batch` already; its generation and deletes follow.
    pub(crate) fn settle(&mut self, batch: &crate::Batch) {
        self.generation = batch.generation;
        self.deletes.extend(batch.deletes.iter().cloned());
        self.floor = batch.floor;
        self.deletes.retain(|t| t.deleted > batch.floor);
    }

    /// Replaces (or removes) one entry and keeps every index; references back are not touched.
    pub(crate) fn put(
        &mut self,
        class: &'static str,
        reference: RefId,
        entry: Option<Entry>,
    ) -> Option<Entry> {
        let table = self.tables.get_mut(class)?;
        if let Some(new) = &entry {
            self.by_generation.insert((new.modified, class, reference));
        }
        let modified = entry.as_ref().map(|e| e.modified);
        let old = table.put(reference, entry);
        if let Some(old) = &old {
            if modified != Some(old.modified) {
                self.by_generation.remove(&(old.modified, class, reference));
            }
            self.links.forget(table, reference, old.row.as_ref());
        }
        if let Some(new) = table.rows.get(&reference) {
            self.links.learn(table, reference, new.row.as_ref());
        }
        old
    }

    /// Writes the references back of `target` from the index, without a new generation.
    fn refresh_back(&mut self, link: usize, target: RefId) {
        let Some((class, index)) = self.links.back_field(link) else { return };
        let Some(entry) = self.tables.get(class).and_then(|t| t.rows.get(&target)) else { return };
        let mut row = entry.row.boxed();
        let written = row.set_value(index, self.links.back_value(link, target));
        debug_assert!(matches!(written, Some(Ok(()))), "a back-reference is a set of references");
        let entry = Entry { row: row.into(), ..*entry };
        self.put(class, target, Some(entry));
    }

    /// Number of changes so far.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The row.
    #[must_use]
    pub fn get<C: Class>(&self, reference: Ref<C>) -> Option<&C> {
        self.row(C::NAME, reference.id())?.as_any().downcast_ref()
    }

    /// The row, or `HANDLE_INVALID`.
    ///
    /// # Errors
    /// There is no such row.
    pub fn require<C: Class>(&self, reference: Ref<C>) -> Result<&C, haven_model::ApiError> {
        self.get(reference).ok_or_else(|| haven_model::ApiError::handle_invalid(reference))
    }

    /// Whether the row exists.
    #[must_use]
    pub fn contains<C: Class>(&self, reference: Ref<C>) -> bool {
        self.row(C::NAME, reference.id()).is_some()
    }

    /// All rows of a class, in the order of their references.
    pub fn iter<C: Class>(&self) -> impl Iterator<Item = (Ref<C>, &C)> {
        self.rows(C::NAME)
            .filter_map(|(id, row)| Some((Ref::from_id(id), row.as_any().downcast_ref::<C>()?)))
    }

    /// Number of rows of a class.
    #[must_use]
    pub fn count(&self, class: &str) -> usize {
        self.tables.get(class).map_or(0, |t| t.rows.len())
    }

    /// The only row of a class such as `pool`; the first, should there be several.
    #[must_use]
    pub fn single<C: Class>(&self) -> Option<(Ref<C>, &C)> {
        self.iter().next()
    }

    /// The row with this uuid.
    #[must_use]
    pub fn find_uuid<C: Class>(&self, uuid: &str) -> Option<Ref<C>> {
        self.find_row(C::NAME, uuid).map(Ref::from_id)
    }

    /// All rows with this `name_label`.
    #[must_use]
    pub fn by_name<C: Class>(&self, name: &str) -> Vec<Ref<C>> {
        self.rows_named(C::NAME, name).into_iter().map(Ref::from_id).collect()
    }

    /// The row, of a class known only at run time.
    #[must_use]
    pub fn row(&self, class: &str, reference: RefId) -> Option<&dyn Row> {
        self.tables.get(class)?.rows.get(&reference).map(|e| e.row.as_ref())
    }

    /// The row, to be kept: later changes make another one.
    #[must_use]
    pub fn shared(&self, class: &str, reference: RefId) -> Option<Arc<dyn Row>> {
        self.tables.get(class)?.rows.get(&reference).map(|e| e.row.clone())
    }

    /// All rows of a class known only at run time, to be kept.
    pub fn shared_rows<'a>(
        &'a self,
        class: &str,
    ) -> impl Iterator<Item = (RefId, &'a Arc<dyn Row>)> + use<'a> {
        let table = self.tables.get(class);
        table.into_iter().flat_map(|t| t.rows.iter().map(|(id, e)| (*id, &e.row)))
    }

    /// All rows of a class known only at run time.
    pub fn rows<'a>(&'a self, class: &str) -> impl Iterator<Item = (RefId, &'a dyn Row)> + use<'a> {
        let table = self.tables.get(class);
        table.into_iter().flat_map(|t| t.rows.iter().map(|(id, e)| (*id, e.row.as_ref())))
    }

    /// The row with this uuid, of a class known only at run time.
    #[must_use]
    pub fn find_row(&self, class: &str, uuid: &str) -> Option<RefId> {
        self.tables.get(class)?.uuids.get(uuid).copied()
    }

    /// All rows with this `name_label`, of a class known only at run time.
    #[must_use]
    pub fn rows_named(&self, class: &str, name: &str) -> Vec<RefId> {
        let Some(table) = self.tables.get(class) else { return Vec::new() };
        let Some(index) = table.meta.index_of("name_label") else { return Vec::new() };
        let rows = table
            .rows
            .iter()
            .filter(|(_, entry)| entry.row.value(index).is_some_and(|v| v.as_str() == Some(name)));
        rows.map(|(id, _)| *id).collect()
    }

    /// Which class a reference belongs to; looks through all tables.
    #[must_use]
    pub fn class_of(&self, reference: RefId) -> Option<&'static str> {
        let holds = |(_, t): &(&&'static str, &Table)| t.rows.contains_key(&reference);
        self.tables.iter().find(holds).map(|(class, _)| *class)
    }

    /// Generations that made and last changed a row.
    #[must_use]
    pub fn row_generations(&self, class: &str, reference: RefId) -> Option<(u64, u64)> {
        let entry = self.tables.get(class)?.rows.get(&reference)?;
        Some((entry.created, entry.modified))
    }

    /// The row in its stored form.
    pub(crate) fn stored(
        &self,
        class: &str,
        reference: RefId,
    ) -> Result<Option<StoredRow>, StoreError> {
        let Some(table) = self.tables.get(class) else { return Ok(None) };
        let Some(entry) = table.rows.get(&reference) else { return Ok(None) };
        Ok(Some(StoredRow {
            class: class.to_owned(),
            reference,
            created: entry.created,
            modified: entry.modified,
            body: crate::rowcodec::encode(entry.row.as_ref(), &table.back_fields())?,
        }))
    }

    /// Everything, in stored form.
    ///
    /// # Errors
    /// A row cannot be written as text.
    pub fn export(&self) -> Result<Snapshot, StoreError> {
        let mut rows = Vec::new();
        for (class, table) in &self.tables {
            for reference in table.rows.keys() {
                rows.extend(self.stored(class, *reference)?);
            }
        }
        Ok(Snapshot {
            schema: crate::SCHEMA_VERSION,
            generation: self.generation,
            floor: self.floor,
            rows,
            deletes: self.deletes.iter().cloned().collect(),
        })
    }
}
