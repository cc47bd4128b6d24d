//! The pool database as a file: what `pool.dump_database` gives, and what is kept before a
//! migration of the stored form.
//!
//! Owns: the format of such a file (two lines of JSON: a head with a checksum, then the rows), and
//! how many are kept. The file holds the pool's secrets: it is readable by root alone.

use std::fs;
use std::path::{Path, PathBuf};

use haven_model::{ApiError, Pool, Ref, codes};
use haven_pooldb::{SCHEMA_VERSION, Snapshot, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Paths;
use crate::identity::replace_secret;

/// First words of a dump.
const FORMAT: &str = "haven pool database";
/// Files that are kept of those before migrations and restores; the oldest go first.
const BACKUPS_MAX: usize = 5;
/// How their names begin.
const PREFIX: &str = "before-";

/// The first line of a dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Always the same words.
    pub format: String,
    /// `pool.uuid`.
    pub pool: String,
    /// `pool.name_label`.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Version of the stored form.
    pub schema: u64,
    /// Generation of the database.
    pub generation: u64,
    /// When it was written, in seconds since 1970.
    pub written_s: i64,
    /// SHA-256 of the second line, hexadecimal.
    pub sha256: String,
}

/// Writes the database down.
///
/// # Errors
/// It cannot be written as text.
pub fn dump(snapshot: &Snapshot) -> Result<String, serde_json::Error> {
    let rows = serde_json::to_string(snapshot)?;
    let (pool, name) = pool_of(snapshot);
    let head = Head {
        format: FORMAT.to_owned(),
        pool,
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema: snapshot.schema,
        generation: snapshot.generation,
        written_s: crate::state::now().unix_s(),
        sha256: sum(&rows),
    };
    Ok(format!("{}\n{rows}\n", serde_json::to_string(&head)?))
}

/// Reads a dump, and compares it with what its head says.
///
/// # Errors
/// `DATABASE_DUMP_INVALID`, or `DATABASE_SCHEMA_TOO_NEW`.
pub fn parse(text: &str) -> Result<(Head, Snapshot), ApiError> {
    let invalid = |why: String| ApiError::with(codes::DATABASE_DUMP_INVALID, &[&why]);
    let (head, rows) = text.split_once('\n').ok_or_else(|| invalid("it ends early".to_owned()))?;
    let head: Head = serde_json::from_str(head)
        .map_err(|_| invalid("it does not begin as a dump of a pool does".to_owned()))?;
    if head.format != FORMAT {
        return Err(invalid(format!("it is a \"{}\"", head.format)));
    }
    if head.schema > SCHEMA_VERSION {
        let known = SCHEMA_VERSION;
        return Err(StoreError::SchemaTooNew { found: head.schema, known }.into());
    }
    let rows = rows.strip_suffix('\n').unwrap_or(rows);
    if sum(rows) != head.sha256 {
        return Err(invalid("its checksum is wrong: it was cut off or changed".to_owned()));
    }
    let snapshot: Snapshot =
        serde_json::from_str(rows).map_err(|error| invalid(error.to_string()))?;
    if (snapshot.schema, snapshot.generation) != (head.schema, head.generation) {
        return Err(invalid("its head is of another database".to_owned()));
    }
    Ok((head, snapshot))
}

fn sum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Uuid and name of the pool, as far as its row can be read.
#[must_use]
pub fn pool_of(snapshot: &Snapshot) -> (String, String) {
    let row = snapshot.rows.iter().find(|row| row.class == <Pool as haven_model::Class>::NAME);
    let body: serde_json::Value =
        row.and_then(|row| serde_json::from_str(&row.body).ok()).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    (text("uuid"), text("name_label"))
}

/// References of the rows of a class in a snapshot.
pub fn rows_of<C: haven_model::Class>(snapshot: &Snapshot) -> impl Iterator<Item = Ref<C>> + '_ {
    let ours = snapshot.rows.iter().filter(|row| row.class == C::NAME);
    ours.map(|row| Ref::from_id(row.reference))
}

/// Keeps a database of an older form in a file of its own, before it is migrated.
pub fn keeper(paths: &Paths) -> impl FnOnce(&Snapshot) -> Result<(), StoreError> + Send + use<> {
    let directory = paths.backups();
    move |snapshot| {
        let what = format!("schema-{SCHEMA_VERSION}");
        let kept = keep(&directory, &what, snapshot);
        kept.map_err(|error| StoreError::Io(format!("keeping it before a migration: {error}")))
    }
}

/// Keeps the database before a dump takes its place.
///
/// # Errors
/// It cannot be written.
pub fn keep_before_restore(paths: &Paths, snapshot: &Snapshot) -> Result<(), ApiError> {
    keep(&paths.backups(), "restore", snapshot).map_err(ApiError::internal)
}

fn keep(directory: &Path, what: &str, snapshot: &Snapshot) -> std::io::Result<()> {
    let text = dump(snapshot).map_err(std::io::Error::other)?;
    let generation = snapshot.generation;
    let path = directory.join(format!("{PREFIX}{what}-generation-{generation:012}.dump"));
    replace_secret(&path, text.as_bytes())?;
    tracing::warn!(file = %path.display(), "the pool database was kept before {what}");
    forget_oldest(directory)
}

fn forget_oldest(directory: &Path) -> std::io::Result<()> {
    let mut kept: Vec<(std::time::SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            kept.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    kept.sort();
    let excess = kept.len().saturating_sub(BACKUPS_MAX);
    kept.into_iter().take(excess).try_for_each(|(_, path)| fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use haven_model::RefId;
    use haven_pooldb::StoredRow;

    use super::*;

    fn snapshot(schema: u64, generation: u64) -> Snapshot {
        let row = StoredRow {
            class: "pool".to_owned(),
            reference: RefId(7),
            created: 1,
            modified: 1,
            body: r#"{"uuid":"u","name_label":"ours"}"#.to_owned(),
        };
        Snapshot { schema, generation, rows: vec![row], ..Snapshot::default() }
    }

    #[test]
    fn a_dump_is_read_back_and_no_changed_byte_gets_through() {
        let whole = snapshot(SCHEMA_VERSION, 9);
        let text = dump(&whole).unwrap();
        let (head, read) = parse(&text).unwrap();
        assert_eq!((head.pool.as_str(), head.name.as_str(), read), ("u", "ours", whole));
        let rows = text.find('\n').unwrap() + 1;
        for at in rows..text.len() - 1 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(parse(&changed).unwrap_err().code, "DATABASE_DUMP_INVALID", "byte {at}");
        }
        assert!(parse(&text[..text.len() / 2]).is_err());
        assert!(parse("").is_err());
        let newer = dump(&snapshot(SCHEMA_VERSION + 1, 9)).unwrap();
        assert_eq!(parse(&newer).unwrap_err().code, "DATABASE_SCHEMA_TOO_NEW");
    }

    #[test]
    fn a_few_are_kept_and_the_newest_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path());
        for generation in 1..9 {
            keeper(&paths)(&snapshot(1, generation)).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let mut names: Vec<String> = fs::read_dir(paths.backups())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names.len(), BACKUPS_MAX);
        assert!(names[0].contains("000000000004"), "{names:?}");
    }
}
