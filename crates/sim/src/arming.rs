//! A pool that is armed while a story is told: by whom, step by step, and what comes between.
//!
//! Owns: what each step does to the simulated hosts, and which of them refuse or die as they are armed.
//! Which step is next, what a failure leaves and how an arming ends that was cut short is production's
//! code (`haven_failover::arming`). Pools of storms were armed before they began, and nothing here is
//! asked about them.

use std::collections::BTreeSet;

use haven_cluster::Input;
use haven_cluster::control::{ArmConfig, GuardCommand};
use haven_cluster::ids::{HostId, Incarnation, Life};
use haven_cluster::invariant::Chain;
use haven_cluster::statefile::format_writes;
use haven_failover::arming::{Answer, Arming, End, Half, Looks, Step, Told, Unfit, founded};
use haven_failover::reminder::{self, Due, Off};

use crate::database::{DbHost, Metadata, owner};
use crate::disk::{Path, Volume};
use crate::event::Event;
use crate::options::identity;
use crate::world::{MS, World};

/// How often a daemon looks after an arming that somebody may have begun (`havend` does the same).
const LOOK: u64 = 2_000 * MS;
/// How often is looked whether what is waited for has come.
const POLL: u64 = 50 * MS;
/// Longest wait for the answers of hosts that were told something.
const ANSWER: u64 = 5_000 * MS;
/// Waits besides the time-outs, for the first epoch and for guards to leave.
const WAIT: u64 = 25_000 * MS;

/// What happens while a pool is armed.
#[derive(Clone, Debug)]
pub(crate) enum ArmingEvent {
    /// The step that waits is looked at.
    Poll { run: u64 },
    /// An order reaches a host: be armed, or leave.
    Reaches { host: usize, run: u64, config: Option<Box<ArmConfig>> },
    /// The daemon of a host looks after what others may have begun.
    Look { host: usize, boot: u64 },
}

/// All armings of a story.
#[derive(Debug, Default)]
pub(crate) struct Arms {
    /// The pool was not armed when the story began.
    pub(crate) began_off: bool,
    /// Its database says that it is armed.
    recorded: bool,
    run: Option<Run>,
    /// Counts armings.
    number: u64,
    unwilling: BTreeSet<usize>,
    dying: BTreeSet<usize>,
    ended: Option<(End, String)>,
    /// What is remembered of the time in which it is off.
    off: Option<Off>,
    /// Hours between reminders of that; `None`: as it is where nobody said anything.
    remind_hours: Option<u64>,
    /// How often somebody was reminded.
    pub(crate) reminded: u32,
}

/// An arming under way.
#[derive(Debug)]
struct Run {
    number: u64,
    by: usize,
    /// Life of the host, and of its daemon: it ends with them.
    life: (u64, u64),
    arming: Arming<String>,
    /// Until when the present step waits.
    until: u64,
    answers: Vec<(HostId, Told<String>)>,
}

/// What a host keeps of an arming.
#[derive(Debug, Default)]
pub(crate) struct Paper {
    /// Its disk says that it is armed, and how.
    pub(crate) config: Option<Box<ArmConfig>>,
    looks: Looks,
}

impl World {
    /// Whether the pool's database says that it is armed; it always does in a storm.
    pub(crate) fn is_recorded(&self) -> bool {
        !self.arms.began_off || self.arms.recorded
    }

    /// A guard that starts is told to be armed by nobody.
    pub(crate) fn stays_unarmed(&self, host: usize) -> bool {
        let paper = self.hosts.get(host).is_some_and(|h| h.paper.config.is_some());
        self.arms.began_off && !paper
    }

    /// The host, or its disk, is armed.
    #[must_use]
    pub fn is_armed(&self, host: usize) -> bool {
        let armed = |h: &crate::host::Host| h.paper.config.is_some() || h.machine.is_some();
        self.hosts.get(host).is_some_and(armed)
    }

