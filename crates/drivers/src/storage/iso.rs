//! The `iso` driver: a library of CD images in a directory or on an NFS export, as XenServer has
//! it. `device_config`: `location`, an absolute path, or `server:/path` for NFS (`options`,
//! `nfsversion` as for `nfs`).
//!
//! Owns: the mount, which is read-only. Asks for no identity there: anybody may put images into it,
//! and any number of pools may read them; what the pool itself puts there goes through
//! [`super::library`], which never changes an image that is there.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::bounded::Bounded;
use super::directory::{DirectoryDriver, Mounter, StorageConfig};
use super::error::{BAD_CHARACTER, LOCATION_MISSING, NOT_SUPPORTED, SCAN_FAILED, error, system};
use super::file::bind;
use super::library::Libraries;
use super::nfs::NfsMounter;
use super::{
    ImageWriter, Source, SrDriver, SrSpace, SrSpec, SrTest, StorageError, TestPart, VolumeInfo,
};

/// Images that are listed at most.
const IMAGES_MAX: usize = 10_000;
/// Endings of the names of images.
pub(super) const ENDINGS: [&str; 2] = [".iso", ".img"];

/// The driver.
#[must_use]
pub fn driver(config: StorageConfig, bounded: Bounded) -> IsoDriver {
    let (look, change) = (config.look_deadline, config.change_deadline);
    let written = Arc::new(Libraries::new(config.clone(), bounded.clone()));
    IsoDriver { inner: DirectoryDriver::new(IsoMounter, config, bounded), written, look, change }
}

/// A driver of ISO libraries.
#[derive(Debug)]
pub struct IsoDriver {
    inner: DirectoryDriver<IsoMounter>,
    written: Arc<Libraries>,
    look: Duration,
    change: Duration,
}

/// Where a library is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    Directory(String),
    /// As the `nfs` driver is configured.
    Export(BTreeMap<String, String>),
}

pub(super) fn locate(config: &BTreeMap<String, String>) -> Result<Location, StorageError> {
    let Some(location) = config.get("location").filter(|l| !l.is_empty()) else {
        let text = "device_config needs \"location\": a directory, or server:/path";
        return Err(error(LOCATION_MISSING, text));
    };
    if let Some((server, path)) = location.rsplit_once(":/").filter(|(s, _)| !s.is_empty()) {
        let mut nfs = config.clone();
        nfs.remove("location");
        nfs.insert("server".to_owned(), server.to_owned());
        nfs.insert("serverpath".to_owned(), format!("/{path}"));
        return Ok(Location::Export(nfs));
    }
    if !location.starts_with('/') || location.chars().any(char::is_control) {
        let text = format!("location \"{location}\" must be an absolute path or server:/path");
        return Err(error(BAD_CHARACTER, text));
    }
    Ok(Location::Directory(location.clone()))
}

/// One image: its identity follows from its library and its name, so that it keeps it.
#[must_use]
pub fn image(sr: Uuid, name: &str, bytes: u64) -> VolumeInfo {
    VolumeInfo {
        uuid: Uuid::new_v5(&sr, name.as_bytes()),
        location: name.to_owned(),
        backing: None,
        format: "raw".to_owned(),
        virtual_size: bytes,
        physical_utilisation: bytes,
    }
}

fn images(sr: Uuid, root: &Path) -> Result<Vec<VolumeInfo>, StorageError> {
    let failed = |cause: std::io::Error| system(SCAN_FAILED, "listing the images", &cause);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let lower = name.to_lowercase();
        if name.starts_with('.') || !ENDINGS.iter().any(|ending| lower.ends_with(ending)) {
            continue;
        }
        // Follows links, which libraries are full of; a broken one is no image.
        let Ok(about) = std::fs::metadata(entry.path()) else { continue };
        if about.is_file() && found.len() < IMAGES_MAX {
            found.push(image(sr, &name, about.size()));
        }
    }
    found.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(found)
}

/// Mounts a library read-only.
#[derive(Debug)]
pub struct IsoMounter;

impl Mounter for IsoMounter {
    fn check(&self, config: &BTreeMap<String, String>) -> Result<(), StorageError> {
        match locate(config)? {
            Location::Directory(_) => Ok(()),
            Location::Export(nfs) => NfsMounter.check(&nfs),
        }
    }

    fn mount(
        &self,
        sr: &SrSpec,
        target: &Path,
        config: &StorageConfig,
    ) -> Result<(), StorageError> {
        let directory = match locate(&sr.device_config)? {
            Location::Directory(directory) => directory,
            Location::Export(mut nfs) => {
                let options = nfs.entry("options".to_owned()).or_default();
                let comma = if options.is_empty() { "" } else { "," };
                options.push_str(&format!("{comma}ro"));
                let spec = SrSpec { device_config: nfs, ..sr.clone() };
                return NfsMounter.mount(&spec, target, config);
            }
        };
        bind(sr.uuid, &directory, target, &["-o", "ro"], config.mount_deadline)
    }

    fn places(
        &self,
        config: &BTreeMap<String, String>,
        deadline: Duration,
    ) -> Result<Option<Vec<String>>, StorageError> {
        match locate(config)? {
            Location::Directory(_) => Ok(None),
            Location::Export(nfs) => NfsMounter.places(&nfs, deadline),
        }
    }
}

