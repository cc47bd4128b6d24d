//! The SR driver over a mounted directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::config::StorageConfig;
use super::{identity, raw, volumes};
use crate::exec;
use crate::storage::bounded::Bounded;
use crate::storage::error::{
    NOT_ATTACHED, SR_UNAVAILABLE, UNMOUNT_FAILED, VDI_CLONE, VDI_CREATE, VDI_EXISTS, VDI_REMOVE,
    VDI_SIZE, VDI_SNAPSHOT, VDI_UNAVAILABLE, command, error, system, timeout,
};
use crate::storage::landed::Landing;
use crate::storage::{
    Source, SrDriver, SrSpace, SrSpec, SrTest, StorageError, TestPart, VolumeInfo, cannot_let_go,
    mountinfo, trial,
};

/// How much earlier a command is killed than its thread is left behind.
const KILL_AHEAD_MS_MAX: u64 = 500;

/// What differs between the kinds of directory SRs.
pub trait Mounter: Send + Sync + std::fmt::Debug + 'static {
    /// Refuses configurations that can never work.
    fn check(&self, config: &BTreeMap<String, String>) -> Result<(), StorageError>;
    /// Mounts at `target`, which is an empty directory. Runs on a thread that may be left behind.
    fn mount(&self, sr: &SrSpec, target: &Path, config: &StorageConfig)
    -> Result<(), StorageError>;
    /// Something is mounted at `target`. Does not touch it.
    fn mounted(&self, target: &Path) -> std::io::Result<bool> {
        mountinfo::mounted_at(target).map(|mount| mount.is_some())
    }
    /// Unmounts. Runs on a thread that may be left behind.
    fn unmount(&self, target: &Path, deadline: Duration) -> std::io::Result<exec::Output> {
        exec::run("umount", &[&target.to_string_lossy()], deadline)
    }
    /// Nothing of a mount that was taken away is in the kernel any more. May wait for a moment.
    fn forgotten(&self) -> Result<(), StorageError> {
        Ok(())
    }
    /// Takes away what is mounted at `target` and does not answer, whatever uses it, and proves that nothing of
    /// this host is on its way to it any more. Runs on a thread that may be left behind.
    fn let_go(
        &self,
        sr: &SrSpec,
        _target: &Path,
        _config: &StorageConfig,
    ) -> Result<(), StorageError> {
        Err(cannot_let_go(&sr.kind))
    }
    /// Whether [`Self::let_go`] could prove that of what is mounted at `target`.
    fn lets_go(&self, sr: &SrSpec, _target: &Path) -> Result<(), StorageError> {
        Err(cannot_let_go(&sr.kind))
    }
    /// Places that can be attached with a configuration that names none; `None` if it names one.
    fn places(
        &self,
        config: &BTreeMap<String, String>,
        deadline: Duration,
    ) -> Result<Option<Vec<String>>, StorageError>;
}

/// A driver of directory SRs.
#[derive(Debug)]
pub struct DirectoryDriver<M> {
    mounter: std::sync::Arc<M>,
    config: StorageConfig,
    bounded: Bounded,
}

impl<M: Mounter> DirectoryDriver<M> {
    /// A driver.
    pub fn new(mounter: M, config: StorageConfig, bounded: Bounded) -> Self {
        Self { mounter: std::sync::Arc::new(mounter), config, bounded }
    }

    pub(in crate::storage) fn root(&self, sr: Uuid) -> PathBuf {
        self.config.mount_root.join(sr.to_string())
    }

    fn mounted(&self, sr: Uuid) -> Result<bool, StorageError> {
        self.mounter
            .mounted(&self.root(sr))
            .map_err(|e| system(SR_UNAVAILABLE, "reading the table of mounts", &e))
    }

