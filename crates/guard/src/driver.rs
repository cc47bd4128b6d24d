//! The loop: the one thread that owns the machine.
//!
//! Owns: clients, the present arming, the pushes of the state. Every other thread only sends
//! events; the loop never waits for a disk, a peer, a client or a process.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use haven_block_io::{boottime_ns, mark};
use haven_cluster::control::{
    ArmConfig, EpochView, GuardCommand, GuardLine, GuardPhase, GuardRefusal, GuardReply,
    GuardRequest, GuardState,
};
use haven_cluster::ids::Incarnation;
use haven_cluster::{BootInfo, Input};

use crate::config::Config;
use crate::control::{Client, Lines};
use crate::event::{ClientId, Event, Seen};
use crate::fence::Fencer;
use crate::membership::{Membership, Step};
use crate::pending::Pending;
use crate::{boot, format, log, spawn};

/// Interval of pushes while idle.
const IDLE_PUSH_NS: u64 = 1_000_000_000;
/// Silence of the pool daemon after which it counts as dead.
const HAVEND_SILENCE_NS: u64 = 15_000_000_000;
/// Events taken before the clock is looked at again.
const BATCH_MAX: usize = 64;
/// Code of a request that this guard does not know.
const UNKNOWN: &str = "MESSAGE_METHOD_UNKNOWN";
/// Clients at the same time.
const CLIENTS_MAX: usize = 16;
/// How many may look at the same time whether guests run.
const LOOKS_MAX: u32 = 4;

/// The loop's state.
pub(crate) struct Driver {
    config: Config,
    fencer: Fencer,
    sender: SyncSender<Event>,
    clients: BTreeMap<ClientId, Client>,
    membership: Option<Membership>,
    terms: u64,
    pending: Pending,
    /// What was pushed last: room for what comes next.
    pushed: Option<Box<GuardState>>,
    lines: Lines,
    pushes: u64,
    pushed_at_ns: u64,
    dirty: bool,
    running: u32,
    heard_ns: Option<u64>,
    alive: bool,
    formatting: bool,
    /// Somebody looks whether the daemon is right that no guest runs.
    looking: bool,
    /// How many look whether guests run, for whatever command.
    looks: u32,
    /// The last epoch of a membership that ended: tells havend that the pool is disarmed.
    last_epoch: Option<EpochView>,
    logged: Option<(GuardPhase, Option<EpochView>, bool)>,
}

impl Driver {
    /// A loop without a membership.
    pub(crate) fn new(config: Config, sender: SyncSender<Event>) -> Self {
        Self {
            fencer: Fencer::new(&config),
            config,
            sender,
            clients: BTreeMap::new(),
            membership: None,
            terms: 0,
            pending: Pending::default(),
            pushed: None,
            lines: Lines::default(),
            pushes: 0,
            pushed_at_ns: 0,
            dirty: true,
            running: 0,
            heard_ns: None,
            alive: false,
            formatting: false,
            looking: false,
            looks: 0,
            last_epoch: None,
            logged: None,
        }
    }

    /// Runs until this incarnation is over.
    pub(crate) fn run(mut self, events: &Receiver<Event>) -> ExitCode {
        let mut steps = Vec::new();
        loop {
            match events.recv_timeout(self.wait()) {
                Ok(event) => self.take(event, &mut steps),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return ExitCode::FAILURE,
            }
            for event in events.try_iter().take(BATCH_MAX) {
                self.take(event, &mut steps);
            }
            self.check_havend(&mut steps);
            if let Some(membership) = &mut self.membership {
                membership.tick(&mut steps);
                membership.feed();
            }
            for step in steps.drain(..) {
                if let Some(exit) = self.follow(step) {
                    return exit;
                }
            }
            self.push_if_due();
        }
    }

    fn wait(&self) -> Duration {
        let now = boottime_ns();
        let push = if self.dirty { now } else { self.pushed_at_ns + self.push_interval_ns() };
        let machine = self.membership.as_ref().map_or(u64::MAX, Membership::deadline_ns);
        Duration::from_nanos(push.min(machine).saturating_sub(now))
    }

    fn push_interval_ns(&self) -> u64 {
        let beat = |membership: &Membership| u64::from(membership.config().timing.beat_ms);
        self.membership.as_ref().map_or(IDLE_PUSH_NS, |membership| beat(membership) * 1_000_000)
    }

