//! Pictures of guests as they were before they were reset, on the disk of the host that coordinated then.
//!
//! Owns: how many are kept. One of each VM, and of many VMs the newest.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use crate::state::AppState;

/// Pictures that are kept.
const KEPT_MAX: usize = 64;

/// Keeps a picture, in base64, in the place of an earlier one of the VM. Whether that was possible.
pub(super) fn keep(state: &AppState, vm: Uuid, picture: &str) -> bool {
    let written = STANDARD
        .decode(picture)
        .map_err(std::io::Error::other)
        .and_then(|bytes| write(&state.config.paths.screens(), vm, &bytes));
    if let Err(error) = &written {
        tracing::info!(%vm, %error, "the picture of a guest that hung could not be kept");
    }
    written.is_ok()
}

fn write(directory: &Path, vm: Uuid, bytes: &[u8]) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let name = format!("{vm}.png");
    let part = directory.join(format!("{vm}.part"));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(bytes)?;
    fs::rename(part, directory.join(name))?;
    let mut all: Vec<(SystemTime, std::path::PathBuf)> = fs::read_dir(directory)?
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    all.sort_unstable();
    let excess = all.len().saturating_sub(KEPT_MAX);
    for (_, old) in all.iter().take(excess) {
        fs::remove_file(old)?;
    }
    Ok(())
}

/// The picture of a VM before its last reset, if this host has one.
#[must_use]
pub fn kept(state: &AppState, vm: Uuid) -> Option<Vec<u8>> {
    fs::read(state.config.paths.screens().join(format!("{vm}.png"))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_picture_of_each_vm_is_kept_and_of_many_the_newest() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("screens");
        for vm in 0..70_u128 {
            write(&path, Uuid::from_u128(vm), b"first").unwrap();
        }
        assert_eq!(fs::read_dir(&path).unwrap().count(), KEPT_MAX);
        let last = Uuid::from_u128(69);
        write(&path, last, b"second").unwrap();
        assert_eq!(fs::read(path.join(format!("{last}.png"))).unwrap(), b"second");
        assert_eq!(fs::read_dir(&path).unwrap().count(), KEPT_MAX);
    }
}
