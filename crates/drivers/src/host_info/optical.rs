//! The optical drives of a host, and the discs in them.
//!
//! Owns: what the kernel says of a drive, and where a disc says its name. Reading a disc may take
//! long, and with a broken drive for ever: whoever calls [`look`] does so on a thread that can be
//! left behind. Looking never closes a tray that somebody opened, and reads a disc once.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

/// Drives of one host that are seen.
pub const DRIVES_MAX: usize = 16;
/// Where a disc describes itself: its sector 16 (ECMA-119, 6.2.1).
const DESCRIPTOR_AT_BYTES: u64 = 16 * 2048;
/// Where its name stands there (ECMA-119, 8.4.7).
const NAME_BYTES: std::ops::Range<usize> = 40..72;

/// A drive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drive {
    /// Its name in the kernel: `sr0`.
    pub device: String,
    /// Who made it and what it is, as far as it says.
    pub model: String,
    /// What is in it.
    pub tray: Tray,
}

/// What is in a drive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tray {
    /// Nobody knows: it has not answered yet.
    #[default]
    Unknown,
    /// No disc that can be read.
    Empty,
    /// A disc.
    Disc {
        /// Its size.
        bytes: u64,
        /// Its name; empty if it has none.
        label: String,
    },
}

/// A drive before it was looked into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its name in the kernel.
    pub device: String,
    /// Who made it and what it is.
    pub model: String,
}

/// What was seen in a drive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What is in it.
    pub tray: Tray,
    /// The kernel's count of its discs then; `None`: this kernel does not count.
    discs: Option<u64>,
}

/// The drives of the host whose `/sys` lies below `root`, by name. Asks the kernel alone.
#[must_use]
pub fn drives(root: &Path) -> Vec<Found> {
    let Ok(entries) = std::fs::read_dir(root.join("sys/block")) else { return Vec::new() };
    let mut found: Vec<Found> = entries
        .flatten()
        .filter_map(|entry| {
            let device = entry.file_name().into_string().ok()?;
            device.strip_prefix("sr")?.parse::<u16>().ok()?;
            let text = |file: &str| {
                let text = std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
                // Drives fill these fields with blanks, and now and then with worse.
                let text: String = text.chars().filter(|c| matches!(c, ' '..='~')).collect();
                text.trim().to_owned()
            };
            let model = format!("{} {}", text("device/vendor"), text("device/model"));
            Some(Found { device, model: model.trim().to_owned() })
        })
        .collect();
    found.sort_by_key(|drive| (drive.device.len(), drive.device.clone()));
    found.truncate(DRIVES_MAX);
    found
}

/// What is in a drive of the host whose `/dev` and `/sys` lie below `root`; a disc that was seen
/// `before` is not read again.
#[must_use]
pub fn look(root: &Path, device: &str, before: &Look) -> Look {
    // Opened so, the kernel asks the drive whether its disc was changed, and does not close it.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let path = root.join("dev").join(device);
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let count = root.join("sys/block").join(device).join("diskseq");
    let discs = std::fs::read_to_string(count).ok().and_then(|text| text.trim().parse().ok());
    if matches!(before.tray, Tray::Disc { .. }) && discs.is_some() && before.discs == discs {
        return before.clone();
    }
    Look { tray: opened.and_then(read).unwrap_or(Tray::Empty), discs }
}

fn read(mut file: File) -> std::io::Result<Tray> {
    let bytes = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(DESCRIPTOR_AT_BYTES))?;
    let mut sector = [0; 2048];
    file.read_exact(&mut sector)?;
    Ok(Tray::Disc { bytes, label: label(&sector) })
}

/// The name of a disc, if it is one with files.
fn label(sector: &[u8]) -> String {
    if sector.get(..6) != Some(b"\x01CD001".as_slice()) {
        return String::new();
    }
    let name = sector.get(NAME_BYTES).unwrap_or_default();
    let name: String = name.iter().map(|b| char::from(*b)).filter(|c| !c.is_control()).collect();
    name.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drive(root: &Path, device: &str, model: &str) {
        let place = root.join("sys/block").join(device);
        std::fs::create_dir_all(place.join("device")).unwrap();
        std::fs::write(place.join("device/vendor"), "HL-DT-ST\n").unwrap();
        std::fs::write(place.join("device/model"), model).unwrap();
        std::fs::write(place.join("diskseq"), "7\n").unwrap();
        std::fs::create_dir_all(root.join("dev")).unwrap();
    }

    fn burn(root: &Path, device: &str, name: &[u8]) {
        let mut image = vec![0_u8; 20 * 2048];
        let at = 16 * 2048;
        image[at..][..6].copy_from_slice(b"\x01CD001");
        image[at + 40..][..32].fill(b' ');
        image[at + 40..][..name.len()].copy_from_slice(name);
        std::fs::write(root.join("dev").join(device), image).unwrap();
    }

    #[test]
    fn only_optical_drives_are_listed_by_number() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(drives(root.path()), Vec::new(), "a host without /sys has none");
        for device in ["sr10", "sr2", "sda", "srx", "loop0"] {
            drive(root.path(), device, "DVDRAM GP60NB50 \u{1}\n");
        }
        let found = drives(root.path());
        let names: Vec<&str> = found.iter().map(|drive| drive.device.as_str()).collect();
        assert_eq!(names, ["sr2", "sr10"]);
        assert_eq!(found[0].model, "HL-DT-ST DVDRAM GP60NB50");
    }

    #[test]
    fn a_disc_says_its_name_and_a_drive_without_one_is_empty() {
        let root = tempfile::tempdir().unwrap();
        let see = || look(root.path(), "sr0", &Look::default()).tray;
        drive(root.path(), "sr0", "DVD");
        assert_eq!(see(), Tray::Empty, "its device is not there");
        std::fs::write(root.path().join("dev/sr0"), "").unwrap();
        assert_eq!(see(), Tray::Empty, "it cannot be read");
        burn(root.path(), "sr0", b"DEBIAN 13");
        let full = Tray::Disc { bytes: 20 * 2048, label: "DEBIAN 13".to_owned() };
        assert_eq!(see(), full);
        std::fs::write(root.path().join("dev/sr0"), vec![1; 40 * 2048]).unwrap();
        let other = Tray::Disc { bytes: 40 * 2048, label: String::new() };
        assert_eq!(see(), other, "a disc of another kind has no name");
    }

    /// A drive that is read every few seconds never stops turning.
    #[test]
    fn a_disc_is_read_once() {
        let root = tempfile::tempdir().unwrap();
        drive(root.path(), "sr0", "DVD");
        burn(root.path(), "sr0", b"ONE");
        let first = look(root.path(), "sr0", &Look::default());
        burn(root.path(), "sr0", b"TWO");
        assert_eq!(look(root.path(), "sr0", &first), first, "the kernel knows of no other disc");
        std::fs::write(root.path().join("sys/block/sr0/diskseq"), "8\n").unwrap();
        let second = look(root.path(), "sr0", &first);
        let two = Tray::Disc { bytes: 20 * 2048, label: "TWO".to_owned() };
        assert_eq!(second.tray, two);
    }
}
