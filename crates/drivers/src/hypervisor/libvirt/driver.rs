//! The driver itself: the [`Hypervisor`] trait on the lanes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;
use virt::domain::Domain;
use virt::error::{Error, ErrorNumber};
use virt::sys;

use super::config::LibvirtConfig;
use super::error::translate;
use super::events::{self, Hub};
use super::ffi::{self, Connection};
use super::lane::{Lane, LaneLimits};
use super::pending::Pending;
use super::shutdown::AGENT_PING_S;
use super::xml::{Element, RenderContext, domain_xml};
use super::{capabilities, copies};
use super::{domain_name, process, screen, stats};
use crate::hypervisor::{
    Capabilities, Consent, DiskState, DomainChange, DomainInfo, DomainSpec, DomainState,
    DomainStats, GUEST_PING, Hypervisor, HypervisorError, HypervisorEvent, MigrateProgress,
    MigrateStats, MigrateTarget, StopMode, Stranger, answered,
};
use crate::storage::bounded::Bounded;

/// The first question about capabilities makes libvirt start QEMU a few times.
const CAPABILITIES_DEADLINE_S: u64 = 30;
/// Calls of one lane at the same time, and stuck ones that it tolerates. Stuck calls also hold
/// workers of libvirtd (20 by default, for all connections): together they must leave it some.
const QUERY: (usize, usize) = (16, 6);
const INVENTORY: (usize, usize) = (2, 2);
const STATISTICS: (usize, usize) = (1, 1);
const SCREEN: (usize, usize) = (1, 1);
const START: (usize, usize) = (4, 4);
const STOP: (usize, usize) = (8, 8);
const JOB: (usize, usize) = (32, 8);
const AGENT: (usize, usize) = (16, 6);

/// Seconds between keepalive messages of a job's connection, and how many may stay unanswered.
const JOB_KEEPALIVE: (i32, u32) = (5, 12);
/// How long an inventory waits until a leftover is gone.
const LEFTOVER_DEADLINE: Duration = Duration::from_secs(2);
/// Directory of the marks of starts, below the run directory.
const STARTING_DIR: &str = "starting";

/// libvirt on this host.
#[derive(Debug)]
pub struct LibvirtHypervisor {
    pub(super) config: LibvirtConfig,
    pub(super) lanes: Lanes,
    pub(super) hub: Arc<Hub>,
    pub(super) storage: Bounded,
    pub(super) pending: Pending,
    capabilities: Mutex<Option<Capabilities>>,
}

/// The kinds of calls.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) query: Lane<Connection>,
    pub(super) inventory: Lane<Connection>,
    pub(super) statistics: Lane<Connection>,
    pub(super) screen: Lane<Connection>,
    pub(super) start: Lane<Connection>,
    pub(super) stop: Lane<Connection>,
    pub(super) job: Lane<Connection>,
    pub(super) agent: Lane<Connection>,
}

impl LibvirtHypervisor {
    /// A driver for `config.uri`. Does not fail if libvirt is not there yet: calls do, until it is.
    pub fn new(config: LibvirtConfig) -> Result<Self, HypervisorError> {
        for name in ["vnc", "serial", "migrate", STARTING_DIR] {
            let directory = config.run_dir.join(name);
            std::fs::create_dir_all(&directory).map_err(|e| HypervisorError::Failed {
                call: format!("create {}", directory.display()),
                text: e.to_string(),
            })?;
        }
        let hub = Arc::new(Hub::default());
        events::watch(config.uri.clone(), &hub, config.keepalive)
            .map_err(HypervisorError::Disconnected)?;
        let pending = Pending::new(config.run_dir.join(STARTING_DIR));
        let lanes = Lanes {
            query: lane(&config, "query", QUERY, true),
            inventory: lane(&config, "inventory", INVENTORY, true),
            statistics: lane(&config, "statistics", STATISTICS, true),
            screen: lane(&config, "screen", SCREEN, true),
            start: lane(&config, "start", START, true),
            stop: lane(&config, "stop", STOP, true),
            job: lane(&config, "job", JOB, false),
            agent: lane(&config, "agent", AGENT, true),
        };
        Ok(Self {
            config,
            lanes,
            hub,
            storage: Bounded::default(),
            pending,
            capabilities: Mutex::new(None),
        })
    }

