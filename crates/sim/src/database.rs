//! The pool database of the simulated coordinators: the real `pooldb` on areas of a shared volume.
//!
//! Owns: taking over (read the live area, copy it to the fresh one, have that made live), writes
//! whose acknowledgement waits for the volume, and what is lost with the power. The order is that
//! of the pool daemon: it asks for the right to act before every single operation on the volume.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use haven_cluster::Input;
use haven_cluster::control::{EpochView, GuardCommand};
use haven_cluster::ids::{EpochNumber, HostId, Incarnation, Life};
use haven_model::{HavenSecret, Holder, Placement, Ref, Vm};
use haven_pooldb::{Database, Tx};
use uuid::Uuid;

use crate::area::{AreaOp, Journal, Pages, apply, store};
use crate::disk::Path;
use crate::event::Event;
use crate::world::{MS, World};

/// The metadata volume among a host's paths.
pub(crate) const METADATA: u8 = 200;
const COUNTER: &str = "n";

/// The volume, and what was promised to clients.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    pub(crate) areas: Vec<Pages>,
    /// The newest client write that was acknowledged: they are numbered.
    pub(crate) acked: u64,
    /// Faults were injected that may make the live area unreadable.
    pub(crate) damaged: bool,
}

impl Metadata {
    /// A volume whose first area knows so many VMs, none of which runs.
    pub(crate) fn new(vms: u32) -> Self {
        let mut areas = vec![Pages::default(); usize::from(haven_cluster::AREA_COUNT)];
        if let Some(first) = areas.first_mut() {
            static MADE: Mutex<BTreeMap<u32, Pages>> = Mutex::new(BTreeMap::new());
            let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
            *first = made.entry(vms).or_insert_with(|| first_area(vms)).clone();
        }
        Self { areas, ..Self::default() }
    }
}

/// An open database.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) db: Database,
    journal: Journal,
    area: u8,
    /// Who holds which VM, as of a generation of the database.
    placed: Option<(u64, Arc<BTreeMap<u32, Placed>>)>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.journal.close();
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
}

/// Operations that are to be done in this order.
#[derive(Debug)]
pub(crate) struct Job {
    ops: VecDeque<AreaOp>,
    area: u8,
    then: Then,
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
    job: Option<Job>,
    pub(crate) flying: Vec<AreaFlying>,
    reading: bool,
}

impl crate::host::Host {
    /// The open database is the live one: a record made it so.
    fn serves(&self) -> bool {
        let epoch = self.told.as_ref().and_then(|state| state.epoch.as_ref());
        let open = self.db.open.as_ref().map(|open| open.area);
        epoch.is_some_and(|e| e.area_next.is_none() && Some(e.area_live) == open)
    }
}

impl DbHost {
    /// An area is being emptied.
    pub(crate) fn empties(&self) -> bool {
        self.flying.iter().any(|flying| matches!(flying.op, AreaOp::Resize(0)))
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

fn vm_ref(vm: u32) -> Ref<Vm> {
    Ref::from_u128(u128::from(vm) + 1)
}

/// The first content: no VM has a holder.
pub(crate) fn first_area(vms: u32) -> Pages {
    let mut area = Pages::default();
    let Ok((store, journal)) = store(Pages::default()) else { return area };
    let mut next = 0u128;
    let ids = move || {
        next += 1;
        next
    };
    let Ok(mut db) = Database::open(Box::new(store), Box::new(ids)) else { return area };
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
    if filled.is_ok() {
        drop(db);
        for op in journal.take() {
            let length = if let AreaOp::Write { bytes, .. } = &op { bytes.len() } else { 0 };
            apply(&mut area, &op, length);
        }
    }
    area
}

/// A VM's row: its reference, number and holder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) row: Ref<Placement>,
    pub(crate) number: u64,
    pub(crate) holder: Option<Life>,
}

fn life_of(holder: &Holder) -> Life {
    let host = HostId(Uuid::from_u128(holder.host.id().0));
    Life { host, incarnation: Incarnation(holder.incarnation) }
}

/// All placements that the database names.
pub(crate) fn placements(db: &Database) -> BTreeMap<u32, Placed> {
    let rows = db.iter::<Placement>().filter_map(|(row, placement)| {
        let vm = u32::try_from(placement.vm.id().0.checked_sub(1)?).ok()?;
        let holder = placement.holders.first().map(life_of);
        Some((vm, Placed { row, number: placement.number, holder }))
    });
    rows.collect()
}

/// Gives a VM to a holder, or to nobody, under the next number.
pub(crate) fn set_holder(
    tx: &mut Tx<'_>,
    row: Ref<Placement>,
    holder: Option<Life>,
) -> Result<(), haven_model::ApiError> {
    let holder = holder.map(|life| Holder {
        host: Ref::from_u128(life.host.0.as_u128()),
        incarnation: life.incarnation.0,
    });
    tx.update(row, |placement: &mut Placement| {
        placement.number += 1;
        placement.holders = holder.into_iter().collect();
    })
}

fn counter(db: &Database) -> u64 {
    let row = db.iter::<HavenSecret>().find(|(_, row)| row.key == COUNTER);
    row.and_then(|(_, row)| row.value.parse().ok()).unwrap_or(0)
}

impl World {
    /// The daemon on `host`, who acts, has its database or works on it. True when it is ready.
    pub(crate) fn have_database(&mut self, host: usize, epoch: &EpochView) -> bool {
        let Some(h) = self.hosts.get_mut(host) else { return false };
        let held = h.db.open.as_ref().map(|open| open.area);
        if h.db.reading || h.db.job.is_some() || !h.db.flying.is_empty() {
            return false;
        }
        let wanted = epoch.area_next.unwrap_or(epoch.area_live);
        if epoch.area_next.is_none() && held == Some(epoch.area_live) {
            return true;
        }
        if epoch.area_next.is_some() && held == Some(wanted) {
            // The copy is whole; the guard was not told, or could not say it.
            let (life, number) = (h.life, epoch.number.0);
            self.command_copied(host, life, number, wanted);
            return false;
        }
        h.db.reading = true;
        let (boot, life) = (h.boot, h.life);
        let delay = self.rng.between(2, 30) * MS;
        let read = Event::AreaRead { host, boot, life, epoch: epoch.number.0, tries: 0 };
        self.after(delay, read);
        false
    }

