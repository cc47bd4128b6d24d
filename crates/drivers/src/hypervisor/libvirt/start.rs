//! Starting a domain, fresh or from saved memory.
//!
//! Always in two steps: libvirt makes the domain paused, then it is let go. A start that hangs on
//! stalled storage completes when the storage comes back, maybe long after its VM was started on
//! another host; the second step does not happen then, and the domain is destroyed.

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use uuid::Uuid;
use virt::domain::Domain;
use virt::error::Error;
use virt::sys;

use super::driver::LibvirtHypervisor;
use super::error::translate;
use super::ffi::Connection;
use super::lane::Call;
use super::pending::{Begun, Pending, with_start};
use super::xml::with_disks;
use crate::hypervisor::{Consent, DiskSpec, DomainSpec, HypervisorError};
use crate::storage::StorageError;
use crate::storage::error::TIMEOUT;

/// How long the storage of one disk may take to show its first block.
const DISK_DEADLINE_MS: u64 = 5_000;
/// Bytes that are read of every disk.
const DISK_BYTES: usize = 4_096;

impl LibvirtHypervisor {
    pub(super) fn start_domain(
        &self,
        spec: &DomainSpec,
        paused: bool,
        consent: Consent,
    ) -> Result<(), HypervisorError> {
        let budget = Budget::new("start", self.config.start_deadline);
        self.check_disks(spec, &budget)?;
        let step = LastStep::new(spec.uuid, "start", paused, consent);
        let xml = self.render(spec, step.start, budget.left()?)?;
        let mock = self.config.uri.starts_with("test");
        let pending = self.pending.clone();
        self.lanes.start.call_with("start", budget.left()?, move |connection, call| {
            let begun = step.begin(&pending, connection)?;
            let created = create_paused(connection, &xml, mock);
            step.take(created, call, &begun)
        })
    }

    pub(super) fn restore(
        &self,
        spec: &DomainSpec,
        path: &str,
        paused: bool,
        consent: Consent,
    ) -> Result<(), HypervisorError> {
        let budget = Budget::new("resume", self.config.job_deadline);
        self.check_disks(spec, &budget)?;
        let (path, disks) = (path.to_owned(), spec.disks.clone());
        let step = LastStep::new(spec.uuid, "resume", paused, consent);
        let pending = self.pending.clone();
        self.lanes.job.call_with("resume", budget.left()?, move |connection, call| {
            let begun = step.begin(&pending, connection)?;
            let restored = restore_paused(connection, &path, step.start, &disks)
                .and_then(|()| Domain::lookup_by_uuid(connection.get(), step.vm));
            step.take(restored, call, &begun)
        })
    }