fn read_only<T>() -> Result<T, StorageError> {
    let text = "an ISO library is read-only: put images into its directory, then scan it";
    Err(error(NOT_SUPPORTED, text))
}

impl SrDriver for IsoDriver {
    fn probe(&self, config: &BTreeMap<String, String>) -> Result<Vec<String>, StorageError> {
        let probe =
            SrSpec { uuid: Uuid::new_v4(), kind: String::new(), device_config: config.clone() };
        self.inner.mount(&probe)?;
        let found = self.scan(&probe);
        self.inner.unmount(probe.uuid)?;
        Ok(found?.into_iter().map(|image| image.location).collect())
    }

    fn test(
        &self,
        config: &BTreeMap<String, String>,
        _: TestPart,
        _: Uuid,
    ) -> Result<SrTest, StorageError> {
        // Read-only, and every host may have its own: there is nothing to mark.
        Ok(SrTest { found: self.probe(config)?, same_place: true, ..SrTest::default() })
    }

    fn create(&self, sr: &SrSpec) -> Result<(), StorageError> {
        self.attach(sr).map(|_| ())
    }

    fn attach(&self, sr: &SrSpec) -> Result<String, StorageError> {
        self.inner.mount(sr)?;
        let (written, spec) = (Arc::clone(&self.written), sr.clone());
        // A library is of use without that too.
        let _ = self.inner.within(sr.uuid, "look for unfinished images", self.look, move |root| {
            written.tidy(&spec, root);
            Ok(())
        });
        Ok(self.inner.root(sr.uuid).to_string_lossy().into_owned())
    }

    fn detach(&self, sr: &SrSpec) -> Result<(), StorageError> {
        self.inner.detach(sr)
    }

    fn scan(&self, sr: &SrSpec) -> Result<Vec<VolumeInfo>, StorageError> {
        let uuid = sr.uuid;
        self.inner.within(uuid, "list the images", self.change, move |root| images(uuid, root))
    }

    fn space(&self, sr: &SrSpec) -> Result<SrSpace, StorageError> {
        let uuid = sr.uuid;
        let all = self.inner.within(uuid, "list the images", self.look, move |r| images(uuid, r));
        let used = all?.iter().map(|image| image.virtual_size).sum();
        Ok(SrSpace { physical_size: used, physical_utilisation: used })
    }

    fn create_volume(&self, _: &SrSpec, _: Uuid, _: u64) -> Result<String, StorageError> {
        read_only()
    }

    fn copy_volume(&self, _: &SrSpec, _: Uuid, _: Uuid) -> Result<String, StorageError> {
        read_only()
    }

    fn import_volume(&self, _: &SrSpec, _: Uuid, _: Source<'_>) -> Result<String, StorageError> {
        read_only()
    }

    fn overlay_volume(&self, _: &SrSpec, _: Uuid, _: Uuid, _: u64) -> Result<String, StorageError> {
        read_only()
    }

    fn resize_volume(&self, _: &SrSpec, _: Uuid, _: u64) -> Result<(), StorageError> {
        read_only()
    }

    fn destroy_volume(&self, _: &SrSpec, _: Uuid) -> Result<(), StorageError> {
        read_only()
    }

    fn create_raw(&self, _: &SrSpec, _: &str, _: u64) -> Result<String, StorageError> {
        read_only()
    }

    fn new_image(
        &self,
        sr: &SrSpec,
        name: &str,
        size: Option<u64>,
    ) -> Result<Box<dyn ImageWriter>, StorageError> {
        self.written.begin(sr, name, size)
    }

    fn remove_image(&self, sr: &SrSpec, name: &str) -> Result<(), StorageError> {
        self.written.remove(sr, name)
    }

    fn volume_path(&self, sr: &SrSpec, vdi: Uuid) -> String {
        self.inner.volume_path(sr, vdi)
    }

    fn raw_path(&self, sr: &SrSpec, name: &str) -> String {
        self.inner.raw_path(sr, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(location: &str) -> BTreeMap<String, String> {
        [("location".to_owned(), location.to_owned())].into()
    }

    #[test]
    fn a_library_is_a_directory_or_an_export() {
        assert_eq!(locate(&config("/isos")).unwrap(), Location::Directory("/isos".to_owned()));
        let Location::Export(nfs) = locate(&config("nas:/export/isos")).unwrap() else {
            panic!("an export");
        };
        assert_eq!((nfs["server"].as_str(), nfs["serverpath"].as_str()), ("nas", "/export/isos"));
        assert!(locate(&config("isos")).is_err() && locate(&config("")).is_err());
        assert!(IsoMounter.check(&config("-x:/y")).is_err());
    }

    #[test]
    fn only_images_are_listed_and_they_keep_their_identity() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.iso", "A.ISO", "notes.txt", ".hidden.iso"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink("gone", dir.path().join("broken.iso")).unwrap();
        let sr = Uuid::from_u128(7);
        let first = images(sr, dir.path()).unwrap();
        let names: Vec<&str> = first.iter().map(|image| image.location.as_str()).collect();
        assert_eq!(names, ["A.ISO", "b.iso"]);
        assert_eq!(images(sr, dir.path()).unwrap(), first);
    }
}
