//! The pool database on the metadata volume.
//!
//! Owns: where the areas lie, that no byte is written there without the right to act, and that
//! nothing is read from there but the newest database, whole, of the life that may have written
//! it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use haven_block_io::{Area, AreaError, Blocks, open_volume};
use haven_cluster::AREA_BYTES;
use haven_cluster::control::{ArmConfig, EpochView};
use haven_cluster::ids::Life;
use haven_pooldb::{Seal, SealedArea, SealedStore, Store, StoreError, VolumeArea};
use uuid::Uuid;

/// Size of the metadata volume.
pub const METADATA_BYTES: u64 = AREA_BYTES * AREAS as u64;
/// Areas of the metadata volume; the protocol hands out numbers below it.
pub const AREAS: u8 = haven_cluster::AREA_COUNT;

/// Whether this host may write to the pool database at this moment.
pub type MayWrite = Arc<dyn Fn() -> bool + Send + Sync>;

/// Name of the metadata volume beside the statefile of this name.
#[must_use]
pub fn metadata_name(statefile: &str) -> String {
    let stem = statefile.strip_suffix(".statefile").unwrap_or(statefile);
    format!("{stem}.metadata")
}

/// Path of the metadata volume: beside the first statefile.
#[must_use]
pub fn metadata_path(config: &ArmConfig) -> Option<PathBuf> {
    let statefile = Path::new(&config.statefiles.first()?.path);
    let name = statefile.file_name()?.to_str()?;
    Some(statefile.with_file_name(metadata_name(name)))
}

/// Who alone may have written an area: a life of a host in one arming of the pool.
#[must_use]
pub fn owner(generation: Uuid, life: Life) -> String {
    format!("{generation}/{}/{}", life.host.0, life.incarnation.0)
}

/// Who must have written the area that a record calls live.
#[must_use]
pub fn owner_of_live(epoch: &EpochView) -> Option<String> {
    epoch.area_owner.map(|life| owner(epoch.generation, life))
}

/// The metadata volume, open.
#[derive(Clone, Debug)]
pub struct Volume {
    blocks: Arc<dyn Blocks>,
}

impl Volume {
    /// Opens it by its path, so that one that was replaced meanwhile is the new one.
    ///
    /// # Errors
    /// It is not there.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { blocks: open_volume(path).map_err(store_error)? })
    }

    /// On something else than a file: for tests.
    #[must_use]
    pub fn on(blocks: Arc<dyn Blocks>) -> Self {
        Self { blocks }
    }

    fn area(&self, area: u8) -> Result<Area, StoreError> {
        let offset = offset(area)?;
        Area::open(self.blocks.clone(), offset, AREA_BYTES).map_err(|error| match error {
            AreaError::Blank(_) => StoreError::Corrupt(error.to_string()),
            other => store_error(other),
        })
    }

    /// Reads what an area holds without writing a byte there, not even what a clean opening of the
    /// store would: its writer may have died in the middle. The content is compared with its
    /// checksums, its seal, and `owner`.
    ///
    /// # Errors
    /// The volume fails; or what it holds is damaged, another's, or older than was acknowledged.
    pub fn read(&self, area: u8, owner: Option<&str>) -> Result<Box<dyn Store>, StoreError> {
        let area = self.area(area)?;
        let length = usize::try_from(area.len()).map_err(store_error)?;
        let mut bytes = vec![0; length];
        area.read(0, &mut bytes).map_err(store_error)?;
        let copied = Copied { bytes, seal: area.seal().map_err(store_error)? };
        let open = AssertUnwindSafe(|| SealedStore::open(Box::new(copied), owner));
        // What is damaged in a way that redb did not expect must not take the daemon along.
        let opened = catch_unwind(open);
        let broken = |_| StoreError::Corrupt("its pages make no sense".to_owned());
        // All of it was read: whatever fails now is not the volume.
        let damaged = |error| match error {
            StoreError::Io(text) => StoreError::Corrupt(text),
            other => other,
        };
        Ok(Box::new(opened.map_err(broken)?.map_err(damaged)?))
    }

    /// Opens what an area holds, to be written: after it was read as by [`Self::read`].
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn write(
        &self,
        area: u8,
        owner: Option<&str>,
        may_write: MayWrite,
    ) -> Result<SealedStore, StoreError> {
        drop(self.read(area, owner)?);
        let guarded = Guarded { area: self.area(area)?, may_write };
        SealedStore::open_to_write(Box::new(guarded), owner)
    }

    /// Empties an area and begins a store in it.
    ///
    /// # Errors
    /// The volume fails, or this host may not act.
    pub fn fresh(
        &self,
        area: u8,
        owner: String,
        may_write: MayWrite,
    ) -> Result<SealedStore, StoreError> {
        if !may_write() {
            return Err(store_error(no_right()));
        }
        let area = Area::format(self.blocks.clone(), offset(area)?, AREA_BYTES);
        let area = area.map_err(store_error)?;
        SealedStore::create(Box::new(Guarded { area, may_write }), owner)
    }

    /// The same for an area whose content is in memory, at this generation, and may be the live one's:
    /// a copy of a member that is as new will do, should this break off in the middle.
    ///
    /// # Errors
    /// Those of [`Self::fresh`].
    pub fn anew(
        &self,
        area: u8,
        owner: String,
        generation: u64,
        may_write: MayWrite,
    ) -> Result<SealedStore, StoreError> {
        if !may_write() {
            return Err(store_error(no_right()));
        }
        let seal = SealedStore::seal_of(generation, &owner)?;
        let area = Area::format_under(self.blocks.clone(), offset(area)?, AREA_BYTES, &seal);
        let area = area.map_err(store_error)?;
        SealedStore::create(Box::new(Guarded { area, may_write }), owner)
    }

    /// The seal of an area as it is on the volume now.
    ///
    /// # Errors
    /// The volume fails, or there is none that can be read.
    pub fn seal(&self, area: u8) -> Result<Seal, StoreError> {
        parse(self.area(area)?.seal().map_err(store_error)?)
    }

    /// The same, if it is certain that no newer one was ever written.
    ///
    /// # Errors
    /// Those of [`Self::seal`], and when the other place for seals cannot be read.
    pub fn certain_seal(&self, area: u8) -> Result<Seal, StoreError> {
        parse(self.area(area)?.certain_seal().map_err(store_error)?)
    }
}

