//! Archives on the disk of a host: one file per object.
//!
//! Owns: the directory, its bounds, and that a damaged file is nothing but a line in the log. A
//! file is replaced whole; it is not forced to the disk, as its checksum tells what the loss of
//! power left of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use uuid::Uuid;

/// Files in the directory; those that were written longest ago go first.
pub(super) const FILES_MAX: usize = 2048;
/// Largest file.
pub(super) const FILE_BYTES_MAX: usize = 8 << 20;
const ENDING: &str = "rrd";

/// The directory.
#[derive(Clone, Debug)]
pub struct Disk {
    directory: PathBuf,
}

impl Disk {
    /// The archives below a directory, which is made when it is first written to.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self, object: Uuid) -> PathBuf {
        self.directory.join(format!("{object}.{ENDING}"))
    }

    /// Keeps the archives of an object.
    ///
    /// # Errors
    /// They cannot be written; what was there before is still there.
    pub fn write(&self, object: Uuid, blob: &[u8]) -> io::Result<()> {
        if blob.len() > FILE_BYTES_MAX {
            return Err(io::Error::other("the archives of an object are too large"));
        }
        fs::create_dir_all(&self.directory)?;
        let path = self.path(object);
        let temporary = path.with_extension("new");
        let mut file = OpenOptions::new();
        let file = file.write(true).create(true).truncate(true).mode(0o600);
        file.open(&temporary)?.write_all(blob)?;
        fs::rename(temporary, path)
    }

    /// The archives of an object; none when there are none, or they cannot be read.
    #[must_use]
    pub fn read(&self, object: Uuid) -> Option<Vec<u8>> {
        let path = self.path(object);
        let size = fs::metadata(&path).ok()?.len();
        if size > FILE_BYTES_MAX as u64 {
            tracing::warn!(path = %path.display(), size, "archives of statistics are too large");
            return None;
        }
        fs::read(&path)
            .inspect_err(|error| {
                tracing::warn!(path = %path.display(), %error, "statistics cannot be read");
            })
            .ok()
    }

    /// Forgets an object.
    pub fn remove(&self, object: Uuid) {
        if let Err(error) = fs::remove_file(self.path(object))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%object, %error, "statistics cannot be removed");
        }
    }

    /// Objects that have archives here, those that were written last first; the rest beyond
    /// [`FILES_MAX`] is removed.
    #[must_use]
    pub fn objects(&self) -> Vec<Uuid> {
        let Ok(entries) = fs::read_dir(&self.directory) else { return Vec::new() };
        let mut found: Vec<(SystemTime, Uuid)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let written = entry.metadata().and_then(|data| data.modified()).ok()?;
                Some((written, named(&entry.path())?))
            })
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        for (_, object) in found.iter().skip(FILES_MAX) {
            self.remove(*object);
        }
        found.into_iter().take(FILES_MAX).map(|(_, object)| object).collect()
    }
}

impl Disk {
    /// Objects that have archives here, with the times of their last samples.
    #[must_use]
    pub fn kept(&self) -> Vec<(Uuid, i64)> {
        let last = |object: Uuid| {
            let mut head = [0; super::blob::HEAD_BYTES];
            File::open(self.path(object)).ok()?.read_exact(&mut head).ok()?;
            Some((object, super::blob::last(&head)?))
        };
        self.objects().into_iter().filter_map(last).collect()
    }
}

fn named(path: &Path) -> Option<Uuid> {
    if path.extension()? != ENDING {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok()
}
