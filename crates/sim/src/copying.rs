//! Operations on storage: what a host carries out goes on when whoever ordered it is gone.
//!
//! Owns: copies of disks, and when a new coordinator asks whether they are over. Which tasks wait for that
//! (`haven_tasks::Record::may_act`), and when a host is silent (`haven_failover::Silence`), is production
//! code.

use std::collections::{BTreeMap, BTreeSet};

use haven_cluster::ids::Life;
use haven_cluster::invariant::Invariant as I;
use haven_failover::{Silence, carries_out_nothing};
use haven_model::{Class, Ref, Vdi, VdiOperations};
use haven_tasks::{Action, Claim, Failure, Input, Mode, Object, Operation, Step, TaskId, Undo};
use uuid::Uuid;

use crate::event::Event;
use crate::motion::{Ask, Asked, Told, Wait};
use crate::world::{MS, World};

/// How long a copy takes, in nanoseconds: from, to.
const COPY: (u64, u64) = (10_000 * MS, 16_000 * MS);
/// Pause before a host is asked again what it carries out.
const ASK_AGAIN: u64 = 300 * MS;

/// What a coordinator's daemon waits for.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// Copies that it ordered, with the host that makes them.
    works: BTreeMap<TaskId, (u32, Life, Option<Wait>)>,
    /// Copies that are being removed.
    drops: BTreeMap<TaskId, Option<Wait>>,
    /// Tasks of the coordinator before that wait until nothing acts for it any more.
    held: Vec<TaskId>,
    /// By host: whether it does, and the question that it was asked.
    silences: BTreeMap<usize, (Silence, bool, Option<Wait>)>,
}

fn copy_of(vm: u32) -> Operation {
    let id = Uuid::from_u128(u128::from(vm) + 1);
    let object = Object { class: Vdi::NAME.to_owned(), id };
    Operation {
        name: VdiOperations::Copy.as_str().to_owned(),
        claims: vec![Claim { object, mode: Mode::Exclusive }],
        steps: vec![Step { name: "copy".to_owned(), weight: 1 }],
        cancellable: true,
        wait_ms: 0,
    }
}

impl World {
    fn copies(&mut self, host: usize) -> Option<&mut Copies> {
        self.tasks(host).map(|tasks| &mut tasks.copies)
    }

    /// Operators have a disk copied by a host.
    pub(crate) fn copy_of_disk(&mut self, vm: u32, by: usize) {
        let Some(host) = self.coordinator().filter(|host| !self.daemon_held(*host)) else { return };
        let there = self.config.hosts.get(by).map(|spec| spec.host);
        let told = self.hosts.get(host).and_then(|h| h.told.as_ref());
        let members = told.and_then(|state| state.epoch.as_ref()).map(|epoch| &epoch.members);
        let life =
            members.and_then(|all| all.iter().find(|life| Some(life.host) == there).copied());
        let Some(life) = life else { return };
        let id = self.new_task(vm);
        if let Some(copies) = self.copies(host) {
            copies.works.insert(id, (vm, life, None));
            self.engine(host, Input::Submit(id, copy_of(vm)));
        }
    }

    /// A copy was admitted: what takes it back is to remove it.
    pub(crate) fn copy_admitted(&mut self, host: usize, id: TaskId) -> bool {
        if !self.copies(host).is_some_and(|copies| copies.works.contains_key(&id)) {
            return false;
        }
        let undo = Action::DropVdi { vdi: Ref::from_uuid(id.0) }.text().ok();
        self.engine(host, Input::Begin { task: id, step: 0, undo });
        true
    }

    /// It may begin.
    pub(crate) fn copy_proceeds(&mut self, host: usize, id: TaskId) {
        let Some(copies) = self.copies(host) else { return };
        let Some((vm, life, _)) = copies.works.get(&id).copied() else { return };
        let wait = self.ask(host, life, (vm, 0, Asked::Copy { task: id.0.as_u128() }));
        if let Some(work) = self.copies(host).and_then(|copies| copies.works.get_mut(&id)) {
            work.2 = wait;
        }
    }

    /// A copy that is not to be is removed, by the coordinator's own host.
    pub(crate) fn drop_copy(&mut self, host: usize, id: TaskId, undo: &Undo) -> bool {
        let Ok(Action::DropVdi { .. }) = Action::read(undo) else { return false };
        let vm = self.heard.subject(id);
        let told = self.hosts.get(host).and_then(|h| h.told.as_ref());
        let wait =
            told.and_then(|state| state.me).and_then(|me| self.ask(host, me, (vm, 0, Asked::Drop)));
        if let Some(copies) = self.copies(host) {
            copies.drops.insert(id, wait);
        }
        true
    }

    /// A task of the coordinator before is held.
    pub(crate) fn hold_task(&mut self, host: usize, id: TaskId) {
        if let Some(copies) = self.copies(host) {
            copies.held.push(id);
        }
    }

    /// Asks once more whoever has not answered.
    pub(crate) fn copies_round(&mut self, host: usize) {
        let now = self.now;
        let Some(copies) = self.copies(host) else { return };
        let over = |wait: &Option<Wait>| wait.is_none_or(|(_, until)| until <= now);
        let late = copies.drops.iter().filter(|(_, wait)| over(wait)).map(|(id, _)| *id);
        for id in late.collect::<Vec<_>>() {
            self.dropped(host, id, false);
        }
        let Some(copies) = self.copies(host) else { return };
        let late = |work: &(u32, Life, Option<Wait>)| work.2.is_some_and(|(_, until)| until <= now);
        let late = copies.works.iter().filter(|(_, work)| late(work)).map(|(id, _)| *id);
        for id in late.collect::<Vec<_>>() {
            self.copied_disk(host, id, false);
        }
        self.ask_for_silence(host);
    }

