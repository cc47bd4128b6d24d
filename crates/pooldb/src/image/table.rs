//! The rows of one class.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{ClassMeta, RefId, Row, Value};

use super::Links;

/// A row and its generations. Shared, so that undoing a change costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) row: Arc<dyn Row>,
    pub(crate) created: u64,
    pub(crate) modified: u64,
}

/// The rows of one class.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) meta: &'static ClassMeta,
    pub(crate) rows: BTreeMap<RefId, Entry>,
    pub(crate) uuids: BTreeMap<String, RefId>,
    pub(crate) uuid_field: Option<usize>,
    /// Relations whose first end is here: (relation, field).
    pub(crate) owns: Vec<(usize, usize)>,
    /// Relations whose second end is here: (relation, field).
    pub(crate) backs: Vec<(usize, usize)>,
}

impl Table {
    pub(crate) fn new(meta: &'static ClassMeta, links: &Links) -> Self {
        Self {
            meta,
            rows: BTreeMap::new(),
            uuids: BTreeMap::new(),
            uuid_field: meta.index_of("uuid"),
            owns: links.owned_by(meta.name),
            backs: links.backs_of(meta.name),
        }
    }

    /// The row's uuid, if its class has one and it is set.
    pub(crate) fn uuid_of(&self, row: &dyn Row) -> Option<String> {
        match row.value(self.uuid_field?)? {
            Value::String(uuid) if !uuid.is_empty() => Some(uuid),
            _ => None,
        }
    }

    pub(crate) fn back_fields(&self) -> Vec<usize> {
        self.backs.iter().map(|(_, field)| *field).collect()
    }

    pub(crate) fn put(&mut self, reference: RefId, entry: Option<Entry>) -> Option<Entry> {
        let old = self.rows.remove(&reference);
        if let Some(uuid) = old.as_ref().and_then(|e| self.uuid_of(e.row.as_ref())) {
            self.uuids.remove(&uuid);
        }
        if let Some(entry) = entry {
            if let Some(uuid) = self.uuid_of(entry.row.as_ref()) {
                self.uuids.insert(uuid, reference);
            }
            self.rows.insert(reference, entry);
        }
        old
    }
}
