//! What a guest learns when it boots for the first time, found as cloud-init's NoCloud finds it: `blkid`
//! names the file systems labelled `cidata`, one is mounted, and its files are read.
//!
//! Runs inside the guest. Owns: the mount point. Writes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::process::{Command, Stdio};

use rustix::mount::MountFlags;
use serde_json::Value;

/// The real one of util-linux, which cloud-init asks as well.
const BLKID: &str = "/sbin/blkid";
const MOUNT: &str = "/run/cidata";
const FILE_SYSTEM: &str = "iso9660";
/// Labels that NoCloud takes.
const LABELS: [&str; 2] = ["CIDATA", "cidata"];
/// Files that it reads; the first two must be there.
const FILES: [&str; 3] = ["meta-data", "user-data", "network-config"];
const NEEDED: usize = 2;
/// A seed is never the only disk; most guests have no second one, and boot faster unasked.
const DISKS_MIN: usize = 2;

/// A seed that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Where it lies, such as `/dev/vdb`.
    pub device: String,
    /// Its files by name.
    pub files: BTreeMap<String, String>,
}

/// Looks for a seed; `None`: this guest has none.
///
/// # Errors
/// The disk is there and cannot be mounted or read.
pub fn find() -> io::Result<Option<Seed>> {
    if disks()? < DISKS_MIN {
        return Ok(None);
    }
    let kind = devices(&format!("TYPE={FILE_SYSTEM}"))?;
    let mut labelled = Vec::new();
    for label in LABELS {
        labelled.extend(devices(&format!("LABEL={label}"))?);
    }
    let Some(device) = labelled.into_iter().find(|device| kind.contains(device)) else {
        return Ok(None);
    };
    fs::create_dir_all(MOUNT)?;
    rustix::mount::mount(device.as_str(), MOUNT, FILE_SYSTEM, MountFlags::RDONLY, None)?;
    let mut files = BTreeMap::new();
    for (number, name) in FILES.into_iter().enumerate() {
        match fs::read_to_string(format!("{MOUNT}/{name}")) {
            Ok(text) => drop(files.insert(name.to_owned(), text)),
            Err(error) if number >= NEEDED && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io::Error::new(error.kind(), format!("{name}: {error}"))),
        }
    }
    Ok(Some(Seed { device, files }))
}

fn disks() -> io::Result<usize> {
    let named = |name: &str| name.starts_with("vd") || name.starts_with("sd");
    let all = fs::read_dir("/sys/block")?.flatten();
    Ok(all.filter(|entry| entry.file_name().to_str().is_some_and(named)).count())
}

/// Devices that `blkid` names for a tag.
fn devices(tag: &str) -> io::Result<Vec<String>> {
    let output = Command::new(BLKID)
        .args(["-c", "/dev/null", "-o", "device", "-t", tag])
        .stdin(Stdio::null())
        .output()?;
    // It ends with 2 where nothing was found.
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

impl Seed {
    /// The name in the network that the guest is to have.
    pub fn hostname(&self) -> Option<String> {
        let meta: Value = serde_json::from_str(self.files.get("meta-data")?).ok()?;
        meta.get("local-hostname")?.as_str().map(str::to_owned)
    }

    /// Users and how many keys each has, as `ana 1`.
    pub fn users(&self) -> Vec<String> {
        let text = self.files.get("user-data").map(String::as_str).unwrap_or_default();
        let config = text.strip_prefix("#cloud-config\n").unwrap_or_default();
        let config: Value = serde_json::from_str(config).unwrap_or_default();
        let users = config.get("users").and_then(Value::as_array).cloned().unwrap_or_default();
        let user = |user: &Value| {
            let keys = user.get("ssh_authorized_keys").and_then(Value::as_array);
            let name = user.get("name")?.as_str()?;
            Some(format!("{name} {}", keys.map_or(0, Vec::len)))
        };
        users.iter().filter_map(user).collect()
    }

    /// Everything that was read, a line each: `<file>: <line>`.
    pub fn lines(&self) -> Vec<String> {
        let of = |(name, text): (&String, &String)| {
            text.lines().map(|line| format!("{name}: {line}")).collect::<Vec<_>>()
        };
        self.files.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_guest_takes_from_its_seed() {
        let files = [
            ("meta-data", "{\"instance-id\": \"7\", \"local-hostname\": \"aula1\"}\n"),
            (
                "user-data",
                "#cloud-config\n{\"users\": [{\"name\": \"ana\", \"ssh_authorized_keys\": [\"k\"]}]}\n",
            ),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let seed = Seed { device: "/dev/vdb".to_owned(), files };
        assert_eq!(seed.hostname().as_deref(), Some("aula1"));
        assert_eq!(seed.users(), ["ana 1"]);
        assert_eq!(seed.lines()[1], "user-data: #cloud-config");
    }
}
