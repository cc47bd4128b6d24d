//! One real `havend` with a simulated pool behind it.
//!
//! Owns: the daemon it starts and the directory it makes for it. Needs no root and touches
//! nothing else of the machine.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::story::api::http;

/// Longest wait for the pool to be filled.
const FILLED_MAX: Duration = Duration::from_secs(120);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(100);

/// What to run.
#[derive(Debug)]
pub struct SimPool {
    /// Hosts of the pool.
    pub hosts: u32,
    /// VMs of the pool.
    pub vms: u32,
    /// Port of the API.
    pub port: u16,
    /// Password of root.
    pub password: String,
    /// Where it lives; `None`: somewhere that is removed at the end.
    pub dir: Option<PathBuf>,
    /// Where `havend` lies.
    pub bin_dir: PathBuf,
}

/// The daemon; killed when this is dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs it until the daemon ends: by an interrupt, which reaches it too.
pub fn run(pool: &SimPool) -> Result<()> {
    let temporary = std::env::temp_dir().join(format!("haven-sim-pool-{}", std::process::id()));
    let root = pool.dir.clone().unwrap_or_else(|| temporary.clone());
    let result = serve(pool, &root);
    if pool.dir.is_none() {
        fs::remove_dir_all(&temporary).context("removing the pool's directory")?;
    }
    result
}

fn serve(pool: &SimPool, root: &Path) -> Result<()> {
    let settings = root.join("etc/haven/havend.toml");
    fs::create_dir_all(settings.parent().context("no directory")?)?;
    fs::create_dir_all(root.join("run/haven"))?;
    fs::write(&settings, settings_text(pool))?;
    let havend = pool.bin_dir.join("havend");
    let child = Command::new(&havend)
        .arg("--root")
        .arg(root)
        .spawn()
        .with_context(|| format!("cannot start {}", havend.display()))?;
    let mut daemon = Daemon(child);
    let socket = root.join("run/haven/havend.sock");
    found(&mut daemon, &socket, pool)?;
    let mut out = std::io::stdout();
    writeln!(out, "pool    {} hosts, {} VMs (simulated)", pool.hosts, pool.vms)?;
    writeln!(out, "url     https://127.0.0.1:{}/", pool.port)?;
    writeln!(out, "user    root, password {}", pool.password)?;
    writeln!(out, "socket  {}", socket.display())?;
    writeln!(out, "pid     {}", daemon.0.id())?;
    writeln!(out, "ready")?;
    out.flush()?;
    daemon.0.wait()?;
    Ok(())
}

fn settings_text(pool: &SimPool) -> String {
    format!(
        "listen = \"127.0.0.1\"\naddress = \"127.0.0.1\"\napi_port = {}\npeer_port = {}\n\
         name = \"sim-00\"\nlog = \"warn,haven_daemon::agent::reports=error\"\n\
         hypervisor = {{ driver = \"sim_pool\", hosts = {}, vms = {} }}\n",
        pool.port,
        pool.port.saturating_add(1),
        pool.hosts,
        pool.vms
    )
}

/// Founds the pool unless it is there, and waits until it has all its hosts and VMs.
fn found(daemon: &mut Daemon, socket: &Path, pool: &SimPool) -> Result<()> {
    let until = Instant::now() + FILLED_MAX;
    let mut asked = false;
    loop {
        if let Some(status) = daemon.0.try_wait()? {
            bail!("havend ended at once: {status}");
        }
        if Instant::now() > until {
            bail!("the pool was not filled within {} s", FILLED_MAX.as_secs());
        }
        sleep(POLL);
        let Ok(text) = http(socket, "GET", "/haven/status", "") else { continue };
        let status: Value = serde_json::from_str(&text)?;
        match status.get("role").and_then(Value::as_str) {
            Some("unconfigured") if !asked => {
                let body = json!({ "name": "simulated", "password": pool.password });
                http(socket, "POST", "/haven/pool/init", &body.to_string())?;
                asked = true;
            }
            Some("coordinator") if filled(socket, pool)? => return Ok(()),
            _ => {}
        }
    }
}

fn filled(socket: &Path, pool: &SimPool) -> Result<bool> {
    let session = call(socket, "session.login_with_password", json!(["root", ""]))?;
    let count = |class: &str| -> Result<usize> {
        let all = call(socket, &format!("{class}.get_all"), json!([session]))?;
        Ok(all.as_array().map_or(0, Vec::len))
    };
    let made = count("host")? >= pool.hosts.max(1) as usize && count("VBD")? >= pool.vms as usize;
    let complete = made && {
        let pbds = call(socket, "PBD.get_all_records", json!([session]))?;
        let attached = |pbd: &Value| pbd.get("currently_attached") == Some(&Value::Bool(true));
        pbds.as_object().is_some_and(|pbds| pbds.values().all(attached))
    };
    call(socket, "session.logout", json!([session]))?;
    Ok(complete)
}

fn call(socket: &Path, method: &str, params: Value) -> Result<Value> {
    let body = json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 1 });
    let answer: Value =
        serde_json::from_str(&http(socket, "POST", "/jsonrpc", &body.to_string())?)?;
    match answer.get("error") {
        None | Some(Value::Null) => Ok(answer.get("result").cloned().unwrap_or_default()),
        Some(error) => bail!("{method}: {error}"),
    }
}
