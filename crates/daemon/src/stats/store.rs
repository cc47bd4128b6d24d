//! The archives of this host, and the loop that fills them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use haven_drivers::host_info::{self, Load};
use haven_drivers::hypervisor::{DomainStats, Hypervisor};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::archive::{ARCHIVES, Cf, STEP_S, Series};
use super::disk::Disk;
use super::object::Object;
use super::query::{DataSource, Dump, DumpArchive, StatsAnswer, StatsQuery, Updates};
use super::sample::{self, Values};
use crate::state::now;

/// Longest wait for the hypervisor; a sample that comes later is left out.
const SAMPLE_MAX: Duration = Duration::from_secs(20);
/// Guests that are remembered after they have gone, in seconds.
const GONE_S: i64 = 600;
/// How often the archives of an object are written to the disk, in seconds; who kills this process
/// takes no more away.
const SAVE_S: i64 = 300;

#[derive(Debug, Default)]
struct Store {
    host: Object,
    guests: BTreeMap<Uuid, Object>,
    /// Storage repositories, on the coordinator.
    srs: BTreeMap<Uuid, Object>,
    /// When what is kept of each object was last written: the time of its last sample then.
    saved: BTreeMap<Uuid, i64>,
    before: Option<(Instant, Load, BTreeMap<Uuid, DomainStats>)>,
}

impl Store {
    fn objects(&self, host: Uuid) -> impl Iterator<Item = (Uuid, &Object)> {
        let others = self.guests.iter().chain(&self.srs);
        others.map(|(uuid, object)| (*uuid, object)).chain([(host, &self.host)])
    }
}

/// The archives of a host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stats {
    store: Arc<Mutex<Store>>,
    disk: Disk,
}