    /// How the last arming ended, if that was so and for this reason.
    #[must_use]
    pub fn arming_ended(&self, end: End, why: &str) -> bool {
        self.arms.ended.as_ref().is_some_and(|(so, text)| *so == end && text.contains(why))
    }

    /// Makes a host refuse to be armed, or agree to it; or lose its power as it is armed.
    pub(crate) fn set_armable(&mut self, host: usize, willing: bool, dies: bool) {
        match willing {
            true => self.arms.unwilling.remove(&host),
            false => self.arms.unwilling.insert(host),
        };
        if dies {
            self.arms.dying.insert(host);
        }
    }

    /// Its host got power: its daemon looks from now on.
    pub(crate) fn begin_looks(&mut self, host: usize, boot: u64) {
        if self.arms.began_off {
            self.after(LOOK, Event::Arming(ArmingEvent::Look { host, boot }));
        }
    }

    /// The operators want to be reminded every so many hours.
    pub(crate) fn remind_every(&mut self, hours: u64) {
        self.arms.remind_hours = Some(hours);
    }

    /// How often somebody was reminded that the pool is off.
    #[must_use]
    pub fn reminded(&self) -> u32 {
        self.arms.reminded
    }

    /// The daemon that coordinates looks whether the pool was forgotten.
    fn remind(&mut self, host: usize) {
        let wall_ms = self.wall_ms(host);
        let every = self.arms.remind_hours.unwrap_or(reminder::EVERY_HOURS);
        let facts = (self.arms.recorded, self.options.vms > 0);
        match reminder::due(self.arms.off, facts, every, wall_ms) {
            Due::Nothing => {}
            Due::Forget => self.arms.off = None,
            Due::Note(off) => self.arms.off = Some(off),
            Due::Remind(off) => {
                self.arms.off = Some(off);
                self.arms.reminded += 1;
                let hours = off.hours(wall_ms);
                self.log(|| {
                    format!("host {host} reminds that the pool has been off for {hours} h")
                });
            }
        }
    }

    /// The guard of a host has left the membership.
    pub(crate) fn forget_paper(&mut self, host: usize) {
        if std::mem::take(&mut self.arms.recorded) {
            self.arms.off = Some(Off::since(self.wall_ms(host)));
        }
        if let Some(h) = self.hosts.get_mut(host).filter(|_| self.arms.began_off) {
            h.paper = Paper::default();
            h.shaped.config = None;
        }
    }

    /// The operators arm the pool.
    pub(crate) fn arm_pool(&mut self) {
        let by = self.index_of(self.config.first_coordinator).unwrap_or(0);
        let there = self.hosts.get(by).is_some_and(|h| h.powered && !h.daemon.held(self.now));
        let busy = (0..self.hosts.len()).any(|host| self.is_armed(host)) || self.arms.run.is_some();
        if !there || busy || !self.arms.began_off {
            return self.log(|| "nobody takes the call".to_owned());
        }
        let others = self.config.hosts.iter().map(|spec| spec.host);
        let others = others.filter(|host| *host != self.config.first_coordinator).collect();
        self.arms.number += 1;
        self.arms.recorded = false;
        self.arms.ended = None;
        let (number, life) = (self.arms.number, self.life_of_daemon(by));
        let arming = Arming::new(others);
        self.arms.run =
            Some(Run { number, by, life, arming, until: self.now, answers: Vec::new() });
        self.after(POLL, Event::Arming(ArmingEvent::Poll { run: number }));
    }

    fn life_of_daemon(&self, host: usize) -> (u64, u64) {
        self.hosts.get(host).map_or((0, 0), |h| (h.boot, h.daemon.kills()))
    }

    pub(crate) fn arming_event(&mut self, event: ArmingEvent) {
        match event {
            ArmingEvent::Poll { run } => self.poll_arming(run),
            ArmingEvent::Reaches { host, run, config } => self.arming_reaches(host, run, config),
            ArmingEvent::Look { host, boot } => self.look_after_arming(host, boot),
        }
    }

