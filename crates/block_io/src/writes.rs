//! What the kernel may still write to other machines for processes that are gone.
//!
//! A process that waits for a network file system can be killed, and what it had sent then waits in the
//! kernel for the path to come back: it would be written beneath the machine that runs elsewhere by then. A
//! reset ends it. Block devices are not asked: there a process is not gone before its writes are.
//!
//! Owns: that whoever cannot tell takes it that something is under way, and that a file system without a block
//! device which it does not know is another machine's. Reads what the kernel has in memory alone, and waits for
//! nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// File systems of other machines whose requests under way the kernel lists.
const LISTED: [&str; 2] = ["nfs", "nfs4"];
/// File systems of other machines whose requests under way nobody lists, whatever device they say. That is what
/// an unknown one without a block device is, too.
const UNLISTED: [&str; 14] = [
    "cifs",
    "smb3",
    "ceph",
    "lustre",
    "beegfs",
    "orangefs",
    "afs",
    "9p",
    "virtiofs",
    "gpfs",
    "fuse.glusterfs",
    "fuse.ceph-fuse",
    "fuse.sshfs",
    "fuse.mfs",
];
/// File systems without a block device that are this machine's own: of disks, of memory, of the kernel's tables, and
/// of one person's session, where no machine's data can be. The last two are the lab's: their server keeps nothing
/// back, and a process that waits for FUSE is not gone before it has an answer.
const OWN: [&str; 43] = [
    "aufs",
    "bcachefs",
    "btrfs",
    "ecryptfs",
    "jffs2",
    "overlay",
    "ubifs",
    "zfs",
    "devtmpfs",
    "hugetlbfs",
    "ramfs",
    "rootfs",
    "tmpfs",
    "autofs",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devpts",
    "efivarfs",
    "fusectl",
    "fuse.lxcfs",
    "mqueue",
    "nfsd",
    "nsfs",
    "proc",
    "pstore",
    "resctrl",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sysfs",
    "tracefs",
    "xenfs",
    "fuse.gvfsd-fuse",
    "fuse.portal",
    "fuse.disk",
    "fuse.nfs",
];
/// What a kind of file system says of the writes of a process that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// There are none: it is this machine's own.
    None,
    /// They may be under way, and the kernel lists them.
    Listed,
    /// They may be under way, and nobody lists them.
    Unlisted,
}

impl Tail {
    /// Of a kind of file system with this device, as `mountinfo` names them; those that have no block device
    /// are numbered by the kernel, as `0:50`.
    #[must_use]
    pub fn of(kind: &str, device: &str) -> Self {
        match kind {
            kind if LISTED.contains(&kind) => Self::Listed,
            kind if UNLISTED.contains(&kind) => Self::Unlisted,
            kind if OWN.contains(&kind) => Self::None,
            _ if device.starts_with("0:") => Self::Unlisted,
            _ => Self::None,
        }
    }
}

/// A request that no server has answered. The kernel's numbers come round again, so that one which has ended may
/// be taken for one that has not, never the other way about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    client: PathBuf,
    number: String,
}

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing can be under way.
    Nothing,
    /// Nothing is under way at this moment. One look proves little: between two parts of one write, as its
    /// data and their commit, the kernel may list none.
    Quiet,
    /// What may still be written, for the log.
    Left(String),
}

/// Where the kernel tells of it.
#[derive(Clone, Debug)]
pub struct Writes {
    mounts: PathBuf,
    clients: PathBuf,
}

impl Default for Writes {
    fn default() -> Self {
        Self::of(Path::new("/"))
    }
}

