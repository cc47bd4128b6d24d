//! Whether what a process has written, which is gone, is where it was written to.
//!
//! With NFS a process can be killed while it waits for a direct write: the request goes on in the kernel without
//! it, and is sent again when the path is back (`nfs_direct_wait` is killable; the request ends in
//! `nfs_direct_complete`, after all its parts, their commits and what had to be sent twice). So first all
//! requests must have had their answer that were under way when the process was gone; those of others that come
//! later do not count. That is seen in memory alone, so that nothing gets stuck while the server is silent.
//! Between two parts of one write there may be no request for a moment. Therefore the file is then synchronised,
//! which waits for what was written through the cache, and read from through the cache, before which the client
//! waits for the direct writes to that file (`nfs_start_io_read`).
//!
//! Owns: that whoever cannot tell takes it that something is under way. Of file systems whose requests nobody
//! lists, the second half alone is asked.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use haven_block_io::{Tail, Writes};
use uuid::Uuid;

use super::StorageError;
use super::bounded::Bounded;
use super::error::{SR_UNAVAILABLE, error};
use super::mountinfo::Mount;

/// Pause between two looks at the kernel's requests.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Landing {
    /// The repository's mount.
    pub(crate) mount: Mount,
    /// What was open for writing; nothing: that is not known.
    pub(crate) files: Vec<PathBuf>,
    /// What the kernel tells.
    pub(crate) writes: Writes,
    /// How long each half may take.
    pub(crate) patience: Duration,
}

impl Landing {
    /// Waits until it has landed.
    ///
    /// # Errors
    /// It has not, or nobody can tell.
    pub(crate) fn wait(self, bounded: &Bounded, sr: Uuid) -> Result<(), StorageError> {
        let refused = |text: String| error(SR_UNAVAILABLE, text);
        match Tail::of(&self.mount.kind, &self.mount.device) {
            Tail::None => return Ok(()),
            Tail::Listed => self.answered().map_err(refused)?,
            Tail::Unlisted => {}
        }
        let (root, files) = (self.mount.target, self.files);
        bounded.run(sr, "wait for what was written", self.patience, move || {
            settled(&root, &files).map_err(refused)
        })
    }

    /// Waits until every request has its answer that is under way now.
    fn answered(&self) -> Result<(), String> {
        let until = Instant::now() + self.patience;
        let server = self.mount.server.as_deref();
        // Where the kernel does not list them, the other half alone tells.
        let Ok(mut left) = self.writes.requests(server) else { return Ok(()) };
        while !left.is_empty() {
            if Instant::now() >= until {
                let server = server.unwrap_or("its server");
                return Err(format!("{} requests of NFS have no answer of {server}", left.len()));
            }
            std::thread::sleep(LOOK_INTERVAL);
            let now = self.writes.requests(server).map_err(|error| error.to_string())?;
            left = left.intersection(&now).cloned().collect::<BTreeSet<_>>();
        }
        Ok(())
    }
}

