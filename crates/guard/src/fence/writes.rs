//! What the kernel may still write to other machines for processes that are gone.
//!
//! A process that waits for a network file system can be killed, and what it had sent then waits in the
//! kernel for the path to come back: it would be written beneath the machine that runs elsewhere by then. A
//! reset ends it. Block devices are not asked: there a process is not gone before its writes are.
//!
//! Owns: that whoever cannot tell takes it that something is under way. Reads what the kernel has in memory
//! alone, and waits for nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

/// File systems of other machines whose requests under way the kernel lists.
const LISTED: [&str; 2] = ["nfs", "nfs4"];
/// File systems of other machines whose requests under way nobody lists.
const UNLISTED: [&str; 11] = [
    "cifs",
    "smb3",
    "ceph",
    "lustre",
    "beegfs",
    "orangefs",
    "afs",
    "fuse.glusterfs",
    "fuse.ceph-fuse",
    "fuse.sshfs",
    "fuse.mfs",
];

/// Where the kernel tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    mounts: PathBuf,
    clients: PathBuf,
}

impl Default for Writes {
    fn default() -> Self {
        Self {
            mounts: PathBuf::from("/proc/self/mountinfo"),
            clients: PathBuf::from("/sys/kernel/debug/sunrpc/rpc_clnt"),
        }
    }
}

impl Writes {
    /// What may still be written, for the log; `None`: nothing.
    pub(crate) fn under_way(&self) -> Option<String> {
        let mounts = match fs::read_to_string(&self.mounts) {
            Ok(mounts) => mounts,
            Err(error) => return Some(format!("what is mounted cannot be read: {error}")),
        };
        let mut kinds = mounts.lines().filter_map(writable);
        if let Some(kind) = kinds.clone().find(|kind| UNLISTED.contains(kind)) {
            return Some(format!("nobody tells what is under way to a {kind} file system"));
        }
        kinds.find(|kind| LISTED.contains(kind))?;
        self.requests()
    }

    /// Requests of NFS that no server has answered.
    fn requests(&self) -> Option<String> {
        let clients = match fs::read_dir(&self.clients) {
            Ok(clients) => clients,
            Err(error) => return Some(format!("requests of NFS cannot be listed: {error}")),
        };
        let mut requests = 0;
        for client in clients {
            let tasks = client.and_then(|client| fs::read_to_string(client.path().join("tasks")));
            requests += match tasks {
                Ok(tasks) => tasks.lines().count(),
                // The client has gone meanwhile, with all that it had.
                Err(error) if error.kind() == ErrorKind::NotFound => 0,
                Err(error) => return Some(format!("requests of NFS cannot be read: {error}")),
            };
        }
        (requests > 0).then(|| format!("{requests} requests of NFS are under way"))
    }
}

/// The kind of a file system that may be written to, from a line of `mountinfo` (proc(5)): after the dash
/// its kind, its source, and the options of the file system itself.
fn writable(line: &str) -> Option<&str> {
    let (_, file_system) = line.split_once(" - ")?;
    let mut words = file_system.split(' ');
    let (kind, options) = (words.next()?, words.nth(1)?);
    (!options.split(',').any(|option| option == "ro")).then_some(kind)
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
        let writes =
            Writes { mounts: dir.path().join("mountinfo"), clients: dir.path().join("rpc_clnt") };
        fs::write(&writes.mounts, mounts).unwrap();
        (dir, writes)
    }

    fn says(mounts: &str) -> Option<String> {
        kernel(mounts).1.under_way()
    }

    #[test]
    fn of_disks_of_its_own_nothing_is_left_and_discs_are_not_written() {
        assert_eq!(says(LOCAL), None);
        assert_eq!(says(&format!("{LOCAL}{DISCS}")), None);
    }

    #[test]
    fn nfs_is_quiet_when_none_of_its_clients_has_a_request() {
        let (_dir, writes) = kernel(&format!("{LOCAL}{NFS}"));
        assert!(writes.under_way().unwrap().contains("cannot be listed"));
        let client = writes.clients.join("3");
        fs::create_dir_all(&client).unwrap();
        fs::write(client.join("tasks"), "").unwrap();
        assert_eq!(writes.under_way(), None);
        let task =
            "  142 c081      0 0x3 0x0    60000 nfs_direct_write a:call_status q:xprt_pending\n";
        fs::write(client.join("tasks"), task).unwrap();
        assert_eq!(writes.under_way().unwrap(), "1 requests of NFS are under way");
    }

    #[test]
    fn who_cannot_tell_takes_it_that_something_is_under_way() {
        let gluster = "92 22 0:52 / /srv/vms rw - fuse.glusterfs nas:/vms rw,user_id=0\n";
        assert!(says(gluster).unwrap().contains("fuse.glusterfs"));
        let (dir, writes) = kernel(LOCAL);
        drop(dir);
        assert!(writes.under_way().is_some());
    }
}
