//! The coordinator looks after its guests.

use haven_cluster::ids::Life;
use haven_failover::watch::{
    Action, AfterEnd, Moment, Pulse, Seen, Standing, WatchRecord, Why, after_end,
    restarts_after_end,
};
use haven_failover::{Duty, Sender, Term};
use haven_model::{ApiError, HavenSecret};
use haven_pooldb::{Database, Tx};

use super::GuestEvent;
use crate::database::{Placed, Then, set_holder};
use crate::event::Event;
use crate::stream::vm_id;
use crate::world::{MS, World};

/// How often the coordinator looks, as the pool daemon does.
const LOOK_EVERY: u64 = 5_000 * MS;
/// What the pool says of guests that shut themselves down, unless one says otherwise: XenAPI's default.
const POOL_RESTARTS: bool = true;

impl World {
    /// The daemon on `host` acts as coordinator: what ended is written down, and who is watched looked at.
    pub(crate) fn look_after_guests(&mut self, host: usize) {
        if self.guests.all.is_empty() {
            return;
        }
        let ready = |h: &&mut crate::host::Host| h.db.ready() && h.serves();
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.acting(now)).filter(ready) else {
            return;
        };
        let who = (host, h.boot, h.daemon.kills());
        let Some(placed) = h.db.placed() else { return };
        if self.guests.watcher != Some(who) {
            // It begins with what was durable.
            self.guests.watcher = Some(who);
            self.guests.watches.clear();
            self.guests.due.clear();
        }
        let named: Vec<u32> = self.guests.all.keys().copied().collect();
        for vm in named {
            let Some(row) = placed.get(&vm) else { continue };
            let gone = |at: usize| {
                let waits = self.hosts.get(at).is_some_and(|h| h.sees_writes_of(vm));
                self.guest_has_ended(vm, at) && !waits
            };
            if self.hears_of(host, row).is_some_and(gone) {
                return self.guest_end_is_known(host, vm, *row);
            }
        }
        if now >= self.guests.look_at {
            self.guests.look_at = now + LOOK_EVERY;
            let watched: Vec<(u32, Placed)> = placed.iter().map(|(vm, row)| (*vm, *row)).collect();
            self.watch_guests(host, &watched);
        }
    }

    /// Where a VM is said to be, if the daemon there answers and speaks for the life that holds it.
    fn hears_of(&self, host: usize, row: &Placed) -> Option<usize> {
        let life = row.holder.filter(|_| row.to.is_none())?;
        let at = self.index_of(life.host)?;
        let there = self.hosts.get(at)?;
        let speaks = there.told.as_ref().and_then(|told| told.me) == Some(life);
        (speaks && there.permitted(self.now) && self.reaches(host, at)).then_some(at)
    }

    /// A report says that it ended by itself (`reconcile::apply::ended`).
    fn guest_end_is_known(&mut self, host: usize, vm: u32, row: Placed) {
        let wall_ms = self.now / MS;
        let Some(guest) = self.guests.all.get(&vm) else { return };
        let always = self.row(vm).always_run;
        let restarts = always && restarts_after_end(false, guest.own_end, POOL_RESTARTS);
        let policy = guest.policy;
        let before = self.kept(host, vm);
        let mut record = before.clone();
        let after = after_end(restarts, policy.as_ref(), &mut record, wall_ms);
        let written = self.transact(host, Then::Placed, |tx| {
            if record != before {
                keep(tx, vm, &record)?;
            }
            set_holder(tx, row.row, None)
        });
        if !written {
            return;
        }
        self.guest_gone(vm);
        if after != AfterEnd::Restart {
            self.manager.rows.entry(vm).or_default().always_run = false;
            self.guests.down.insert(vm);
        }
        match after {
            AfterEnd::Restart => {
                self.log(|| format!("vm {vm} ended by itself, and is to run"));
            }
            AfterEnd::Stays => self.log(|| format!("vm {vm} ended by itself, and stays down")),
            AfterEnd::GiveUp => self.tell(format!("vm {vm} stops again and again: it stays down")),
        }
    }

    fn watch_guests(&mut self, host: usize, placed: &[(u32, Placed)]) {
        let at = Moment { now_ms: self.now / MS, wall_ms: self.now / MS };
        let mut changes: Vec<(u32, WatchRecord)> = Vec::new();
        self.guests.due.clear();
        for (vm, row) in placed {
            let Some(policy) = self.guests.all.get(vm).and_then(|guest| guest.policy) else {
                continue;
            };
            let before = self.kept(host, *vm);
            let (seen, mut record) = (self.seen(host, *vm, row), before.clone());
            let watch = self.guests.watches.entry(*vm).or_default();
            match watch.look(at, &policy, &mut record, seen) {
                Action::Nothing => {}
                Action::Reset(why) => {
                    let (spent, most) = (record.spent_ms.len(), policy.resets_max);
                    self.tell(format!("vm {vm} {}: reset {spent} of {most}", words(why)));
                    let home = row.holder.and_then(|life| self.index_of(life.host));
                    self.guests.due.extend(home.map(|home| (*vm, home, row.number)));
                }
                Action::GiveUp(why) => self.tell(format!("vm {vm} {}: left alone", words(why))),
                Action::Unmonitored => self.tell(format!("vm {vm} is unmonitored")),
            }
            if record != before {
                changes.push((*vm, record));
            }
        }
        if !changes.is_empty() {
            let write =
                |tx: &mut Tx<'_>| changes.iter().try_for_each(|(vm, record)| keep(tx, *vm, record));
            if !self.transact(host, Then::Watched, write) {
                self.guests.due.clear();
            }
        }
    }

    /// What the daemon of its host says of it.
    fn seen(&self, host: usize, vm: u32, row: &Placed) -> Seen {
        let here = self.hears_of(host, row).filter(|at| self.runs(vm, *at));
        let stalls = here.is_some_and(|at| self.storage_stalls(vm, at));
        let guest = self.guests.all.get(&vm).filter(|guest| {
            here.is_some()
                && !stalls
                && !guest.paused
                && guest.ended.is_none()
                && guest.intent.is_none()
        });
        guest.map_or(Seen::Aside, |guest| {
            Seen::Runs(Pulse {
                start: guest.start,
                counter: row.number,
                agent: guest.answers(self.now),
                io: guest.io(self.now),
                boots: guest.boots,
            })
        })
    }

    /// What resets cost is durable: they are ordered.
    pub(crate) fn resets_leave(&mut self) {
        for (vm, at, number) in std::mem::take(&mut self.guests.due) {
            let delay = self.rng.between(MS, 30 * MS);
            self.after(delay, Event::Guest(GuestEvent::Reset { vm, at, number }));
        }
    }

    /// The order is judged by the host as every order is; one that is gone resets nothing.
    pub(super) fn guest_is_reset(&mut self, vm: u32, at: usize, number: u64) {
        let now = self.now;
        let held = self.daemon_held(at);
        let term = self.guests.watcher.and_then(|(by, ..)| self.term_of(by));
        let Some(h) = self.hosts.get_mut(at).filter(|h| h.powered && !h.gate_closed && !held)
        else {
            return;
        };
        let (Some(term), armed) = (term, h.armed_view(now)) else { return };
        let sender = Sender { host: term.coordinator.host, member: true, named: false };
        let duty = Duty { vm: Some(vm_id(vm)), placement: None, runs_guest: false };
        let heard = h.heard.hear(&sender, armed, term).is_ok();
        if !heard || h.heard.allows(&duty, armed, term).is_err() || !h.vms.contains(&vm) {
            return;
        }
        self.log(|| format!("vm {vm} is reset on host {at}, under placement {number}"));
        if let Some(guest) = self.guests.all.get_mut(&vm) {
            guest.resets += 1;
            guest.boots += 1;
            guest.boot(now);
        }
        self.guest_will_act(vm);
    }

    fn term_of(&self, host: usize) -> Option<Term> {
        let epoch = self.hosts.get(host)?.told.as_ref()?.epoch.as_ref()?;
        let coordinator: Life = epoch.coordinator;
        Some(Term { epoch: epoch.number, coordinator })
    }

    /// What the open database says of a VM that is watched.
    fn kept(&self, host: usize, vm: u32) -> WatchRecord {
        let open = self.hosts.get(host).and_then(|h| h.db.open.as_ref());
        open.map(|open| read(&open.db, vm)).unwrap_or_default()
    }
}