    /// Does the present step, or looks whether it is done.
    fn poll_arming(&mut self, number: u64) {
        let Some(run) = self.arms.run.take_if(|run| run.number == number) else { return };
        if self.life_of_daemon(run.by) != run.life
            || !self.hosts.get(run.by).is_some_and(|h| h.powered)
        {
            return self.log(|| "the arming is cut short".to_owned());
        }
        let by = run.by;
        let step = run.arming.step().clone();
        self.arms.run = Some(run);
        let answer = match self.daemon_held(by) {
            true => None,
            false => self.arming_step(by, &step),
        };
        let found = founded(self.hosts.get(by).and_then(|h| h.told.as_deref()));
        let Some(run) = self.arms.run.as_mut() else { return };
        if let Some(answer) = answer {
            let next = run.arming.answer(answer, found);
            run.answers.clear();
            if let Step::End(end) = next {
                let why = run.arming.why().unwrap_or_default();
                self.arms.run = None;
                self.arms.ended = Some((end, why.clone()));
                return self.log(|| format!("host {by} ends the arming: {end:?} {why}"));
            }
            self.log(|| format!("host {by} arms: {}", step_name(&next)));
            self.begin_step(by, &next);
        }
        self.after(POLL, Event::Arming(ArmingEvent::Poll { run: number }));
    }

    /// What a step sends or changes at its begin.
    fn begin_step(&mut self, by: usize, step: &Step) {
        let late = u64::from(self.options.timing.t_late_ms + self.options.timing.t_lease_ms) * MS;
        let wait = match step {
            Step::ArmOthers(_) | Step::LeaveOthers(_) => ANSWER,
            _ => late + WAIT,
        };
        let until = self.now + wait;
        if let Some(run) = self.arms.run.as_mut() {
            run.until = until;
        }
        match step {
            Step::Note => self.write_paper(by, Some(Box::new(self.config.clone()))),
            Step::ArmOthers(hosts) => self.tell_all(by, hosts, true),
            Step::LeaveOthers(hosts) => self.tell_all(by, hosts, false),
            Step::ArmSelf => self.arm_self(by),
            Step::LeaveSelf => self.leave(by),
            Step::Disarm => self.disarm_by(by),
            _ => {}
        }
    }

    /// What came of a step; `None`: it is waited for.
    fn arming_step(&mut self, by: usize, step: &Step) -> Option<Answer<String>> {
        let late = self.arms.run.as_ref().is_none_or(|run| self.now >= run.until);
        let waits = |done: bool, why: &str| match (done, late) {
            (true, _) => Some(Answer::Done(Ok(()))),
            (false, true) => Some(Answer::Done(Err(why.to_owned()))),
            (false, false) => None,
        };
        let armed = self.hosts.get(by).is_some_and(|h| h.machine.is_some());
        match step {
            Step::Check => Some(Answer::Checked(self.unfit(by))),
            Step::Prepare => Some(Answer::Done(self.prepare(by))),
            Step::Note => Some(Answer::Done(Ok(()))),
            Step::ArmOthers(hosts) | Step::LeaveOthers(hosts) => self.answers(hosts, late),
            Step::ArmSelf if !armed => {
                Some(Answer::Done(Err(format!("host {by} does not agree to be armed"))))
            }
            Step::ArmSelf => Some(Answer::Done(Ok(()))),
            Step::Form => waits(self.is_formed(by), "not all hosts are members in time"),
            Step::Record => {
                self.arms.recorded = self.acts_with_database(by);
                waits(self.arms.recorded, "the database takes nothing")
            }
            Step::LeaveSelf => waits(!armed, "the guard does not leave"),
            Step::Act => waits(self.acts_with_database(by), "this host does not act"),
            Step::Disarm => waits(!armed, "the last epoch is not decided"),
            Step::End(_) => None,
        }
    }

