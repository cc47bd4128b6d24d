//! The API's figures: one `havend` with a simulated pool of 64 hosts and 3,000 VMs, TLS, and its
//! clients on the same two cores. `make bench-api` runs it; each line is
//! `figure <name> <value> <unit>`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring program: it may fail as tests do, and prints what it measured"
)]

mod client;
mod flood;
mod xe;

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use client::{Connection, Server, percentile};

const PASSWORD: &str = "correct horse";
const SESSIONS: usize = 32;
const WATCHERS: usize = 50;
/// Cores of server and clients together; `BENCH_CORES` names others.
const CORES: &str = "0,1";

struct Daemon {
    child: Child,
    _dir: tempfile::TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    fn start(port: u16, hosts: usize, vms: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = dir.path().join("etc/haven/havend.toml");
        std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
        std::fs::create_dir_all(dir.path().join("run/haven")).unwrap();
        let text = format!(
            "listen = \"127.0.0.1\"\naddress = \"127.0.0.1\"\napi_port = {port}\n\
             peer_port = {}\nlog = \"error\"\n\
             hypervisor = {{ driver = \"sim_pool\", hosts = {hosts}, vms = {vms} }}\n",
            port + 1
        );
        std::fs::write(settings, text).unwrap();
        // Another build, to compare with.
        let program = std::env::var("BENCH_HAVEND");
        let program = program.unwrap_or_else(|_| env!("CARGO_BIN_EXE_havend").to_owned());
        let child = Command::new(program).arg("--root").arg(dir.path()).spawn().unwrap();
        Self { child, _dir: dir }
    }

    fn memory_mib(&self) -> u64 {
        self.status_mib("VmRSS:")
    }