    fn ask_for_silence(&mut self, host: usize) {
        let now = self.now;
        if self.copies(host).is_none_or(|copies| copies.held.is_empty()) {
            return;
        }
        let mut silent = true;
        for other in 0..self.hosts.len() {
            let begun =
                self.hosts.get(other).is_some_and(|h| h.incarnation > 0 && !h.shaped.removed);
            if !begun || self.acts_no_more(host, other) {
                continue;
            }
            let Some(copies) = self.copies(host) else { return };
            let (_, done, wait) = copies.silences.entry(other).or_default();
            if *done {
                continue;
            }
            silent = false;
            if wait.is_none_or(|(_, until)| until <= now) {
                let asked = self.ask_present(host, other);
                if let Some(entry) = self.copies(host).and_then(|c| c.silences.get_mut(&other)) {
                    entry.2 = asked;
                }
            }
        }
        if silent {
            let held = self.copies(host).map(|copies| std::mem::take(&mut copies.held));
            for id in held.unwrap_or_default() {
                self.engine(host, Input::Settled(id));
            }
        }
    }

    fn acts_no_more(&self, host: usize, other: usize) -> bool {
        let told = self.hosts.get(host).and_then(|h| h.told.as_deref());
        let other = self.config.hosts.get(other).map(|spec| spec.host);
        told.zip(other).is_some_and(|(state, other)| carries_out_nothing(state, other))
    }

    /// Asks a host in whichever life it is.
    fn ask_present(&mut self, host: usize, other: usize) -> Option<Wait> {
        let id = self.config.hosts.get(other)?.host;
        let incarnation = self.hosts.get(other)?.incarnation;
        let life = Life { host: id, incarnation: haven_cluster::ids::Incarnation(incarnation) };
        self.ask(host, life, (0, 0, Asked::Inventory))
    }

    /// An answer that nothing else waits for.
    pub(crate) fn told_of_copy(&mut self, ask: Ask, told: Told) {
        let now = self.now;
        let Some(copies) = self.copies(ask.by) else { return };
        let mine = |wait: &Option<Wait>| wait.is_some_and(|(id, _)| id == ask.id);
        if let Told::Acts(acting) = told {
            let entry = copies.silences.values_mut().find(|(.., wait)| mine(wait));
            if let Some((silence, done, wait)) = entry {
                *done = silence.heard(acting);
                *wait = (!*done).then_some((0, now + ASK_AGAIN));
            }
            return;
        }
        let done = matches!(told, Told::Done);
        if let Some(id) = copies.works.iter().find(|(_, w)| mine(&w.2)).map(|(id, _)| *id) {
            return self.copied_disk(ask.by, id, done);
        }
        if let Some(id) = copies.drops.iter().find(|(_, wait)| mine(wait)).map(|(id, _)| *id) {
            self.dropped(ask.by, id, done);
        }
    }

    fn copied_disk(&mut self, host: usize, id: TaskId, done: bool) {
        if let Some(copies) = self.copies(host) {
            copies.works.remove(&id);
        }
        let failure = Failure { code: "INTERNAL_ERROR".to_owned(), params: Vec::new() };
        self.engine(host, Input::Finished(id, if done { Ok(()) } else { Err(failure) }));
    }

    fn dropped(&mut self, host: usize, id: TaskId, done: bool) {
        if let Some(copies) = self.copies(host) {
            copies.drops.remove(&id);
        }
        self.engine(host, Input::Undone(id, done));
    }

    /// An order or a question about disks reaches a host, which heard its term.
    pub(crate) fn asked_of_disks(&mut self, ask: Ask) {
        let told = match ask.what {
            Asked::Copy { task } => return self.begin_copy(ask, task),
            Asked::Drop => {
                self.check_disk(ask.vm, ask.to);
                self.log(|| format!("host {} removes the copy of vm {}'s disk", ask.to, ask.vm));
                Told::Done
            }
            _ => {
                let acting = self.hosts.get(ask.to).map(crate::host::Host::carries_out);
                Told::Acts(acting.unwrap_or_default())
            }
        };
        self.answer_ask(ask, told);
    }

    /// A host is told to copy a disk, and answers at the end.
    fn begin_copy(&mut self, ask: Ask, task: u128) {
        self.check_disk(ask.vm, ask.to);
        self.log(|| format!("host {} copies the disk of vm {}", ask.to, ask.vm));
        let Some(h) = self.hosts.get_mut(ask.to) else { return };
        h.copying.insert(task, ask.vm);
        let boot = h.boot;
        let takes = self.rng.between(COPY.0, COPY.1);
        self.after(takes, Event::CopyEnds { host: ask.to, boot, task, ask: Box::new(ask) });
    }

    pub(crate) fn copy_ends(&mut self, host: usize, task: u128, ask: Ask) {
        let ended = self.hosts.get_mut(host).and_then(|h| h.copying.remove(&task));
        if let Some(vm) = ended {
            self.log(|| format!("host {host} has copied the disk of vm {vm}"));
            self.answer_ask(ask, Told::Done);
        }
    }

    /// Called when an order begins to act on the disk of a VM, or on its copy.
    fn check_disk(&mut self, vm: u32, by: usize) {
        let works = |h: &crate::host::Host| h.copying.values().any(|copied| *copied == vm);
        if let Some(other) = self.hosts.iter().position(works) {
            let what =
                format!("host {by} works on the disk of vm {vm}, and host {other} still does");
            self.fail(I::OneWorks, what);
        }
    }
}

impl crate::host::Host {
    /// The orders that it carries out, and that would go on without whoever gave them.
    fn carries_out(&self) -> BTreeSet<Uuid> {
        self.copying.keys().map(|task| Uuid::from_u128(*task)).collect()
    }
}