    /// Looks the domain up and works on it.
    pub(super) fn on_domain<T: Send + 'static>(
        &self,
        lane: &Lane<Connection>,
        call: &'static str,
        deadline: Duration,
        vm: Uuid,
        work: impl FnOnce(&Domain) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, HypervisorError> {
        lane.call(call, deadline, move |connection| {
            let domain = Domain::lookup_by_uuid(connection.get(), vm);
            domain.and_then(|domain| work(&domain)).map_err(|e| translate(call, vm, &e))
        })
    }

    pub(super) fn is_xen(&self) -> bool {
        self.config.uri.starts_with("xen")
    }

    fn read_capabilities(&self, deadline: Duration) -> Result<Capabilities, HypervisorError> {
        let (uri, force_tcg) = (self.config.uri.clone(), self.config.force_tcg);
        self.lanes.query.call("capabilities", deadline, move |connection| {
            let failed = |e: &Error| translate("capabilities", Uuid::nil(), e);
            let parse = |text: String| {
                Element::parse(&text)
                    .map_err(|text| HypervisorError::Failed { call: "capabilities".into(), text })
            };
            let connection = connection.get();
            let host = parse(connection.get_capabilities().map_err(|e| failed(&e))?)?;
            let virt_type = capabilities::choose_virt_type(&uri, &host, force_tcg);
            let machine = capabilities::versioned_machine(&host);
            // Not all drivers have this document.
            let domain = connection
                .get_domain_capabilities(None, Some("x86_64"), Some(&machine), Some(virt_type), 0)
                .ok()
                .and_then(|text| Element::parse(&text).ok());
            let mut read = capabilities::read(&host, domain.as_ref(), virt_type);
            let version = connection.get_lib_version().map_err(|e| failed(&e))?;
            read.libvirt_version = capabilities::version_text(version);
            let version = connection.get_hyp_version().unwrap_or(0);
            read.hypervisor_version = capabilities::version_text(version);
            Ok(read)
        })
    }

    /// The capabilities; read once.
    fn known_capabilities(&self, deadline: Duration) -> Result<Capabilities, HypervisorError> {
        let cached = || self.capabilities.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cached().as_ref() {
            return Ok(known.clone());
        }
        let read = self.read_capabilities(deadline)?;
        *cached() = Some(read.clone());
        Ok(read)
    }

    pub(super) fn render(
        &self,
        spec: &DomainSpec,
        start: Uuid,
        deadline: Duration,
    ) -> Result<String, HypervisorError> {
        let capabilities = self.known_capabilities(deadline)?;
        let context = RenderContext {
            virt_type: capabilities.virt_type,
            machine: capabilities.machine,
            vnc_socket: self.vnc_socket(spec.uuid),
            serial_socket: self.serial_socket(spec.uuid),
            start,
        };
        domain_xml(spec, &context)
            .map_err(|text| HypervisorError::Failed { call: "describe the domain".into(), text })
    }

    /// Destroys domains that never executed and never will. Waits only a little: an inventory that
    /// comes later tries again.
    fn remove_leftovers(&self, leftovers: Vec<Domain>) {
        for domain in leftovers {
            let pending = self.pending.clone();
            let removed = self.lanes.stop.call("destroy", LEFTOVER_DEADLINE, move |_| {
                pending.remove(&domain).map_err(|e| translate("destroy", Uuid::nil(), &e))
            });
            tracing::warn!(?removed, "removed what a start left behind that was cut short");
        }
    }

