//! Orders of an earlier coordinator that may still act.
//!
//! Owns: that nobody gets an object on which an operation of the coordinator before worked, until no
//! host works on it any more: a copy, a resize or a deletion that was ordered goes on after whoever
//! ordered it is gone. What runs VMs is ruled by placements instead, and ends at once.

use std::sync::Arc;
use std::time::Duration;

use haven_failover::{Silence, carries_out_nothing};
use haven_model::{DateTime, Host, HostMetrics, Ref, TaskJournal};
use haven_pooldb::Image;
use haven_tasks::TaskId;
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
    let mut acting = Silence::default();
    while office.lasts() && !is_gone(state, asked, since).await {
        // What acts is closed for older terms by the first question, so nothing joins it.
        if let Some(seen) = ask(state, asked).await
            && acting.heard(seen.acting.iter().map(|order| order.id).collect())
        {
            return;
        }
        if began.elapsed() > PATIENCE && !told {
            told = true;
            let answers = acting.answers();
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
        return guard.is_some_and(|guard| carries_out_nothing(&guard, host::id(asked)));
    }
    let silent = move |db: &Image| {
        let Some(row) = db.get(asked) else { return true };
        let metrics = db.get::<HostMetrics>(row.metrics);
        metrics.is_some_and(|metrics| !metrics.live && metrics.last_updated < since)
    };
    state.pool.read(silent).await.unwrap_or(false)
}