    fn acts_with_database(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|h| h.acting(self.now) && h.db.ready())
    }

    fn is_formed(&self, by: usize) -> bool {
        (0..self.hosts.len()).all(|host| self.is_member(host)) && self.acts_with_database(by)
    }

    /// Who cannot be armed, and why.
    fn unfit(&self, by: usize) -> Vec<Unfit<String>> {
        let mut unfit = Vec::new();
        for (host, h) in self.hosts.iter().enumerate() {
            if !self.reaches(by, host) {
                unfit.push(Unfit::Silent(format!("host {host} is off")));
            } else if h.no_watchdog {
                unfit.push(Unfit::Lacks(format!("host {host} has no watchdog")));
            } else if matches!(h.path(0), Path::Stalled | Path::Failing) {
                unfit.push(Unfit::Lacks(format!("host {host} does not reach the statefile")));
            } else if (0..self.hosts.len()).any(|peer| !self.reaches(host, peer)) {
                unfit.push(Unfit::Lacks(format!("host {host} does not see all others")));
            }
        }
        unfit
    }

    /// Formats the statefiles for a new arming, and brings the database to them.
    fn prepare(&mut self, by: usize) -> Result<(), String> {
        if self.hosts.get(by).is_none_or(|h| matches!(h.path(0), Path::Stalled | Path::Failing)) {
            return Err(format!("host {by} cannot write the statefile"));
        }
        let number = usize::try_from(self.arms.number).unwrap_or(0);
        self.config.generation = identity(3, number);
        self.armed = self.config.clone();
        self.volumes = vec![Volume::default(); self.options.statefiles];
        for write in format_writes(&self.config).unwrap_or_default() {
            if let Some(volume) = self.volumes.get_mut(usize::from(write.statefile)) {
                let length = write.bytes.len();
                volume.write(write.block, &write.bytes, length);
            }
        }
        let first = Life { host: self.config.first_coordinator, incarnation: Incarnation(0) };
        self.metadata = Metadata::new(self.options.vms, &owner(self.config.generation, first));
        self.chain = Chain::keeping(usize::MAX);
        for h in &mut self.hosts {
            h.db = DbHost::default();
            h.copy = None;
        }
        Ok(())
    }

    fn write_paper(&mut self, host: usize, config: Option<Box<ArmConfig>>) {
        if let Some(h) = self.hosts.get_mut(host) {
            h.paper = Paper { config, looks: Looks::default() };
        }
    }

    /// Sends an order to these hosts.
    fn tell_all(&mut self, by: usize, hosts: &[HostId], arms: bool) {
        let run = self.arms.run.as_ref().map_or(0, |run| run.number);
        for id in hosts {
            let Some(host) = self.index_of(*id) else { continue };
            if !self.reaches(by, host) {
                let why = format!("host {host} is off");
                self.answered(run, host, Told::Refused(why));
                continue;
            }
            let config = arms.then(|| Box::new(self.config.clone()));
            let delay = self.rng.between(MS, 30 * MS);
            self.after(delay, Event::Arming(ArmingEvent::Reaches { host, run, config }));
        }
    }

    fn answered(&mut self, number: u64, host: usize, told: Told<String>) {
        let id = self.config.hosts.get(host).map(|spec| spec.host);
        let run = self.arms.run.as_mut().filter(|run| run.number == number);
        if let Some((run, id)) = run.zip(id) {
            run.answers.push((id, told));
        }
    }

    /// The answers of these hosts, when all are there or nobody waits any more.
    fn answers(&self, hosts: &[HostId], late: bool) -> Option<Answer<String>> {
        let run = self.arms.run.as_ref()?;
        let of = |id: &HostId| {
            let found = run.answers.iter().find(|(of, _)| of == id);
            let silent = || {
                let host = self.index_of(*id).unwrap_or(usize::MAX);
                Told::Unknown(format!("host {host} does not answer"))
            };
            found.cloned().or_else(|| late.then(|| (*id, silent())))
        };
        hosts.iter().map(of).collect::<Option<Vec<_>>>().map(Answer::Told)
    }

    /// A host is told to be armed, or to leave.
    fn arming_reaches(&mut self, host: usize, run: u64, config: Option<Box<ArmConfig>>) {
        if !self.hosts.get(host).is_some_and(|h| h.powered && !h.daemon.held(self.now)) {
            return;
        }
        let Some(config) = config else {
            self.leave(host);
            return self.answered(run, host, Told::Done);
        };
        if self.arms.unwilling.contains(&host) {
            let why = format!("host {host} does not agree to be armed");
            return self.answered(run, host, Told::Refused(why));
        }
        self.write_paper(host, Some(config));
        self.start_armed(host);
        match self.arms.dying.remove(&host) {
            true => self.power_off(host),
            false => self.answered(run, host, Told::Done),
        }
    }

    fn start_armed(&mut self, host: usize) {
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.machine.is_none() && !h.booting) else {
            return;
        };
        h.idle = false;
        self.guard_start(host);
    }

    fn arm_self(&mut self, by: usize) {
        if self.arms.unwilling.contains(&by) {
            return;
        }
        match self.arms.dying.remove(&by) {
            true => self.power_off(by),
            false => self.start_armed(by),
        }
    }

    /// A guard leaves a membership of which nothing was decided, as far as is known.
    fn leave(&mut self, host: usize) {
        self.input(host, Input::Command { id: 9, command: GuardCommand::EmergencyDisarm });
        self.forget_paper(host);
    }

    fn disarm_by(&mut self, host: usize) {
        self.input(host, Input::Command { id: 9, command: GuardCommand::Disarm });
    }

    /// What the daemon of a host does about an arming that nobody goes on with.
    fn look_after_arming(&mut self, host: usize, boot: u64) {
        let running = |h: &&crate::host::Host| h.powered && h.boot == boot;
        let Some(h) = self.hosts.get(host).filter(running) else { return };
        let (held, config) = (h.daemon.held(self.now), h.paper.config.clone());
        self.after(LOOK, Event::Arming(ArmingEvent::Look { host, boot }));
        let first = self.index_of(self.config.first_coordinator);
        let coordinates = if self.arms.recorded { self.coordinator() } else { first };
        if coordinates == Some(host) && !held {
            self.remind(host);
        }
        let mine = self.arms.run.as_ref().is_some_and(|run| run.by == host);
        let Some(config) = config.filter(|_| !held && !mine) else { return };
        // Its disk says so: nobody is at it.
        self.start_armed(host);
        let (acts, recorded) = (self.acts_with_database(host), self.arms.recorded);
        let Some(me) = self.config.hosts.get(host).map(|spec| spec.host) else { return };
        let Some(h) = self.hosts.get_mut(host) else { return };
        let state = h.told.as_deref();
        match h.paper.looks.half_armed(state, (&config, me), acts, recorded) {
            Half::Whole => {}
            Half::ArmOthers => {
                self.log(|| format!("host {host} goes on with an arming that was cut short"));
                let others: Vec<HostId> =
                    config.hosts.iter().map(|spec| spec.host).filter(|id| *id != me).collect();
                self.tell_all(host, &others, true);
            }
            Half::Disarm => {
                self.log(|| format!("host {host} disarms a pool that was never armed whole"));
                self.disarm_by(host);
            }
        }
    }
}

fn step_name(step: &Step) -> &'static str {
    match step {
        Step::Check => "all are asked",
        Step::Prepare => "the statefiles are written",
        Step::Note => "its disk says so",
        Step::ArmOthers(_) => "the others are armed",
        Step::ArmSelf => "its guard is armed",
        Step::Form => "the first epoch is waited for",
        Step::Record => "the database says so",
        Step::LeaveOthers(_) => "it is taken back, the others leave",
        Step::LeaveSelf => "its guard leaves",
        Step::Act => "what was decided is to be ended",
        Step::Disarm => "the last epoch is asked for",
        Step::End(_) => "nothing more",
    }
}
