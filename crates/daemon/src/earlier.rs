//! Orders of an earlier coordinator that may still act.
//!
//! Owns: that nobody gets an object on which an operation of the coordinator before worked, until no
//! host works on it any more: a copy, a resize or a deletion that was ordered goes on after whoever
//! ordered it is gone. What runs VMs is ruled by placements instead, and ends at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use haven_model::{Class, DateTime, Host, HostMetrics, Ref, TaskJournal, Vdi};
use haven_pooldb::Image;
use haven_tasks::{Mode, Record, TaskId};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::agent::permit::PermitGate;
use crate::ops::host;
use crate::orders::{Inventory, Order, OrderReply};
use crate::state::{AppState, Office};

/// Pause before a host is asked again.
const PAUSE: Duration = Duration::from_millis(300);
/// After so long a host that holds operations up is told of in the log.
const PATIENCE: Duration = Duration::from_secs(30);
/// Operations whose orders only run, stop or move VMs.
const PLACED: [&str; 17] = [
    "start",
    "start_on",
    "resume",
    "resume_on",
    "clean_shutdown",
    "hard_shutdown",
    "shutdown",
    "clean_reboot",
    "hard_reboot",
    "reboot",
    "pause",
    "unpause",
    "power_state_reset",
    "pool_migrate",
    "evacuate",
    "eject",
    "power_on",
];

/// Whether orders of this operation may act on storage when its coordinator is gone.
#[must_use]
pub(crate) fn may_act_on(record: &Record) -> bool {
    let name = record.operation.name.as_str();
    // Of a VM, or of a disk.
    let moves_disk = name == "pool_migrate"
        && record
            .operation
            .claims
            .iter()
            .any(|claim| claim.mode == Mode::Exclusive && claim.object.class == Vdi::NAME);
    moves_disk || !PLACED.contains(&name)
}

/// Ends these tasks as soon as no host acts for the coordinator before any more.
pub(crate) async fn end(state: &Arc<AppState>, tasks: Vec<TaskId>) {
    let office = state.pool.office();
    let since = state.pool.read(|db| since(db, &tasks)).await.unwrap_or(DateTime::EPOCH);
    let hosts = state.pool.read(|db| db.iter::<Host>().map(|(host, _)| host).collect::<Vec<_>>());
    let mut questions = JoinSet::new();
    for host in hosts.await.unwrap_or_default() {
        let (state, office) = (state.clone(), office.clone());
        questions.spawn(async move { silence(&state, host, since, &office).await });
    }
    while questions.join_next().await.is_some() {}
    let Ok(runner) = state.runner() else { return };
    let here = office.lasts();
    for task in tasks {
        runner.settled(task, here).await;
    }
}

/// When the first of the tasks began.
fn since(db: &Image, tasks: &[TaskId]) -> DateTime {
    let begun = tasks.iter().filter_map(|task| db.get(Ref::<TaskJournal>::from_uuid(task.0)));
    begun.map(|row| row.started).min().unwrap_or(DateTime::EPOCH)
}

/// Waits until this host acts for no coordinator before this one, or is gone, or `office` is over.
async fn silence(state: &Arc<AppState>, asked: Ref<Host>, since: DateTime, office: &Office) {
    let (began, mut told) = (Instant::now(), false);
    let mut acting: Option<BTreeSet<Uuid>> = None;
    while office.lasts() && !is_gone(state, asked, since).await {
        // What acts is closed for older terms by the first question, so nothing joins it.
        if let Some(seen) = ask(state, asked).await {
            let now: BTreeSet<Uuid> = seen.acting.iter().map(|order| order.id).collect();
            let left = match acting {
                Some(before) => before.intersection(&now).copied().collect(),
                None => now,
            };
            if left.is_empty() {
                return;
            }
            acting = Some(left);
        }
        if began.elapsed() > PATIENCE && !told {
            told = true;
            let answers = acting.is_some();
            tracing::warn!(host = %asked, answers, "operations of the coordinator before wait for \
                 this host, which may still carry them out");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ask(state: &Arc<AppState>, asked: Ref<Host>) -> Option<Inventory> {
    match state.orders.send(host::id(asked), Order::Inventory).await {
        Ok(OrderReply::Inventory(seen)) => Some(*seen),
        _ => None,
    }
}

/// Whether the host carries out nothing any more, or was silent before the operations began.
async fn is_gone(state: &Arc<AppState>, asked: Ref<Host>, since: DateTime) -> bool {
    let id = Uuid::from_u128(asked.id().0);
    if state.reports.is_declared_off(id) {
        return true;
    }
    if let Some(ha) = state.ha.get().filter(|ha| ha.link().armed().is_some()) {
        // Its present life too: a host that comes back is asked in the life that it has then.
        let guard = ha.link().state();
        let dead = guard.iter().flat_map(|guard| &guard.dead).any(|life| life.host.0 == id);
        return dead && !state.is_member(asked);
    }
    let silent = move |db: &Image| {
        let Some(row) = db.get(asked) else { return true };
        let metrics = db.get::<HostMetrics>(row.metrics);
        metrics.is_some_and(|metrics| !metrics.live && metrics.last_updated < since)
    };
    state.pool.read(silent).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use haven_tasks::{Claim, Object, Operation};

    use super::*;

    fn record(name: &str, claims: &[(&str, Mode)]) -> Record {
        let claim = |(class, mode): &(&str, Mode)| Claim {
            object: Object { class: (*class).to_owned(), id: Uuid::nil() },
            mode: *mode,
        };
        Record {
            task: TaskId(Uuid::nil()),
            operation: Operation {
                name: name.to_owned(),
                claims: claims.iter().map(claim).collect(),
                steps: Vec::new(),
                cancellable: false,
                wait_ms: 0,
            },
            step: None,
            undo: Vec::new(),
            committed: false,
        }
    }

    #[test]
    fn what_works_on_storage_waits_and_what_runs_machines_does_not() {
        let (shared, own) = (Mode::Shared, Mode::Exclusive);
        assert!(!may_act_on(&record("start", &[("VM", own), ("VDI", own)])));
        assert!(!may_act_on(&record("pool_migrate", &[("VM", own)])));
        assert!(may_act_on(&record("pool_migrate", &[("VDI", own)])), "of a disk");
        assert!(may_act_on(&record("copy", &[("VM", shared), ("VDI", shared)])));
        assert!(may_act_on(&record("snapshot", &[("VM", own), ("VDI", own)])));
        assert!(may_act_on(&record("provision", &[("VM", own)])));
    }
}
