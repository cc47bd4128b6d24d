//! All hosts and domains of a simulated pool.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::host::SimHypervisor;
use super::load;
use crate::hypervisor::fanout::Fanout;
use crate::hypervisor::{
    CopyState, DomainInfo, DomainSpec, DomainState, DomainStats, HypervisorError, HypervisorEvent,
    MigrateProgress, REBOOTED, Stranger,
};

/// Violations that are kept.
const VIOLATIONS_MAX: usize = 1_000;

/// How long calls take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delays {
    /// A start, and a resume.
    pub start: Duration,
    /// A stop.
    pub stop: Duration,
    /// A migration, and a suspend.
    pub migrate: Duration,
    /// Everything else.
    pub query: Duration,
    /// A clean stop of a guest that ignores it, at most.
    pub deaf: Duration,
    /// A copy of a disk: questions until it is ready.
    pub copy_looks: u64,
}

/// A VM that executed on two hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The VM.
    pub vm: Uuid,
    /// The hosts by number.
    pub hosts: Vec<usize>,
}

/// A simulated pool.
#[derive(Debug)]
pub struct SimWorld {
    inner: Mutex<Inner>,
    began: Instant,
}

#[derive(Debug, Default)]
struct Inner {
    hosts: Vec<Host>,
    /// Domains of others, by host.
    strangers: BTreeMap<usize, Vec<Stranger>>,
    /// Memory saved by suspend, by path: shared storage.
    saved: BTreeMap<String, Domain>,
    delays: Delays,
    violations: Vec<Violation>,
    /// `host.uuid` of the hosts that have been told.
    names: BTreeMap<Uuid, usize>,
    /// No inventory is given yet.
    silent: bool,
}

#[derive(Debug)]
struct Host {
    up: bool,
    memory_bytes: u64,
    domains: BTreeMap<Uuid, Domain>,
    failures: BTreeMap<String, VecDeque<HypervisorError>>,
    events: Arc<Fanout>,
    starts: u64,
    /// VMs that were reset, in turn.
    resets: Vec<Uuid>,
    /// VMs in which no agent runs.
    agentless: BTreeSet<Uuid>,
}

#[derive(Clone, Debug)]
pub(super) struct Domain {
    pub(super) spec: DomainSpec,
    pub(super) state: DomainState,
    pub(super) job: Option<Job>,
    pub(super) ignores_shutdown: bool,
    /// Its writes find no room.
    pub(super) disk_full: bool,
    /// One of them stopped it.
    pub(super) stopped_by_disk: bool,
    /// Copies of its disks, by target name.
    pub(super) copies: BTreeMap<String, CopyState>,
    /// Its agent does not answer.
    pub(super) silent: bool,
    /// It neither reads, writes nor sends since then.
    pub(super) still_since: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Job {
    pub(super) progress: MigrateProgress,
    pub(super) cancelled: bool,
}

impl SimWorld {
    /// A domain that is not Haven's appears on a host.
    pub fn add_stranger(&self, host: usize, stranger: Stranger) {
        self.lock().strangers.entry(host).or_default().push(stranger);
    }

    pub(super) fn strangers(&self, host: usize) -> Vec<Stranger> {
        self.lock().strangers.get(&host).cloned().unwrap_or_default()
    }

    /// A world of `hosts` hosts with this much memory each.
    #[must_use]
    pub fn new(hosts: usize, memory_bytes: u64) -> Arc<Self> {
        let host = |_| Host {
            up: true,
            memory_bytes,
            domains: BTreeMap::new(),
            failures: BTreeMap::new(),
            events: Arc::new(Fanout::default()),
            starts: 0,
            resets: Vec::new(),
            agentless: BTreeSet::new(),
        };
        let inner = Inner { hosts: (0..hosts).map(host).collect(), ..Inner::default() };
        Arc::new(Self { inner: Mutex::new(inner), began: Instant::now() })
    }