fn parse(seal: Option<Vec<u8>>) -> Result<Seal, StoreError> {
    let bytes = seal.ok_or_else(|| StoreError::Corrupt("it has no seal".to_owned()))?;
    SealedStore::parse_seal(&bytes)
}

fn offset(area: u8) -> Result<u64, StoreError> {
    if area >= AREAS {
        return Err(StoreError::Io(format!("the metadata volume has no area {area}")));
    }
    Ok(u64::from(area) * AREA_BYTES)
}

fn store_error(error: impl std::fmt::Display) -> StoreError {
    StoreError::Io(error.to_string())
}

fn no_right() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "this host may not act as coordinator now")
}

struct Guarded {
    area: Area,
    may_write: MayWrite,
}

impl std::fmt::Debug for Guarded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guarded").field("area", &self.area).finish_non_exhaustive()
    }
}

impl Guarded {
    fn checked(&self) -> io::Result<()> {
        if (self.may_write)() { Ok(()) } else { Err(no_right()) }
    }
}

fn io_error(error: AreaError) -> io::Error {
    match error {
        AreaError::Full { .. } => io::Error::new(io::ErrorKind::StorageFull, error),
        other => io::Error::other(other),
    }
}

impl VolumeArea for Guarded {
    fn len(&self) -> io::Result<u64> {
        Ok(self.area.len())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.checked()?;
        self.area.set_len(len).map_err(io_error)
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.area.read(at, bytes).map_err(io_error)
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.checked()?;
        self.area.write(at, bytes).map_err(io_error)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.checked()?;
        self.area.sync().map_err(io_error)
    }
}

impl SealedArea for Guarded {
    fn seal(&self) -> io::Result<Option<Vec<u8>>> {
        self.area.seal().map_err(io_error)
    }

    fn seals_stand(&self) -> io::Result<bool> {
        self.area.seals_stand().map_err(io_error)
    }

    fn write_seal(&mut self, seal: &[u8]) -> io::Result<()> {
        self.checked()?;
        self.area.write_seal(seal).map_err(io_error)
    }
}

/// The bytes of an area, in memory, and the seal beside them.
struct Copied {
    bytes: Vec<u8>,
    seal: Option<Vec<u8>>,
}

impl std::fmt::Debug for Copied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Copied").field(&self.bytes.len()).finish()
    }
}

impl Copied {
    fn range(&self, at: u64, count: usize) -> io::Result<std::ops::Range<usize>> {
        let start = usize::try_from(at).map_err(io::Error::other)?;
        let end = start.checked_add(count).filter(|end| *end <= self.bytes.len());
        end.map(|end| start..end).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl VolumeArea for Copied {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.bytes.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let range = self.range(at, bytes.len())?;
        let from = self.bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(from);
        Ok(())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let range = self.range(at, bytes.len())?;
        let to = self.bytes.get_mut(range).ok_or(io::ErrorKind::UnexpectedEof)?;
        to.copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SealedArea for Copied {
    fn seal(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.seal.clone())
    }

    fn seals_stand(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn write_seal(&mut self, seal: &[u8]) -> io::Result<()> {
        self.seal = Some(seal.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