    pub(in crate::storage) fn mount(&self, sr: &SrSpec) -> Result<(), StorageError> {
        self.mounter.check(&sr.device_config)?;
        if self.mounted(sr.uuid)? {
            return Ok(());
        }
        let target = self.root(sr.uuid);
        std::fs::create_dir_all(&target)
            .map_err(|e| system(SR_UNAVAILABLE, "making the mount point", &e))?;
        let (mounter, config, spec) =
            (std::sync::Arc::clone(&self.mounter), self.config.clone(), sr.clone());
        let attempts = config.mount_attempts.max(1);
        let longest = (config.mount_deadline + Duration::from_secs(2)) * attempts;
        self.bounded.run(sr.uuid, "mount", longest, move || mounter.mount(&spec, &target, &config))
    }

    pub(in crate::storage) fn unmount(&self, sr: Uuid) -> Result<(), StorageError> {
        if !self.mounted(sr)? {
            return Ok(());
        }
        let target = self.root(sr);
        let task =
            Task { what: "unmount", code: UNMOUNT_FAILED, deadline: self.config.mount_deadline };
        let (mounter, at) = (std::sync::Arc::clone(&self.mounter), target.clone());
        self.command(sr, task, move |deadline| mounter.unmount(&at, deadline))?;
        // Only an empty directory goes; if something is mounted there again it stays.
        let _ = std::fs::remove_dir(&target);
        Ok(())
    }

    /// Runs a command that touches the SR.
    fn command(
        &self,
        sr: Uuid,
        task: Task,
        run: impl FnOnce(Duration) -> std::io::Result<exec::Output> + Send + 'static,
    ) -> Result<(), StorageError> {
        let Task { what, code, deadline } = task;
        self.bounded.run(sr, what, deadline, move || {
            let output =
                run(deadline - (deadline / 10).min(Duration::from_millis(KILL_AHEAD_MS_MAX)))
                    .map_err(|e| system(code, &format!("starting a command to {what}"), &e))?;
            match output {
                exec::Output { killed: true, .. } => Err(timeout(sr, what, deadline)),
                exec::Output { success: false, complaint, .. } => {
                    Err(command(code, what, &complaint))
                }
                _ => Ok(()),
            }
        })
    }

    fn qemu_img(&self, sr: Uuid, task: Task, arguments: Vec<String>) -> Result<(), StorageError> {
        if !self.mounted(sr)? {
            return Err(not_attached(sr));
        }
        self.command(sr, task, move |deadline| {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            exec::run_bound("qemu-img", &arguments, deadline)
        })
    }

    /// Works on the SR's directory on a thread that may be left behind.
    pub(in crate::storage) fn within<T: Send + 'static>(
        &self,
        sr: Uuid,
        what: &str,
        deadline: Duration,
        work: impl FnOnce(&Path) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        if !self.mounted(sr)? {
            return Err(not_attached(sr));
        }
        let root = self.root(sr);
        self.bounded.run(sr, what, deadline, move || work(&root))
    }

    fn look(&self, sr: Uuid, vdi: Uuid) -> Result<Option<VolumeInfo>, StorageError> {
        self.within(sr, "look at a volume", self.config.look_deadline, move |root| {
            volumes::look(root, vdi)
                .map_err(|e| system(VDI_UNAVAILABLE, &format!("reading volume {vdi}"), &e))
        })
    }

    fn existing(&self, sr: Uuid, vdi: Uuid) -> Result<VolumeInfo, StorageError> {
        self.look(sr, vdi)?.ok_or_else(|| {
            error(VDI_UNAVAILABLE, format!("volume {vdi} is not on SR {sr}; scan the SR"))
        })
    }

    /// Name of a volume in the making; it appears under its own name only when it is complete.
    fn unfinished(&self, sr: Uuid, vdi: Uuid) -> PathBuf {
        identity::private_dir(&self.root(sr)).join(format!("{vdi}.new"))
    }

    fn finish(&self, sr: Uuid, vdi: Uuid) -> Result<String, StorageError> {
        let (from, to) = (self.unfinished(sr, vdi), volumes::path_of(&self.root(sr), vdi));
        let path = text(&to);
        self.within(sr, "name a volume", self.config.change_deadline, move |_| {
            std::fs::rename(from, to).map_err(|e| system(VDI_CREATE, "naming the volume", &e))
        })?;
        Ok(path)
    }

    /// Removes what a failed creation left; the failure itself is what the caller hears of.
    fn discard(&self, sr: Uuid, vdi: Uuid) {
        let path = self.unfinished(sr, vdi);
        let _ = self.within(sr, "remove an unfinished volume", self.config.look_deadline, |_| {
            let _ = std::fs::remove_file(path);
            Ok(())
        });
    }
}

