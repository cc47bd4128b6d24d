//! The hypervisor of one simulated host.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::copies;
use super::world::{Job, SimWorld};
use crate::hypervisor::{
    Capabilities, Consent, DiskState, DomainChange, DomainInfo, DomainSpec, DomainState,
    DomainStats, Hypervisor, HypervisorError, HypervisorEvent, MigrateProgress, MigrateStats,
    MigrateTarget, StopMode, Stranger,
};

/// What every simulated guest shows: one grey pixel, as PNG.
const ONE_PIXEL: &[u8] = b"\
    \x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\
    \x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55\x00\x00\x00\
    \x0a\x49\x44\x41\x54\x78\x9c\x63\x68\x00\x00\x00\x82\x00\x81\x77\xcd\x72\
    \xb6\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// Steps in which a migration makes progress and can be cancelled.
const MIGRATE_STEPS: u32 = 10;
/// How often a clean stop looks whether its guest is gone.
const DEAF_LOOK: Duration = Duration::from_millis(20);
/// Pause of the guest that every migration reports.
const DOWNTIME_MS: u64 = 50;

/// One host's hypervisor.
#[derive(Clone, Debug)]
pub struct SimHypervisor {
    pub(super) world: Arc<SimWorld>,
    pub(super) host: usize,
}

impl SimHypervisor {
    pub(super) fn new(world: Arc<SimWorld>, host: usize) -> Self {
        Self { world, host }
    }

    /// Its number in the world.
    #[must_use]
    pub fn host(&self) -> usize {
        self.host
    }

    fn set_state(&self, vm: Uuid, state: DomainState, why: &str) -> Result<(), HypervisorError> {
        self.world.with_domain(self.host, vm, |domain| {
            domain.state = state;
            Ok(())
        })?;
        self.world.look_for_violation(vm);
        self.world.publish(self.host, vm, Some(state), why);
        Ok(())
    }

    fn query(&self, call: &str) -> Result<(), HypervisorError> {
        sleep(self.world.delays().query);
        self.world.check(self.host, call)
    }

    /// Moves memory in steps; `Cancelled` when somebody asked for it.
    fn transfer(&self, vm: Uuid, total: u64) -> Result<(), HypervisorError> {
        let pause = self.world.delays().migrate / MIGRATE_STEPS;
        for step in 1..=u64::from(MIGRATE_STEPS) {
            sleep(pause);
            let processed_bytes = total * step / u64::from(MIGRATE_STEPS);
            let remaining_bytes = total - processed_bytes;
            let progress = MigrateProgress {
                processed_bytes,
                remaining_bytes,
                iteration: 1,
                ..MigrateProgress::default()
            };
            let cancelled = self.world.with_domain(self.host, vm, |domain| {
                let cancelled = domain.job.is_some_and(|job| job.cancelled);
                domain.job = Some(Job { progress, cancelled });
                Ok(cancelled)
            })?;
            if cancelled {
                return Err(HypervisorError::Cancelled);
            }
        }
        Ok(())
    }

    fn migrate_to(&self, vm: Uuid, to: usize) -> Result<MigrateStats, HypervisorError> {
        let began = Instant::now();
        let spec = self.world.with_domain(self.host, vm, |domain| {
            if domain.job.is_some() {
                let text = "a job of the domain runs already".to_owned();
                return Err(HypervisorError::Failed { call: "migrate".to_owned(), text });
            }
            domain.job = Some(Job::default());
            Ok(domain.spec.clone())
        })?;
        let total = spec.memory_bytes;
        let moved = self
            .world
            .insert(to, &spec, DomainState::Incoming)
            .map_err(|error| match error {
                HypervisorError::Disconnected(text) => {
                    HypervisorError::Failed { call: "migrate".to_owned(), text }
                }
                other => other,
            })
            .and_then(|()| {
                self.world.publish(to, vm, Some(DomainState::Incoming), "migration arrives");
                self.transfer(vm, total)
            })
            .and_then(|()| self.world.hand_over(vm, self.host, to));
        if let Err(error) = moved {
            let _ = self.world.with_domain(self.host, vm, |domain| {
                domain.job = None;
                Ok(())
            });
            // It was there only if this migration brought it.
            if !matches!(error, HypervisorError::AlreadyRunning(_))
                && self.world.remove(to, vm).is_ok()
            {
                self.world.publish(to, vm, None, "failed");
            }
            return Err(error);
        }
        self.world.publish(self.host, vm, None, "migrated away");
        self.world.publish(to, vm, Some(DomainState::Running), "migration done");
        Ok(MigrateStats {
            elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            downtime_ms: DOWNTIME_MS,
            processed_bytes: total,
        })
    }
}

