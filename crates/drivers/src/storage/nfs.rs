//! The `nfs` driver: an SR on an NFS export.
//!
//! Owns: the mount and its options. Never mounts `soft`: a soft mount reports an outage to guests
//! as write errors, which they answer with corrupted or read-only file systems; with `hard` they
//! wait.
//!
//! The default is version 3 without the lock manager. Locks of versions 4.x stay with a dead host
//! for the server's lease (90 s on Linux), which delays every failover by that much, and a client
//! that was cut off for longer gets errors instead of its storage back. Haven proves that a host
//! is dead before it starts a VM elsewhere, so it does not need those locks. Whoever wants them
//! sets `nfsversion` or `options`.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::bounded::Bounded;
use super::directory::{DirectoryDriver, Mounter, StorageConfig};
use super::error::{
    BAD_CHARACTER, INVALID_ARGUMENT, MOUNT_FAILED, SERVER_MISSING, SERVERPATH_MISSING,
    SR_UNAVAILABLE, command, error, system, timeout,
};
use super::{SrSpec, StorageError, mountinfo};
use crate::exec;

/// Pause between attempts to mount.
const RETRY_PAUSE_MS: u64 = 1_000;
/// Options that would let guests see an outage as an error.
const REFUSED: [&str; 3] = ["soft", "softerr", "bg"];
/// Options used unless the user says otherwise; keyed by what the user would set.
/// `retry=0`: this driver counts its attempts itself. `lookupcache=positive`: a volume made by
/// another host is found at once. `nosharecache`: options of another mount of the same server do
/// not apply. `timeo`, `retrans`: when the client logs that the server does not answer.
const DEFAULTS: [(&str, &str); 6] = [
    ("timeo", "timeo=100"),
    ("retrans", "retrans=3"),
    ("retry", "retry=0"),
    ("lookupcache", "lookupcache=positive"),
    ("nosharecache", "nosharecache"),
    ("noatime", "noatime"),
];

/// The driver.
#[must_use]
pub fn driver(config: StorageConfig, bounded: Bounded) -> DirectoryDriver<NfsMounter> {
    DirectoryDriver::new(NfsMounter, config, bounded)
}

/// Mounts NFS exports.
#[derive(Debug)]
pub struct NfsMounter;

fn needed<'a>(
    config: &'a BTreeMap<String, String>,
    key: &str,
    code: &str,
) -> Result<&'a str, StorageError> {
    match config.get(key).map(|v| v.trim()) {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(error(code, format!("device_config needs \"{key}\""))),
    }
}

/// `server:path` as mount wants it.
fn source(config: &BTreeMap<String, String>) -> Result<String, StorageError> {
    let server = server(config)?;
    let path = needed(config, "serverpath", SERVERPATH_MISSING)?;
    if !path.starts_with('/') || path.chars().any(char::is_control) {
        let text = format!("serverpath \"{path}\" must be an absolute path");
        return Err(error(BAD_CHARACTER, text));
    }
    Ok(format!("{server}:{path}"))
}

fn server(config: &BTreeMap<String, String>) -> Result<String, StorageError> {
    let server = needed(config, "server", SERVER_MISSING)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:%[]".contains(c);
    if server.starts_with('-') || !server.chars().all(plain) {
        let text = format!("server \"{server}\" must be a host name or an address");
        return Err(error(BAD_CHARACTER, text));
    }
    // An IPv6 address needs brackets before a colon.
    let bare = server.contains(':') && !server.starts_with('[');
    Ok(if bare { format!("[{server}]") } else { server.to_owned() })
}

