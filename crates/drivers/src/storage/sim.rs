//! Storage in memory, for tests and benches of what is built above.
//!
//! Owns: the SRs of a simulated pool; every host's [`SimStorage`] sees the same. Storage may be
//! given a capacity and faults, per SR and per host.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::error::{
    FULL, MOUNT_FAILED, NOT_ATTACHED, SR_UNAVAILABLE, VDI_EXISTS, VDI_REMOVE, VDI_SIZE,
    VDI_UNAVAILABLE, error, timeout,
};
use super::{
    ImageWriter, Source, SrDriver, SrSpace, SrSpec, SrTest, StorageError, TestPart, VolumeInfo,
};

/// Capacity of an SR unless it is set.
const CAPACITY_BYTES: u64 = 1 << 50;

/// A fault of an SR as one host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimFault {
    /// Calls fail with `SR_TIMEOUT` (at once: tests do not wait).
    Stalled,
    /// Calls fail with an I/O error.
    Failing,
}

/// The storage that simulated hosts share.
#[derive(Debug, Default)]
pub struct SimArray {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    srs: BTreeMap<Uuid, Sr>,
    faults: BTreeMap<(Uuid, usize), SimFault>,
    /// Hosts that reach nothing of it.
    cut_off: BTreeSet<usize>,
    /// Marks of tests, with the place where they were left.
    marks: BTreeSet<(String, Uuid)>,
    /// Where system volumes are real files, for what reads and writes them.
    files: Option<PathBuf>,
    /// How long a copy takes.
    copy_time: Duration,
    /// Copies under way.
    copies: usize,
}

#[derive(Clone, Copy, Debug)]
struct Volume {
    size: u64,
    backing: Option<Uuid>,
}

#[derive(Debug)]
struct Sr {
    capacity: u64,
    volumes: BTreeMap<Uuid, Volume>,
    /// CD images by file name.
    images: BTreeMap<String, u64>,
    raw: BTreeMap<String, u64>,
    attached: BTreeSet<usize>,
}

impl Sr {
    fn used(&self) -> u64 {
        self.volumes.values().map(|volume| volume.size).sum::<u64>()
            + self.raw.values().sum::<u64>()
    }

    fn add(&mut self, vdi: Uuid, volume: Volume, bytes: u64) -> Result<(), StorageError> {
        if self.volumes.contains_key(&vdi) {
            return Err(error(VDI_EXISTS, format!("volume {vdi} exists already")));
        }
        self.reserve(bytes)?;
        self.volumes.insert(vdi, volume);
        Ok(())
    }

    fn reserve(&self, bytes: u64) -> Result<(), StorageError> {
        if self.used().saturating_add(bytes) > self.capacity {
            return Err(error(FULL, "no space is left on the SR; free some or grow it"));
        }
        Ok(())
    }
}

/// An image that is sent, of which only the size is kept.
#[derive(Debug)]
struct SimImage {
    array: Arc<SimArray>,
    sr: Uuid,
    name: String,
    size: u64,
}

impl ImageWriter for SimImage {
    fn write(&mut self, bytes: Vec<u8>) -> Result<(), StorageError> {
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), StorageError> {
        self.array.add_image(self.sr, &self.name, self.size);
        Ok(())
    }
}

