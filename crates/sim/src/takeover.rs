//! Taking the database over, and keeping it: what a coordinator's daemon reads, what it takes when that
//! is lost, and what it refuses.
//!
//! Owns: that no older database is opened in silence. The rules are those of the pool daemon
//! (`ha::takeover`, `ha::newest`, `ha::standing`, `ha::metadata`): the live area must be whole, under
//! its seal, of the life that may have written it, and no older than any copy of a member; a copy that
//! stands in the next area is reported, not made again; what the volume lost is written anew from
//! memory; and anything else only a person may choose.

use std::collections::{BTreeMap, VecDeque};

use haven_cluster::control::EpochView;
use haven_cluster::ids::Life;
use haven_cluster::invariant::Invariant as I;
use haven_failover::{Held, Step};
use haven_pooldb::{Database, MemStore, Store};

use crate::area;
use crate::database::{
    Chosen, Copy, Job, METADATA, Open, Placed, RETRY_PAUSE, Then, counter, owner, placements,
    set_holder,
};
use crate::disk::Path;
use crate::event::Event;
use crate::tasks::Tasks;
use crate::world::{MS, World};

/// How often the volume is looked at.
const LOOK_EVERY: u64 = 5_000 * MS;
/// A person is asked when the database was refused for so long.
const PERSON_AFTER: u64 = 30_000 * MS;
/// The history that a person chose begins with so many generations for each second since 1970: what
/// was chosen later is newer, whoever was asked.
const GENERATIONS_A_SECOND: u64 = 1_000;
/// The time at which a run begins, in seconds since 1970.
const BEGINS: u64 = 1_000_000_000;

/// Why a database is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It cannot be read, or is not what its seal says.
    Unreadable,
    /// A member has a newer copy.
    Witnessed,
}

