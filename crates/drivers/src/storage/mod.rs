//! The seam to storage: SR drivers.
//!
//! Owns: the [`SrDriver`] trait and the plain data that crosses it. Never knows the database.
//!
//! Drivers: [`nfs`], [`file`] and [`local`] mount a directory and share what they do with it
//! ([`directory`]); [`iso`] lists the CD images of one, [`library`] takes new ones; [`sim`] keeps all in memory. Whatever touches storage runs on a thread or in
//! a process that can be left behind ([`bounded`]), because a stalled mount never answers.

pub mod bounded;
pub mod directory;
pub mod error;
pub mod file;
pub mod iso;
mod landed;
pub mod library;
pub mod local;
pub mod mountinfo;
pub mod nfs;
pub mod seed;
pub mod sim;
mod trial;

pub use directory::{StorageConfig, drivers};

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A storage repository as a host attaches it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SrSpec {
    /// `SR.uuid`.
    pub uuid: Uuid,
    /// `SR.type`: `nfs`, `file`, `local` or `iso`.
    pub kind: String,
    /// `PBD.device_config` of this host: `server`, `serverpath`, `options` (nfs); `location`
    /// (file, local, iso).
    pub device_config: BTreeMap<String, String>,
}

/// Space of an SR in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SrSpace {
    /// Size of the backing file system.
    pub physical_size: u64,
    /// Used there.
    pub physical_utilisation: u64,
}

/// A volume found by a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeInfo {
    /// Identity of the volume; the `VDI.uuid` of a disk that was never snapshotted.
    pub uuid: Uuid,
    /// Its file name: `VDI.location`.
    #[serde(default)]
    pub location: String,
    /// File name of the volume whose content shows where this one was not written.
    #[serde(default)]
    pub backing: Option<String>,
    /// `qcow2` or `raw`.
    pub format: String,
    /// Size that the guest sees, in bytes.
    pub virtual_size: u64,
    /// Bytes allocated.
    pub physical_utilisation: u64,
}

/// What a test of a place does there beside looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestPart {
    /// Leave a mark that other hosts look for, and measure.
    Mark,
    /// Look for the mark, and measure.
    Find,
    /// Take the mark away.
    Clear,
}

/// What a host found at a place that may become a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SrTest {
    /// Repositories that lie there already.
    pub found: Vec<String>,
    /// Its space.
    pub space: SrSpace,
    /// Time in microseconds that a synchronous write of 4 KiB took, the median of some; `None`: it
    /// is only read there.
    pub write_us: Option<u64>,
    /// MiB that were written within a second, of a sample.
    pub mib_per_s: Option<u64>,
    /// Whether the mark of the first host is there, so that both see the same place.
    pub same_place: bool,
    /// How far the clock of the storage is ahead of this host's, in milliseconds.
    pub clock_ms: Option<i64>,
}

/// An image that is copied into a volume.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its path on this host.
    pub path: &'a str,
    /// `raw` or `qcow2`.
    pub format: &'a str,
    /// Size that the guest sees, in bytes.
    pub size: u64,
}

/// Why a storage call failed. `code` is XenAPI's where there is one.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[error("{code}: {text}")]
pub struct StorageError {
    /// Catalogue code, e.g. `SR_BACKEND_FAILURE_73`, `SR_FULL`.
    pub code: String,
    /// One sentence for a person: what, why, what to do.
    pub text: String,
}

/// An image on its way into an ISO library; dropped before its end it leaves nothing behind. Calls
/// block, up to a deadline of their own.
pub trait ImageWriter: Send + std::fmt::Debug {
    /// Adds what comes next.
    fn write(&mut self, bytes: Vec<u8>) -> Result<(), StorageError>;
    /// All of it has come: it is durable, and seen under its name.
    fn finish(self: Box<Self>) -> Result<(), StorageError>;
}

/// What a driver says that has no proof for [`SrDriver::let_go`].
pub(crate) fn cannot_let_go(kind: &str) -> StorageError {
    let text = format!("a host cannot prove that it has let go of storage of type {kind}");
    error::error(error::NOT_SUPPORTED, text)
}

