//! Older stored forms become today's.
//!
//! Owns: the list of migrations. Each takes the whole database from one version to the next, in
//! memory; the caller keeps a copy of what was there and has the store replaced in one
//! transaction, so that a power loss leaves the old form or the new one. There is no way back: a
//! form newer than [`SCHEMA_VERSION`] is refused.

use crate::{Image, SCHEMA_VERSION, Snapshot, StoreError};

/// The oldest form that can be read.
pub const SCHEMA_OLDEST: u64 = 1;

/// One step from a version to the next.
struct Migration {
    /// The version that it is for.
    from: u64,
    apply: fn(&mut Snapshot) -> Result<(), StoreError>,
}

/// Ascending, without gaps, from [`SCHEMA_OLDEST`].
const MIGRATIONS: &[Migration] = &[Migration { from: 1, apply: spell_out }];

/// Whether a stored form is of an older version.
///
/// # Errors
/// It is newer than this program, or none that ever was.
pub(crate) fn is_older(snapshot: &Snapshot) -> Result<bool, StoreError> {
    let (found, known) = (snapshot.schema, SCHEMA_VERSION);
    if found > known {
        return Err(StoreError::SchemaTooNew { found, known });
    }
    if found < SCHEMA_OLDEST {
        return Err(StoreError::Corrupt(format!("it names schema version {found}")));
    }
    Ok(found < known)
}

/// Brings a stored form to today's version.
///
/// # Errors
/// It is newer, or a row does not say what its class says.
pub fn upgrade(snapshot: &mut Snapshot) -> Result<(), StoreError> {
    while is_older(snapshot)? {
        let step = MIGRATIONS.iter().find(|step| step.from == snapshot.schema);
        let Some(step) = step else {
            let text = format!("no migration from schema version {}", snapshot.schema);
            return Err(StoreError::Corrupt(text));
        };
        (step.apply)(snapshot)?;
        snapshot.schema = step.from + 1;
    }
    Ok(())
}

/// To 2: a row names every field of its class. Version 1 took a field that a row lacked from the
/// program's defaults at every start, so that a default that changes would have changed old rows.
/// (Since version 2 an area of the metadata volume is sealed, too: see [`crate::SealedStore`].)
fn spell_out(snapshot: &mut Snapshot) -> Result<(), StoreError> {
    let image = Image::of_rows(&snapshot.rows)?;
    for row in &mut snapshot.rows {
        // A class that this program does not know stays as it is.
        if let Some(whole) = image.stored(&row.class, row.reference)? {
            row.body = whole.body;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use haven_model::{RefId, Vm};

    use super::*;
    use crate::{Database, MemStore, StoredRow};

    #[test]
    fn the_list_leads_from_the_oldest_form_to_todays() {
        let from: Vec<u64> = MIGRATIONS.iter().map(|step| step.from).collect();
        let all: Vec<u64> = (SCHEMA_OLDEST..SCHEMA_VERSION).collect();
        assert_eq!(from, all);
    }

    #[test]
    fn a_row_of_version_one_is_spelled_out_and_strangers_stay() {
        let row = |class: &str, reference, body: &str| StoredRow {
            class: class.to_owned(),
            reference: RefId(reference),
            created: 1,
            modified: 1,
            body: body.to_owned(),
        };
        let rows = vec![row("VM", 1, r#"{"name_label":"web1"}"#), row("later", 2, "{}")];
        let mut snapshot = Snapshot { schema: 1, generation: 7, rows, ..Snapshot::default() };
        upgrade(&mut snapshot).unwrap();
        assert_eq!((snapshot.schema, snapshot.generation), (SCHEMA_VERSION, 7));
        assert!(snapshot.rows[0].body.contains("memory_static_max"), "{}", snapshot.rows[0].body);
        assert_eq!(snapshot.rows[1].body, "{}");
        let ids = Box::new(|| 9);
        let db = Database::create(Box::new(MemStore::default()), ids, &snapshot).unwrap();
        assert_eq!(db.by_name::<Vm>("web1").len(), 1);
    }

    #[test]
    fn a_newer_form_and_no_form_are_refused() {
        let of = |schema| is_older(&Snapshot { schema, ..Snapshot::default() });
        assert!(matches!(of(SCHEMA_VERSION + 1), Err(StoreError::SchemaTooNew { .. })));
        assert!(matches!(of(0), Err(StoreError::Corrupt(_))));
        assert!(!of(SCHEMA_VERSION).unwrap());
    }
}
