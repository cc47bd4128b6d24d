//! Volumes in a directory: finding them and reading what they are.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::storage::error::{SCAN_FAILED, system};
use crate::storage::{StorageError, VolumeInfo};

const SUFFIX: &str = ".qcow2";
/// Start of a qcow2 header: magic, version, backing file, cluster bits, size.
const HEADER_BYTES: usize = 32;
const MAGIC: [u8; 4] = *b"QFI\xfb";

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
    let virtual_size = size_in(&header)
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "not qcow2"))?;
    Ok(Some(VolumeInfo {
        uuid: vdi,
        format: "qcow2".to_owned(),
        virtual_size,
        physical_utilisation: file.metadata()?.blocks() * 512,
    }))
}

fn size_in(header: &[u8; HEADER_BYTES]) -> Option<u64> {
    if !header.starts_with(&MAGIC) {
        return None;
    }
    header.get(24..32)?.try_into().ok().map(u64::from_be_bytes)
}
