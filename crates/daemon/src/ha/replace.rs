//! Other statefiles for a pool that is armed: one of them, or all, are lost for good.
//!
//! Owns: that a blank statefile is never taken for anything. Nothing of the old arming is carried
//! over: it ends everywhere, by a decided epoch while a majority of the statefiles answers, else by
//! each host that is on; then the pool is armed anew under another generation. Machines run on, and
//! nothing is restarted in between.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use haven_cluster::ids::HostId;
use haven_model::{ApiError, Pool, Ref, Sr, codes};
use haven_pooldb::Image;
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use super::takeover::Ha;
use super::{arm, disarm, pool_check, stock};
use crate::copies;
use crate::ops::rows;
use crate::peer_net::{Caller, forward_request};
use haven_failover::Held;

/// A statefile that was not written for so long is lost, in milliseconds.
const GOOD_MS: u64 = 5_000;
/// Longest wait for a host to be disarmed: its database may have to come home.
const DISARM_MAX: Duration = Duration::from_secs(30);
/// Longest wait until the pool says that it is off.
const OFF_MAX: Duration = Duration::from_secs(30);
/// Longest wait until hosts that have just started attached their repositories again.
const ATTACH_MAX: Duration = Duration::from_secs(30);
/// Between two attempts to arm.
const ATTACH_EVERY: Duration = Duration::from_millis(500);
/// Largest answer of a host.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Arms the pool anew with statefiles on `srs` (the default one if there are none); `off` are hosts
/// whose power is off. May be said again when it ended in the middle.
///
/// # Errors
/// The pool is not armed, this host does not coordinate it, a host neither answers nor is said to be
/// off, or it cannot be armed with these repositories: it stays armed as it was while a majority of
/// the statefiles answers, and off otherwise.
pub async fn replace(ha: &Ha, srs: Vec<Ref<Sr>>, off: &[Uuid]) -> Result<(), ApiError> {
    // Where the volume of the database is lost as well it is in memory, and is open nowhere.
    if ha.held().await == Held::Nothing {
        return Err(ha.state.not_coordinator());
    }
    let (enabled, config) = ha.state.pool.read(present).await??;
    if !enabled && stock::arm_config(ha).is_none() {
        return Err(ApiError::with(codes::HA_NOT_ENABLED, &[]));
    }
    match majority(ha) {
        true => {
            // What is in the way is said while nothing has changed. Without a majority the rows
            // cannot be trusted, nor mended, before the database is home.
            let (asked, wanted) = (srs.clone(), config.clone());
            let check = move |db: &Image| {
                pool_check::check_anew(db, &asked)?;
                pool_check::wishes(db, &wanted).map(|_| ())
            };
            ha.state.pool.read(check).await??;
            disarm::disable(ha).await?;
        }
        false => everybody(ha, off).await?,
    }
    wait_off(ha).await?;
    arm_again(ha, &srs, &config).await
}

/// Arms the pool; a host that has just started is given time to attach its repositories, or the
/// pool would stay unprotected for that.
async fn arm_again(ha: &Ha, srs: &[Ref<Sr>], config: &Config) -> Result<(), ApiError> {
    let begun = tokio::time::Instant::now();
    loop {
        let error = match arm::enable(ha, srs.to_vec(), config.clone()).await {
            Err(error) if error.code == codes::HA_HOST_CANNOT_ACCESS_STATEFILE => error,
            ended => return ended,
        };
        if begun.elapsed() > ATTACH_MAX {
            return Err(error);
        }
        tracing::warn!(%error, "high availability is turned on again as soon as it can be");
        tokio::time::sleep(ATTACH_EVERY).await;
    }
}

type Config = std::collections::BTreeMap<String, String>;

fn present(db: &Image) -> Result<(bool, Config), ApiError> {
    let (_, pool): (_, &Pool) = rows::pool(db)?;
    Ok((pool.ha_enabled, pool.ha_configuration.clone()))
}

/// A majority of the statefiles answers: a last epoch can be decided.
fn majority(ha: &Ha) -> bool {
    let Some(state) = ha.link.state() else { return false };
    let good = state.statefiles.iter().filter(|file| file.good_ms.is_some_and(|ms| ms <= GOOD_MS));
    good.count() * 2 > state.statefiles.len() || state.statefiles.is_empty()
}

/// No epoch can be decided any more: every host leaves by itself, this one last. Before anybody is
/// asked it is certain that all can be: whoever stayed armed might start what runs elsewhere.
async fn everybody(ha: &Ha, off: &[Uuid]) -> Result<(), ApiError> {
    let standings = copies::ask_all(&ha.state).await;
    for standing in &standings {
        let said = off.contains(&standing.host.0);
        if standing.about.is_some() && said {
            let text = format!("host {} is on: it answers", standing.name);
            return Err(ApiError::not_allowed(text));
        }
        if standing.about.is_none() && !said {
            let host = Ref::<haven_model::Host>::from_uuid(standing.host.0);
            return Err(ApiError::with(codes::HOST_OFFLINE, &[&host]));
        }
    }
    let me = ha.state.identity.host();
    let others = standings.iter().filter(|s| s.about.is_some() && s.host != me);
    for standing in others {
        let left = timeout(DISARM_MAX, disarm_there(ha, standing.host)).await;
        if !matches!(left, Ok(Some(()))) {
            let text = format!(
                "host {} was not disarmed, others may be: say the same again, or `haven ha \
                 emergency-disarm` there",
                standing.name
            );
            return Err(ApiError::not_allowed(text));
        }
    }
    match disarm::emergency(ha).await {
        Err(error) if error.code != codes::HA_NOT_ENABLED => Err(error),
        _ => Ok(()),
    }
}

async fn disarm_there(ha: &Ha, host: HostId) -> Option<()> {
    let path = "/haven/ha/emergency-disarm";
    let mut request = Request::post(path).body(Body::from(json!({}).to_string())).ok()?;
    request.extensions_mut().insert(Caller::LocalRoot);
    let response = forward_request(&ha.state.dialer, host, request).await.ok()?;
    let good = response.status().is_success();
    let bytes = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.ok()?;
    // One that was disarmed before is disarmed.
    let text = String::from_utf8_lossy(&bytes);
    (good || text.contains(codes::HA_NOT_ENABLED)).then_some(())
}

/// The database is home and says that high availability is off.
async fn wait_off(ha: &Ha) -> Result<(), ApiError> {
    let off = async {
        loop {
            let home = stock::arm_config(ha).is_none() && ha.state.pool.is_open();
            if home && matches!(ha.state.pool.read(present).await, Ok(Ok((false, _)))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(OFF_MAX, off).await.map_err(|_| ApiError::with(codes::HA_DISABLE_IN_PROGRESS, &[]))
}
