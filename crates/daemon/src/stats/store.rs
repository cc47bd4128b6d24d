//! The archives of this host, and the loop that fills them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use haven_drivers::host_info::{self, Load};
use haven_drivers::hypervisor::{DomainStats, Hypervisor};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use super::archive::{ARCHIVES, Cf, STEP_S, Series};
use super::query::{DataSource, Dump, DumpArchive, StatsAnswer, StatsQuery, Updates};
use super::sample::{self, Values};
use crate::state::now;

/// Longest wait for the hypervisor; a sample that comes later is left out.
const SAMPLE_MAX: Duration = Duration::from_secs(20);
/// Guests that are remembered after they have gone, in seconds.
const GONE_S: i64 = 600;
/// Samples that may be missing between two before the archives begin anew.
const GAP_SAMPLES_MAX: i64 = 17_280;
/// Values of one object.
const SERIES_MAX: usize = 512;

/// All values of one object.
#[derive(Debug, Default)]
struct Object {
    series: BTreeMap<String, Series>,
    last: i64,
}

impl Object {
    fn add(&mut self, time: i64, values: Values) {
        let skipped = match self.last {
            0 => 0,
            last => ((time - last) / STEP_S - 1).max(0),
        };
        if skipped > GAP_SAMPLES_MAX || time <= self.last {
            self.series.clear();
        }
        let skipped = usize::try_from(skipped).unwrap_or(0);
        for (name, series) in &mut self.series {
            if !values.contains_key(name) {
                series.add(time, skipped, f64::NAN);
            }
        }
        for (name, value) in values {
            if self.series.len() < SERIES_MAX || self.series.contains_key(&name) {
                self.series.entry(name).or_default().add(time, skipped, value);
            }
        }
        self.last = time;
    }
}

#[derive(Debug, Default)]
struct Store {
    host: Object,
    guests: BTreeMap<Uuid, Object>,
    before: Option<(Instant, Load, BTreeMap<Uuid, DomainStats>)>,
}

/// The archives of a host. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    store: Arc<Mutex<Store>>,
}

impl Stats {
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a look at the counters in.
    pub(crate) fn take(&self, at: Instant, time: i64, load: Load, guests: Vec<DomainStats>) {
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
            store.guests.retain(|_, object| time - object.last < GONE_S);
        }
        store.before = Some((at, load, guests));
    }

    /// Answers a question; `host` is this host's uuid.
    #[must_use]
    pub fn answer(&self, host: Uuid, query: &StatsQuery) -> StatsAnswer {
        let store = self.lock();
        let object = |vm: &Option<Uuid>| match vm {
            None => Some(&store.host),
            Some(vm) => store.guests.get(vm),
        };
        match query {
            StatsQuery::Updates { start, cf, interval, host: own, vm } => {
                let mut objects: Vec<(&str, Uuid, &Object)> = Vec::new();
                if *own {
                    objects.push(("host", host, &store.host));
                }
                let guests =
                    store.guests.iter().filter(|(uuid, _)| vm.is_none_or(|vm| vm == **uuid));
                objects.extend(guests.map(|(uuid, object)| ("vm", *uuid, object)));
                StatsAnswer::Updates(updates(&objects, *start, *cf, *interval, store.host.last))
            }
            StatsQuery::Dump { vm } => StatsAnswer::Dump(object(vm).map(dump)),
            StatsQuery::Latest { vm } => {
                StatsAnswer::Latest(object(vm).map(latest).unwrap_or_default())
            }
        }
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

/// Takes samples; runs for ever.
pub async fn collect(stats: Stats, hypervisor: Arc<dyn Hypervisor>) {
    let step = Duration::from_secs(STEP_S.unsigned_abs());
    let mut ticks = interval(step);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let hypervisor = hypervisor.clone();
        let look = spawn_blocking(move || {
            let guests = hypervisor.statistics();
            (Instant::now(), host_info::load(), guests)
        });
        match timeout(SAMPLE_MAX, look).await {
            Ok(Ok((at, load, Ok(guests)))) => {
                let time = now().unix_s();
                stats.take(at, time - time % STEP_S, load, guests);
            }
            Ok(Ok((at, load, Err(error)))) => {
                tracing::debug!(%error, "no statistics of guests");
                let time = now().unix_s();
                stats.take(at, time - time % STEP_S, load, Vec::new());
            }
            other => tracing::debug!(ok = other.is_ok(), "a look at the counters took too long"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> (Stats, Uuid) {
        let stats = Stats::default();
        let vm = Uuid::from_u128(7);
        let began = Instant::now();
        for sample in 0_u64..=30 {
            let guest = DomainStats {
                uuid: vm,
                cpu_time_ns: sample * 2_500_000_000,
                vcpu_time_ns: vec![sample * 2_500_000_000],
                memory_bytes: 1 << 30,
                ..DomainStats::default()
            };
            let at = began + Duration::from_secs(5 * sample);
            let time = 1_000_000_000 + 5 * i64::try_from(sample).unwrap();
            stats.take(at, time, Load::default(), vec![guest]);
        }
        (stats, vm)
    }

    #[test]
    fn updates_are_newest_first_and_begin_after_the_start() {
        let (stats, vm) = filled();
        let ask = |start, interval| {
            let query =
                StatsQuery::Updates { start, cf: Cf::Average, interval, host: false, vm: None };
            match stats.answer(Uuid::nil(), &query) {
                StatsAnswer::Updates(updates) => updates,
                other => panic!("{other:?}"),
            }
        };
        let all = ask(1_000_000_100, 0);
        assert_eq!((all.step, all.end, all.rows.len()), (5, 1_000_000_150, 10));
        assert_eq!(all.rows[0].0, 1_000_000_150);
        let cpu = all.legend.iter().position(|name| *name == format!("AVERAGE:vm:{vm}:cpu0"));
        assert_eq!(all.rows[0].1[cpu.unwrap()], Some(0.5));
        assert_eq!(ask(-20, 0).rows.len(), 4);
        let minutes = ask(0, 60);
        assert_eq!((minutes.step, minutes.end % 60), (60, 0));
    }

    #[test]
    fn a_dump_has_all_archives_and_the_latest_values_their_units() {
        let (stats, vm) = filled();
        let StatsAnswer::Dump(Some(dump)) =
            stats.answer(Uuid::nil(), &StatsQuery::Dump { vm: Some(vm) })
        else {
            panic!("a dump")
        };
        assert_eq!(dump.archives.len(), 10);
        assert_eq!(dump.archives[0].rows.len(), 120);
        let StatsAnswer::Latest(latest) =
            stats.answer(Uuid::nil(), &StatsQuery::Latest { vm: Some(vm) })
        else {
            panic!("values")
        };
        let memory = latest.iter().find(|source| source.name == "memory").unwrap();
        assert_eq!((memory.value, memory.units.as_str()), (Some(1_073_741_824.0), "B"));
    }
}
