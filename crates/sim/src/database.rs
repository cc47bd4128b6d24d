//! The pool database of the simulated coordinators: the real `pooldb`, sealed, on areas of a shared
//! volume.
//!
//! Owns: writes whose acknowledgement waits for the volume, what is lost with the power, and the
//! copies of the hosts. The order is that of the pool daemon: it asks for the right to act before
//! every single operation on the volume.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use haven_cluster::Input;
use haven_cluster::control::{EpochView, GuardCommand};
use haven_cluster::ids::{EpochNumber, HostId, Incarnation, Instant, Life};
use haven_failover::{self as failover, Fate, Held, Step};
use haven_model::{HavenSecret, Holder, Placement, Ref, Vm};
use haven_pooldb::{Database, Snapshot, Tx};
use uuid::Uuid;

use crate::area::{self, AreaOp, Pages, View, apply};
use crate::disk::Path;
use crate::event::Event;
use crate::shelf::Shelf;
use crate::tasks::{Tasks, Writing};
use crate::world::{MS, World};

/// The metadata volume among a host's paths.
pub(crate) const METADATA: u8 = 200;
/// Pause after a take-over that failed, or a change.
pub(crate) const RETRY_PAUSE: u64 = 500 * MS;
const COUNTER: &str = "n";
/// After which time the coordinator's own copy is on its disk: it gathers changes, and its disk may be
/// slow. By the time of day, not by chance, so that a storm is the same with and without it.
const OWN_COPY_LEAST: u64 = 5 * MS;
const OWN_COPY_SPREAD: u64 = 400 * MS;

/// The volume, and what was promised to clients.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    pub(crate) areas: Vec<Pages>,
    /// The newest client write that was acknowledged: they are numbered.
    pub(crate) acked: u64,
    /// Counts faults that changed what is stored.
    pub(crate) faults: u64,
    /// Areas that such a fault may have made unreadable, and that nobody filled anew since.
    pub(crate) damaged: BTreeSet<u8>,
    /// Those that such a fault has made older than what was written there, as far as anybody can see
    /// who opens them; until one is taken for the newest.
    pub(crate) older: BTreeSet<u8>,
    /// The newest generation that was to be seen in each that has rotted.
    rotten: BTreeMap<u8, u64>,
    /// An older database was taken because no copy was newer; one may turn up yet.
    pub(crate) forgot: bool,
    /// How often that happened.
    pub(crate) forgotten: u64,
    /// VMs of which that database does not know what was ordered last (docs/protocol.md, residual
    /// risks).
    pub(crate) strays: BTreeSet<u32>,
    /// The newest that was durable in a live area: orders may have left because of it.
    pub(crate) newest: Option<Copy>,
    /// Nothing can be written.
    pub(crate) full: bool,
    /// Somebody's copy of the volume.
    kept: Option<Vec<Pages>>,
    /// Since when the coordinators refuse the database.
    pub(crate) refused_since: Option<u64>,
    /// What is known of the areas.
    pub(crate) shelf: Shelf,
    /// A person chose the database: nothing is started before all hosts have said what they run.
    pub(crate) unsure: bool,
    /// How often a person chose a copy.
    pub(crate) recovered: u64,
    /// The first generations of histories that persons chose, until a database of such a one, or a
    /// later one, was taken.
    pub(crate) choices: BTreeSet<u64>,
}

impl Metadata {
    /// A volume whose first area knows so many VMs, none of which runs.
    pub(crate) fn new(vms: u32, owner: &str) -> Self {
        static MADE: Mutex<BTreeMap<(u32, String), Filled>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let made = made.entry((vms, owner.to_owned()));
        let (first, rows) = made.or_insert_with(|| first_area(vms, owner).unwrap_or_default());
        let mut areas = vec![Pages::default(); usize::from(haven_cluster::AREA_COUNT)];
        areas.iter_mut().take(1).for_each(|area| *area = first.clone());
        let shelf = Shelf::default();
        shelf.put(0, first.clone(), rows.clone());
        Self { areas, shelf, ..Self::default() }
    }

    /// A volume that holds this.
    #[cfg(test)]
    pub(crate) fn of(areas: Vec<Pages>) -> Self {
        Self { areas, ..Self::default() }
    }

