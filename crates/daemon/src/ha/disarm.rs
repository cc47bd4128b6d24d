//! Disarming the pool, and the steps of taking back an arming that failed.
//!
//! Owns: that a membership which may have been founded ends by a decided epoch, never by a guess.

use std::sync::atomic::Ordering;
use std::time::Duration;

use haven_cluster::control::{ArmConfig, GuardCommand, GuardPhase};
use haven_cluster::ids::HostId;
use haven_model::{ApiError, codes};
use haven_pooldb::Tx;
use tokio::time::timeout;

use super::stock;
use super::takeover::{self, Ha};
use crate::agent::permit::PermitGate;
use crate::ops::rows;
use crate::orders::{Order, OrderResult};

/// Longest wait for the guards to leave, once they may.
const LEAVE_WAIT: Duration = Duration::from_secs(30);
/// Longest wait for the database to come home in an emergency.
const EMERGENCY_WAIT: Duration = Duration::from_secs(10);
/// How often a coordinator that waits for its right to act looks.
const ACT_LOOK: Duration = Duration::from_millis(100);

/// Disarms the pool: `pool.disable_ha`.
///
/// # Errors
/// It is not armed, or the last epoch could not be decided; then it stays armed.
pub async fn disable(ha: &Ha) -> Result<(), ApiError> {
    let _changing = ha.change(codes::HA_DISABLE_IN_PROGRESS).await?;
    if ha.link.armed().is_none() {
        return Err(ApiError::with(codes::HA_NOT_ENABLED, &[]));
    }
    ha.state.check_may_act()?;
    decided(ha).await
}

/// Writes that high availability is off, where a copy of an armed pool's database says that it is on.
///
/// # Errors
/// The database refuses.
pub(crate) fn off_if_on(tx: &mut Tx<'_>) -> Result<(), ApiError> {
    match rows::pool(tx)?.1.ha_enabled {
        true => takeover::off(tx),
        false => Ok(()),
    }
}

/// Has the last epoch decided. The caller holds the lock on changing.
pub(super) async fn decided(ha: &Ha) -> Result<(), ApiError> {
    let me = ha.state.identity.host();
    // From now on the coordinator is who `host.json` names: that must be this host, everywhere.
    stock::name_coordinator(ha, me).await;
    ha.leaving.store(true, Ordering::SeqCst);
    let left = leave(ha, me).await;
    ha.leaving.store(false, Ordering::SeqCst);
    if let Err(error) = left {
        tracing::error!(%error, "the pool stays armed");
        return Err(error);
    }
    ha.state.pool.write(takeover::off).await?;
    stock::wait_unbound(ha, me).await;
    tracing::info!("high availability is off");
    Ok(())
}

/// Ends the membership of this host alone, whatever the others do: `host.emergency_ha_disable`.
/// For statefiles that are lost for good; the caller answers for it that every host is disarmed
/// like this one, or off. The database goes home if this host coordinated the pool.
///
/// # Errors
/// High availability is off here, or the guard does not answer.
pub async fn emergency(ha: &Ha) -> Result<(), ApiError> {
    let Some(config) = stock::arm_config(ha) else {
        return Err(ApiError::with(codes::HA_NOT_ENABLED, &[]));
    };
    tracing::warn!(generation = %config.generation, "this host is disarmed in an emergency");
    stock::give_up(ha, config.generation)?;
    let _resting = ha.link.rest();
    let left = ha.link.request(GuardCommand::EmergencyDisarm).await;
    left.map_err(|refusal| ApiError::from_wire(&refusal.code, vec![refusal.text]))?;
    // A database that is open here goes home from memory; without it the local copy has to do.
    let home = timeout(EMERGENCY_WAIT, async {
        while stock::arm_config(ha).is_some() {
            tokio::time::sleep(ACT_LOOK).await;
        }
    });
    if home.await.is_err() {
        tracing::error!("the metadata volume cannot be read: promote a host by hand");
        stock::forget_arm_only(ha)?;
    }
    Ok(())
}

/// The database goes home, then the last epoch ends the membership of all.
async fn leave(ha: &Ha, me: HostId) -> Result<(), ApiError> {
    let database = takeover::pack(ha).await?;
    // The guard stays for as long as a member may not have read the last record.
    let lingers = stock::arm_config(ha).map_or(0, |arm| arm.timing.t_lease_ms);
    let lingers = Duration::from_millis(u64::from(lingers));
    // Not by an order: `host.json` says "armed" until the database is known to be home.
    let left = match ha.link.request(GuardCommand::Disarm).await {
        Ok(()) => wait_idle(ha, lingers).await,
        Err(refusal) => Err(ApiError::from_wire(&refusal.code, vec![refusal.text])),
    };
    match left {
        Ok(()) => takeover::unpack(ha, database).await,
        Err(_) => takeover::discard(ha, database).await?,
    }
    tracing::debug!(host = %me.0, ok = left.is_ok(), "the last epoch was asked for");
    left
}

async fn wait_idle(ha: &Ha, lingers: Duration) -> Result<(), ApiError> {
    let mut states = ha.link.watch();
    let idle = states
        .wait_for(|state| state.as_ref().is_some_and(|state| state.phase == GuardPhase::Idle));
    match timeout(lingers + LEAVE_WAIT, idle).await {
        Ok(Ok(_)) => stock::forget_arm(ha),
        Ok(Err(_)) | Err(_) => Err(ApiError::with(codes::HA_DISABLE_IN_PROGRESS, &[])),
    }
}

/// Tells guards that may be armed to leave a membership of which no epoch was decided.
pub(super) async fn ask_to_leave(ha: &Ha, touched: &[HostId]) -> Vec<(HostId, OrderResult)> {
    let order = |_| Order::Guard(Box::new(GuardCommand::EmergencyDisarm));
    let answers = stock::ask_unarmed(ha, touched, order).await;
    for (host, answer) in &answers {
        if let Err(error) = answer {
            tracing::error!(host = %host.0, %error, "this host may still be armed");
        }
    }
    answers
}

/// This host's guard has left without an epoch, and the database is open where it was.
pub(super) async fn own_end(ha: &Ha) -> Result<(), ApiError> {
    let left = ha.link.request(GuardCommand::EmergencyDisarm).await;
    left.map_err(|refusal| ApiError::from_wire(&refusal.code, vec![refusal.text]))?;
    stock::forget_arm(ha)?;
    takeover::unstage(ha).await
}

/// This host coordinates the epoch that was decided, and may act.
pub(super) async fn wait_acting(ha: &Ha, arm: &ArmConfig) -> Result<(), ApiError> {
    let wait = Duration::from_millis(u64::from(arm.timing.t_lease_ms)) + LEAVE_WAIT;
    let acts = async {
        while !ha.state.may_act() {
            tokio::time::sleep(ACT_LOOK).await;
        }
    };
    timeout(wait, acts).await.map_err(|_| ha.state.not_coordinator())
}