impl SimArray {
    /// An empty array.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// The driver of a host.
    #[must_use]
    pub fn driver(self: &Arc<Self>, host: usize) -> SimStorage {
        SimStorage { array: Arc::clone(self), host }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets or clears a fault.
    pub fn set_fault(&self, sr: Uuid, host: usize, fault: Option<SimFault>) {
        let mut inner = self.lock();
        match fault {
            Some(fault) => inner.faults.insert((sr, host), fault),
            None => inner.faults.remove(&(sr, host)),
        };
    }

    /// A host reaches the whole array no more, or again.
    pub fn cut_off(&self, host: usize, cut: bool) {
        let mut inner = self.lock();
        if cut {
            inner.cut_off.insert(host)
        } else {
            inner.cut_off.remove(&host)
        };
    }

    /// Makes system volumes real (sparse) files below `directory`, the same for all hosts.
    pub fn keep_files(&self, directory: &Path) {
        self.lock().files = Some(directory.to_owned());
    }

    /// Puts a CD image into an ISO library.
    pub fn add_image(&self, sr: Uuid, name: &str, size: u64) {
        if let Some(sr) = self.lock().srs.get_mut(&sr) {
            sr.images.insert(name.to_owned(), size);
        }
    }

    /// From now on a copy of a volume takes so long.
    pub fn set_copy_time(&self, time: Duration) {
        self.lock().copy_time = time;
    }

    /// Copies under way.
    #[must_use]
    pub fn copies(&self) -> usize {
        self.lock().copies
    }

    /// Sets the capacity of an SR; volumes count with their whole size.
    pub fn set_capacity(&self, sr: Uuid, bytes: u64) {
        if let Some(sr) = self.lock().srs.get_mut(&sr) {
            sr.capacity = bytes;
        }
    }
}

/// The driver of one simulated host.
#[derive(Clone, Debug)]
pub struct SimStorage {
    array: Arc<SimArray>,
    host: usize,
}

impl SimStorage {
    fn with<T>(
        &self,
        sr: Uuid,
        what: &str,
        work: impl FnOnce(&mut Sr) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut inner = self.array.lock();
        check_fault(&inner, sr, self.host, what)?;
        let missing = || error(SR_UNAVAILABLE, format!("the storage does not hold SR {sr}"));
        work(inner.srs.get_mut(&sr).ok_or_else(missing)?)
    }

    fn attached<T>(
        &self,
        sr: Uuid,
        what: &str,
        work: impl FnOnce(&mut Sr) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let host = self.host;
        self.with(sr, what, |found| {
            if !found.attached.contains(&host) {
                return Err(error(NOT_ATTACHED, format!("SR {sr} is not attached on this host")));
            }
            work(found)
        })
    }
}

fn check_fault(inner: &Inner, sr: Uuid, host: usize, what: &str) -> Result<(), StorageError> {
    if inner.cut_off.contains(&host) {
        return Err(error(MOUNT_FAILED, "the server cannot be reached: No route to host"));
    }
    match inner.faults.get(&(sr, host)) {
        None => Ok(()),
        Some(SimFault::Stalled) => Err(timeout(sr, what, Duration::ZERO)),
        Some(SimFault::Failing) => {
            Err(error(SR_UNAVAILABLE, format!("{what} failed: Input/output error")))
        }
    }
}

fn missing(vdi: Uuid) -> StorageError {
    error(VDI_UNAVAILABLE, format!("volume {vdi} is not there"))
}

impl SrDriver for SimStorage {
    fn probe(&self, _: &BTreeMap<String, String>) -> Result<Vec<String>, StorageError> {
        Ok(self.array.lock().srs.keys().map(Uuid::to_string).collect())
    }

    fn test(
        &self,
        config: &BTreeMap<String, String>,
        part: TestPart,
        test: Uuid,
    ) -> Result<SrTest, StorageError> {
        let mut inner = self.array.lock();
        check_fault(&inner, Uuid::nil(), self.host, "test the place")?;
        // A server is one place for all hosts, a directory is this host's own.
        let place = match config.get("server") {
            Some(server) => server.clone(),
            None => format!("{} {}", self.host, config.get("location").map_or("", |l| l)),
        };
        let same_place = match part {
            TestPart::Mark => inner.marks.insert((place, test)),
            TestPart::Find => inner.marks.contains(&(place, test)),
            TestPart::Clear => inner.marks.remove(&(place, test)),
        };
        let space = SrSpace { physical_size: CAPACITY_BYTES, physical_utilisation: 0 };
        let found = inner.srs.keys().map(Uuid::to_string).collect();
        let (write_us, mib_per_s) = (Some(800), Some(90));
        Ok(SrTest { found, space, write_us, mib_per_s, same_place, clock_ms: Some(0) })
    }

    fn create(&self, sr: &SrSpec) -> Result<(), StorageError> {
        let mut inner = self.array.lock();
        check_fault(&inner, sr.uuid, self.host, "create the SR")?;
        let new = || Sr {
            capacity: CAPACITY_BYTES,
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            raw: BTreeMap::new(),
            attached: BTreeSet::new(),
        };
        inner.srs.entry(sr.uuid).or_insert_with(new).attached.insert(self.host);
        Ok(())
    }

    fn attach(&self, sr: &SrSpec) -> Result<String, StorageError> {
        let host = self.host;
        self.with(sr.uuid, "attach", |found| {
            found.attached.insert(host);
            Ok(format!("/run/sr-mount/{}", sr.uuid))
        })
    }

