//! Copies of disks under simulated guests: nothing is copied, but each is where it says.

use uuid::Uuid;

use super::host::SimHypervisor;
use super::world::SimWorld;
use crate::hypervisor::{
    CopyState, DiskCopy, DiskState, DomainChange, DomainState, HypervisorError,
};

/// Size of every simulated disk.
const DISK_BYTES: u64 = 1 << 20;

/// Whether a change is about a copy.
pub(super) fn is_one(change: &DomainChange) -> bool {
    matches!(change, DomainChange::CopyDisk(_) | DomainChange::EndCopy { .. })
}

fn failed(call: &str, text: &str) -> HypervisorError {
    HypervisorError::Failed { call: call.to_owned(), text: text.to_owned() }
}

impl SimHypervisor {
    pub(super) fn change_copy(
        &self,
        vm: Uuid,
        change: &DomainChange,
    ) -> Result<(), HypervisorError> {
        let name = match change {
            DomainChange::CopyDisk(_) => "copy_disk",
            DomainChange::EndCopy { pivot: true, .. } => "pivot",
            _ => "end_copy",
        };
        self.world.check(self.host, name)?;
        match change {
            DomainChange::CopyDisk(copy) => self.begin_copy(vm, copy),
            DomainChange::EndCopy { target, pivot } => self.end_copy(vm, target, *pivot),
            _ => Ok(()),
        }
    }

    fn begin_copy(&self, vm: Uuid, copy: &DiskCopy) -> Result<(), HypervisorError> {
        self.world.with_domain(self.host, vm, |domain| {
            if !domain.spec.disks.iter().any(|disk| disk.target == copy.target) {
                return Err(failed("copy disk", "the domain has no such disk"));
            }
            if domain.copies.contains_key(&copy.target) {
                return Err(failed("copy disk", "the disk has an active block job already"));
            }
            let begun = CopyState {
                path: copy.path.clone(),
                total_bytes: DISK_BYTES,
                ..CopyState::default()
            };
            domain.copies.insert(copy.target.clone(), begun);
            Ok(())
        })
    }

    fn end_copy(&self, vm: Uuid, target: &str, pivot: bool) -> Result<(), HypervisorError> {
        self.world.with_domain(self.host, vm, |domain| {
            let gone = || failed("end the copy", "no block job is active on the disk");
            let copy = domain.copies.get(target).cloned().ok_or_else(gone)?;
            if pivot && !copy.ready {
                return Err(failed("go on in the copy", "the copy is not ready"));
            }
            domain.copies.remove(target);
            let mut disks = domain.spec.disks.iter_mut();
            if let Some(disk) = disks.find(|disk| pivot && disk.target == target) {
                disk.path = copy.path;
            }
            Ok(())
        })
    }

    /// Each question finds the copy further on.
    pub(super) fn look_at_disk(
        &self,
        vm: Uuid,
        target: &str,
    ) -> Result<DiskState, HypervisorError> {
        let looks = self.world.delays().copy_looks.max(1);
        self.world.with_domain(self.host, vm, |domain| {
            let disk = domain.spec.disks.iter().find(|disk| disk.target == target);
            let path = disk.map(|disk| disk.path.clone());
            let path = path.ok_or_else(|| failed("disk state", "the domain has no such disk"))?;
            if let Some(copy) = domain.copies.get_mut(target) {
                copy.done_bytes = (copy.done_bytes + DISK_BYTES.div_ceil(looks)).min(DISK_BYTES);
                copy.ready = copy.done_bytes == DISK_BYTES;
            }
            let executes = domain.state == DomainState::Running;
            Ok(DiskState { path, executes, copy: domain.copies.get(target).cloned() })
        })
    }
}

impl SimWorld {
    /// The storage of all copies of a VM's disks fails: the copies end, the guest goes on.
    pub fn fail_copies(&self, host: usize, vm: Uuid) {
        let _ = self.with_domain(host, vm, |domain| {
            domain.copies.clear();
            Ok(())
        });
    }
}
