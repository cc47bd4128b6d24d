//! VMs with two holders: whom the coordinator asks about one whose end of a migration it has not seen.
//!
//! Owns: questions on their way, and what is written of the answers. Which question comes next, and what
//! follows from an answer, is production code (`haven_failover::Search`).

use std::collections::{BTreeMap, BTreeSet};

use haven_cluster::ids::Life;
use haven_failover::{Answer, Fate, Found, Next, Question, Report, Search, Term};
use haven_pooldb::Tx;
use haven_tasks::TaskId;
use uuid::Uuid;

use crate::database::{Placed, life_of, set_holders};
use crate::event::Event;
use crate::tasks::Writing;
use crate::world::{MS, World};

/// Longest wait for the answer to a question, and for a migration.
const ANSWER: u64 = 1_500 * MS;
const MIGRATION: u64 = 12_000 * MS;
const COPY: u64 = 60_000 * MS;
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
    /// Do not run it under this placement; have you anything of it?
    Close,
    /// Destroy what you have of it.
    Stop,
    /// Copy its disk, for that task.
    Copy { task: u128 },
    /// Remove the copy of its disk.
    Drop,
    /// What do you carry out?
    Inventory,
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
    pub(crate) id: u64,
}

/// What a host says to it.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Done,
    Failed,
    Runs(bool),
    Sees(Report),
    Acts(BTreeSet<Uuid>),
}

/// Who waits for the end of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Nobody: the coordinator's round began it.
    Round,
    /// The undo of a task.
    Undo(TaskId),
    /// A task that begins with it.
    Body(TaskId),
}

/// A wait for an answer: of which question, and until when.
pub(crate) type Wait = (u64, u64);

/// What the coordinator does about a VM with two holders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Motion {
    number: u64,
    search: Search,
    whose: Whose,
    waits: Option<Wait>,
    not_before: u64,
    found: Option<Found>,
    /// That is being written.
    writes: bool,
}

impl Motion {
    fn new(number: u64, search: Search, whose: Whose) -> Self {
        Self { number, search, whose, waits: None, not_before: 0, found: None, writes: false }
    }
}

/// By VM; forgotten with the daemon's database.
pub(crate) type Motions = BTreeMap<u32, Motion>;

impl World {
    /// Both holders of the VM live: it was moving. While a task moves it, that finds out.
    pub(crate) fn settle(&mut self, host: usize, (vm, placed): (u32, Placed)) {
        if !self.held_by_task(host, vm) {
            self.search(host, vm, (placed.number, Search::of_two()), Whose::Round);
        }
    }

    /// One holder of the VM is dead, and this one may run it.
    pub(crate) fn ask_survivor(&mut self, host: usize, (vm, placed): (u32, Placed)) {
        self.search(host, vm, (placed.number, Search::of_survivor()), Whose::Round);
    }

    /// Goes on with the search for a VM, or begins one.
    pub(crate) fn search(
        &mut self,
        host: usize,
        vm: u32,
        (number, begin): (u64, Search),
        whose: Whose,
    ) {
        let now = self.now;
        let Some(tasks) = self.tasks(host) else { return };
        let fresh = Motion::new(number, begin, whose);
        let motion = tasks.motions.entry(vm).or_insert(fresh);
        let before = motion.whose;
        let other =
            motion.number != number || motion.search.is_of_survivor() != begin.is_of_survivor();
        if other && !motion.writes {
            *motion = Motion { not_before: now + LOOK_AGAIN, ..fresh };
            self.search_ended(host, before, false);
        } else if whose != Whose::Round {
            motion.whose = whose;
        }
        self.go_on(host, vm);
    }

    /// Searches for which a task waits, once a round.
    pub(crate) fn drive_searches(&mut self, host: usize) {
        let Some(placed) = self.hosts.get_mut(host).and_then(|h| h.db.placed()) else { return };
        let number = |vm: &u32| placed.get(vm).map_or(0, |placed| placed.number);
        let Some(tasks) = self.tasks(host) else { return };
        let mine = tasks.motions.iter().filter(|(_, motion)| motion.whose != Whose::Round);
        let mine: Vec<(u32, Motion)> = mine.map(|(vm, motion)| (*vm, *motion)).collect();
        for (vm, motion) in mine {
            if number(&vm) == motion.number || motion.writes {
                self.go_on(host, vm);
                continue;
            }
            // Somebody knew more meanwhile.
            if let Some(tasks) = self.tasks(host) {
                tasks.motions.remove(&vm);
            }
            self.search_ended(host, motion.whose, false);
        }
    }

    /// Asks the next question, unless the last one is waited for; or writes what was found.
    fn go_on(&mut self, host: usize, vm: u32) {
        let now = self.now;
        let Some(motion) = self.motion(host, vm).copied() else { return };
        if motion.waits.is_some_and(|(_, until)| until <= now) {
            return self.heard(host, vm, Answer::Failed);
        }
        if let Some(found) = motion.found {
            return self.write_found(host, vm, motion, found);
        }
        if motion.waits.is_some() || now < motion.not_before {
            return;
        }
        let placed = self.hosts.get_mut(host).and_then(|h| h.db.placed());
        let placed = placed.and_then(|all| all.get(&vm).copied());
        let Some(placed) = placed.filter(|placed| placed.number == motion.number) else { return };
        let Some((source, destination)) = placed.holder.zip(placed.to) else { return };
        let Some(alive) = self.survivor(host, placed) else { return };
        let (what, whom) = match motion.search.asks() {
            Question::Cancel => (Asked::Cancel, source),
            Question::CloseWay => (Asked::Finish, destination),
            Question::CloseSource => (Asked::Close, source),
            Question::LookSource => (Asked::Look, source),
            Question::LookDestination => (Asked::Look, destination),
            Question::CloseAlone => (Asked::Close, alive),
            Question::LookAlone => (Asked::Look, alive),
            Question::StopAlone => (Asked::Stop, alive),
        };
        let waits = self.ask(host, whom, (vm, motion.number, what));
        if let Some(motion) = self.motion(host, vm) {
            motion.waits = waits;
        }
    }

