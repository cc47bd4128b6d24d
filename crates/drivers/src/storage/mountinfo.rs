//! What is mounted, without touching the mounts: a stalled one would not answer.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub target: PathBuf,
    /// Kind of the file system, e.g. `nfs4`.
    pub kind: String,
    /// Its device, e.g. `8:1`; without a block device the kernel numbers it, e.g. `0:50`.
    pub device: String,
    /// What, e.g. `server:/export`.
    pub source: String,
    /// Address of the server that it comes from, where the kernel says one.
    pub server: Option<String>,
}

/// What is mounted at `target`, the topmost if several.
pub fn mounted_at(target: &Path) -> std::io::Result<Option<Mount>> {
    let table = std::fs::read_to_string("/proc/self/mountinfo")?;
    Ok(parse(&table).filter(|mount| mount.target == target).last())
}

/// Reads the format of `/proc/self/mountinfo`.
pub fn parse(table: &str) -> impl Iterator<Item = Mount> + '_ {
    table.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(2);
        let (device, target) = (left.next()?.to_owned(), left.nth(1)?);
        let mut right = right.split(' ');
        let kind = right.next()?.to_owned();
        let source = unescape(right.next().unwrap_or_default());
        let mut options = right.next().unwrap_or_default().split(',');
        let server = options.find_map(|option| option.strip_prefix("addr=")).map(str::to_owned);
        Some(Mount { target: PathBuf::from(unescape(target)), kind, device, source, server })
    })
}

/// Devices (`major:minor`) of what is mounted, from the format of `/proc/self/mountinfo`.
pub fn devices(table: &str) -> BTreeSet<&str> {
    table.lines().filter_map(|line| line.split(' ').nth(2)).collect()
}

/// Blanks, tabs, line ends and backslashes are written as three octal digits.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'\\').then(|| tail.get(..3)).flatten();
        let byte = code
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(byte) = byte {
            out.push(byte);
            rest = tail.get(3..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_their_escapes() {
        let table = "36 35 98:0 / /run/sr\\040mount/a rw,noatime shared:1 - nfs4 s:/e\\134x rw,addr=10.0.0.7\n\
                     37 35 0:5 / /proc rw - proc proc rw\n";
        let mounts: Vec<Mount> = parse(table).collect();
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].target, PathBuf::from("/run/sr mount/a"));
        assert_eq!((mounts[0].kind.as_str(), mounts[0].source.as_str()), ("nfs4", "s:/e\\x"));
        let devices = mounts.iter().map(|mount| mount.device.as_str());
        assert_eq!(devices.collect::<Vec<_>>(), ["98:0", "0:5"]);
        let servers = mounts.iter().map(|mount| mount.server.as_deref());
        assert_eq!(servers.collect::<Vec<_>>(), [Some("10.0.0.7"), None]);
    }
}
