//! The mark of this boot: a file on tmpfs that says "a guard was armed since the machine booted".
//!
//! A guard that finds the mark of another must not continue that one's promises: it resets the
//! machine. The mark vanishes with the boot, as tmpfs does.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Result, Write};
use std::path::Path;

/// Sets the mark. Fails with `AlreadyExists` when there is one.
pub fn set(path: &Path, text: &str) -> Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// The mark of an earlier guard of this boot, if any.
pub fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the mark; one that is not there is fine.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_set_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run").join("guard.mark");
        assert_eq!(read(&path).unwrap(), None);
        set(&path, "incarnation 7").unwrap();
        assert_eq!(set(&path, "incarnation 8").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(read(&path).unwrap().as_deref(), Some("incarnation 7"));
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }
}
