//! Small durable files: written beside, flushed, renamed; with a generation and a checksum.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Longest payload, in bytes; a ledger is small by intent.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Why a ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system failed.
    #[error("ledger {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is there but not what was written.
    #[error("ledger {path} is damaged: {what}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}

/// A durable text with a generation that grows by one with every write.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    generation: u64,
    payload: Option<String>,
}

impl Ledger {
    /// Reads the ledger; an absent file is an empty ledger, a damaged one an error.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let mut text = String::new();
        match File::open(path) {
            Ok(mut file) => {
                file.read_to_string(&mut text).map_err(|source| io(path, source))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::empty(path));
            }
            Err(source) => return Err(io(path, source)),
        }
        let (generation, payload) =
            parse(&text).map_err(|what| LedgerError::Damaged { path: path.to_owned(), what })?;
        Ok(Self { path: path.to_owned(), generation, payload: Some(payload) })
    }

    /// A ledger that says nothing yet, whatever is at its place; the first write replaces that.
    #[must_use]
    pub fn empty(path: &Path) -> Self {
        Self { path: path.to_owned(), generation: 0, payload: None }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text, if one was ever written.
    #[must_use]
    pub fn payload(&self) -> Option<&str> {
        self.payload.as_deref()
    }

    /// How often it was written.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Replaces the text; durable when it returns. Readable by root only: it may hold secrets.
    pub fn write(&mut self, payload: &str) -> Result<(), LedgerError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(LedgerError::Damaged { path: self.path.clone(), what: "too long" });
        }
        let generation = self.generation + 1;
        let beside = self.path.with_extension("new");
        let put = || -> std::io::Result<()> {
            let directory = self.path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(directory)?;
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&beside)?;
            file.write_all(compose(generation, payload).as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)?;
            File::open(directory)?.sync_all()
        };
        put().map_err(|source| io(&self.path, source))?;
        self.generation = generation;
        self.payload = Some(payload.to_owned());
        Ok(())
    }
}

fn io(path: &Path, source: std::io::Error) -> LedgerError {
    LedgerError::Io { path: path.to_owned(), source }
}

fn compose(generation: u64, payload: &str) -> String {
    let sum = checksum(generation, payload);
    format!("haven-ledger 1 {generation} {sum:08x}\n{payload}")
}

fn parse(text: &str) -> Result<(u64, String), &'static str> {
    let (head, payload) = text.split_once('\n').ok_or("no header line")?;
    let mut words = head.split(' ');
    if (words.next(), words.next()) != (Some("haven-ledger"), Some("1")) {
        return Err("not a ledger of this version");
    }
    let generation = words.next().and_then(|w| w.parse().ok()).ok_or("no generation")?;
    let sum = words.next().and_then(|w| u32::from_str_radix(w, 16).ok()).ok_or("no checksum")?;
    if sum != checksum(generation, payload) {
        return Err("checksum does not match");
    }
    Ok((generation, payload.to_owned()))
}

fn checksum(generation: u64, payload: &str) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&generation.to_le_bytes()), payload.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_write_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("guard").join("incarnation");
        let mut ledger = Ledger::open(&path).unwrap();
        assert_eq!((ledger.payload(), ledger.generation()), (None, 0));
        ledger.write("41").unwrap();
        ledger.write("42").unwrap();
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!((ledger.payload(), ledger.generation()), (Some("42"), 2));
    }

    #[test]
    fn damage_is_an_error_not_an_empty_ledger() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("incarnation");
        Ledger::open(&path).unwrap().write("42").unwrap();
        let text = std::fs::read_to_string(&path).unwrap().replace("42", "41");
        std::fs::write(&path, text).unwrap();
        let error = Ledger::open(&path).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
        std::fs::write(&path, "").unwrap();
        assert!(Ledger::open(&path).is_err());
    }
}
