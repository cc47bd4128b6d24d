//! redb on a part of a shared volume.

use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// A byte-addressed area with a length of its own, up to a fixed capacity. Alignment and direct
/// IO are its own affair.
pub trait VolumeArea: Send + Debug + 'static {
    /// Length now.
    ///
    /// # Errors
    /// The volume fails.
    fn len(&self) -> io::Result<u64>;
    /// Changes the length; new bytes read as zero. Beyond the capacity it is refused.
    ///
    /// # Errors
    /// The volume fails or is too small.
    fn set_len(&mut self, len: u64) -> io::Result<()>;
    /// Reads exactly.
    ///
    /// # Errors
    /// The volume fails, or the range is outside the length.
    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()>;
    /// Writes.
    ///
    /// # Errors
    /// The volume fails, or the range is outside the length.
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes all writes durable.
    ///
    /// # Errors
    /// The volume fails.
    fn sync(&mut self) -> io::Result<()>;
    /// Whether nothing is stored.
    ///
    /// # Errors
    /// The volume fails.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// An area with a place of its own for a seal: a few bytes beside the content that say how new
/// the content must be.
pub trait SealedArea: VolumeArea {
    /// The newest seal that can be read; `None` if there is none.
    ///
    /// # Errors
    /// The volume fails.
    fn seal(&self) -> io::Result<Option<Vec<u8>>>;
    /// Whether the seals on the volume are those that were read or written here last.
    ///
    /// # Errors
    /// The volume fails.
    fn seals_stand(&self) -> io::Result<bool>;
    /// Writes a seal; durable when it returns. Until then the one before can be read.
    ///
    /// # Errors
    /// The volume fails, or the seal is too long.
    fn write_seal(&mut self, seal: &[u8]) -> io::Result<()>;
}

/// An area as redb wants it. Clones are the same area.
#[derive(Debug)]
pub struct AreaBackend<A: VolumeArea + ?Sized = dyn VolumeArea>(Arc<Mutex<Box<A>>>);

impl<A: VolumeArea + ?Sized> Clone for AreaBackend<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: VolumeArea + ?Sized> AreaBackend<A> {
    /// Wraps an area.
    #[must_use]
    pub fn new(area: Box<A>) -> Self {
        Self(Arc::new(Mutex::new(area)))
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut A) -> io::Result<T>) -> io::Result<T> {
        let mut area = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(area.as_mut())
    }
}

impl<A: VolumeArea + ?Sized> redb::StorageBackend for AreaBackend<A> {
    fn len(&self) -> io::Result<u64> {
        self.with(|area| area.len())
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|area| area.read(offset, out))
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|area| area.set_len(len))
    }
    fn sync_data(&self) -> io::Result<()> {
        self.with(VolumeArea::sync)
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|area| area.write(offset, data))
    }
}