    /// The live area was read, if the path works.
    pub(crate) fn area_read(&mut self, host: usize, life: u64, number: u64, tries: u32) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return };
        let (path, boot) = (h.path(METADATA), h.boot);
        let epoch = h.told.as_deref().and_then(|state| state.epoch.clone());
        let epoch =
            epoch.filter(|epoch| epoch.number.0 == number && h.acting(now) && h.life == life);
        let Some(epoch) = epoch.filter(|_| path != Path::Failing) else {
            h.db.reading = false;
            return;
        };
        if path == Path::Stalled || h.paused {
            let read = Event::AreaRead { host, boot, life, epoch: number, tries: tries + 1 };
            return self.after(50 * MS, read);
        }
        h.db.reading = false;
        let bytes = self.metadata.areas.get(usize::from(epoch.area_live)).cloned();
        let first = u128::from(self.now) << 32 | (host as u128) << 24;
        let mut next = first;
        let ids = move || {
            next += 1;
            next
        };
        let read = store(bytes.unwrap_or_default()).and_then(|(store, journal)| {
            Ok((Database::open(Box::new(store), Box::new(ids))?, journal))
        });
        let (db, journal) = match read {
            Ok(read) => read,
            Err(error) => return self.unreadable(&error.to_string()),
        };
        let found = counter(&db);
        if found < self.metadata.acked {
            let acked = self.metadata.acked;
            return self.lost(acked, found);
        }
        match epoch.area_next {
            Some(to) => {
                // What was read is in memory; nothing is written back to where it came from.
                journal.close();
                self.copy(host, db, to, number);
            }
            None => {
                // Opening may have repaired something: that is written, too.
                self.log(|| format!("host {host} opens area {}", epoch.area_live));
                let ops = journal.take().into();
                let area = epoch.area_live;
                let Some(h) = self.hosts.get_mut(host) else { return };
                h.db.open = Some(Open { db, journal, area, placed: None });
                h.db.job = Some(Job { ops, area, then: Then::Placed });
                self.step_job(host);
            }
        }
    }

    fn unreadable(&mut self, error: &str) {
        self.log(|| format!("the live area cannot be read: {error}"));
        if !self.metadata.damaged {
            self.fail(format!("I5: the live area cannot be read: {error}"));
        }
    }

    fn lost(&mut self, acked: u64, found: u64) {
        if self.metadata.damaged {
            self.log(|| {
                format!("the volume was rolled back: {acked} is acknowledged, {found} found")
            });
        } else {
            self.fail(format!("I5: write {acked} was acknowledged, the database has {found}"));
        }
    }

    fn copy(&mut self, host: usize, mut db: Database, to: u8, epoch: u64) {
        let Ok((fresh, journal)) = store(Pages::default()) else { return };
        if db.move_to(Box::new(fresh)).is_err() {
            return;
        }
        let mut ops = VecDeque::from([AreaOp::Resize(0), AreaOp::Sync]);
        ops.extend(journal.take());
        self.log(|| format!("host {host} copies the database to area {to}"));
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.db.open = Some(Open { db, journal, area: to, placed: None });
        h.db.job = Some(Job { ops, area: to, then: Then::Copied { epoch, area: to } });
        self.step_job(host);
    }

    /// Writes to the open database; `then` happens when it is durable. False: it could not begin.
    pub(crate) fn transact(
        &mut self,
        host: usize,
        then: Then,
        work: impl FnOnce(&mut Tx<'_>) -> Result<(), haven_model::ApiError>,
    ) -> bool {
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.db.ready()) else { return false };
        let Some(open) = h.db.open.as_mut() else { return false };
        let done = open.db.transact(work);
        let (ops, area) = (open.journal.take().into(), open.area);
        if done.is_err() {
            h.db.open = None;
            return false;
        }
        h.db.job = Some(Job { ops, area, then });
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
                h.db.job = None;
                return self.job_done(host, then);
            }
            // The daemon asks for its right before every operation.
            if !acting || path == Path::Failing {
                h.db.job = None;
                h.db.open = None;
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
                self.command_copied(host, life, epoch, area);
            }
            Then::Ack(number) => {
                self.metadata.acked = self.metadata.acked.max(number);
            }
            Then::Placed => {}
        }
    }

    /// Power goes, or the daemon is killed: the open database is gone, and operations on their
    /// way land late, in part or never.
    pub(crate) fn area_cut(&mut self, host: usize, late: u64) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let db = std::mem::take(&mut h.db);
        for flying in db.flying {
            let whole = if let AreaOp::Write { bytes, .. } = &flying.op { bytes.len() } else { 0 };
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
            h.db.open = None;
            h.db.job = None;
            h.db.reading = false;
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

    /// A daemon that acted is coordinator no more.
    pub(crate) fn role_ended(&mut self, host: usize, number: u64) {
        self.close_database(host);
        let life = self.hosts.get(host).map_or(0, |h| h.life);
        self.after(5 * MS, Event::Drained { host, life, epoch: number });
    }
}
