//! What the tests of the command share: running it, golden files, a server that plays a pool.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Runs the command with a clean environment.
pub(crate) fn haven(socket: &Path, args: &[&str]) -> Output {
    haven_with_input(socket, args, "")
}

/// The same, with something on standard input.
pub(crate) fn haven_with_input(socket: &Path, args: &[&str], input: &str) -> Output {
    run(socket, args, input, "C")
}

/// The same, for a person of that language.
pub(crate) fn haven_in(language: &str, socket: &Path, args: &[&str]) -> Output {
    run(socket, args, "", language)
}

fn run(socket: &Path, args: &[&str], input: &str, language: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_haven"))
        .args(args)
        .env_clear()
        .env("HAVEN_SOCKET", socket)
        .env("LANG", language)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Exit code, standard output and standard error as one text.
pub(crate) fn shown(output: &Output) -> String {
    format!(
        "exit {}\n--- out\n{}--- err\n{}",
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Compares with the file `tests/golden/<name>.txt`; HAVEN_BLESS=1 writes it.
pub(crate) fn assert_golden(name: &str, text: &str) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    if std::env::var_os("HAVEN_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, wanted, "\n{} differs; HAVEN_BLESS=1 writes it anew", path.display());
}

/// A result, or an error description.
pub(crate) type Answer = Result<Value, Vec<String>>;
type Handler = dyn Fn(&[Value]) -> Answer + Send + Sync;

/// A server on a Unix socket that answers as it was told to, and remembers what it was asked.
pub(crate) struct Pool {
    dir: tempfile::TempDir,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

/// What the server answers, by method or by path.
#[derive(Default)]
pub(crate) struct Script {
    handlers: BTreeMap<String, Box<Handler>>,
}

impl Script {
    /// Always the same answer.
    pub(crate) fn answers(mut self, method: &str, value: Value) -> Self {
        self.handlers.insert(method.to_owned(), Box::new(move |_| Ok(value.clone())));
        self
    }

    /// Whatever the function says.
    pub(crate) fn handles(
        mut self,
        method: &str,
        handler: impl Fn(&[Value]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.handlers.insert(method.to_owned(), Box::new(handler));
        self
    }

    /// An API error.
    pub(crate) fn fails(mut self, method: &str, description: &[&str]) -> Self {
        let description: Vec<String> = description.iter().map(|&d| d.to_owned()).collect();
        self.handlers.insert(method.to_owned(), Box::new(move |_| Err(description.clone())));
        self
    }

    /// `Async.<method>` gives a task that ends with this result.
    pub(crate) fn task(self, method: &str, result: &str) -> Self {
        let task = format!("OpaqueRef:task-of-{method}");
        let record = json!({"uuid": "t", "name_label": method, "status": "success", "progress": 1.0,
            "result": format!("<value>{result}</value>"), "error_info": []});
        self.answers(&format!("Async.{method}"), json!(task))
            .answers(&format!("task.get_record {task}"), record)
    }

    /// `Async.<method>` gives a task that fails.
    pub(crate) fn task_fails(self, method: &str, description: &[&str]) -> Self {
        let task = format!("OpaqueRef:task-of-{method}");
        let record = json!({"uuid": "t", "name_label": method, "status": "failure", "progress": 0.5,
            "result": "", "error_info": description});
        self.answers(&format!("Async.{method}"), json!(task))
            .answers(&format!("task.get_record {task}"), record)
    }

    /// Starts the server.
    pub(crate) fn serve(self) -> Pool {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("havend.sock")).unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::new(self), Arc::clone(&calls));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                thread::spawn(move || script.serve_connection(stream, &log));
            }
        });
        Pool { dir, calls }
    }

    /// Starts the server behind TLS, with a certificate of a CA of its own.
    pub(crate) fn serve_tls(self) -> TlsPool {
        let dir = tempfile::tempdir().unwrap();
        let config = Arc::new(tls_config(dir.path()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::new(self), Arc::clone(&calls));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let stream = rustls::StreamOwned::new(connection, stream);
                thread::spawn(move || script.serve_connection(stream, &log));
            }
        });
        TlsPool { dir, address, calls }
    }

    fn serve_connection(&self, stream: impl Read + Write, log: &Mutex<Vec<(String, Value)>>) {
        let mut stream = BufReader::new(stream);
        while let Some((verb, path, body)) = read_request(&mut stream) {
            if verb == "CONNECT" {
                log.lock().unwrap().push((verb, json!(path)));
                return echo(&mut stream, log);
            }
            let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let (status, answer) = if path == "/jsonrpc" {
                (200, self.rpc(&body, log))
            } else {
                self.route(&path, &body, log)
            };
            let text = answer.to_string();
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", text.len());
            if stream.get_mut().write_all(format!("{head}{text}").as_bytes()).is_err() {
                return;
            }
        }
    }

    fn rpc(&self, body: &Value, log: &Mutex<Vec<(String, Value)>>) -> Value {
        let method = body["method"].as_str().unwrap();
        let params = body["params"].as_array().unwrap();
        let rest = if method.starts_with("session.login") { &params[..] } else { &params[1..] };
        log.lock().unwrap().push((method.to_owned(), json!(rest)));
        let specific =
            rest.first().and_then(Value::as_str).map(|first| format!("{method} {first}"));
        let handler =
            specific.and_then(|key| self.handlers.get(&key)).or_else(|| self.handlers.get(method));
        let answer = match (handler, method) {
            (Some(handler), _) => handler(rest),
            (None, "session.login_with_password") => Ok(json!("OpaqueRef:session")),
            (None, "session.logout") => Ok(json!("")),
            (None, _) => Err(vec!["MESSAGE_METHOD_UNKNOWN".to_owned(), method.to_owned()]),
        };
        match answer {
            Ok(result) => json!({"jsonrpc": "2.0", "result": result, "id": body["id"]}),
            Err(d) => {
                json!({"jsonrpc": "2.0", "error": {"code": 1, "message": d[0], "data": d[1..]}, "id": body["id"]})
            }
        }
    }

    fn route(&self, path: &str, body: &Value, log: &Mutex<Vec<(String, Value)>>) -> (u16, Value) {
        log.lock().unwrap().push((path.to_owned(), body.clone()));
        match self.handlers.get(path).map(|handler| handler(&[])) {
            Some(Ok(value)) => (200, value),
            Some(Err(description)) => (400, json!({ "error": description })),
            None => (404, json!({})),
        }
    }
}

