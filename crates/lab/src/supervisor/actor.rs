//! One thread per host: takes its commands in order, feeds its watchdog's clock, sees its end.

use std::collections::BTreeMap;
use std::fs;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::log::event;
use super::net;
use super::power::{Running, Surroundings, raw_pid};
use crate::config::LabConfig;
use crate::protocol::{Direction, HostCommand, HostStatus, Link, Power, Process};
use crate::storage::faults::{Channel, ServerCommand, StorageSwitch};

/// How often the watchdog and the host's life are looked at.
const TICK: Duration = Duration::from_millis(10);
/// How long a host stays dark between off and on when it is reset.
const RESET_PAUSE: Duration = Duration::from_millis(300);

/// A command and where its outcome goes.
pub(super) type Message = (HostCommand, Sender<Result<HostStatus>>);

/// A host, on or off.
#[derive(Debug)]
pub(super) struct Actor {
    config: LabConfig,
    n: u32,
    infrastructure: u32,
    running: Option<Running>,
    on_at: Option<Instant>,
    frozen: bool,
    cut_lan: Option<Direction>,
    cut_sto: Option<Direction>,
    storage: StorageSwitch,
    /// Exports with switches of their own.
    exports: BTreeMap<u8, StorageSwitch>,
    disk: StorageSwitch,
    bites: u32,
    boots: u32,
}

impl Actor {
    /// A host that is off.
    pub(super) fn new(config: LabConfig, n: u32, infrastructure: u32) -> Self {
        Self {
            config,
            n,
            infrastructure,
            running: None,
            on_at: None,
            frozen: false,
            cut_lan: None,
            cut_sto: None,
            storage: StorageSwitch::default(),
            exports: BTreeMap::new(),
            disk: StorageSwitch::default(),
            bites: 0,
            boots: 0,
        }
    }

