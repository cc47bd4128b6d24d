//! The durable store on an area of the metadata volume, under a seal.
//!
//! redb notices damaged pages, but repairs itself by going back to the commit before: the database
//! would be older than what was acknowledged, and nobody would know. The seal says how new the
//! content must be and who wrote it. It is written when a commit is durable and before anything
//! is acknowledged, so whatever was acknowledged is sealed.

use serde::{Deserialize, Serialize};

use super::{AreaBackend, RedbStore, SealedArea, Store};
use crate::{Batch, Snapshot, StoreError};

/// What a seal says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Generation of the content, or an earlier one if the writer was cut off after a commit.
    pub generation: u64,
    /// Version of its form.
    pub schema: u64,
    /// Who writes here: one arming, one life of one host.
    pub owner: String,
}

/// A durable store under a seal.
#[derive(Debug)]
pub struct SealedStore {
    redb: RedbStore,
    area: AreaBackend<dyn SealedArea>,
    owner: String,
}

fn io(error: impl std::fmt::Display) -> StoreError {
    StoreError::Io(error.to_string())
}

fn read_seal(area: &AreaBackend<dyn SealedArea>) -> Result<Seal, StoreError> {
    let bytes = area.with(|area| area.seal()).map_err(io)?;
    let bytes = bytes.ok_or_else(|| StoreError::Corrupt("it has no seal".to_owned()))?;
    SealedStore::parse_seal(&bytes)
}

impl SealedStore {
    /// Begins a store in an empty area, for this owner. It holds nothing until it is written.
    ///
    /// # Errors
    /// The volume fails.
    pub fn create(area: Box<dyn SealedArea>, owner: String) -> Result<Self, StoreError> {
        let area = AreaBackend::new(area);
        let redb = RedbStore::on_backend(area.clone())?;
        Ok(Self { redb, area, owner })
    }

    /// Opens what an area holds, after it was compared with checksums and seal. With `owner` it
    /// must be what that one wrote.
    ///
    /// # Errors
    /// The volume fails; or the content is damaged, another's, or older than its seal.
    pub fn open(area: Box<dyn SealedArea>, owner: Option<&str>) -> Result<Self, StoreError> {
        let area = AreaBackend::new(area);
        let seal = read_seal(&area)?;
        if let Some(expected) = owner.filter(|owner| *owner != seal.owner) {
            let expected = expected.to_owned();
            return Err(StoreError::Foreign { found: seal.owner, expected });
        }
        let mut redb = RedbStore::on_backend(area.clone())?;
        redb.check()?;
        let found = redb.generation()?;
        if found < seal.generation {
            return Err(StoreError::Older { found, known: seal.generation });
        }
        Ok(Self { redb, area, owner: seal.owner })
    }

    /// The same, to go on with it: a commit that was durable when its writer was cut off before the
    /// seal is sealed first. From here on it is seen, and what is seen must not be lost in silence.
    ///
    /// # Errors
    /// Those of [`Self::open`], and that the seal cannot be written.
    pub fn open_to_write(
        area: Box<dyn SealedArea>,
        owner: Option<&str>,
    ) -> Result<Self, StoreError> {
        let mut store = Self::open(area, owner)?;
        let found = store.redb.generation()?;
        if found > store.seal()?.generation {
            store.write_seal(found)?;
        }
        Ok(store)
    }

    /// A seal as it is written.
    ///
    /// # Errors
    /// None that is known.
    pub fn seal_of(generation: u64, owner: &str) -> Result<Vec<u8>, StoreError> {
        let seal = Seal { generation, schema: crate::SCHEMA_VERSION, owner: owner.to_owned() };
        serde_json::to_vec(&seal).map_err(io)
    }

    /// What the bytes of a seal say.
    ///
    /// # Errors
    /// They are none of a seal.
    pub fn parse_seal(bytes: &[u8]) -> Result<Seal, StoreError> {
        let parsed = serde_json::from_slice(bytes);
        parsed.map_err(|error| StoreError::Corrupt(format!("seal: {error}")))
    }

