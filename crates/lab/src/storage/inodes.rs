//! Files and directories that the kernel knows of, each held open by a path descriptor, so that
//! renames and removals by other hosts do not confuse them.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, FileType};
use rustix::fs::{AtFlags, Mode, OFlags, Stat};

const ROOT: u64 = 1;
const ESTALE: i32 = 116;

/// The table of inodes and open handles of one mount.
#[derive(Debug)]
pub struct Inodes {
    root_ino: u64,
    known: Mutex<HashMap<u64, Known>>,
    handles: Mutex<HashMap<u64, Handle>>,
    next_handle: AtomicU64,
}

#[derive(Debug)]
struct Known {
    file: Arc<OwnedFd>,
    lookups: u64,
}

/// An open file or a directory's listing at the time when it was opened.
#[derive(Clone, Debug)]
pub enum Handle {
    /// An open file.
    File(Arc<OwnedFd>),
    /// Names in a directory.
    Listing(Arc<Vec<Entry>>),
}

/// A name in a directory.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Inode number.
    pub ino: u64,
    /// Kind.
    pub kind: FileType,
    /// Name.
    pub name: std::ffi::OsString,
}

impl Inodes {
    /// A table whose root is the directory `root`.
    pub fn open(root: &Path) -> io::Result<Self> {
        let file = rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
        let root_ino = rustix::fs::fstat(&file)?.st_ino;
        let known = HashMap::from([(ROOT, Known { file: Arc::new(file), lookups: u64::MAX / 2 })]);
        Ok(Self {
            root_ino,
            known: Mutex::new(known),
            handles: Mutex::default(),
            next_handle: AtomicU64::new(1),
        })
    }

    /// The descriptor of an inode.
    pub fn file(&self, ino: u64) -> io::Result<Arc<OwnedFd>> {
        match lock(&self.known).get(&ino) {
            Some(known) => Ok(Arc::clone(&known.file)),
            None => Err(io::Error::from_raw_os_error(ESTALE)),
        }
    }

    /// A path through which the inode can be opened anew.
    pub fn path(&self, ino: u64) -> io::Result<PathBuf> {
        Ok(PathBuf::from(format!("/proc/self/fd/{}", self.file(ino)?.as_raw_fd())))
    }

    /// Looks a name up and counts the kernel's new reference to it.
    pub fn lookup(&self, parent: u64, name: &OsStr) -> io::Result<FileAttr> {
        let parent = self.file(parent)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(&*parent, name, flags, Mode::empty())?;
        let attr = self.attr_of(&rustix::fs::fstat(&file)?);
        let mut known = lock(&self.known);
        let entry =
            known.entry(attr.ino).or_insert_with(|| Known { file: Arc::new(file), lookups: 0 });
        entry.lookups += 1;
        Ok(attr)
    }

    /// The kernel dropped `count` references.
    pub fn forget(&self, ino: u64, count: u64) {
        let mut known = lock(&self.known);
        if let Some(entry) = known.get_mut(&ino) {
            entry.lookups = entry.lookups.saturating_sub(count);
            if entry.lookups == 0 {
                known.remove(&ino);
            }
        }
    }

    /// Attributes of an inode.
    pub fn attr(&self, ino: u64) -> io::Result<FileAttr> {
        let file = self.file(ino)?;
        let stat = rustix::fs::statat(&*file, "", AtFlags::EMPTY_PATH)?;
        Ok(self.attr_of(&stat))
    }

    /// Keeps an open handle; returns its number.
    pub fn keep(&self, handle: Handle) -> u64 {
        let number = self.next_handle.fetch_add(1, Ordering::Relaxed);
        lock(&self.handles).insert(number, handle);
        number
    }

    /// The open file of a handle.
    pub fn opened(&self, number: u64) -> io::Result<Arc<OwnedFd>> {
        match lock(&self.handles).get(&number) {
            Some(Handle::File(file)) => Ok(Arc::clone(file)),
            _ => Err(io::Error::from_raw_os_error(ESTALE)),
        }
    }

    /// The listing of a handle.
    pub fn listing(&self, number: u64) -> io::Result<Arc<Vec<Entry>>> {
        match lock(&self.handles).get(&number) {
            Some(Handle::Listing(entries)) => Ok(Arc::clone(entries)),
            _ => Err(io::Error::from_raw_os_error(ESTALE)),
        }
    }

    /// Closes a handle.
    pub fn close(&self, number: u64) {
        lock(&self.handles).remove(&number);
    }

    fn attr_of(&self, stat: &Stat) -> FileAttr {
        let ino = if stat.st_ino == self.root_ino { ROOT } else { stat.st_ino };
        FileAttr {
            ino,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            blocks: u64::try_from(stat.st_blocks).unwrap_or_default(),
            atime: time(stat.st_atime, stat.st_atime_nsec),
            mtime: time(stat.st_mtime, stat.st_mtime_nsec),
            ctime: time(stat.st_ctime, stat.st_ctime_nsec),
            crtime: UNIX_EPOCH,
            kind: kind_of(rustix::fs::FileType::from_raw_mode(stat.st_mode)),
            perm: u16::try_from(stat.st_mode & 0o7777).unwrap_or_default(),
            nlink: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
            uid: stat.st_uid,
            gid: stat.st_gid,
            rdev: u32::try_from(stat.st_rdev).unwrap_or_default(),
            blksize: 4096,
            flags: 0,
        }
    }
}

/// The protocol's name of a kind of file.
pub fn kind_of(kind: rustix::fs::FileType) -> FileType {
    use rustix::fs::FileType as Kind;
    match kind {
        Kind::Directory => FileType::Directory,
        Kind::Symlink => FileType::Symlink,
        Kind::Fifo => FileType::NamedPipe,
        Kind::Socket => FileType::Socket,
        Kind::CharacterDevice => FileType::CharDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        Kind::RegularFile | Kind::Unknown => FileType::RegularFile,
    }
}

fn time(seconds: i64, nanoseconds: u64) -> SystemTime {
    let nanoseconds = u32::try_from(nanoseconds).unwrap_or_default();
    UNIX_EPOCH + Duration::new(u64::try_from(seconds).unwrap_or_default(), nanoseconds)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
