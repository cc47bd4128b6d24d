//! Power of a host: on, and off without a trace.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

use super::log::event;
use super::net;
use super::watchdog::Watchdog;
use crate::cgroup::Cgroup;
use crate::config::{EXPORTS, LabConfig};
use crate::host::files;
use crate::protocol::{Direction, Link};
use crate::storage::faults::{Channel, ServerCommand};

/// Longest wait for a host's first process.
const START_WAIT: Duration = Duration::from_secs(5);
/// Longest wait for all processes of a host to be gone.
const GONE_WAIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(2);

/// A host that is on.
#[derive(Debug)]
pub(super) struct Running {
    outer: Child,
    init: u32,
    storage: StorageServer,
    group: Cgroup,
    pub(super) watchdog: Watchdog,
}

/// A host's storage server process.
#[derive(Debug)]
struct StorageServer {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl StorageServer {
    fn start(config: &LabConfig, n: u32) -> Result<Self> {
        let mut process = Command::new(config.program())
            .arg("storage-server")
            .arg(config.shared_dir(n).join("fs.sock"))
            .arg("--disk")
            .arg(config.host_dir(n).join("disk"))
            .args(EXPORTS.into_iter().flat_map(|path| {
                let dir = config.dir_of_export(path);
                ["--export".to_owned(), format!("{path}={}", dir.display())]
            }))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the storage server")?;
        let commands = process.stdin.take().context("stdin of the storage server")?;
        let stdout = process.stdout.take().context("stdout of the storage server")?;
        let mut server = Self { process, commands, answers: BufReader::new(stdout) };
        server.read_ok()?;
        Ok(server)
    }

    fn command(&mut self, command: &ServerCommand) -> Result<()> {
        writeln!(self.commands, "{}", serde_json::to_string(command)?)?;
        self.read_ok()
    }

    fn read_ok(&mut self) -> Result<()> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line != "ok\n" {
            bail!("the storage server is gone; its log is the supervisor's");
        }
        Ok(())
    }

    /// Ends it and with it every mount, aborting what waits for an answer.
    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What awaits a host that is powered on.
#[derive(Debug)]
pub(super) struct Surroundings {
    /// Settings of its storage.
    pub(super) switches: Vec<ServerCommand>,
    /// State of its links.
    pub(super) cuts: [(Link, Option<Direction>); 2],
}

impl Running {
    /// Powers host `n` on.
    pub(super) fn start(
        config: &LabConfig,
        n: u32,
        infrastructure: u32,
        around: &Surroundings,
    ) -> Result<Self> {
        files::prepare(config, n)?;
        let group = config.cgroup.group(&config.cgroup_name(n));
        group.create()?;
        let bite = Duration::from_millis(config.watchdog_ms);
        let watchdog = Watchdog::create(&config.host_dir(n).join("watchdog"), bite)?;
        let mut storage = StorageServer::start(config, n)?;
        for switch in &around.switches {
            storage.command(switch)?;
        }
        let console = File::options()
            .create(true)
            .append(true)
            .open(config.log_dir(n).join("console.log"))?;
        let mut outer = Command::new(config.program())
            .arg("host-launch")
            .arg(&config.dir)
            .arg(n.to_string())
            .stdin(Stdio::piped())
            .stdout(console.try_clone()?)
            .stderr(console)
            .spawn()
            .context("starting the host")?;
        let go = outer.stdin.take().context("stdin of the host")?;
        let started = first_process(&mut outer);
        let init = started.as_ref().copied().unwrap_or_default();
        let mut running = Self { outer, init, storage, group, watchdog };
        // Broken cables are broken before the host takes its first step, and whole ones whole.
        let plugged = started.and_then(|_| net::plug(infrastructure, n, init)).and_then(|()| {
            let mut cuts = around.cuts.iter().copied();
            cuts.try_for_each(|(link, cut)| net::cut(infrastructure, n, link, cut))
        });
        let told = plugged.and_then(|()| Ok((&go).write_all(b"+")?));
        if let Err(error) = told {
            running.stop(n, infrastructure)?;
            return Err(error);
        }
        Ok(running)
    }

    /// Process id of the host's first process.
    pub(super) fn init(&self) -> u32 {
        self.init
    }

    /// The group of the host's processes.
    pub(super) fn group(&self) -> &Cgroup {
        &self.group
    }

    /// Sets switches of the host's storage server.
    pub(super) fn storage(&mut self, command: &ServerCommand) -> Result<()> {
        self.storage.command(command)
    }

    /// If the host ended by itself: whether it asked to be switched off (else: reset).
    pub(super) fn ended(&mut self) -> Option<bool> {
        use std::os::unix::process::ExitStatusExt;
        let status = self.outer.try_wait().ok().flatten()?;
        // reboot(2) in a PID namespace kills the first process by SIGINT to power off, by SIGHUP
        // to restart; unshare ends in the same way.
        Some(status.signal() == Some(Signal::INT.as_raw()))
    }

    /// Power loss: silent to the network first, then at once.
    pub(super) fn stop(&mut self, n: u32, infrastructure: u32) -> Result<()> {
        if let Err(error) = net::silence(infrastructure, n) {
            event(&format!("h{n} silence: {error:#}"));
        }
        // Nothing may reach the storage any more, and no error may reach a guest.
        for channel in [Channel::Nfs, Channel::Disk] {
            let cut = Some(Direction::Both);
            let switch = Default::default();
            let _ = self.storage.command(&ServerCommand { channel, export: None, switch, cut });
        }
        if let Some(pid) = raw_pid(self.init) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        // Each by itself: those of a dying first process run on for a moment, and would see their
        // disk's server go, which no host without power sees. Their parent takes the first one's status.
        let outer = self.outer.id();
        let inner = self.group.processes().into_iter().filter(|pid| *pid != outer);
        for pid in inner.filter_map(raw_pid) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        if self.init == 0 {
            let _ = self.outer.kill();
        }
        self.storage.kill();
        let end = Instant::now() + GONE_WAIT;
        while self.outer.try_wait()?.is_none() || !self.group.processes().is_empty() {
            if Instant::now() > end {
                bail!("h{n}: processes {:?} do not go away", self.group.processes());
            }
            self.group.thaw_all();
            thread::sleep(POLL);
        }
        net::unplug(infrastructure, n);
        self.group.remove()
    }
}

/// The only child of `unshare`, once it is there.
fn first_process(outer: &mut Child) -> Result<u32> {
    let children = format!("/proc/{0}/task/{0}/children", outer.id());
    let end = Instant::now() + START_WAIT;
    while Instant::now() < end {
        if let Some(status) = outer.try_wait()? {
            bail!("the host ended at once ({status}); see its console.log");
        }
        let text = fs::read_to_string(&children).unwrap_or_default();
        if let Some(pid) = text.split_whitespace().next().and_then(|p| p.parse().ok()) {
            return Ok(pid);
        }
        thread::sleep(POLL);
    }
    bail!("the host's first process did not appear")
}

/// Kills what is in a group until nothing is.
pub(super) fn kill_group(group: &Cgroup) -> Result<()> {
    let end = Instant::now() + GONE_WAIT;
    while Instant::now() < end {
        group.thaw_all();
        let left = group.processes();
        if left.is_empty() {
            return Ok(());
        }
        for pid in left.into_iter().filter_map(raw_pid) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        thread::sleep(POLL);
    }
    bail!("processes {:?} do not go away", group.processes())
}

/// A process id as the kernel's interface wants it.
pub(super) fn raw_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}