impl Hypervisor for SimHypervisor {
    fn capabilities(&self) -> Result<Capabilities, HypervisorError> {
        self.query("capabilities")?;
        Ok(Capabilities {
            virt_type: "sim".to_owned(),
            hypervisor_version: "1.0.0".to_owned(),
            libvirt_version: "0.0.0".to_owned(),
            cpu_vendor: "AMD".to_owned(),
            cpu_model: "EPYC".to_owned(),
            usable_models: vec!["qemu64".to_owned()],
            machine: "sim-1.0".to_owned(),
        })
    }

    fn start(&self, spec: &DomainSpec, paused: bool) -> Result<(), HypervisorError> {
        self.start_with(spec, paused, Arc::new(|| true))
    }

    fn start_with(
        &self,
        spec: &DomainSpec,
        paused: bool,
        consent: Consent,
    ) -> Result<(), HypervisorError> {
        sleep(self.world.delays().start);
        self.world.check(self.host, "start")?;
        if !consent() {
            return Err(HypervisorError::Cancelled);
        }
        let state = if paused { DomainState::Paused } else { DomainState::Running };
        self.world.insert(self.host, spec, state)?;
        self.world.publish(self.host, spec.uuid, Some(state), "started");
        Ok(())
    }

    fn stop(&self, vm: Uuid, mode: StopMode) -> Result<(), HypervisorError> {
        sleep(self.world.delays().stop);
        self.world.check(self.host, "stop")?;
        if let StopMode::Clean { timeout } = mode {
            let deaf = self.world.with_domain(self.host, vm, |d| Ok(d.ignores_shutdown))?;
            if deaf {
                // Until somebody pulls the plug.
                let until = Instant::now() + self.world.delays().deaf.min(timeout);
                let runs = || self.world.with_domain(self.host, vm, |_| Ok(())).is_ok();
                while Instant::now() < until && runs() {
                    sleep(DEAF_LOOK);
                }
                let call = "clean shutdown of the guest".to_owned();
                return Err(HypervisorError::Deadline { call, seconds: timeout.as_secs() });
            }
        }
        self.world.remove(self.host, vm)?;
        let detail = if mode == StopMode::Hard { "destroyed" } else { "shut down" };
        self.world.publish(self.host, vm, None, detail);
        Ok(())
    }

    fn writes_to(&self, vm: Uuid) -> Option<Vec<PathBuf>> {
        let files = self.world.with_domain(self.host, vm, |domain| {
            let disks = domain.spec.disks.iter().filter(|disk| !disk.read_only && !disk.cdrom);
            Ok(disks.map(|disk| PathBuf::from(&disk.path)).collect())
        });
        Some(files.unwrap_or_default())
    }

    fn reboot(&self, vm: Uuid, _clean: bool) -> Result<(), HypervisorError> {
        self.query("reboot")?;
        self.world.reset(self.host, vm)
    }

    fn pause(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.query("pause")?;
        self.set_state(vm, DomainState::Paused, "paused")
    }

    fn unpause(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.query("unpause")?;
        let full = self.world.with_domain(self.host, vm, |domain| {
            domain.stopped_by_disk = domain.disk_full;
            Ok(domain.disk_full)
        })?;
        self.set_state(vm, DomainState::Running, "continued")?;
        if full {
            self.set_state(vm, DomainState::Paused, "paused by an I/O error")?;
        }
        Ok(())
    }

