//! A host's copy of the pool database: a whole copy, and the changes that came after it.
//!
//! Owns: `replica.json` (the whole copy) and `replica.log` (one line per change: a checksum, then
//! the batch). Each checksum covers what stands before it, the copy included, so a torn line, a
//! change of another copy and a rotten file all end the log: what is read is never newer than what
//! was wholly kept. Never opens the copy as a database; whoever is promoted does.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use haven_pooldb::{Batch, Snapshot, StoreError};
use sha2::{Digest, Sha256};

use crate::config::Paths;
use crate::identity::replace_secret;
use crate::orders::Term;

/// Bytes of changes after which the next one is a whole copy again.
const LOG_BYTES_MAX: u64 = 8 << 20;

/// Why a copy could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The files cannot be read or written.
    #[error("the copy of the pool database: {0}")]
    Io(#[from] io::Error),
    /// It is no database.
    #[error("the copy of the pool database cannot be read: {0}")]
    Damaged(#[from] serde_json::Error),
    /// A change that does not follow on the one before it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checksum of a whole copy.
#[must_use]
pub fn first_link(snapshot: &str) -> String {
    hex(&Sha256::digest(snapshot.as_bytes()))
}

/// Checksum of everything up to and with a change.
#[must_use]
pub fn next_link(before: &str, batch: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(before.as_bytes());
    hash.update(batch.as_bytes());
    hex(&hash.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is kept, as far as this process knows.
#[derive(Debug)]
struct Kept {
    term: Term,
    generation: u64,
    link: String,
    log_bytes: u64,
    /// Open at its end; made with the first change.
    log: Option<File>,
}

/// The copy of this host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Replica {
    whole: PathBuf,
    log: PathBuf,
    /// Nothing after a start: the first copy of a process is a whole one.
    kept: Arc<Mutex<Option<Kept>>>,
}

impl Replica {
    /// The copy below these paths.
    #[must_use]
    pub fn new(paths: &Paths) -> Self {
        Self { whole: paths.replica(), log: paths.replica_log(), kept: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is one: a host that has just joined waits for its first.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.whole.exists()
    }

    /// Keeps a whole copy, unless what is here is newer and of the same coordinator.
    ///
    /// # Errors
    /// It cannot be written; then what was here is still here.
    pub fn store(&self, term: Term, generation: u64, snapshot: &str) -> Result<(), ReplicaError> {
        self.store_unless(
            |kept| kept.term == term && kept.generation > generation,
            term,
            (generation, snapshot),
        )
    }

    /// Keeps a whole copy of this host's own database, unless what is here is newer: another coordinator
    /// sent that meanwhile, and what is ordered here was judged to be right.
    ///
    /// # Errors
    /// Those of [`Self::store`].
    pub fn store_own(
        &self,
        term: Term,
        generation: u64,
        snapshot: &str,
    ) -> Result<(), ReplicaError> {
        self.store_unless(|kept| kept.generation > generation, term, (generation, snapshot))
    }

    fn store_unless(
        &self,
        newer: impl FnOnce(&Kept) -> bool,
        term: Term,
        (generation, snapshot): (u64, &str),
    ) -> Result<(), ReplicaError> {
        let mut kept = self.lock();
        if kept.as_ref().is_some_and(newer) {
            return Ok(());
        }
        // While it is being replaced nobody knows what is here.
        *kept = None;
        replace_secret(&self.whole, snapshot.as_bytes())?;
        // A log that stays behind follows on another copy, and its checksums say so.
        remove(&self.log)?;
        let link = first_link(snapshot);
        *kept = Some(Kept { term, generation, link, log_bytes: 0, log: None });
        Ok(())
    }

    /// Keeps a change that follows on the copy with the checksum `on`; `false`: what is here is
    /// something else, or has grown too long, and a whole copy must come.
    ///
    /// # Errors
    /// It cannot be written; then a whole copy must come.
    pub fn follow(
        &self,
        term: Term,
        generation: u64,
        (on, batch): (&str, &str),
    ) -> Result<bool, ReplicaError> {
        let mut place = self.lock();
        let fits = place.as_ref().is_some_and(|kept| {
            kept.link == on && kept.term == term && kept.log_bytes < LOG_BYTES_MAX
        });
        if !fits {
            return Ok(false);
        }
        // Until it is written whole nobody knows what is here.
        let Some(mut kept) = place.take() else { return Ok(false) };
        let link = next_link(on, batch);
        let line = format!("{link} {batch}\n");
        let log = match &mut kept.log {
            Some(log) => log,
            place => place.insert(create(&self.log)?),
        };
        log.write_all(line.as_bytes())?;
        log.sync_data()?;
        kept.log_bytes += u64::try_from(line.len()).unwrap_or(u64::MAX);
        (kept.generation, kept.link) = (generation, link);
        *place = Some(kept);
        Ok(true)
    }

    /// Removes the copy.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn remove(&self) -> Result<(), ReplicaError> {
        *self.lock() = None;
        remove(&self.whole)?;
        Ok(remove(&self.log)?)
    }

    /// What was wholly kept.
    ///
    /// # Errors
    /// There is no copy, or it cannot be read.
    pub fn load(&self) -> Result<Snapshot, ReplicaError> {
        // Not while one is replaced by another.
        let _kept = self.lock();
        let text = fs::read_to_string(&self.whole)?;
        let snapshot: Snapshot = serde_json::from_str(&text)?;
        let log = match fs::read(&self.log) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            log => log?,
        };
        let batches = chained(first_link(&text), &log)?;
        Ok(snapshot.after(batches.iter())?)
    }
}

/// The changes that follow on the copy with this checksum, up to the first that does not.
fn chained(mut link: String, log: &[u8]) -> Result<Vec<Batch>, ReplicaError> {
    let mut batches = Vec::new();
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\n") else { break };
        let Ok(line) = std::str::from_utf8(line) else { break };
        let Some((claimed, batch)) = line.split_once(' ') else { break };
        let next = next_link(&link, batch);
        if next != claimed {
            break;
        }
        batches.push(serde_json::from_str(batch)?);
        link = next;
    }
    Ok(batches)
}

fn create(path: &PathBuf) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    if let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(file)
}

fn remove(path: &PathBuf) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