/// The mount options: the user's, completed.
fn options(config: &BTreeMap<String, String>) -> Result<String, StorageError> {
    let given = config.get("options").map(String::as_str).unwrap_or_default();
    if given.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(error(BAD_CHARACTER, "options may not have blanks"));
    }
    let mut all: Vec<String> =
        given.split(',').filter(|o| !o.is_empty()).map(str::to_owned).collect();
    let has = |all: &[String], key: &str| all.iter().any(|o| o.split('=').next() == Some(key));
    if let Some(refused) = all.iter().find(|o| REFUSED.contains(&o.as_str())) {
        let text = format!(
            "mount option \"{refused}\" is refused: guests would see a storage outage as write \
             errors and damage their file systems; leave it out, \"hard\" is always used"
        );
        return Err(error(INVALID_ARGUMENT, text));
    }
    if !has(&all, "hard") {
        all.insert(0, "hard".to_owned());
    }
    let versioned = has(&all, "vers") || has(&all, "nfsvers");
    if !versioned {
        let version = config.get("nfsversion").map_or("3", String::as_str);
        if !["3", "4", "4.0", "4.1", "4.2"].contains(&version) {
            let text = format!("nfsversion \"{version}\" is none of 3, 4, 4.0, 4.1, 4.2");
            return Err(error(INVALID_ARGUMENT, text));
        }
        all.push(format!("vers={version}"));
        if version == "3" && !has(&all, "lock") && !has(&all, "nolock") {
            all.push("nolock".to_owned());
        }
    }
    for (key, option) in DEFAULTS {
        let opposite = if key == "noatime" { "atime" } else { "sharecache" };
        if !has(&all, key) && !has(&all, opposite) {
            all.push(option.to_owned());
        }
    }
    Ok(all.join(","))
}

/// What the kernel's NFS client has open, whether it is mounted or not.
const VOLUMES: &str = "/proc/fs/nfsfs/volumes";
/// How long the kernel may take to forget a mount whose last user is gone.
const FORGET_MAX: Duration = Duration::from_secs(5);
const FORGET_POLL: Duration = Duration::from_millis(100);
/// Longest wait for a connection of this process to be cut, and then for its end.
const TRY_MAX: Duration = Duration::from_secs(5);
const TRY_ANSWER: Duration = Duration::from_millis(200);

/// A device that the client has open though nothing is mounted from it: somebody still uses it, or something
/// of it waits for the server.
fn orphan<'a>(volumes: &'a str, mounts: &str) -> Option<&'a str> {
    let mounted = mountinfo::devices(mounts);
    let listed = volumes.lines().skip(1).filter_map(|line| line.split_whitespace().nth(3));
    listed.into_iter().find(|device| !mounted.contains(device))
}

/// Waits until the kernel has forgotten all that is mounted no more.
fn forgotten() -> Result<(), StorageError> {
    let read = |path: &str| {
        std::fs::read_to_string(path)
            .map_err(|e| system(SR_UNAVAILABLE, &format!("reading {path}"), &e))
    };
    let until = Instant::now() + FORGET_MAX;
    loop {
        let (volumes, mounts) = (read(VOLUMES)?, read("/proc/self/mountinfo")?);
        let Some(device) = orphan(&volumes, &mounts) else { return Ok(()) };
        if Instant::now() >= until {
            let text = format!("the kernel still has NFS device {device} open; something uses it");
            return Err(error(SR_UNAVAILABLE, text));
        }
        std::thread::sleep(FORGET_POLL);
    }
}

/// Destroys the connections to the server, with what the kernel has not sent yet. Other mounts of it
/// connect anew, and send again what was not answered.
fn cut(config: &BTreeMap<String, String>, deadline: Duration) -> Result<(), StorageError> {
    let server = server(config)?;
    let given = config.get("options").map(String::as_str).unwrap_or_default();
    let port = given.split(',').find_map(|option| option.strip_prefix("port=")).unwrap_or("2049");
    cut_to(&server, port, deadline)
}