/// Returns when nothing written to these files is on its way. Waits for the storage.
fn settled(root: &Path, files: &[PathBuf]) -> Result<(), String> {
    for path in files {
        let file = match File::open(path) {
            Ok(file) => file,
            // Nobody can open it again, so nobody reads what is still written.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("opening {}: {error}", path.display())),
        };
        let waited = file.sync_all().and_then(|()| (&file).read(&mut [0]));
        waited.map_err(|error| format!("synchronising {}: {error}", path.display()))?;
    }
    if files.is_empty() {
        let synced = File::open(root).and_then(|root| Ok(rustix::fs::syncfs(&root)?));
        synced.map_err(|error| format!("synchronising {}: {error}", root.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SR: Uuid = Uuid::from_u128(7);
    const LONG: Duration = Duration::from_secs(60);
    /// For what does not come.
    const SHORT: Duration = Duration::from_millis(200);

    /// A kernel, and a repository with one file.
    struct Stage {
        dir: tempfile::TempDir,
        disk: PathBuf,
    }

    impl Stage {
        fn new() -> Self {
            // In memory, where nothing waits for a disk of this machine.
            let shared = Path::new("/dev/shm");
            let made =
                if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
            let dir = made.unwrap();
            let disk = dir.path().join("disk.qcow2");
            fs::write(&disk, "content").unwrap();
            let stage = Self { dir, disk };
            stage.tasks("1", "10.0.0.1", "");
            stage
        }

        fn tasks(&self, client: &str, server: &str, tasks: &str) {
            let client = self.dir.path().join("sys/kernel/debug/sunrpc/rpc_clnt").join(client);
            fs::create_dir_all(client.join("xprt")).unwrap();
            fs::write(client.join("xprt/info"), format!("addr:  {server}\n")).unwrap();
            fs::write(client.join("tasks"), tasks).unwrap();
        }

        fn landing(&self, kind: &str) -> Landing {
            let server = Some("10.0.0.1".to_owned());
            let (target, kind) = (self.dir.path().to_owned(), kind.to_owned());
            let device = if kind == "ext4" { "8:1" } else { "0:50" }.to_owned();
            let source = "nas:/vms".to_owned();
            let mount = Mount { target, kind, device, source, server };
            let (files, writes) = (vec![self.disk.clone()], Writes::of(self.dir.path()));
            Landing { mount, files, writes, patience: LONG }
        }

        fn wait(&self, kind: &str) -> Result<(), StorageError> {
            self.landing(kind).wait(&Bounded::default(), SR)
        }
    }

    #[test]
    fn what_has_no_answer_is_on_its_way_and_another_servers_does_not_count() {
        let stage = Stage::new();
        assert_eq!(stage.wait("nfs4"), Ok(()));
        stage.tasks("2", "10.0.0.2", "   12 0080 0\n");
        assert_eq!(stage.wait("nfs4"), Ok(()));
        stage.tasks("1", "10.0.0.1", "   12 0080 0\n");
        let landing = Landing { patience: SHORT, ..stage.landing("nfs4") };
        let refused = landing.wait(&Bounded::default(), SR).unwrap_err();
        assert!(refused.text.contains("1 requests of NFS have no answer of 10.0.0.1"), "{refused}");
        assert_eq!(stage.wait("ext4"), Ok(()), "a disk of its own");
    }

    /// Other machines write on and on: at no moment is nothing under way.
    #[test]
    fn requests_that_come_later_are_not_waited_for() {
        let stage = Stage::new();
        stage.tasks("1", "10.0.0.1", "   12 0080 0\n   13 0080 0\n");
        let landing = stage.landing("nfs");
        let waiting = std::thread::spawn(move || landing.wait(&Bounded::default(), SR));
        let mut number = 14;
        while !waiting.is_finished() {
            stage.tasks("1", "10.0.0.1", &format!("  {number} 0080 0\n  {} 0080 0\n", number + 1));
            number += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(waiting.join().unwrap(), Ok(()));
    }

    /// A pipe that nobody writes to cannot be opened: as a file whose server is silent.
    #[test]
    fn who_cannot_be_asked_is_left_behind_and_counts_as_not_landed() {
        for kind in ["nfs", "ceph"] {
            let stage = Stage::new();
            fs::remove_file(&stage.disk).unwrap();
            let made = std::process::Command::new("mkfifo").arg(&stage.disk).status().unwrap();
            assert!(made.success());
            let bounded = Bounded::default();
            let landing = Landing { patience: SHORT, ..stage.landing(kind) };
            let refused = landing.wait(&bounded, SR).unwrap_err();
            assert_eq!((refused.code.as_str(), bounded.stuck(SR)), ("SR_TIMEOUT", 1), "{kind}");
            // The server answers: the thread that was left behind ends.
            drop(File::options().write(true).open(&stage.disk).unwrap());
            while bounded.stuck(SR) > 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    #[test]
    fn a_kernel_that_lists_nothing_is_asked_by_a_sync() {
        let stage = Stage::new();
        fs::remove_dir_all(stage.dir.path().join("sys")).unwrap();
        assert_eq!(stage.wait("nfs"), Ok(()));
        let landing = Landing { files: Vec::new(), ..stage.landing("nfs") };
        assert_eq!(landing.wait(&Bounded::default(), SR), Ok(()), "the whole of it");
        fs::remove_file(&stage.disk).unwrap();
        assert_eq!(stage.wait("nfs"), Ok(()), "nobody opens it again");
    }
}
