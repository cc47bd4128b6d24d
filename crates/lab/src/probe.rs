//! Asks guests for an echo all the time, to know when they are silent and for how long.
//!
//! The sending process stands in the network of the hosts' gateway, as a client of the guests
//! would; its reports come over a pipe.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::guest::deed::ECHO_PORT;
use crate::lab::Lab;

/// What is known of one guest.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// When it answered last.
    pub last: Instant,
    /// Answers so far.
    pub answers: u64,
    /// The longest silence between two answers since [`Prober::forget_gaps`].
    pub longest_gap: Duration,
}

type Table = Arc<(Mutex<BTreeMap<String, Seen>>, Condvar)>;

/// A running prober.
#[derive(Debug)]
pub struct Prober {
    process: Child,
    table: Table,
}

impl Prober {
    /// Starts to ask the guests at `addresses`, each once per `interval`.
    pub fn start(lab: &Lab, addresses: &[String], interval: Duration) -> Result<Self> {
        let mut process = lab
            .outside(lab.config().program())?
            .arg("probe")
            .arg("--interval-ms")
            .arg(interval.as_millis().to_string())
            .args(addresses)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the prober")?;
        let out = process.stdout.take().context("stdout of the prober")?;
        let table = Table::default();
        let reading = Arc::clone(&table);
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                note(&reading, &line);
            }
        });
        Ok(Self { process, table })
    }

    /// What is known of a guest; `None`: it has never answered.
    pub fn seen(&self, address: &str) -> Option<Seen> {
        lock(&self.table).get(address).copied()
    }

    /// Waits for the first answer of a guest after `since`; returns when it came.
    pub fn answer_after(&self, address: &str, since: Instant, wait: Duration) -> Result<Instant> {
        let end = Instant::now() + wait;
        let mut table = lock(&self.table);
        loop {
            if let Some(seen) = table.get(address).filter(|s| s.last > since) {
                return Ok(seen.last);
            }
            let now = Instant::now();
            if now >= end {
                bail!("guest {address} did not answer within {} s", wait.as_secs());
            }
            let waited = self.table.1.wait_timeout(table, end - now);
            table = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Begins to measure silences anew.
    pub fn forget_gaps(&self) {
        for seen in lock(&self.table).values_mut() {
            seen.longest_gap = Duration::ZERO;
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Takes a line `ADDRESS MICROSECONDS`: an answer, and the time since the one before (0: first).
fn note(table: &Table, line: &str) {
    let Some((address, gap)) = line.split_once(' ') else { return };
    let gap = Duration::from_micros(gap.parse().unwrap_or_default());
    let now = Instant::now();
    let mut seen = lock(table);
    let entry = seen.entry(address.to_owned()).or_insert(Seen {
        last: now,
        answers: 0,
        longest_gap: Duration::ZERO,
    });
    entry.last = now;
    entry.answers += 1;
    entry.longest_gap = entry.longest_gap.max(gap);
    table.1.notify_all();
}

fn lock(table: &Table) -> MutexGuard<'_, BTreeMap<String, Seen>> {
    table.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sending process.
pub fn run(addresses: &[String], interval: Duration) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    let targets: Vec<SocketAddr> = addresses
        .iter()
        .map(|a| format!("{a}:{ECHO_PORT}").parse().with_context(|| a.clone()))
        .collect::<Result<_>>()?;
    let sender = socket.try_clone()?;
    thread::spawn(move || {
        loop {
            for target in &targets {
                // A guest that is away is what is to be found out.
                let _ = sender.send_to(b"?", target);
            }
            thread::sleep(interval);
        }
    });
    let mut last: BTreeMap<SocketAddr, Instant> = BTreeMap::new();
    let mut out = std::io::stdout();
    let mut bytes = [0; 64];
    loop {
        let Ok((_, from)) = socket.recv_from(&mut bytes) else { continue };
        let now = Instant::now();
        let gap = last.insert(from, now).map_or(0, |before| (now - before).as_micros());
        writeln!(out, "{} {gap}", from.ip())?;
        out.flush()?;
    }
}