    /// Flips bits in what an area holds; the headers and seals are among it.
    pub(crate) fn rot(&mut self, area: u8, from: usize, count: usize) {
        if let Some(pages) = self.areas.get_mut(usize::from(area)) {
            let from = from % pages.count().max(1);
            let said = area::generation(pages).max(area::seal(pages).map(|seal| seal.generation));
            let known = self.rotten.entry(area).or_default();
            *known = said.unwrap_or(0).max(*known);
            pages.rot(from, count);
            self.faults += 1;
            self.damaged.insert(area);
            // The newest seal and the newest commit: nothing says any more that there was one.
            if area::generation(pages).is_some_and(|found| found < *known) {
                self.older.insert(area);
            }
        }
    }

    /// What an area holds, a database of generation `found`, is the newest from now on. True if a fault may
    /// have made it older: at once, or when a late write landed over what had rotted.
    pub(crate) fn counts(&mut self, area: u8, found: u64) -> bool {
        let known = self.rotten.remove(&area);
        self.older.remove(&area) || known.is_some_and(|known| found < known)
    }

    /// Somebody copies the volume.
    pub(crate) fn snapshot(&mut self) {
        self.kept = Some(self.areas.clone());
    }

    /// It is put back to what it was then.
    pub(crate) fn restore(&mut self) {
        let Some(kept) = self.kept.clone() else { return };
        // Where nothing was written since it is what it was.
        let same = |area: &u8| self.areas.get(usize::from(*area)) == kept.get(usize::from(*area));
        let changed: Vec<u8> = (0..haven_cluster::AREA_COUNT).filter(|area| !same(area)).collect();
        self.areas = kept;
        self.faults += 1;
        self.damaged.extend(&changed);
        self.older.extend(&changed);
    }

    pub(crate) fn area(&self, area: u8) -> Pages {
        self.areas.get(usize::from(area)).cloned().unwrap_or_default()
    }
}

/// Who alone may have written an area.
pub(crate) fn owner(generation: Uuid, life: Life) -> String {
    format!("{generation}/{}/{}", life.host.0, life.incarnation.0)
}

/// What a database held when it was durable.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    pub(crate) generation: u64,
    /// How often an older database had been taken before it was made, because nobody knew better.
    pub(crate) history: u64,
    pub(crate) pages: Arc<Pages>,
}

/// An open database.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) db: Database,
    pub(crate) view: View,
    pub(crate) area: u8,
    /// Who holds which VM, as of a generation of the database.
    pub(crate) placed: Option<(u64, Arc<BTreeMap<u32, Placed>>)>,
    pub(crate) tasks: Tasks,
    /// Who hears what it held when it is closed.
    pub(crate) shelf: Shelf,
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.db.is_doubtful() {
            self.shelf.close(self.area, &self.view, &self.db);
        }
        self.view.close();
    }
}

/// What happens when everything of a job has landed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// The copy is whole: it may be made live.
    Copied { epoch: u64, area: u8 },
    /// A client's write is acknowledged.
    Ack(u64),
    /// Placements are durable: orders may leave.
    Placed,
    /// What a task has written.
    Tasks(Writing),
    /// What was told by all hosts is written down.
    Sure,
    /// What resets of guests cost is durable: they may be ordered.
    Watched,
}

/// Operations that are to be done in this order.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) ops: VecDeque<AreaOp>,
    pub(crate) area: u8,
    pub(crate) then: Then,
    /// It fills the whole area: so many faults had changed what is stored when it began.
    pub(crate) fills: Option<u64>,
}

/// An operation that left the host and has not landed.
#[derive(Clone, Debug)]
pub(crate) struct AreaFlying {
    id: u64,
    area: u8,
    op: AreaOp,
    /// The path is stalled: it lands when it heals.
    stuck: bool,
}

/// The database's part of a host.
#[derive(Debug, Default)]
pub(crate) struct DbHost {
    pub(crate) open: Option<Open>,
    pub(crate) job: Option<Job>,
    pub(crate) flying: Vec<AreaFlying>,
    pub(crate) reading: bool,
    /// What is in memory, whatever becomes of the volume: the area that it is of, and the content.
    pub(crate) memory: Option<(u8, Copy)>,
    /// The volume does not hold what is in memory.
    pub(crate) must_mend: bool,
    /// When the volume is looked at next, and when a take-over that failed is tried again.
    pub(crate) look_at: u64,
    pub(crate) retry_at: u64,
    /// The newest copy that a member ever told it of.
    pub(crate) told_of: u64,
    /// The copy that a person chose, instead of a live area that is lost.
    pub(crate) chosen: Option<Chosen>,
    /// How data storage stands.
    pub(crate) storages: haven_failover::storage::Storages,
    pub(crate) knows_storage: bool,
    /// Steps because of it that wait for an answer, and until when.
    pub(crate) data_waits: Vec<(haven_failover::storage::Step, u64)>,
    /// What it does about VMs that must run and do not.
    pub(crate) restarts: crate::restarts::Driver,
}

