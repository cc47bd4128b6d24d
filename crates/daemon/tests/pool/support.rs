//! Daemons below directories of their own, and a client of their API.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use haven_daemon::app::Daemon;
use haven_daemon::boot::Drivers;
use haven_daemon::config::{
    Config, HostConsoleSettings, HypervisorSettings, PamSettings, Paths, Settings,
};
use haven_daemon::simulate::Simulation;
use haven_drivers::hypervisor::sim::{SimHypervisor, SimWorld, host_uri};
use haven_drivers::hypervisor::{
    Capabilities, Consent, DiskState, DomainChange, DomainInfo, DomainSpec, DomainStats,
    Hypervisor, HypervisorError, HypervisorEvent, MigrateProgress, MigrateStats, MigrateTarget,
    StopMode, Stranger,
};
use haven_drivers::storage::SrDriver;
use haven_drivers::storage::sim::SimArray;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ports::free_port;

/// Password of root in all test pools.
pub(crate) const PASSWORD: &str = "correct horse";
const MIB: i64 = 1 << 20;

/// Finds the simulated host behind the socket that libvirt would be given.
type Numbers = Arc<Mutex<BTreeMap<Uuid, usize>>>;

/// A simulated hypervisor whose migrations take addresses as libvirt does.
#[derive(Debug)]
struct Addressed {
    sim: SimHypervisor,
    numbers: Numbers,
}

impl Hypervisor for Addressed {
    fn capabilities(&self) -> Result<Capabilities, HypervisorError> {
        self.sim.capabilities()
    }
    fn start(&self, spec: &DomainSpec, paused: bool) -> Result<(), HypervisorError> {
        self.sim.start(spec, paused)
    }
    fn start_with(
        &self,
        spec: &DomainSpec,
        paused: bool,
        consent: Consent,
    ) -> Result<(), HypervisorError> {
        self.sim.start_with(spec, paused, consent)
    }
    fn memory_free(&self) -> u64 {
        self.sim.memory_free()
    }
    fn stop(&self, vm: Uuid, mode: StopMode) -> Result<(), HypervisorError> {
        self.sim.stop(vm, mode)
    }
    fn writes_to(&self, vm: Uuid) -> Option<Vec<PathBuf>> {
        self.sim.writes_to(vm)
    }
    fn reboot(&self, vm: Uuid, clean: bool) -> Result<(), HypervisorError> {
        self.sim.reboot(vm, clean)
    }
    fn pause(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.sim.pause(vm)
    }
    fn unpause(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.sim.unpause(vm)
    }
    fn suspend(&self, vm: Uuid, path: &str) -> Result<(), HypervisorError> {
        self.sim.suspend(vm, path)
    }
    fn resume(&self, spec: &DomainSpec, path: &str) -> Result<(), HypervisorError> {
        self.sim.resume(spec, path)
    }
    fn resume_with(
        &self,
        spec: &DomainSpec,
        path: &str,
        paused: bool,
        consent: Consent,
    ) -> Result<(), HypervisorError> {
        self.sim.resume_with(spec, path, paused, consent)
    }
    fn migrate(&self, vm: Uuid, target: &MigrateTarget) -> Result<MigrateStats, HypervisorError> {
        let named = target.uri.split('/').find_map(|part| part.parse::<Uuid>().ok());
        let number = named.and_then(|host| self.numbers.lock().unwrap().get(&host).copied());
        let uri = host_uri(number.unwrap_or(usize::MAX));
        self.sim.migrate(vm, &MigrateTarget { uri, ..target.clone() })
    }
    fn migrate_progress(&self, vm: Uuid) -> Result<Option<MigrateProgress>, HypervisorError> {
        self.sim.migrate_progress(vm)
    }
    fn cancel_job(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.sim.cancel_job(vm)
    }
    fn change(&self, vm: Uuid, change: &DomainChange) -> Result<(), HypervisorError> {
        self.sim.change(vm, change)
    }
    fn disk_state(&self, vm: Uuid, target: &str) -> Result<DiskState, HypervisorError> {
        self.sim.disk_state(vm, target)
    }
    fn strangers(&self) -> Result<Vec<Stranger>, HypervisorError> {
        self.sim.strangers()
    }
    fn inventory(&self) -> Result<Vec<DomainInfo>, HypervisorError> {
        self.sim.inventory()
    }
    fn statistics(&self) -> Result<Vec<DomainStats>, HypervisorError> {
        self.sim.statistics()
    }
    fn screenshot(&self, vm: Uuid) -> Result<Vec<u8>, HypervisorError> {
        self.sim.screenshot(vm)
    }
    fn vnc_socket(&self, vm: Uuid) -> String {
        self.sim.vnc_socket(vm)
    }
    fn serial_socket(&self, vm: Uuid) -> String {
        self.sim.serial_socket(vm)
    }
    fn guest_agent(&self, vm: Uuid, command: &str) -> Result<String, HypervisorError> {
        self.sim.guest_agent(vm, command)
    }
    fn events(&self) -> std::sync::mpsc::Receiver<HypervisorEvent> {
        self.sim.events()
    }
}