fn words(why: Why) -> String {
    match why {
        Why::Hangs { quiet_ms } => format!("hangs, no sign of life for {} s", quiet_ms / 1000),
        Why::Loops => "boots again and again".to_owned(),
    }
}

fn key(vm: u32) -> String {
    format!("watch {vm}")
}

fn read(db: &Database, vm: u32) -> WatchRecord {
    let row = db.iter::<HavenSecret>().find(|(_, row)| row.key == key(vm));
    row.map(|(_, row)| decode(&row.value)).unwrap_or_default()
}

fn keep(tx: &mut Tx<'_>, vm: u32, record: &WatchRecord) -> Result<(), ApiError> {
    let value = encode(record);
    let row = tx.iter::<HavenSecret>().find(|(_, row)| row.key == key(vm)).map(|(row, _)| row);
    match row {
        Some(row) => tx.update(row, |row: &mut HavenSecret| row.value = value),
        None => {
            let row = HavenSecret { key: key(vm), value, ..HavenSecret::default() };
            tx.insert(row).map(drop)
        }
    }
}

fn encode(record: &WatchRecord) -> String {
    let standing = match record.standing {
        Standing::Watched => "watched",
        Standing::Unmonitored => "unmonitored",
        Standing::LeftAlone => "left-alone",
    };
    let heard = record.heard.map_or("-".to_owned(), |start| start.to_string());
    let spent: Vec<String> = record.spent_ms.iter().map(u64::to_string).collect();
    format!("{standing} {heard} {}", spent.join(" "))
}

fn decode(text: &str) -> WatchRecord {
    let mut words = text.split_whitespace();
    let standing = match words.next() {
        Some("unmonitored") => Standing::Unmonitored,
        Some("left-alone") => Standing::LeftAlone,
        _ => Standing::Watched,
    };
    let heard = words.next().and_then(|word| word.parse().ok());
    WatchRecord { standing, heard, spent_ms: words.filter_map(|word| word.parse().ok()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_guest_is_read_again() {
        for (standing, heard, spent_ms) in [
            (Standing::Watched, None, vec![]),
            (Standing::Unmonitored, Some(3), vec![1, 2]),
            (Standing::LeftAlone, None, vec![7]),
        ] {
            let record = WatchRecord { spent_ms, standing, heard };
            assert_eq!(decode(&encode(&record)), record);
        }
    }
}