/// A copy that a person chose.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) copy: Copy,
    /// The first of its history.
    pub(crate) generation: u64,
    /// The newest that anybody knew of then.
    pub(crate) known: u64,
    /// Instead of this live area, of this owner.
    pub(crate) instead: (u8, Option<Life>),
}

impl crate::host::Host {
    /// What its daemon does about the database next, by the production code.
    pub(crate) fn database_step(&self, now: u64) -> Step {
        let Some(state) = self.told.as_deref() else { return Step::Stay };
        let last = state.epoch.as_ref().filter(|epoch| !epoch.armed);
        let owes = last.zip(state.me).is_some_and(|(last, me)| last.coordinator.host == me.host);
        let now = Instant(self.local(now));
        failover::database_step(self.db.held(), state, now, owes)
    }

    /// The open database is the live one: a record made it so.
    pub(crate) fn serves(&self) -> bool {
        let epoch = self.told.as_ref().and_then(|state| state.epoch.as_ref());
        let open = self.db.open.as_ref().map(|open| open.area);
        epoch.is_some_and(|e| e.area_next.is_none() && Some(e.area_live) == open)
    }
}

impl DbHost {
    /// Where the database is open.
    pub(crate) fn held(&self) -> Held {
        match (&self.open, &self.memory) {
            (Some(open), _) => Held::Area(open.area),
            (None, Some(_)) => Held::Between,
            (None, None) => Held::Nothing,
        }
    }

    /// An area is being emptied.
    pub(crate) fn empties(&self) -> bool {
        self.flying.iter().any(|flying| flying.op.empties())
    }

    /// All placements, if they were asked for before, nothing is under way, and the open database is
    /// the live one of this epoch, which the volume was seen to hold a moment ago.
    pub(crate) fn known(&self, epoch: &EpochView, now: u64) -> Option<&BTreeMap<u32, Placed>> {
        let open = self.open.as_ref().filter(|_| self.ready() && self.flying.is_empty())?;
        let seen = !self.must_mend && now < self.look_at;
        let live = epoch.area_next.is_none() && open.area == epoch.area_live && seen;
        let (generation, placed) = open.placed.as_ref().filter(|_| live)?;
        (*generation == open.db.generation()).then_some(placed)
    }

    /// All placements that the open database names.
    pub(crate) fn placed(&mut self) -> Option<Arc<BTreeMap<u32, Placed>>> {
        let open = self.open.as_mut()?;
        let generation = open.db.generation();
        if let Some((_, placed)) = open.placed.as_ref().filter(|(of, _)| *of == generation) {
            return Some(placed.clone());
        }
        let placed = Arc::new(placements(&open.db));
        open.placed = Some((generation, placed.clone()));
        Some(placed)
    }

    /// Nothing is under way: the database may be read and written.
    pub(crate) fn ready(&self) -> bool {
        self.open.is_some() && self.job.is_none() && !self.reading
    }
}

pub(crate) fn vm_ref(vm: u32) -> Ref<Vm> {
    Ref::from_u128(u128::from(vm) + 1)
}

/// An area, and the rows that it holds.
type Filled = (Pages, Snapshot);

/// The first content: no VM has a holder.
fn first_area(vms: u32, owner: &str) -> Option<Filled> {
    let (store, view) = area::fresh(Pages::default(), owner, None).ok()?;
    let mut db = Database::open(Box::new(store), area::ids(0)).ok()?;
    let filled = db.transact(|tx| {
        let secret = HavenSecret {
            key: COUNTER.to_owned(),
            value: "0".to_owned(),
            ..HavenSecret::default()
        };
        tx.insert(secret)?;
        for vm in 0..vms {
            tx.insert(Placement { vm: vm_ref(vm), ..Placement::default() })?;
        }
        Ok(())
    });
    let rows = filled.ok().and_then(|_| db.export().ok())?;
    drop(db);
    Some((view.pages(), rows))
}

