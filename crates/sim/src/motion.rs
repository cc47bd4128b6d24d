//! VMs with two holders: what the coordinator does about a migration, and about one whose end it has not
//! seen.
//!
//! Owns: the order of the questions. What follows from the answers is production code
//! (`haven_failover::{verdict, presence}`); the order is that of the pool daemon (`ops::vm::migrate`,
//! `ha::failover`): the way in is closed before anybody is asked, the source is asked before the
//! destination, and a placement is closed at a survivor before it says what it has.

use std::collections::BTreeMap;

use haven_cluster::ids::Life;
use haven_cluster::mutation::{Mutation, removed};
use haven_failover::{Presence, Report, Term, Verdict, presence, verdict};

use crate::database::{Placed, Then, set_holders};
use crate::event::Event;
use crate::world::{MS, World};

/// Longest wait for the answer to a question, and for a migration.
const ANSWER: u64 = 1_500 * MS;
const MIGRATION: u64 = 12_000 * MS;
/// How late a question may come.
const LATE: u64 = 20_000 * MS;
/// Pause before both ends are asked again.
const LOOK_AGAIN: u64 = 300 * MS;

/// What a host is asked about a VM.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// Expect it from there.
    Prepare { from: usize },
    /// Send it there.
    Send { to: usize },
    /// Stop sending it.
    Cancel,
    /// What have you of it?
    Look,
    /// Do not expect it any more.
    Finish,
    /// Do not run it under this placement; what have you of it?
    Close,
    /// Destroy what you have of it.
    Stop,
}

/// A question on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) vm: u32,
    /// The placement that it is about.
    pub(crate) number: u64,
    pub(crate) what: Asked,
    pub(crate) by: usize,
    pub(crate) to: usize,
    pub(crate) term: Term,
    /// The holder that is asked.
    pub(crate) life: Life,
    /// Which life of the host's daemon it goes to.
    pub(crate) kills: u64,
    /// Tells it from others.
    id: u64,
}

/// What a host says to it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    Done,
    Failed,
    Sees(Report),
}

/// How far the coordinator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Prepare,
    Send,
    /// Nobody knows how it ended: from here on that is found out.
    Cancel,
    Finish,
    Source,
    Destination(Report),
    /// One of the two is dead, and this is the other.
    Close(Life),
    Stop(Life),
}

/// What the coordinator does about a VM with two holders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Motion {
    number: u64,
    stage: Stage,
    /// The question that it waits for, and until when.
    waits: Option<(u64, u64)>,
    not_before: u64,
}

impl Motion {
    fn at(number: u64, stage: Stage) -> Self {
        Self { number, stage, waits: None, not_before: 0 }
    }
}

/// By VM; forgotten with the daemon's database.
pub(crate) type Motions = BTreeMap<u32, Motion>;

impl World {
    /// Operators ask for a live migration; true if it began.
    pub(crate) fn migrate(&mut self, vm: u32, to: usize) -> bool {
        let Some(host) = self.coordinator().filter(|host| !self.daemon_held(*host)) else {
            return false;
        };
        let sure = !self.metadata.unsure && !self.manager.disabled.contains(&to);
        let Some(h) = self.hosts.get_mut(host).filter(|h| sure && h.db.ready() && h.serves())
        else {
            return false;
        };
        let epoch = h.told.as_ref().and_then(|state| state.epoch.clone());
        let Some((placed, epoch)) = h.db.placed().and_then(|all| all.get(&vm).copied()).zip(epoch)
        else {
            return false;
        };
        let there = self.config.hosts.get(to).map(|spec| spec.host);
        let there = epoch.members.iter().copied().find(|life| Some(life.host) == there);
        let from = placed.holder.filter(|life| epoch.members.contains(life) && placed.to.is_none());
        let Some((from, there)) = from.zip(there).filter(|(from, there)| from != there) else {
            return false;
        };
        if !self.index_of(from.host).is_some_and(|at| self.runs(vm, at)) {
            return false;
        }
        if !self.transact(host, Then::Placed, |tx| set_holders(tx, placed.row, &[from, there])) {
            return false;
        }
        self.log(|| format!("vm {vm} is to move to host {to}"));
        if let Some(h) = self.hosts.get_mut(host) {
            h.db.motions.insert(vm, Motion::at(placed.number + 1, Stage::Prepare));
        }
        true
    }

    /// Both holders of the VM live: it is moving, or was.
    pub(crate) fn settle(&mut self, host: usize, vm: (u32, Placed), term: Term) {
        self.go_on(host, vm, Stage::Cancel, term);
    }

    /// One holder of the VM is dead, and this one may run it.
    pub(crate) fn ask_survivor(&mut self, host: usize, vm: (u32, Placed), alive: Life, term: Term) {
        self.go_on(host, vm, Stage::Close(alive), term);
    }