    fn detach(&self, sr: &SrSpec) -> Result<(), StorageError> {
        if let Some(found) = self.array.lock().srs.get_mut(&sr.uuid) {
            found.attached.remove(&self.host);
        }
        Ok(())
    }

    fn let_go(&self, sr: &SrSpec) -> Result<(), StorageError> {
        self.detach(sr)
    }

    fn lets_go(&self, sr: &SrSpec) -> Result<(), StorageError> {
        match sr.kind.as_str() {
            "nfs" => Ok(()),
            kind => Err(super::cannot_let_go(kind)),
        }
    }

    fn landed(&self, sr: &SrSpec, _: &[PathBuf]) -> Result<(), StorageError> {
        check_fault(&self.array.lock(), sr.uuid, self.host, "wait for what was written")
    }

    fn scan(&self, sr: &SrSpec) -> Result<Vec<VolumeInfo>, StorageError> {
        let iso = sr.kind == "iso";
        self.attached(sr.uuid, "list the volumes", |found| {
            let volume = |(uuid, volume): (&Uuid, &Volume)| VolumeInfo {
                uuid: *uuid,
                location: format!("{uuid}.qcow2"),
                backing: volume.backing.map(|base| format!("{base}.qcow2")),
                format: "qcow2".to_owned(),
                virtual_size: volume.size,
                physical_utilisation: volume.size,
            };
            let image = |(name, size): (&String, &u64)| super::iso::image(sr.uuid, name, *size);
            Ok(match iso {
                true => found.images.iter().map(image).collect(),
                false => found.volumes.iter().map(volume).collect(),
            })
        })
    }

    fn space(&self, sr: &SrSpec) -> Result<SrSpace, StorageError> {
        self.attached(sr.uuid, "read the free space", |found| {
            Ok(SrSpace { physical_size: found.capacity, physical_utilisation: found.used() })
        })
    }

    fn create_volume(&self, sr: &SrSpec, vdi: Uuid, size: u64) -> Result<String, StorageError> {
        self.attached(sr.uuid, "create a volume", |found| match found.volumes.get(&vdi) {
            Some(there) if there.size == size => Ok(()),
            Some(there) => {
                let text = format!("volume {vdi} exists with {} bytes", there.size);
                Err(error(VDI_EXISTS, text))
            }
            None if size == 0 => Err(error(VDI_SIZE, "a volume needs a size above 0")),
            None => found.add(vdi, Volume { size, backing: None }, size),
        })?;
        Ok(self.volume_path(sr, vdi))
    }

    fn copy_volume(&self, sr: &SrSpec, from: Uuid, to: Uuid) -> Result<String, StorageError> {
        let time = {
            let mut inner = self.array.lock();
            inner.copies += 1;
            inner.copy_time
        };
        std::thread::sleep(time);
        self.array.lock().copies -= 1;
        self.attached(sr.uuid, "copy a volume", |found| {
            let size = found.volumes.get(&from).ok_or_else(|| missing(from))?.size;
            found.add(to, Volume { size, backing: None }, size)
        })?;
        Ok(self.volume_path(sr, to))
    }

    fn import_volume(
        &self,
        sr: &SrSpec,
        to: Uuid,
        source: Source<'_>,
    ) -> Result<String, StorageError> {
        let size = source.size;
        self.attached(sr.uuid, "copy a volume", |found| {
            found.add(to, Volume { size, backing: None }, size)
        })?;
        Ok(self.volume_path(sr, to))
    }

    fn overlay_volume(
        &self,
        sr: &SrSpec,
        base: Uuid,
        to: Uuid,
        size: u64,
    ) -> Result<String, StorageError> {
        self.attached(sr.uuid, "create a volume over another", |found| {
            found.volumes.get(&base).ok_or_else(|| missing(base))?;
            found.add(to, Volume { size, backing: Some(base) }, 0)
        })?;
        Ok(self.volume_path(sr, to))
    }

    fn resize_volume(&self, sr: &SrSpec, vdi: Uuid, size: u64) -> Result<(), StorageError> {
        self.attached(sr.uuid, "resize a volume", |found| {
            let there = *found.volumes.get(&vdi).ok_or_else(|| missing(vdi))?;
            if size < there.size {
                return Err(error(VDI_SIZE, format!("volume {vdi} can only grow")));
            }
            found.reserve(size - there.size)?;
            found.volumes.insert(vdi, Volume { size, ..there });
            Ok(())
        })
    }