    /// Reads a little of every disk, so that stalled storage is found out here, on a thread of
    /// our own, rather than in a call that keeps a worker of libvirtd.
    fn check_disks(&self, spec: &DomainSpec, budget: &Budget) -> Result<(), HypervisorError> {
        for disk in spec.disks.iter().filter(|disk| !disk.path.is_empty()) {
            // Stuck threads are counted per directory: an SR; and per drive of this host.
            let path = Path::new(&disk.path);
            let drive = disk.cdrom && path.starts_with("/dev");
            let place = path.parent().filter(|_| !drive).unwrap_or(path);
            let key = Uuid::new_v5(&Uuid::NAMESPACE_OID, place.as_os_str().as_encoded_bytes());
            let path = disk.path.clone();
            let deadline = Duration::from_millis(DISK_DEADLINE_MS).min(budget.left()?);
            self.storage
                .run(key, "read a disk", deadline, move || match drive {
                    true => open_drive(&path),
                    false => read_some(&path),
                })
                .map_err(|error| {
                    let why = if error.code == TIMEOUT {
                        "its storage does not answer".to_owned()
                    } else {
                        error.text
                    };
                    let text = format!("disk {} cannot be read: {why}", disk.path);
                    HypervisorError::Failed { call: budget.call.to_owned(), text }
                })?;
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

/// The drive is there. Whether a disc is in it the guest finds out; so opened, its tray stays as it
/// is.
fn open_drive(path: &str) -> Result<(), StorageError> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    opened.map(|_| ()).map_err(|e| StorageError { code: String::new(), text: e.to_string() })
}

fn create_paused(connection: &Connection, xml: &str, mock: bool) -> Result<Domain, Error> {
    if !mock {
        return Domain::create_xml(connection.get(), xml, sys::VIR_DOMAIN_START_PAUSED);
    }
    // libvirt's mock driver cannot start paused.
    let domain = Domain::create_xml(connection.get(), xml, sys::VIR_DOMAIN_NONE)?;
    domain.suspend()?;
    Ok(domain)
}

fn restore_paused(
    connection: &Connection,
    path: &str,
    start: Uuid,
    disks: &[DiskSpec],
) -> Result<(), Error> {
    let saved = Domain::save_image_get_xml_desc(connection.get(), path, 0)?;
    // Where it cannot be read libvirt takes its own copy, with the disks where they were.
    let moved = with_disks(&saved, disks).unwrap_or(saved);
    let xml = with_start(&moved, start);
    let flags = sys::VIR_DOMAIN_SAVE_PAUSED;
    Domain::domain_restore_flags(connection.get(), path, xml.as_deref(), flags)
}

/// One deadline for all that a call does.
struct Budget {
    call: &'static str,
    whole: Duration,
    until: Instant,
}

impl Budget {
    fn new(call: &'static str, whole: Duration) -> Self {
        Self { call, whole, until: Instant::now() + whole }
    }

    /// What is left; an error if nothing is. Nothing was started then.
    fn left(&self) -> Result<Duration, HypervisorError> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let text = format!("preparing it took more than {} s", self.whole.as_secs());
            return Err(HypervisorError::Failed { call: self.call.to_owned(), text });
        }
        Ok(left)
    }
}

/// The second step.
struct LastStep {
    vm: Uuid,
    start: Uuid,
    name: &'static str,
    paused: bool,
    consent: Consent,
}

impl LastStep {
    fn new(vm: Uuid, name: &'static str, paused: bool, consent: Consent) -> Self {
        Self { vm, start: Uuid::new_v4(), name, paused, consent }
    }

    /// Marks the start. Refuses a second one; what an earlier one left behind gives way.
    fn begin(&self, pending: &Pending, connection: &Connection) -> Result<Begun, HypervisorError> {
        let (vm, name) = (self.vm, self.name);
        if let Ok(domain) = Domain::lookup_by_uuid(connection.get(), vm) {
            if !pending.is_leftover(&domain) {
                return Err(HypervisorError::AlreadyRunning(vm));
            }
            tracing::warn!(%vm, "destroying what a start left behind that was cut short");
            pending.remove(&domain).map_err(|e| translate(name, vm, &e))?;
        }
        pending.begin(self.start).map_err(|e| self.failed(&e))
    }

    fn failed(&self, cause: &std::io::Error) -> HypervisorError {
        let text = format!("marking the start: {cause}");
        HypervisorError::Failed { call: self.name.to_owned(), text }
    }

    fn take(
        &self,
        made: Result<Domain, Error>,
        call: &Call,
        begun: &Begun,
    ) -> Result<(), HypervisorError> {
        let (vm, name) = (self.vm, self.name);
        let domain = match made.map_err(|e| translate(name, vm, &e)) {
            Ok(domain) => domain,
            // Without an answer there may be a domain later: the mark stays.
            Err(error @ HypervisorError::Disconnected(_)) => return Err(error),
            Err(error) => {
                // A mark that stays does no harm.
                let _ = begun.settle();
                return Err(error);
            }
        };
        let allowed = (self.consent)();
        if !allowed || !call.commit() {
            tracing::warn!(%vm, name, allowed, "the domain comes too late and is destroyed");
            if domain.destroy().is_ok() {
                // As above.
                let _ = begun.settle();
            }
            return Err(HypervisorError::Cancelled);
        }
        // From here on it is no leftover; were the mark to stay, it would be taken for one.
        if let Err(cause) = begun.settle() {
            let _ = domain.destroy();
            return Err(self.failed(&cause));
        }
        if self.paused {
            return Ok(());
        }
        let resumed = domain.resume().map_err(|e| translate(name, vm, &e));
        if resumed.is_err() {
            // A start that failed leaves nothing behind.
            let _ = domain.destroy();
        }
        resumed.map(|_| ())
    }
}