/// What is different from one pool to the other.
#[derive(Clone, Debug, Default)]
struct With {
    shared_port: Option<u16>,
    uuid: Option<Uuid>,
    pam: PamSettings,
    host_console: HostConsoleSettings,
    /// Where hosts find each other, each at an address of its own; 0: nowhere.
    discovery_port: u16,
}

/// One daemon.
pub(crate) struct TestHost {
    _dir: tempfile::TempDir,
    pub(crate) daemon: Daemon,
    stop: CancellationToken,
}

impl Drop for TestHost {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl TestHost {
    async fn start(
        number: usize,
        world: &Arc<SimWorld>,
        array: &Arc<SimArray>,
        numbers: &Numbers,
        with: &With,
    ) -> Self {
        let hypervisor: Arc<dyn Hypervisor> =
            Arc::new(Addressed { sim: world.hypervisor(number), numbers: numbers.clone() });
        let storage: Arc<dyn SrDriver> = Arc::new(array.driver(number));
        let mut drivers =
            Drivers { hypervisor, storage: haven_daemon::agent::StorageSet::default() };
        for kind in ["nfs", "local", "iso"] {
            drivers.storage = drivers.storage.with(kind, storage.clone());
        }
        let host = Self::with_drivers(number, drivers, with).await;
        numbers.lock().unwrap().insert(host.daemon.state.identity.host().0, number);
        host
    }

    /// With a shared port each host has an address of its own, as clients expect; with a uuid it
    /// is a clone of the machine that has it.
    async fn with_drivers(number: usize, drivers: Drivers, with: &With) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let apart = with.shared_port.is_some() || with.discovery_port != 0;
        let last = if apart { 1 + u8::try_from(number).unwrap() } else { 1 };
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        let settings = Settings {
            listen: address,
            address: Some(address),
            api_port: with.shared_port.unwrap_or_else(free_port),
            discovery_port: with.discovery_port,
            pam: with.pam.clone(),
            host_console: with.host_console.clone(),
            peer_port: free_port(),
            name: Some(format!("host{number}")),
            report_interval_ms: 200,
            watch_interval_ms: 100,
            hypervisor: HypervisorSettings::Sim,
            ..Settings::default()
        };
        let config = Config { paths: Paths::new(dir.path()), settings };
        std::fs::create_dir_all(config.paths.run()).unwrap();
        if let Some(uuid) = with.uuid {
            let file = config.paths.host_json();
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, json!({ "host": uuid, "pool": null }).to_string()).unwrap();
        }
        let stop = CancellationToken::new();
        let daemon = Daemon::start(config, drivers, stop.clone()).await.unwrap();
        Self { _dir: dir, daemon, stop }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.daemon.state.config.paths.api_socket()
    }

    pub(crate) fn url(&self) -> String {
        let settings = &self.daemon.state.config.settings;
        format!("https://{}:{}", settings.listen, settings.api_port)
    }

    pub(crate) fn api_port(&self) -> u16 {
        self.daemon.state.config.settings.api_port
    }
}

/// One daemon with a simulated pool behind it.
pub(crate) async fn simulated(simulation: Simulation) -> TestHost {
    let mut host = TestHost::with_drivers(0, simulation.drivers(0), &With::default()).await;
    let body = json!({ "name": "simulated", "password": PASSWORD });
    post(&host.socket(), "/haven/pool/init", &body).await.unwrap();
    let (state, reports) = (host.daemon.state.clone(), host.daemon.reports.clone());
    host.daemon.tasks.spawn(simulation.run(state, reports));
    host
}

