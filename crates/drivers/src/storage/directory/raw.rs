//! System volumes: raw files whose every block is written, so that later writes to them can
//! neither run out of space nor wait for allocation.

use std::io::Write;
use std::path::Path;

use crate::storage::StorageError;
use crate::storage::error::{INVALID_ARGUMENT, VDI_CREATE, VDI_EXISTS, error, system};

/// Bytes per write.
const CHUNK_BYTES: usize = 1 << 20;

/// A name that cannot leave `.haven/` or hide the identity.
pub(super) fn check_name(name: &str) -> Result<(), StorageError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    if name.is_empty()
        || name.starts_with('.')
        || name.ends_with(".json")
        || !name.chars().all(plain)
    {
        let text = format!("\"{name}\" is no name for a system volume");
        return Err(error(INVALID_ARGUMENT, text));
    }
    Ok(())
}

/// Creates the file, or finds it with this size.
pub(super) fn create(path: &Path, size: u64) -> Result<(), StorageError> {
    let failed = |cause: std::io::Error| {
        system(VDI_CREATE, &format!("writing the system volume {}", path.display()), &cause)
    };
    match std::fs::metadata(path) {
        Ok(there) if there.len() == size => return Ok(()),
        Ok(there) => {
            let text = format!(
                "{} exists with {} bytes instead of {size}; it was left alone",
                path.display(),
                there.len()
            );
            return Err(error(VDI_EXISTS, text));
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
        Err(cause) => return Err(failed(cause)),
    }
    let unfinished = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&unfinished)?;
        let zeros = vec![0; CHUNK_BYTES];
        let mut left = size;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            file.write_all(zeros.get(..length).unwrap_or_default())?;
            left -= length as u64;
        }
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    write().map_err(|cause| {
        // Give the space back.
        let _ = std::fs::remove_file(&unfinished);
        failed(cause)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_system_volume_is_fully_allocated_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("statefile");
        create(&path, 3_000_000).unwrap();
        let made = std::fs::metadata(&path).unwrap();
        assert_eq!(made.len(), 3_000_000);
        assert!(made.blocks() * 512 >= 3_000_000);
        std::fs::write(&path, vec![7; 3_000_000]).unwrap();
        create(&path, 3_000_000).unwrap();
        assert_eq!(std::fs::read(&path).unwrap()[0], 7);
        assert_eq!(create(&path, 4_000_000).unwrap_err().code, VDI_EXISTS);
    }

    #[test]
    fn names_stay_inside() {
        assert!(check_name("statefile").is_ok());
        for bad in ["", "../x", "a/b", ".x", "sr.json"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
