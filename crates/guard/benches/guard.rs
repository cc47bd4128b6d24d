//! What one guard costs in pools of 2, 8 and 64 hosts: one real `haven-guard`, whose peers are
//! machines of the same protocol in this process. They share one statefile and speak UDP with it.
//!
//! Prints `figure <name>_<hosts> <value> <unit>` lines. Processor time is the guard's own, so that
//! other work on the machine hardly shows. `make bench-guard`; `BENCH_SECONDS` per pool (20),
//! `BENCH_PROFILE` (`default`), `BENCH_HOSTS` (`2,8,64`).

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::panic, reason = "a benchmark")]

mod peers;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use haven_cluster::control::{GuardCommand, GuardLine, GuardRequest, GuardState};
use haven_cluster::timing::{Profile, Timing};

use peers::{Peers, Traffic};

/// Longest wait until all are members.
const FORM_WAIT: Duration = Duration::from_secs(60);
/// From the first membership of all to the begin of the measurement: the heap has its size by then.
const SETTLE: Duration = Duration::from_secs(20);

fn main() {
    // As `cargo test` calls it: nothing is measured then.
    if std::env::args().any(|word| word == "--test" || word == "--list") {
        return;
    }
    let say =
        |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let seconds: u64 = say("BENCH_SECONDS", "20").parse().unwrap();
    let profile = say("BENCH_PROFILE", "default");
    let timing = Timing::of(match profile.as_str() {
        "fast" => Profile::Fast,
        "conservative" => Profile::Conservative,
        _ => Profile::Default,
    });
    let suffix = if profile == "default" { String::new() } else { format!("_{profile}") };
    for hosts in say("BENCH_HOSTS", "2,8,64").split(',') {
        measure(hosts.parse().unwrap(), timing, Duration::from_secs(seconds), &suffix);
    }
}

/// The real guard.
struct Guard {
    child: Child,
    stream: UnixStream,
    states: Receiver<GuardState>,
    /// Bytes that it wrote to this client.
    said: Arc<AtomicU64>,
    watchdog: File,
}

impl Guard {
    fn start(root: &Path, bite_ms: u32) -> Self {
        std::fs::create_dir_all(root.join("dev")).unwrap();
        // Its watchdog is a pipe, which cannot be asked when it bites.
        let config = root.join("guard.toml");
        std::fs::write(&config, format!("watchdog_bite_ms = {bite_ms}\n")).unwrap();
        let fifo = root.join("dev/watchdog");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
        let watchdog = File::options().read(true).custom_flags(nonblock).open(fifo).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_haven-guard"))
            .arg("--root")
            .arg(root)
            .arg("--config")
            .arg(config)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let path = root.join("run/haven/guard.sock");
        let until = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match UnixStream::connect(&path) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < until, "no guard: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let (sender, states) = channel();
        let reader = BufReader::new(stream.try_clone().unwrap());
        let said = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                counted.fetch_add(line.len() as u64 + 1, Ordering::Relaxed);
                if let Ok(GuardLine::State(state)) = serde_json::from_str(&line)
                    && sender.send(*state).is_err()
                {
                    return;
                }
            }
        });
        Self { child, stream, states, said, watchdog }
    }

    fn ask(&mut self, id: u64, command: GuardCommand) {
        let line = serde_json::to_string(&GuardRequest { id, command }).unwrap();
        self.stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// What the watchdog was fed is read, or its pipe would fill.
    fn feed(&mut self) {
        let mut bytes = [0; 4096];
        let _empty: Result<usize, _> = self.watchdog.read(&mut bytes);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _gone: Result<(), _> = self.child.kill();
        let _reaped: Result<_, _> = self.child.wait();
    }
}

/// Counters of a process.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    cpu_ns: u64,
    /// Bytes read and written, sockets left out.
    io: u64,
    faults: u64,
    rss_kib: u64,
}

fn usage(pid: u32) -> Usage {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let tasks = std::fs::read_dir(proc.join("task")).unwrap().flatten();
    let ns = |path: PathBuf| -> u64 {
        let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
    };
    let stat = std::fs::read_to_string(proc.join("stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let status = std::fs::read_to_string(proc.join("status")).unwrap();
    let io = std::fs::read_to_string(proc.join("io")).unwrap();
    let io = io.lines().filter_map(|line| {
        let (name, count) = line.split_once(": ")?;
        matches!(name, "rchar" | "wchar").then(|| count.parse::<u64>().ok())?
    });
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    Usage {
        cpu_ns: tasks.map(|task| ns(task.path())).sum(),
        io: io.sum(),
        // Minor and major page faults.
        faults: fields[7].parse::<u64>().unwrap() + fields[9].parse::<u64>().unwrap(),
        rss_kib: rss.split_whitespace().next().unwrap().parse().unwrap(),
    }
}

fn measure(hosts: u16, timing: Timing, seconds: Duration, suffix: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut guard = Guard::start(&dir.path().join("h1"), timing.t_wd_ms);
    let mut peers = Peers::new(hosts, timing, dir.path());
    guard.ask(1, GuardCommand::Arm(Box::new(peers.config(0))));
    // Not the guard, which has its own priority: the others are to beat in time beside other work.
    if let Err(error) = rustix::process::setpriority_process(None, -20) {
        println!("# the peers have no priority: {error}");
    }
    let formed = Instant::now();
    let mut whole = false;
    while !whole {
        peers.turn();
        guard.feed();
        let all = |state: GuardState| {
            let members = state.epoch.map_or(0, |epoch| epoch.members.len());
            state.permit.is_some() && members == usize::from(hosts)
        };
        whole = guard.states.try_iter().any(all);
        assert!(formed.elapsed() < FORM_WAIT, "no membership of {hosts}: {}", peers.view());
    }
    let settled = Instant::now();
    while settled.elapsed() < SETTLE {
        peers.turn();
        guard.feed();
    }
    let pid = guard.child.id();
    let said_before = guard.said.load(Ordering::Relaxed);
    let (before, begun) = (usage(pid), Instant::now());
    peers.forget();
    while begun.elapsed() < seconds {
        peers.turn();
        guard.feed();
    }
    let said = guard.said.load(Ordering::Relaxed) - said_before;
    let (after, took) = (usage(pid), begun.elapsed().as_secs_f64());
    let Traffic { sent, received, late } = peers.traffic();
    let last = guard.states.try_iter().last();
    let still = last.is_none_or(|state| {
        state.permit.is_some() && state.epoch.is_some_and(|e| e.members.len() == usize::from(hosts))
    });
    assert!(still, "the membership of {hosts} broke: this machine was too busy for the peers");
    let per_s = |value: f64| value / took;
    let figure = |name: &str, value: f64, unit: &str| {
        println!("figure guard_{name}_{hosts}{suffix} {value:.2} {unit}");
    };
    let cpu = per_s((after.cpu_ns - before.cpu_ns) as f64) / 1e7;
    figure("cpu", cpu, "%");
    figure("statefile_bytes_per_s", per_s((after.io - before.io - said) as f64), "B/s");
    figure("control_bytes_per_s", per_s(said as f64), "B/s");
    figure("net_bytes_per_s", per_s((sent + received) as f64), "B/s");
    figure("rss", after.rss_kib as f64 / 1024.0, "MiB");
    figure("page_faults_per_s", per_s((after.faults - before.faults) as f64), "1/s");
    if late > Duration::from_millis(u64::from(timing.beat_ms)) {
        println!("# the peers were late by up to {} ms: a busy machine", late.as_millis());
    }
}
