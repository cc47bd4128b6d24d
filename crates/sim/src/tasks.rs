//! Tasks of the simulated coordinators: the real engine, its journal in the real database.
//!
//! Owns: whose turn it is. What an operation holds, what is durable before what, and how one ends is
//! production code (`haven_tasks`), and so is the order of a migration's parts
//! (`haven_failover::Migration`). A task lives with the open database: whoever opens it next finds the
//! journal.

use std::collections::{BTreeMap, BTreeSet};

use haven_cluster::ids::Life;
use haven_cluster::invariant::Invariant as I;
use haven_cluster::mutation::{Mutation, removed};
use haven_failover::migration::{self, Part};
use haven_failover::{Migration, Search};
use haven_model::{Class, DateTime, Host, Ref, Vm, VmOperations};
use haven_pooldb::Tx;
use haven_tasks::{
    Action, Change, Claim, Engine, Failure, Input, Mode, Object, Operation, Outcome, Output, Step,
    TaskId, Turn, Undo, journal,
};
use uuid::Uuid;

use crate::copying::Copies;
use crate::database::{Placed, Then, set_holders, vm_ref};
use crate::motion::{Ask, Asked, Motions, Told, Wait, Whose};
use crate::world::{MS, World};

/// The first uuid of a task.
const FIRST_TASK: u128 = 1 << 96;

/// What a task's write is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// What the engine wants durable.
    Turn,
    /// The present part of a task.
    Part(TaskId),
    /// Where a VM was found.
    Found(u32),
}

/// What a running operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// For its turn.
    Nothing,
    /// For the engine, the database, or a search.
    Others,
    Answer(Wait),
}

/// A migration that runs.
#[derive(Clone, Copy, Debug)]
struct Work {
    vm: u32,
    migration: Migration,
    /// The step that begins next.
    step: usize,
    from: Life,
    to: Life,
    /// The placement that names both.
    number: u64,
    /// The epoch in which they were named.
    epoch: u64,
    waits: Waits,
}

/// What a coordinator's daemon knows of tasks while its database is open.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    engine: Engine,
    works: BTreeMap<TaskId, Work>,
    pub(crate) motions: Motions,
    pub(crate) copies: Copies,
    /// What is to be written, and then told.
    turn: Option<Turn>,
    /// It is durable.
    written: bool,
    /// Somebody tells it.
    telling: bool,
    /// The journal was taken over.
    taken: bool,
}

/// What clients were told of tasks, and what every promise about tasks is held against.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    count: u128,
    vm_of: BTreeMap<TaskId, u32>,
    ended: BTreeSet<TaskId>,
    /// By VM: its newest task, how far that is, and how it ended.
    pub(crate) newest: BTreeMap<u32, (TaskId, Stage)>,
}

/// How far a task is, as the journal has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It holds its objects.
    Admitted,
    /// This step was begun.
    Step(usize),
    /// Past the point of no return.
    Committed,
    /// It is over.
    Done,
    /// It failed, and was taken back.
    Undone,
    /// It failed, and something is left.
    Failed,
}

impl Heard {
    /// The VM that a task is about.
    pub(crate) fn subject(&self, id: TaskId) -> u32 {
        self.vm_of.get(&id).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Admitted => f.write_str("admitted"),
            Self::Step(step) => write!(f, "in step {}", step + 1),
            Self::Committed => f.write_str("committed"),
            Self::Done => f.write_str("ended done"),
            Self::Undone => f.write_str("ended undone"),
            Self::Failed => f.write_str("ended failed"),
        }
    }
}

impl Tasks {
    /// Nothing is to be done for any task.
    pub(crate) fn idle(&self) -> bool {
        self.taken && self.engine.in_flight() == 0 && self.turn.is_none()
    }

    fn work(&mut self, id: TaskId) -> Option<&mut Work> {
        self.works.get_mut(&id)
    }
}

/// The object of a VM, as claims name it.
fn object(vm: u32) -> Object {
    Object { class: Vm::NAME.to_owned(), id: Uuid::from_u128(vm_ref(vm).id().0) }
}

fn host_ref(life: Life) -> Ref<Host> {
    Ref::from_uuid(life.host.0)
}

/// As `VM.pool_migrate` submits it.
fn migration_of(vm: u32) -> Operation {
    let step = |(name, weight): (&str, u32)| Step { name: name.to_owned(), weight };
    Operation {
        name: VmOperations::PoolMigrate.as_str().to_owned(),
        claims: vec![Claim { object: object(vm), mode: Mode::Exclusive }],
        steps: migration::STEPS.map(step).to_vec(),
        cancellable: true,
        wait_ms: 0,
    }
}