/// A driver of one SR type. All calls block up to a deadline of their own (`StorageError` with
/// code `SR_TIMEOUT` then) and may be made from any thread.
pub trait SrDriver: Send + Sync + std::fmt::Debug {
    /// What can be attached with this partial configuration, e.g. the exports of a server.
    fn probe(&self, config: &BTreeMap<String, String>) -> Result<Vec<String>, StorageError>;
    /// Tries a place as this host reaches it, with what a repository needs, and takes everything
    /// away again but the mark of [`TestPart::Mark`].
    fn test(
        &self,
        config: &BTreeMap<String, String>,
        part: TestPart,
        test: Uuid,
    ) -> Result<SrTest, StorageError>;
    /// Prepares an empty SR (never touches volumes that are there).
    fn create(&self, sr: &SrSpec) -> Result<(), StorageError>;
    /// Attaches on this host; idempotent. Returns the directory of its volumes.
    fn attach(&self, sr: &SrSpec) -> Result<String, StorageError>;
    /// Detaches from this host; idempotent.
    fn detach(&self, sr: &SrSpec) -> Result<(), StorageError>;
    /// Detaches a repository that does not answer, whatever uses it here: no write of this host is on its way
    /// to it any more, and none will be until it is attached again. An error says that this is not proven.
    fn let_go(&self, sr: &SrSpec) -> Result<(), StorageError> {
        Err(cannot_let_go(&sr.kind))
    }
    /// Whether this host could prove to have let go of it; asked while it answers, and never waits for it.
    fn lets_go(&self, sr: &SrSpec) -> Result<(), StorageError> {
        Err(cannot_let_go(&sr.kind))
    }
    /// Waits until nothing is on its way there any more that a process of this host wrote which is gone; `files`:
    /// what it had open for writing, nothing: that is not known. An error says that something may be. Storage
    /// that is only read has nothing to say.
    fn landed(&self, _sr: &SrSpec, _files: &[PathBuf]) -> Result<(), StorageError> {
        Ok(())
    }
    /// Volumes on it.
    fn scan(&self, sr: &SrSpec) -> Result<Vec<VolumeInfo>, StorageError>;
    /// Its space.
    fn space(&self, sr: &SrSpec) -> Result<SrSpace, StorageError>;
    /// Creates a qcow2 volume; idempotent for the same uuid and size. Returns its path.
    fn create_volume(&self, sr: &SrSpec, vdi: Uuid, size: u64) -> Result<String, StorageError>;
    /// A full copy of `from` as `to`. Returns its path.
    fn copy_volume(&self, sr: &SrSpec, from: Uuid, to: Uuid) -> Result<String, StorageError>;
    /// A full copy of an image, from wherever this host can read it, as `to`. Returns its path.
    fn import_volume(
        &self,
        sr: &SrSpec,
        to: Uuid,
        source: Source<'_>,
    ) -> Result<String, StorageError>;
    /// Creates an empty qcow2 volume of `size` bytes that shows the content of `base` until it is
    /// written; `base` may be open for writing by a guest. Idempotent. Returns its path.
    fn overlay_volume(
        &self,
        sr: &SrSpec,
        base: Uuid,
        to: Uuid,
        size: u64,
    ) -> Result<String, StorageError>;
    /// Grows a volume.
    fn resize_volume(&self, sr: &SrSpec, vdi: Uuid, size: u64) -> Result<(), StorageError>;
    /// Deletes a volume; idempotent. Refused while another volume shows its content.
    fn destroy_volume(&self, sr: &SrSpec, vdi: Uuid) -> Result<(), StorageError>;
    /// Creates a raw, fully allocated system volume (`statefile`, `metadata`); returns its path.
    fn create_raw(&self, sr: &SrSpec, name: &str, size: u64) -> Result<String, StorageError>;
    /// Begins an image of this name and of `size` bytes, if that is known, in a library of CD images.
    fn new_image(
        &self,
        _sr: &SrSpec,
        _name: &str,
        _size: Option<u64>,
    ) -> Result<Box<dyn ImageWriter>, StorageError> {
        Err(error::error(error::NOT_SUPPORTED, "only an ISO library takes images"))
    }
    /// Deletes an image of this name from a library of CD images; idempotent.
    fn remove_image(&self, _sr: &SrSpec, _name: &str) -> Result<(), StorageError> {
        Err(error::error(error::NOT_SUPPORTED, "only an ISO library has images"))
    }
    /// Path of a volume on this host.
    fn volume_path(&self, sr: &SrSpec, vdi: Uuid) -> String;
    /// Path of a system volume on this host.
    fn raw_path(&self, sr: &SrSpec, name: &str) -> String;
}