    /// Runs until the senders are gone, then powers off.
    pub(super) fn run(mut self, commands: &Receiver<Message>) {
        loop {
            match commands.recv_timeout(TICK) {
                Ok((command, answer)) => {
                    let outcome = self.command(&command).map(|()| self.status());
                    if let Err(error) = &outcome {
                        event(&format!("h{} {command:?}: {error:#}", self.n));
                    }
                    // The asker may have gone.
                    let _ = answer.send(outcome);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Err(error) = self.look() {
                event(&format!("h{}: {error:#}", self.n));
            }
        }
        if let Err(error) = self.power_off() {
            event(&format!("h{}: {error:#}", self.n));
        }
    }

    /// The watchdog's clock, the host's own end, a planned power-on.
    fn look(&mut self) -> Result<()> {
        if let Some(running) = &mut self.running {
            if running.watchdog.poll() && self.config.watchdog_bites {
                self.bites += 1;
                event(&format!("h{} watchdog bites", self.n));
                return self.reset();
            }
            if let Some(to_off) = running.ended() {
                event(&format!("h{} ended by itself, power off: {to_off}", self.n));
                return if to_off { self.power_off() } else { self.reset() };
            }
        }
        if self.on_at.is_some_and(|at| Instant::now() >= at) {
            self.on_at = None;
            self.power_on()?;
        }
        Ok(())
    }

    fn command(&mut self, command: &HostCommand) -> Result<()> {
        match *command {
            HostCommand::Status => Ok(()),
            HostCommand::On => self.power_on(),
            HostCommand::Off => {
                self.on_at = None;
                self.power_off()
            }
            HostCommand::Reset | HostCommand::Bite => self.reset(),
            HostCommand::Freeze => self.freeze(true),
            HostCommand::Thaw => self.freeze(false),
            HostCommand::Cut { link, direction } => self.cut(link, Some(direction)),
            HostCommand::Heal { link } => match link {
                Some(link) => self.cut(link, None),
                None => self.cut(Link::Lan, None).and_then(|()| self.cut(Link::Sto, None)),
            },
            HostCommand::Storage { switch, export: None } => {
                self.storage = switch;
                self.exports.clear();
                self.tell_storage(Channel::Nfs)
            }
            HostCommand::Storage { switch, export: Some(export) } => {
                self.exports.insert(export, switch);
                self.tell_storage(Channel::Nfs)
            }
            HostCommand::Disk { switch } => {
                self.disk = switch;
                self.tell_storage(Channel::Disk)
            }
            HostCommand::Kill { process, signal } => self.kill(process, signal),
        }
    }

    fn power_on(&mut self) -> Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let around = Surroundings {
            switches: [Channel::Nfs, Channel::Disk].map(|c| self.switches(c)).concat(),
            cuts: [(Link::Lan, self.cut_lan), (Link::Sto, self.cut_sto)],
        };
        let begun = Instant::now();
        let running = Running::start(&self.config, self.n, self.infrastructure, &around)?;
        self.running = Some(running);
        self.on_at = None;
        self.boots += 1;
        event(&format!("h{} on, {} ms", self.n, begun.elapsed().as_millis()));
        Ok(())
    }

    fn power_off(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        self.frozen = false;
        let begun = Instant::now();
        let outcome = running.stop(self.n, self.infrastructure);
        event(&format!("h{} off, {} ms", self.n, begun.elapsed().as_millis()));
        outcome
    }

    fn reset(&mut self) -> Result<()> {
        self.power_off()?;
        self.on_at = Some(Instant::now() + RESET_PAUSE);
        Ok(())
    }

    fn freeze(&mut self, on: bool) -> Result<()> {
        let Some(running) = &self.running else { bail!("h{} is off", self.n) };
        let complete = running.group().freeze(on)?;
        self.frozen = on;
        let how = if complete { "" } else { ", except for what is stuck in the kernel" };
        event(&format!("h{} {}{how}", self.n, if on { "frozen" } else { "thawed" }));
        Ok(())
    }

    fn cut(&mut self, link: Link, cut: Option<Direction>) -> Result<()> {
        match link {
            Link::Lan => self.cut_lan = cut,
            Link::Sto => self.cut_sto = cut,
        }
        event(&format!("h{} {link:?} cut: {cut:?}", self.n));
        // A cut outlasts the cable: what is healed while the host is off must be taken away too.
        if self.running.is_some() || cut.is_none() {
            net::cut(self.infrastructure, self.n, link, cut)?;
        }
        if link == Link::Sto { self.tell_storage(Channel::Nfs) } else { Ok(()) }
    }

    /// What makes the storage server's switches what they should be.
    fn switches(&self, channel: Channel) -> Vec<ServerCommand> {
        if channel == Channel::Disk {
            return vec![ServerCommand { channel, export: None, switch: self.disk, cut: None }];
        }
        let cut = self.cut_sto;
        let all = ServerCommand { channel, export: None, switch: self.storage, cut };
        let own = self.exports.iter().map(|(export, switch)| ServerCommand {
            channel,
            export: Some(*export),
            switch: *switch,
            cut,
        });
        std::iter::once(all).chain(own).collect()
    }

    fn tell_storage(&mut self, channel: Channel) -> Result<()> {
        for command in self.switches(channel) {
            let ServerCommand { export, switch, cut, .. } = &command;
            event(&format!("h{} {channel:?} {export:?}: {switch}, cut {cut:?}", self.n));
            if let Some(running) = &mut self.running {
                running.storage(&command)?;
            }
        }
        Ok(())
    }

    fn kill(&mut self, process: Process, signal: i32) -> Result<()> {
        let Some(running) = &self.running else { bail!("h{} is off", self.n) };
        let signal = Signal::from_named_raw(signal).context("no such signal")?;
        let mut hit = 0;
        for pid in running.group().processes() {
            let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if comm.starts_with(process.comm())
                && let Some(pid) = raw_pid(pid)
            {
                rustix::process::kill_process(pid, signal)?;
                hit += 1;
            }
        }
        event(&format!("h{} {process:?} got signal {}, {hit} times", self.n, signal.as_raw()));
        if hit == 0 {
            bail!("h{}: no {} runs", self.n, process.comm());
        }
        Ok(())
    }

    fn status(&self) -> HostStatus {
        let power = match (&self.running, self.frozen) {
            (None, _) => Power::Off,
            (Some(_), true) => Power::Frozen,
            (Some(_), false) => Power::On,
        };
        HostStatus {
            host: self.n,
            power,
            init_pid: self.running.as_ref().map(Running::init),
            cut_lan: self.cut_lan,
            cut_sto: self.cut_sto,
            storage: self.storage,
            disk: self.disk,
            watchdog_armed: self.running.as_ref().is_some_and(|r| r.watchdog.is_armed()),
            bites: self.bites,
            boots: self.boots,
        }
    }
}
