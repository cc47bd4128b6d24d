//! The watchdog device: bites, that is resets the machine, unless it is fed.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use crate::sys;

/// Why the watchdog could not be used.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum WatchdogError {
    /// No device, or somebody else holds it.
    #[error("cannot open watchdog {path}: {errno}")]
    Open {
        /// Its path.
        path: String,
        /// The kernel's error.
        errno: Errno,
    },
    /// It bites later than the protocol's timing assumes.
    #[error("watchdog {path} bites after {real_ms} ms, but {wanted_ms} ms at most is required")]
    TooSlow {
        /// Its path.
        path: String,
        /// What the device does.
        real_ms: u64,
        /// What was required.
        wanted_ms: u64,
    },
    /// Feeding or disarming failed.
    #[error("cannot write to watchdog {path}: {errno}")]
    Write {
        /// Its path.
        path: String,
        /// The kernel's error.
        errno: Errno,
    },
}

/// An open, and therefore running, watchdog. Dropping it does *not* stop it: it bites then.
#[derive(Debug)]
pub struct Watchdog {
    device: OwnedFd,
    path: String,
    bite_ms: u64,
}

impl Watchdog {
    /// Opens and starts the device. `bite_ms_max` is what the timing assumes; `assumed_bite_ms`
    /// is the bite time of a device that knows no ioctls.
    pub fn open(
        path: &Path,
        bite_ms_max: u64,
        assumed_bite_ms: u64,
    ) -> Result<Self, WatchdogError> {
        let text = path.display().to_string();
        // Not blocking: a device that accepts no byte must not stop the guard's loop.
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let device = fs::open(path, flags, Mode::empty())
            .map_err(|errno| WatchdogError::Open { path: text.clone(), errno })?;
        let bite_ms = set_bite(&device, bite_ms_max, assumed_bite_ms);
        let mut watchdog = Self { device, path: text, bite_ms };
        if bite_ms > bite_ms_max {
            watchdog.disarm()?;
            return Err(WatchdogError::TooSlow {
                path: watchdog.path,
                real_ms: bite_ms,
                wanted_ms: bite_ms_max,
            });
        }
        watchdog.feed()?;
        Ok(watchdog)
    }

    /// Has it bite after another time, and feeds it. It is not opened again: a device has one
    /// holder, and whoever lets go of it is without one for a moment.
    pub fn set_bite(
        &mut self,
        bite_ms_max: u64,
        assumed_bite_ms: u64,
    ) -> Result<(), WatchdogError> {
        self.bite_ms = set_bite(&self.device, bite_ms_max, assumed_bite_ms);
        if self.bite_ms > bite_ms_max {
            return Err(WatchdogError::TooSlow {
                path: self.path.clone(),
                real_ms: self.bite_ms,
                wanted_ms: bite_ms_max,
            });
        }
        self.feed()
    }

    /// Real bite time.
    #[must_use]
    pub fn bite_ms(&self) -> u64 {
        self.bite_ms
    }

    /// Restarts its countdown. Never blocks.
    pub fn feed(&mut self) -> Result<(), WatchdogError> {
        self.write(b"\0")
    }

    /// Stops it (magic close); it starts again when opened again.
    pub fn disarm(&mut self) -> Result<(), WatchdogError> {
        self.write(b"V")
    }

    fn write(&self, byte: &[u8]) -> Result<(), WatchdogError> {
        match rustix::io::write(&self.device, byte) {
            Ok(_) => Ok(()),
            Err(errno) => Err(WatchdogError::Write { path: self.path.clone(), errno }),
        }
    }
}

fn set_bite(device: &OwnedFd, bite_ms_max: u64, assumed_bite_ms: u64) -> u64 {
    let seconds = i32::try_from((bite_ms_max / 1000).max(1)).unwrap_or(i32::MAX);
    let to_ms = |seconds: i32| u64::try_from(seconds).unwrap_or(u64::MAX / 1000) * 1000;
    let chosen = sys::watchdog_set_timeout(device.as_fd(), seconds);
    match (sys::watchdog_timeout(device.as_fd()), chosen) {
        (Ok(real), _) | (Err(_), Ok(real)) => to_ms(real),
        // No ioctls (a FIFO of a test or of a simulated machine): the configured time holds.
        (Err(_), Err(_)) => assumed_bite_ms,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    fn fifo() -> (tempfile::TempDir, std::path::PathBuf, File) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("watchdog");
        let mode = Mode::RUSR | Mode::WUSR;
        fs::mknodat(fs::CWD, &path, fs::FileType::Fifo, mode, 0).unwrap();
        let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let reader = File::options().read(true).custom_flags(nonblock).open(&path).unwrap();
        (dir, path, reader)
    }

    #[test]
    fn feeds_and_disarms_without_ioctls() {
        let (_dir, path, mut reader) = fifo();
        let mut watchdog = Watchdog::open(&path, 5000, 2000).unwrap();
        assert_eq!(watchdog.bite_ms(), 2000);
        watchdog.feed().unwrap();
        watchdog.disarm().unwrap();
        drop(watchdog);
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"\0\0V");
    }

    #[test]
    fn another_bite_time_needs_no_second_look_at_its_path() {
        let (dir, path, mut reader) = fifo();
        let mut watchdog = Watchdog::open(&path, 5000, 2000).unwrap();
        drop(dir);
        watchdog.set_bite(3000, 2500).unwrap();
        assert_eq!(watchdog.bite_ms(), 2500);
        let error = watchdog.set_bite(2000, 2500).unwrap_err();
        assert!(matches!(error, WatchdogError::TooSlow { real_ms: 2500, .. }), "{error}");
        watchdog.disarm().unwrap();
        drop(watchdog);
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"\0\0V");
    }

    #[test]
    fn a_slow_watchdog_is_refused_and_left_disarmed() {
        let (_dir, path, mut reader) = fifo();
        let error = Watchdog::open(&path, 2000, 5000).unwrap_err();
        assert!(matches!(error, WatchdogError::TooSlow { real_ms: 5000, .. }), "{error}");
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"V");
    }

    #[test]
    fn a_missing_watchdog_is_an_error() {
        let error = Watchdog::open(Path::new("/nowhere/watchdog"), 5000, 5000).unwrap_err();
        assert!(matches!(error, WatchdogError::Open { .. }), "{error}");
    }

    #[test]
    fn a_dead_reader_does_not_block_the_feeder() {
        let (_dir, path, reader) = fifo();
        let mut watchdog = Watchdog::open(&path, 5000, 2000).unwrap();
        drop(reader);
        assert!(watchdog.feed().is_err());
    }
}
