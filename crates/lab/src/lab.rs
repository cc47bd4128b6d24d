//! The handle of a lab: what tests and the command line use.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::config::LabConfig;
use crate::guest::deed::Deed;
use crate::host::init::PATH;
use crate::machine;
use crate::protocol::{Answer, Direction, HostCommand, HostStatus, Link, Power, Process, Request};
use crate::storage::faults::{Fault, StorageSwitch};
use crate::supervisor;

/// Longest wait for the supervisor to listen, or to end.
const SUPERVISOR_WAIT: Duration = Duration::from_secs(30);
/// Longest wait for a host's libvirtd.
const LIBVIRT_WAIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// A running lab. One that [`Lab::up_attached`] made goes down when it is dropped, or when its
/// process ends.
#[derive(Debug)]
pub struct Lab {
    config: LabConfig,
    /// Present if the lab lives and dies with this value.
    supervisor: Option<Child>,
}

impl Lab {
    /// Starts a lab that goes on without this process; all hosts are on and libvirtd answers.
    pub fn up(config: LabConfig) -> Result<Self> {
        Self::start(config, false)
    }

    /// Starts a lab that is removed, files and all, when the value is dropped.
    pub fn up_attached(config: LabConfig) -> Result<Self> {
        Self::start(config, true)
    }

    /// The running lab in `dir`.
    pub fn open(dir: &Path) -> Result<Self> {
        Ok(Self { config: LabConfig::load(dir)?, supervisor: None })
    }

    /// Removes what a lab of this name left, unless it runs.
    pub fn remove_stopped(config: &LabConfig) -> Result<()> {
        if UnixStream::connect(config.socket()).is_ok() {
            bail!(
                "lab {} runs in {}: end it with `haven-lab down` (`make demo-down`)",
                config.id,
                config.dir.display()
            );
        }
        Self { config: config.clone(), supervisor: None }.remove()
    }

    fn start(config: LabConfig, attached: bool) -> Result<Self> {
        machine::check()?;
        if UnixStream::connect(config.socket()).is_ok() {
            bail!("lab {} runs already in {}", config.id, config.dir.display());
        }
        if !config.program().exists() {
            bail!("{} is not there: build it, or say --bin-dir", config.program().display());
        }
        config.save()?;
        let log =
            File::options().create(true).append(true).open(config.dir.join("supervisor.log"))?;
        let mut command = Command::new(config.program());
        command.arg("supervise").arg(&config.dir).stdout(Stdio::null()).stderr(log);
        if attached {
            command.arg("--with-parent").stdin(Stdio::piped());
        } else {
            command.stdin(Stdio::null());
        }
        let child = command.spawn().context("starting the supervisor")?;
        let mut lab = Self { config, supervisor: Some(child) };
        lab.wait_for_supervisor()?;
        lab.all_on()?;
        if !attached {
            lab.supervisor = None;
        }
        Ok(lab)
    }

