//! Data storage: machines whose disks are on it, hosts that lose it, and what the coordinator does then.
//!
//! Owns: the storage, as a world: who reaches it, whose writes wait in a host for the path to come back, and
//! processes that cannot be ended. Whose machines are ended, in which order, and when one may be given up, is
//! production code (`haven_failover::storage`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use haven_cluster::ids::Life;
use haven_failover::storage::{
    Due, Machine, Notice, Policy, Remains, Response, Step, Word, held_alone, may_give_up,
};
use haven_failover::{Report, Sender, Sight, Term};
use haven_model::Ref;
use haven_planner::{Pool, Rules, restart_plan};
use uuid::Uuid;

use crate::database::{Placed, Then, set_holder};
use crate::event::Event;
use crate::stream::vm_id;
use crate::world::{MS, World};

/// Its identity.
const STORAGE: Uuid = Uuid::from_u128(0xda7a);
/// Longest wait for the answer to a step.
const ANSWER: u64 = 3_000 * MS;

/// What happens to it, and what operators want of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataFault {
    /// So many of the VMs have their disk on it, from the first one on.
    Holds(u32),
    /// Hosts lose it.
    Lost(BTreeSet<usize>),
    /// They have it again.
    Back(BTreeSet<usize>),
    /// All hosts lose it, or have it again.
    Everywhere(bool),
    /// What is done about a loss, and after how many milliseconds.
    Policy(Response, u64),
    /// Whether the process of a VM can be ended.
    Mortal(u32, bool),
}

/// The storage.
#[derive(Debug, Default)]
pub(crate) struct Data {
    vms: BTreeSet<u32>,
    lost: BTreeSet<usize>,
    immortal: BTreeSet<u32>,
    policy: Option<Policy>,
    /// What the database has of hosts that lost it.
    marks: BTreeSet<(Uuid, Uuid)>,
    pub(crate) told: Vec<String>,
}

/// What a host's daemon remembers of it, as long as the host is on.
pub(crate) type Ending = BTreeMap<Uuid, Remains>;

/// A step on its way.
#[derive(Clone, Debug)]
pub(crate) struct DataOrder {
    step: Step,
    vm: Option<(u32, Placed)>,
    by: usize,
    to: usize,
    term: Term,
    kills: u64,
}

fn vm_of(id: Uuid) -> Option<u32> {
    u32::try_from(id.as_u128()).ok()
}

impl World {
    pub(crate) fn data_fault(&mut self, fault: &DataFault) {
        match fault {
            DataFault::Holds(count) => self.data.vms = (0..*count).collect(),
            DataFault::Lost(hosts) => self.data.lost.extend(hosts),
            DataFault::Back(hosts) => {
                for host in hosts {
                    self.data.lost.remove(host);
                    if let Some(h) = self.hosts.get_mut(*host) {
                        // What waited is written, and the host sees that.
                        h.unlanded.clear();
                        h.ending.retain(|_, remains| remains.process);
                    }
                }
            }
            DataFault::Everywhere(back) => {
                let all = (0..self.hosts.len()).collect();
                let each = if *back { DataFault::Back(all) } else { DataFault::Lost(all) };
                self.data_fault(&each);
            }
            DataFault::Policy(response, ms) => {
                let after = Duration::from_millis(*ms);
                self.data.policy = Some(Policy { response: *response, after });
            }
            DataFault::Mortal(vm, true) => drop(self.data.immortal.remove(vm)),
            DataFault::Mortal(vm, false) => drop(self.data.immortal.insert(*vm)),
        }
    }

    fn policy(&self) -> Policy {
        let after = Duration::from_secs(180);
        self.data.policy.unwrap_or(Policy { response: Response::default(), after })
    }

    /// Whether anybody has to look after it.
    pub(crate) fn has_data(&self) -> bool {
        !self.data.vms.is_empty()
    }

    /// A process ends, whoever wanted that; what it wrote may wait for the path. Whether it was there.
    pub(crate) fn process_ends(&mut self, vm: u32, host: usize) -> bool {
        let waits = self.storage_stalls(vm, host);
        let Some(h) = self.hosts.get_mut(host) else { return false };
        let there = h.vms.remove(&vm);
        if there && waits {
            h.unlanded.insert(vm);
        }
        there
    }

