//! Images on their way into an ISO library.
//!
//! Owns: the second mount of a library, which can be written and is there while somebody puts an
//! image into it, and the hidden file that the image is until all of it has arrived. Never changes
//! an image that is there, as hosts may have it in a drive; it is deleted when somebody asks for that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use uuid::Uuid;

use super::bounded::Bounded;
use super::directory::{DirectoryDriver, Mounter, StorageConfig};
use super::error::{BAD_CHARACTER, FULL, VDI_CREATE, VDI_EXISTS, VDI_REMOVE, error, system};
use super::file::bind;
use super::iso::{ENDINGS, Location, locate};
use super::nfs::NfsMounter;
use super::{ImageWriter, SrSpec, StorageError};

/// Longest name of an image, in bytes: with what hides it, it stays below every file system's limit.
const NAME_BYTES_MAX: usize = 200;
/// What the names of images begin with that are not whole yet.
const UNFINISHED: &str = ".haven-upload-";
/// So old is an unfinished image that nobody writes any more, as far as can be seen here.
const ABANDONED_AFTER: Duration = Duration::from_secs(600);
/// And where a file system cannot tell who writes.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);
/// How often a library is looked at that has unfinished images.
const TIDY_MAX: usize = 3;
/// Room that is left free for others on the file system of the library.
const ROOM_LEFT_BYTES: u64 = 16 << 20;

/// Whether an image may have this name.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), StorageError> {
    let lower = name.to_lowercase();
    let text = if !ENDINGS.iter().any(|ending| lower.ends_with(ending)) {
        format!("the name of an image ends in {}", ENDINGS.join(" or "))
    } else if name.starts_with('.') || name.chars().any(|c| c == '/' || c.is_control()) {
        "the name of an image begins with no point, and has no strokes or control characters".into()
    } else if name.len() > NAME_BYTES_MAX {
        format!("the name of an image has {NAME_BYTES_MAX} bytes at most")
    } else {
        return Ok(());
    };
    Err(error(BAD_CHARACTER, text))
}

/// Mounts a library so that it can be written.
#[derive(Debug)]
struct WritableMounter;

impl Mounter for WritableMounter {
    fn check(&self, config: &BTreeMap<String, String>) -> Result<(), StorageError> {
        locate(config).map(|_| ())
    }

    fn mount(
        &self,
        sr: &SrSpec,
        target: &Path,
        config: &StorageConfig,
    ) -> Result<(), StorageError> {
        match locate(&sr.device_config)? {
            Location::Directory(place) => bind(sr.uuid, &place, target, &[], config.mount_deadline),
            Location::Export(nfs) => {
                let spec = SrSpec { device_config: nfs, ..sr.clone() };
                NfsMounter.mount(&spec, target, config)
            }
        }
    }

    fn places(
        &self,
        _: &BTreeMap<String, String>,
        _: Duration,
    ) -> Result<Option<Vec<String>>, StorageError> {
        Ok(None)
    }
}

/// The libraries that are written now.
#[derive(Debug)]
pub(super) struct Libraries {
    driver: DirectoryDriver<WritableMounter>,
    bounded: Bounded,
    deadline: Duration,
    /// Images that are on their way, by the library's second mount.
    users: Mutex<BTreeMap<Uuid, usize>>,
    /// Libraries that are tidied now.
    tidying: Mutex<BTreeSet<Uuid>>,
}

impl Libraries {
    pub(super) fn new(config: StorageConfig, bounded: Bounded) -> Self {
        let deadline = config.change_deadline;
        let driver = DirectoryDriver::new(WritableMounter, config, bounded.clone());
        Self { driver, bounded, deadline, users: Mutex::default(), tidying: Mutex::default() }
    }