    /// The hypervisor of a host.
    #[must_use]
    pub fn hypervisor(self: &Arc<Self>, host: usize) -> SimHypervisor {
        SimHypervisor::new(Arc::clone(self), host)
    }

    /// Says which `host.uuid` a host has, so that migrations may name it as libvirt's do.
    pub fn name(&self, host: usize, uuid: Uuid) {
        self.lock().names.insert(uuid, host);
    }

    /// The host with this uuid.
    #[must_use]
    pub fn named(&self, uuid: Uuid) -> Option<usize> {
        self.lock().names.get(&uuid).copied()
    }

    /// Whether inventories are answered; not while what runs is still being put in place.
    pub fn set_answering(&self, answering: bool) {
        self.lock().silent = !answering;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how long calls take from now on.
    pub fn set_delays(&self, delays: Delays) {
        self.lock().delays = delays;
    }

    pub(super) fn delays(&self) -> Delays {
        self.lock().delays
    }

    /// Lets the next call named `call` (`start`, `stop`, `migrate`, …) on a host fail. Several
    /// queue up.
    pub fn fail_next(&self, host: usize, call: &str, error: HypervisorError) {
        if let Some(host) = self.lock().hosts.get_mut(host) {
            host.failures.entry(call.to_owned()).or_default().push_back(error);
        }
    }

    /// Power loss: all domains are gone, calls fail.
    pub fn power_off(&self, host: usize) {
        self.set_power(host, false);
    }

    /// The host is back, empty.
    pub fn power_on(&self, host: usize) {
        self.set_power(host, true);
    }

    fn set_power(&self, host: usize, up: bool) {
        let mut inner = self.lock();
        let Some(host) = inner.hosts.get_mut(host) else { return };
        host.up = up;
        host.domains.clear();
        let events = Arc::clone(&host.events);
        drop(inner);
        events.publish(&if up {
            HypervisorEvent::ConnectionRestored
        } else {
            HypervisorEvent::ConnectionLost
        });
    }

    /// The guest crashes, or shuts itself down.
    pub fn end_domain(&self, host: usize, vm: Uuid, detail: &str) {
        let removed = self.with_host(host, |h| Ok(h.domains.remove(&vm).is_some()));
        if removed == Ok(true) {
            self.publish(host, vm, None, detail);
        }
    }

    /// The guest does not react to a clean shutdown from now on.
    pub fn ignore_shutdown(&self, host: usize, vm: Uuid) {
        let _ = self.with_domain(host, vm, |domain| {
            domain.ignores_shutdown = true;
            Ok(())
        });
    }

    /// A disk of the guest has no room for its writes: it stops at the first one and, as QEMU
    /// does, stays where it is until it is unpaused with room.
    pub fn fill_disk(&self, host: usize, vm: Uuid) {
        let stopped = self.with_domain(host, vm, |domain| {
            domain.disk_full = true;
            domain.stopped_by_disk = true;
            domain.state = DomainState::Paused;
            Ok(())
        });
        if stopped.is_ok() {
            self.publish(host, vm, Some(DomainState::Paused), "paused by an I/O error");
        }
    }

    /// There is room again. Nobody tells the guest.
    pub fn make_room(&self, host: usize, vm: Uuid) {
        let _ = self.with_domain(host, vm, |domain| {
            domain.disk_full = false;
            Ok(())
        });
    }

    /// The guest hangs: its agent is silent and it neither reads, writes nor sends, until it is reset.
    pub fn hang(&self, host: usize, vm: Uuid) {
        let still = Some(self.began.elapsed());
        let _ = self.with_domain(host, vm, |domain| {
            (domain.silent, domain.still_since) = (true, still);
            Ok(())
        });
    }

    /// No agent runs in the guest on a host, now and after each start there.
    pub fn without_agent(&self, host: usize, vm: Uuid) {
        let _ = self.with_host(host, |h| {
            h.agentless.insert(vm);
            if let Some(domain) = h.domains.get_mut(&vm) {
                domain.silent = true;
            }
            Ok(())
        });
    }

    /// The guest boots anew, by itself.
    pub fn reboot_itself(&self, host: usize, vm: Uuid) {
        if self.boot_anew(host, vm).is_ok() {
            self.publish(host, vm, Some(DomainState::Running), REBOOTED);
        }
    }

    /// The guest is reset.
    pub(super) fn reset(&self, host: usize, vm: Uuid) -> Result<(), HypervisorError> {
        self.boot_anew(host, vm)?;
        self.with_host(host, |h| {
            h.resets.push(vm);
            Ok(())
        })?;
        self.publish(host, vm, Some(DomainState::Running), REBOOTED);
        Ok(())
    }

    fn boot_anew(&self, host: usize, vm: Uuid) -> Result<(), HypervisorError> {
        self.with_host(host, |h| {
            let silent = h.agentless.contains(&vm);
            let domain = h.domains.get_mut(&vm).ok_or(HypervisorError::NotRunning(vm))?;
            (domain.silent, domain.still_since) = (silent, None);
            Ok(())
        })
    }

    /// The VMs that were reset or asked to reboot on a host, in turn.
    #[must_use]
    pub fn resets(&self, host: usize) -> Vec<Uuid> {
        self.lock().hosts.get(host).map_or_else(Vec::new, |h| h.resets.clone())
    }

    /// How often a domain was started on a host.
    #[must_use]
    pub fn starts(&self, host: usize) -> u64 {
        self.lock().hosts.get(host).map_or(0, |h| h.starts)
    }

    /// VMs that were seen executing on two hosts.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.lock().violations.clone()
    }

