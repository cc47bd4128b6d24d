//! A host goes down in order, or restarts.
//!
//! Owns: that nothing runs there any more, that the coordinator's role has left it, and that a
//! host which was sent away is neither mourned nor left disabled when it is back.

use std::sync::Arc;
use std::time::Duration;

use haven_model::{ApiError, Host, Ref, Value, codes};
use haven_pooldb::{Image, Tx};

use super::host;
use crate::dispatch::Call;
use crate::ha::{Ha, calls};
use crate::orders::Order;
use crate::state::AppState;
use crate::tasks::Plan;

/// Key of `host.other_config` of a host that was sent away: it is enabled when it is back.
const AWAY_KEY: &str = "haven_away";
/// Longest wait for another coordinator.
const HAND_OVER_MAX: Duration = Duration::from_secs(60);
/// How often is looked for one.
const LOOK: Duration = Duration::from_millis(100);

/// `host.shutdown(host)`.
pub async fn shutdown(call: Arc<Call>) -> Result<Value, ApiError> {
    power(call, false).await
}

/// `host.reboot(host)`.
pub async fn reboot(call: Arc<Call>) -> Result<Value, ApiError> {
    power(call, true).await
}

async fn power(call: Arc<Call>, reboot: bool) -> Result<Value, ApiError> {
    let target: Ref<Host> = call.arg(0)?;
    let state = call.state.clone();
    call.read(|db| check(db, &state, target)).await?;
    if target == state.this_host() && state.authority.armed().is_some() {
        // Not a task: its journal goes to the next coordinator with the database.
        call.write(move |tx| mark(tx, target, true)).await?;
        let gone = tokio::spawn(async move { leave_office(&state, reboot).await });
        gone.await.map_err(ApiError::internal)??;
        return Ok(Value::void());
    }
    let name = if reboot { "reboot" } else { "shutdown" };
    let plan = Plan::new(name).exclusive(target).step(name, 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        state.pool.read(|db| check(db, &state, target)).await??;
        state.pool.write(move |tx| mark(tx, target, true)).await?;
        let sent = state.orders.send(host::id(target), Order::GoDown { restart: reboot }).await;
        if let Err(error) = sent {
            state.pool.write(move |tx| mark(tx, target, false)).await?;
            return Err(super::errors::order(target, error));
        }
        Ok(Value::void())
    })
    .await
}

/// It is disabled, so that nothing starts there, and empty. One that is not armed yet never counts as live;
/// whether it answers is seen when it is told. One that was sent away went.
fn check(db: &Image, state: &AppState, target: Ref<Host>) -> Result<(), ApiError> {
    let row = db.require(target)?;
    if row.enabled {
        return Err(ApiError::new(codes::HOST_NOT_DISABLED, Vec::new()));
    }
    if !host::is_live(db, target) && (state.is_member(target) || is_away(db, target)) {
        return Err(ApiError::with(codes::HOST_OFFLINE, &[&target]));
    }
    let runs = |vm: &&Ref<haven_model::Vm>| db.get(**vm).is_some_and(|row| !row.is_control_domain);
    match row.resident_vms.iter().find(runs) {
        Some(vm) => Err(ApiError::with(codes::HOST_IN_USE, &[&target, &"VM", vm])),
        None => Ok(()),
    }
}

fn mark(tx: &mut Tx<'_>, target: Ref<Host>, away: bool) -> Result<(), ApiError> {
    tx.update(target, |row: &mut Host| {
        if away {
            row.other_config.insert(AWAY_KEY.to_owned(), "true".to_owned());
        } else {
            row.other_config.remove(AWAY_KEY);
        }
    })
}

/// Whether somebody sent the host away.
#[must_use]
pub fn is_away(db: &Image, host: Ref<Host>) -> bool {
    db.get(host).is_some_and(|row| row.other_config.contains_key(AWAY_KEY))
}

/// A host that was sent away is back: it takes VMs again.
///
/// # Errors
/// The host is gone.
pub fn returned(tx: &mut Tx<'_>, host: Ref<Host>) -> Result<(), ApiError> {
    if !is_away(tx, host) {
        return Ok(());
    }
    mark(tx, host, false)?;
    tx.update(host, |row: &mut Host| row.enabled = true)
}

/// The coordinator itself goes: the role first, with the database.
async fn leave_office(state: &Arc<AppState>, reboot: bool) -> Result<(), ApiError> {
    let me = state.this_host();
    let ha = state.ha.get().ok_or_else(|| ApiError::with(codes::HA_NOT_INSTALLED, &[&me]))?;
    let heirs = state.pool.read(|db| heirs(db, me)).await?;
    let heir = heirs.into_iter().find(|heir| state.is_member(*heir));
    let heir = heir.ok_or_else(|| ApiError::new(codes::HA_TOO_FEW_HOSTS, Vec::new()))?;
    calls::hand_over(ha, host::id(heir)).await?;
    if tokio::time::timeout(HAND_OVER_MAX, handed_over(state, ha)).await.is_err() {
        return Err(ApiError::with(codes::HA_ABORT_NEW_MASTER, &[&"it did not take the role"]));
    }
    let gone = state.agent().go_down(reboot).await;
    gone.map_err(|error| super::errors::order(me, error))
}

fn heirs(db: &Image, me: Ref<Host>) -> Vec<Ref<Host>> {
    let live = |host: &Ref<Host>| *host != me && host::is_live(db, *host);
    let mut all: Vec<_> = db.iter::<Host>().filter(|(host, _)| live(host)).collect();
    // One that takes VMs is no candidate for the next shutdown.
    all.sort_by_key(|(host, row)| (!row.enabled, *host));
    all.into_iter().map(|(host, _)| host).collect()
}

/// Another host is coordinator, and this one has let the database go.
async fn handed_over(state: &AppState, ha: &Ha) {
    while state.authority.coordinator() == Some(state.identity.host()) || ha.holds().await {
        tokio::time::sleep(LOOK).await;
    }
}