/// A pool of daemons, and a session of root on the first of them.
pub(crate) struct TestPool {
    pub(crate) world: Arc<SimWorld>,
    pub(crate) array: Arc<SimArray>,
    pub(crate) hosts: Vec<TestHost>,
    pub(crate) session: String,
    numbers: Numbers,
}

/// Founds a pool; the other hosts join by tokens.
pub(crate) async fn pool(count: usize) -> TestPool {
    founded(count, &With::default()).await
}

/// The same, with one port and different addresses.
pub(crate) async fn pool_at_addresses(count: usize) -> TestPool {
    founded(count, &With { shared_port: Some(free_port()), ..With::default() }).await
}

/// A pool whose hosts find each other by this port.
pub(crate) async fn pool_that_is_found(discovery_port: u16) -> TestPool {
    founded(1, &With { discovery_port, ..With::default() }).await
}

/// A pool whose hosts have a console.
pub(crate) async fn pool_with_consoles(
    count: usize,
    host_console: HostConsoleSettings,
) -> TestPool {
    founded(count, &With { host_console, ..With::default() }).await
}

/// A pool whose hosts ask PAM.
pub(crate) async fn pool_with_pam(pam: PamSettings) -> TestPool {
    founded(1, &With { pam, ..With::default() }).await
}

async fn founded(count: usize, with: &With) -> TestPool {
    // One more than asked for: see `TestPool::spare`.
    let world = SimWorld::new(count + 1, 64 << 30);
    let array = SimArray::new();
    let numbers = Numbers::default();
    let mut hosts = Vec::new();
    for number in 0..count {
        hosts.push(TestHost::start(number, &world, &array, &numbers, with).await);
    }
    let first = hosts[0].socket();
    post(&first, "/haven/pool/init", &json!({ "name": "test", "password": PASSWORD }))
        .await
        .unwrap();
    for host in &hosts[1..] {
        let made = post(&first, "/haven/pool/token", &json!({})).await.unwrap();
        post(&host.socket(), "/haven/pool/join", &json!({ "token": made["token"] })).await.unwrap();
    }
    let session = login(&first).await;
    TestPool { world, array, hosts, session, numbers }
}

/// A host that belongs to no pool.
pub(crate) async fn bare() -> TestHost {
    let (world, array) = (SimWorld::new(1, 64 << 30), SimArray::new());
    TestHost::start(0, &world, &array, &Numbers::default(), &With::default()).await
}

/// Logs in through a local socket.
pub(crate) async fn login(socket: &Path) -> String {
    let answer = rpc(socket, "session.login_with_password", &[json!("root"), json!("")]).await;
    answer.unwrap().as_str().unwrap().to_owned()
}

/// One request over a local socket.
pub(crate) async fn post(socket: &Path, path: &str, body: &Json) -> Result<Json, Json> {
    let stream = tokio::net::UnixStream::connect(socket).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::post(path)
        .header("host", "local")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let good = response.status().is_success();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let answer: Json = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes).into_owned()));
    if good { Ok(answer) } else { Err(answer) }
}

/// One `GET` over a local socket: status and body.
pub(crate) async fn get(socket: &Path, path: &str) -> (u16, String) {
    get_in(socket, path, "en").await
}

/// The same for who reads another language.
pub(crate) async fn get_in(socket: &Path, path: &str, language: &str) -> (u16, String) {
    let stream = tokio::net::UnixStream::connect(socket).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get(path).header("host", "local");
    let request = request.header("accept-language", language);
    let response =
        sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

/// A call; an error is its code and parameters.
pub(crate) async fn rpc(socket: &Path, method: &str, params: &[Json]) -> Result<Json, Vec<String>> {
    let body = json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 1 });
    // A host that still takes one that is gone for the coordinator forwards in vain.
    let answer = post(socket, "/jsonrpc", &body).await.map_err(|text| vec![text.to_string()])?;
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        let data = error["data"].as_array().cloned().unwrap_or_default();
        let params = data.iter().map(|part| part.as_str().unwrap_or_default().to_owned());
        let code = error["message"].as_str().unwrap_or_default().to_owned();
        return Err([code].into_iter().chain(params).collect());
    }
    Ok(answer["result"].clone())
}