    fn take(&mut self, event: Event, steps: &mut Vec<Step>) {
        match event {
            Event::Datagram { network, bytes } => {
                self.input(Input::Datagram { network, bytes: &bytes }, steps);
            }
            Event::Io { term, done } => {
                if let Some(membership) = &mut self.membership {
                    membership.io_done(term, done, steps);
                }
            }
            Event::Isolation { reached } => self.input(Input::Isolation { reached }, steps),
            Event::Fenced(report) => {
                log::info(&format!("fencer: {}", report.text));
                self.input(Input::Fenced { clean: report.clean }, steps);
            }
            Event::Formatted { client, id, result } => {
                self.formatting = false;
                self.reply(client, GuardReply { id, result });
            }
            Event::Looked { client, id, command, seen } => {
                self.looks -= 1;
                self.looked((client, id), command, seen, steps);
            }
            Event::Connected(id, client) => {
                if self.clients.len() < CLIENTS_MAX {
                    self.clients.insert(id, client);
                    self.dirty = true;
                }
            }
            Event::Closed(id) => {
                self.clients.remove(&id);
            }
            Event::Request(client, request) => self.request(client, request, steps),
            Event::Unknown { client, id } => {
                self.heard_ns = Some(boottime_ns());
                let text = "the guard of this host is older than its pool daemon and does not \
                            know this request; restart the host in order to replace it";
                self.reply(client, GuardReply { id, result: Err(refusal(UNKNOWN, text)) });
            }
        }
    }

    fn input(&mut self, input: Input<'_>, steps: &mut Vec<Step>) {
        if let Some(membership) = &mut self.membership {
            membership.handle(input, steps);
        }
    }

    fn request(&mut self, client: ClientId, request: GuardRequest, steps: &mut Vec<Step>) {
        self.heard_ns = Some(boottime_ns());
        let id = request.id;
        match request.command {
            GuardCommand::Status => {
                self.reply(client, GuardReply { id, result: Ok(()) });
                self.dirty = true;
            }
            GuardCommand::Format(config) => {
                if let Err(refusal) = self.format(client, id, config) {
                    self.reply(client, GuardReply { id, result: Err(refusal) });
                }
            }
            GuardCommand::Arm(config) => match self.learn_host() {
                Ok(()) => self.look(client, id, GuardCommand::Arm(config), steps),
                Err(refusal) => self.refuse_arming(client, id, refusal),
            },
            // The answer that is on its way is as good.
            GuardCommand::Load { running: 0, .. } if self.looking => {
                self.reply(client, GuardReply { id, result: Ok(()) });
            }
            // A daemon that has just started says so before it has asked the hypervisor.
            command @ (GuardCommand::Load { running: 0, .. } | GuardCommand::Exclude) => {
                self.look(client, id, command, steps);
            }
            command => self.pass_on(client, id, command, steps),
        }
    }

    /// What `guard.toml` says now holds for the next arming: the pre-flight judged that, and a guard is
    /// not started anew for it. An armed one stays as it is.
    fn learn_host(&mut self) -> Result<(), GuardRefusal> {
        if self.membership.is_none() {
            self.config.reload().map_err(|error| startup_failed(&error.to_string()))?;
            self.fencer = Fencer::new(&self.config);
        }
        Ok(())
    }

    fn refuse_arming(&mut self, client: ClientId, id: u64, refusal: GuardRefusal) {
        log::error(&format!("not armed: {}", refusal.text));
        self.reply(client, GuardReply { id, result: Err(refusal) });
        self.dirty = true;
    }

    /// Has somebody look whether guests run, which may take longer than a beat; then the command
    /// is carried out.
    fn look(&mut self, client: ClientId, id: u64, command: GuardCommand, steps: &mut Vec<Step>) {
        let load = matches!(command, GuardCommand::Load { .. });
        let (fencer, events, looked) = (self.fencer.clone(), self.sender.clone(), command.clone());
        let started = self.looks < LOOKS_MAX
            && spawn("guests", move || {
                let runs = fencer.vm_runs();
                let leaves = !runs && matches!(looked, GuardCommand::Exclude);
                let seen = Seen { runs, writes: leaves.then(|| fencer.writes_left()).flatten() };
                let event = Event::Looked { client, id, command: looked, seen };
                let _ended: Result<(), _> = events.send(event);
            })
            .is_ok();
        if started {
            self.looks += 1;
            self.looking |= load;
        } else {
            // Whoever cannot look believes the worse.
            self.looked((client, id), command, Seen { runs: true, writes: None }, steps);
        }
    }

