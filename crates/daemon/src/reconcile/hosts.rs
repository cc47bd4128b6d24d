//! Which hosts answer.

use std::sync::Arc;
use std::time::Duration;

use haven_cluster::ids::HostId;
use haven_model::{ApiError, Host, HostMetrics, Ref};
use haven_pooldb::Image;
use uuid::Uuid;

use crate::ops::{host, host_down, host_rows};
use crate::orders::{Order, OrderError, OrderReply, PoolUpdate};
use crate::state::{AppState, now};

/// How often a host is told anew who is in the pool, while that changes.
const TELLS_MAX: u32 = 8;

/// A host reported: it lives, if high availability does not know better.
pub(super) async fn heard(state: &Arc<AppState>, reporter: Ref<Host>) -> Result<(), ApiError> {
    if !state.is_member(reporter) {
        return Ok(());
    }
    let live = state.pool.read(|db| host::is_live(db, reporter)).await?;
    if live {
        let id = host::id(reporter);
        if state.reports.is_owed(id.0) {
            let failed = |error| crate::ops::errors::order(reporter, error);
            tell_members(state, id).await.map_err(failed)?;
        }
        return Ok(());
    }
    tracing::info!(host = %reporter, "a host answers again");
    ask(state, reporter).await
}

/// Asks all hosts what they are; at the beginning of an office.
pub async fn ask_all(state: &Arc<AppState>) {
    let hosts = state.pool.read(|db| db.iter::<Host>().map(|(host, _)| host).collect::<Vec<_>>());
    for host in hosts.await.unwrap_or_default() {
        let state = state.clone();
        tokio::spawn(async move {
            if let Err(error) = ask(&state, host).await {
                tracing::info!(%error, %host, "a host does not answer yet");
            }
        });
    }
}

/// Has a host say what it is, and tells it who is in the pool.
///
/// # Errors
/// It does not answer.
pub async fn ask(state: &Arc<AppState>, asked: Ref<Host>) -> Result<(), ApiError> {
    let Some(pool) = state.identity.pool() else { return Ok(()) };
    let Some(member) = pool.member(host::id(asked)).cloned() else { return Ok(()) };
    let failed = |error| crate::ops::errors::order(asked, error);
    let reply = state.orders.send(member.host, Order::HostFacts).await.map_err(failed)?;
    let OrderReply::Facts(facts) = reply else {
        return Err(ApiError::internal("an unexpected answer about a host"));
    };
    let back = state.is_member(asked);
    state
        .pool
        .write(move |tx| match tx.get(asked) {
            Some(_) => {
                host_rows::refresh(tx, asked, &member, &facts)?;
                // One that has left the membership may still answer until it is off.
                if back { host_down::returned(tx, asked) } else { Ok(()) }
            }
            None => Ok(()),
        })
        .await?;
    if asked != state.this_host() {
        tell_members(state, host::id(asked)).await.map_err(failed)?;
    }
    Ok(())
}

/// Tells a host who is in the pool: again, when that changed while it was told. Two may tell it at
/// the same time, and who knew less must not have the last word. One that could not be told is
/// told when it reports.
///
/// # Errors
/// It does not answer.
pub async fn tell_members(state: &AppState, to: HostId) -> Result<(), OrderError> {
    let _turn = state.reports.turn(to.0).await;
    for _ in 0..TELLS_MAX {
        let Some(pool) = state.identity.pool() else { break };
        let members = pool.members.clone();
        let update = PoolUpdate { coordinator: state.identity.host(), members: pool.members };
        state.reports.owe(to.0, true);
        state.orders.send(to, Order::UpdatePool(Box::new(update))).await?;
        state.reports.owe(to.0, false);
        if state.identity.pool().is_none_or(|pool| pool.members == members) {
            break;
        }
    }
    Ok(())
}

/// Marks hosts that have not reported for long. What ran there is not touched: whether it still
/// does, nobody knows.
pub(super) async fn find_silent(state: &Arc<AppState>, limit: Duration) {
    if !state.may_act() {
        return;
    }
    let silent = state.pool.read(|db| silent(state, db, limit)).await.unwrap_or_default();
    if silent.is_empty() {
        return;
    }
    tracing::warn!(hosts = silent.len(), "hosts do not report any more");
    let written = state
        .pool
        .write(move |tx| {
            silent.into_iter().try_for_each(|metrics| {
                tx.update(metrics, |row: &mut HostMetrics| {
                    row.live = false;
                    row.last_updated = now();
                })
            })
        })
        .await;
    if let Err(error) = written {
        tracing::warn!(%error, "a silent host could not be written down");
    }
}

fn silent(state: &AppState, db: &Image, limit: Duration) -> Vec<Ref<HostMetrics>> {
    db.iter::<Host>()
        .filter(|(host, _)| host::is_live(db, *host))
        .filter(|(host, _)| *host != state.this_host())
        .filter(|(host, _)| state.reports.is_silent(Uuid::from_u128(host.id().0), limit))
        .map(|(_, row)| row.metrics)
        .collect()
}