/// A VM's row: its reference, number and holder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) row: Ref<Placement>,
    pub(crate) number: u64,
    pub(crate) holder: Option<Life>,
    /// The second holder: where it is moving to.
    pub(crate) to: Option<Life>,
}

impl Placed {
    /// What became of it, by the production code.
    pub(crate) fn fate(&self, dead: &[Life]) -> Fate {
        failover::fate(&self.holders(), dead)
    }

    /// Who holds it, where it runs first.
    pub(crate) fn holders(&self) -> Vec<Holder> {
        self.holder.into_iter().chain(self.to).map(holder_of).collect()
    }
}

pub(crate) fn life_of(holder: &Holder) -> Life {
    let host = HostId(Uuid::from_u128(holder.host.id().0));
    Life { host, incarnation: Incarnation(holder.incarnation) }
}

/// All placements that the database names.
pub(crate) fn placements(db: &Database) -> BTreeMap<u32, Placed> {
    let rows = db.iter::<Placement>().filter_map(|(row, placement)| {
        let vm = u32::try_from(placement.vm.id().0.checked_sub(1)?).ok()?;
        let mut holders = placement.holders.iter().map(life_of);
        let (holder, to) = (holders.next(), holders.next());
        Some((vm, Placed { row, number: placement.number, holder, to }))
    });
    rows.collect()
}

/// Gives a VM to a holder, or to nobody, under the next number.
pub(crate) fn set_holder(
    tx: &mut Tx<'_>,
    row: Ref<Placement>,
    holder: Option<Life>,
) -> Result<(), haven_model::ApiError> {
    set_holders(tx, row, holder.as_slice())
}

pub(crate) fn holder_of(life: Life) -> Holder {
    Holder { host: Ref::from_u128(life.host.0.as_u128()), incarnation: life.incarnation.0 }
}

/// Gives a VM to these holders, under the next number.
pub(crate) fn set_holders(
    tx: &mut Tx<'_>,
    row: Ref<Placement>,
    holders: &[Life],
) -> Result<(), haven_model::ApiError> {
    tx.update(row, |placement: &mut Placement| {
        placement.number += 1;
        placement.holders = holders.iter().map(|life| holder_of(*life)).collect();
    })
}

pub(crate) fn counter(db: &Database) -> u64 {
    let row = db.iter::<HavenSecret>().find(|(_, row)| row.key == COUNTER);
    row.and_then(|(_, row)| row.value.parse().ok()).unwrap_or(0)
}

impl World {
    /// Writes to the open database; `then` happens when it is durable. False: it could not begin.
    pub(crate) fn transact(
        &mut self,
        host: usize,
        then: Then,
        work: impl FnOnce(&mut Tx<'_>) -> Result<(), haven_model::ApiError>,
    ) -> bool {
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.db.ready()) else { return false };
        let Some(open) = h.db.open.as_mut() else { return false };
        // A change on top of something else would be acknowledged, and lost.
        let area = self.metadata.areas.get(usize::from(open.area));
        if !area.is_some_and(|area| open.view.seals_stand(area)) {
            h.db.must_mend = true;
            return false;
        }
        let done = open.db.transact(work);
        let (ops, area) = (open.view.take().into(), open.area);
        if done.is_err() {
            h.db.open = None;
            return false;
        }
        h.db.job = Some(Job { ops, area, then, fills: None });
        self.step_job(host);
        true
    }

    /// Issues operations up to the next sync, once everything before has landed.
    pub(crate) fn step_job(&mut self, host: usize) {
        let now = self.now;
        loop {
            let Some(h) = self.hosts.get_mut(host) else { return };
            if !h.db.flying.is_empty() {
                return;
            }
            let acting = h.acting(now) && !h.gate_closed;
            let path = h.path(METADATA);
            let Some(job) = h.db.job.as_mut() else { return };
            if job.ops.is_empty() {
                let then = job.then;
                if job.fills == Some(self.metadata.faults) {
                    self.metadata.damaged.remove(&job.area);
                    self.metadata.counts(job.area, u64::MAX);
                }
                h.db.job = None;
                return self.job_done(host, then);
            }
            // The daemon asks for its right before every operation.
            if !acting || path == Path::Failing || self.metadata.full {
                h.db.job = None;
                h.db.open = None;
                h.db.retry_at = now + RETRY_PAUSE;
                return;
            }
            let (area, stuck, boot) = (job.area, path == Path::Stalled, h.boot);
            let mut batch = Vec::new();
            while let Some(op) = job.ops.pop_front().filter(|op| !matches!(op, AreaOp::Sync)) {
                batch.push(op);
            }
            for op in batch {
                let id = self.next_read;
                self.next_read += 1;
                let delay = self.latency(path);
                if let Some(h) = self.hosts.get_mut(host) {
                    h.db.flying.push(AreaFlying { id, area, op, stuck });
                }
                if !stuck {
                    self.after(delay, Event::AreaLand { host, boot, id });
                }
            }
        }
    }

