//! Starting a domain, fresh or from saved memory.
//!
//! Always in two steps: libvirt makes the domain paused, then it is let go. A start that hangs on
//! stalled storage completes when the storage comes back, maybe long after its VM was started on
//! another host; the second step does not happen then, and the domain is destroyed.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use uuid::Uuid;
use virt::domain::Domain;
use virt::error::Error;
use virt::sys;

use super::driver::LibvirtHypervisor;
use super::error::translate;
use super::ffi::Connection;
use super::lane::Call;
use crate::hypervisor::{DomainSpec, HypervisorError};
use crate::storage::StorageError;

/// How long the storage of one disk may take to show its first block.
const DISK_DEADLINE_MS: u64 = 5_000;
/// Bytes that are read of every disk.
const DISK_BYTES: usize = 4_096;

impl LibvirtHypervisor {
    pub(super) fn start_domain(
        &self,
        spec: &DomainSpec,
        paused: bool,
    ) -> Result<(), HypervisorError> {
        self.check_disks("start", spec)?;
        let xml = self.render(spec)?;
        let vm = spec.uuid;
        self.lanes.start.call_with("start", self.config.start_deadline, move |connection, call| {
            refuse_second(connection, vm)?;
            let flags = sys::VIR_DOMAIN_START_PAUSED;
            let domain = Domain::create_xml(connection.get(), &xml, flags)
                .map_err(|e| translate("start", vm, &e))?;
            let_go(&domain, call, "start", vm, paused)
        })
    }

    pub(super) fn restore(&self, spec: &DomainSpec, path: &str) -> Result<(), HypervisorError> {
        self.check_disks("resume", spec)?;
        let (vm, path) = (spec.uuid, path.to_owned());
        let deadline = self.config.job_deadline;
        self.lanes.job.call_with("resume", deadline, move |connection, call| {
            refuse_second(connection, vm)?;
            let failed = |e: &Error| translate("resume", vm, e);
            let flags = sys::VIR_DOMAIN_SAVE_PAUSED;
            Domain::domain_restore_flags(connection.get(), &path, None, flags)
                .map_err(|e| failed(&e))?;
            let domain = Domain::lookup_by_uuid(connection.get(), vm).map_err(|e| failed(&e))?;
            let_go(&domain, call, "resume", vm, false)
        })
    }

    /// Reads a little of every disk, so that stalled storage is found out here, on a thread of
    /// our own, rather than in a call that keeps a worker of libvirtd.
    fn check_disks(&self, call: &str, spec: &DomainSpec) -> Result<(), HypervisorError> {
        for disk in spec.disks.iter().filter(|disk| !disk.path.is_empty()) {
            // Stuck threads are counted per directory: an SR.
            let place = Path::new(&disk.path).parent().unwrap_or(Path::new("/"));
            let key = Uuid::new_v5(&Uuid::NAMESPACE_OID, place.as_os_str().as_encoded_bytes());
            let path = disk.path.clone();
            let deadline = Duration::from_millis(DISK_DEADLINE_MS);
            self.storage.run(key, "read a disk", deadline, move || read_some(&path)).map_err(
                |error| HypervisorError::Failed {
                    call: call.to_owned(),
                    text: format!("disk {} cannot be read: {}", disk.path, error.text),
                },
            )?;
        }
        Ok(())
    }
}

fn read_some(path: &str) -> Result<(), StorageError> {
    let read = || -> std::io::Result<()> {
        let mut start = [0; DISK_BYTES];
        // An empty or short file is libvirt's to judge.
        std::fs::File::open(path)?.read(&mut start).map(|_| ())
    };
    read().map_err(|e| StorageError { code: String::new(), text: e.to_string() })
}

fn refuse_second(connection: &Connection, vm: Uuid) -> Result<(), HypervisorError> {
    match Domain::lookup_by_uuid(connection.get(), vm) {
        Ok(_) => Err(HypervisorError::AlreadyRunning(vm)),
        Err(_) => Ok(()),
    }
}

/// The second step.
fn let_go(
    domain: &Domain,
    call: &Call,
    name: &str,
    vm: Uuid,
    paused: bool,
) -> Result<(), HypervisorError> {
    if !call.commit() {
        tracing::warn!(%vm, name, "the domain came too late and is destroyed");
        // If this fails too, it stays paused and shows up in the inventory.
        let _ = domain.destroy();
        return Err(HypervisorError::Failed { call: name.to_owned(), text: "too late".to_owned() });
    }
    if paused {
        return Ok(());
    }
    let resumed = domain.resume().map_err(|e| translate(name, vm, &e));
    if resumed.is_err() {
        // A start that failed leaves nothing behind.
        let _ = domain.destroy();
    }
    resumed.map(|_| ())
}
