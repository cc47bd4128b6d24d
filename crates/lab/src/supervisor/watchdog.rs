//! The watchdog of a host: a FIFO that the host sees as `/dev/watchdog`.
//!
//! The first byte arms it, each further one pets it; a `V` as the last byte before the device is
//! closed disarms it (the kernel's magic close). The guard may not need ioctls: a FIFO has none.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::fs::{CWD, Mode, OFlags};

/// The outside end of a host's watchdog.
#[derive(Debug)]
pub(super) struct Watchdog {
    path: PathBuf,
    fifo: File,
    bite: Duration,
    /// When it was petted last, while it is armed.
    petted: Option<Instant>,
    magic: bool,
}

impl Watchdog {
    /// Makes a fresh, disarmed device at `path`.
    pub(super) fn create(path: &Path, bite: Duration) -> Result<Self> {
        if path.exists() {
            fs::remove_file(path)?;
        }
        rustix::fs::mkfifoat(CWD, path, Mode::from_raw_mode(0o600))
            .with_context(|| path.display().to_string())?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fifo = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        Ok(Self { path: path.to_owned(), fifo, bite, petted: None, magic: false })
    }

    /// It has been armed and not disarmed since.
    pub(super) fn is_armed(&self) -> bool {
        self.petted.is_some()
    }

    /// Reads what the host wrote; true if it bites now.
    pub(super) fn poll(&mut self) -> bool {
        let mut bytes = [0; 256];
        loop {
            match (&self.fifo).read(&mut bytes) {
                // Nobody has the device open.
                Ok(0) => {
                    if self.magic {
                        self.petted = None;
                        self.magic = false;
                    }
                    break;
                }
                Ok(count) => {
                    self.petted = Some(Instant::now());
                    self.magic = bytes.get(count.saturating_sub(1)) == Some(&b'V');
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.petted.is_some_and(|at| at.elapsed() > self.bite)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl AsFd for Watchdog {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fifo.as_fd()
    }
}