    /// The seal as it is on the volume now.
    ///
    /// # Errors
    /// The volume fails, or there is none that can be read.
    pub fn seal(&self) -> Result<Seal, StoreError> {
        read_seal(&self.area)
    }

    /// What is on the volume must be what was written last: a change on top of something else
    /// would be acknowledged, and lost.
    fn check_seals(&self) -> Result<(), StoreError> {
        if self.area.with(|area| area.seals_stand()).map_err(io)? {
            return Ok(());
        }
        Err(StoreError::Corrupt("the volume holds something else than was written last".to_owned()))
    }

    fn write_seal(&self, generation: u64) -> Result<(), StoreError> {
        let bytes = Self::seal_of(generation, &self.owner)?;
        self.area.with(|area| area.write_seal(&bytes)).map_err(io)
    }
}

impl Store for SealedStore {
    fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        self.redb.load()
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.check_seals()?;
        self.redb.commit(batch)?;
        self.write_seal(batch.generation)
    }

    fn replace_all(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.check_seals()?;
        // Cut off in between, the content is as new as its seal says: what was there, or this.
        if self.seal().is_ok_and(|seal| seal.generation > snapshot.generation) {
            self.write_seal(snapshot.generation)?;
        }
        self.redb.replace_all(snapshot)?;
        self.write_seal(snapshot.generation)
    }

    fn generation(&mut self) -> Result<u64, StoreError> {
        self.redb.generation()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::VolumeArea;

    /// An area in memory. Clones are the same.
    #[derive(Debug, Clone, Default)]
    struct Memory(Arc<Mutex<Held>>);

    /// Content, and the newest seal.
    type Held = (Vec<u8>, Option<Vec<u8>>);

    impl VolumeArea for Memory {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.lock().unwrap().0.len() as u64)
        }
        fn set_len(&mut self, len: u64) -> io::Result<()> {
            self.0.lock().unwrap().0.resize(usize::try_from(len).unwrap(), 0);
            Ok(())
        }
        fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
            let at = usize::try_from(at).unwrap();
            bytes.copy_from_slice(&self.0.lock().unwrap().0[at..at + bytes.len()]);
            Ok(())
        }
        fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
            let at = usize::try_from(at).unwrap();
            self.0.lock().unwrap().0[at..at + bytes.len()].copy_from_slice(bytes);
            Ok(())
        }
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl SealedArea for Memory {
        fn seal(&self) -> io::Result<Option<Vec<u8>>> {
            Ok(self.0.lock().unwrap().1.clone())
        }
        fn seals_stand(&self) -> io::Result<bool> {
            Ok(true)
        }
        fn write_seal(&mut self, seal: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap().1 = Some(seal.to_vec());
            Ok(())
        }
    }

    /// Found by storms: the power goes between a commit and its seal. Who opens that to go on serves
    /// the commit; without its seal a later damage would be mended with an older copy.
    #[test]
    fn a_commit_without_its_seal_is_sealed_before_it_is_served() {
        let area = Memory::default();
        let mut store = SealedStore::create(Box::new(area.clone()), "me".to_owned()).unwrap();
        store.replace_all(&Snapshot { generation: 6, ..Snapshot::default() }).unwrap();
        let sealed = area.seal().unwrap();
        store.replace_all(&Snapshot { generation: 7, ..Snapshot::default() }).unwrap();
        drop(store);
        area.0.lock().unwrap().1 = sealed;
        let said = || SealedStore::parse_seal(&area.seal().unwrap().unwrap()).unwrap().generation;
        drop(SealedStore::open(Box::new(area.clone()), Some("me")).unwrap());
        assert_eq!(said(), 6, "who only reads writes nothing");
        drop(SealedStore::open_to_write(Box::new(area.clone()), Some("me")).unwrap());
        assert_eq!(said(), 7);
    }
}
