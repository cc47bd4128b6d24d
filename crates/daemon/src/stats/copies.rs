//! On the coordinator: the archives of what does not run, and of storage, lie on two hosts, so that
//! the next coordinator has them.
//!
//! Level-triggered: it is asked what lies where, and then the difference is made up. Nothing is
//! remembered in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use haven_model::{Host, Ref, Sr, Vm};
use haven_pooldb::Image;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use super::follow::asked;
use super::query::{StatsAnswer, StatsQuery};
use crate::ops::{host, rows};
use crate::state::AppState;

/// How often it is looked whether this host coordinates.
const LOOK: Duration = Duration::from_secs(5);
/// How often it is asked what lies where.
const EVERY: Duration = Duration::from_secs(600);
/// A copy of what still changes may be behind by so many seconds.
const BEHIND_S: i64 = 600;
/// Archives that are moved at a time, and in one go; the rest is next time's.
const AT_ONCE_MAX: usize = 4;
const IN_ONE_GO_MAX: usize = 512;

/// Of each object, who has archives up to when.
type Kept = BTreeMap<Uuid, BTreeMap<Ref<Host>, i64>>;

/// Something that has archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A VM that does not run: they do not change.
    Rests,
    /// A VM that runs: they are where it runs.
    Runs,
    /// A storage repository: the coordinator adds to them.
    Storage,
    /// A host: they are its own.
    Host,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Have it here.
    Fetch { object: Uuid, from: Ref<Host> },
    /// Have it there too.
    Send { object: Uuid, to: Ref<Host> },
    /// The object is gone.
    Forget { object: Uuid, on: Ref<Host> },
}

/// Runs for ever.
pub async fn run(state: Arc<AppState>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<Instant> = None;
    loop {
        ticks.tick().await;
        if !state.may_act() {
            last = None;
        } else if last.is_none_or(|last| last.elapsed() >= EVERY) {
            last = Some(Instant::now());
            even_out(&state).await;
        }
    }
}

fn look(db: &Image) -> (Vec<Ref<Host>>, BTreeMap<Uuid, Kind>) {
    let mut objects = BTreeMap::new();
    for (_, row) in db.iter::<Vm>() {
        let kind = if row.resident_on.is_null() { Kind::Rests } else { Kind::Runs };
        objects.extend(rows::uuid(&row.uuid).ok().map(|uuid| (uuid, kind)));
    }
    let srs = db.iter::<Sr>().filter_map(|(_, row)| rows::uuid(&row.uuid).ok());
    objects.extend(srs.map(|uuid| (uuid, Kind::Storage)));
    let hosts: Vec<Ref<Host>> = db.iter::<Host>().map(|(on, _)| on).collect();
    objects.extend(hosts.iter().map(|on| (host::id(*on).0, Kind::Host)));
    (hosts.into_iter().filter(|on| host::is_live(db, *on)).collect(), objects)
}

async fn even_out(state: &Arc<AppState>) {
    let Ok((live, objects)) = state.pool.read(look).await else { return };
    let here = state.this_host();
    let mut kept = Kept::new();
    let mut asking = JoinSet::new();
    for on in live.iter().copied() {
        let state = state.clone();
        asking.spawn(async move { (on, asked(&state, on, StatsQuery::Kept).await) });
    }
    let mut answering = Vec::new();
    for (on, answer) in asking.join_all().await {
        let Some(StatsAnswer::Kept(list)) = answer else { continue };
        answering.push(on);
        for (object, last) in list {
            kept.entry(object).or_default().insert(on, last);
        }
    }
    if !answering.contains(&here) {
        return;
    }
    let mut under_way = JoinSet::new();
    for step in plan(here, &answering, &objects, &kept).into_iter().take(IN_ONE_GO_MAX) {
        if under_way.len() >= AT_ONCE_MAX {
            // What does not succeed is tried again next time.
            let _ended = under_way.join_next().await;
        }
        let state = state.clone();
        under_way.spawn(async move { carry_out(&state, step).await });
    }
    under_way.join_all().await;
}

async fn carry_out(state: &Arc<AppState>, step: Step) {
    let here = state.this_host();
    let (object, from, to) = match step {
        Step::Fetch { object, from } => (object, from, here),
        Step::Send { object, to } => (object, here, to),
        Step::Forget { object, on } => {
            let _forgotten = asked(state, on, StatsQuery::Forget { object }).await;
            return;
        }
    };
    let copy = asked(state, from, StatsQuery::Copy { object }).await;
    if let Some(StatsAnswer::Archives(Some(archives))) = copy {
        let _taken = asked(state, to, StatsQuery::TakeOver { vm: object, archives }).await;
    }
}

