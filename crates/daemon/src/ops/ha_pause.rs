//! Protection that pauses: for work that makes hosts come and go, nothing is restarted for a while.
//! Who asked for it and why is kept beside until when, and it ends by itself, with an alarm.

use std::sync::Arc;

use haven_failover::span::Span;
use haven_model::alerts::{self, AlertMeta};
use haven_model::{ApiError, MessageClass, Pool, Value, codes};
use haven_pooldb::{Image, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{message, rows};
use crate::dispatch::Call;
use crate::ha::{left, wall_ms};
use crate::state::AppState;

/// Key of `pool.other_config`: until when nothing is restarted, in milliseconds since 1970.
const UNTIL_KEY: &str = "haven_restarts_prevented_until_ms";
/// Key of `pool.other_config`: who asked for it, and why.
const WHO_KEY: &str = "haven_restarts_prevented_by";
/// Longest time for which restarts can be prevented, in seconds.
const SECONDS_MAX: u64 = 24 * 3600;
/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 200;
/// A pause is over by itself. Less urgent than other alarms: protection is back.
const OVER: AlertMeta = AlertMeta { name: alerts::ALARM.name, priority: 3 };

/// Who asked that nothing is restarted, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    by: String,
    reason: String,
    since_ms: u64,
}

/// `pool.ha_prevent_restarts_for(seconds)`: nothing is restarted for so long; 0 ends it.
pub async fn prevent_restarts_for(call: Arc<Call>) -> Result<Value, ApiError> {
    let seconds: i64 = call.arg(0)?;
    let seconds = checked(u64::try_from(seconds).ok(), &seconds)?;
    let by = call.caller.user().to_owned();
    call.write(move |tx| set(tx, seconds, by, String::new())).await?;
    Ok(Value::void())
}

/// `POST /haven/ha/pause {seconds, reason}`: the same, with a reason. 0 seconds end it.
///
/// # Errors
/// A number or a reason that is out of bounds; high availability is off.
pub async fn pause(state: &Arc<AppState>, user: &str, asked: &Json) -> Result<Json, ApiError> {
    if !state.may_act() {
        return Err(state.not_coordinator());
    }
    let given = asked.get("seconds").cloned().unwrap_or_default();
    let seconds = checked(given.as_u64(), &given)?;
    let reason = asked.get("reason").and_then(Json::as_str).unwrap_or_default().trim().to_owned();
    let long = reason.chars().count();
    if long > REASON_CHARS_MAX {
        let text = format!("{long} characters; {REASON_CHARS_MAX} at most");
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"reason", &text]));
    }
    let by = user.to_owned();
    let change = move |tx: &mut Tx<'_>| {
        if seconds > 0 && !rows::pool(tx)?.1.ha_enabled {
            return Err(ApiError::with(codes::HA_NOT_ENABLED, &[]));
        }
        set(tx, seconds, by, reason)
    };
    state.pool.write(change).await?;
    state.pool.read(|db| Ok(show(db).unwrap_or(Json::Null))).await?
}

fn checked(seconds: Option<u64>, given: &dyn std::fmt::Display) -> Result<u64, ApiError> {
    seconds.filter(|seconds| *seconds <= SECONDS_MAX).ok_or_else(|| {
        let text = format!("{given}; 0 to {SECONDS_MAX} is possible");
        ApiError::with(codes::INVALID_VALUE, &[&"seconds", &text])
    })
}

fn set(tx: &mut Tx<'_>, seconds: u64, by: String, reason: String) -> Result<(), ApiError> {
    let (pool, _) = rows::pool(tx)?;
    let since_ms = wall_ms();
    let until = since_ms.saturating_add(seconds.saturating_mul(1000));
    let asked =
        serde_json::to_string(&Asked { by, reason, since_ms }).map_err(ApiError::internal)?;
    tx.update(pool, |row: &mut Pool| {
        // In the database, so that the next coordinator knows of it too.
        if seconds == 0 {
            row.other_config.remove(UNTIL_KEY);
            row.other_config.remove(WHO_KEY);
        } else {
            row.other_config.insert(UNTIL_KEY.to_owned(), until.to_string());
            row.other_config.insert(WHO_KEY.to_owned(), asked);
        }
    })
}

/// The pause that is written down.
fn span(db: &Image) -> Option<Span> {
    let (_, row) = rows::pool(db).ok()?;
    let until_ms: u64 = row.other_config.get(UNTIL_KEY)?.parse().ok()?;
    // Who wrote it down may have been of an earlier version.
    let earliest = until_ms.saturating_sub(SECONDS_MAX * 1000);
    Some(Span { since_ms: asked(db).since_ms.max(earliest), until_ms })
}

/// Nothing is restarted now. Clocks may be set meanwhile: that neither ends a pause nor prolongs it.
#[must_use]
pub fn is_on(db: &Image) -> bool {
    span(db).is_some_and(|span| !left(span).is_zero())
}

fn asked(db: &Image) -> Asked {
    let row = rows::pool(db).ok().map(|(_, row)| row);
    let text = row.and_then(|row| row.other_config.get(WHO_KEY));
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The pause that is on, for people.
#[must_use]
pub fn show(db: &Image) -> Option<Json> {
    let left = span(db).map(left).filter(|left| !left.is_zero())?;
    let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    let until_ms = wall_ms().saturating_add(left_ms);
    let Asked { by, reason, since_ms } = asked(db);
    Some(json!({ "by": by, "reason": reason, "since_ms": since_ms, "until_ms": until_ms }))
}

/// Ends a pause whose time is over, and says so. Level-triggered: whoever coordinates then does it.
///
/// # Errors
/// The database refuses.
pub async fn end_when_over(state: &Arc<AppState>) -> Result<(), ApiError> {
    let over = |db: &Image| span(db).is_some() && !is_on(db);
    if !state.pool.read(over).await? {
        return Ok(());
    }
    let change = move |tx: &mut Tx<'_>| {
        if !over(tx) {
            return Ok(());
        }
        let Asked { by, reason, .. } = asked(tx);
        set(tx, 0, String::new(), String::new())?;
        let text = "The pause of high availability is over: VMs are restarted again.";
        let data = json!({ "case": "pause_over", "by": by, "reason": reason });
        let uuid = rows::pool(tx)?.1.uuid.clone();
        message::insert(tx, OVER, (MessageClass::Pool, uuid), message::body(text, &data)).map(drop)
    };
    state.pool.write(change).await
}