impl Writes {
    /// What the kernel tells below a directory: another one than `/` is a test's.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self {
            mounts: root.join("proc/self/mountinfo"),
            clients: root.join("sys/kernel/debug/sunrpc/rpc_clnt"),
        }
    }

    /// Whether it tells what is mounted.
    #[must_use]
    pub fn are_told(&self) -> bool {
        self.mounts.exists()
    }

    /// What may be under way now.
    #[must_use]
    pub fn look(&self) -> Look {
        match self.first(Tail::Unlisted) {
            Err(error) => Look::Left(error),
            Ok(Some(kind)) => {
                Look::Left(format!("nobody tells what is under way to a {kind} file system"))
            }
            Ok(None) => self.look_at_listed(),
        }
    }

    /// The same of those file systems alone whose requests the kernel lists, or should.
    #[must_use]
    pub fn look_at_listed(&self) -> Look {
        match self.first(Tail::Listed) {
            Err(error) => return Look::Left(error),
            Ok(None) => return Look::Nothing,
            Ok(Some(_)) => {}
        }
        match self.requests(None) {
            Err(error) => Look::Left(error.to_string()),
            Ok(requests) if requests.is_empty() => Look::Quiet,
            Ok(requests) => Look::Left(format!("{} requests of NFS are under way", requests.len())),
        }
    }

    /// The kind of a file system of this sort that may be written to.
    fn first(&self, tail: Tail) -> Result<Option<String>, String> {
        let mounts = fs::read_to_string(&self.mounts)
            .map_err(|error| format!("what is mounted cannot be read: {error}"))?;
        let mut mounts = mounts.lines().filter_map(writable);
        let found = mounts.find(|(kind, device)| Tail::of(kind, device) == tail);
        Ok(found.map(|(kind, _)| kind.to_owned()))
    }

    /// Requests of NFS that no server has answered: of all clients, or of those that may speak to `server`.
    ///
    /// # Errors
    /// The kernel does not list them.
    pub fn requests(&self, server: Option<&str>) -> Result<BTreeSet<Request>, Error> {
        let told = |what: &str, error: Error| {
            let text = format!("requests of NFS cannot be {what} (is debugfs mounted?): {error}");
            Error::new(error.kind(), text)
        };
        let clients = fs::read_dir(&self.clients).map_err(|error| told("listed", error))?;
        let mut requests = BTreeSet::new();
        for client in clients {
            let client = client.map_err(|error| told("listed", error))?.path();
            if server.is_some_and(|server| !may_reach(&client, server)) {
                continue;
            }
            match fs::read_to_string(client.join("tasks")) {
                Ok(tasks) => {
                    let numbers = tasks.lines().filter_map(|task| task.split_whitespace().next());
                    requests.extend(numbers.map(|number| Request {
                        client: client.clone(),
                        number: number.to_owned(),
                    }));
                }
                // The client has gone meanwhile, with all that it had.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(told("read", error)),
            }
        }
        Ok(requests)
    }
}

/// Whether a client may speak to a server, by the addresses of its connections; one that does not say may.
fn may_reach(client: &Path, server: &str) -> bool {
    let Ok(entries) = fs::read_dir(client) else { return true };
    let mut others = 0;
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with("xprt") {
            continue;
        }
        let info = fs::read_to_string(entry.path().join("info")).unwrap_or_default();
        match info.lines().find_map(|line| line.strip_prefix("addr:")).map(str::trim) {
            Some(address) if address != server => others += 1,
            _ => return true,
        }
    }
    others == 0
}