    fn socket(&self, kind: &str, vm: Uuid) -> String {
        self.config.run_dir.join(kind).join(format!("{vm}.sock")).to_string_lossy().into_owned()
    }

    fn short<T: Send + 'static>(
        &self,
        call: &'static str,
        vm: Uuid,
        work: impl FnOnce(&Domain) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, HypervisorError> {
        self.on_domain(&self.lanes.query, call, self.config.query_deadline, vm, work)
    }
}

fn lane(
    config: &LibvirtConfig,
    name: &'static str,
    (in_flight_max, abandoned_max): (usize, usize),
    shared_connection: bool,
) -> Lane<Connection> {
    let limits = LaneLimits { in_flight_max, abandoned_max, shared_connection };
    // A job goes on without its connection, but its outcome is lost: be patient there.
    let keepalive = if shared_connection { config.keepalive } else { JOB_KEEPALIVE };
    let uri = config.uri.clone();
    let open = move || {
        let connection = Connection::open(&uri)
            .map_err(|e| HypervisorError::Disconnected(e.message().to_owned()))?;
        // Not all drivers have keepalive; those are not remote.
        let _ = connection.get().set_keep_alive(keepalive.0, keepalive.1);
        Ok(connection)
    };
    let alive = |connection: &Connection| connection.get().is_alive().unwrap_or(false);
    Lane::new(name, limits, Box::new(open), alive)
}

impl Hypervisor for LibvirtHypervisor {
    fn capabilities(&self) -> Result<Capabilities, HypervisorError> {
        self.known_capabilities(Duration::from_secs(CAPABILITIES_DEADLINE_S))
    }

    fn start(&self, spec: &DomainSpec, paused: bool) -> Result<(), HypervisorError> {
        self.start_domain(spec, paused, Arc::new(|| true))
    }

    fn start_with(
        &self,
        spec: &DomainSpec,
        paused: bool,
        consent: Consent,
    ) -> Result<(), HypervisorError> {
        self.start_domain(spec, paused, consent)
    }

    fn stop(&self, vm: Uuid, mode: StopMode) -> Result<(), HypervisorError> {
        match mode {
            StopMode::Hard => self.stop_hard(vm),
            StopMode::Clean { timeout } => self.stop_clean(vm, timeout),
        }
    }

    fn reboot(&self, vm: Uuid, clean: bool) -> Result<(), HypervisorError> {
        if clean {
            // 0: libvirt asks the agent if it answers, else presses the button.
            let deadline = self.config.agent_deadline;
            return self.on_domain(&self.lanes.agent, "reboot", deadline, vm, |d| d.reboot(0));
        }
        self.short("reset", vm, |domain| domain.reset().map(|_| ()))
    }

    fn pause(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.short("pause", vm, |domain| domain.suspend().map(|_| ()))
    }

    fn unpause(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.short("unpause", vm, |domain| domain.resume().map(|_| ()))
    }

    fn suspend(&self, vm: Uuid, path: &str) -> Result<(), HypervisorError> {
        self.save(vm, path)
    }

    fn resume(&self, spec: &DomainSpec, path: &str) -> Result<(), HypervisorError> {
        self.restore(spec, path, false, Arc::new(|| true))
    }

    fn resume_with(
        &self,
        spec: &DomainSpec,
        path: &str,
        paused: bool,
        consent: Consent,
    ) -> Result<(), HypervisorError> {
        self.restore(spec, path, paused, consent)
    }

    fn migrate(&self, vm: Uuid, target: &MigrateTarget) -> Result<MigrateStats, HypervisorError> {
        self.migrate_out(vm, target)
    }

    fn migrate_progress(&self, vm: Uuid) -> Result<Option<MigrateProgress>, HypervisorError> {
        self.migration_progress(vm)
    }

    fn cancel_job(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.abort(vm)
    }

    fn change(&self, vm: Uuid, change: &DomainChange) -> Result<(), HypervisorError> {
        self.change_domain(vm, change)
    }

