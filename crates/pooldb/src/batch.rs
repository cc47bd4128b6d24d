//! What a store keeps, and what members are sent: rows as text, deletes, generations.

use haven_model::RefId;
use serde::{Deserialize, Serialize};

/// Version of the stored form. A store with a higher one is refused, a lower one is upgraded.
pub const SCHEMA_VERSION: u64 = 2;

/// One row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRow {
    /// Its class.
    pub class: String,
    /// Its reference.
    pub reference: RefId,
    /// Generation that made it.
    pub created: u64,
    /// Generation that changed it last, back-references included.
    pub modified: u64,
    /// Its fields as a JSON object; references back are left out.
    pub body: String,
}

/// A row that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Its class.
    pub class: String,
    /// Its reference.
    pub reference: RefId,
    /// Generation that had made it.
    pub created: u64,
    /// Generation that deleted it.
    pub deleted: u64,
}

/// The effect of one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Generation the transaction saw.
    pub previous: u64,
    /// Generation it made.
    pub generation: u64,
    /// Rows that are new or different.
    pub puts: Vec<StoredRow>,
    /// Rows that are gone.
    pub deletes: Vec<Tombstone>,
    /// Deletes of this generation and before are forgotten.
    pub floor: u64,
}

/// The whole database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of the stored form.
    pub schema: u64,
    /// Its generation.
    pub generation: u64,
    /// Deletes of this generation and before are forgotten.
    pub floor: u64,
    /// All rows.
    pub rows: Vec<StoredRow>,
    /// Deletes that are remembered, oldest first.
    pub deletes: Vec<Tombstone>,
}
