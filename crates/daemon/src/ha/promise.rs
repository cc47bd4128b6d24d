//! Alerts about `pool.ha_plan_exists_for`: how many host failures the pool survives as it is.

use haven_model::{ApiError, MessageClass, alerts};
use haven_pooldb::Image;

use super::takeover::Ha;
use crate::ops::{message, pool_ha, rows};

/// Brings the pool's fields up to date, and says so when the promise is broken.
pub(super) async fn refresh(ha: &Ha) -> Result<(), ApiError> {
    let (before, was_over, _) = ha.state.pool.read(fields).await??;
    pool_ha::refresh_plan(&ha.state).await?;
    let (exists, over, uuid) = ha.state.pool.read(fields).await??;
    let about = || (MessageClass::Pool, uuid.clone());
    if exists < before {
        let body = format!("The pool tolerates {exists} host failures now; it was {before}.");
        message::raise(&ha.state, alerts::HA_POOL_DROP_IN_PLAN_EXISTS_FOR, about(), body).await;
    }
    if over && !was_over {
        let body = "Not all protected VMs could be restarted after the number of host failures \
                    that is to be tolerated."
            .to_owned();
        message::raise(&ha.state, alerts::HA_POOL_OVERCOMMITTED, about(), body).await;
    }
    Ok(())
}

fn fields(db: &Image) -> Result<(i64, bool, String), ApiError> {
    let (_, pool) = rows::pool(db)?;
    Ok((pool.ha_plan_exists_for, pool.ha_overcommitted, pool.uuid.clone()))
}