    fn disk_state(&self, vm: Uuid, target: &str) -> Result<DiskState, HypervisorError> {
        self.look_at_disk(vm, target)
    }

    fn strangers(&self) -> Result<Vec<Stranger>, HypervisorError> {
        let deadline = self.config.query_deadline;
        self.lanes.inventory.call("strangers", deadline, move |connection| {
            let failed = |e: Error| translate("strangers", Uuid::nil(), &e);
            let all = connection.get().list_all_domains(0).map_err(failed)?;
            let mut found = Vec::new();
            for domain in all {
                let (name, uuid) = (domain.get_name(), domain.get_uuid());
                let (name, uuid) = (name.map_err(failed)?, uuid.map_err(failed)?);
                if name != domain_name(uuid) {
                    // One that ends just now does not run.
                    found.push(Stranger { name, runs: domain.is_active().unwrap_or(false) });
                }
            }
            found.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(found)
        })
    }

    fn inventory(&self) -> Result<Vec<DomainInfo>, HypervisorError> {
        let pending = self.pending.clone();
        let deadline = self.config.query_deadline;
        let (list, leftovers) = self.lanes.inventory.call("inventory", deadline, move |c| {
            let flags = sys::VIR_CONNECT_LIST_DOMAINS_ACTIVE;
            let domains = c
                .get()
                .list_all_domains(flags)
                .map_err(|e| translate("inventory", Uuid::nil(), &e))?;
            let leftover = |domain: &Domain| pending.is_leftover(domain);
            let (leftovers, domains): (Vec<_>, Vec<_>) = domains.into_iter().partition(leftover);
            let list = domains.iter().map(describe).filter_map(Result::transpose);
            Ok((list.collect::<Result<Vec<DomainInfo>, _>>()?, leftovers))
        })?;
        self.remove_leftovers(leftovers);
        Ok(list)
    }

    fn statistics(&self) -> Result<Vec<DomainStats>, HypervisorError> {
        let deadline = self.config.query_deadline;
        self.lanes.statistics.call("statistics", deadline, move |connection| {
            stats::all(connection.get()).map_err(|e| translate("statistics", Uuid::nil(), &e))
        })
    }

    fn processes(&self) -> Vec<Uuid> {
        if self.is_xen() {
            let domains = self.inventory().unwrap_or_default();
            return domains.into_iter().map(|domain| domain.uuid).collect();
        }
        process::all()
    }

    fn writes_to(&self, vm: Uuid) -> Option<Vec<PathBuf>> {
        if !self.is_xen() {
            return process::writes_to(vm);
        }
        match self.short("describe", vm, |domain| domain.get_xml_desc(0)) {
            Ok(xml) => copies::files(&xml),
            Err(HypervisorError::NotRunning(_)) => Some(Vec::new()),
            Err(_) => None,
        }
    }

    fn screenshot(&self, vm: Uuid) -> Result<Vec<u8>, HypervisorError> {
        let deadline = self.config.screen_deadline;
        self.lanes
            .screen
            .call("screenshot", deadline, move |connection| screen::picture(connection.get(), vm))
    }

    fn vnc_socket(&self, vm: Uuid) -> String {
        self.socket("vnc", vm)
    }

    fn serial_socket(&self, vm: Uuid) -> String {
        self.socket("serial", vm)
    }

    fn guest_agent(&self, vm: Uuid, command: &str) -> Result<String, HypervisorError> {
        let deadline = self.config.agent_deadline;
        let command = command.to_owned();
        // libvirt gives up first, so that the thread comes back.
        let seconds = i32::try_from(deadline.as_secs().saturating_sub(1).max(1)).unwrap_or(1);
        self.on_domain(&self.lanes.agent, "guest agent", deadline, vm, move |domain| {
            domain.qemu_agent_command(&command.replace('\0', ""), seconds, 0)
        })
    }