    /// Carries out a command for which it had to be known whether guests run.
    fn looked(
        &mut self,
        (client, id): (ClientId, u64),
        command: GuardCommand,
        Seen { runs, writes }: Seen,
        steps: &mut Vec<Step>,
    ) {
        match command {
            GuardCommand::Load { protected, .. } => {
                self.looking = false;
                let load = GuardCommand::Load { running: u32::from(runs), protected };
                self.pass_on(client, id, load, steps);
            }
            GuardCommand::Arm(config) => match self.arm(*config, runs) {
                Ok(()) => {
                    self.reply(client, GuardReply { id, result: Ok(()) });
                    self.dirty = true;
                }
                Err(refusal) => self.refuse_arming(client, id, refusal),
            },
            GuardCommand::Exclude if runs => {
                let text = "virtual machines still run on this host; move or stop them first";
                self.reply(client, GuardReply { id, result: Err(refusal("HOST_IN_USE", text)) });
            }
            GuardCommand::Exclude if writes.is_some() => {
                let left = writes.unwrap_or_default();
                let text = format!(
                    "what virtual machines wrote here may still be on its way to its storage ({left}); \
                     try again when the storage answers"
                );
                self.reply(client, GuardReply { id, result: Err(refusal("HOST_IN_USE", &text)) });
            }
            command => self.pass_on(client, id, command, steps),
        }
    }

    /// Commands of the machine; while there is none, only those that have nothing to do succeed.
    fn pass_on(&mut self, client: ClientId, id: u64, command: GuardCommand, steps: &mut Vec<Step>) {
        if let GuardCommand::Load { running, .. } = command {
            self.running = running;
        }
        let idle = matches!(
            command,
            GuardCommand::Load { .. }
                | GuardCommand::Exclude
                | GuardCommand::EmergencyDisarm
                | GuardCommand::DatabaseDrained { .. }
                | GuardCommand::DatabaseClosed
        );
        if self.membership.is_none() {
            let refusal = || refusal("HA_NOT_ENABLED", "high availability is not armed here");
            let result = if idle { Ok(()) } else { Err(refusal()) };
            return self.reply(client, GuardReply { id, result });
        }
        let (number, oldest) = self.pending.add((client, id));
        if let Some((client, id)) = oldest {
            let text =
                "too many newer requests wait; whether this one was carried out is not known";
            self.reply(client, GuardReply { id, result: Err(refusal("TOO_BUSY", text)) });
        }
        self.input(Input::Command { id: number, command }, steps);
    }

    fn format(
        &mut self,
        client: ClientId,
        id: u64,
        config: Box<ArmConfig>,
    ) -> Result<(), GuardRefusal> {
        if self.membership.is_some() {
            return Err(refusal("HA_IS_ENABLED", "this host is armed; disarm it first"));
        }
        if self.formatting {
            return Err(refusal("HA_ENABLE_IN_PROGRESS", "a statefile is being formatted"));
        }
        let events = self.sender.clone();
        let started = spawn("format", move || {
            let result = format::format(&config);
            let _ended: Result<(), _> = events.send(Event::Formatted { client, id, result });
        });
        self.formatting = started.is_ok();
        started.map_err(|error| startup_failed(&error.to_string()))
    }

    fn arm(&mut self, config: ArmConfig, runs: bool) -> Result<(), GuardRefusal> {
        if let Some(membership) = &self.membership {
            return if *membership.config() == config {
                Ok(())
            } else {
                Err(refusal("HA_IS_ENABLED", "this host is armed under another configuration"))
            };
        }
        let failed = |error: &dyn std::fmt::Display| startup_failed(&error.to_string());
        let incarnation = boot::next_incarnation(&self.config.incarnation(), Incarnation(0))
            .map_err(|error| failed(&error))?;
        let running = self.running.max(u32::from(runs));
        let boot = BootInfo {
            host: config.host,
            incarnation,
            now: haven_cluster::ids::Instant(boottime_ns()),
            booted_at: boot::booted_at(),
            running,
        };
        self.terms += 1;
        let membership = Membership::start(config, boot, &self.config, self.terms, &self.sender)
            .map_err(|error| failed(&error))?;
        mark::set(&self.config.mark(), &format!("incarnation {}\n", incarnation.0))
            .map_err(|error| failed(&error))?;
        if self.config.file.gate_cgroups.is_empty() {
            log::warn("no gate_cgroups are configured: fencing cannot stop havend and libvirtd");
        }
        if self.config.is_xen() {
            log::info("the guests here are domains of Xen: to fence this host is to reset it");
        }
        log::info(&format!("armed as incarnation {}", incarnation.0));
        self.last_epoch = None;
        self.membership = Some(membership);
        Ok(())
    }

