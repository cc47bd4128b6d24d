//! The log's file, its thread, and reading it back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::Entry;

/// Entries that may wait for the disk.
const WAITING_MAX: usize = 8192;
/// Size at which the file is put away and a new one begun.
const FILE_BYTES_MAX: u64 = 32 << 20;
/// Older parts that are kept.
const PARTS_MAX: u32 = 4;

/// Takes entries. Cheap to share.
#[derive(Debug)]
pub struct Audit {
    entries: SyncSender<Entry>,
    lost: AtomicU64,
}

impl Audit {
    /// Starts the thread that writes to `path`.
    #[must_use]
    pub fn start(path: PathBuf) -> Self {
        let (entries, receiver) = sync_channel(WAITING_MAX);
        let work = move || write_all(&path, &receiver);
        if let Err(error) = std::thread::Builder::new().name("audit".to_owned()).spawn(work) {
            tracing::error!(%error, "no thread for the audit log: nothing will be in it");
        }
        Self { entries, lost: AtomicU64::new(0) }
    }

    /// Writes an entry down, soon.
    pub fn note(&self, mut entry: Entry) {
        entry.lost = self.lost.swap(0, Ordering::Relaxed);
        if let Err(refused) = self.entries.try_send(entry) {
            let entry = match refused {
                std::sync::mpsc::TrySendError::Full(entry)
                | std::sync::mpsc::TrySendError::Disconnected(entry) => entry,
            };
            self.lost.fetch_add(entry.lost + 1, Ordering::Relaxed);
        }
    }
}

fn write_all(path: &Path, entries: &Receiver<Entry>) {
    let mut file = None;
    while let Ok(first) = entries.recv() {
        let mut batch = vec![first];
        batch.extend(entries.try_iter().take(WAITING_MAX));
        if let Err(error) = write_batch(path, &mut file, &batch) {
            file = None;
            // The journal is the second best place.
            for entry in &batch {
                tracing::error!(%error, user = entry.user, call = entry.call, from = entry.from,
                    result = entry.result, "the audit log could not be written");
            }
        }
    }
}

type Open = BufWriter<File>;

fn write_batch(path: &Path, file: &mut Option<Open>, batch: &[Entry]) -> io::Result<()> {
    let mut out = match file.take() {
        Some(out) if out.get_ref().metadata()?.len() < FILE_BYTES_MAX => out,
        Some(_) => {
            rotate(path);
            open(path)?
        }
        None => open(path)?,
    };
    for entry in batch {
        serde_json::to_writer(&mut out, entry)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    *file = Some(out);
    Ok(())
}

fn open(path: &Path) -> io::Result<Open> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    Ok(BufWriter::new(file))
}

fn part(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// `audit.log` becomes `audit.log.1`, and so on; the oldest part goes. A part that cannot be
/// moved is written on.
fn rotate(path: &Path) {
    for number in (1..PARTS_MAX).rev() {
        let _ = fs::rename(part(path, number), part(path, number + 1));
    }
    let _ = fs::rename(path, part(path, 1));
}

/// The lines of all parts since a time (`20250102T03:04:05Z`, any prefix of it, or empty), oldest
/// first, handed to `take` until it says stop.
///
/// # Errors
/// A part cannot be read.
pub fn read_since(
    path: &Path,
    since: &str,
    mut take: impl FnMut(String) -> bool,
) -> io::Result<()> {
    let parts = (1..=PARTS_MAX).rev().map(|number| part(path, number));
    for path in parts.chain([path.to_owned()]) {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for line in BufReader::new(file).lines() {
            let mut line = line?;
            let time = line.strip_prefix("{\"time\":\"").unwrap_or_default();
            if time >= since {
                line.push('\n');
                if !take(line) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_back_from_a_time_on_and_across_parts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log/audit.log");
        let entry = |time: &str| Entry { time: time.to_owned(), ..Entry::default() };
        let mut file = None;
        write_batch(&path, &mut file, &[entry("20250101T00:00:00Z")]).unwrap();
        drop(file.take());
        rotate(&path);
        let times = ["20250102T00:00:00Z", "20250103T00:00:00Z"];
        write_batch(&path, &mut file, &times.map(entry)).unwrap();
        let read = |since: &str| {
            let mut lines = Vec::new();
            read_since(&path, since, |line| {
                lines.push(line);
                true
            })
            .unwrap();
            lines
        };
        assert_eq!(read("").len(), 3);
        assert_eq!(read("20250102").len(), 2);
        let last: Entry = serde_json::from_str(&read("20250103T00:00:00Z")[0]).unwrap();
        assert_eq!(last, entry("20250103T00:00:00Z"));
    }
}
