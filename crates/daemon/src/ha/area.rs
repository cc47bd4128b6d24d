//! The pool database on the metadata volume.
//!
//! Owns: where the areas lie, and that no byte is written there without the right to act.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use haven_block_io::{Area, AreaError};
use haven_cluster::control::ArmConfig;
use haven_pooldb::{AreaBackend, RedbStore, Store, StoreError, VolumeArea};

/// Size of the metadata volume.
pub const METADATA_BYTES: u64 = 256 << 20;
/// Areas of the metadata volume; the protocol hands out numbers below it.
pub const AREAS: u8 = haven_cluster::AREA_COUNT;
/// Size of one area.
const AREA_BYTES: u64 = METADATA_BYTES / AREAS as u64;

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

/// Opens what an area holds.
pub fn open(path: &Path, area: u8, may_write: MayWrite) -> Result<RedbStore, StoreError> {
    let area = Area::open(path, offset(area)?, AREA_BYTES).map_err(store_error)?;
    RedbStore::on_backend(AreaBackend::new(Box::new(Guarded { area, may_write })))
}

/// Reads what an area holds without writing a byte there, not even what a clean opening of the
/// store would: its writer may have died in the middle.
pub fn read(path: &Path, area: u8) -> Result<Box<dyn Store>, StoreError> {
    let area = Area::open(path, offset(area)?, AREA_BYTES).map_err(store_error)?;
    let length = usize::try_from(area.len()).map_err(store_error)?;
    let mut bytes = vec![0; length];
    area.read(0, &mut bytes).map_err(store_error)?;
    let store = RedbStore::on_backend(AreaBackend::new(Box::new(Copied(bytes))))?;
    Ok(Box::new(store))
}

/// Empties an area and begins a store in it.
pub fn fresh(path: &Path, area: u8, may_write: MayWrite) -> Result<RedbStore, StoreError> {
    if !may_write() {
        return Err(store_error(no_right()));
    }
    let area = Area::format(path, offset(area)?, AREA_BYTES).map_err(store_error)?;
    RedbStore::on_backend(AreaBackend::new(Box::new(Guarded { area, may_write })))
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

/// The bytes of an area, in memory.
struct Copied(Vec<u8>);

impl std::fmt::Debug for Copied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Copied").field(&self.0.len()).finish()
    }
}

impl Copied {
    fn range(&self, at: u64, count: usize) -> io::Result<std::ops::Range<usize>> {
        let start = usize::try_from(at).map_err(io::Error::other)?;
        let end = start.checked_add(count).filter(|end| *end <= self.0.len());
        end.map(|end| start..end).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl VolumeArea for Copied {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let range = self.range(at, bytes.len())?;
        let from = self.0.get(range).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(from);
        Ok(())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let range = self.range(at, bytes.len())?;
        let to = self.0.get_mut(range).ok_or(io::ErrorKind::UnexpectedEof)?;
        to.copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use haven_model::{Pool, Vm};
    use haven_pooldb::Database;

    use super::*;

    fn ids() -> Box<dyn haven_pooldb::IdSource> {
        Box::new(|| uuid::Uuid::new_v4().as_u128())
    }

    #[test]
    fn a_database_moves_between_areas_and_survives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.metadata");
        std::fs::File::create(&path).unwrap().set_len(METADATA_BYTES).unwrap();
        let yes: MayWrite = Arc::new(|| true);
        let store = fresh(&path, 0, yes.clone()).unwrap();
        let mut db = Database::open(Box::new(store), ids()).unwrap();
        let row = Vm { name_label: "web1".to_owned(), ..Vm::default() };
        let vm = db.transact(|tx| tx.insert(row)).unwrap().value;
        drop(db.move_to(Box::new(fresh(&path, 3, yes.clone()).unwrap())).unwrap());
        db.transact(|tx| tx.insert(Pool::default())).unwrap();
        drop(db);
        let db = Database::open(Box::new(open(&path, 3, yes.clone()).unwrap()), ids()).unwrap();
        assert_eq!(db.get(vm).unwrap().name_label, "web1");
        assert_eq!(db.iter::<Pool>().count(), 1);
        let before = std::fs::read(&path).unwrap();
        let old = Database::open(read(&path, 0).unwrap(), ids()).unwrap();
        assert!(std::fs::read(&path).unwrap() == before, "reading an area wrote to the volume");
        assert_eq!(old.iter::<Pool>().count(), 0);
        assert!(open(&path, 1, yes.clone()).is_err(), "a blank area is no database");
        assert!(fresh(&path, AREAS, yes).is_err());
    }

    #[test]
    fn nothing_is_acknowledged_without_the_right_to_act() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.metadata");
        std::fs::File::create(&path).unwrap().set_len(METADATA_BYTES).unwrap();
        let right = Arc::new(AtomicBool::new(true));
        let may: MayWrite = {
            let right = right.clone();
            Arc::new(move || right.load(Ordering::SeqCst))
        };
        let store = fresh(&path, 0, may.clone()).unwrap();
        let mut db = Database::open(Box::new(store), ids()).unwrap();
        db.transact(|tx| tx.insert(Vm::default())).unwrap();
        right.store(false, Ordering::SeqCst);
        assert!(db.transact(|tx| tx.insert(Vm::default())).is_err());
        assert_eq!(db.iter::<Vm>().count(), 1);
        assert!(fresh(&path, 1, may).is_err());
    }

    #[test]
    fn the_metadata_volume_lies_beside_the_statefile() {
        assert_eq!(metadata_name("7f.statefile"), "7f.metadata");
    }
}