    fn suspend(&self, vm: Uuid, path: &str) -> Result<(), HypervisorError> {
        sleep(self.world.delays().migrate);
        self.world.check(self.host, "suspend")?;
        let domain = self.world.remove(self.host, vm)?;
        self.world.save(path, domain);
        self.world.publish(self.host, vm, None, "suspended to disk");
        Ok(())
    }

    fn resume(&self, spec: &DomainSpec, path: &str) -> Result<(), HypervisorError> {
        self.resume_with(spec, path, false, Arc::new(|| true))
    }

    fn resume_with(
        &self,
        spec: &DomainSpec,
        path: &str,
        paused: bool,
        consent: Consent,
    ) -> Result<(), HypervisorError> {
        sleep(self.world.delays().start);
        self.world.check(self.host, "resume")?;
        if !consent() {
            return Err(HypervisorError::Cancelled);
        }
        if self.world.saved(path).is_none() {
            let text = format!("no memory is saved at {path}");
            return Err(HypervisorError::Failed { call: "resume".to_owned(), text });
        }
        let state = if paused { DomainState::Paused } else { DomainState::Running };
        self.world.insert(self.host, spec, state)?;
        self.world.publish(self.host, spec.uuid, Some(state), "started");
        Ok(())
    }

    fn migrate(&self, vm: Uuid, target: &MigrateTarget) -> Result<MigrateStats, HypervisorError> {
        self.world.check(self.host, "migrate")?;
        let number = target.uri.strip_prefix("sim://").and_then(|n| n.parse().ok());
        let to = number.or_else(|| {
            let mut parts = target.uri.split('/').filter_map(|part| part.parse::<Uuid>().ok());
            parts.find_map(|uuid| self.world.named(uuid))
        });
        match to {
            Some(to) if to != self.host => self.migrate_to(vm, to),
            _ => {
                let text = format!("{} is not another simulated host", target.uri);
                Err(HypervisorError::Failed { call: "migrate".to_owned(), text })
            }
        }
    }

    fn migrate_progress(&self, vm: Uuid) -> Result<Option<MigrateProgress>, HypervisorError> {
        self.query("migrate_progress")?;
        self.world.with_domain(self.host, vm, |domain| Ok(domain.job.map(|job| job.progress)))
    }

    fn cancel_job(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.query("cancel_job")?;
        self.world.with_domain(self.host, vm, |domain| match &mut domain.job {
            Some(job) => {
                job.cancelled = true;
                Ok(())
            }
            None => {
                let text = "no job is active on the domain".to_owned();
                Err(HypervisorError::Failed { call: "abort job".to_owned(), text })
            }
        })
    }

    fn change(&self, vm: Uuid, change: &DomainChange) -> Result<(), HypervisorError> {
        self.query("change")?;
        if copies::is_one(change) {
            return self.change_copy(vm, change);
        }
        let changed = self.world.with_domain(self.host, vm, |domain| {
            apply(&mut domain.spec, change)
                .map_err(|text| HypervisorError::Failed { call: change.name().to_owned(), text })?;
            Ok(domain.clone())
        })?;
        if let DomainChange::Snapshot { memory: Some(path), .. } = change {
            self.world.save(path, changed);
        }
        Ok(())
    }

    fn disk_state(&self, vm: Uuid, target: &str) -> Result<DiskState, HypervisorError> {
        self.query("disk_state")?;
        self.look_at_disk(vm, target)
    }

    fn strangers(&self) -> Result<Vec<Stranger>, HypervisorError> {
        Ok(self.world.strangers(self.host))
    }

    fn inventory(&self) -> Result<Vec<DomainInfo>, HypervisorError> {
        self.query("inventory")?;
        self.world.inventory(self.host)
    }

    fn statistics(&self) -> Result<Vec<DomainStats>, HypervisorError> {
        self.query("statistics")?;
        self.world.statistics(self.host)
    }

    /// What other programs of this machine use is not of this world.
    fn memory_free(&self) -> u64 {
        let domains = self.world.inventory(self.host).unwrap_or_default();
        let used = domains.iter().map(|domain| domain.memory_bytes).sum();
        crate::host_info::memory().total.saturating_sub(used)
    }