/// The kind and the device of a file system that may be written to, from a line of `mountinfo` (proc(5)): the
/// device is its third word, and after the dash come the kind, the source, and the options of the file system itself.
fn writable(line: &str) -> Option<(&str, &str)> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut words = file_system.split(' ');
    let (kind, options) = (words.next()?, words.nth(1)?);
    let device = mount.split(' ').nth(2)?;
    (!options.split(',').any(|option| option == "ro")).then_some((kind, device))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str =
        "22 1 254:1 / / rw,noatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n";
    const NFS: &str =
        "90 22 0:50 / /run/haven/sr/a rw,noatime shared:9 - nfs4 nas:/vms rw,vers=4.2,hard\n";
    const DISCS: &str = "91 22 0:51 / /mnt/discs rw - cifs //nas/discs ro,vers=3\n";

    fn kernel(mounts: &str) -> (tempfile::TempDir, Writes) {
        let dir = tempfile::tempdir().unwrap();
        let writes = Writes::of(dir.path());
        fs::create_dir_all(dir.path().join("proc/self")).unwrap();
        fs::write(&writes.mounts, mounts).unwrap();
        (dir, writes)
    }

    fn says(mounts: &str) -> Look {
        kernel(mounts).1.look()
    }

    fn left(look: Look) -> String {
        let Look::Left(text) = look else { panic!("{look:?}") };
        text
    }

    #[test]
    fn of_disks_of_its_own_nothing_is_left_and_discs_are_not_written() {
        assert_eq!(says(LOCAL), Look::Nothing);
        assert_eq!(says(&format!("{LOCAL}{DISCS}")), Look::Nothing);
    }

    #[test]
    fn nfs_is_quiet_when_none_of_its_clients_has_a_request() {
        let (_dir, writes) = kernel(&format!("{LOCAL}{NFS}"));
        assert!(left(writes.look()).contains("cannot be listed"));
        let client = writes.clients.join("3");
        fs::create_dir_all(&client).unwrap();
        fs::write(client.join("tasks"), "").unwrap();
        assert_eq!(writes.look(), Look::Quiet);
        let task =
            "  142 c081      0 0x3 0x0    60000 nfs_direct_write a:call_status q:xprt_pending\n";
        fs::write(client.join("tasks"), task).unwrap();
        assert_eq!(left(writes.look()), "1 requests of NFS are under way");
    }

    #[test]
    fn who_cannot_tell_takes_it_that_something_is_under_way() {
        let gluster = "92 22 0:52 / /srv/vms rw - fuse.glusterfs nas:/vms rw,user_id=0\n";
        assert!(left(says(gluster)).contains("fuse.glusterfs"));
        for kind in ["9p", "virtiofs"] {
            let line = format!("92 22 0:52 / /srv/vms rw - {kind} vms rw,trans=virtio\n");
            assert!(left(says(&line)).contains(kind), "{kind}");
        }
        let (dir, writes) = kernel(LOCAL);
        drop(dir);
        left(writes.look());
    }

    #[test]
    fn requests_are_told_apart_by_their_server_where_the_kernel_says_it() {
        let (_dir, writes) = kernel(NFS);
        let client = |name: &str, address: Option<&str>, tasks: &str| {
            let client = writes.clients.join(name);
            fs::create_dir_all(client.join("xprt0")).unwrap();
            fs::write(client.join("tasks"), tasks).unwrap();
            if let Some(address) = address {
                let info = format!("netid: tcp\naddr:  {address}\nport:  2049\nstate: 0x11\n");
                fs::write(client.join("xprt0/info"), info).unwrap();
            }
        };
        client("1", Some("10.0.0.1"), "   12 0080 0\n   13 0080 0\n");
        client("2", Some("10.0.0.2"), "   12 0080 0\n");
        assert_eq!(writes.requests(None).unwrap().len(), 3, "numbers are a client's own");
        assert_eq!(writes.requests(Some("10.0.0.1")).unwrap().len(), 2);
        assert_eq!(writes.requests(Some("10.0.0.2")).unwrap().len(), 1);
        assert_eq!(writes.requests(Some("10.0.0.3")).unwrap().len(), 0);
        client("3", None, "   14 0080 0\n");
        assert_eq!(writes.requests(Some("10.0.0.3")).unwrap().len(), 1, "it does not say");
    }

    #[test]
    fn what_the_kernel_lists_is_judged_by_itself() {
        let gluster = "92 22 0:52 / /srv/vms rw - fuse.glusterfs nas:/vms rw,user_id=0\n";
        assert_eq!(kernel(gluster).1.look_at_listed(), Look::Nothing);
        let (_dir, writes) = kernel(&format!("{gluster}{NFS}"));
        assert!(left(writes.look_at_listed()).contains("debugfs"));
        fs::create_dir_all(&writes.clients).unwrap();
        assert_eq!(writes.look_at_listed(), Look::Quiet);
        left(writes.look());
    }

    /// A host of Debian with containers, a person at its screen, and the disks of its guests on btrfs.
    #[test]
    fn what_every_host_has_mounted_is_its_own() {
        let mounts = [
            ("/", "btrfs"),
            ("/proc", "proc"),
            ("/proc/sys/fs/binfmt_misc", "autofs"),
            ("/proc/sys/fs/binfmt_misc", "binfmt_misc"),
            ("/sys", "sysfs"),
            ("/sys/kernel/security", "securityfs"),
            ("/sys/fs/cgroup", "cgroup2"),
            ("/sys/fs/pstore", "pstore"),
            ("/sys/firmware/efi/efivars", "efivarfs"),
            ("/sys/fs/bpf", "bpf"),
            ("/sys/kernel/debug", "debugfs"),
            ("/sys/kernel/tracing", "tracefs"),
            ("/sys/fs/fuse/connections", "fusectl"),
            ("/sys/kernel/config", "configfs"),
            ("/dev", "devtmpfs"),
            ("/dev/pts", "devpts"),
            ("/dev/shm", "tmpfs"),
            ("/dev/hugepages", "hugetlbfs"),
            ("/dev/mqueue", "mqueue"),
            ("/run/rpc_pipefs", "rpc_pipefs"),
            ("/proc/fs/nfsd", "nfsd"),
            ("/run/netns/a", "nsfs"),
            ("/proc/xen", "xenfs"),
            ("/var/lib/lxcfs", "fuse.lxcfs"),
            ("/var/lib/docker/overlay2/a/merged", "overlay"),
            ("/run/user/1000/doc", "fuse.portal"),
            // The lab's.
            ("/var/lib/haven", "fuse.disk"),
            ("/run/sr-mount/a", "fuse.nfs"),
        ];
        let line = |(at, kind): (&str, &str)| format!("22 1 0:21 / {at} rw - {kind} none rw\n");
        assert_eq!(says(&mounts.map(line).concat()), Look::Nothing);
    }

    #[test]
    fn what_nobody_knows_is_another_machines_unless_it_has_a_block_device() {
        for kind in ["wekafs", "panfs", "fuse", "fuse.juicefs", "fuse.saunafs", "fuse.curvefs"] {
            let line = |device: &str| format!("92 22 {device} / /srv/vms rw - {kind} a rw\n");
            assert!(left(says(&line("0:52"))).contains(kind), "{kind}");
            assert_eq!(says(&line("8:1")), Look::Nothing, "{kind}");
        }
        let tails = [("nfs4", "0:50"), ("gpfs", "239:1"), ("xfs", "8:1"), ("fuseblk", "8:2")];
        assert_eq!(
            tails.map(|(kind, device)| Tail::of(kind, device)),
            [Tail::Listed, Tail::Unlisted, Tail::None, Tail::None]
        );
    }
}