    fn guest_answers(&self, vm: Uuid) -> Result<bool, HypervisorError> {
        let deadline = self.config.agent_deadline;
        answered(self.on_domain(&self.lanes.agent, "guest ping", deadline, vm, |domain| {
            domain.qemu_agent_command(GUEST_PING, AGENT_PING_S, 0)
        }))
    }

    fn events(&self) -> std::sync::mpsc::Receiver<HypervisorEvent> {
        self.hub.fanout.subscribe()
    }
}

/// One line of the inventory; `None` if the domain is not ours or ended meanwhile.
fn describe(domain: &Domain) -> Result<Option<DomainInfo>, HypervisorError> {
    let nameless = |e: Error| translate("inventory", Uuid::nil(), &e);
    let uuid = domain.get_uuid().map_err(nameless)?;
    if domain.get_name().map_err(nameless)? != domain_name(uuid) {
        return Ok(None);
    }
    let looked = domain.get_info().and_then(|info| Ok((info, domain.get_state()?)));
    let (info, (state, reason)) = match looked.map_err(|e| translate("inventory", uuid, &e)) {
        Ok(found) => found,
        Err(error) => return undescribed(uuid, error),
    };
    let disk_error = state == sys::VIR_DOMAIN_PAUSED
        && u32::try_from(reason) == Ok(sys::VIR_DOMAIN_PAUSED_IOERROR);
    let state = match state {
        sys::VIR_DOMAIN_SHUTOFF => return Ok(None),
        sys::VIR_DOMAIN_PAUSED => paused_state(domain, reason),
        sys::VIR_DOMAIN_SHUTDOWN => DomainState::ShuttingDown,
        sys::VIR_DOMAIN_CRASHED => DomainState::Crashed,
        sys::VIR_DOMAIN_PMSUSPENDED => DomainState::Paused,
        _ => DomainState::Running,
    };
    let (memory_bytes, cpu_time_ns) = (info.max_mem << 10, info.cpu_time);
    Ok(Some(DomainInfo { uuid, state, memory_bytes, cpu_time_ns, disk_error }))
}

/// A domain that was listed and then not described. Only one that has ended may be left out: what
/// is absent from an inventory is started elsewhere. When libvirtd ends between the list and the
/// looks at its domains, all of them would be.
fn undescribed(uuid: Uuid, error: HypervisorError) -> Result<Option<DomainInfo>, HypervisorError> {
    match error {
        HypervisorError::NotRunning(_) => Ok(None),
        HypervisorError::Failed { text, .. } => {
            tracing::warn!(vm = %uuid, text, "a domain cannot be described");
            let state = DomainState::ShuttingDown;
            let (memory_bytes, cpu_time_ns, disk_error) = (0, 0, false);
            Ok(Some(DomainInfo { uuid, state, memory_bytes, cpu_time_ns, disk_error }))
        }
        error => Err(error),
    }
}

/// A domain that a migration fills is paused until it has all. libvirt tells it from one that
/// migrates away only by refusing to report the progress of the job.
fn paused_state(domain: &Domain, reason: i32) -> DomainState {
    let reason = u32::try_from(reason).unwrap_or(0);
    let maybe_incoming =
        matches!(reason, sys::VIR_DOMAIN_PAUSED_MIGRATION | sys::VIR_DOMAIN_PAUSED_STARTING_UP);
    if maybe_incoming {
        match ffi::job_stats(domain) {
            Ok(stats) if stats.incoming() => return DomainState::Incoming,
            Err(e) if e.code() == ErrorNumber::OperationUnsupported => {
                return DomainState::Incoming;
            }
            _ => {}
        }
    }
    match reason {
        sys::VIR_DOMAIN_PAUSED_SHUTTING_DOWN => DomainState::ShuttingDown,
        sys::VIR_DOMAIN_PAUSED_CRASHED => DomainState::Crashed,
        _ => DomainState::Paused,
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