    /// Asks the next question, unless the last one is waited for.
    fn go_on(&mut self, host: usize, (vm, placed): (u32, Placed), begin: Stage, term: Term) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return };
        let motion = h.db.motions.entry(vm).or_insert_with(|| Motion::at(placed.number, begin));
        let alone = matches!(begin, Stage::Close(_));
        let other = matches!(motion.stage, Stage::Close(_) | Stage::Stop(_)) != alone;
        let late = motion.waits.is_some_and(|(_, until)| until <= now);
        if motion.number != placed.number || other || late {
            *motion = Motion { not_before: now + LOOK_AGAIN, ..Motion::at(placed.number, begin) };
        }
        let motion = *motion;
        if motion.waits.is_some() || now < motion.not_before {
            return;
        }
        let Some((source, destination)) = placed.holder.zip(placed.to) else { return };
        let at = |life: Life| self.index_of(life.host);
        let Some((from, to)) = at(source).zip(at(destination)) else { return };
        let (what, whom) = match motion.stage {
            Stage::Prepare => (Asked::Prepare { from }, destination),
            Stage::Send => (Asked::Send { to }, source),
            Stage::Cancel => (Asked::Cancel, source),
            Stage::Finish => (Asked::Finish, destination),
            Stage::Source => (Asked::Look, source),
            Stage::Destination(_) => (Asked::Look, destination),
            Stage::Close(alive) => (Asked::Close, alive),
            Stage::Stop(alive) => (Asked::Stop, alive),
        };
        self.ask(host, whom, (vm, placed.number, what), term);
    }

    fn ask(&mut self, by: usize, life: Life, about: (u32, u64, Asked), term: Term) {
        let Some(to) = self.index_of(life.host) else { return };
        let (vm, number, what) = about;
        let id = self.next_read;
        self.next_read += 1;
        let until = self.now + if matches!(what, Asked::Send { .. }) { MIGRATION } else { ANSWER };
        let kills = self.hosts.get(to).map_or(0, |h| h.daemon.kills());
        if let Some(motion) = self.hosts.get_mut(by).and_then(|h| h.db.motions.get_mut(&vm)) {
            motion.waits = Some((id, until));
        }
        let ask = Ask { vm, number, what, by, to, term, life, kills, id };
        let delay = self.rng.between(MS, 30 * MS);
        if self.reaches(by, to) && !self.rng.chance(20) {
            self.after(delay, Event::Ask(ask));
        } else if self.rng.chance(300) {
            // What was sent may also come late, when nobody waits for it any more.
            let late = self.rng.between(MS, LATE);
            self.after(late, Event::Ask(ask));
        }
    }

    /// The answer to a question comes back.
    pub(crate) fn told_of_motion(&mut self, ask: Ask, told: Told) {
        let now = self.now;
        let reaches = self.reaches(ask.to, ask.by);
        let sure = !self.metadata.unsure;
        let Some(h) = self.hosts.get_mut(ask.by).filter(|h| reaches && sure && h.acting(now))
        else {
            return;
        };
        let Some(motion) = h.db.motions.get_mut(&ask.vm) else { return };
        if motion.waits.map(|(id, _)| id) != Some(ask.id) {
            return;
        }
        motion.waits = None;
        let again = Motion { not_before: now + LOOK_AGAIN, ..*motion };
        let next = match (motion.stage, told) {
            (Stage::Prepare, Told::Done) => Stage::Send,
            (Stage::Prepare | Stage::Send, _) => Stage::Cancel,
            (Stage::Cancel, _) if removed(Mutation::WayLeftOpen) => Stage::Source,
            (Stage::Cancel, _) => Stage::Finish,
            (Stage::Finish, Told::Done) => Stage::Source,
            (Stage::Source, Told::Sees(report)) => Stage::Destination(report),
            (Stage::Destination(source), Told::Sees(report)) => {
                return self.both_told(ask, verdict(source, report), again);
            }
            (Stage::Close(alive), Told::Sees(report)) => {
                return self.survivor_told(ask, alive, presence(report), again);
            }
            (Stage::Stop(_), Told::Done) => return self.settled(ask, None),
            _ => return,
        };
        motion.stage = next;
    }

    fn both_told(&mut self, ask: Ask, verdict: Verdict, again: Motion) {
        let placed = self.hosts.get_mut(ask.by).and_then(|h| h.db.placed());
        let Some(placed) = placed.and_then(|all| all.get(&ask.vm).copied()) else { return };
        match verdict {
            Verdict::UnderWay => self.set_motion(ask, Motion { stage: Stage::Cancel, ..again }),
            Verdict::Stayed => self.settled(ask, placed.holder),
            Verdict::Moved => self.settled(ask, placed.to),
            Verdict::Gone => self.settled(ask, None),
        }
    }

    fn survivor_told(&mut self, ask: Ask, alive: Life, presence: Presence, again: Motion) {
        match presence {
            Presence::Runs => self.settled(ask, Some(alive)),
            Presence::Gone => self.settled(ask, None),
            Presence::Undecided => self.set_motion(ask, again),
            Presence::Stranded => {
                self.set_motion(ask, Motion::at(ask.number, Stage::Stop(alive)));
            }
        }
    }

    fn set_motion(&mut self, ask: Ask, motion: Motion) {
        if let Some(h) = self.hosts.get_mut(ask.by) {
            h.db.motions.insert(ask.vm, motion);
        }
    }

    /// Where the VM is, is written, unless somebody knew more meanwhile.
    fn settled(&mut self, ask: Ask, holder: Option<Life>) {
        let Some(h) = self.hosts.get_mut(ask.by) else { return };
        if !h.db.ready() {
            return;
        }
        h.db.motions.remove(&ask.vm);
        let placed = h.db.placed().and_then(|all| all.get(&ask.vm).copied());
        let Some(placed) = placed.filter(|placed| placed.number == ask.number) else { return };
        let on = holder.map_or("nowhere".to_owned(), |life| self.name(life));
        self.log(|| format!("vm {} has two holders no more, it is {on}", ask.vm));
        self.transact(ask.by, Then::Placed, |tx| set_holders(tx, placed.row, holder.as_slice()));
    }
}
