//! The SR's identity file: notices a wrong, replaced or re-used export.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::storage::StorageError;
use crate::storage::error::{SR_EXISTS, SR_UNAVAILABLE, error, system};

/// Directory of what is not a volume.
pub(super) const PRIVATE_DIR: &str = ".haven";
const FILE: &str = "sr.json";
/// Version of the layout that this code knows.
const LAYOUT: u32 = 1;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `SR.uuid`.
    pub uuid: Uuid,
    /// Version of the layout.
    pub layout: u32,
}

pub(super) fn private_dir(root: &Path) -> PathBuf {
    root.join(PRIVATE_DIR)
}

/// Reads the identity; `None` if there is no SR.
pub(super) fn read(root: &Path) -> Result<Option<Identity>, StorageError> {
    let path = private_dir(root).join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(system(SR_UNAVAILABLE, "reading the SR's identity", &cause)),
    };
    serde_json::from_str(&text).map(Some).map_err(|cause| {
        let text = format!("the SR's identity in {} is damaged: {cause}", path.display());
        error(SR_UNAVAILABLE, text)
    })
}

/// Makes sure that the SR there is this one.
pub(super) fn check(root: &Path, sr: Uuid) -> Result<(), StorageError> {
    match read(root)? {
        Some(identity) if identity.uuid != sr => {
            let text = format!(
                "the storage holds SR {}, not {sr}: the export or location is wrong, or was \
                 re-used; nothing was changed",
                identity.uuid
            );
            Err(error(SR_UNAVAILABLE, text))
        }
        Some(identity) if identity.layout > LAYOUT => {
            let text = format!(
                "SR {sr} has layout {}, this host knows up to {LAYOUT}: update the host",
                identity.layout
            );
            Err(error(SR_UNAVAILABLE, text))
        }
        Some(_) => Ok(()),
        None => {
            let text = format!(
                "the storage does not hold SR {sr}: there is no {PRIVATE_DIR}/{FILE}; the export \
                 or location is wrong, or the SR was never created there"
            );
            Err(error(SR_UNAVAILABLE, text))
        }
    }
}

/// Claims an empty place for this SR; idempotent.
pub(super) fn create(root: &Path, sr: Uuid) -> Result<(), StorageError> {
    let failed = |what: &str, cause: &std::io::Error| system(SR_UNAVAILABLE, what, cause);
    if let Some(identity) = read(root)? {
        if identity.uuid == sr {
            return Ok(());
        }
        let text = format!(
            "the storage holds SR {} already: introduce that one, or choose another place",
            identity.uuid
        );
        return Err(error(SR_EXISTS, text));
    }
    let dir = private_dir(root);
    std::fs::create_dir_all(&dir).map_err(|e| failed("creating .haven on the SR", &e))?;
    let text = serde_json::to_string(&Identity { uuid: sr, layout: LAYOUT })
        .map_err(|e| error(SR_UNAVAILABLE, e.to_string()))?;
    let path = dir.join(FILE);
    // Exclusive: two hosts that create at the same time do not both succeed.
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::options().write(true).create_new(true).open(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    match write() {
        Ok(()) => Ok(()),
        Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => check(root, sr),
        Err(cause) => {
            // A half-written identity would make the place unusable.
            let _ = std::fs::remove_file(&path);
            Err(failed("writing the SR's identity", &cause))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_belongs_to_one_sr() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(check(dir.path(), mine).unwrap_err().code, SR_UNAVAILABLE);
        create(dir.path(), mine).unwrap();
        create(dir.path(), mine).unwrap();
        check(dir.path(), mine).unwrap();
        assert_eq!(create(dir.path(), other).unwrap_err().code, SR_EXISTS);
        let wrong = check(dir.path(), other).unwrap_err();
        assert!(wrong.text.contains(&mine.to_string()), "{wrong}");
    }

    #[test]
    fn a_damaged_identity_is_not_taken_for_an_empty_place() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(private_dir(dir.path())).unwrap();
        std::fs::write(private_dir(dir.path()).join(FILE), "{").unwrap();
        assert!(create(dir.path(), Uuid::from_u128(1)).is_err());
    }
}
