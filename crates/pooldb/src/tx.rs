//! One transaction: all of it or nothing.

use std::collections::BTreeSet;
use std::ops::Deref;

use haven_model::{ApiError, Class, Ref, RefId, Row, Value, codes};

use crate::database::IdSource;
use crate::group::Undo;
use crate::image::{Entry, Links, Table};
use crate::{Batch, Image, StoreError, Tombstone};

/// A transaction under way. It sees its own changes; dropped without commit, it undoes them.
pub struct Tx<'a> {
    image: &'a mut Image,
    ids: &'a mut dyn IdSource,
    generation: u64,
    /// Entries as they were before each change, in the order of the changes.
    undo: Vec<Undo>,
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx")
            .field("generation", &self.generation)
            .field("changes", &self.undo.len())
            .finish_non_exhaustive()
    }
}

impl Deref for Tx<'_> {
    type Target = Image;
    fn deref(&self) -> &Image {
        self.image
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        while let Some((class, reference, entry)) = self.undo.pop() {
            self.image.put(class, reference, entry);
        }
        self.image.changing = false;
    }
}

/// A copy of a row that the caller may change.
type RowEdit<'f> = &'f mut dyn FnMut(&mut dyn Row) -> Result<(), ApiError>;

impl<'a> Tx<'a> {
    pub(crate) fn new(image: &'a mut Image, ids: &'a mut dyn IdSource) -> Self {
        let generation = image.generation + 1;
        Self { image, ids, generation, undo: Vec::new() }
    }

    /// A fresh identity.
    pub fn new_id(&mut self) -> RefId {
        RefId(self.ids.next_id())
    }

    /// Adds a row under a fresh reference; an empty uuid is filled in.
    ///
    /// # Errors
    /// Another row of the class has the uuid.
    pub fn insert<C: Class>(&mut self, row: C) -> Result<Ref<C>, ApiError> {
        let reference = Ref::from_id(self.new_id());
        self.insert_with(reference, row)?;
        Ok(reference)
    }

    /// Adds a row under a given reference; an empty uuid is filled in.
    ///
    /// # Errors
    /// The reference or the uuid is in use.
    pub fn insert_with<C: Class>(&mut self, reference: Ref<C>, row: C) -> Result<(), ApiError> {
        self.insert_row(reference.id(), Box::new(row))
    }

    /// Changes a row. What it says of references back is ignored: those follow from the others.
    ///
    /// # Errors
    /// There is no such row.
    pub fn update<C: Class>(
        &mut self,
        reference: Ref<C>,
        change: impl FnOnce(&mut C),
    ) -> Result<(), ApiError> {
        let mut change = Some(change);
        self.update_row(C::NAME, reference.id(), &mut |row| {
            if let (Some(change), Some(row)) = (change.take(), row.as_any_mut().downcast_mut()) {
                change(row);
            }
            Ok(())
        })
    }

    /// Removes a row; references to it become null or leave their set.
    ///
    /// # Errors
    /// There is no such row.
    pub fn remove<C: Class>(&mut self, reference: Ref<C>) -> Result<(), ApiError> {
        self.remove_row(C::NAME, reference.id())
    }

    fn table(&self, class: &str) -> Result<&Table, ApiError> {
        let table = self.image.tables.get(class);
        table.ok_or_else(|| ApiError::internal(format!("class {class} has no rows")))
    }

    /// Adds a row of a class known only at run time.
    ///
    /// # Errors
    /// The reference or the uuid is in use.
    pub fn insert_row(&mut self, reference: RefId, mut row: Box<dyn Row>) -> Result<(), ApiError> {
        let meta = row.meta();
        let table = self.table(meta.name)?;
        if reference.is_null() || table.rows.contains_key(&reference) {
            return Err(ApiError::with(
                codes::DB_UNIQUENESS_CONSTRAINT_VIOLATION,
                &[&meta.name, &"ref", &reference],
            ));
        }
        if let Some(index) = table.uuid_field
            && table.uuid_of(row.as_ref()).is_none()
        {
            let fresh = haven_model::uuid_text(self.ids.next_id());
            set(row.as_mut(), index, Value::String(fresh))?;
        }
        let table = self.table(meta.name)?;
        check_uuid(table, reference, row.as_ref())?;
        for (link, index) in &table.backs {
            set(row.as_mut(), *index, self.image.links.back_value(*link, reference))?;
        }
        let targets = Links::targets_of(table, row.as_ref());
        // A row removed and made again at once has only changed.
        let before = self.undo.iter().find(|(c, r, _)| (*c, *r) == (meta.name, reference));
        let before = before.and_then(|(_, _, entry)| entry.as_ref());
        let created = before.map_or(self.generation, |entry| entry.created);
        let entry = Entry { row: row.into(), created, modified: self.generation };
        self.put(meta.name, reference, Some(entry));
        self.refresh(&targets)
    }

    /// Changes a row of a class known only at run time.
    ///
    /// # Errors
    /// There is no such row, or `change` refused.
    pub fn update_row(
        &mut self,
        class: &str,
        reference: RefId,
        change: RowEdit<'_>,
    ) -> Result<(), ApiError> {
        let table = self.table(class)?;
        let Some(entry) = table.rows.get(&reference) else {
            return Err(ApiError::with(codes::HANDLE_INVALID, &[&class, &reference]));
        };
        let mut row = entry.row.boxed();
        change(row.as_mut())?;
        for (_, index) in &table.backs {
            set(row.as_mut(), *index, entry.row.value(*index).unwrap_or(Value::Nil))?;
        }
        if entry.row.same(row.as_ref()) {
            return Ok(());
        }
        check_uuid(table, reference, row.as_ref())?;
        let before = Links::targets_of(table, entry.row.as_ref());
        let after = Links::targets_of(table, row.as_ref());
        let (name, created) = (table.meta.name, entry.created);
        let new = Entry { row: row.into(), created, modified: self.generation };
        self.put(name, reference, Some(new));
        self.refresh(&before.symmetric_difference(&after).copied().collect())
    }

