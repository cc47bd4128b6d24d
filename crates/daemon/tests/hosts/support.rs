//! Several host sides of `havend` in one process, each below a directory of its own.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use haven_cluster::ids::HostId;
use haven_daemon::boot::{Drivers, HaPorts, HostSide, Routers, open_identity};
use haven_daemon::config::{Config, HypervisorSettings, Paths, Settings};
use haven_daemon::join::coordinator::{PoolView, admit};
use haven_daemon::join::{JoinRequest, JoinResult, TokenRecord, found, new_token};
use haven_daemon::tls::{CaMaterial, fingerprint};
use haven_drivers::hypervisor::{
    Capabilities, Consent, DomainChange, DomainInfo, DomainSpec, DomainState, Hypervisor,
    HypervisorError, HypervisorEvent, MigrateProgress, MigrateStats, MigrateTarget, StopMode,
};
use haven_drivers::storage::{
    Source, SrDriver, SrSpace, SrSpec, SrTest, StorageError, TestPart, VolumeInfo,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ports::free_port;

/// A hypervisor whose guests are entries of a table.
#[derive(Debug)]
pub(crate) struct Double {
    pub(crate) domains: Mutex<BTreeMap<Uuid, DomainState>>,
    pub(crate) starts: AtomicU32,
    pub(crate) stalled: AtomicBool,
    pub(crate) consoles: PathBuf,
}

impl Double {
    fn set(&self, vm: Uuid, state: DomainState) -> Result<(), HypervisorError> {
        let mut domains = self.domains.lock().unwrap();
        *domains.get_mut(&vm).ok_or(HypervisorError::NotRunning(vm))? = state;
        Ok(())
    }
}

/// Hangs, but not for ever: a test that fails must also end.
fn wait_while(stalled: &AtomicBool) {
    for _ in 0..2000 {
        if !stalled.load(Ordering::SeqCst) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Asks one line through a Unix socket that leads to the other host.
fn ask(path: &str, line: &str) -> Result<String, HypervisorError> {
    let failed = |error: std::io::Error| HypervisorError::Failed {
        call: "migrate".to_owned(),
        text: format!("{path}: {error}"),
    };
    let mut stream = UnixStream::connect(path).map_err(failed)?;
    stream.write_all(line.as_bytes()).map_err(failed)?;
    stream.shutdown(std::net::Shutdown::Write).map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    if answer.is_empty() {
        return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(answer)
}

impl Hypervisor for Double {
    fn capabilities(&self) -> Result<Capabilities, HypervisorError> {
        Ok(Capabilities::default())
    }
    fn start(&self, spec: &DomainSpec, paused: bool) -> Result<(), HypervisorError> {
        wait_while(&self.stalled);
        self.starts.fetch_add(1, Ordering::SeqCst);
        let state = if paused { DomainState::Paused } else { DomainState::Running };
        match self.domains.lock().unwrap().insert(spec.uuid, state) {
            Some(_) => Err(HypervisorError::AlreadyRunning(spec.uuid)),
            None => Ok(()),
        }
    }
    fn stop(&self, vm: Uuid, _mode: StopMode) -> Result<(), HypervisorError> {
        let gone = self.domains.lock().unwrap().remove(&vm);
        gone.map(|_| ()).ok_or(HypervisorError::NotRunning(vm))
    }
    fn reboot(&self, _vm: Uuid, _clean: bool) -> Result<(), HypervisorError> {
        Ok(())
    }
    fn pause(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.set(vm, DomainState::Paused)
    }
    fn unpause(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.set(vm, DomainState::Running)
    }
    fn suspend(&self, vm: Uuid, _path: &str) -> Result<(), HypervisorError> {
        self.stop(vm, StopMode::Hard)
    }
    fn resume(&self, spec: &DomainSpec, _path: &str) -> Result<(), HypervisorError> {
        self.start(spec, false)
    }
    fn resume_with(
        &self,
        spec: &DomainSpec,
        _path: &str,
        paused: bool,
        consent: Consent,
    ) -> Result<(), HypervisorError> {
        self.start_with(spec, paused, consent)
    }
    fn migrate(&self, vm: Uuid, target: &MigrateTarget) -> Result<MigrateStats, HypervisorError> {
        let libvirt = target.uri.split_once("socket=").unwrap().1;
        ask(libvirt, &format!("define {vm}"))?;
        let memory = target.data_uri.strip_prefix("unix://").unwrap();
        let answer = ask(memory, "memory")?;
        assert_eq!(answer, "memory");
        self.stop(vm, StopMode::Hard)?;
        Ok(MigrateStats { processed_bytes: 6, ..MigrateStats::default() })
    }
    fn migrate_progress(&self, _vm: Uuid) -> Result<Option<MigrateProgress>, HypervisorError> {
        Ok(None)
    }
    fn cancel_job(&self, _vm: Uuid) -> Result<(), HypervisorError> {
        Ok(())
    }
    fn change(&self, _vm: Uuid, _change: &DomainChange) -> Result<(), HypervisorError> {
        Ok(())
    }
    fn inventory(&self) -> Result<Vec<DomainInfo>, HypervisorError> {
        let domains = self.domains.lock().unwrap();
        let info = |(vm, state): (&Uuid, &DomainState)| DomainInfo {
            uuid: *vm,
            state: *state,
            memory_bytes: 0,
            cpu_time_ns: 0,
            disk_error: false,
        };
        Ok(domains.iter().map(info).collect())
    }
    fn vnc_socket(&self, vm: Uuid) -> String {
        self.consoles.join(format!("{vm}.vnc")).to_string_lossy().into_owned()
    }
    fn serial_socket(&self, vm: Uuid) -> String {
        self.consoles.join(format!("{vm}.serial")).to_string_lossy().into_owned()
    }
    fn guest_agent(&self, _vm: Uuid, command: &str) -> Result<String, HypervisorError> {
        Ok(command.to_owned())
    }
    fn events(&self) -> std::sync::mpsc::Receiver<HypervisorEvent> {
        std::sync::mpsc::sync_channel(1).1
    }
}

/// Storage of which nothing is kept; it can be made to hang.
#[derive(Debug, Default)]
pub(crate) struct StorageDouble {
    pub(crate) stalled: AtomicBool,
    pub(crate) failing: AtomicBool,
}

impl StorageDouble {
    fn wait(&self) {
        wait_while(&self.stalled);
    }
}

impl SrDriver for StorageDouble {
    fn probe(&self, _config: &BTreeMap<String, String>) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }
    fn test(
        &self,
        _config: &BTreeMap<String, String>,
        _part: TestPart,
        _test: Uuid,
    ) -> Result<SrTest, StorageError> {
        Ok(SrTest::default())
    }
    fn create(&self, _sr: &SrSpec) -> Result<(), StorageError> {
        Ok(())
    }
    fn attach(&self, sr: &SrSpec) -> Result<String, StorageError> {
        self.wait();
        if self.failing.load(Ordering::SeqCst) {
            let (code, text) = ("SR_BACKEND_FAILURE_73", "mount failed");
            return Err(StorageError { code: code.to_owned(), text: text.to_owned() });
        }
        Ok(format!("/run/sr-mount/{}", sr.uuid))
    }
    fn detach(&self, _sr: &SrSpec) -> Result<(), StorageError> {
        Ok(())
    }
    fn scan(&self, _sr: &SrSpec) -> Result<Vec<VolumeInfo>, StorageError> {
        self.wait();
        Ok(Vec::new())
    }
    fn space(&self, _sr: &SrSpec) -> Result<SrSpace, StorageError> {
        Ok(SrSpace { physical_size: 7, physical_utilisation: 3 })
    }
    fn create_volume(&self, sr: &SrSpec, vdi: Uuid, _size: u64) -> Result<String, StorageError> {
        Ok(self.volume_path(sr, vdi))
    }
    fn copy_volume(&self, sr: &SrSpec, _from: Uuid, to: Uuid) -> Result<String, StorageError> {
        Ok(self.volume_path(sr, to))
    }
    fn import_volume(
        &self,
        sr: &SrSpec,
        to: Uuid,
        _source: Source<'_>,
    ) -> Result<String, StorageError> {
        Ok(self.volume_path(sr, to))
    }
    fn overlay_volume(
        &self,
        sr: &SrSpec,
        _base: Uuid,
        to: Uuid,
        _size: u64,
    ) -> Result<String, StorageError> {
        Ok(self.volume_path(sr, to))
    }
    fn resize_volume(&self, _sr: &SrSpec, _vdi: Uuid, _size: u64) -> Result<(), StorageError> {
        Ok(())
    }
    fn destroy_volume(&self, _sr: &SrSpec, _vdi: Uuid) -> Result<(), StorageError> {
        Ok(())
    }
    fn create_raw(&self, sr: &SrSpec, name: &str, _size: u64) -> Result<String, StorageError> {
        Ok(self.raw_path(sr, name))
    }
    fn volume_path(&self, sr: &SrSpec, vdi: Uuid) -> String {
        format!("/run/sr-mount/{}/{vdi}.qcow2", sr.uuid)
    }
    fn raw_path(&self, sr: &SrSpec, name: &str) -> String {
        format!("/run/sr-mount/{}/.haven/{name}", sr.uuid)
    }
}

/// One host.
pub(crate) struct TestHost {
    pub(crate) side: HostSide,
    pub(crate) hypervisor: Arc<Double>,
    pub(crate) storage: Arc<StorageDouble>,
    pub(crate) config: Config,
    pub(crate) reports: tokio::sync::mpsc::Receiver<haven_daemon::orders::Report>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: JoinSet<()>,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn settings() -> Settings {
    Settings {
        listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
        api_port: free_port(),
        discovery_port: 0,
        peer_port: free_port(),
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        report_interval_ms: 200,
        attach_interval_ms: 200,
        hypervisor: HypervisorSettings::Sim,
        ..Settings::default()
    }
}

impl TestHost {
    pub(crate) async fn start(routers: Routers) -> Self {
        let dir = tempfile::Builder::new().prefix("h").tempdir_in("/tmp").unwrap();
        Self::start_in(dir, settings(), routers, HaPorts::default()).await
    }

    pub(crate) async fn start_in(
        dir: tempfile::TempDir,
        settings: Settings,
        routers: Routers,
        ha: HaPorts,
    ) -> Self {
        let config = Config { paths: Paths::new(dir.path()), settings };
        let identity = open_identity(&config).unwrap();
        let hypervisor = Arc::new(Double {
            domains: Mutex::default(),
            starts: AtomicU32::new(0),
            stalled: AtomicBool::new(false),
            consoles: dir.path().to_owned(),
        });
        let storage = Arc::new(StorageDouble::default());
        let drivers = Drivers {
            hypervisor: hypervisor.clone(),
            storage: haven_daemon::agent::StorageSet::default().with("nfs", storage.clone()),
        };
        let mut side = HostSide::assemble(config.clone(), identity, drivers, ha);
        let reports = side.take_reports().unwrap();
        let stop = CancellationToken::new();
        let tasks = side.start(routers, &stop).await.unwrap();
        Self { side, hypervisor, storage, config, reports, stop, tasks, dir }
    }

    pub(crate) fn id(&self) -> HostId {
        self.side.identity.host()
    }

    /// Stops the daemon; its directory stays.
    pub(crate) async fn halt(mut self) -> (tempfile::TempDir, Settings) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        (self.dir, self.config.settings)
    }
}

/// A pool as the coordinator side would hold it.
pub(crate) struct TestPool {
    pub(crate) hosts: Vec<TestHost>,
    pub(crate) ca: CaMaterial,
}

/// What the coordinator answers to `POST /haven/join`.
#[derive(Clone, Default)]
struct Door {
    rows: Arc<Mutex<Option<Rows>>>,
}

struct Rows {
    pool: Uuid,
    ca: CaMaterial,
    coordinator: HostId,
    members: Vec<haven_daemon::identity::Member>,
    tokens: Vec<TokenRecord>,
}

impl Door {
    fn answer(&self, request: &JoinRequest) -> JoinResult {
        let mut rows = self.rows.lock().unwrap();
        let rows = rows.as_mut().unwrap();
        let view = PoolView {
            pool: rows.pool,
            coordinator: rows.coordinator,
            members: &rows.members,
            cpu_vendor: "",
            version: &request.facts.version,
            tokens: &rows.tokens,
            now_ms: request.facts.wall_ms,
            clock_skew_max_s: 30,
            allow_dynamic_address: true,
            storage: &[],
            ca: &rows.ca,
        };
        let admission = admit(&view, request)?;
        rows.members = admission.answer.members.clone();
        rows.tokens = vec![admission.token];
        Ok(admission.answer)
    }
}

/// Founds a pool and has `count - 1` hosts join it by real tokens.
pub(crate) async fn pool(count: usize, proxied: axum::Router) -> TestPool {
    let door = Door::default();
    let at_door = door.clone();
    let api = axum::Router::new().route(
        "/haven/join",
        axum::routing::post(move |axum::Json(request): axum::Json<JoinRequest>| async move {
            axum::Json(at_door.answer(&request))
        }),
    );
    let first = TestHost::start(Routers { api, proxied, ..Routers::default() }).await;
    let founding = found::prepare(&first.side.agent, None).await.unwrap();
    let ca = founding.ca.clone();
    let membership = founding.commit(&first.side.agent).unwrap();
    *door.rows.lock().unwrap() = Some(Rows {
        pool: membership.pool,
        ca: ca.clone(),
        coordinator: membership.coordinator,
        members: membership.members,
        tokens: Vec::new(),
    });
    let address = format!("127.0.0.1:{}", first.config.settings.api_port);
    let mut hosts = vec![first];
    for _ in 1..count {
        let sha256 = fingerprint(&ca.cert_pem).unwrap();
        let (token, record) = new_token(address.clone(), sha256, u64::MAX);
        door.rows.lock().unwrap().as_mut().unwrap().tokens = vec![record];
        let host = TestHost::start(Routers::default()).await;
        let word = token.encode().unwrap();
        haven_daemon::join::host::join(&host.side.agent, &word).await.unwrap();
        let members = door.rows.lock().unwrap().as_ref().unwrap().members.clone();
        hosts.push(host);
        for known in &hosts {
            let update = |identity: &mut haven_daemon::identity::HostIdentity| {
                identity.pool.as_mut().unwrap().members.clone_from(&members);
            };
            known.side.identity.update(update).unwrap();
        }
    }
    TestPool { hosts, ca }
}

pub(crate) fn spec(vm: Uuid) -> Box<DomainSpec> {
    let spec = serde_json::json!({
        "uuid": vm, "name": "t", "memory_bytes": 1, "vcpus": 1,
        "boot": {"firmware": {"order": ["hd"]}}, "cpu_model": "host",
        "disks": [], "nics": [], "watchdog_action": null
    });
    Box::new(serde_json::from_value(spec).unwrap())
}