    fn users(&self) -> MutexGuard<'_, BTreeMap<Uuid, usize>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an image of `size` bytes, if that is known.
    pub(super) fn begin(
        self: &Arc<Self>,
        sr: &SrSpec,
        name: &str,
        size: Option<u64>,
    ) -> Result<Box<dyn ImageWriter>, StorageError> {
        check_name(name)?;
        let place = self.place(sr)?;
        let mount = place.mount;
        let root = self.driver.root(mount);
        let path = root.join(format!("{UNFINISHED}{}", Uuid::new_v4()));
        let to = root.join(name);
        let (at, wanted) = (path.clone(), to.clone());
        let file = self.driver.within(mount, "begin an image", self.deadline, move |root| {
            clear(root);
            open(root, &at, &wanted, size)
        })?;
        Ok(Box::new(Upload { place, file: Arc::new(file), path, to, finished: false }))
    }

    /// Mounts a library so that it can be written.
    fn place(self: &Arc<Self>, sr: &SrSpec) -> Result<Place, StorageError> {
        // A repository of its own for the mount: the library's own stays as it is, read-only.
        let mount = SrSpec { uuid: Uuid::new_v5(&sr.uuid, b"written"), ..sr.clone() };
        let place = Place { libraries: Arc::clone(self), mount: mount.uuid };
        *self.users().entry(mount.uuid).or_insert(0) += 1;
        self.driver.mount(&mount)?;
        Ok(place)
    }

    /// Takes away what a host left that stopped while an image came: now, or as soon as it is certain
    /// that nobody writes it.
    pub(super) fn tidy(self: &Arc<Self>, sr: &SrSpec, root: &Path) {
        let unfinished =
            |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(UNFINISHED);
        let mut entries = std::fs::read_dir(root).into_iter().flatten().flatten();
        if !entries.any(|entry| unfinished(&entry)) || !self.begin_tidying(sr.uuid) {
            return;
        }
        let (libraries, sr) = (Arc::clone(self), sr.clone());
        std::thread::spawn(move || {
            for _ in 0..TIDY_MAX {
                if !matches!(libraries.clear(&sr), Ok(true)) {
                    break;
                }
                std::thread::sleep(ABANDONED_AFTER);
            }
            libraries.tidying().remove(&sr.uuid);
        });
    }

    fn clear(self: &Arc<Self>, sr: &SrSpec) -> Result<bool, StorageError> {
        let place = self.place(sr)?;
        let what = "take away unfinished images";
        self.driver.within(place.mount, what, self.deadline, |root| Ok(clear(root)))
    }

    fn tidying(&self) -> MutexGuard<'_, BTreeSet<Uuid>> {
        self.tidying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_tidying(&self, sr: Uuid) -> bool {
        self.tidying().insert(sr)
    }

    /// Deletes an image; nothing if it is not there.
    pub(super) fn remove(self: &Arc<Self>, sr: &SrSpec, name: &str) -> Result<(), StorageError> {
        check_name(name)?;
        let place = self.place(sr)?;
        let name = name.to_owned();
        self.driver.within(place.mount, "delete an image", self.deadline, move |root| {
            delete(&root.join(name))
        })
    }
}

/// One user of a mount, which goes with the last.
#[derive(Debug)]
struct Place {
    libraries: Arc<Libraries>,
    mount: Uuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut users = self.libraries.users();
        let left = users.get(&self.mount).copied().unwrap_or(0).saturating_sub(1);
        if left > 0 {
            users.insert(self.mount, left);
            return;
        }
        users.remove(&self.mount);
        // Under the lock: whoever comes next mounts it again.
        if let Err(cause) = self.libraries.driver.unmount(self.mount) {
            tracing::warn!(%cause, "a library stays mounted until the next image comes");
        }
    }
}

/// Takes away what hosts left that stopped while an image came; answers whether some is too young to
/// be judged.
fn clear(root: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(root) else { return false };
    let mut is_left = false;
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        let about = entry.metadata().and_then(|about| about.modified());
        let age = about.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
        if is_abandoned(&entry.path(), age) {
            let _ = std::fs::remove_file(entry.path());
        } else {
            is_left = true;
        }
    }
    is_left
}

