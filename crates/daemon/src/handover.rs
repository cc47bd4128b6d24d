//! Another coordinator while high availability is off, with the old one's help.
//!
//! With high availability on the guards agree about it ([`crate::ha::calls`]); without the help of
//! the old one a person decides ([`crate::promote`]). The database moves in between: from the
//! moment at which it is taken away here until the other host has it nobody writes. If nobody can
//! tell whether the other host has it, this host steps back all the same: one coordinator too few
//! can be mended, one too many starts machines twice.

use std::sync::Arc;
use std::time::Duration;

use haven_cluster::ids::HostId;
use haven_model::{ApiError, Host, Ref, TaskJournal, codes};
use haven_pooldb::Image;
use serde_json::json;
use tokio::time::sleep;

use crate::ops::host;
use crate::orders::Order;
use crate::peer_net::{AskError, ask_member};
use crate::promote;
use crate::state::AppState;

/// Times that the other host is asked whether it has taken the role, if it did not say so.
const QUESTIONS_MAX: u32 = 6;
/// Pause between them.
const PAUSE: Duration = Duration::from_secs(2);

/// Hands the role to a member.
///
/// # Errors
/// It is no member or does not answer, or something is under way; then nothing has changed.
pub async fn hand_over(state: &Arc<AppState>, to: Ref<Host>) -> Result<(), ApiError> {
    if to == state.this_host() {
        return Ok(());
    }
    state.pool.read(|db| may_take(db, to)).await??;
    let state = state.clone();
    // Goes on when its client hangs up.
    let work = tokio::spawn(async move { carry_out(&state, host::id(to)).await });
    work.await.map_err(ApiError::internal)?
}

fn may_take(db: &Image, to: Ref<Host>) -> Result<(), ApiError> {
    let row = db.require(to)?;
    if !host::is_live(db, to) {
        return Err(ApiError::with(codes::HOST_OFFLINE, &[&to]));
    }
    if db.iter::<TaskJournal>().next().is_some() {
        let what = format!("{} cannot become the coordinator while operations run", row.name_label);
        return Err(ApiError::not_allowed(what));
    }
    Ok(())
}

async fn carry_out(state: &Arc<AppState>, to: HostId) -> Result<(), ApiError> {
    let Some(database) = state.pool.suspend().await else { return Err(state.not_coordinator()) };
    // An operation may have begun meanwhile.
    let ready = match state.pool.read(|db| may_take(db, Ref::from_uuid(to.0))).await {
        Ok(Ok(())) => copy(state, to).await,
        Ok(Err(error)) | Err(error) => Err(error),
    };
    if let Err(error) = ready {
        state.pool.open(database).await;
        return Err(error);
    }
    let asked = ask_member(&state.dialer, to, "/haven/pool/promote", Some(&json!({}))).await;
    let sure = match asked {
        Ok(_) => true,
        Err(AskError::Refused(error)) => {
            state.pool.open(database).await;
            return Err(error);
        }
        Err(AskError::Silent(why)) => {
            tracing::error!(host = %to.0, why, "whether this host is the coordinator now is unknown");
            has_taken(state, to).await
        }
    };
    drop(database);
    promote::follow(state, to.0).await?;
    tell_members(state, to).await;
    if sure {
        return Ok(());
    }
    Err(ApiError::with(codes::CANNOT_CONTACT_HOST, &[&Ref::<Host>::from_uuid(to.0)]))
}

/// The last state, which nobody changes any more.
async fn copy(state: &Arc<AppState>, to: HostId) -> Result<(), ApiError> {
    let snapshot = state.pool.read(|db| db.export()).await?.map_err(ApiError::internal)?;
    let generation = snapshot.generation;
    let snapshot = serde_json::to_string(&snapshot).map_err(ApiError::internal)?;
    let order = Order::StoreReplica { generation, snapshot };
    let sent = state.orders.send(to, order).await;
    let failed = |error| crate::ops::errors::order(Ref::from_uuid(to.0), error);
    sent.map(drop).map_err(failed)
}

async fn has_taken(state: &Arc<AppState>, to: HostId) -> bool {
    for _ in 0..QUESTIONS_MAX {
        sleep(PAUSE).await;
        if promote::coordinator_of(state, to).await == Some(to) {
            return true;
        }
    }
    false
}

/// Has the other members follow. Those that do not hear of it follow when the new coordinator
/// recovers them (`pool.recover_slaves`).
async fn tell_members(state: &Arc<AppState>, coordinator: HostId) {
    let here = state.identity.host();
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let others = members.into_iter().filter(|m| m.host != here && m.host != coordinator);
    let mut told = tokio::task::JoinSet::new();
    for member in others {
        let state = state.clone();
        told.spawn(async move { recover(&state, member.host, coordinator).await });
    }
    while told.join_next().await.is_some() {}
}

/// Has a member follow `coordinator`.
///
/// # Errors
/// It does not answer, or high availability is on there.
pub async fn recover(
    state: &AppState,
    member: HostId,
    coordinator: HostId,
) -> Result<(), AskError> {
    let body = json!({ "coordinator": coordinator.0.to_string() });
    let asked = ask_member(&state.dialer, member, "/haven/pool/follow", Some(&body)).await;
    asked.map(drop).inspect_err(|error| {
        tracing::warn!(%error, host = %member.0, "a member did not hear who coordinates");
    })
}