    /// Who of two holders is not dead.
    fn survivor(&self, host: usize, placed: Placed) -> Option<Life> {
        let told = self.hosts.get(host).and_then(|h| h.told.as_deref());
        match placed.fate(told.map_or(&[], |state| &state.dead)) {
            Fate::Ask(alive) => alive.first().map(life_of),
            Fate::Untouched | Fate::Lost => placed.holder,
        }
    }

    fn motion(&mut self, host: usize, vm: u32) -> Option<&mut Motion> {
        self.tasks(host)?.motions.get_mut(&vm)
    }

    /// Under which authority the daemon on `host` orders now.
    pub(crate) fn term(&self, host: usize) -> Option<Term> {
        let told = self.hosts.get(host)?.told.as_deref()?;
        let epoch = told.epoch.as_ref()?;
        Some(Term { epoch: epoch.number, coordinator: epoch.coordinator })
    }

    /// Sends a question; answers what is waited for.
    pub(crate) fn ask(
        &mut self,
        by: usize,
        life: Life,
        (vm, number, what): (u32, u64, Asked),
    ) -> Option<Wait> {
        let to = self.index_of(life.host)?;
        let term = self.term(by)?;
        let id = self.next_read;
        self.next_read += 1;
        let kills = self.hosts.get(to).map_or(0, |h| h.daemon.kills());
        let ask = Ask { vm, number, what, by, to, term, life, kills, id };
        let delay = self.rng.between(MS, 30 * MS);
        // Who cannot be reached is not waited for as long as one who works.
        let reaches = self.reaches(by, to);
        let until = self.now
            + match what {
                Asked::Send { .. } if reaches => MIGRATION,
                Asked::Copy { .. } if reaches => COPY,
                _ => ANSWER,
            };
        if reaches && !self.rng.chance(20) {
            self.after(delay, Event::Ask(Box::new(ask)));
        } else if self.rng.chance(300) {
            // What was sent may also come late, when nobody waits for it any more.
            let late = self.rng.between(MS, LATE);
            self.after(late, Event::Ask(Box::new(ask)));
        }
        Some((id, until))
    }

    /// The answer to a question comes back.
    pub(crate) fn told_of_motion(&mut self, ask: Ask, told: Told) {
        let now = self.now;
        let reaches = self.reaches(ask.to, ask.by);
        let sure = !self.metadata.unsure;
        if !reaches || !sure || !self.hosts.get(ask.by).is_some_and(|h| h.acting(now)) {
            return;
        }
        let waits = self.motion(ask.by, ask.vm).and_then(|motion| motion.waits);
        if waits.is_none_or(|(id, _)| id != ask.id) {
            return self.told_of_task(ask, told);
        }
        let answer = match told {
            Told::Done => Answer::Done,
            Told::Failed => Answer::Failed,
            Told::Runs(runs) => Answer::Runs(runs),
            Told::Sees(report) => Answer::Sees(report),
            Told::Acts(_) => return,
        };
        self.heard(ask.by, ask.vm, answer);
    }

    fn heard(&mut self, host: usize, vm: u32, answer: Answer) {
        let now = self.now;
        let Some(motion) = self.motion(host, vm) else { return };
        motion.waits = None;
        match motion.search.heard(answer) {
            Next::Ask(_) => {}
            Next::Later(_) => motion.not_before = now + LOOK_AGAIN,
            Next::Found(found) => motion.found = Some(found),
            Next::Unknown => {
                let search = match motion.search.is_of_survivor() {
                    true => Search::of_survivor(),
                    false => Search::of_two(),
                };
                let (whose, number) = (motion.whose, motion.number);
                let fresh = Motion::new(number, search, Whose::Round);
                *motion = Motion { not_before: now + LOOK_AGAIN, ..fresh };
                return self.search_ended(host, whose, false);
            }
        }
        self.go_on(host, vm);
    }

    /// Where the VM is, is written, unless somebody knew more meanwhile.
    fn write_found(&mut self, host: usize, vm: u32, motion: Motion, found: Found) {
        let Some(h) = self.hosts.get_mut(host).filter(|h| !motion.writes && h.db.ready()) else {
            return;
        };
        let placed = h.db.placed().and_then(|all| all.get(&vm).copied());
        let Some(placed) = placed.filter(|placed| placed.number == motion.number) else {
            return self.found_is_written(host, vm);
        };
        let holder = match found {
            Found::Source => placed.holder,
            Found::Destination => placed.to,
            Found::Alone => self.survivor(host, placed),
            Found::Nowhere => None,
        };
        let on = holder.map_or("nowhere".to_owned(), |life| self.name(life));
        self.log(|| format!("vm {vm} has two holders no more, it is {on}"));
        let set = |tx: &mut Tx<'_>| set_holders(tx, placed.row, holder.as_slice());
        let writes = self.write_task(host, Writing::Found(vm), set);
        if let Some(motion) = self.motion(host, vm) {
            motion.writes = writes;
        }
    }

    /// What was found of a VM is durable, or overtaken.
    pub(crate) fn found_is_written(&mut self, host: usize, vm: u32) {
        let removed = self.tasks(host).and_then(|tasks| tasks.motions.remove(&vm));
        if let Some(motion) = removed {
            self.search_ended(host, motion.whose, true);
        }
    }
}