/// Whoever writes an image holds a lock on it, which ends with them.
fn is_abandoned(path: &Path, age: Duration) -> bool {
    if age < ABANDONED_AFTER {
        return false;
    }
    let Ok(file) = OpenOptions::new().write(true).open(path) else { return false };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => true,
        Err(Errno::WOULDBLOCK) => false,
        Err(_) => age > FORGOTTEN_AFTER,
    }
}

fn open(root: &Path, path: &Path, to: &Path, size: Option<u64>) -> Result<File, StorageError> {
    if to.exists() {
        return Err(taken(to));
    }
    let free = rustix::fs::statvfs(root)
        .map(|about| about.f_bavail.saturating_mul(about.f_frsize))
        .map_err(|cause| failed(&cause.into()))?;
    if size.is_some_and(|size| size.saturating_add(ROOM_LEFT_BYTES) > free) {
        let (size, free) = (size.unwrap_or(0) >> 20, free >> 20);
        let text = format!("the image has {size} MiB, and {free} MiB are free in the library");
        return Err(error(FULL, text));
    }
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let file = file.map_err(|cause| failed(&cause))?;
    // Where there are no locks its age says whether somebody writes it.
    let _locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
    Ok(file)
}

/// An image whose size nobody told must not fill what others write to as well.
fn leave_room(file: &File, bytes: u64) -> Result<(), StorageError> {
    let about = rustix::fs::fstatvfs(file).map_err(|cause| failed(&cause.into()))?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    if bytes.saturating_add(ROOM_LEFT_BYTES) > free {
        let text = format!("{} MiB are free in the library, and the image goes on", free >> 20);
        return Err(error(FULL, text));
    }
    Ok(())
}

fn delete(image: &Path) -> Result<(), StorageError> {
    match std::fs::remove_file(image) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(match cause.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                error(VDI_REMOVE, closed(&cause))
            }
            _ => system(VDI_REMOVE, "deleting the image", &cause),
        }),
        _ => Ok(()),
    }
}

fn taken(to: &Path) -> StorageError {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    error(VDI_EXISTS, format!("{name} is in the library already"))
}

/// Why the library does not take it.
fn failed(cause: &std::io::Error) -> StorageError {
    match cause.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            error(VDI_CREATE, closed(cause))
        }
        _ => system(VDI_CREATE, "writing the image", cause),
    }
}

fn closed(cause: &std::io::Error) -> String {
    format!(
        "this host may not write into the library ({cause}): allow it where the library lies (an NFS \
         export needs rw, and no_root_squash or a directory that everybody may write), or do it there \
         by hand and scan the library"
    )
}

/// An image that is not whole yet.
#[derive(Debug)]
struct Upload {
    // Closed before its mount goes.
    file: Arc<File>,
    path: PathBuf,
    to: PathBuf,
    finished: bool,
    place: Place,
}

impl Upload {
    fn run(
        &self,
        what: &str,
        work: impl FnOnce(&File) -> Result<(), StorageError> + Send + 'static,
    ) -> Result<(), StorageError> {
        let (file, libraries) = (Arc::clone(&self.file), &self.place.libraries);
        libraries.bounded.run(self.place.mount, what, libraries.deadline, move || work(&file))
    }
}

impl ImageWriter for Upload {
    fn write(&mut self, bytes: Vec<u8>) -> Result<(), StorageError> {
        self.run("write an image", move |mut file| {
            leave_room(file, bytes.len() as u64)?;
            file.write_all(&bytes).map_err(|cause| failed(&cause))
        })
    }

    fn finish(mut self: Box<Self>) -> Result<(), StorageError> {
        let (path, to) = (self.path.clone(), self.to.clone());
        self.run("name an image", move |file| {
            file.sync_all().map_err(|cause| failed(&cause))?;
            name(&path, &to)
        })?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.finished {
            let path = self.path.clone();
            let _ = self.run("remove an unfinished image", move |_| {
                let _ = std::fs::remove_file(path);
                Ok(())
            });
        }
    }
}