/// A console that echoes.
fn echo(stream: &mut BufReader<impl Read + Write>, log: &Mutex<Vec<(String, Value)>>) {
    stream.get_mut().write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
    let mut line = String::new();
    while stream.read_line(&mut line).is_ok_and(|count| count > 0) {
        log.lock().unwrap().push(("typed".to_owned(), json!(line)));
        if stream.get_mut().write_all(line.as_bytes()).is_err() {
            return;
        }
        line.clear();
    }
}

/// A CA in `ca.pem`, and a server for 127.0.0.1 that it vouches for.
fn tls_config(dir: &Path) -> rustls::ServerConfig {
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let ca_cert = ca.self_signed(&ca_key).unwrap();
    fs::write(dir.join("ca.pem"), ca_cert.pem()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let host = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let cert = host.signed_by(&key, &rcgen::Issuer::from_params(&ca, &ca_key)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap()
}

/// A server behind TLS.
pub(crate) struct TlsPool {
    dir: tempfile::TempDir,
    pub(crate) address: String,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl TlsPool {
    /// The file with its CA's certificate.
    pub(crate) fn ca(&self) -> String {
        self.dir.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    /// How often `method` was called.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|(m, _)| m == method).count()
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<(String, String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (verb, path) = (words.next()?, words.next()?);
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        match line.trim().split_once(':') {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()?;
            }
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((verb, path, body))
}

impl Pool {
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("havend.sock")
    }

    /// Runs the command against this server.
    pub(crate) fn haven(&self, args: &[&str]) -> Output {
        haven(&self.socket(), args)
    }

    /// The calls of `method`, once there is one: the command may end before the server has seen all.
    pub(crate) fn wait_for(&self, method: &str) -> Vec<Value> {
        let begun = Instant::now();
        while self.calls(method).is_empty() && begun.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(5));
        }
        self.calls(method)
    }

    /// The calls of `method` so far: their parameters.
    pub(crate) fn calls(&self, method: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(m, _)| m == method).map(|(_, params)| params.clone()).collect()
    }
}

/// A pool of two hosts with three machines, two of the same name.
pub(crate) fn small_pool() -> Script {
    let host = |n: u32| {
        json!({"uuid": format!("h{n}-uuid"), "name_label": format!("host{n}"), "enabled": true,
            "address": format!("192.0.2.{n}"), "metrics": format!("OpaqueRef:hm{n}"), "hostname": format!("host{n}"),
            "software_version": {"product_version": "0.1.0"}, "cpu_info": {"modelname": "Test CPU", "cpu_count": "2"}})
    };
    let metrics =
        |live: bool| json!({"live": live, "memory_total": 8_u64 << 30, "memory_free": 6_u64 << 30});
    let vm = |uuid: &str, name: &str, state: &str, host: &str, priority: &str| {
        json!({"uuid": uuid, "name_label": name, "power_state": state, "resident_on": host, "is_a_template": false,
            "is_a_snapshot": false, "is_control_domain": false, "memory_static_max": 256_u64 << 20, "VCPUs_max": 1,
            "ha_restart_priority": priority, "order": 1, "start_delay": 0, "VBDs": [], "consoles": []})
    };
    Script::default()
        .answers("pool.get_all_records", json!({"OpaqueRef:p": {"uuid": "p-uuid", "name_label": "prod",
            "master": "OpaqueRef:h1", "default_SR": "OpaqueRef:sr1", "ha_enabled": false, "ha_host_failures_to_tolerate": 0}}))
        .answers("host.get_all_records", json!({"OpaqueRef:h1": host(1), "OpaqueRef:h2": host(2)}))
        .answers("host_metrics.get_all_records", json!({"OpaqueRef:hm1": metrics(true), "OpaqueRef:hm2": metrics(false)}))
        .answers("VM.get_all_records", json!({
            "OpaqueRef:v1": vm("aa11", "web1", "Running", "OpaqueRef:h1", "restart"),
            "OpaqueRef:v2": vm("bb22", "db", "Halted", "OpaqueRef:NULL", "best-effort"),
            "OpaqueRef:v3": vm("bb33", "db", "Halted", "OpaqueRef:NULL", ""),
            "OpaqueRef:t1": {"uuid": "cc44", "name_label": "tiny", "is_a_template": true, "is_a_snapshot": false,
                "memory_static_max": 128_u64 << 20, "VCPUs_max": 1, "VBDs": [], "name_description": "a small guest"},
        }))
        .answers("SR.get_all_records", json!({"OpaqueRef:sr1": {"uuid": "sr1-uuid", "name_label": "vms", "type": "nfs",
            "shared": true, "PBDs": ["OpaqueRef:pbd1", "OpaqueRef:pbd2"], "VDIs": [], "physical_size": 100_u64 << 30,
            "physical_utilisation": 1_u64 << 30}}))
        .answers("PBD.get_all_records", json!({
            "OpaqueRef:pbd1": {"SR": "OpaqueRef:sr1", "host": "OpaqueRef:h1", "currently_attached": true},
            "OpaqueRef:pbd2": {"SR": "OpaqueRef:sr1", "host": "OpaqueRef:h2", "currently_attached": false}}))
}