    /// What the kernel of a host still has to write: the host doesn't leave, nor call itself fenced.
    pub(crate) fn writes_under_way(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|h| !h.unlanded.is_empty())
    }

    /// VMs that hang: they run, and their disk does not answer.
    pub(crate) fn hanging_on(&self, host: usize) -> usize {
        let lost = self.data.lost.contains(&host);
        let on = self.hosts.get(host).map(|h| h.vms.intersection(&self.data.vms).count());
        if lost { on.unwrap_or(0) } else { 0 }
    }

    /// The disk of a VM does not answer there, and its host says so.
    pub(crate) fn storage_stalls(&self, vm: u32, on: usize) -> bool {
        self.data.lost.contains(&on) && self.data.vms.contains(&vm)
    }

    /// What people were told of storage.
    pub(crate) fn told_of_data(&self) -> &[String] {
        &self.data.told
    }

    /// A VM may not start while a write of its former life waits elsewhere.
    pub(crate) fn writes_wait(&self, vm: u32) -> bool {
        self.hosts.iter().any(|h| h.unlanded.contains(&vm))
    }

    /// What a VM needs of its host.
    pub(crate) fn storage_of(&self, vm: u32) -> BTreeSet<Uuid> {
        let disc = self.disc_of(vm);
        self.data.vms.contains(&vm).then_some(STORAGE).into_iter().chain(disc).collect()
    }

    /// What a host has, as its coordinator knows it.
    pub(crate) fn storage_on(&self, by: usize, host: Uuid) -> BTreeSet<Uuid> {
        let known = self.hosts.get(by).map(|h| &h.db.storages);
        let usable = known.is_none_or(|storages| storages.usable(host, STORAGE));
        usable.then_some(STORAGE).into_iter().chain(self.own_discs(host)).collect()
    }

    /// Whether a VM is on its way out of a host: nobody else orders about it.
    pub(crate) fn is_being_ended(&self, by: usize, vm: u32, placed: &Placed) -> bool {
        let known = self.hosts.get(by).map(|h| &h.db.storages);
        let held = |host| placed.holder.is_some_and(|holder| holder.host.0 == host);
        let ends = |(id, host)| id == vm_id(vm) && held(host);
        self.has_data() && known.is_some_and(|storages| storages.on_their_way().any(ends))
    }

    /// What the members say.
    fn words(&self, by: usize, members: &[Life]) -> BTreeMap<Uuid, Option<Word>> {
        let word = |life: &Life| {
            let at = self.index_of(life.host)?;
            let h = self.hosts.get(at)?;
            let says = || {
                let storage = [(STORAGE, !self.data.lost.contains(&at))].into();
                Word { storage, ending: h.ending.clone(), lets_go: [STORAGE].into() }
            };
            Some((life.host.0, self.reaches(by, at).then(says)))
        };
        members.iter().filter_map(word).collect()
    }

    fn machines(&self, placed: &BTreeMap<u32, Placed>) -> Vec<Machine> {
        let runs = |(vm, placed): (&u32, &Placed)| {
            let holder = placed.holder.filter(|_| placed.to.is_none())?;
            let on = self.index_of(holder.host).filter(|at| self.runs(*vm, *at))?;
            debug_assert!(on < self.hosts.len());
            let srs = self.storage_of(*vm);
            Some(Machine { vm: vm_id(*vm), on: holder.host.0, srs })
        };
        placed.iter().filter_map(runs).collect()
    }

    /// The coordinator looks after it; true if nothing is to be done.
    pub(crate) fn manage_data(
        &mut self,
        host: usize,
        placed: &BTreeMap<u32, Placed>,
        (members, term): (&[Life], Term),
    ) -> bool {
        if !self.has_data() {
            return true;
        }
        let (now, policy) = (Duration::from_nanos(self.now), self.policy());
        let words = self.words(host, members);
        let machines = self.machines(placed);
        let Some(h) = self.hosts.get_mut(host) else { return true };
        if !std::mem::replace(&mut h.db.knows_storage, true) {
            h.db.storages.inherit(now, self.data.marks.iter().copied());
        }
        let mut notices = h.db.storages.see(now, &words, policy.response);
        self.data.marks = h.db.storages.lost().collect();
        let due = h.db.storages.due(now, &machines, policy);
        for due in due {
            let room = self.has_room(host, placed, members, &due);
            let Some(h) = self.hosts.get_mut(host) else { return true };
            match room {
                true => h.db.storages.begin(now, &due, &machines),
                false => notices.extend(h.db.storages.no_room(now, &due)),
            }
        }
        self.tell_of_data(&notices);
        self.overdue(host);
        let Some(h) = self.hosts.get_mut(host) else { return true };
        let steps = h.db.storages.steps(now);
        let quiet = h.db.storages.on_their_way().next().is_none();
        for step in steps {
            self.send_step(host, placed, step, term);
        }
        quiet && self.data.lost.is_empty()
    }

    /// Whether there is a place elsewhere for all of them, as after a failure.
    fn has_room(
        &self,
        host: usize,
        placed: &BTreeMap<u32, Placed>,
        members: &[Life],
        due: &Due,
    ) -> bool {
        let which: BTreeSet<u32> = due.vms.iter().copied().filter_map(vm_of).collect();
        let vms = which.iter().map(|vm| self.planned_vm(*vm)).collect();
        let hosts = self.planned_hosts(host, placed, &which, members);
        let pool = Pool { hosts, vms, ..Pool::default() };
        restart_plan(&pool, &due.vms, &Rules::default()).starts().count() == which.len()
    }

    fn tell_of_data(&mut self, notices: &[Notice]) {
        for notice in notices {
            let name = |id: &Uuid| {
                let host = self.config.hosts.iter().position(|spec| spec.host.0 == *id);
                host.map_or("?".to_owned(), |host| format!("host {host}"))
            };
            let text = match notice {
                Notice::Lost { host, .. } => format!("storage is lost on {}", name(host)),
                Notice::LostEverywhere { .. } => "storage is lost everywhere".to_owned(),
                Notice::Back { .. } => "storage is back".to_owned(),
                Notice::NoRoom { host, .. } => format!("no room for the VMs of {}", name(host)),
                Notice::Bound { host, .. } => format!("{} could not let go of storage", name(host)),
                Notice::Stuck { host, vm } => {
                    let vm = vm_of(*vm).unwrap_or_default();
                    format!("the process of vm {vm} on {} cannot be ended", name(host))
                }
                Notice::Held { host, .. } => format!("{} cannot let go of storage", name(host)),
            };
            self.tell_person(text);
        }
    }

    /// A person is told.
    pub(crate) fn tell_person(&mut self, text: String) {
        self.log(|| format!("told: {text}"));
        self.data.told.push(text);
    }

    fn send_step(&mut self, by: usize, placed: &BTreeMap<u32, Placed>, step: Step, term: Term) {
        let Some(to) = self.config.hosts.iter().position(|spec| spec.host.0 == step.host()) else {
            return;
        };
        let vm = match &step {
            Step::End { vm, .. } | Step::GiveUp { vm, .. } => vm_of(*vm),
            Step::LetGo { .. } => None,
        };
        let there = Ref::from_u128(step.host().as_u128());
        let vm = vm.and_then(|vm| Some((vm, *placed.get(&vm)?)));
        let vm = vm.filter(|(_, placed)| held_alone(&placed.holders(), there).is_some());
        if vm.is_none() && matches!(step, Step::GiveUp { .. }) {
            // Where it is now is for others to find out.
            return self.step_ended(by, &step, true);
        }
        let until = self.now + ANSWER;
        let kills = self.hosts.get(to).map_or(0, |h| h.daemon.kills());
        if let Some(h) = self.hosts.get_mut(by) {
            h.db.data_waits.push((step.clone(), until));
        }
        let delay = self.rng.between(MS, 30 * MS);
        self.after(delay, Event::Data(Box::new(DataOrder { step, vm, by, to, term, kills })));
    }

    /// Steps that nobody answered have failed.
    fn overdue(&mut self, by: usize) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(by) else { return };
        let (late, waits): (Vec<_>, Vec<_>) =
            h.db.data_waits.drain(..).partition(|(_, until)| *until <= now);
        h.db.data_waits = waits;
        for (step, _) in late {
            self.step_ended(by, &step, false);
        }
    }

    fn step_ended(&mut self, by: usize, step: &Step, done: bool) {
        let now = Duration::from_nanos(self.now);
        let Some(h) = self.hosts.get_mut(by) else { return };
        let notice = h.db.storages.answered(now, step, done);
        self.tell_of_data(notice.as_slice());
    }

    /// A step arrives at its host, and is judged.
    pub(crate) fn obey_data(&mut self, order: Box<DataOrder>) {
        let now = self.now;
        let to = order.to;
        let Some(h) = self.hosts.get_mut(to).filter(|h| h.powered && !h.gate_closed) else {
            return;
        };
        let Some(armed) = h.armed_view(now).filter(|_| h.daemon.kills() == order.kills) else {
            return;
        };
        let sender = Sender { host: order.term.coordinator.host, member: true, named: false };
        if h.heard.hear(&sender, Some(armed), order.term).is_err() {
            return;
        }
        if let Some((vm, placed)) = order.vm
            && h.heard.close(vm_id(vm), placed.number).is_err()
        {
            return;
        }
        let done = match &order.step {
            Step::End { vm, srs, .. } => self.end_process(to, *vm, srs),
            Step::LetGo { sr, .. } => self.let_go(to, *sr),
            Step::GiveUp { vm, .. } => may_give_up(self.report_of(to, *vm, &order)),
        };
        let delay = self.rng.between(MS, 10 * MS);
        self.after(delay, Event::DataAnswer(order, done));
    }

    fn end_process(&mut self, host: usize, id: Uuid, srs: &BTreeSet<Uuid>) -> bool {
        let Some(vm) = vm_of(id) else { return false };
        let immortal = self.data.immortal.contains(&vm);
        let Some(h) = self.hosts.get_mut(host) else { return false };
        let there = h.vms.contains(&vm) || h.starting.contains_key(&vm);
        let remains = Remains { process: there && immortal, srs: srs.clone() };
        h.ending.insert(id, remains);
        if there && immortal {
            return false;
        }
        h.starting.remove(&vm);
        self.process_ends(vm, host);
        if let Some(h) = self.hosts.get_mut(host).filter(|h| !h.unlanded.contains(&vm)) {
            // All is written, as the host sees.
            h.ending.remove(&id);
        }
        if there {
            self.log(|| format!("vm {vm} is ended on host {host}"));
            self.tell_load(host);
        }
        true
    }

    /// Proof that nothing is on its way any more: no process has it open, and what waited is dropped.
    fn let_go(&mut self, host: usize, sr: Uuid) -> bool {
        let Some(h) = self.hosts.get_mut(host) else { return false };
        if h.vms.iter().any(|vm| self.data.vms.contains(vm)) {
            return false;
        }
        h.ending.retain(|_, remains| {
            remains.srs.remove(&sr);
            remains.process || !remains.srs.is_empty()
        });
        h.unlanded.clear();
        self.log(|| format!("host {host} lets go of the storage"));
        true
    }

    fn report_of(&self, host: usize, id: Uuid, order: &DataOrder) -> Report {
        let Some(h) = self.hosts.get(host) else { return Report::default() };
        let here = vm_of(id).is_some_and(|vm| !h.lacks(vm));
        let left = h.ending.get(&id).map_or(Sight::Nothing, Remains::sight);
        let sight = if here { Sight::Here } else { left };
        let holder = order.vm.and_then(|(_, placed)| placed.holder);
        let me = h.armed_view(self.now).and_then(|view| view.me);
        Report { sight, acting: false, stranger: me != holder }
    }

    /// Whether a host may answer that a VM does not run there: something of it may be left.
    pub(crate) fn is_left(&self, host: usize, vm: u32) -> bool {
        let Some(h) = self.hosts.get(host) else { return false };
        let ended = h.ending.get(&vm_id(vm)).is_some_and(|left| left.sight() != Sight::Nothing);
        ended || h.sees_writes_of(vm)
    }

    /// The answer to a step.
    pub(crate) fn told_of_step(&mut self, order: &DataOrder, done: bool) {
        let now = self.now;
        let (sure, reaches) = (!self.metadata.unsure, self.reaches(order.to, order.by));
        let Some(h) = self.hosts.get_mut(order.by).filter(|h| sure && reaches && h.acting(now))
        else {
            return;
        };
        let waits = h.db.data_waits.len();
        h.db.data_waits.retain(|(step, _)| *step != order.step);
        if h.db.data_waits.len() == waits {
            return;
        }
        let gives_up = done && matches!(order.step, Step::GiveUp { .. });
        if let Some((vm, placed)) = order.vm.filter(|_| gives_up) {
            let known = h.db.placed().and_then(|all| all.get(&vm).copied());
            let same = known.is_some_and(|known| known.number == placed.number);
            if same && !self.transact(order.by, Then::Placed, |tx| set_holder(tx, placed.row, None))
            {
                // Another write is on its way.
                if let Some(h) = self.hosts.get_mut(order.by) {
                    h.db.storages.withdraw(&order.step);
                }
                return;
            }
            self.log(|| format!("vm {vm} is given up by host {}", order.to));
        }
        self.step_ended(order.by, &order.step, done);
    }
}