    fn wait_for_supervisor(&mut self) -> Result<()> {
        let end = Instant::now() + SUPERVISOR_WAIT;
        while UnixStream::connect(self.config.socket()).is_err() {
            let ended = self.supervisor.as_mut().and_then(|s| s.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > end {
                let log = self.config.dir.join("supervisor.log");
                let text = fs::read_to_string(&log).unwrap_or_default();
                bail!("the supervisor did not start: {}", text.lines().last().unwrap_or("no log"));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Powers every host on, side by side, and waits for their libvirtd.
    fn all_on(&self) -> Result<()> {
        let outcomes: Vec<Result<()>> = thread::scope(|scope| {
            let threads: Vec<_> =
                (1..=self.config.hosts).map(|n| scope.spawn(move || self.host(n).on())).collect();
            let panicked = |_| Err(anyhow!("a thread panicked"));
            threads.into_iter().map(|t| t.join().unwrap_or_else(panicked)).collect()
        });
        outcomes.into_iter().collect()
    }

    /// Its configuration.
    pub fn config(&self) -> &LabConfig {
        &self.config
    }

    /// Host `n`, counted from 1.
    pub fn host(&self, n: u32) -> Host<'_> {
        Host { lab: self, n }
    }

    /// State of all hosts.
    pub fn status(&self) -> Result<Vec<HostStatus>> {
        match self.request(&Request::Status)? {
            Answer::Hosts(hosts) => Ok(hosts),
            other => bail!("unexpected answer {other:?}"),
        }
    }

    /// Runs a command in the network where the hosts' gateway and the storage server are.
    pub fn outside(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let path = self.config.dir.join("infrastructure.pid");
        let pid = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", pid.trim())).arg("--").arg(program);
        Ok(command)
    }

    /// Tells a guest to do something to itself.
    pub fn guest(&self, number: u8, deed: Deed) -> Result<()> {
        let mut asking = self.outside(self.config.program())?;
        let output = asking.arg("deed").arg(number.to_string()).arg(deed.word()).output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Lets programs on the machine reach the first of `targets` that answers, at `listen`.
    pub fn forward(&self, listen: SocketAddr, targets: Vec<SocketAddr>) -> Result<()> {
        self.request(&Request::Forward { listen, targets }).map(drop)
    }

    /// Powers everything off and removes the lab's files.
    pub fn down(mut self) -> Result<()> {
        self.remove()
    }

    fn remove(&mut self) -> Result<()> {
        if UnixStream::connect(self.config.socket()).is_ok() {
            self.request(&Request::Shutdown)?;
            let end = Instant::now() + SUPERVISOR_WAIT;
            while self.config.socket().exists() {
                if Instant::now() > end {
                    bail!("the supervisor does not end; see supervisor.log");
                }
                thread::sleep(POLL);
            }
        }
        if let Some(mut child) = self.supervisor.take() {
            child.wait()?;
        }
        supervisor::sweep(&self.config)?;
        // Only what bears a lab's mark is removed.
        if self.config.dir.join("lab.json").exists() {
            fs::remove_dir_all(&self.config.dir)
                .with_context(|| format!("removing {}", self.config.dir.display()))?;
        }
        Ok(())
    }

    fn request(&self, request: &Request) -> Result<Answer> {
        let path = self.config.socket();
        let mut stream = UnixStream::connect(&path)
            .with_context(|| format!("{}: the lab does not run", path.display()))?;
        writeln!(stream, "{}", serde_json::to_string(request)?)?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        match serde_json::from_str(&line).context("answer of the supervisor")? {
            Answer::Failed(why) => bail!("{why}"),
            answer => Ok(answer),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.supervisor.is_some()
            && let Err(error) = self.remove()
        {
            let _ = writeln!(std::io::stderr(), "lab {}: {error:#}", self.config.id);
        }
    }
}

/// A host of a lab.
#[derive(Clone, Copy, Debug)]
pub struct Host<'lab> {
    lab: &'lab Lab,
    n: u32,
}

impl Host<'_> {
    /// Its number.
    pub fn number(&self) -> u32 {
        self.n
    }

    /// Its address in the hosts' network.
    pub fn address(&self) -> String {
        format!("10.77.0.{}", self.n)
    }

    /// Its state.
    pub fn status(&self) -> Result<HostStatus> {
        self.command(HostCommand::Status)
    }

    /// Powers it on and waits until its libvirtd answers.
    pub fn on(&self) -> Result<()> {
        self.command(HostCommand::On)?;
        self.wait_for_libvirtd()
    }

    /// Power loss; it stays off.
    pub fn off(&self) -> Result<()> {
        self.command(HostCommand::Off).map(drop)
    }

    /// Power loss and on again shortly after.
    pub fn reset(&self) -> Result<()> {
        self.command(HostCommand::Reset).map(drop)
    }

    /// All its processes stand still.
    pub fn freeze(&self) -> Result<()> {
        self.command(HostCommand::Freeze).map(drop)
    }

    /// They go on.
    pub fn thaw(&self) -> Result<()> {
        self.command(HostCommand::Thaw).map(drop)
    }

    /// Cuts a link.
    pub fn cut(&self, link: Link, direction: Direction) -> Result<()> {
        self.command(HostCommand::Cut { link, direction }).map(drop)
    }

    /// Heals a link, or both.
    pub fn heal(&self, link: Option<Link>) -> Result<()> {
        self.command(HostCommand::Heal { link }).map(drop)
    }

    /// Sets one fault for all requests to the shared storage.
    pub fn storage(&self, fault: Fault) -> Result<()> {
        self.storage_switch(StorageSwitch::all(fault))
    }

    /// Sets all switches of the shared storage.
    pub fn storage_switch(&self, switch: StorageSwitch) -> Result<()> {
        self.storage_of(None, switch)
    }

    /// Sets all switches of one export of the shared storage (an index into
    /// [`crate::config::EXPORTS`]), or of all.
    pub fn storage_of(&self, export: Option<u8>, switch: StorageSwitch) -> Result<()> {
        self.command(HostCommand::Storage { switch, export }).map(drop)
    }

    /// Sets the fault of its own disk.
    pub fn disk(&self, fault: Fault) -> Result<()> {
        self.command(HostCommand::Disk { switch: StorageSwitch::all(fault) }).map(drop)
    }

    /// Sends a signal to one of its processes.
    pub fn kill(&self, process: Process, signal: i32) -> Result<()> {
        self.command(HostCommand::Kill { process, signal }).map(drop)
    }

    /// Lets its watchdog bite.
    pub fn bite(&self) -> Result<()> {
        self.command(HostCommand::Bite).map(drop)
    }

    /// Path outside of a path in the host.
    pub fn path(&self, inside: &str) -> Result<PathBuf> {
        Ok(PathBuf::from(format!("/proc/{}/root{inside}", self.init_pid()?)))
    }

    /// URI by which programs outside reach the host's libvirtd.
    pub fn libvirt_uri(&self) -> Result<String> {
        let socket = self.path("/run/libvirt/libvirt-sock")?;
        Ok(format!("qemu+unix:///system?socket={}", socket.display()))
    }

    /// A command to be run in the host.
    pub fn command_in(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let init = self.init_pid()?;
        let group = self.lab.config.cgroup.group(&self.lab.config.cgroup_name(self.n));
        let mut command = Command::new(self.lab.config.program());
        command
            .arg("exec-in")
            .arg(group.path().join("cgroup.procs"))
            .arg("nsenter")
            .args(["-t", &init.to_string(), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"])
            .arg(program)
            .env("PATH", PATH);
        Ok(command)
    }

    /// Runs a shell command in the host and returns what it wrote; an error if it fails.
    pub fn sh(&self, script: &str) -> Result<String> {
        let output = self.sh_output(script)?;
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let err = String::from_utf8_lossy(&output.stderr);
            bail!("h{}: {script}: {}\n{out}{err}", self.n, output.status);
        }
        Ok(out)
    }

    /// Runs a shell command in the host.
    pub fn sh_output(&self, script: &str) -> Result<Output> {
        let mut command = self.command_in("/bin/sh")?;
        command.arg("-c").arg(script).stdin(Stdio::null());
        command.output().with_context(|| format!("h{}: {script}", self.n))
    }

    /// Waits until libvirtd takes connections.
    pub fn wait_for_libvirtd(&self) -> Result<()> {
        let socket = self.path("/run/libvirt/libvirt-sock")?;
        let end = Instant::now() + LIBVIRT_WAIT;
        while UnixStream::connect(&socket).is_err() {
            if Instant::now() > end {
                bail!("h{}: libvirtd does not answer; see {}", self.n, self.logs().display());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Where the logs of its services are.
    pub fn logs(&self) -> PathBuf {
        self.lab.config.log_dir(self.n)
    }

    fn init_pid(&self) -> Result<u32> {
        let status = self.status()?;
        match (status.power, status.init_pid) {
            (Power::Off, _) | (_, None) => bail!("h{} is off", self.n),
            (_, Some(pid)) => Ok(pid),
        }
    }

    fn command(&self, command: HostCommand) -> Result<HostStatus> {
        match self.lab.request(&Request::Host { host: self.n, command })? {
            Answer::Hosts(hosts) => hosts.into_iter().next().context("empty answer"),
            other => bail!("unexpected answer {other:?}"),
        }
    }
}