/// The host that has the second copy: another one for each object, the same one every time.
pub(super) fn second(
    object: Uuid,
    here: Ref<Host>,
    live: impl Iterator<Item = Ref<Host>>,
) -> Option<Ref<Host>> {
    let mixed = |on: &Ref<Host>| {
        let mut bits = object.as_u128() ^ host::id(*on).0.as_u128();
        // Neighbours must not follow each other in the order of all objects.
        bits = (bits ^ (bits >> 67)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        bits ^ (bits >> 61)
    };
    live.filter(|on| *on != here).min_by_key(mixed)
}

fn plan(
    here: Ref<Host>,
    live: &[Ref<Host>],
    objects: &BTreeMap<Uuid, Kind>,
    kept: &Kept,
) -> Vec<Step> {
    let (mut fetch, mut send, mut forget) = (Vec::new(), Vec::new(), Vec::new());
    let nobody = BTreeMap::new();
    let all: BTreeSet<Uuid> = kept.keys().copied().collect();
    for object in all {
        let holders = kept.get(&object).unwrap_or(&nobody);
        let slack = match objects.get(&object) {
            Some(Kind::Rests) => 0,
            Some(Kind::Storage) => BEHIND_S,
            Some(Kind::Runs | Kind::Host) => continue,
            None => {
                forget.extend(holders.keys().map(|on| Step::Forget { object, on: *on }));
                continue;
            }
        };
        let own = holders.get(&here).copied();
        let newest = holders.iter().max_by_key(|(on, last)| (**last, **on == here));
        let Some((newest, last)) = newest.map(|(on, last)| (*on, *last)) else { continue };
        if own.is_none_or(|own| last > own + slack) {
            // The second copy is made next time, from what is here then.
            fetch.push(Step::Fetch { object, from: newest });
            continue;
        }
        let Some(to) = second(object, here, live.iter().copied()) else { continue };
        if holders.get(&to).is_none_or(|theirs| last > theirs + slack) {
            send.push(Step::Send { object, to });
        }
    }
    fetch.into_iter().chain(send).chain(forget).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(number: u128) -> Ref<Host> {
        Ref::from_u128(number)
    }

    #[test]
    fn what_rests_lies_here_and_on_a_second_host_and_what_is_gone_nowhere() {
        let [here, b, c] = [on(1), on(2), on(3)];
        let object = Uuid::from_u128;
        let live = [here, b, c];
        let to = |number| second(object(number), here, live.into_iter()).unwrap();
        let other = |number| if to(number) == b { c } else { b };
        let objects = BTreeMap::from([
            (object(1), Kind::Rests),
            (object(2), Kind::Rests),
            (object(3), Kind::Rests),
            (object(4), Kind::Storage),
            (object(5), Kind::Storage),
            (object(6), Kind::Runs),
            (object(7), Kind::Host),
        ]);
        let kept = Kept::from([
            // Of an earlier rest, and the last one.
            (object(1), BTreeMap::from([(b, 900), (c, 500)])),
            (object(2), BTreeMap::from([(here, 900), (other(2), 900)])),
            (object(3), BTreeMap::from([(here, 900), (to(3), 900)])),
            (object(4), BTreeMap::from([(here, 10_000), (to(4), 10_000 - BEHIND_S)])),
            (object(5), BTreeMap::from([(here, 10_000), (to(5), 9_000)])),
            (object(6), BTreeMap::from([(c, 900)])),
            (object(7), BTreeMap::from([(b, 900)])),
            (object(9), BTreeMap::from([(c, 900)])),
        ]);
        let expected = [
            Step::Fetch { object: object(1), from: b },
            Step::Send { object: object(2), to: to(2) },
            Step::Send { object: object(5), to: to(5) },
            Step::Forget { object: object(9), on: c },
        ];
        assert_eq!(plan(here, &live, &objects, &kept), expected);
    }

    #[test]
    fn second_copies_are_spread_over_the_hosts() {
        let live: Vec<Ref<Host>> = (1..=5).map(on).collect();
        let mut counts = BTreeMap::new();
        for object in 0..1000_u128 {
            let to = second(Uuid::from_u128(object << 64 | 7), on(1), live.iter().copied());
            *counts.entry(to.unwrap()).or_insert(0) += 1;
        }
        assert!(!counts.contains_key(&on(1)));
        assert!(counts.len() == 4 && counts.values().all(|count| *count > 100), "{counts:?}");
        assert_eq!(second(Uuid::nil(), on(1), [on(1)].into_iter()), None);
    }
}