    pub(super) fn events(&self, host: usize) -> Option<Arc<Fanout>> {
        self.lock().hosts.get(host).map(|h| Arc::clone(&h.events))
    }

    pub(super) fn publish(&self, host: usize, vm: Uuid, state: Option<DomainState>, detail: &str) {
        if let Some(events) = self.events(host) {
            let detail = detail.to_owned();
            events.publish(&HypervisorEvent::Lifecycle { vm, state, detail });
        }
    }

    fn with_host<T>(
        &self,
        host: usize,
        work: impl FnOnce(&mut Host) -> Result<T, HypervisorError>,
    ) -> Result<T, HypervisorError> {
        match self.lock().hosts.get_mut(host) {
            Some(found) if found.up => work(found),
            _ => Err(HypervisorError::Disconnected(format!("host {host} is off"))),
        }
    }

    pub(super) fn with_domain<T>(
        &self,
        host: usize,
        vm: Uuid,
        work: impl FnOnce(&mut Domain) -> Result<T, HypervisorError>,
    ) -> Result<T, HypervisorError> {
        self.with_host(host, |h| match h.domains.get_mut(&vm) {
            Some(domain) => work(domain),
            None => Err(HypervisorError::NotRunning(vm)),
        })
    }

    /// The failure that was ordered for this call, if any.
    pub(super) fn check(&self, host: usize, call: &str) -> Result<(), HypervisorError> {
        self.with_host(host, |h| {
            let ordered = h.failures.get_mut(call).and_then(VecDeque::pop_front);
            ordered.map_or(Ok(()), Err)
        })
    }

    pub(super) fn insert(
        &self,
        host: usize,
        spec: &DomainSpec,
        state: DomainState,
    ) -> Result<(), HypervisorError> {
        let vm = spec.uuid;
        self.with_host(host, |h| {
            if h.domains.contains_key(&vm) {
                return Err(HypervisorError::AlreadyRunning(vm));
            }
            let used: u64 = h.domains.values().map(|d| d.spec.memory_bytes).sum();
            let free = h.memory_bytes.saturating_sub(used);
            if spec.memory_bytes > free {
                let text = format!("{} bytes wanted, {free} free", spec.memory_bytes);
                return Err(HypervisorError::NoMemory(text));
            }
            let spec = spec.clone();
            let domain = Domain {
                spec,
                state,
                job: None,
                ignores_shutdown: false,
                disk_full: false,
                stopped_by_disk: false,
                copies: BTreeMap::new(),
                silent: h.agentless.contains(&vm),
                still_since: None,
            };
            h.domains.insert(vm, domain);
            h.starts += 1;
            Ok(())
        })?;
        self.look_for_violation(vm);
        Ok(())
    }