    fn destroy_volume(&self, sr: &SrSpec, vdi: Uuid) -> Result<(), StorageError> {
        self.attached(sr.uuid, "delete a volume", |found| {
            if let Some((child, _)) = found.volumes.iter().find(|(_, v)| v.backing == Some(vdi)) {
                let text = format!("volume {vdi} is the base of volume {child}, which needs it");
                return Err(error(VDI_REMOVE, text));
            }
            found.volumes.remove(&vdi);
            Ok(())
        })
    }

    fn create_raw(&self, sr: &SrSpec, name: &str, size: u64) -> Result<String, StorageError> {
        self.attached(sr.uuid, "write a system volume", |found| {
            if !found.raw.contains_key(name) {
                found.reserve(size)?;
                found.raw.insert(name.to_owned(), size);
            }
            Ok(())
        })?;
        let path = self.raw_path(sr, name);
        if self.array.lock().files.is_some() {
            let made =
                std::fs::File::options().write(true).create(true).truncate(false).open(&path);
            made.and_then(|file| file.set_len(size)).map_err(|e| error(FULL, e.to_string()))?;
        }
        Ok(path)
    }

    fn new_image(
        &self,
        sr: &SrSpec,
        name: &str,
        _: Option<u64>,
    ) -> Result<Box<dyn ImageWriter>, StorageError> {
        super::library::check_name(name)?;
        self.attached(sr.uuid, "begin an image", |found| match found.images.contains_key(name) {
            true => Err(error(VDI_EXISTS, format!("{name} is in the library already"))),
            false => Ok(()),
        })?;
        let array = Arc::clone(&self.array);
        Ok(Box::new(SimImage { array, sr: sr.uuid, name: name.to_owned(), size: 0 }))
    }

    fn remove_image(&self, sr: &SrSpec, name: &str) -> Result<(), StorageError> {
        self.attached(sr.uuid, "delete an image", |found| {
            found.images.remove(name);
            Ok(())
        })
    }

    fn volume_path(&self, sr: &SrSpec, vdi: Uuid) -> String {
        format!("/run/sr-mount/{}/{vdi}.qcow2", sr.uuid)
    }

    fn raw_path(&self, sr: &SrSpec, name: &str) -> String {
        match &self.array.lock().files {
            Some(directory) => directory.join(name).to_string_lossy().into_owned(),
            None => format!("/run/sr-mount/{}/.haven/{name}", sr.uuid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::TIMEOUT;
    use super::*;

    fn sr() -> SrSpec {
        SrSpec { uuid: Uuid::from_u128(9), kind: "sim".into(), device_config: BTreeMap::new() }
    }

    #[test]
    fn hosts_see_the_same_volumes_and_their_own_faults() {
        let array = SimArray::new();
        let (a, b) = (array.driver(0), array.driver(1));
        a.create(&sr()).unwrap();
        let vdi = Uuid::from_u128(1);
        a.create_volume(&sr(), vdi, 10).unwrap();
        assert_eq!(b.scan(&sr()).unwrap_err().code, NOT_ATTACHED);
        b.attach(&sr()).unwrap();
        assert_eq!(b.scan(&sr()).unwrap()[0].virtual_size, 10);
        array.set_fault(sr().uuid, 1, Some(SimFault::Stalled));
        assert_eq!(b.scan(&sr()).unwrap_err().code, TIMEOUT);
        assert_eq!(a.scan(&sr()).unwrap().len(), 1);
        array.set_fault(sr().uuid, 1, None);
        assert_eq!(b.scan(&sr()).unwrap().len(), 1);
    }

    #[test]
    fn a_full_sr_says_so() {
        let array = SimArray::new();
        let a = array.driver(0);
        a.create(&sr()).unwrap();
        array.set_capacity(sr().uuid, 100);
        let vdi = Uuid::from_u128(1);
        a.create_volume(&sr(), vdi, 60).unwrap();
        assert_eq!(a.create_volume(&sr(), Uuid::from_u128(2), 60).unwrap_err().code, FULL);
        assert_eq!(a.copy_volume(&sr(), vdi, Uuid::from_u128(3)).unwrap_err().code, FULL);
        assert_eq!(a.resize_volume(&sr(), vdi, 50).unwrap_err().code, VDI_SIZE);
        assert_eq!(a.space(&sr()).unwrap().physical_utilisation, 60);
    }
}