impl World {
    pub(crate) fn tasks(&mut self, host: usize) -> Option<&mut Tasks> {
        self.hosts.get_mut(host)?.db.open.as_mut().map(|open| &mut open.tasks)
    }

    /// A task of this coordinator holds the VM.
    pub(crate) fn held_by_task(&mut self, host: usize, vm: u32) -> bool {
        self.tasks(host).is_some_and(|tasks| !tasks.engine.holders(&object(vm)).is_empty())
    }

    /// How far the newest task of a VM is: `in step 2`, `committed`, `ended done`.
    #[must_use]
    pub fn task_of(&self, vm: u32) -> Option<String> {
        self.heard.newest.get(&vm).map(|(_, stage)| stage.to_string())
    }

    /// No task is open at the coordinator: all of its predecessors' have ended, too.
    pub(crate) fn tasks_over(&self) -> bool {
        let acting = self.hosts.iter().find(|h| h.acting(self.now));
        acting.and_then(|h| h.db.open.as_ref()).is_some_and(|open| open.tasks.idle())
    }

    /// Operators ask for a live migration.
    pub(crate) fn migrate(&mut self, vm: u32, to: usize) {
        let Some(host) = self.coordinator().filter(|host| !self.daemon_held(*host)) else { return };
        let sure = !self.metadata.unsure && !self.manager.disabled.contains(&to);
        let Some(h) = self.hosts.get_mut(host).filter(|h| sure && h.db.ready() && h.serves())
        else {
            return;
        };
        let epoch = h.told.as_ref().and_then(|state| state.epoch.clone());
        let Some((placed, epoch)) = h.db.placed().and_then(|all| all.get(&vm).copied()).zip(epoch)
        else {
            return;
        };
        let there = self.config.hosts.get(to).map(|spec| spec.host);
        let there = epoch.members.iter().copied().find(|life| Some(life.host) == there);
        let from = placed.holder.filter(|life| epoch.members.contains(life) && placed.to.is_none());
        let Some((from, there)) = from.zip(there).filter(|(from, there)| from != there) else {
            return;
        };
        if !self.index_of(from.host).is_some_and(|at| self.runs(vm, at)) {
            return;
        }
        let id = self.new_task(vm);
        self.log(|| format!("vm {vm} is to move to host {to}"));
        let work = Work {
            vm,
            migration: Migration::default(),
            step: 0,
            from,
            to: there,
            number: 0,
            epoch: 0,
            waits: Waits::Others,
        };
        if let Some(tasks) = self.tasks(host).filter(|tasks| tasks.taken) {
            tasks.works.insert(id, work);
            self.engine(host, Input::Submit(id, migration_of(vm)));
        }
    }

    /// A task about a VM that a client asks for.
    pub(crate) fn new_task(&mut self, vm: u32) -> TaskId {
        self.heard.count += 1;
        let id = TaskId(Uuid::from_u128(FIRST_TASK + self.heard.count));
        self.heard.vm_of.insert(id, vm);
        id
    }

    /// What a coordinator's daemon does about tasks in its round.
    pub(crate) fn tasks_round(&mut self, host: usize) {
        self.take_journal(host);
        let Some(tasks) = self.tasks(host).filter(|tasks| !tasks.idle()) else { return };
        if let Some(broken) = tasks.engine.check() {
            return self.fail(I::TasksEnd, broken);
        }
        self.engine(host, Input::Tick);
        let now = self.now;
        let Some(tasks) = self.tasks(host) else { return };
        let late = |waits: Waits| matches!(waits, Waits::Answer((_, until)) if until <= now);
        let works: Vec<(TaskId, bool)> =
            tasks.works.iter().map(|(id, work)| (*id, late(work.waits))).collect();
        for (id, late) in works {
            match late {
                true => self.task_answered(host, id, false),
                false => self.advance(host, id),
            }
        }
        self.drive_searches(host);
        self.copies_round(host);
    }