fn cut_to(server: &str, port: &str, deadline: Duration) -> Result<(), StorageError> {
    let sockets = |kill: &[&str]| {
        let filter = ["-H", "-t", "-n", "dst", server, "dport", "=", port];
        let arguments: Vec<&str> = kill.iter().chain(&filter).copied().collect();
        let output = exec::run("ss", &arguments, deadline)
            .map_err(|e| system(SR_UNAVAILABLE, "starting ss", &e))?;
        match output.success {
            true => Ok(output.stdout.lines().filter(|line| !line.trim().is_empty()).count()),
            false => Err(command(SR_UNAVAILABLE, "cutting connections", &output.complaint)),
        }
    };
    let open = sockets(&[])?;
    if sockets(&["-K"])? < open {
        let text = format!("the connections to {server} cannot be cut by this kernel");
        return Err(error(SR_UNAVAILABLE, text));
    }
    Ok(())
}

/// Whether this kernel destroys a connection that is not its client's: one of this process, tried once.
fn cuts() -> bool {
    static CUTS: OnceLock<bool> = OnceLock::new();
    let tried = || -> std::io::Result<bool> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut connection = TcpStream::connect(listener.local_addr()?)?;
        let port = listener.local_addr()?.port().to_string();
        let cut = cut_to(&Ipv4Addr::LOCALHOST.to_string(), &port, TRY_MAX);
        connection.set_read_timeout(Some(TRY_ANSWER))?;
        let broken = connection.read(&mut [0]).is_err_and(|error| {
            !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        });
        Ok(cut.is_ok() && broken)
    };
    *CUTS.get_or_init(|| tried().unwrap_or(false))
}

/// Trying again may help.
fn transient(words: &str) -> bool {
    ["timed out", "refused", "unreachable", "not responding", "temporar", "No route"]
        .iter()
        .any(|phrase| words.contains(phrase))
}

impl Mounter for NfsMounter {
    fn check(&self, config: &BTreeMap<String, String>) -> Result<(), StorageError> {
        source(config)?;
        options(config).map(|_| ())
    }

    fn mount(
        &self,
        sr: &SrSpec,
        target: &Path,
        config: &StorageConfig,
    ) -> Result<(), StorageError> {
        let (source, options) = (source(&sr.device_config)?, options(&sr.device_config)?);
        let shown = target.to_string_lossy();
        let arguments = ["-t", "nfs", "-o", &options, "--", &source, &shown];
        let mut failure = timeout(sr.uuid, "mount", config.mount_deadline);
        for attempt in 1..=config.mount_attempts.max(1) {
            if attempt > 1 {
                std::thread::sleep(Duration::from_millis(RETRY_PAUSE_MS));
                // An earlier attempt may have got through after it was given up.
                if mountinfo::mounted_at(target).is_ok_and(|mount| mount.is_some()) {
                    return Ok(());
                }
            }
            let output = exec::run("mount", &arguments, config.mount_deadline)
                .map_err(|e| system(MOUNT_FAILED, "starting mount", &e))?;
            if output.success {
                return Ok(());
            }
            if !output.killed {
                let what = format!("mounting {source}");
                failure = command(MOUNT_FAILED, &what, &output.complaint);
                if !transient(&output.complaint) {
                    break;
                }
            }
        }
        Err(failure)
    }

    fn forgotten(&self) -> Result<(), StorageError> {
        forgotten()
    }

    fn let_go(
        &self,
        sr: &SrSpec,
        target: &Path,
        config: &StorageConfig,
    ) -> Result<(), StorageError> {
        if self.mounted(target).map_err(|e| system(SR_UNAVAILABLE, "reading the mounts", &e))? {
            // Ends with an error what waits for the server, though the mount stays where it is busy.
            let shown = target.to_string_lossy();
            let output = exec::run("umount", &["-f", "--", &shown], config.mount_deadline)
                .map_err(|e| system(SR_UNAVAILABLE, "starting umount", &e))?;
            if !output.success {
                return Err(command(SR_UNAVAILABLE, "letting go", &output.complaint));
            }
        }
        forgotten()?;
        cut(&sr.device_config, config.look_deadline)
    }

