//! The first process of a host: builds its file systems, starts its services, reaps.
//!
//! It is the power button too: when it is killed, the kernel kills everything in the host.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{WaitOptions, WaitStatus};
use rustix::system::RebootCommand;

use super::services::{Service, services};
use crate::config::LabConfig;

/// How often services are looked after.
const TICK: Duration = Duration::from_millis(20);
/// The host's log directory, seen from inside.
const LOG_DIR: &str = "/run/haven-lab/log";
/// What a host's processes find in `PATH`.
pub const PATH: &str = "/haven:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Steps into the host's cgroup and becomes `unshare`, which becomes the host. Called in a process
/// of its own by the supervisor.
pub fn launch(config: &LabConfig, n: u32) -> Result<()> {
    let group = config.cgroup.group(&config.cgroup_name(n));
    fs::write(group.path().join("cgroup.procs"), "0")
        .with_context(|| format!("entering {}", group.path().display()))?;
    let error = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare", "--mount", "--uts", "--ipc", "--pid", "--net"])
        .args(["--cgroup", "--fork", "--kill-child=KILL", "--propagation", "private", "--"])
        .arg(config.program())
        .arg("host-init")
        .arg(&config.dir)
        .arg(n.to_string())
        .exec();
    bail!("setpriv: {error}")
}

/// The first process. Waits on stdin for the network, then runs until it is killed.
pub fn run(config: &LabConfig, n: u32) -> Result<()> {
    if std::process::id() != 1 {
        bail!("host-init is the first process of a host; use `haven-lab up`");
    }
    rustix::system::sethostname(format!("h{n}").as_bytes())?;
    let mut go = [0; 1];
    std::io::stdin().read_exact(&mut go).context("waiting for the network")?;
    super::mounts::enter(config, n)?;
    fs::create_dir_all(LOG_DIR)?;
    let mut services = services(config, Path::new(LOG_DIR));
    loop {
        tend(&mut services);
        thread::sleep(TICK);
    }
}

fn tend(services: &mut [Service]) {
    let now = Instant::now();
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        let pid = pid.as_raw_nonzero().get().cast_unsigned();
        for service in services.iter_mut() {
            if service.ended(pid, now) {
                note(&format!("{} ended: {}", service.name(), describe(status)));
            }
        }
    }
    for service in services.iter_mut().filter(|s| s.is_due(now)) {
        match service.start() {
            Ok(()) => note(&format!("{} started", service.name())),
            Err(error) => note(&format!("{error:#}")),
        }
    }
}

fn describe(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => "unknown".to_owned(),
    }
}

fn note(text: &str) {
    // Stderr is the host's console; a host goes on without one.
    let _ = writeln!(std::io::stderr(), "init: {text}");
}

/// Enters a cgroup and becomes a program.
pub fn exec_in(procs: &Path, program: &Path, args: &[OsString]) -> Result<()> {
    fs::write(procs, "0").with_context(|| format!("entering {}", procs.display()))?;
    let error = Command::new(program)
        .args(args)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/root")
        .env("LANG", "C.UTF-8")
        .env("TERM", std::env::var("TERM").unwrap_or_else(|_| "dumb".into()))
        .env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "info".into()))
        .exec();
    bail!("{}: {error}", program.display())
}

/// Stands in a host for `/sbin/reboot`, `poweroff` and `halt`.
pub fn power_command(name: &str) -> i32 {
    let command = match name {
        "reboot" => RebootCommand::Restart,
        _ => RebootCommand::PowerOff,
    };
    match rustix::system::reboot(command) {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{name}: {error}");
            1
        }
    }
}
