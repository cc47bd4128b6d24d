//! Who refers to whom: an index of all relations, from target to owners.
//!
//! It also holds references to rows that do not exist (yet): when such a row appears, its
//! references back are there at once.

use std::collections::{BTreeMap, BTreeSet};

use haven_model::relations::RELATIONS;
use haven_model::{RefId, Row, Value, class_named};

use super::Table;

/// A relation with its fields found.
#[derive(Debug, Clone)]
struct Link {
    class: &'static str,
    field: usize,
    target: &'static str,
    back: usize,
}

/// The index.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    links: Vec<Link>,
    owners: BTreeMap<(usize, RefId), BTreeSet<RefId>>,
}

/// The references in the value of an owning field.
fn references(value: Option<Value>) -> Vec<RefId> {
    let each = match value {
        Some(Value::Ref(r)) => vec![r],
        Some(Value::Set(items)) => items
            .into_iter()
            .filter_map(|v| if let Value::Ref(r) = v { Some(r) } else { None })
            .collect(),
        _ => Vec::new(),
    };
    each.into_iter().filter(|r| !r.is_null()).collect()
}

impl Links {
    pub(crate) fn new() -> Self {
        let links = RELATIONS.iter().filter_map(|relation| {
            Some(Link {
                class: relation.class,
                field: class_named(relation.class)?.index_of(relation.field)?,
                target: relation.target,
                back: class_named(relation.target)?.index_of(relation.back)?,
            })
        });
        Self { links: links.collect(), owners: BTreeMap::new() }
    }

    fn which(&self, ends: impl Fn(&Link) -> Option<usize>) -> Vec<(usize, usize)> {
        self.links.iter().enumerate().filter_map(|(i, l)| Some((i, ends(l)?))).collect()
    }

    pub(crate) fn owned_by(&self, class: &str) -> Vec<(usize, usize)> {
        self.which(|l| (l.class == class).then_some(l.field))
    }

    pub(crate) fn backs_of(&self, class: &str) -> Vec<(usize, usize)> {
        self.which(|l| (l.target == class).then_some(l.back))
    }

    /// Class and position of the field that refers back.
    pub(crate) fn back_field(&self, link: usize) -> Option<(&'static str, usize)> {
        self.links.get(link).map(|l| (l.target, l.back))
    }

    /// Class and position of the owning field.
    pub(crate) fn owning_field(&self, link: usize) -> Option<(&'static str, usize)> {
        self.links.get(link).map(|l| (l.class, l.field))
    }

    /// Rows whose owning field refers to `target`.
    pub(crate) fn owners(&self, link: usize, target: RefId) -> Vec<RefId> {
        self.owners.get(&(link, target)).map_or_else(Vec::new, |o| o.iter().copied().collect())
    }

    pub(crate) fn back_value(&self, link: usize, target: RefId) -> Value {
        Value::Set(self.owners(link, target).into_iter().map(Value::Ref).collect())
    }

    /// All targets that something refers to.
    pub(crate) fn targets(&self) -> Vec<(usize, RefId)> {
        self.owners.keys().copied().collect()
    }

    /// The pairs (relation, target) of the row's owning fields.
    pub(crate) fn targets_of(table: &Table, row: &dyn Row) -> BTreeSet<(usize, RefId)> {
        let fields = table.owns.iter();
        fields
            .flat_map(|(link, field)| {
                references(row.value(*field)).into_iter().map(|target| (*link, target))
            })
            .collect()
    }

    pub(crate) fn learn(&mut self, table: &Table, reference: RefId, row: &dyn Row) {
        for key in Self::targets_of(table, row) {
            self.owners.entry(key).or_default().insert(reference);
        }
    }

    pub(crate) fn forget(&mut self, table: &Table, reference: RefId, row: &dyn Row) {
        for key in Self::targets_of(table, row) {
            if let Some(owners) = self.owners.get_mut(&key) {
                owners.remove(&reference);
                if owners.is_empty() {
                    self.owners.remove(&key);
                }
            }
        }
    }
}
