//! What is looked after while the pool is armed: that the guards know who is in it (see
//! [`super::reshape`]), and a pool that was armed by halves, as its coordinator's daemon ended in
//! the middle.
//!
//! Of the latter nobody knows how far it came, so the way is forward, to an epoch that can be ended: the guards
//! that are missing are armed, and whoever coordinates a pool whose record says "off" disarms it.

use std::time::Duration;

use haven_cluster::control::{ArmConfig, GuardPhase, GuardState};
use haven_cluster::ids::{EpochNumber, HostId};
use haven_model::ApiError;
use tokio_util::sync::CancellationToken;

use super::takeover::Ha;
use super::tell::Told;
use super::{arm, disarm, reshape, stock};
use crate::agent::permit::PermitGate;
use crate::ops::rows;

/// How often is looked.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Looks at which nothing was decided yet, until the others are told again: they may only be slow.
const PATIENCE_LOOKS: u32 = 3;

/// Looks until `stop`.
pub(super) async fn run(ha: Ha, stop: CancellationToken) {
    let mut unfounded = 0;
    let mut told = Told::default();
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
        unfounded = match is_unfounded(state.as_deref(), &config, me) {
            true => unfounded + 1,
            false => 0,
        };
        if unfounded >= PATIENCE_LOOKS {
            tracing::warn!("the pool was armed by halves; arming the others too");
            for (host, answer) in arm::arm_others(&ha, &config).await {
                if let Err(error) = answer {
                    tracing::warn!(host = %host.0, %error, "a host cannot be armed yet");
                }
            }
        }
        if let Err(error) = reshape::look(&ha, &mut told).await {
            tracing::warn!(%error, "the guards are not what the pool is; it is tried again");
        }
        drop(changing);
        if let Err(error) = end_half(&ha).await {
            tracing::error!(%error, "the half-armed pool could not be disarmed yet");
        }
    }
}

/// This host began to arm the pool, its guard reads the statefile, and no epoch was decided since.
fn is_unfounded(state: Option<&GuardState>, config: &ArmConfig, me: HostId) -> bool {
    let genesis = state.is_some_and(|state| {
        matches!(state.phase, GuardPhase::Joining(_))
            && state.epoch.as_ref().is_some_and(|epoch| epoch.number == EpochNumber(0))
    });
    genesis && config.first_coordinator == me
}

/// A pool that is armed though its record says "off" was never armed completely: nobody knows in
/// which lives its VMs run.
async fn end_half(ha: &Ha) -> Result<(), ApiError> {
    let acts = ha.link.armed().is_some_and(|view| view.may_act);
    if !acts || !ha.state.may_act() {
        return Ok(());
    }
    if ha.state.pool.read(|db| rows::pool(db).map(|(_, pool)| pool.ha_enabled)).await?? {
        return Ok(());
    }
    tracing::warn!("high availability was never turned on completely; turning it off");
    disarm::disable(ha).await
}

#[cfg(test)]
mod tests {
    use haven_cluster::control::EpochView;
    use haven_cluster::ids::{Incarnation, Life};
    use uuid::Uuid;

    use super::*;
    use crate::ha::pool_check::tests_config;

    fn state(phase: GuardPhase, number: u64) -> GuardState {
        let coordinator = Life { host: HostId(Uuid::from_u128(1)), incarnation: Incarnation(0) };
        GuardState {
            sequence: 1,
            phase,
            epoch: Some(EpochView {
                generation: Uuid::nil(),
                number: EpochNumber(number),
                members: Vec::new(),
                coordinator,
                q: 2,
                area_live: 0,
                area_owner: None,
                area_next: None,
                armed: true,
                places: None,
            }),
            ..GuardState::idle()
        }
    }

    #[test]
    fn only_the_host_that_began_goes_on_and_only_before_an_epoch() {
        let me = HostId(Uuid::from_u128(1));
        let config = tests_config(me);
        let joining = || GuardPhase::Joining("others".to_owned());
        assert!(is_unfounded(Some(&state(joining(), 0)), &config, me));
        assert!(!is_unfounded(Some(&state(joining(), 1)), &config, me));
        assert!(!is_unfounded(Some(&state(GuardPhase::Idle, 0)), &config, me));
        assert!(!is_unfounded(None, &config, me));
        let other = HostId(Uuid::from_u128(2));
        assert!(!is_unfounded(Some(&state(joining(), 0)), &config, other));
    }
}