    /// A new coordinator finds the journal: each task of its predecessor ends.
    fn take_journal(&mut self, host: usize) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let Some(open) = h.db.open.as_mut().filter(|open| !open.tasks.taken) else { return };
        open.tasks.taken = true;
        let (records, _) = journal::load(&open.db);
        for record in records {
            let (id, vm) = (record.task, self.heard.vm_of.get(&record.task).copied());
            let vm = vm.map_or("?".to_owned(), |vm| vm.to_string());
            self.log(|| format!("host {host} finds task {} of vm {vm}", number_of(id)));
            if record.may_act() {
                self.hold_task(host, id);
                self.engine(host, Input::Hold(record));
            } else {
                self.engine(host, Input::Restore(record));
            }
        }
    }

    /// The engine hears something, and everybody what follows.
    pub(crate) fn engine(&mut self, host: usize, input: Input) {
        let now = self.now / MS;
        if let Some(tasks) = self.tasks(host) {
            tasks.engine.handle(now, input);
        }
        self.tell_tasks(host);
    }

    /// What is durable is told, and the next is written.
    pub(crate) fn tell_tasks(&mut self, host: usize) {
        let Some(tasks) = self.tasks(host).filter(|tasks| !tasks.telling) else { return };
        tasks.telling = true;
        while let Some(outputs) = self.told_now(host) {
            for output in outputs {
                self.tell_task(host, output);
            }
        }
        if let Some(tasks) = self.tasks(host) {
            tasks.telling = false;
        }
    }

    /// What may be told now; what must be durable before is written first.
    fn told_now(&mut self, host: usize) -> Option<Vec<Output>> {
        let tasks = self.tasks(host)?;
        if std::mem::take(&mut tasks.written) {
            return tasks.turn.take().map(|turn| turn.then);
        }
        if tasks.turn.is_none() {
            tasks.turn = Some(tasks.engine.turn()).filter(|turn| !turn.is_empty());
        }
        let turn = tasks.turn.as_mut()?;
        if removed(Mutation::JournalBehind) && !turn.then.is_empty() {
            return Some(std::mem::take(&mut turn.then));
        }
        let kept = |change: &&Change| matches!(change, Change::Record(_) | Change::Forget(_));
        let changes: Vec<Change> = turn.durable.iter().filter(kept).cloned().collect();
        if changes.is_empty() {
            return tasks.turn.take().map(|turn| turn.then);
        }
        self.write_task(host, Writing::Turn, |tx| {
            changes.iter().try_for_each(|change| match change {
                Change::Record(record) => journal::keep(tx, record, DateTime::EPOCH),
                Change::Forget(id) => journal::forget(tx, *id),
                _ => Ok(()),
            })
        });
        None
    }

    /// Writes something for a task. False: not now.
    pub(crate) fn write_task(
        &mut self,
        host: usize,
        writing: Writing,
        work: impl FnOnce(&mut Tx<'_>) -> Result<(), haven_model::ApiError>,
    ) -> bool {
        self.transact(host, Then::Tasks(writing), work)
    }

    /// That is durable.
    pub(crate) fn task_written(&mut self, host: usize, writing: Writing) {
        match writing {
            Writing::Turn => {
                if let Some(tasks) = self.tasks(host) {
                    tasks.written = true;
                }
            }
            Writing::Part(id) => self.part_done(host, id),
            Writing::Found(vm) => self.found_is_written(host, vm),
        }
    }

    fn tell_task(&mut self, host: usize, output: Output) {
        match output {
            Output::Start(id) if self.copy_admitted(host, id) => {}
            Output::Start(id) | Output::Proceed(id, _) => {
                self.copy_proceeds(host, id);
                let work = self.tasks(host).and_then(|tasks| tasks.work(id));
                if let Some(work) = work {
                    work.waits = Waits::Nothing;
                    // What was admitted has done nothing yet.
                    if matches!(output, Output::Proceed(..)) {
                        work.migration.done();
                    }
                }
                self.advance(host, id);
            }
            Output::Refuse(id, _) => {
                self.drop_work(host, id);
                self.log(|| format!("task {} is refused", number_of(id)));
            }
            Output::Journal(record) => {
                let stage = match (record.committed, record.step) {
                    (true, _) => Stage::Committed,
                    (false, Some(step)) => Stage::Step(step),
                    (false, None) => Stage::Admitted,
                };
                self.note_stage(record.task, stage);
            }
            Output::Undo(id, undo) if self.drop_copy(host, id, &undo) => {}
            Output::Undo(id, undo) => self.undo(host, id, &undo),
            Output::Interrupt(id) => self.failed(host, id, "it is cancelled"),
            Output::End(id, outcome) => self.task_ended(host, id, &outcome),
            Output::Progress(..) => {}
        }
    }

    fn note_stage(&mut self, id: TaskId, stage: Stage) {
        if let Some(vm) = self.heard.vm_of.get(&id) {
            self.heard.newest.insert(*vm, (id, stage));
        }
    }

    fn drop_work(&mut self, host: usize, id: TaskId) {
        if let Some(tasks) = self.tasks(host) {
            tasks.works.remove(&id);
        }
    }

    /// A client hears how its task ended: once, and nothing else afterwards.
    fn task_ended(&mut self, host: usize, id: TaskId, outcome: &Outcome) {
        self.drop_work(host, id);
        let stage = match outcome {
            Outcome::Done => Stage::Done,
            Outcome::Undone(_) | Outcome::Cancelled => Stage::Undone,
            Outcome::Failed { .. } => Stage::Failed,
        };
        let vm = self.heard.subject(id);
        self.log(|| format!("task {} of vm {vm} {stage}", number_of(id)));
        self.note_stage(id, stage);
        // An older journal knows it again.
        let excused = self.metadata.forgotten + self.metadata.recovered > 0;
        if !self.heard.ended.insert(id) && !excused {
            self.fail(I::TasksEnd, format!("task {} ended a second time", number_of(id)));
        }
    }

    /// Does the present part of a task, and those behind it, until one has to be waited for.
    fn advance(&mut self, host: usize, id: TaskId) {
        loop {
            let Some(work) = self.tasks(host).and_then(|tasks| tasks.work(id)).copied() else {
                return;
            };
            if work.waits != Waits::Nothing {
                return;
            }
            match work.migration.part() {
                None => {
                    self.drop_work(host, id);
                    return self.engine(host, Input::Finished(id, Ok(())));
                }
                Some(Part::Commit) => {
                    self.next_part(host, id);
                    self.engine(host, Input::Commit(id));
                }
                Some(part) => return self.begin_part(host, id, work, part),
            }
        }
    }

    fn begin_part(&mut self, host: usize, id: TaskId, work: Work, part: Part) {
        let placed = self.hosts.get_mut(host).and_then(|h| h.db.placed());
        let Some(placed) = placed.and_then(|all| all.get(&work.vm).copied()) else { return };
        match part {
            Part::Settle if placed.to.is_none() => {
                self.next_part(host, id);
                self.advance(host, id);
            }
            Part::Settle => {
                self.wait(host, id, Waits::Others);
                let search = (placed.number, Search::of_two());
                self.search(host, work.vm, search, Whose::Body(id));
            }
            Part::Begin { undo } => {
                let (from, to) = (host_ref(work.from), host_ref(work.to));
                let action = Action::EndMigration { vm: vm_ref(work.vm), from, to };
                let undo = undo.then(|| action.text().ok()).flatten();
                self.wait(host, id, Waits::Others);
                if let Some(work) = self.tasks(host).and_then(|tasks| tasks.work(id)) {
                    work.step += 1;
                }
                self.engine(host, Input::Begin { task: id, step: work.step, undo });
            }
            Part::Reserve => self.reserve(host, id, work, placed),
            Part::Prepare => {
                let epoch = self.term(host).map_or(0, |term| term.epoch.0);
                match self.index_of(work.from.host).filter(|_| epoch == work.epoch) {
                    Some(from) => self.ask_for(host, id, work.to, Asked::Prepare { from }),
                    None => self.failed(host, id, "the members changed"),
                }
            }
            Part::Send => match self.index_of(work.to.host) {
                Some(to) => self.ask_for(host, id, work.from, Asked::Send { to }),
                None => self.failed(host, id, "the destination is gone"),
            },
            Part::Arrived => self.arrived(host, id, work, placed),
            Part::CloseWay => self.ask_for(host, id, work.to, Asked::Finish),
            Part::Commit => {}
        }
    }

    fn wait(&mut self, host: usize, id: TaskId, waits: Waits) {
        if let Some(work) = self.tasks(host).and_then(|tasks| tasks.work(id)) {
            work.waits = waits;
        }
    }

    fn next_part(&mut self, host: usize, id: TaskId) {
        if let Some(work) = self.tasks(host).and_then(|tasks| tasks.work(id)) {
            work.migration.done();
        }
    }

    /// The part for which it waited is done.
    fn part_done(&mut self, host: usize, id: TaskId) {
        self.wait(host, id, Waits::Nothing);
        self.next_part(host, id);
        self.advance(host, id);
    }

    fn reserve(&mut self, host: usize, id: TaskId, work: Work, placed: Placed) {
        if placed.holder != Some(work.from) || placed.to.is_some() {
            return self.failed(host, id, "the VM has moved meanwhile");
        }
        // The lives that the hosts have now: one that came back since it was asked for is another.
        let told = self.hosts.get(host).and_then(|h| h.told.as_deref());
        let Some(epoch) = told.and_then(|state| state.epoch.as_ref()) else { return };
        let (number, members) = (epoch.number.0, epoch.members.clone());
        let there = members.iter().copied().find(|life| life.host == work.to.host);
        let Some(there) = there.filter(|_| members.contains(&work.from)) else {
            return self.failed(host, id, "the members changed");
        };
        let both = [work.from, there];
        let set = |tx: &mut Tx<'_>| set_holders(tx, placed.row, &both);
        if self.write_task(host, Writing::Part(id), set)
            && let Some(work) = self.tasks(host).and_then(|tasks| tasks.work(id))
        {
            work.waits = Waits::Others;
            work.to = there;
            work.number = placed.number + 1;
            work.epoch = number;
        }
    }

    /// The life that took the guest in, which may be over by now, is its only holder.
    fn arrived(&mut self, host: usize, id: TaskId, work: Work, placed: Placed) {
        let both = placed.holder.iter().chain(&placed.to);
        let held = both.copied().find(|life| life.host == work.to.host);
        let Some(held) = held else {
            return self.failed(host, id, "its placement was overtaken");
        };
        let set = |tx: &mut Tx<'_>| set_holders(tx, placed.row, &[held]);
        if self.write_task(host, Writing::Part(id), set) {
            self.wait(host, id, Waits::Others);
        }
    }

    fn ask_for(&mut self, host: usize, id: TaskId, whom: Life, what: Asked) {
        let Some(work) = self.tasks(host).and_then(|tasks| tasks.work(id)).copied() else { return };
        match self.ask(host, whom, (work.vm, work.number, what)) {
            Some(wait) => self.wait(host, id, Waits::Answer(wait)),
            None => self.task_answered(host, id, false),
        }
    }

    /// An answer that no search waits for.
    pub(crate) fn told_of_task(&mut self, ask: Ask, told: Told) {
        let Some(tasks) = self.tasks(ask.by) else { return };
        let waits = |work: &Work| matches!(work.waits, Waits::Answer((id, _)) if id == ask.id);
        let found = tasks.works.iter().find(|(_, work)| waits(work)).map(|(id, _)| *id);
        if let Some(id) = found {
            self.task_answered(ask.by, id, matches!(told, Told::Done));
        } else {
            self.told_of_copy(ask, told);
        }
    }

    fn task_answered(&mut self, host: usize, id: TaskId, done: bool) {
        let work = self.tasks(host).and_then(|tasks| tasks.work(id)).copied();
        match work.and_then(|work| work.migration.part()) {
            // The destination closes its way in by itself later.
            Some(Part::CloseWay) => self.part_done(host, id),
            Some(_) if done => self.part_done(host, id),
            Some(part) => self.failed(host, id, &format!("{part:?} failed")),
            None => {}
        }
    }

    fn failed(&mut self, host: usize, id: TaskId, why: &str) {
        self.drop_work(host, id);
        let failure =
            Failure { code: "VM_MIGRATE_FAILED".to_owned(), params: vec![why.to_owned()] };
        self.log(|| format!("task {} fails: {why}", number_of(id)));
        self.engine(host, Input::Finished(id, Err(failure)));
    }

    /// Takes a step back: finds out where the VM runs, unless that is known.
    fn undo(&mut self, host: usize, id: TaskId, undo: &Undo) {
        let Ok(Action::EndMigration { vm, from, to }) = Action::read(undo) else {
            return self.engine(host, Input::Undone(id, false));
        };
        let vm = u32::try_from(vm.id().0.saturating_sub(1)).unwrap_or(u32::MAX);
        let placed = self.hosts.get_mut(host).and_then(|h| h.db.placed());
        let placed = placed.and_then(|all| all.get(&vm).copied());
        let both = |placed: &Placed| {
            let named = placed.holder.map(host_ref).zip(placed.to.map(host_ref));
            named.is_some_and(|named| named == (from, to) || named == (to, from))
        };
        match placed.filter(both) {
            Some(placed) => {
                self.search(host, vm, (placed.number, Search::of_two()), Whose::Undo(id));
            }
            None => self.engine(host, Input::Undone(id, true)),
        }
    }

    /// A search ended for which a task may have waited.
    pub(crate) fn search_ended(&mut self, host: usize, whose: Whose, known: bool) {
        match whose {
            Whose::Round => {}
            Whose::Undo(id) => self.engine(host, Input::Undone(id, known)),
            Whose::Body(id) if known => self.part_done(host, id),
            Whose::Body(id) => self.failed(host, id, "nobody knows where the VM is"),
        }
    }
}

/// A short name for a task, in logs.
fn number_of(id: TaskId) -> u128 {
    id.0.as_u128() - FIRST_TASK
}