    /// An operation reaches the volume.
    pub(crate) fn area_land(&mut self, host: usize, id: u64) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let Some(at) = h.db.flying.iter().position(|flying| flying.id == id) else { return };
        let flying = h.db.flying.swap_remove(at);
        self.area_apply(&flying, usize::MAX);
        self.step_job(host);
    }

    fn area_apply(&mut self, flying: &AreaFlying, length: usize) {
        if let Some(area) = self.metadata.areas.get_mut(usize::from(flying.area)) {
            apply(area, &flying.op, length);
        }
    }

    /// An operation that outlived its host lands, perhaps in part.
    pub(crate) fn area_late(&mut self, flying: &AreaFlying, length: usize) {
        self.area_apply(flying, length);
    }

    /// The path to the metadata volume works again.
    pub(crate) fn area_unstick(&mut self, host: usize) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let boot = h.boot;
        let mut ids = Vec::new();
        for flying in h.db.flying.iter_mut().filter(|flying| flying.stuck) {
            flying.stuck = false;
            ids.push(flying.id);
        }
        for id in ids {
            self.after(MS, Event::AreaLand { host, boot, id });
        }
    }

    fn job_done(&mut self, host: usize, then: Then) {
        match then {
            Then::Copied { epoch, area } => {
                let life = self.hosts.get(host).map_or(0, |h| h.life);
                self.remember(host, false);
                return self.command_copied(host, life, epoch, area);
            }
            Then::Ack(number) => self.metadata.acked = self.metadata.acked.max(number),
            Then::Placed | Then::Tasks(_) => {}
            Then::Watched => self.resets_leave(),
            Then::Sure => {
                self.log(|| format!("host {host} knows what runs where"));
                self.metadata.unsure = false;
                self.metadata.strays.clear();
            }
        }
        self.remember(host, true);
        if let Then::Tasks(writing) = then {
            self.task_written(host, writing);
        }
        self.tell_tasks(host);
    }

    /// What is durable is in memory, and is sent to the members if it may have been acknowledged.
    fn remember(&mut self, host: usize, share: bool) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let Some(open) = h.db.open.as_ref() else { return };
        let pages = Arc::new(open.view.pages());
        let history = self.metadata.forgotten;
        let copy = Copy { generation: open.db.generation(), history, pages };
        h.db.memory = Some((open.area, copy.clone()));
        if !share || !h.serves() {
            return;
        }
        let found = counter(&open.db);
        self.adopt(copy.generation, found);
        self.metadata.newest = Some(copy.clone());
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.db.chosen = None;
        let (boot, down) = (h.boot, h.daemon.kills());
        let members = h.told.as_ref().and_then(|state| state.epoch.as_ref());
        let members = members.map_or(Vec::new(), |epoch| epoch.members.clone());
        let own = Event::OwnCopy { host, boot, down, copy: Box::new(copy.clone()) };
        self.after(OWN_COPY_LEAST + self.now % OWN_COPY_SPREAD, own);
        let members: Vec<usize> = self.indices(&members).collect();
        for member in members.into_iter().filter(|member| *member != host) {
            // One that is not sent in time comes with the next change.
            if !self.reaches(host, member) || self.rng.chance(100) {
                continue;
            }
            // Also in the place of a newer one: what another coordinator sent is of a history that is gone.
            if let Some(h) = self.hosts.get_mut(member) {
                h.copy = Some(copy.clone());
            }
        }
    }

    /// The coordinator's own copy is kept after its clients have heard; not by a daemon that was killed
    /// meanwhile, and never in the place of a newer one.
    pub(crate) fn own_copy(&mut self, host: usize, down: u64, copy: Copy) {
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.daemon.kills() == down) else { return };
        if h.copy.as_ref().is_none_or(|known| known.generation < copy.generation) {
            h.copy = Some(copy);
        }
    }

    pub(crate) fn indices(&self, lives: &[Life]) -> impl Iterator<Item = usize> {
        lives.iter().filter_map(|life| self.index_of(life.host))
    }

    /// The daemons of two hosts can talk.
    pub(crate) fn reaches(&self, from: usize, to: usize) -> bool {
        let up = self.hosts.get(to).is_some_and(|h| h.powered && !h.daemon.held(self.now));
        let linked = self.network.connected(from, to) && self.network.connected(to, from);
        up && (from == to || linked)
    }

    /// Power goes, or the daemon is killed: the open database is gone, and operations on their
    /// way land late, in part or never.
    pub(crate) fn area_cut(&mut self, host: usize, late: u64) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let db = std::mem::take(&mut h.db);
        for flying in db.flying {
            let whole = flying.op.len();
            let torn = self.rng.chance(300);
            let length = if torn { self.rng.index(whole / 512 + 1) * 512 } else { whole };
            if self.options.late_writes && self.rng.chance(700) {
                let delay = self.rng.below(late * 95 / 100);
                self.after(delay, Event::AreaLate { flying: Box::new(flying), length });
            }
        }
    }

    /// The daemon is no longer coordinator, or is killed: what it held is closed. What is on its
    /// way stays on its way.
    pub(crate) fn close_database(&mut self, host: usize) {
        if let Some(h) = self.hosts.get_mut(host) {
            let flying = std::mem::take(&mut h.db.flying);
            h.db = DbHost { flying, ..DbHost::default() };
        }
    }

    /// Says that no IO of this daemon is on its way any more, once that is so.
    pub(crate) fn report_drained(&mut self, host: usize, life: u64, epoch: u64) {
        let Some(h) = self.hosts.get(host).filter(|h| h.life == life) else { return };
        if h.paused || !h.db.flying.is_empty() {
            return self.after(100 * MS, Event::Drained { host, life, epoch });
        }
        let command = GuardCommand::DatabaseDrained { epoch: EpochNumber(epoch) };
        self.input(host, Input::Command { id: 0, command });
    }

    pub(crate) fn command_copied(&mut self, host: usize, life: u64, epoch: u64, area: u8) {
        if self.hosts.get(host).is_none_or(|h| h.life != life || h.paused) {
            return;
        }
        let command = GuardCommand::DatabaseCopied { epoch: EpochNumber(epoch), area };
        self.input(host, Input::Command { id: 0, command });
    }

    /// A client writes through whoever acts; it hears of it when it is durable.
    pub(crate) fn client_writes(&mut self) {
        let (least, most) = self.options.clients_ms;
        let wait = self.rng.between(least, most) * MS;
        self.after(wait, Event::Client);
        let now = self.now;
        let acting = self
            .hosts
            .iter()
            .position(|h| h.acting(now) && h.db.ready() && h.serves() && !h.daemon.held(now));
        let Some(host) = acting else { return };
        let db = self.hosts.get(host).and_then(|h| h.db.open.as_ref()).map(|open| &open.db);
        let Some((row, next)) = db.and_then(|db| {
            let (row, _) = db.iter::<HavenSecret>().find(|(_, row)| row.key == COUNTER)?;
            Some((row, counter(db) + 1))
        }) else {
            return;
        };
        self.transact(host, Then::Ack(next), |tx| {
            tx.update(row, |secret: &mut HavenSecret| secret.value = next.to_string())
        });
    }

    /// The daemon is coordinator no more: what it has of the database is closed, but for what a person
    /// chose and what witnesses told it.
    pub(crate) fn leave_office(&mut self, host: usize) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let (chosen, told_of) = (h.db.chosen.take(), h.db.told_of);
        self.close_database(host);
        if let Some(h) = self.hosts.get_mut(host) {
            h.db = DbHost { chosen, told_of, ..std::mem::take(&mut h.db) };
        }
    }

    /// One that acted says that no IO of it is on its way any more.
    pub(crate) fn role_ended(&mut self, host: usize, number: u64) {
        self.leave_office(host);
        let life = self.hosts.get(host).map_or(0, |h| h.life);
        self.after(5 * MS, Event::Drained { host, life, epoch: number });
    }
}