    pub(super) fn remove(&self, host: usize, vm: Uuid) -> Result<Domain, HypervisorError> {
        self.with_host(host, |h| h.domains.remove(&vm).ok_or(HypervisorError::NotRunning(vm)))
    }

    pub(super) fn look_for_violation(&self, vm: Uuid) {
        let mut inner = self.lock();
        let executes =
            |h: &Host| h.domains.get(&vm).is_some_and(|d| d.state == DomainState::Running);
        let hosts: Vec<usize> =
            inner.hosts.iter().enumerate().filter(|(_, h)| executes(h)).map(|(n, _)| n).collect();
        if hosts.len() > 1 && inner.violations.len() < VIOLATIONS_MAX {
            inner.violations.push(Violation { vm, hosts });
        }
    }

    /// The guest stops here and continues there, in one instant.
    pub(super) fn hand_over(
        &self,
        vm: Uuid,
        from: usize,
        to: usize,
    ) -> Result<(), HypervisorError> {
        let lost = |host: usize| HypervisorError::Failed {
            call: "migrate".to_owned(),
            text: format!("host {host} was lost"),
        };
        let mut inner = self.lock();
        let arrives = inner.hosts.get(to).is_some_and(|h| h.up && h.domains.contains_key(&vm));
        if !arrives {
            return Err(lost(to));
        }
        let source = inner.hosts.get_mut(from).filter(|h| h.up).ok_or_else(|| lost(from))?;
        source.domains.remove(&vm).ok_or(HypervisorError::NotRunning(vm))?;
        if let Some(domain) = inner.hosts.get_mut(to).and_then(|h| h.domains.get_mut(&vm)) {
            domain.state = DomainState::Running;
        }
        Ok(())
    }

    pub(super) fn save(&self, path: &str, domain: Domain) {
        self.lock().saved.insert(path.to_owned(), domain);
    }

    pub(super) fn saved(&self, path: &str) -> Option<Domain> {
        self.lock().saved.get(path).cloned()
    }

    /// Counters of the domains of a host, as if they had always been there.
    pub(super) fn statistics(&self, host: usize) -> Result<Vec<DomainStats>, HypervisorError> {
        let now = self.began.elapsed();
        self.with_host(host, |h| {
            let running = h.domains.iter().filter(|(_, d)| d.state == DomainState::Running);
            let stats = running.map(|(uuid, domain)| {
                let spec = &domain.spec;
                let seconds = domain.still_since.unwrap_or(now).as_secs_f64();
                let mut targets: Vec<String> =
                    spec.disks.iter().map(|disk| disk.target.clone()).collect();
                if targets.is_empty() {
                    targets.push("vda".to_owned());
                }
                load::guest(*uuid, seconds, spec.memory_bytes, spec.vcpus, &targets)
            });
            Ok(stats.collect())
        })
    }

    pub(super) fn inventory(&self, host: usize) -> Result<Vec<DomainInfo>, HypervisorError> {
        if self.lock().silent {
            return Err(HypervisorError::Disconnected("the world is being made".to_owned()));
        }
        self.with_host(host, |h| {
            let describe = |(uuid, domain): (&Uuid, &Domain)| DomainInfo {
                uuid: *uuid,
                state: domain.state,
                memory_bytes: domain.spec.memory_bytes,
                cpu_time_ns: 0,
                disk_error: domain.stopped_by_disk,
            };
            Ok(h.domains.iter().map(describe).collect())
        })
    }
}
