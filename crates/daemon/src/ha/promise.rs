//! Alerts about `pool.ha_plan_exists_for`: how many host failures the pool survives as it is.
//!
//! Raised once when the promise is broken, and taken back once when it holds again.

use std::sync::Arc;

use haven_model::{ApiError, Message, MessageClass, Ref, alerts};
use haven_planner as planner;
use haven_pooldb::{Image, Tx};
use serde_json::{Value as Json, json};

use super::takeover::Ha;
use crate::ops::{message, pool_ha, rows, told, view};

/// What the promise was computed from: it changes far less often than the database does.
#[derive(Debug, Default)]
pub(super) struct Basis(Option<(planner::Pool, i64, bool)>);

/// What is so now, if it is not what is known.
fn basis(db: &Image, known: &Basis) -> Result<Basis, ApiError> {
    let (_, row) = rows::pool(db)?;
    let (goal, enabled) = (row.ha_host_failures_to_tolerate, row.ha_enabled);
    let now = view::current(db);
    let now = if now.movers().is_empty() { now } else { Arc::new(pool_ha::counted(db)) };
    let same = known.0.as_ref().is_some_and(|(pool, known_goal, known_enabled)| {
        *pool == *now && *known_goal == goal && *known_enabled == enabled
    });
    // A copy: the shared view is changed in place, unless somebody holds it.
    Ok(Basis((!same).then(|| (planner::Pool::clone(&now), goal, enabled))))
}

/// Brings the pool's fields up to date, and says so when the promise is broken or kept again.
pub(super) async fn refresh(ha: &Ha, last: &mut Basis) -> Result<(), ApiError> {
    let now = ha.state.pool.read(|db| basis(db, last)).await??;
    if now.0.is_none() {
        return Ok(());
    }
    let (before, was_over, _) = ha.state.pool.read(fields).await??;
    let Some(standing) = pool_ha::refresh_plan(&ha.state).await? else { return Ok(()) };
    *last = now;
    let (exists, over, uuid) = ha.state.pool.read(fields).await??;
    let about = || (MessageClass::Pool, uuid.clone());
    if exists < before {
        let text = format!("It was {before} before. {}", standing.found);
        let body = message::body(&text, &data(&standing.found, before, exists));
        message::raise(&ha.state, alerts::HA_POOL_DROP_IN_PLAN_EXISTS_FOR, about(), body).await;
    }
    if over && !was_over {
        let found = &standing.found;
        let text = format!("Fewer host failures are tolerated than there should be. {found}");
        let body = message::body(&text, &data(found, before, exists));
        message::raise(&ha.state, alerts::HA_POOL_OVERCOMMITTED, about(), body).await;
    }
    if was_over && !over {
        tracing::info!(exists, "the pool keeps its promise again");
        ha.state.pool.write(move |tx| clear(tx, &uuid)).await?;
    }
    Ok(())
}

/// How many failures there is a plan for, and the constraint that binds, with its sentences.
fn data(found: &planner::Tolerance, before: i64, now: i64) -> Json {
    let numbers = json!({ "before": before, "now": now, "tolerance": found });
    told::data(&numbers, found)
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
