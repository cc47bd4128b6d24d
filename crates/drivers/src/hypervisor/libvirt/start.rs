//! Starting a domain, fresh or from saved memory.
//!
//! Always in two steps: libvirt makes the domain paused, then it is let go. A start that hangs on
//! stalled storage completes when the storage comes back, maybe long after its VM was started on
//! another host; the second step does not happen then, and the domain is destroyed.

use std::io::Read;
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
use super::pending::{Begun, Pending};
use crate::hypervisor::{Consent, DomainSpec, HypervisorError};
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
        let xml = self.render(spec, budget.left()?)?;
        let step = LastStep { vm: spec.uuid, name: "start", paused, consent };
        let mock = self.config.uri.starts_with("test");
        let pending = self.pending.clone();
        self.lanes.start.call_with("start", budget.left()?, move |connection, call| {
            let begun = begin(&pending, connection, &step)?;
            let created = create_paused(connection, &xml, mock)
                .map_err(|e| step.not_made(&begun, translate(step.name, step.vm, &e)));
            step.take(&created?, call, &begun)
        })
    }

    pub(super) fn restore(
        &self,
        spec: &DomainSpec,
        path: &str,
        consent: Consent,
    ) -> Result<(), HypervisorError> {
        let budget = Budget::new("resume", self.config.job_deadline);
        self.check_disks(spec, &budget)?;
        let path = path.to_owned();
        let step = LastStep { vm: spec.uuid, name: "resume", paused: false, consent };
        let pending = self.pending.clone();
        self.lanes.job.call_with("resume", budget.left()?, move |connection, call| {
            let begun = begin(&pending, connection, &step)?;
            let flags = sys::VIR_DOMAIN_SAVE_PAUSED;
            let restored = Domain::domain_restore_flags(connection.get(), &path, None, flags)
                .and_then(|()| Domain::lookup_by_uuid(connection.get(), step.vm))
                .map_err(|e| step.not_made(&begun, translate(step.name, step.vm, &e)));
            step.take(&restored?, call, &begun)
        })
    }

    /// Reads a little of every disk, so that stalled storage is found out here, on a thread of
    /// our own, rather than in a call that keeps a worker of libvirtd.
    fn check_disks(&self, spec: &DomainSpec, budget: &Budget) -> Result<(), HypervisorError> {
        for disk in spec.disks.iter().filter(|disk| !disk.path.is_empty()) {
            // Stuck threads are counted per directory: an SR.
            let place = Path::new(&disk.path).parent().unwrap_or(Path::new("/"));
            let key = Uuid::new_v5(&Uuid::NAMESPACE_OID, place.as_os_str().as_encoded_bytes());
            let path = disk.path.clone();
            let deadline = Duration::from_millis(DISK_DEADLINE_MS).min(budget.left()?);
            self.storage.run(key, "read a disk", deadline, move || read_some(&path)).map_err(
                |error| {
                    let why = if error.code == TIMEOUT {
                        "its storage does not answer".to_owned()
                    } else {
                        error.text
                    };
                    let text = format!("disk {} cannot be read: {why}", disk.path);
                    HypervisorError::Failed { call: budget.call.to_owned(), text }
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

fn create_paused(connection: &Connection, xml: &str, mock: bool) -> Result<Domain, Error> {
    if !mock {
        return Domain::create_xml(connection.get(), xml, sys::VIR_DOMAIN_START_PAUSED);
    }
    // libvirt's mock driver cannot start paused.
    let domain = Domain::create_xml(connection.get(), xml, sys::VIR_DOMAIN_NONE)?;
    domain.suspend()?;
    Ok(domain)
}

/// Marks the start. Refuses a second one; what an earlier one left behind gives way.
fn begin(
    pending: &Pending,
    connection: &Connection,
    step: &LastStep,
) -> Result<Begun, HypervisorError> {
    let (vm, name) = (step.vm, step.name);
    let failed =
        |e: std::io::Error| HypervisorError::Failed { call: name.into(), text: e.to_string() };
    let Some(begun) = pending.begin(vm).map_err(failed)? else {
        return Err(HypervisorError::AlreadyRunning(vm));
    };
    let Ok(domain) = Domain::lookup_by_uuid(connection.get(), vm) else { return Ok(begun) };
    if begun.may_replace(&domain) {
        tracing::warn!(%vm, "destroying what a start left behind that was cut short");
        domain.destroy().map_err(|e| translate(name, vm, &e))?;
        return Ok(begun);
    }
    begun.settle();
    Err(HypervisorError::AlreadyRunning(vm))
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
    name: &'static str,
    paused: bool,
    consent: Consent,
}

impl LastStep {
    /// After an answer from libvirt there is no domain; without one there may be.
    fn not_made(&self, begun: &Begun, error: HypervisorError) -> HypervisorError {
        if !matches!(error, HypervisorError::Disconnected(_)) {
            begun.not_made();
        }
        error
    }

    fn take(&self, domain: &Domain, call: &Call, begun: &Begun) -> Result<(), HypervisorError> {
        let (vm, name) = (self.vm, self.name);
        let allowed = (self.consent)();
        if !allowed || !call.commit() {
            tracing::warn!(%vm, name, allowed, "the domain comes too late and is destroyed");
            if domain.destroy().is_ok() {
                begun.settle();
            }
            return Err(HypervisorError::Cancelled);
        }
        begun.settle();
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
