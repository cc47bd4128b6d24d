//! Volumes in a directory: finding them and reading what they are.

use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::storage::error::{SCAN_FAILED, system};
use crate::storage::{StorageError, VolumeInfo};

const SUFFIX: &str = ".qcow2";
/// Start of a qcow2 header: magic, version, backing file, cluster bits, size.
const HEADER_BYTES: usize = 32;
const MAGIC: [u8; 4] = *b"QFI\xfb";
/// Longest name of a backing file, as QEMU has it.
const BACKING_BYTES_MAX: usize = 1023;

pub(super) fn path_of(root: &Path, vdi: Uuid) -> PathBuf {
    root.join(format!("{vdi}{SUFFIX}"))
}

/// All volumes; files that are none are left out, unreadable ones reported in the log.
pub(super) fn scan(root: &Path) -> Result<Vec<VolumeInfo>, StorageError> {
    let failed = |cause: std::io::Error| system(SCAN_FAILED, "listing the volumes", &cause);
    let mut volumes = Vec::new();
    for entry in std::fs::read_dir(root).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let vdi = name.to_str().and_then(|n| n.strip_suffix(SUFFIX));
        let Some(vdi) = vdi.and_then(|stem| Uuid::try_parse(stem).ok()) else { continue };
        match look(root, vdi) {
            Ok(Some(volume)) => volumes.push(volume),
            // Deleted since.
            Ok(None) => {}
            // Saved memory.
            Err(cause) if cause.kind() == std::io::ErrorKind::InvalidData => {}
            Err(cause) => tracing::warn!(%vdi, %cause, "a volume cannot be read"),
        }
    }
    volumes.sort_by_key(|volume| volume.uuid);
    Ok(volumes)
}

/// One volume; `None` if it is not there.
pub(super) fn look(root: &Path, vdi: Uuid) -> std::io::Result<Option<VolumeInfo>> {
    let mut file = match std::fs::File::open(path_of(root, vdi)) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(cause),
    };
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header)?;
    let header = Header::read(&header)
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "not qcow2"))?;
    Ok(Some(VolumeInfo {
        uuid: vdi,
        location: format!("{vdi}{SUFFIX}"),
        backing: header.backing(&file)?,
        format: "qcow2".to_owned(),
        virtual_size: header.size,
        physical_utilisation: file.metadata()?.blocks() * 512,
    }))
}

/// A volume that shows the content of `vdi`, if there is one.
pub(super) fn child_of(root: &Path, vdi: Uuid) -> Result<Option<Uuid>, StorageError> {
    let name = format!("{vdi}{SUFFIX}");
    let child = scan(root)?.into_iter().find(|volume| volume.backing.as_ref() == Some(&name));
    Ok(child.map(|volume| volume.uuid))
}

struct Header {
    size: u64,
    backing_offset: u64,
    backing_bytes: usize,
}

impl Header {
    fn read(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        if !bytes.starts_with(&MAGIC) {
            return None;
        }
        Some(Self {
            size: u64::from_be_bytes(bytes.get(24..32)?.try_into().ok()?),
            backing_offset: u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?),
            backing_bytes: u32::from_be_bytes(bytes.get(16..20)?.try_into().ok()?) as usize,
        })
    }

    /// File name of the volume below.
    fn backing(&self, file: &std::fs::File) -> std::io::Result<Option<String>> {
        if self.backing_offset == 0 || self.backing_bytes == 0 {
            return Ok(None);
        }
        let mut name = vec![0; self.backing_bytes.min(BACKING_BYTES_MAX)];
        file.read_exact_at(&mut name, self.backing_offset)?;
        let name = String::from_utf8_lossy(&name).into_owned();
        Ok(name.rsplit('/').next().map(str::to_owned))
    }
}
