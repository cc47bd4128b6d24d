//! On the coordinator: the archives of what does not run, and of storage, lie on two hosts, so that
//! the next coordinator has them.
//!
//! Level-triggered: it is asked what lies where, and then the difference is made up. Nothing is
//! remembered in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use haven_model::{ApiError, Host, Ref, Sr, Vm};
use haven_pooldb::Image;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use super::disk::FILES_MAX;
use super::follow::asked;
use super::query::{StatsAnswer, StatsQuery};
use crate::ops::{host, rows};
use crate::state::AppState;

/// How often it is looked whether this host coordinates.
const LOOK: Duration = Duration::from_secs(5);
/// How often it is asked what lies where.
const EVERY: Duration = Duration::from_secs(600);
/// How long after a take-over it is asked first: guests and orders have more urgent things on their
/// way then, and hosts come back.
const FIRST: Duration = Duration::from_secs(90);
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
    let mut due: Option<Instant> = None;
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let (next, go) = turn(due, state.may_act(), now);
        due = next;
        if go {
            even_out(&state).await;
        }
    }
}

/// When it is due next, and whether it is now.
fn turn(due: Option<Instant>, coordinates: bool, now: Instant) -> (Option<Instant>, bool) {
    match due {
        _ if !coordinates => (None, false),
        None => (Some(now + FIRST), false),
        Some(due) if now < due => (Some(due), false),
        Some(_) => (Some(now + EVERY), true),
    }
}

pub(super) fn live_hosts(db: &Image) -> Vec<Ref<Host>> {
    db.iter::<Host>().map(|(on, _)| on).filter(|on| host::is_live(db, *on)).collect()
}

fn objects(db: &Image) -> BTreeMap<Uuid, Kind> {
    let mut objects = BTreeMap::new();
    for (_, row) in db.iter::<Vm>() {
        let kind = if row.resident_on.is_null() { Kind::Rests } else { Kind::Runs };
        objects.extend(rows::uuid(&row.uuid).ok().map(|uuid| (uuid, kind)));
    }
    let srs = db.iter::<Sr>().filter_map(|(_, row)| rows::uuid(&row.uuid).ok());
    objects.extend(srs.map(|uuid| (uuid, Kind::Storage)));
    objects.extend(db.iter::<Host>().map(|(on, _)| (host::id(on).0, Kind::Host)));
    objects
}

/// The hosts that have the archives of what does not run: this one, and the second one.
///
/// # Errors
/// This host has no database.
pub async fn holders(state: &AppState, object: Uuid) -> Result<Vec<Ref<Host>>, ApiError> {
    let here = state.this_host();
    let second = state.pool.read(|db| second(object, here, live_hosts(db).into_iter())).await?;
    Ok([here].into_iter().chain(second).collect())
}

async fn even_out(state: &Arc<AppState>) {
    let Ok(live) = state.pool.read(live_hosts).await else { return };
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
    // Asked for after the answers: what has archives and is no object was removed, not made meanwhile.
    let Ok(objects) = state.pool.read(objects).await else { return };
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

/// How many more objects each host keeps: what comes beyond is removed there as soon as it is looked
/// through, and would be copied again and again.
fn rooms(kept: &Kept) -> BTreeMap<Ref<Host>, usize> {
    let mut rooms = BTreeMap::new();
    for on in kept.values().flat_map(BTreeMap::keys) {
        let room = rooms.entry(*on).or_insert(FILES_MAX);
        *room = room.saturating_sub(1);
    }
    rooms
}

fn take_room(rooms: &mut BTreeMap<Ref<Host>, usize>, on: Ref<Host>) -> bool {
    let room = rooms.entry(on).or_insert(FILES_MAX);
    let some = *room > 0;
    *room = room.saturating_sub(1);
    some
}

fn plan(
    here: Ref<Host>,
    live: &[Ref<Host>],
    objects: &BTreeMap<Uuid, Kind>,
    kept: &Kept,
) -> Vec<Step> {
    let (mut fetch, mut send, mut forget) = (Vec::new(), Vec::new(), Vec::new());
    let nobody = BTreeMap::new();
    let mut rooms = rooms(kept);
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
            if own.is_none() && !take_room(&mut rooms, here) {
                continue;
            }
            // The second copy is made next time, from what is here then.
            fetch.push(Step::Fetch { object, from: newest });
            continue;
        }
        let Some(to) = second(object, here, live.iter().copied()) else { continue };
        let theirs = holders.get(&to);
        if theirs.is_none_or(|theirs| last > theirs + slack)
            && (theirs.is_some() || take_room(&mut rooms, to))
        {
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

    /// A host that has as much as it keeps is sent nothing new: it would remove something else, which
    /// would be fetched back next time, for ever.
    #[test]
    fn a_host_that_is_full_is_sent_nothing_new() {
        let [here, b] = [on(1), on(2)];
        let object = |number: usize| Uuid::from_u128(number as u128 + 1);
        let all = FILES_MAX + 10;
        let objects = (0..all).map(|number| (object(number), Kind::Rests)).collect();
        let mut kept: Kept =
            (0..all).map(|number| (object(number), BTreeMap::from([(b, 900)]))).collect();
        for number in 0..FILES_MAX - 1 {
            kept.entry(object(number)).or_default().insert(here, 900);
        }
        // One of those that lie here is old.
        kept.entry(object(3)).or_default().insert(here, 800);
        let expected =
            [3, FILES_MAX - 1].map(|number| Step::Fetch { object: object(number), from: b });
        assert_eq!(plan(here, &[here, b], &objects, &kept), expected);
        kept.entry(object(FILES_MAX - 1)).or_default().insert(here, 900);
        kept.entry(object(3)).or_default().insert(here, 900);
        assert_eq!(plan(here, &[here, b], &objects, &kept), [], "it has come to rest");
    }

    #[test]
    fn a_new_coordinator_waits_before_it_copies() {
        let now = Instant::now();
        let (due, go) = turn(None, true, now);
        assert!(!go && due == Some(now + FIRST));
        assert_eq!(turn(due, true, now + FIRST / 2), (due, false));
        assert_eq!(turn(due, true, now + FIRST), (Some(now + FIRST + EVERY), true));
        assert_eq!(turn(due, false, now + FIRST), (None, false));
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
