//! On the coordinator: archives go where their VM goes, and storage is measured.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use haven_model::{Host, Ref, Sr, Vm};
use haven_pooldb::Image;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use super::archive::STEP_S;
use super::query::{StatsAnswer, StatsQuery};
use super::sample::Values;
use crate::ops::{host, rows, stats as ask};
use crate::state::{AppState, now};

/// VMs whose archives are on their way at a time.
const MOVES_AT_ONCE_MAX: usize = 8;
/// Longest wait for a host; a VM whose archives it does not hand over begins anew.
const ASK_MAX: Duration = Duration::from_secs(10);

type Places = BTreeMap<Uuid, Option<Ref<Host>>>;

/// A VM that runs elsewhere than before, if it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Move {
    vm: Uuid,
    from: Option<Ref<Host>>,
    to: Option<Ref<Host>>,
    /// The VM is gone.
    forget: bool,
}

/// Looks where VMs run, every few seconds; runs for ever.
pub async fn run(state: Arc<AppState>) {
    let mut ticks = interval(Duration::from_secs(STEP_S.unsigned_abs()));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before: Option<Places> = None;
    loop {
        ticks.tick().await;
        let look = if state.may_act() { state.pool.read(look).await.ok() } else { None };
        let Some((places, srs)) = look else {
            before = None;
            continue;
        };
        measure(&state, srs).await;
        let moves = before.map(|before| moves(&before, &places)).unwrap_or_default();
        before = Some(places);
        let mut under_way = JoinSet::new();
        for one in moves {
            if under_way.len() >= MOVES_AT_ONCE_MAX {
                // Each logs what becomes of it.
                let _ended = under_way.join_next().await;
            }
            let state = state.clone();
            under_way.spawn(async move { carry(&state, one).await });
        }
        under_way.join_all().await;
    }
}

fn look(db: &Image) -> (Places, Vec<(Uuid, Values)>) {
    let running = |(_, row): (Ref<Vm>, &Vm)| {
        let seen = !row.is_a_template && !row.is_a_snapshot && !row.is_control_domain;
        let uuid = rows::uuid(&row.uuid).ok().filter(|_| seen)?;
        Some((uuid, row.resident_on.non_null()))
    };
    let places = db.iter::<Vm>().filter_map(running).collect();
    let srs =
        db.iter::<Sr>().filter_map(|(_, row)| Some((rows::uuid(&row.uuid).ok()?, space(row))));
    (places, srs.collect())
}

fn space(row: &Sr) -> Values {
    let values = [
        ("size", row.physical_size),
        ("physical_utilisation", row.physical_utilisation),
        ("virtual_allocation", row.virtual_allocation),
    ];
    #[expect(clippy::cast_precision_loss, reason = "graphs need no more than 53 bits")]
    values.into_iter().map(|(name, bytes)| (name.to_owned(), bytes as f64)).collect()
}

/// Takes the sizes of storage in; off the runtime's threads, as the first look at each reads a file.
async fn measure(state: &AppState, srs: Vec<(Uuid, Values)>) {
    let (stats, time) = (state.agent().stats().clone(), now().unix_s());
    let taken = tokio::task::spawn_blocking(move || {
        for (sr, values) in srs {
            stats.take_sr(sr, time - time % STEP_S, values);
        }
    });
    if let Err(error) = taken.await {
        tracing::warn!(%error, "storage could not be measured");
    }
}

fn moves(before: &Places, now: &Places) -> Vec<Move> {
    let changed = now.iter().filter_map(|(vm, to)| {
        let from = before.get(vm).copied().flatten();
        (from != *to).then_some(Move { vm: *vm, from, to: *to, forget: false })
    });
    let gone = before.iter().filter(|(vm, _)| !now.contains_key(*vm));
    let gone = gone.map(|(vm, from)| Move { vm: *vm, from: *from, to: None, forget: true });
    changed.chain(gone).collect()
}

/// Has the archives of a VM taken from where it ran to where it runs; while it does not run, the
/// coordinator has them.
async fn carry(state: &Arc<AppState>, one: Move) {
    let here = state.this_host();
    let (from, to) = (one.from.unwrap_or(here), one.to.unwrap_or(here));
    let live = state.pool.read(|db| host::is_live(db, from)).await.unwrap_or(false);
    if !live || from == to && !one.forget {
        return;
    }
    let Some(StatsAnswer::Archives(Some(archives))) =
        asked(state, from, StatsQuery::HandOver { vm: one.vm }).await
    else {
        return;
    };
    if one.forget {
        return;
    }
    let query = StatsQuery::TakeOver { vm: one.vm, archives };
    if one.to.is_none()
        && let Ok(Some(second)) = state.pool.read(|db| beside(db, one.vm, here)).await
    {
        // For the day on which another host coordinates.
        let _kept = asked(state, second, query.clone()).await;
    }
    if asked(state, to, query.clone()).await != Some(StatsAnswer::Taken(true)) && to != here {
        // It runs on without them; they are here for the next time.
        let _kept = asked(state, here, query).await;
    }
}

/// The host that has the second copy.
fn beside(db: &Image, vm: Uuid, here: Ref<Host>) -> Option<Ref<Host>> {
    super::copies::second(vm, here, super::copies::live_hosts(db).into_iter())
}

pub(super) async fn asked(
    state: &Arc<AppState>,
    on: Ref<Host>,
    query: StatsQuery,
) -> Option<StatsAnswer> {
    match timeout(ASK_MAX, ask::ask(state, on, query)).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::debug!(%error, host = %on, "the statistics of a VM could not be carried along");
            None
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_elsewhere_has_moved_and_who_is_gone_is_forgotten() {
        let [a, b] = [1, 2].map(|id| Some(Ref::<Host>::from_u128(id)));
        let vm = Uuid::from_u128;
        let before = Places::from([(vm(1), a), (vm(2), a), (vm(3), None), (vm(4), a), (vm(5), b)]);
        let now = Places::from([(vm(1), a), (vm(2), b), (vm(3), b), (vm(4), None), (vm(6), a)]);
        let moved = |vm, from, to| Move { vm, from, to, forget: false };
        let expected = [
            moved(vm(2), a, b),
            moved(vm(3), None, b),
            moved(vm(4), a, None),
            moved(vm(6), None, a),
            Move { vm: vm(5), from: b, to: None, forget: true },
        ];
        assert_eq!(moves(&before, &now), expected);
    }
}
