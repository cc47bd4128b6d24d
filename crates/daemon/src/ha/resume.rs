//! What is looked after while the pool is armed: that the guards know who is in it (see
//! [`super::reshape`]), and a pool that was armed by halves, as its coordinator's daemon ended in
//! the middle.
//!
//! What becomes of the latter says [`haven_failover::arming::Looks`].

use std::time::Duration;

use haven_cluster::ids::HostId;
use haven_failover::arming::{Half, Looks};
use haven_model::ApiError;
use tokio_util::sync::CancellationToken;

use super::takeover::Ha;
use super::tell::Told;
use super::{arm, disarm, rekey, reshape, stock};
use crate::agent::permit::PermitGate;
use crate::ops::rows;

/// How often is looked.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Looks until `stop`.
pub(super) async fn run(ha: Ha, stop: CancellationToken) {
    let mut looks = Looks::default();
    let (mut told, mut keys) = (Told::default(), rekey::Known::default());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        let Some(config) = stock::arm_config(&ha) else { continue };
        // Whoever arms or disarms now looks after it himself.
        let Ok(changing) = ha.changing.try_lock() else { continue };
        let state = ha.link.state();
        let me = ha.state.identity.host();
        let acts = ha.link.armed().is_some_and(|view| view.may_act) && ha.state.may_act();
        let recorded = match acts {
            true => recorded(&ha).await,
            false => true,
        };
        let half = looks.half_armed(state.as_deref(), (&config, me), acts, recorded);
        if half == Half::ArmOthers {
            tracing::warn!("the pool was armed by halves; arming the others too");
            let others: Vec<HostId> =
                arm::hosts(&config).into_iter().filter(|host| *host != me).collect();
            for (host, answer) in arm::arm_others(&ha, &config, &others).await {
                if let Err(error) = answer {
                    tracing::warn!(host = %host.0, %error, "a host cannot be armed yet");
                }
            }
        }
        if let Err(error) = reshape::look(&ha, &mut told).await {
            tracing::warn!(%error, "the guards are not what the pool is; it is tried again");
        }
        if let Err(error) = rekey::look(&ha, &mut keys).await {
            tracing::warn!(%error, "the guards' keys are not known; it is tried again");
        }
        drop(changing);
        if half == Half::Disarm
            && let Err(error) = end_half(&ha).await
        {
            tracing::error!(%error, "the half-armed pool could not be disarmed yet");
        }
    }
}

/// The database says that the pool is armed, or cannot be read.
async fn recorded(ha: &Ha) -> bool {
    let on = ha.state.pool.read(|db| rows::pool(db).map(|(_, pool)| pool.ha_enabled)).await;
    on.and_then(|on| on).unwrap_or(true)
}

async fn end_half(ha: &Ha) -> Result<(), ApiError> {
    tracing::warn!("high availability was never turned on completely; turning it off");
    disarm::disable(ha).await
}