impl Stats {
    /// Nothing in memory yet; what is on the disk is found when it is needed.
    #[must_use]
    pub fn new(disk: Disk) -> Self {
        Self { store: Arc::default(), disk }
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a look at the counters in.
    pub fn take(&self, at: Instant, time: i64, load: Load, guests: Vec<DomainStats>) {
        let guests: BTreeMap<Uuid, DomainStats> =
            guests.into_iter().map(|guest| (guest.uuid, guest)).collect();
        let mut store = self.lock();
        if let Some((then, old_load, old_guests)) = store.before.take() {
            let seconds = at.duration_since(then).as_secs_f64();
            store.host.add(time, sample::host(&old_load, &load, seconds));
            for (uuid, guest) in &guests {
                if let Some(old) = old_guests.get(uuid) {
                    let values = sample::guest(old, guest, seconds);
                    store.guests.entry(*uuid).or_default().add(time, values);
                }
            }
            let saved = store.saved.clone();
            // Kept on the disk from then on.
            let gone = |uuid: &Uuid, object: &Object| {
                time - object.last >= GONE_S && saved.get(uuid) == Some(&object.last)
            };
            store.guests.retain(|uuid, object| {
                let never = object.last == 0 && !guests.contains_key(uuid);
                !never && !gone(uuid, object)
            });
            store.srs.retain(|uuid, object| !gone(uuid, object));
        }
        store.before = Some((at, load, guests));
    }

    /// Takes the values of a storage repository in.
    pub fn take_sr(&self, sr: Uuid, time: i64, values: Values) {
        let known = self.lock().srs.contains_key(&sr);
        let kept = if known { None } else { self.kept(sr) };
        self.lock().srs.entry(sr).or_insert_with(|| kept.unwrap_or_default()).add(time, values);
    }

    /// What the disk has of an object.
    fn kept(&self, object: Uuid) -> Option<Object> {
        let found = Object::from_blob(&self.disk.read(object)?);
        if found.is_none() {
            tracing::warn!(%object, "kept statistics are damaged; they begin anew");
            self.disk.remove(object);
        }
        found
    }

    /// Fetches from the disk what it has of this host and these guests, if they are new here. To be
    /// called off the runtime's threads.
    pub fn recall(&self, host: Uuid, guests: impl Iterator<Item = Uuid>) {
        if self.lock().host.last == 0
            && let Some(kept) = self.kept(host)
        {
            let mut store = self.lock();
            store.host = kept.continued_by(std::mem::take(&mut store.host));
        }
        for guest in guests {
            if !self.lock().guests.contains_key(&guest) {
                let kept = self.kept(guest).unwrap_or_default();
                self.lock().guests.entry(guest).or_insert(kept);
            }
        }
    }

    /// Writes what has not been written for a while; all that is new with `all`. To be called off
    /// the runtime's threads.
    pub fn save(&self, host: Uuid, all: bool) {
        let due: Vec<(Uuid, i64, Vec<u8>)> = {
            let store = self.lock();
            let mut due: Vec<(i64, Uuid, &Object)> = store
                .objects(host)
                .filter_map(|(uuid, object)| {
                    let saved = store.saved.get(&uuid).copied().unwrap_or(0);
                    let age = object.last - saved;
                    let still = store.host.last - object.last > STEP_S;
                    let due = age >= SAVE_S || age > 0 && (all || still);
                    due.then_some((saved, uuid, object))
                })
                .collect();
            // A few at a time, so that all of them are not written at once again and again.
            due.sort_unstable_by_key(|(saved, uuid, _)| (*saved, *uuid));
            let at_once = 1 + store.objects(host).count()
                * usize::try_from(2 * STEP_S).unwrap_or(1)
                / usize::try_from(SAVE_S).unwrap_or(1);
            let count = if all { due.len() } else { at_once };
            let written = due.into_iter().take(count);
            written.map(|(_, uuid, object)| (uuid, object.last, object.to_blob())).collect()
        };
        for (uuid, last, blob) in due {
            if let Err(error) = self.disk.write(uuid, &blob) {
                tracing::warn!(%error, object = %uuid, "statistics cannot be kept");
            }
            // What cannot be written is tried again when it is due the next time.
            self.lock().saved.insert(uuid, last);
        }
        let mut store = self.lock();
        let known: BTreeSet<Uuid> = store.objects(host).map(|(uuid, _)| uuid).collect();
        store.saved.retain(|uuid, _| known.contains(uuid));
    }

    /// Hands over the archives of a guest that runs here no more; nothing is left of them.
    #[must_use]
    pub fn hand_over(&self, vm: Uuid) -> Option<Vec<u8>> {
        let object = {
            let mut store = self.lock();
            store.saved.remove(&vm);
            store.guests.remove(&vm)
        };
        let object = object.filter(|object| object.last != 0).or_else(|| self.kept(vm));
        self.disk.remove(vm);
        object.map(|object| object.to_blob())
    }

    /// Takes over the archives of a guest: it runs here by now, or may one day.
    #[must_use]
    pub fn take_over(&self, vm: Uuid, blob: &[u8]) -> bool {
        let Some(older) = Object::from_blob(blob) else { return false };
        {
            let mut store = self.lock();
            if let Some(newer) = store.guests.remove(&vm) {
                store.guests.insert(vm, older.continued_by(newer));
                return true;
            }
            if let Some(newer) = store.srs.remove(&vm) {
                store.srs.insert(vm, older.continued_by(newer));
                return true;
            }
        }
        self.disk.write(vm, blob).is_ok()
    }

    /// The archives of an object, which stay here.
    fn copy(&self, object: Uuid) -> Option<Vec<u8>> {
        let in_memory = {
            let store = self.lock();
            let found = store.guests.get(&object).or_else(|| store.srs.get(&object));
            found.filter(|found| found.last != 0).map(Object::to_blob)
        };
        in_memory.or_else(|| self.kept(object).map(|kept| kept.to_blob()))
    }

    /// Whether there was something of that name.
    fn forget_source(&self, vm: Option<Uuid>, name: &str) -> bool {
        let Some(vm) = vm else { return self.lock().host.series.remove(name).is_some() };
        if let Some(guest) = self.lock().guests.get_mut(&vm) {
            return guest.series.remove(name).is_some();
        }
        let Some(mut kept) = self.kept(vm) else { return false };
        kept.series.remove(name).is_some() && self.disk.write(vm, &kept.to_blob()).is_ok()
    }

    /// Nothing of the object is kept; what it still measures begins anew.
    fn forget(&self, object: Uuid) {
        {
            let mut store = self.lock();
            store.saved.remove(&object);
            store.guests.remove(&object);
            store.srs.remove(&object);
        }
        self.disk.remove(object);
    }

    /// Answers a question; `host` is this host's uuid.
    #[must_use]
    pub fn answer(&self, host: Uuid, query: &StatsQuery) -> StatsAnswer {
        match query {
            StatsQuery::HandOver { vm } => {
                StatsAnswer::Archives(self.hand_over(*vm).map(|blob| BASE64.encode(blob)))
            }
            StatsQuery::TakeOver { vm, archives } => {
                let taken = BASE64.decode(archives).is_ok_and(|blob| self.take_over(*vm, &blob));
                StatsAnswer::Taken(taken)
            }
            StatsQuery::Kept => StatsAnswer::Kept(self.disk.kept()),
            StatsQuery::Copy { object } => {
                StatsAnswer::Archives(self.copy(*object).map(|blob| BASE64.encode(blob)))
            }
            StatsQuery::ForgetSource { vm, name } => {
                StatsAnswer::Taken(self.forget_source(*vm, name))
            }
            StatsQuery::Save => {
                self.save(host, true);
                StatsAnswer::Taken(true)
            }
            StatsQuery::Forget { object } => {
                self.forget(*object);
                StatsAnswer::Forgotten
            }
            StatsQuery::Updates { .. } => self.updates(host, query),
            StatsQuery::Dump { vm } => StatsAnswer::Dump(self.one(*vm, dump)),
            StatsQuery::DumpSr { sr } => {
                let found = self.lock().srs.get(sr).map(dump);
                StatsAnswer::Dump(found.or_else(|| self.kept(*sr).as_ref().map(dump)))
            }
            StatsQuery::Latest { vm } => {
                StatsAnswer::Latest(self.one(*vm, latest).unwrap_or_default())
            }
        }
    }

    /// What is in memory, or was kept, of the host or of a guest.
    fn one<T>(&self, vm: Option<Uuid>, read: impl Fn(&Object) -> T) -> Option<T> {
        let Some(vm) = vm else { return Some(read(&self.lock().host)) };
        let found = self.lock().guests.get(&vm).map(&read);
        found.or_else(|| self.kept(vm).as_ref().map(read))
    }

    fn updates(&self, host: Uuid, query: &StatsQuery) -> StatsAnswer {
        let StatsQuery::Updates { start, cf, interval, host: own, vm, sr } = query else {
            return StatsAnswer::Dump(None);
        };
        let store = self.lock();
        let mut objects: Vec<(&str, Uuid, &Object)> = Vec::new();
        if *own {
            objects.push(("host", host, &store.host));
        }
        // Who asks for one object means no other.
        let guests = store.guests.iter().filter(|(uuid, _)| match vm {
            Some(vm) => vm == *uuid,
            None => sr.is_none(),
        });
        objects.extend(guests.map(|(uuid, object)| ("vm", *uuid, object)));
        let srs = store.srs.iter().filter(|(uuid, _)| Some(**uuid) == *sr);
        objects.extend(srs.map(|(uuid, object)| ("sr", *uuid, object)));
        let last = objects.iter().map(|(.., object)| object.last).fold(store.host.last, i64::max);
        StatsAnswer::Updates(updates(&objects, *start, *cf, *interval, last))
    }
}

fn known(value: f32) -> Option<f32> {
    value.is_finite().then_some(value)
}

/// The archive that reaches back far enough, in steps of `interval` at least.
fn choose(start: i64, interval: i64, last: i64) -> usize {
    let reaches = |shape: &super::ArchiveShape| {
        let rows = i64::try_from(shape.rows).unwrap_or(i64::MAX);
        if interval > 0 {
            shape.step_s() >= interval
        } else {
            last - shape.step_s() * rows <= start
        }
    };
    ARCHIVES.iter().position(reaches).unwrap_or(ARCHIVES.len() - 1)
}

fn updates(
    objects: &[(&str, Uuid, &Object)],
    start: i64,
    cf: Cf,
    interval: i64,
    last: i64,
) -> Updates {
    let start = if start < 0 { last + start } else { start };
    let archive = choose(start, interval, last);
    let Some(shape) = ARCHIVES.get(archive) else { return Updates::default() };
    let step = shape.step_s();
    let end = last - last % step;
    let series: Vec<(String, i64, &Series)> = objects
        .iter()
        .flat_map(|(kind, uuid, object)| {
            let end = object.last - object.last % step;
            object.series.iter().map(move |(name, series)| {
                (format!("{}:{kind}:{uuid}:{name}", cf.as_str()), end, series)
            })
        })
        .collect();
    let mut rows = Vec::new();
    for back in 0..shape.rows {
        let time = end - step * i64::try_from(back).unwrap_or(0);
        if time <= start || last == 0 {
            break;
        }
        let values = series.iter().map(|(_, own_end, series)| {
            // A guest that has gone has no rows of now.
            let behind = usize::try_from((end - own_end) / step).unwrap_or(usize::MAX);
            let value = back.checked_sub(behind).map(|back| series.row(archive, back, cf));
            value.and_then(known)
        });
        rows.push((time, values.collect()));
    }
    Updates {
        step,
        start: rows.last().map_or(end, |(time, _)| *time),
        end,
        legend: series.into_iter().map(|(name, ..)| name).collect(),
        rows,
    }
}

fn dump(object: &Object) -> Dump {
    let archive = |(index, shape): (usize, &super::ArchiveShape), cf: Cf| {
        let row = |back: usize| {
            object.series.values().map(|series| known(series.row(index, back, cf))).collect()
        };
        let rows = (0..shape.rows).rev().map(row).collect();
        DumpArchive { cf, samples: shape.samples, rows }
    };
    let archives = ARCHIVES.iter().enumerate().flat_map(|shape| {
        // Of single samples all three are the same.
        let kinds: &[Cf] = if shape.1.samples == 1 { &[Cf::Average] } else { &Cf::ALL };
        kinds.iter().map(move |cf| archive(shape, *cf)).collect::<Vec<_>>()
    });
    #[expect(clippy::cast_possible_truncation, reason = "graphs need no more than 24 bits")]
    let sources =
        object.series.iter().map(|(name, series)| (name.clone(), known(series.last as f32)));
    Dump { last: object.last, sources: sources.collect(), archives: archives.collect() }
}

fn latest(object: &Object) -> Vec<DataSource> {
    let source = |(name, series): (&String, &Series)| {
        let (units, min, max) = sample::unit(name);
        DataSource {
            name: name.clone(),
            units: units.to_owned(),
            min,
            max: max.is_finite().then_some(max),
            value: series.last.is_finite().then_some(series.last),
        }
    };
    object.series.iter().map(source).collect()
}

/// Takes samples, and keeps them on the disk; until `stop`.
pub async fn collect(
    stats: Stats,
    host: Uuid,
    hypervisor: Arc<dyn Hypervisor>,
    stop: CancellationToken,
) {
    let step = Duration::from_secs(STEP_S.unsigned_abs());
    let mut ticks = interval(step);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => {
                // Nobody waits for a disk that has stalled.
                let saving = spawn_blocking(move || stats.save(host, true));
                let _late = timeout(SAMPLE_MAX, saving).await;
                return;
            }
        }
        let (hypervisor, kept) = (hypervisor.clone(), stats.clone());
        let look = spawn_blocking(move || {
            let guests = hypervisor.statistics().inspect_err(|error| {
                tracing::debug!(%error, "no statistics of guests");
            });
            let guests = guests.unwrap_or_default();
            kept.recall(host, guests.iter().map(|guest| guest.uuid));
            let time = now().unix_s();
            kept.take(Instant::now(), time - time % STEP_S, host_info::load(), guests);
            kept.save(host, false);
        });
        if timeout(SAMPLE_MAX, look).await.is_err() {
            tracing::debug!("a look at the counters took too long");
        }
    }
}

#[cfg(test)]
mod tests;
