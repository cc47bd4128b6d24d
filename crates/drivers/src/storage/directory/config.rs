//! Settings of the directory drivers.

use std::path::PathBuf;
use std::time::Duration;

/// Where SRs are mounted and how long their storage may take.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// Directory of the mount points (`/run/sr-mount`).
    pub mount_root: PathBuf,
    /// One attempt to mount or unmount.
    pub mount_deadline: Duration,
    /// Attempts to mount.
    pub mount_attempts: u32,
    /// Looking at the file system: identity, space.
    pub look_deadline: Duration,
    /// Listing, creating, resizing and deleting volumes.
    pub change_deadline: Duration,
    /// Writing a system volume.
    pub raw_deadline: Duration,
    /// Copying a volume.
    pub copy_deadline: Duration,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            mount_root: PathBuf::from("/run/sr-mount"),
            mount_deadline: Duration::from_secs(30),
            mount_attempts: 3,
            look_deadline: Duration::from_secs(10),
            change_deadline: Duration::from_secs(60),
            raw_deadline: Duration::from_secs(300),
            copy_deadline: Duration::from_secs(6 * 3600),
        }
    }
}
