//! Operations on the pool.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{ApiError, Host, Ref, Sr, Value, codes};
use haven_pooldb::{Image, Tx};

use super::{membership, placement};
use crate::dispatch::Call;
use crate::ha::{Ha, arm, disarm, rekey};
use crate::tasks::Plan;

/// `pool.eject(host)`.
pub async fn eject(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    call.read(|db| membership::ejectable(db, host)).await?;
    let state = call.state.clone();
    let plan = Plan::new("eject").exclusive(host).step("wait for the guards", 9).step("eject", 1);
    call.run(plan.cancellable(), move |mut op| async move {
        op.step().await?;
        membership::eject(&state, host, &mut op).await?;
        Ok(Value::void())
    })
    .await
}

/// `host.destroy(host)`: forgets a host that does not answer and will not come back.
pub async fn forget_host(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    call.read(|db| {
        if super::host::is_live(db, host) {
            return Err(ApiError::with(codes::HOST_IS_LIVE, &[&host]));
        }
        membership::ejectable(db, host)
    })
    .await?;
    let state = call.state.clone();
    let plan = Plan::new("destroy").step("wait for the guards", 9).step("forget", 1);
    call.run(plan.cancellable(), move |mut op| async move {
        op.step().await?;
        // The other guards forget the host when it is no member of the pool any more.
        let ha = state.ha.get().filter(|_| state.authority.armed().is_some());
        let _lost = match ha {
            Some(ha) => Some(ha.lost(host, &op).await?),
            None => None,
        };
        op.step().await?;
        let judge = move |tx: &mut Tx<'_>| membership::ejectable(tx, host);
        membership::forget_if(&state, host, judge).await?;
        Ok(Value::void())
    })
    .await
}

/// `host.declare_dead(host)`: an administrator vouches that a silent host does not run and will
/// not run its VMs any more; only then may they start elsewhere while high availability is off.
/// While it is on the guard weighs that word: a host that was put out just now still runs.
pub async fn declare_dead(call: Arc<Call>) -> Result<Value, ApiError> {
    let dead: Ref<Host> = call.arg(0)?;
    let judge = move |db: &Image| {
        db.require(dead)?;
        match super::host::is_live(db, dead) {
            true => Err(ApiError::with(codes::HOST_IS_LIVE, &[&dead])),
            false => Ok(()),
        }
    };
    call.read(judge).await?;
    if call.state.authority.armed().is_some() {
        ha(&call)?.vouch(dead).await?;
    }
    let state = call.state.clone();
    call.write(move |tx| {
        judge(tx)?;
        // It may have come back while its former life was judged.
        if state.authority.armed().is_some() && state.is_member(dead) {
            return Err(ApiError::with(codes::HOST_IS_LIVE, &[&dead]));
        }
        placement::release(tx, dead)
    })
    .await?;
    call.state.reports.declare_off(super::host::id(dead).0);
    Ok(Value::void())
}

fn ha(call: &Call) -> Result<Ha, ApiError> {
    let ha = call.state.ha.get().cloned();
    ha.ok_or_else(|| ApiError::with(codes::HA_NOT_INSTALLED, &[&call.state.this_host()]))
}

/// `pool.enable_ha(heartbeat_srs, configuration)`.
pub async fn enable_ha(call: Arc<Call>) -> Result<Value, ApiError> {
    let (srs, config): (Vec<Ref<Sr>>, BTreeMap<String, String>) = (call.arg(0)?, call.arg(1)?);
    let ha = ha(&call)?;
    // Not a task of the task machine: its journal would be written while the database moves.
    // Arming rolls itself back, and goes on when its client hangs up.
    let work = tokio::spawn(async move { arm::enable(&ha, srs, config).await });
    work.await.map_err(ApiError::internal)??;
    Ok(Value::void())
}

/// `pool.disable_ha()`.
pub async fn disable_ha(call: Arc<Call>) -> Result<Value, ApiError> {
    let ha = ha(&call)?;
    let work = tokio::spawn(async move { disarm::disable(&ha).await });
    work.await.map_err(ApiError::internal)??;
    Ok(Value::void())
}

/// `pool.rotate_secret()`: another key for the heartbeats, while they go on. It belongs to the arming:
/// without one there is nothing to change.
pub async fn rotate_secret(call: Arc<Call>) -> Result<Value, ApiError> {
    let ha = ha(&call)?;
    if call.state.authority.armed().is_none() {
        return Err(ApiError::with(codes::HA_NOT_ENABLED, &[]));
    }
    let plan = Plan::new("rotate_secret").step("all hosts accept the new key", 1);
    let plan = plan.step("all hosts send with it", 1).step("all hosts drop the old one", 1);
    call.run(plan, move |op| async move { rekey::rotate(&ha, op).await }).await
}

/// `pool.sync_database()`: copies are pushed after each change anyway; now at once.
pub async fn sync_database(call: Arc<Call>) -> Result<Value, ApiError> {
    crate::replicate::push(&call.state).await?;
    Ok(Value::void())
}

/// `pool.get_license_state(pool)`.
pub async fn get_license_state(_call: Arc<Call>) -> Result<Value, ApiError> {
    let pairs = [("edition", "free"), ("expiry", "never")];
    Ok(Value::Map(pairs.map(|(key, value)| (key.to_owned(), Value::from(value))).into()))
}