    fn status_mib(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    /// Processor time so far: what passed on a busy machine says less.
    fn cpu_ms(&self) -> f64 {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = std::fs::read_to_string(path).unwrap();
        let fields = text.rsplit_once(") ").unwrap().1.split_ascii_whitespace();
        let ticks: u64 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        ticks as f64 * 10.0
    }

    fn socket(&self) -> std::path::PathBuf {
        self._dir.path().join("run/haven/havend.sock")
    }
}

fn figure(name: &str, value: f64, unit: &str) {
    println!("figure {name} {value:.1} {unit}");
}

/// One request over the local socket.
async fn local(socket: &Path, path: &str, body: &Json) -> Option<Json> {
    use http_body_util::BodyExt;
    let stream = tokio::net::UnixStream::connect(socket).await.ok()?;
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
    tokio::spawn(connection);
    let request = hyper::Request::post(path).header("host", "local");
    let body = http_body_util::Full::new(hyper::body::Bytes::from(body.to_string()));
    let response = sender.send_request(request.body(body).ok()?).await.ok()?;
    let bytes = response.into_body().collect().await.ok()?.to_bytes();
    serde_json::from_slice(&bytes).ok()
}

/// Founds the pool and waits until it has all its VMs.
async fn fill(daemon: &Daemon, server: &Server, vms: usize) -> Connection {
    let body = json!({ "name": "bench", "password": PASSWORD });
    while local(&daemon.socket(), "/haven/pool/init", &body).await.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut root = server.login("root", PASSWORD).await;
    loop {
        let made = root.call("VBD.get_all", &[]).await.as_array().unwrap().len();
        let pbds = root.call("PBD.get_all_records", &[]).await;
        let mut pbds = pbds.as_object().unwrap().values();
        if made >= vms && pbds.all(|pbd| pbd["currently_attached"] == true) {
            // Settled: the first reports are in.
            tokio::time::sleep(Duration::from_secs(8)).await;
            return root;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn sessions(server: &Server, count: usize) -> Vec<Connection> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(server.login("root", PASSWORD).await);
    }
    all
}

/// `VM.get_record` over all sessions for a while: calls by second, and the times.
async fn reads(
    connections: Vec<Connection>,
    vms: &[Json],
    length: Duration,
) -> (f64, Vec<Duration>, Vec<Connection>) {
    let end = Instant::now() + length;
    let mut running = Vec::new();
    for (number, mut connection) in connections.into_iter().enumerate() {
        let vms = vms.to_vec();
        running.push(tokio::spawn(async move {
            let mut next = number * 97;
            let mut times = Vec::new();
            while Instant::now() < end {
                next = (next + 1) % vms.len();
                let began = Instant::now();
                let answer = connection.blind("VM.get_record", &vms[next..=next]).await;
                times.push(began.elapsed());
                assert!(answer.len() > 1000);
            }
            (times, connection)
        }));
    }
    let (mut times, mut back) = (Vec::new(), Vec::new());
    for one in running {
        let (some, connection) = one.await.unwrap();
        times.extend(some);
        back.push(connection);
    }
    times.sort_unstable();
    (times.len() as f64 / length.as_secs_f64(), times, back)
}

/// Durable changes of different VMs.
async fn writes(
    connections: Vec<Connection>,
    vms: &[Json],
    length: Duration,
) -> (f64, Vec<Duration>, Vec<Connection>) {
    let end = Instant::now() + length;
    let mut running = Vec::new();
    for (number, mut connection) in connections.into_iter().enumerate() {
        let vms = vms.to_vec();
        running.push(tokio::spawn(async move {
            let mut count = 0;
            let mut times = Vec::new();
            while Instant::now() < end {
                count += 1;
                let vm = &vms[(number * 89 + count) % vms.len()];
                let params = [vm.clone(), json!(format!("changed {count} by {number}"))];
                let began = Instant::now();
                client::result(&connection.blind("VM.set_name_description", &params).await);
                times.push(began.elapsed());
            }
            (times, connection)
        }));
    }
    let (mut times, mut back) = (Vec::new(), Vec::new());
    for one in running {
        let (some, connection) = one.await.unwrap();
        times.extend(some);
        back.push(connection);
    }
    times.sort_unstable();
    (times.len() as f64 / length.as_secs_f64(), times, back)
}

/// From the answer to a change until each watcher has its event.
async fn events(
    server: &Server,
    root: &mut Connection,
    vms: &[Json],
    changes: usize,
) -> Vec<Duration> {
    let (seen, mut inbox) = tokio::sync::mpsc::channel::<(String, Instant)>(4096);
    let mut watchers = Vec::new();
    for mut connection in sessions(server, WATCHERS).await {
        let seen = seen.clone();
        let start = connection.call("event.from", &[json!(["pool"]), json!(""), json!(0.0)]).await;
        let mut token = start["token"].clone();
        watchers.push(tokio::spawn(async move {
            loop {
                let params = [json!(["vm"]), token.clone(), json!(30.0)];
                let batch = connection.call("event.from", &params).await;
                let now = Instant::now();
                token = batch["token"].clone();
                for event in batch["events"].as_array().unwrap() {
                    let text = event["snapshot"]["name_description"].as_str().unwrap_or_default();
                    if text.starts_with("mark ") && seen.send((text.to_owned(), now)).await.is_err()
                    {
                        return;
                    }
                }
            }
        }));
    }
    let mut times = Vec::new();
    for (change, vm) in vms.iter().enumerate().take(changes) {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let mark = format!("mark {change}");
        root.call("VM.set_name_description", &[vm.clone(), json!(mark)]).await;
        let written = Instant::now();
        let mut left = WATCHERS;
        while left > 0 {
            let (text, at) = inbox.recv().await.unwrap();
            if text == mark {
                times.push(at.saturating_duration_since(written));
                left -= 1;
            }
        }
    }
    for watcher in watchers {
        watcher.abort();
    }
    times.sort_unstable();
    times
}

async fn timed(
    root: &mut Connection,
    runs: usize,
    path: &str,
    kind: &str,
    body: &str,
) -> (f64, usize) {
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..runs {
        let began = Instant::now();
        bytes = root.post(path, kind, body.to_owned()).await.len();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    (percentile(&times, 0.5), bytes)
}

/// All records of all VMs, in both encodings.
async fn list(daemon: &Daemon, root: &mut Connection, runs: usize) {
    let json = root.body("VM.get_all_records", &[]);
    let each = |cpu: f64| (daemon.cpu_ms() - cpu) / runs as f64;
    let cpu = daemon.cpu_ms();
    let (ms, bytes) = timed(root, runs, "/jsonrpc", "application/json", &json).await;
    figure("list_3000_vms_json_ms", ms, "ms");
    figure("list_3000_vms_json_server_cpu_ms", each(cpu), "ms");
    figure("list_3000_vms_json_bytes", bytes as f64, "bytes");
    let xml = format!(
        "<?xml version='1.0'?><methodCall><methodName>VM.get_all_records</methodName><params>\
         <param><value><string>{}</string></value></param></params></methodCall>",
        root.session
    );
    let cpu = daemon.cpu_ms();
    let (ms, bytes) = timed(root, runs, "/RPC2", "text/xml", &xml).await;
    figure("list_3000_vms_xml_ms", ms, "ms");
    figure("list_3000_vms_xml_server_cpu_ms", each(cpu), "ms");
    figure("list_3000_vms_xml_bytes", bytes as f64, "bytes");
}

async fn measure(hosts: usize, vms: usize, seconds: u64) {
    let port = 28_443;
    let daemon = Daemon::start(port, hosts, vms);
    let server = Server::new(port);
    let mut root = fill(&daemon, &server, vms).await;
    figure("coordinator_memory_filled_mib", daemon.memory_mib() as f64, "MiB");
    let query = json!(r#"field "is_a_template" = "false""#);
    let records = root.call("VM.get_all_records_where", &[query]).await;
    let refs: Vec<Json> = records.as_object().unwrap().keys().map(|key| json!(key)).collect();
    drop(records);
    list(&daemon, &mut root, 15).await;
    for (name, words) in [
        ("xe_vm_list_ms", &["vm-list"][..]),
        ("xe_vm_list_minimal_ms", &["vm-list", "--minimal"]),
        ("xe_vm_list_params_all_ms", &["vm-list", "params=all"]),
    ] {
        let socket = daemon.socket();
        let measured = tokio::task::spawn_blocking(move || xe::median_ms(&socket, words, 7));
        let (ms, bytes) = measured.await.unwrap();
        figure(name, ms, "ms");
        figure(&name.replace("_ms", "_bytes"), bytes as f64, "bytes");
    }
    figure("coordinator_memory_listed_mib", daemon.memory_mib() as f64, "MiB");
    let length = Duration::from_secs(seconds);
    let began = Instant::now();
    at_once(&server).await;
    figure("logins_32_at_once_ms", began.elapsed().as_secs_f64() * 1000.0, "ms");
    let readers = sessions(&server, SESSIONS).await;
    let (_, _, readers) = reads(readers, &refs, Duration::from_secs(1)).await;
    let (alone, times, readers) = reads(readers, &refs, length).await;
    figure("reads_per_s", alone, "calls/s");
    figure("reads_p50_ms", percentile(&times, 0.5), "ms");
    figure("reads_p99_ms", percentile(&times, 0.99), "ms");
    figure("coordinator_memory_read_mib", daemon.memory_mib() as f64, "MiB");
    let (rate, times, readers) = writes(readers, &refs, length).await;
    figure("durable_writes_per_s", rate, "writes/s");
    figure("durable_writes_p99_ms", percentile(&times, 0.99), "ms");
    let mut root = server.login("root", PASSWORD).await;
    let cpu = daemon.cpu_ms();
    let times = events(&server, &mut root, &refs, 40).await;
    figure("event_server_cpu_ms", (daemon.cpu_ms() - cpu) / 40.0, "ms");
    figure("event_p50_ms", percentile(&times, 0.5), "ms");
    figure("event_p99_ms", percentile(&times, 0.99), "ms");
    figure("coordinator_memory_watched_mib", daemon.memory_mib() as f64, "MiB");
    flood::all(&daemon, &server, readers, &refs, length).await;
    // What is free is given back within some seconds.
    tokio::time::sleep(Duration::from_secs(5)).await;
    figure("coordinator_memory_mib", daemon.memory_mib() as f64, "MiB");
    figure("coordinator_memory_peak_mib", daemon.status_mib("VmHWM:") as f64, "MiB");
}

/// As many logins at the same moment as there are sessions, from one address.
async fn at_once(server: &Server) {
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..SESSIONS {
        let server = server.clone();
        running.spawn(async move { server.login("root", PASSWORD).await });
    }
    while let Some(login) = running.join_next().await {
        login.unwrap();
    }
}

fn main() {
    let number = |name: &str, default: usize| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (hosts, vms) = (number("BENCH_HOSTS", 64), number("BENCH_VMS", 3000));
    let seconds = number("BENCH_SECONDS", 6);
    // Once more, but bound to the cores; the daemon inherits them.
    if std::env::var_os("BENCH_BOUND").is_none() {
        let program = std::env::current_exe().unwrap();
        let status = Command::new("taskset")
            .args(["-c", &std::env::var("BENCH_CORES").unwrap_or_else(|_| CORES.to_owned())])
            .arg(program)
            .env("BENCH_BOUND", "1")
            .status()
            .unwrap();
        std::process::exit(status.code().unwrap_or(1));
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure(hosts, vms, seconds as u64));
}