    fn lets_go(&self, _sr: &SrSpec, target: &Path) -> Result<(), StorageError> {
        let cannot = |why: &str| error(SR_UNAVAILABLE, format!("cannot let go with proof: {why}"));
        let mount = mountinfo::mounted_at(target)
            .map_err(|e| system(SR_UNAVAILABLE, "reading the mounts", &e))?;
        match mount {
            Some(mount) if mount.kind == "nfs" || mount.kind == "nfs4" => {}
            _ => return Err(cannot("the kernel's NFS client has not mounted it")),
        }
        std::fs::read_to_string(VOLUMES)
            .map_err(|e| system(SR_UNAVAILABLE, &format!("reading {VOLUMES}"), &e))?;
        if cuts() { Ok(()) } else { Err(cannot("this kernel cuts no connections")) }
    }

    fn places(
        &self,
        config: &BTreeMap<String, String>,
        deadline: Duration,
    ) -> Result<Option<Vec<String>>, StorageError> {
        if config.get("serverpath").is_some_and(|path| !path.is_empty()) {
            return Ok(None);
        }
        let server = server(config)?;
        let output = exec::run("showmount", &["--no-headers", "-e", "--", &server], deadline)
            .map_err(|e| system(MOUNT_FAILED, "starting showmount", &e))?;
        if !output.success {
            let what = format!("asking {server} for its exports");
            return Err(command(MOUNT_FAILED, &what, &output.complaint));
        }
        let exports = output.stdout.lines().filter_map(|line| line.split_whitespace().next());
        Ok(Some(exports.map(str::to_owned).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn hard_is_always_used_and_soft_refused() {
        assert!(options(&config(&[])).unwrap().starts_with("hard,vers=3,nolock,"));
        let given = options(&config(&[("options", "vers=4.2,timeo=50")])).unwrap();
        assert!(given.starts_with("hard,vers=4.2,timeo=50,"), "{given}");
        assert!(!given.contains("nolock") && !given.contains("timeo=100"), "{given}");
        for soft in ["soft", "softerr", "ro,soft"] {
            let refused = options(&config(&[("options", soft)])).unwrap_err();
            assert_eq!(refused.code, INVALID_ARGUMENT);
        }
    }

    #[test]
    fn what_is_open_and_not_mounted_is_seen() {
        let mounts = "36 35 0:52 / /run/sr-mount/a rw - nfs nas:/a rw\n40 35 8:1 / / rw - ext4 /dev/vda rw\n";
        let header = "NV SERVER   PORT DEV          FSID                              FSC\n";
        let line = |device: &&str| {
            format!("v3 0a000001  801 {device:<12} 1:0                               no\n")
        };
        let open = |devices: &[&str]| {
            let lines: String = devices.iter().map(line).collect();
            orphan(&format!("{header}{lines}"), mounts).map(str::to_owned)
        };
        assert_eq!(open(&[]), None);
        assert_eq!(open(&["0:52"]), None);
        assert_eq!(open(&["0:52", "0:53"]).as_deref(), Some("0:53"));
    }

    /// Needs what the daemon has: root.
    #[test]
    fn a_connection_is_cut_where_that_is_permitted() {
        if rustix::process::geteuid().is_root() {
            assert!(cuts(), "ss -K");
        }
    }

    #[test]
    fn what_is_no_mount_of_the_kernels_client_is_not_let_go_of() {
        let sr = SrSpec { uuid: uuid::Uuid::nil(), kind: "nfs".into(), device_config: config(&[]) };
        for target in ["/", "/nowhere"] {
            let refused = NfsMounter.lets_go(&sr, Path::new(target)).unwrap_err();
            assert!(refused.text.contains("NFS client"), "{refused}");
        }
    }

    #[test]
    fn what_could_be_read_as_an_option_or_a_second_argument_is_refused() {
        for server in ["-x", "a b", "a;b", ""] {
            assert!(source(&config(&[("server", server), ("serverpath", "/e")])).is_err());
        }
        assert!(source(&config(&[("server", "nas"), ("serverpath", "e")])).is_err());
        let got = source(&config(&[("server", "fd00::1"), ("serverpath", "/e")])).unwrap();
        assert_eq!(got, "[fd00::1]:/e");
    }
}