    fn screenshot(&self, vm: Uuid) -> Result<Vec<u8>, HypervisorError> {
        self.query("screenshot")?;
        self.world.with_domain(self.host, vm, |_| Ok(ONE_PIXEL.to_vec()))
    }

    fn vnc_socket(&self, vm: Uuid) -> String {
        format!("/run/haven/sim/{}/vnc/{vm}.sock", self.host)
    }

    fn serial_socket(&self, vm: Uuid) -> String {
        format!("/run/haven/sim/{}/serial/{vm}.sock", self.host)
    }

    fn guest_agent(&self, vm: Uuid, _command: &str) -> Result<String, HypervisorError> {
        self.query("guest_agent")?;
        self.world.with_domain(self.host, vm, |domain| match domain.silent {
            false => Ok(r#"{"return":{}}"#.to_owned()),
            true => Err(HypervisorError::Failed {
                call: "guest agent".to_owned(),
                text: "the guest agent does not answer".to_owned(),
            }),
        })
    }

    fn events(&self) -> Receiver<HypervisorEvent> {
        // A host outside the world has no events: its channel is closed.
        self.world.events(self.host).map_or_else(|| sync_channel(0).1, |e| e.subscribe())
    }
}

/// Changes the description of a running domain.
fn apply(spec: &mut DomainSpec, change: &DomainChange) -> Result<(), String> {
    let missing = |what: &str| format!("the domain has no device {what}");
    let disk = |spec: &DomainSpec, target: &str| {
        spec.disks.iter().position(|d| d.target == target).ok_or_else(|| missing(target))
    };
    let nic = |spec: &DomainSpec, mac: &str| {
        spec.nics.iter().position(|nic| nic.mac == mac).ok_or_else(|| missing(mac))
    };
    match change {
        DomainChange::AttachDisk(new) if disk(spec, &new.target).is_ok() => {
            return Err(format!("target {} already exists", new.target));
        }
        DomainChange::AttachDisk(new) => spec.disks.push(new.clone()),
        DomainChange::DetachDisk { target } => {
            spec.disks.remove(disk(spec, target)?);
        }
        DomainChange::Media(new) => {
            let at = disk(spec, &new.target)?;
            spec.disks.splice(at..=at, [new.clone()]);
        }
        DomainChange::AttachNic(new) => spec.nics.push(new.clone()),
        DomainChange::DetachNic { mac } => {
            spec.nics.remove(nic(spec, mac)?);
        }
        DomainChange::MoveNic(new) => {
            let at = nic(spec, &new.mac)?;
            spec.nics.splice(at..=at, [new.clone()]);
        }
        DomainChange::ResizeDisk { target, .. } => {
            disk(spec, target)?;
        }
        DomainChange::Vcpus(count) => spec.vcpus = *count,
        DomainChange::Memory { bytes } => spec.extra.memory_target = *bytes,
        DomainChange::Snapshot { disks, .. } => {
            for overlay in disks {
                let at = disk(spec, &overlay.target)?;
                if let Some(disk) = spec.disks.get_mut(at) {
                    disk.path.clone_from(&overlay.path);
                }
            }
        }
        DomainChange::Nmi | DomainChange::CopyDisk(_) | DomainChange::EndCopy { .. } => {}
    }
    Ok(())
}

impl SimHypervisor {
    /// What a VM runs with here now, for tests.
    #[must_use]
    pub fn spec(&self, vm: Uuid) -> Option<DomainSpec> {
        self.world.with_domain(self.host, vm, |domain| Ok(domain.spec.clone())).ok()
    }

    /// Waits until a VM has a state here (`None`: is gone), for tests.
    #[must_use]
    pub fn wait_state(&self, vm: Uuid, state: Option<DomainState>, longest: Duration) -> bool {
        let until = Instant::now() + longest;
        loop {
            let now = self.world.inventory(self.host).unwrap_or_default();
            if now.iter().find(|d| d.uuid == vm).map(|d| d.state) == state {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            sleep(Duration::from_millis(1));
        }
    }
}
