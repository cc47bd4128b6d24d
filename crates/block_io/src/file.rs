//! Direct block IO on a volume: file or block device.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::block::{BLOCK_SIZE, BlockBuffer};

/// How to open a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Must be there.
    Existing,
    /// Created when absent, never truncated (tests, and file systems of one host).
    Create,
}

/// Why block IO failed.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum BlockIoError {
    /// The kernel said no.
    #[error("{call} on {path}: {errno}")]
    Kernel {
        /// Which call.
        call: &'static str,
        /// On which volume.
        path: String,
        /// Its error.
        errno: Errno,
    },
    /// The volume ended before the range did.
    #[error("{path} ends at {at}, before the end of the requested range")]
    Short {
        /// Which volume.
        path: String,
        /// Where it ended.
        at: u64,
    },
    /// Offset or length is not a multiple of the block size.
    #[error("range of {length} bytes at {offset} is not made of whole blocks")]
    Unaligned {
        /// Its offset.
        offset: u64,
        /// Its length.
        length: usize,
    },
}

/// An open volume. Calls block; use [`crate::IoLanes`] where a hung device must not stop you.
#[derive(Debug)]
pub struct BlockFile {
    fd: OwnedFd,
    path: PathBuf,
    direct: bool,
}

impl BlockFile {
    /// Opens for direct, synchronous IO. Where the file system has no direct IO (some of one host
    /// only) the cache of this host is used, with synchronous writes; see [`Self::is_direct`].
    pub fn open(path: &Path, mode: OpenMode) -> Result<Self, BlockIoError> {
        Self::open_with(path, mode, OFlags::DSYNC)
    }

    /// As [`Self::open`], but writes are durable only after [`Self::sync`].
    pub fn open_unsynced(path: &Path, mode: OpenMode) -> Result<Self, BlockIoError> {
        Self::open_with(path, mode, OFlags::empty())
    }

    fn open_with(path: &Path, mode: OpenMode, sync: OFlags) -> Result<Self, BlockIoError> {
        let mut flags = OFlags::RDWR | OFlags::CLOEXEC | sync;
        if mode == OpenMode::Create {
            flags |= OFlags::CREATE;
        }
        let permissions = Mode::RUSR | Mode::WUSR;
        let (fd, direct) = match fs::open(path, flags | OFlags::DIRECT, permissions) {
            Ok(fd) => (fd, true),
            Err(Errno::INVAL) => {
                let fd = fs::open(path, flags, permissions)
                    .map_err(|errno| kernel("open", path, errno))?;
                (fd, false)
            }
            Err(errno) => return Err(kernel("open", path, errno)),
        };
        Ok(Self { fd, path: path.to_owned(), direct })
    }

    /// Whether the IO goes past the cache of this host. A shared volume must.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// Size in bytes, of files and of block devices.
    pub fn size(&self) -> Result<u64, BlockIoError> {
        fs::seek(&self.fd, SeekFrom::End(0)).map_err(|errno| kernel("seek", &self.path, errno))
    }

    /// Grows or cuts a file.
    pub fn set_size(&self, bytes: u64) -> Result<(), BlockIoError> {
        fs::ftruncate(&self.fd, bytes).map_err(|errno| kernel("truncate", &self.path, errno))
    }

    /// Reads whole blocks at `offset` into `buffer`.
    pub fn read(&self, offset: u64, buffer: &mut BlockBuffer) -> Result<(), BlockIoError> {
        self.read_into(offset, buffer.as_mut_bytes())
    }

    /// The same into a part of a buffer: whole, aligned blocks.
    pub(crate) fn read_into(&self, offset: u64, bytes: &mut [u8]) -> Result<(), BlockIoError> {
        self.check(offset, bytes.len())?;
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = offset + done as u64;
            match rustix::io::pread(&self.fd, rest, at) {
                Ok(0) => return Err(self.short(at)),
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(kernel("pread", &self.path, errno)),
            }
        }
        Ok(())
    }

    /// Writes whole blocks at `offset`; durable when it returns, unless opened unsynced.
    pub fn write(&self, offset: u64, buffer: &BlockBuffer) -> Result<(), BlockIoError> {
        let bytes = buffer.as_bytes();
        self.check(offset, bytes.len())?;
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let at = offset + done as u64;
            match rustix::io::pwrite(&self.fd, rest, at) {
                Ok(0) => return Err(self.short(at)),
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(kernel("pwrite", &self.path, errno)),
            }
        }
        Ok(())
    }

    /// Flushes the device's own cache.
    pub fn sync(&self) -> Result<(), BlockIoError> {
        fs::fdatasync(&self.fd).map_err(|errno| kernel("fdatasync", &self.path, errno))
    }

    fn check(&self, offset: u64, length: usize) -> Result<(), BlockIoError> {
        if offset.is_multiple_of(BLOCK_SIZE as u64) && length.is_multiple_of(BLOCK_SIZE) {
            Ok(())
        } else {
            Err(BlockIoError::Unaligned { offset, length })
        }
    }

    fn short(&self, at: u64) -> BlockIoError {
        BlockIoError::Short { path: self.path.display().to_string(), at }
    }
}

fn kernel(call: &'static str, path: &Path, errno: Errno) -> BlockIoError {
    BlockIoError::Kernel { call, path: path.display().to_string(), errno }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("volume");
        let file = BlockFile::open(&path, OpenMode::Create).unwrap();
        file.set_size(3 * BLOCK_SIZE as u64).unwrap();
        file.write(BLOCK_SIZE as u64, &BlockBuffer::from_bytes(b"beat")).unwrap();
        drop(file);
        let file = BlockFile::open(&path, OpenMode::Existing).unwrap();
        let mut buffer = BlockBuffer::zeroed(2);
        file.read(0, &mut buffer).unwrap();
        assert_eq!(&buffer.as_bytes()[BLOCK_SIZE..BLOCK_SIZE + 5], b"beat\0");
        assert_eq!(file.size().unwrap(), 3 * BLOCK_SIZE as u64);
    }

    #[test]
    fn a_volume_too_small_is_an_error_not_zeros() {
        let dir = tempfile::tempdir().unwrap();
        let file = BlockFile::open(&dir.path().join("v"), OpenMode::Create).unwrap();
        file.set_size(BLOCK_SIZE as u64).unwrap();
        let error = file.read(0, &mut BlockBuffer::zeroed(2)).unwrap_err();
        assert!(matches!(error, BlockIoError::Short { at: 4096, .. }), "{error}");
        let error = file.read(1, &mut BlockBuffer::zeroed(1)).unwrap_err();
        assert!(matches!(error, BlockIoError::Unaligned { .. }), "{error}");
    }

    #[test]
    fn a_missing_volume_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let error = BlockFile::open(&dir.path().join("v"), OpenMode::Existing).unwrap_err();
        assert!(error.to_string().contains("open on"), "{error}");
        assert!(!dir.path().join("v").exists());
    }
}
