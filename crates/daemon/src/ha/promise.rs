//! Alerts about `pool.ha_plan_exists_for`: how many host failures the pool survives as it is.
//!
//! Raised once when the promise is broken, and taken back once when it holds again.

use haven_model::{ApiError, Message, MessageClass, Ref, alerts};
use haven_planner as planner;
use haven_pooldb::{Image, Tx};
use serde_json::json;

use super::takeover::Ha;
use crate::ops::{message, pool_ha, rows, view};

/// What the promise was computed from: it changes far less often than the database does.
#[derive(Debug, Default)]
pub(super) struct Basis(Option<(planner::Pool, i64, bool)>);

fn basis(db: &Image) -> Result<(planner::Pool, i64, bool), ApiError> {
    let (_, row) = rows::pool(db)?;
    Ok((view::pool(db), row.ha_host_failures_to_tolerate, row.ha_enabled))
}

/// Brings the pool's fields up to date, and says so when the promise is broken or kept again.
pub(super) async fn refresh(ha: &Ha, last: &mut Basis) -> Result<(), ApiError> {
    let now = ha.state.pool.read(basis).await??;
    if last.0.as_ref() == Some(&now) {
        return Ok(());
    }
    let (before, was_over, _) = ha.state.pool.read(fields).await??;
    let Some(standing) = pool_ha::refresh_plan(&ha.state).await? else { return Ok(()) };
    last.0 = Some(now);
    let (exists, over, uuid) = ha.state.pool.read(fields).await??;
    let about = || (MessageClass::Pool, uuid.clone());
    if exists < before {
        let text = format!("It was {before} before. {}", standing.text);
        let body = message::body(&text, &json!({ "before": before, "now": exists }));
        message::raise(&ha.state, alerts::HA_POOL_DROP_IN_PLAN_EXISTS_FOR, about(), body).await;
    }
    if over && !was_over {
        let text = &standing.text;
        let text = format!("Fewer host failures are tolerated than there should be. {text}");
        let body = message::body(&text, &json!({ "now": exists }));
        message::raise(&ha.state, alerts::HA_POOL_OVERCOMMITTED, about(), body).await;
    }
    if was_over && !over {
        tracing::info!(exists, "the pool keeps its promise again");
        ha.state.pool.write(move |tx| clear(tx, &uuid)).await?;
    }
    Ok(())
}

/// Takes back what was said about a promise that holds again (scenario 77).
fn clear(tx: &mut Tx<'_>, pool: &str) -> Result<(), ApiError> {
    let names = [alerts::HA_POOL_DROP_IN_PLAN_EXISTS_FOR.name, alerts::HA_POOL_OVERCOMMITTED.name];
    let said: Vec<Ref<Message>> = tx
        .iter::<Message>()
        .filter(|(_, row)| row.obj_uuid == pool && names.contains(&row.name.as_str()))
        .map(|(message, _)| message)
        .collect();
    said.into_iter().try_for_each(|message| tx.remove(message))
}

fn fields(db: &Image) -> Result<(i64, bool, String), ApiError> {
    let (_, pool) = rows::pool(db)?;
    Ok((pool.ha_plan_exists_for, pool.ha_overcommitted, pool.uuid.clone()))
}