    fn check_havend(&mut self, steps: &mut Vec<Step>) {
        let Some(heard) = self.heard_ns else { return };
        let alive = boottime_ns().saturating_sub(heard) < HAVEND_SILENCE_NS;
        if alive != self.alive {
            self.alive = alive;
            self.input(Input::HavendHealth { alive }, steps);
        }
    }

    fn follow(&mut self, step: Step) -> Option<ExitCode> {
        match step {
            Step::Reply(reply) => {
                if let Some((client, id)) = self.pending.take(reply.id) {
                    self.reply(client, GuardReply { id, result: reply.result });
                }
            }
            Step::StateChanged => self.dirty = true,
            Step::Restart { above } => return Some(self.end_incarnation(above)),
            Step::Left { disarmed } => self.leave(disarmed),
        }
        None
    }

    fn end_incarnation(&mut self, above: Incarnation) -> ExitCode {
        self.push();
        let raised = boot::raise_to(&self.config.incarnation(), above);
        let unmarked = mark::remove(&self.config.mark());
        if let (Ok(()), Ok(())) = (&raised, &unmarked) {
            log::info("this incarnation is over; the next one starts");
            return ExitCode::SUCCESS;
        }
        let why = format!("the end of the incarnation is not recorded: {raised:?} {unmarked:?}");
        crate::reset::reset(self.config.file.reset, &why)
    }

    fn leave(&mut self, disarmed: bool) {
        if let Some(membership) = self.membership.take() {
            let mut state = GuardState::idle();
            membership.fill_state(&mut state);
            self.last_epoch = state.epoch;
        }
        if let Some(epoch) = self.last_epoch.as_mut().filter(|_| disarmed) {
            epoch.armed = false;
        }
        if let Err(error) = mark::remove(&self.config.mark()) {
            log::error(&format!("the mark of this boot stays: {error}"));
        }
        log::info(if disarmed { "disarmed" } else { "left the membership in order" });
        for (client, id) in self.pending.end() {
            self.reply(client, GuardReply { id, result: Ok(()) });
        }
        self.dirty = true;
    }

    fn fill_state(&self, state: &mut GuardState) {
        match &self.membership {
            Some(membership) => {
                membership.fill_state(state);
                // A machine that says "idle" is about to leave, but its mark and its sockets are
                // still there.
                if state.phase == GuardPhase::Idle {
                    state.phase = GuardPhase::Joining("the end of this membership".to_owned());
                }
            }
            None => {
                *state = GuardState { epoch: self.last_epoch.clone(), ..GuardState::idle() };
            }
        }
    }

    fn push_if_due(&mut self) {
        if self.dirty || boottime_ns() >= self.pushed_at_ns + self.push_interval_ns() {
            self.push();
        }
    }

    fn push(&mut self) {
        self.pushes += 1;
        let mut state = self.pushed.take().unwrap_or_else(|| Box::new(GuardState::idle()));
        self.fill_state(&mut state);
        state.sequence = self.pushes;
        self.note(&state);
        let line = GuardLine::State(state);
        let text = self.lines.encode(&line);
        if let GuardLine::State(state) = line {
            self.pushed = Some(state);
        }
        self.clients.retain(|_, client| client.post(&text));
        self.pushed_at_ns = boottime_ns();
        self.dirty = false;
    }

    fn reply(&mut self, client: ClientId, reply: GuardReply) {
        let text = self.lines.encode(&GuardLine::Reply(reply));
        if self.clients.get(&client).is_some_and(|client| !client.post(&text)) {
            self.clients.remove(&client);
        }
    }

    /// Changes that the journal should show.
    fn note(&mut self, state: &GuardState) {
        let same = |(phase, epoch, acts): &(GuardPhase, Option<EpochView>, bool)| {
            *phase == state.phase && *epoch == state.epoch && *acts == state.may_act
        };
        if self.logged.as_ref().is_some_and(same) {
            return;
        }
        let epoch = state.epoch.as_ref().map_or_else(
            || "no epoch".to_owned(),
            |epoch| {
                let members = epoch.members.len();
                let coordinator = epoch.coordinator.host.0;
                format!("epoch {}: {members} members, coordinator {coordinator}", epoch.number.0)
            },
        );
        let acts = if state.may_act { ", may act" } else { "" };
        log::info(&format!("{:?}, {epoch}{acts}", state.phase));
        self.logged = Some((state.phase.clone(), state.epoch.clone(), state.may_act));
    }
}

fn refusal(code: &str, text: &str) -> GuardRefusal {
    GuardRefusal { code: code.to_owned(), text: text.to_owned() }
}

fn startup_failed(text: &str) -> GuardRefusal {
    refusal("HA_HEARTBEAT_DAEMON_STARTUP_FAILED", text)
}
