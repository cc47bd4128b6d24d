//! What a host runs, and how it is restarted.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::config::LabConfig;
use crate::host::mounts::group_inside;

/// First pause before a restart; doubled with each quick failure.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// Longest pause before a restart.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A service that ran this long has recovered: its next pause is the first one.
const RAN_WELL: Duration = Duration::from_secs(10);

/// A service of a host.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    program: PathBuf,
    args: &'static [&'static str],
    group: PathBuf,
    log: PathBuf,
    pid: Option<u32>,
    started: Instant,
    restart_at: Instant,
    pause: Duration,
    pause_max: Duration,
}

/// The services of a host, in the order of their start. `log_dir` is seen from inside.
pub fn services(config: &LabConfig, log_dir: &std::path::Path) -> Vec<Service> {
    let haven = |name: &str| PathBuf::from("/haven").join(name);
    let all: [(&'static str, PathBuf, &'static [&'static str], &str); 3] = [
        ("haven-guard", haven("haven-guard"), &[], "guard"),
        ("libvirtd", PathBuf::from("/usr/sbin/libvirtd"), &[], "gate"),
        ("havend", haven("havend"), &[], "gate"),
    ];
    let now = Instant::now();
    all.into_iter()
        .filter(|(name, program, ..)| *name == "libvirtd" || (!config.bare && program.exists()))
        .map(|(name, program, args, group)| Service {
            name,
            program,
            args,
            group: group_inside(&config.cgroup, group).join("cgroup.procs"),
            log: log_dir.join(format!("{name}.log")),
            pid: None,
            started: now,
            restart_at: now,
            pause: PAUSE_FIRST,
            pause_max: if config.steady_restarts { PAUSE_FIRST } else { PAUSE_MAX },
        })
        .collect()
}

impl Service {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// It is down, and its time to start has come.
    pub fn is_due(&self, now: Instant) -> bool {
        self.pid.is_none() && now >= self.restart_at
    }

    /// Starts it in its cgroup.
    pub fn start(&mut self) -> Result<()> {
        let now = Instant::now();
        self.started = now;
        self.restart_at = now + self.pause;
        let log = log_file(&self.log)?;
        let child = Command::new("/haven/haven-lab")
            .arg("exec-in")
            .arg(&self.group)
            .arg(&self.program)
            .args(self.args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", self.name))?;
        // The first process reaps everything by itself.
        self.pid = Some(child.id());
        Ok(())
    }

    /// If the process that ended is this one: plans its restart.
    pub fn ended(&mut self, pid: u32, now: Instant) -> bool {
        if self.pid != Some(pid) {
            return false;
        }
        self.pid = None;
        if now.duration_since(self.started) >= RAN_WELL {
            self.pause = PAUSE_FIRST;
        }
        self.restart_at = now + self.pause;
        self.pause = (self.pause * 2).min(self.pause_max);
        true
    }
}

fn log_file(path: &std::path::Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| path.display().to_string())
}