/// A command on the SR: what it does, the code of its failure, its deadline.
struct Task {
    what: &'static str,
    code: &'static str,
    deadline: Duration,
}

fn not_attached(sr: Uuid) -> StorageError {
    error(NOT_ATTACHED, format!("SR {sr} is not attached on this host"))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn owned<const N: usize>(arguments: [&str; N]) -> Vec<String> {
    arguments.iter().map(|a| (*a).to_owned()).collect()
}

impl<M: Mounter> SrDriver for DirectoryDriver<M> {
    fn probe(&self, config: &BTreeMap<String, String>) -> Result<Vec<String>, StorageError> {
        if let Some(places) = self.mounter.places(config, self.config.mount_deadline)? {
            return Ok(places);
        }
        // The place is named: which SR is there?
        let probe =
            SrSpec { uuid: Uuid::new_v4(), kind: String::new(), device_config: config.clone() };
        self.mount(&probe)?;
        let deadline = self.config.look_deadline;
        let found = self.within(probe.uuid, "read the SR's identity", deadline, identity::read);
        self.unmount(probe.uuid)?;
        Ok(found?.into_iter().map(|identity| identity.uuid.to_string()).collect())
    }

    fn test(
        &self,
        config: &BTreeMap<String, String>,
        part: TestPart,
        test: Uuid,
    ) -> Result<SrTest, StorageError> {
        let probe =
            SrSpec { uuid: Uuid::new_v4(), kind: String::new(), device_config: config.clone() };
        self.mount(&probe)?;
        let deadline = self.config.change_deadline;
        let tested = self.within(probe.uuid, "try the place", deadline, move |root| {
            let found = identity::read(root)?.into_iter().map(|sr| sr.uuid.to_string()).collect();
            trial::run(root, part, test).map(|tested| SrTest { found, ..tested })
        });
        let tested = tested.and_then(|tested| Ok(SrTest { space: self.space(&probe)?, ..tested }));
        let unmounted = self.unmount(probe.uuid);
        let tested = tested?;
        unmounted.map(|()| tested)
    }

    fn create(&self, sr: &SrSpec) -> Result<(), StorageError> {
        let was_mounted = self.mounted(sr.uuid)?;
        self.mount(sr)?;
        let uuid = sr.uuid;
        let deadline = self.config.change_deadline;
        let claimed = self
            .within(uuid, "claim the place", deadline, move |root| identity::create(root, uuid));
        if claimed.is_err() && !was_mounted {
            // The reason why it was refused matters more than the clean-up.
            let _ = self.unmount(uuid);
        }
        claimed
    }

    fn attach(&self, sr: &SrSpec) -> Result<String, StorageError> {
        let was_mounted = self.mounted(sr.uuid)?;
        self.mount(sr)?;
        let uuid = sr.uuid;
        let deadline = self.config.look_deadline;
        let checked = self.within(uuid, "read the SR's identity", deadline, move |root| {
            identity::check(root, uuid)
        });
        match checked {
            Ok(()) => Ok(text(&self.root(uuid))),
            Err(error) => {
                if !was_mounted {
                    // As above.
                    let _ = self.unmount(uuid);
                }
                Err(error)
            }
        }
    }

    fn detach(&self, sr: &SrSpec) -> Result<(), StorageError> {
        self.unmount(sr.uuid)
    }

    fn let_go(&self, sr: &SrSpec) -> Result<(), StorageError> {
        let (mounter, config) = (std::sync::Arc::clone(&self.mounter), self.config.clone());
        let (target, spec) = (self.root(sr.uuid), sr.clone());
        // Counted apart: this is wanted just when everything else hangs.
        let apart = Uuid::from_u128(!sr.uuid.as_u128());
        let longest = config.mount_deadline * 2;
        self.bounded.run(apart, "let go", longest, move || mounter.let_go(&spec, &target, &config))
    }

    fn lets_go(&self, sr: &SrSpec) -> Result<(), StorageError> {
        self.mounter.lets_go(sr, &self.root(sr.uuid))
    }

    fn landed(&self, sr: &SrSpec, files: &[PathBuf]) -> Result<(), StorageError> {
        let mount = mountinfo::mounted_at(&self.root(sr.uuid))
            .map_err(|e| system(SR_UNAVAILABLE, "reading the table of mounts", &e))?;
        let Some(mount) = mount else { return self.mounter.forgotten() };
        let (writes, patience) = (haven_block_io::Writes::default(), self.config.look_deadline);
        let landing = Landing { mount, files: files.to_vec(), writes, patience };
        // Counted apart, as letting go is: what hangs besides says nothing of these files.
        landing.wait(&self.bounded, Uuid::from_u128(sr.uuid.as_u128() ^ 1))
    }

    fn scan(&self, sr: &SrSpec) -> Result<Vec<VolumeInfo>, StorageError> {
        self.within(sr.uuid, "list the volumes", self.config.change_deadline, volumes::scan)
    }

    fn space(&self, sr: &SrSpec) -> Result<SrSpace, StorageError> {
        self.within(sr.uuid, "read the free space", self.config.look_deadline, |root| {
            let stat = rustix::fs::statvfs(root)
                .map_err(|e| system(SR_UNAVAILABLE, "reading the free space", &e.into()))?;
            let block = stat.f_frsize;
            Ok(SrSpace {
                physical_size: stat.f_blocks.saturating_mul(block),
                physical_utilisation: stat.f_blocks.saturating_sub(stat.f_bfree) * block,
            })
        })
    }

    fn create_volume(&self, sr: &SrSpec, vdi: Uuid, size: u64) -> Result<String, StorageError> {
        if size == 0 {
            return Err(error(VDI_SIZE, "a volume needs a size above 0"));
        }
        if let Some(there) = self.look(sr.uuid, vdi)? {
            if there.virtual_size == size {
                return Ok(self.volume_path(sr, vdi));
            }
            let text = format!("volume {vdi} exists with {} bytes", there.virtual_size);
            return Err(error(VDI_EXISTS, text));
        }
        let unfinished = text(&self.unfinished(sr.uuid, vdi));
        let mut arguments = owned(["create", "-q", "-f", "qcow2", "-o", "preallocation=off"]);
        arguments.extend([unfinished, size.to_string()]);
        let deadline = self.config.change_deadline;
        let task = Task { what: "create a volume", code: VDI_CREATE, deadline };
        match self.qemu_img(sr.uuid, task, arguments) {
            Ok(()) => self.finish(sr.uuid, vdi),
            Err(error) => {
                self.discard(sr.uuid, vdi);
                Err(error)
            }
        }
    }

    fn copy_volume(&self, sr: &SrSpec, from: Uuid, to: Uuid) -> Result<String, StorageError> {
        let size = self.existing(sr.uuid, from)?.virtual_size;
        let path = self.volume_path(sr, from);
        self.import_volume(sr, to, Source { path: &path, format: "qcow2", size })
    }

    fn import_volume(
        &self,
        sr: &SrSpec,
        to: Uuid,
        source: Source<'_>,
    ) -> Result<String, StorageError> {
        if self.look(sr.uuid, to)?.is_some() {
            return Err(error(VDI_EXISTS, format!("volume {to} exists already")));
        }
        // No cache: this host's memory is for its guests.
        let mut arguments = owned(["convert", "-q", "-t", "none", "-T", "none", "-O", "qcow2"]);
        arguments.extend(owned(["-f", source.format, "--", source.path]));
        arguments.push(text(&self.unfinished(sr.uuid, to)));
        let deadline = self.config.copy_deadline;
        let task = Task { what: "copy a volume", code: VDI_CLONE, deadline };
        match self.qemu_img(sr.uuid, task, arguments) {
            Ok(()) => self.finish(sr.uuid, to),
            Err(error) => {
                self.discard(sr.uuid, to);
                Err(error)
            }
        }
    }

    fn overlay_volume(
        &self,
        sr: &SrSpec,
        base: Uuid,
        to: Uuid,
        size: u64,
    ) -> Result<String, StorageError> {
        let below = self.existing(sr.uuid, base)?;
        if let Some(there) = self.look(sr.uuid, to)? {
            if there.backing.as_ref() == Some(&below.location) && there.virtual_size == size {
                return Ok(self.volume_path(sr, to));
            }
            return Err(error(VDI_EXISTS, format!("volume {to} exists already")));
        }
        // `-u`: the base is not opened, a guest may have locked it. Its name is relative, so that
        // the chain is found wherever the SR is mounted.
        let mut arguments =
            owned(["create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", &below.location]);
        arguments.extend([text(&self.unfinished(sr.uuid, to)), size.to_string()]);
        let deadline = self.config.change_deadline;
        let task = Task { what: "create a volume over another", code: VDI_SNAPSHOT, deadline };
        match self.qemu_img(sr.uuid, task, arguments) {
            Ok(()) => self.finish(sr.uuid, to),
            Err(error) => {
                self.discard(sr.uuid, to);
                Err(error)
            }
        }
    }

    fn resize_volume(&self, sr: &SrSpec, vdi: Uuid, size: u64) -> Result<(), StorageError> {
        let there = self.existing(sr.uuid, vdi)?;
        if there.virtual_size == size {
            return Ok(());
        }
        if there.virtual_size > size {
            let text = format!(
                "volume {vdi} has {} bytes and can only grow, not shrink to {size}",
                there.virtual_size
            );
            return Err(error(VDI_SIZE, text));
        }
        let mut arguments = owned(["resize", "-q", "-f", "qcow2"]);
        arguments.extend([self.volume_path(sr, vdi), size.to_string()]);
        let deadline = self.config.change_deadline;
        let task = Task { what: "resize a volume", code: VDI_SIZE, deadline };
        self.qemu_img(sr.uuid, task, arguments)
    }

    fn destroy_volume(&self, sr: &SrSpec, vdi: Uuid) -> Result<(), StorageError> {
        self.within(sr.uuid, "delete a volume", self.config.change_deadline, move |root| {
            if let Some(child) = volumes::child_of(root, vdi)? {
                let text = format!("volume {vdi} is the base of volume {child}, which needs it");
                return Err(error(VDI_REMOVE, text));
            }
            match std::fs::remove_file(volumes::path_of(root, vdi)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    Err(system(VDI_REMOVE, &format!("deleting volume {vdi}"), &e))
                }
                _ => Ok(()),
            }
        })
    }

    fn create_raw(&self, sr: &SrSpec, name: &str, size: u64) -> Result<String, StorageError> {
        raw::check_name(name)?;
        let path = PathBuf::from(self.raw_path(sr, name));
        let made = text(&path);
        self.within(sr.uuid, "write a system volume", self.config.raw_deadline, move |_| {
            raw::create(&path, size)
        })?;
        Ok(made)
    }

    fn volume_path(&self, sr: &SrSpec, vdi: Uuid) -> String {
        text(&volumes::path_of(&self.root(sr.uuid), vdi))
    }

    fn raw_path(&self, sr: &SrSpec, name: &str) -> String {
        text(&identity::private_dir(&self.root(sr.uuid)).join(name))
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