impl TestPool {
    pub(crate) fn socket(&self) -> PathBuf {
        self.hosts[0].socket()
    }

    /// One more host at the same storage, in no pool; `uuid` is its own, or another's.
    pub(crate) async fn spare(&self, uuid: Option<Uuid>) -> TestHost {
        let number = self.hosts.len();
        let with = With { uuid, ..With::default() };
        TestHost::start(number, &self.world, &self.array, &self.numbers, &with).await
    }

    /// One more host in the same network, in no pool.
    pub(crate) async fn neighbour(&self, discovery_port: u16) -> TestHost {
        let with = With { discovery_port, ..With::default() };
        TestHost::start(self.hosts.len(), &self.world, &self.array, &self.numbers, &with).await
    }

    /// A call in the session.
    pub(crate) async fn call(&self, method: &str, params: &[Json]) -> Result<Json, Vec<String>> {
        let mut all = vec![json!(self.session)];
        all.extend_from_slice(params);
        rpc(&self.socket(), method, &all).await
    }

    /// A call that must succeed.
    pub(crate) async fn ok(&self, method: &str, params: &[Json]) -> Json {
        self.call(method, params).await.unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    /// References of the hosts, in the order of their numbers.
    pub(crate) async fn host_refs(&self) -> Vec<Json> {
        let mut refs = Vec::new();
        for host in &self.hosts {
            let uuid = host.daemon.state.identity.host().0.to_string();
            refs.push(self.ok("host.get_by_uuid", &[json!(uuid)]).await);
        }
        refs
    }

    /// A shared repository.
    pub(crate) async fn nfs(&self) -> Json {
        let host = self.host_refs().await[0].clone();
        let config = json!({ "server": "nas", "serverpath": "/vms" });
        let params = [
            host,
            config,
            json!("0"),
            json!("shared"),
            json!(""),
            json!("nfs"),
            json!(""),
            json!(true),
            json!({}),
        ];
        self.ok("SR.create", &params).await
    }

    /// An ISO library that all hosts have.
    pub(crate) async fn library(&self) -> Json {
        let host = self.host_refs().await[0].clone();
        let params = [
            host,
            json!({ "location": "nas:/isos" }),
            json!("0"),
            json!("images"),
            json!(""),
            json!("iso"),
            json!("iso"),
            json!(true),
            json!({}),
        ];
        self.ok("SR.create", &params).await
    }

    /// A halted VM with one disk.
    pub(crate) async fn vm(&self, name: &str, sr: &Json, memory_mib: i64) -> Json {
        let memory = memory_mib * MIB;
        let record = json!({
            "name_label": name,
            "memory_static_max": memory, "memory_dynamic_max": memory,
            "memory_dynamic_min": memory, "memory_static_min": memory,
            "VCPUs_max": 1, "VCPUs_at_startup": 1,
        });
        let vm = self.ok("VM.create", &[record]).await;
        let disk = json!({
            "name_label": "disk", "SR": sr, "virtual_size": 64 * MIB, "type": "user",
            "sharable": false, "read_only": false, "other_config": {},
        });
        let vdi = self.ok("VDI.create", &[disk]).await;
        let vbd = json!({
            "VM": vm, "VDI": vdi, "userdevice": "0", "bootable": true, "mode": "RW",
            "type": "Disk", "unpluggable": true, "empty": false, "other_config": {},
        });
        self.ok("VBD.create", &[vbd]).await;
        vm
    }

    pub(crate) async fn start(&self, vm: &Json) -> Result<Json, Vec<String>> {
        self.call("VM.start", &[vm.clone(), json!(false), json!(false)]).await
    }

    /// Waits until a field has a value.
    pub(crate) async fn wait(&self, class: &str, object: &Json, field: &str, value: &Json) {
        let until = Instant::now() + Duration::from_secs(20);
        let method = format!("{class}.get_{field}");
        loop {
            let now = self.call(&method, std::slice::from_ref(object)).await;
            if now.as_ref() == Ok(value) {
                return;
            }
            assert!(Instant::now() < until, "{method}: {now:?} instead of {value}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