/// Gives an image its name, which nobody took meanwhile.
fn name(path: &Path, to: &Path) -> Result<(), StorageError> {
    match std::fs::hard_link(path, to) {
        Ok(()) => {
            let _ = std::fs::remove_file(path);
        }
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => return Err(taken(to)),
        // File systems without links.
        Err(_) if to.exists() => return Err(taken(to)),
        Err(_) => std::fs::rename(path, to).map_err(|cause| failed(&cause))?,
    }
    let parent = to.parent().map(File::open);
    if let Some(Ok(directory)) = parent {
        directory.sync_all().map_err(|cause| failed(&cause))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(root: &Path, name_of: &str, content: &[u8]) -> Result<(), StorageError> {
        let (path, to) = (root.join(format!("{UNFINISHED}1")), root.join(name_of));
        let mut file = open(root, &path, &to, Some(content.len() as u64))?;
        file.write_all(content).unwrap();
        name(&path, &to)
    }

    #[test]
    fn an_image_appears_whole_and_none_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        sent(dir.path(), "a.iso", b"first").unwrap();
        assert_eq!(sent(dir.path(), "a.iso", b"second").unwrap_err().code, VDI_EXISTS);
        // Somebody took the name while the second was on its way.
        let late = dir.path().join(format!("{UNFINISHED}2"));
        std::fs::write(&late, "second").unwrap();
        let refused = name(&late, &dir.path().join("a.iso")).unwrap_err();
        assert_eq!(refused.code, VDI_EXISTS);
        assert_eq!(std::fs::read(dir.path().join("a.iso")).unwrap(), b"first");
        let all = open(dir.path(), &late, &dir.path().join("b.iso"), Some(u64::MAX));
        assert_eq!(all.unwrap_err().code, FULL);
    }

    #[test]
    fn what_a_host_left_is_taken_away_and_what_comes_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = |number: u8| dir.path().join(format!("{UNFINISHED}{number}"));
        let to = dir.path().join("a.iso");
        let old = |number: u8| {
            let file = open(dir.path(), &path(number), &to, None).unwrap();
            file.set_modified(std::time::SystemTime::now() - 2 * ABANDONED_AFTER).unwrap();
            file
        };
        let coming = old(1);
        drop(old(2));
        let _new = open(dir.path(), &path(3), &to, None).unwrap();
        std::fs::write(&to, "whole").unwrap();
        assert!(clear(dir.path()), "two are still there");
        assert!(path(1).exists(), "somebody writes it, however slowly");
        assert!(!path(2).exists(), "its host has stopped");
        assert!(path(3).exists() && to.exists());
        drop(coming);
        std::fs::remove_file(path(3)).unwrap();
        assert!(!clear(dir.path()) && !path(1).exists());
    }

    #[test]
    fn an_image_leaves_room_however_large_it_turns_out_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("a")).unwrap();
        leave_room(&file, 1).unwrap();
        assert_eq!(leave_room(&file, u64::MAX - ROOM_LEFT_BYTES).unwrap_err().code, FULL);
    }

    #[test]
    fn an_image_is_deleted_once_and_again() {
        let dir = tempfile::tempdir().unwrap();
        sent(dir.path(), "a.iso", b"first").unwrap();
        sent(dir.path(), "b.iso", b"second").unwrap();
        for _ in 0..2 {
            delete(&dir.path().join("a.iso")).unwrap();
        }
        assert!(!dir.path().join("a.iso").exists() && dir.path().join("b.iso").exists());
        assert_eq!(delete(dir.path()).unwrap_err().code, VDI_REMOVE);
    }

    #[test]
    fn only_what_a_library_lists_is_a_name() {
        for good in ["debian-12.iso", "Ubuntu.ISO", "干净系统.iso", "disk.img"] {
            check_name(good).unwrap();
        }
        let long = format!("{}.iso", "x".repeat(NAME_BYTES_MAX));
        for bad in ["", "iso", "a.txt", "../a.iso", ".a.iso", "a\n.iso", long.as_str()] {
            assert_eq!(check_name(bad).unwrap_err().code, BAD_CHARACTER, "{bad}");
        }
    }
}