impl World {
    /// The daemon on `host`, who acts, has its database or works on it. True when it is ready.
    pub(crate) fn have_database(&mut self, host: usize, epoch: &EpochView) -> bool {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return false };
        if h.db.reading || h.db.job.is_some() || !h.db.flying.is_empty() {
            return false;
        }
        match h.database_step(now) {
            Step::Stay if !h.serves() => return false,
            Step::Stay => {
                self.look(host, epoch);
                let Some(h) = self.hosts.get_mut(host) else { return false };
                if !h.db.must_mend {
                    let taken = h.db.open.as_ref().filter(|_| !self.metadata.choices.is_empty());
                    if let Some((generation, found)) =
                        taken.map(|open| (open.db.generation(), counter(&open.db)))
                    {
                        self.adopt(generation, found);
                    }
                    return true;
                }
                h.db.open = None;
            }
            Step::Copy { epoch, to, .. } if h.db.held() == Held::Area(to) => {
                // The copy is whole; the guard was not told, or could not say it.
                let life = h.life;
                self.command_copied(host, life, epoch.0, to);
                return false;
            }
            Step::Copy { .. } | Step::Open { .. } => {}
            Step::Close { .. } | Step::Home { .. } => return false,
        }
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.db.retry_at <= now) else {
            return false;
        };
        h.db.open = None;
        h.db.reading = true;
        let (boot, life) = (h.boot, h.life);
        let delay = self.rng.between(2, 30) * MS;
        let read = Event::AreaRead { host, boot, life, epoch: epoch.number.0, tries: 0 };
        self.after(delay, read);
        false
    }

    /// Asks the volume for the seal of the live area, every now and then.
    fn look(&mut self, host: usize, epoch: &EpochView) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.db.look_at <= now) else { return };
        h.db.look_at = now + LOOK_EVERY;
        let Some((area, memory)) = h.db.memory.as_ref().filter(|_| h.path(METADATA) == Path::Good)
        else {
            return;
        };
        let mine = epoch.area_owner.map(|life| owner(epoch.generation, life));
        let seal = self.metadata.areas.get(usize::from(*area)).and_then(area::seal);
        let stands = seal.is_some_and(|seal| {
            mine.is_none_or(|mine| mine == seal.owner) && seal.generation >= memory.generation
        });
        if !stands {
            h.db.must_mend = true;
            self.log(|| format!("host {host} sees that the volume lost its database"));
        }
    }

    /// The live area was read, if the path works.
    pub(crate) fn area_read(&mut self, host: usize, life: u64, number: u64, tries: u32) {
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return };
        let (path, boot) = (h.path(METADATA), h.boot);
        let epoch = h.told.as_deref().and_then(|state| state.epoch.clone());
        let epoch =
            epoch.filter(|epoch| epoch.number.0 == number && h.acting(now) && h.life == life);
        let to = match h.database_step(now) {
            Step::Open { .. } => Some(None),
            Step::Copy { to, .. } => Some(Some(to)),
            Step::Stay | Step::Close { .. } | Step::Home { .. } => None,
        };
        let Some((epoch, to)) = epoch.zip(to).filter(|_| path != Path::Failing) else {
            h.db.reading = false;
            return;
        };
        if path == Path::Stalled || h.paused {
            let read = Event::AreaRead { host, boot, life, epoch: number, tries: tries + 1 };
            return self.after(50 * MS, read);
        }
        h.db.reading = false;
        self.void_overtaken(host, &epoch);
        let Some(h) = self.hosts.get(host) else { return };
        let memory = h.db.memory.clone().filter(|(area, _)| *area == epoch.area_live);
        let memory = memory.map(|(_, copy)| copy);
        if h.db.chosen.is_none() && to.is_none() {
            let floor = memory.as_ref().map_or(0, |memory| memory.generation);
            match self.live(host, &epoch) {
                Ok((db, view)) if db.generation() >= floor => {
                    let newest = match memory {
                        Some(_) => self.holds_acked(&db, None, "the live area"),
                        None => self.witnessed(host, &epoch, &db),
                    };
                    if newest {
                        self.opened(host, db, view, epoch.area_live);
                    }
                    return;
                }
                Ok(_) | Err(_) if memory.is_some() => {}
                Ok(_) => return,
                Err(why) => return self.rewrite_instead(host, &epoch, &why),
            }
            if let Some(db) = memory.and_then(|memory| self.in_memory(host, &memory))
                && self.holds_acked(&db, None, "the memory")
            {
                self.rewrite(host, &epoch, db);
            }
            return;
        }
        let Some(db) = self.newest(host, &epoch) else { return };
        match to {
            Some(to) => self.copy(host, &epoch, db, to),
            None => self.rewrite(host, &epoch, db),
        }
    }

    /// What was chosen instead of an area is void when another one is the live one; or when somebody who
    /// answers has a copy, or the area holds something whole, that is newer than all that was known then.
    fn void_overtaken(&mut self, host: usize, epoch: &EpochView) {
        if self.hosts.get(host).is_none_or(|h| h.db.chosen.is_none()) {
            return;
        }
        let newest = self.newest_copy(host, epoch).map_or(0, |copy| copy.generation);
        let known = self.told_of(host, epoch, newest);
        let whole = self.live(host, epoch).map(|(db, view)| {
            view.close();
            db.generation()
        });
        let newest = known.max(whole.unwrap_or(0));
        let Some(h) = self.hosts.get_mut(host) else { return };
        let live = (epoch.area_live, epoch.area_owner);
        let void = h.db.chosen.take_if(|chosen| chosen.instead != live || newest > chosen.known);
        if void.is_some() {
            self.log(|| format!("what a person chose on host {host} was overtaken"));
        }
    }

    fn first_id(&self, host: usize) -> u128 {
        u128::from(self.now) << 32 | (host as u128) << 24
    }

    /// What the live area holds.
    fn live(&self, host: usize, epoch: &EpochView) -> Result<(Database, area::View), String> {
        let owner = epoch.area_owner.map(|life| owner(epoch.generation, life));
        let (number, shelf) = (epoch.area_live, &self.metadata.shelf);
        let pages = self.metadata.area(number);
        let refused = shelf.refused(number, &pages, owner.as_deref());
        if let Some(why) = refused.filter(|_| !self.options.plain) {
            return Err(why);
        }
        let opened = area::open(pages.clone(), owner.as_deref(), self.first_id(host));
        opened.map_err(|error| {
            let why = error.to_string();
            shelf.refuse(number, &pages, owner.as_deref(), &why);
            why
        })
    }

    /// The newest database, without a write to the volume; `None`: it is refused.
    fn newest(&mut self, host: usize, epoch: &EpochView) -> Option<Database> {
        let chosen = self.hosts.get(host).and_then(|h| h.db.chosen.clone());
        if let Some(chosen) = chosen {
            let mut all = self.in_memory(host, &chosen.copy)?.export().ok()?;
            all.generation = chosen.generation;
            let ids = area::ids(self.first_id(host));
            let db = Database::create(Box::new(MemStore::default()), ids, &all).ok()?;
            let (acked, found) = (self.metadata.acked, counter(&db));
            self.log(|| {
                format!("a person chose a copy: {acked} was acknowledged, {found} is there")
            });
            self.metadata.choices.insert(chosen.generation);
            return Some(db);
        }
        match self.read_live(host, epoch) {
            Ok(db) => self.witnessed(host, epoch, &db).then_some(db),
            Err(why) => self.instead(host, epoch, &why),
        }
    }

    /// What the live area holds, in memory alone: nothing is written back to where it came from.
    fn read_live(&self, host: usize, epoch: &EpochView) -> Result<Database, String> {
        let owner = epoch.area_owner.map(|life| owner(epoch.generation, life));
        let pages = self.metadata.areas.get(usize::from(epoch.area_live));
        let pages = pages.filter(|_| !self.options.plain);
        let kept = pages.and_then(|pages| {
            let (number, first) = (epoch.area_live, self.first_id(host));
            self.metadata.shelf.open(number, pages, owner.as_deref(), first)
        });
        match kept {
            Some(db) => Ok(db),
            None => self.live(host, epoch).map(|(db, view)| {
                view.close();
                self.metadata.shelf.read(epoch.area_live, pages, &db);
                db
            }),
        }
    }

    /// Whether no member has a newer copy; and nothing less than what was acknowledged is there, but
    /// where the documents say so.
    fn witnessed(&mut self, host: usize, epoch: &EpochView, db: &Database) -> bool {
        let found = db.generation();
        let newest = self.newest_copy(host, epoch).map_or(0, |copy| copy.generation);
        let known = self.told_of(host, epoch, newest);
        if known > found {
            let why = format!("a member has generation {known}, the volume {found}");
            self.refuse(host, epoch, &why, Refusal::Witnessed);
            return false;
        }
        self.holds_acked(db, Some(epoch.area_live), "the live area")
    }

    /// Whether everything that was acknowledged is in a database that is taken now. Less than that is
    /// a broken promise, but where the documents say so: the `read` area was put back to an earlier
    /// content, or its newest seal and commit have rotted together, and no copy told of it. That
    /// excuses this once; what is taken is the newest from now on.
    fn holds_acked(&mut self, db: &Database, read: Option<u8>, what: &str) -> bool {
        self.adopt(db.generation(), counter(db));
        let (acked, found) = (self.metadata.acked, counter(db));
        let older = read.is_some_and(|area| self.metadata.counts(area, db.generation()));
        let newer = self.metadata.newest.take_if(|newest| newest.generation > db.generation());
        if found >= acked && newer.is_none() {
            return true;
        }
        if !older {
            let newest = newer.map_or(0, |newest| newest.generation);
            let generation = db.generation();
            self.fail(
                I::AckedWrites,
                format!(
                    "write {acked} was acknowledged, {what} has {found}; \
                 generation {newest} was durable, this is {generation}"
                ),
            );
            return false;
        }
        self.less(db, "the volume was rolled back, and no copy is newer");
        self.metadata.forgot = true;
        self.metadata.forgotten += 1;
        if let Some(newest) = newer {
            self.note_strays(&newest, db);
        }
        true
    }

    /// Of these VMs a database that is taken now does not know what was durable.
    fn note_strays(&mut self, newest: &Copy, db: &Database) {
        let lost = self.in_memory(0, newest);
        let lost = lost.map_or_else(BTreeMap::new, |lost| placements(&lost));
        let present = placements(db);
        // Histories that went apart may have given the same number to different holders.
        let same = |vm: &u32, placed: &Placed| {
            present.get(vm).is_some_and(|now| {
                (now.number, now.holder, now.to) == (placed.number, placed.holder, placed.to)
            })
        };
        let strays = lost.iter().filter(|(vm, placed)| !same(vm, placed));
        self.metadata.strays.extend(strays.map(|(vm, _)| *vm));
    }

    /// A database of a history that a person chose is the newest, whatever was acknowledged before.
    pub(crate) fn adopt(&mut self, generation: u64, found: u64) {
        if self.metadata.choices.first().is_some_and(|first| *first <= generation) {
            self.metadata.choices.retain(|choice| *choice > generation);
            self.log(|| format!("what a person chose is the newest: {found} is there"));
            self.metadata.acked = self.metadata.acked.min(found);
            self.metadata.forgot = false;
            self.metadata.newest = None;
            self.metadata.unsure = true;
        }
    }

    /// Less than what was acknowledged is there from now on.
    fn less(&mut self, db: &Database, why: &str) {
        let (acked, found) = (self.metadata.acked, counter(db));
        self.log(|| format!("{why}: {acked} was acknowledged, {found} is there"));
        self.metadata.acked = acked.min(found);
    }

    /// The newest generation that anybody who answers knows of, with what this daemon was told before: a
    /// witness that has died since was one nevertheless.
    fn told_of(&mut self, host: usize, epoch: &EpochView, newest: u64) -> u64 {
        let members = self.indices(&epoch.members).filter(|member| self.reaches(host, *member));
        let told = members.filter_map(|member| Some(self.hosts.get(member)?.db.told_of)).max();
        let Some(h) = self.hosts.get_mut(host) else { return newest };
        h.db.told_of = h.db.told_of.max(newest).max(told.unwrap_or(0));
        h.db.told_of
    }

    fn newest_copy(&self, host: usize, epoch: &EpochView) -> Option<Copy> {
        let members = self.indices(&epoch.members).filter(|member| self.reaches(host, *member));
        let copies = members.filter_map(|member| self.hosts.get(member)?.copy.clone());
        copies.max_by_key(|copy| copy.generation)
    }

    /// The copy of a member that is as new as the seal of the live area, which is lost.
    fn instead(&mut self, host: usize, epoch: &EpochView, why: &str) -> Option<Database> {
        let owner = epoch.area_owner.map(|life| owner(epoch.generation, life));
        let seal = area::certain_seal(&self.metadata.area(epoch.area_live));
        let seal = seal.filter(|seal| owner.is_none_or(|owner| owner == seal.owner));
        let copy = self.newest_copy(host, epoch);
        let newest = copy.as_ref().map_or(0, |copy| copy.generation);
        let known = self.told_of(host, epoch, newest);
        let same = seal
            .zip(copy)
            .filter(|(seal, copy)| seal.generation == copy.generation && known <= seal.generation);
        let Some((_, copy)) = same else {
            self.refuse(host, epoch, why, Refusal::Unreadable);
            return None;
        };
        let db = self.in_memory(host, &copy)?;
        self.log(|| format!("host {host} takes a copy that is as new as the seal: {why}"));
        // Its generation may be that of the seal in a history that everybody who answered had forgotten.
        if copy.history < self.metadata.forgotten {
            self.metadata.older.insert(epoch.area_live);
            if let Some(newest) = self.metadata.newest.clone() {
                self.note_strays(&newest, &db);
            }
        }
        self.holds_acked(&db, Some(epoch.area_live), "the copy").then_some(db)
    }

    fn rewrite_instead(&mut self, host: usize, epoch: &EpochView, why: &str) {
        if let Some(db) = self.instead(host, epoch, why) {
            self.rewrite(host, epoch, db);
        }
    }

    /// A database that needs no volume.
    fn in_memory(&self, host: usize, copy: &Copy) -> Option<Database> {
        let (db, view) = area::open(copy.pages.as_ref().clone(), None, self.first_id(host)).ok()?;
        view.close();
        Some(db)
    }

    /// This host holds no database, says why, and tries again until the volume is back or a person
    /// rules.
    fn refuse(&mut self, host: usize, epoch: &EpochView, why: &str, refusal: Refusal) {
        let now = self.now;
        // Somebody was silent when an older database was taken.
        let late = refusal == Refusal::Witnessed && self.metadata.forgot;
        if !self.metadata.damaged.contains(&epoch.area_live) && !late {
            return self.fail(I::AckedWrites, format!("the live area is refused: {why}"));
        }
        let since = *self.metadata.refused_since.get_or_insert(now);
        if since == now {
            self.log(|| format!("host {host} refuses the live area: {why}"));
        }
        if let Some(h) = self.hosts.get_mut(host) {
            h.db.retry_at = now + RETRY_PAUSE;
        }
        if now > since + PERSON_AFTER {
            self.recover(host, epoch);
        }
    }

    /// `haven pool recover`: the newest copy of those that answer.
    fn recover(&mut self, host: usize, epoch: &EpochView) {
        let all = (0..self.hosts.len()).filter(|other| self.reaches(host, *other));
        let copies = all.filter_map(|other| self.hosts.get(other)?.copy.clone());
        let Some(copy) = copies.max_by_key(|copy| copy.generation) else { return };
        self.log(|| format!("a person takes the copy of generation {}", copy.generation));
        self.metadata.recovered += 1;
        let generation = (BEGINS + self.now / (1_000 * MS)) * GENERATIONS_A_SECOND;
        let known = self.told_of(host, epoch, copy.generation);
        if let Some(h) = self.hosts.get_mut(host) {
            let instead = (epoch.area_live, epoch.area_owner);
            h.db.chosen = Some(Chosen { copy, generation, known, instead });
            h.db.retry_at = 0;
        }
    }

    fn opened(&mut self, host: usize, db: Database, view: area::View, area: u8) {
        // Opening may have repaired something: that is written, too.
        self.log(|| format!("host {host} opens area {area}"));
        self.metadata.refused_since = None;
        let ops = view.take().into();
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.db.must_mend = false;
        h.db.look_at = now + LOOK_EVERY;
        let shelf = self.metadata.shelf.clone();
        h.db.open = Some(Open { db, view, area, placed: None, tasks: Tasks::default(), shelf });
        h.db.job = Some(Job { ops, area, then: Then::Placed, fills: None });
        self.step_job(host);
    }

    /// Writes the live area of this life anew, because it does not hold what it should.
    fn rewrite(&mut self, host: usize, epoch: &EpochView, db: Database) {
        let area = epoch.area_live;
        self.log(|| format!("host {host} writes area {area} anew"));
        // Nobody has a copy of what a person chose, before that is whole.
        if self.hosts.get(host).is_some_and(|h| h.db.chosen.is_some()) {
            self.metadata.damaged.insert(area);
        }
        let generation = db.generation();
        self.fill(host, epoch, db, (area, Some(generation)), Then::Placed);
    }

    fn copy(&mut self, host: usize, epoch: &EpochView, db: Database, to: u8) {
        let number = epoch.number.0;
        let then = Then::Copied { epoch: number, area: to };
        let me = owner(epoch.generation, epoch.coordinator);
        let Some((mut standing, view)) = self.standing(host, to, &me) else {
            self.log(|| format!("host {host} copies the database to area {to}"));
            return self.fill(host, epoch, db, (to, None), then);
        };
        if standing.export().ok() != db.export().ok() {
            self.log(|| format!("host {host} writes over its copy in area {to}"));
            return self.write_all(host, db, (standing.detach(), view), to, then);
        }
        self.log(|| format!("host {host} finds its copy in area {to}"));
        let ops = view.take().into();
        let Some(h) = self.hosts.get_mut(host) else { return };
        let (shelf, tasks) = (self.metadata.shelf.clone(), Tasks::default());
        h.db.open = Some(Open { db: standing, view, area: to, placed: None, tasks, shelf });
        h.db.job = Some(Job { ops, area: to, then, fills: None });
        self.step_job(host);
    }

    /// What this life has copied there already, whole.
    fn standing(&self, host: usize, to: u8, me: &str) -> Option<(Database, area::View)> {
        let pages = self.metadata.area(to);
        area::seal(&pages).filter(|seal| seal.owner == me)?;
        area::open(pages, Some(me), self.first_id(host)).ok()
    }

    /// Empties an area and writes the database there.
    fn fill(
        &mut self,
        host: usize,
        epoch: &EpochView,
        db: Database,
        (area, to_come): (u8, Option<u64>),
        then: Then,
    ) {
        let me = owner(epoch.generation, epoch.coordinator);
        let Ok((fresh, view)) = area::fresh(self.metadata.area(area), &me, to_come) else { return };
        self.write_all(host, db, (Box::new(fresh), view), area, then);
    }

    /// Writes the database to an area in place of all that its store holds.
    fn write_all(
        &mut self,
        host: usize,
        mut db: Database,
        (store, view): (Box<dyn Store>, area::View),
        area: u8,
        then: Then,
    ) {
        if db.move_to(store).is_err() {
            return;
        }
        let ops: VecDeque<_> = view.take().into();
        self.metadata.refused_since = None;
        let (now, fills) = (self.now, Some(self.metadata.faults));
        let Some(h) = self.hosts.get_mut(host) else { return };
        h.db.must_mend = false;
        h.db.look_at = now + LOOK_EVERY;
        let shelf = self.metadata.shelf.clone();
        h.db.open = Some(Open { db, view, area, placed: None, tasks: Tasks::default(), shelf });
        h.db.job = Some(Job { ops, area, then, fills });
        self.step_job(host);
    }

    /// Nothing is started on a history that lacks something before each host has said what it runs
    /// under the present epoch, or is dead. True when that is known.
    pub(crate) fn sure(&mut self, host: usize, epoch: &EpochView, dead: &[Life]) -> bool {
        if !self.metadata.unsure {
            return true;
        }
        let number = epoch.number.0;
        let silent = (0..self.hosts.len()).find(|other| {
            let Some(h) = self.hosts.get(*other) else { return false };
            let me = self.config.hosts.get(*other).map(|spec| spec.host);
            let member = epoch
                .members
                .iter()
                .any(|life| Some(life.host) == me && life.incarnation.0 == h.incarnation);
            if member {
                let told = h.told.as_ref().and_then(|state| state.epoch.as_ref());
                return !self.reaches(host, *other)
                    || told.is_none_or(|told| told.number.0 < number);
            }
            let gone = dead
                .iter()
                .any(|life| Some(life.host) == me && life.incarnation.0 >= h.incarnation);
            // Who was taken out ran nothing then, and does not since.
            !gone && !h.idle && !h.shaped.removed && h.incarnation > 0
        });
        if let Some(silent) = silent {
            self.log(|| format!("host {host} waits for what host {silent} says"));
            return false;
        }
        self.write_down(host, epoch);
        false
    }

    /// What runs where, as the hosts say.
    fn write_down(&mut self, host: usize, epoch: &EpochView) {
        let placed = self.hosts.get_mut(host).and_then(|h| h.db.placed());
        let Some(placed) = placed else { return };
        // An order that acts may still move a VM (as inventories say).
        if self
            .indices(&epoch.members)
            .any(|at| self.hosts.get(at).is_some_and(|h| !h.sending.is_empty()))
        {
            return;
        }
        let holder = |vm: u32| {
            epoch.members.iter().copied().find(|life| {
                let h = self.index_of(life.host).and_then(|at| self.hosts.get(at));
                h.is_some_and(|h| h.vms.contains(&vm) || h.starting.contains_key(&vm))
            })
        };
        let rows: Vec<(Placed, Option<Life>)> =
            placed.iter().map(|(vm, placed)| (*placed, holder(*vm))).collect();
        self.transact(host, Then::Sure, |tx| {
            rows.iter().try_for_each(|(placed, holder)| set_holder(tx, placed.row, *holder))
        });
    }
}

#[cfg(test)]
mod tests;