    /// Removes a row of a class known only at run time.
    ///
    /// # Errors
    /// There is no such row.
    pub fn remove_row(&mut self, class: &str, reference: RefId) -> Result<(), ApiError> {
        let table = self.table(class)?;
        if !table.rows.contains_key(&reference) {
            return Err(ApiError::with(codes::HANDLE_INVALID, &[&class, &reference]));
        }
        let name = table.meta.name;
        for (link, _) in table.backs.clone() {
            for owner in self.image.links.owners(link, reference) {
                self.let_go(link, owner, reference)?;
            }
        }
        let Some(old) = self.put(name, reference, None) else { return Ok(()) };
        let targets = Links::targets_of(self.table(class)?, old.row.as_ref());
        self.refresh(&targets)
    }

    /// Takes `target` out of the owning field of `owner`.
    fn let_go(&mut self, link: usize, owner: RefId, target: RefId) -> Result<(), ApiError> {
        let Some((class, index)) = self.image.links.owning_field(link) else { return Ok(()) };
        self.update_row(class, owner, &mut |row| {
            let value = match row.value(index) {
                Some(Value::Set(mut items)) => {
                    items.retain(|item| *item != Value::Ref(target));
                    Value::Set(items)
                }
                _ => Value::Ref(RefId::NULL),
            };
            set(row, index, value)
        })
    }

    /// Writes the references back of the targets anew, as changes of this transaction.
    fn refresh(&mut self, targets: &BTreeSet<(usize, RefId)>) -> Result<(), ApiError> {
        for (link, target) in targets {
            let Some((class, index)) = self.image.links.back_field(*link) else { continue };
            let Some(entry) = self.table(class)?.rows.get(target) else { continue };
            let mut row = entry.row.boxed();
            set(row.as_mut(), index, self.image.links.back_value(*link, *target))?;
            if entry.row.same(row.as_ref()) {
                continue;
            }
            let new = Entry { row: row.into(), modified: self.generation, ..*entry };
            self.put(class, *target, Some(new));
        }
        Ok(())
    }

    /// Marks a row as changed although it is not, so that watchers hear of it.
    ///
    /// # Errors
    /// There is no such row.
    pub fn touch(&mut self, class: &str, reference: RefId) -> Result<(), ApiError> {
        let table = self.table(class)?;
        let Some(entry) = table.rows.get(&reference) else {
            return Err(ApiError::with(codes::HANDLE_INVALID, &[&class, &reference]));
        };
        let (name, new) = (table.meta.name, Entry { modified: self.generation, ..entry.clone() });
        self.put(name, reference, Some(new));
        Ok(())
    }

    fn put(
        &mut self,
        class: &'static str,
        reference: RefId,
        entry: Option<Entry>,
    ) -> Option<Entry> {
        self.image.changing = true;
        let old = self.image.put(class, reference, entry);
        self.undo.push((class, reference, old.clone()));
        old
    }

    /// The effect so far, or `None` if there is none.
    pub(crate) fn batch(&self) -> Result<Option<Batch>, StoreError> {
        let mut batch = Batch {
            previous: self.image.generation,
            generation: self.generation,
            puts: Vec::new(),
            deletes: Vec::new(),
            floor: self.image.floor,
        };
        let mut seen = BTreeSet::new();
        for (class, reference, before) in &self.undo {
            if !seen.insert((class, reference)) {
                continue;
            }
            match (self.image.stored(class, *reference)?, before) {
                (Some(row), _) => batch.puts.push(row),
                (None, Some(before)) => batch.deletes.push(Tombstone {
                    class: (*class).to_owned(),
                    reference: *reference,
                    created: before.created,
                    deleted: self.generation,
                }),
                (None, None) => {}
            }
        }
        // The order in which stores give them back.
        batch.deletes.sort_by(|a, b| (&a.class, a.reference).cmp(&(&b.class, b.reference)));
        let empty = batch.puts.is_empty() && batch.deletes.is_empty();
        batch.floor = crate::changes::floor_after(self.image, batch.deletes.len());
        Ok((!empty).then_some(batch))
    }

    /// Keeps the changes.
    pub(crate) fn keep(mut self, batch: Option<&Batch>) {
        self.undo.clear();
        if let Some(batch) = batch {
            self.image.settle(batch);
        }
    }

    /// Keeps the changes until the group that they are part of is durable; answers how to take
    /// them back.
    pub(crate) fn hold(mut self, batch: Option<&Batch>) -> Vec<Undo> {
        if let Some(batch) = batch {
            self.image.generation = batch.generation;
        }
        std::mem::take(&mut self.undo)
    }
}

fn set(row: &mut dyn Row, index: usize, value: Value) -> Result<(), ApiError> {
    let meta = row.meta();
    match row.set_value(index, value) {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => {
            let field = meta.fields.get(index).map_or(meta.name, |f| f.name);
            Err(ApiError::bad_value(field, &error))
        }
        None => Err(ApiError::internal(format!("{} has no field {index}", meta.name))),
    }
}

fn check_uuid(table: &Table, reference: RefId, row: &dyn Row) -> Result<(), ApiError> {
    let Some(uuid) = table.uuid_of(row) else { return Ok(()) };
    match table.uuids.get(&uuid) {
        Some(other) if *other != reference => Err(ApiError::with(
            codes::DB_UNIQUENESS_CONSTRAINT_VIOLATION,
            &[&table.meta.name, &"uuid", &uuid],
        )),
        _ => Ok(()),
    }
}
