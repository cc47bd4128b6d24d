//! Copies of the pool database on the members.
//!
//! Owns: when a copy is sent. With high availability off the copies are what an administrator
//! promotes by hand when the coordinator is lost.

use std::sync::Arc;
use std::time::Duration;

use haven_model::ApiError;
use tokio::time::sleep;

use crate::orders::Order;
use crate::state::AppState;

/// Changes within this time go out together.
const GATHER: Duration = Duration::from_millis(500);
/// Pause after a push that failed.
const RETRY: Duration = Duration::from_secs(10);

/// Sends a copy after each change, several changes at once; runs for ever.
pub async fn run(state: Arc<AppState>) {
    let mut generation = state.pool.watch();
    loop {
        if generation.changed().await.is_err() {
            return;
        }
        sleep(GATHER).await;
        generation.borrow_and_update();
        if !state.may_act() {
            continue;
        }
        if let Err(error) = push(&state).await {
            tracing::debug!(%error, "a copy of the database could not be sent");
            sleep(RETRY).await;
            generation.mark_changed();
        }
    }
}

/// Sends the database as it is now to all members.
///
/// # Errors
/// A member did not take it.
pub async fn push(state: &Arc<AppState>) -> Result<(), ApiError> {
    let here = state.identity.host();
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let others: Vec<_> = members.into_iter().filter(|member| member.host != here).collect();
    if others.is_empty() {
        return Ok(());
    }
    let snapshot = state.pool.read(|db| db.export()).await?.map_err(ApiError::internal)?;
    let generation = snapshot.generation;
    let text = serde_json::to_string(&snapshot).map_err(ApiError::internal)?;
    let mut sends = tokio::task::JoinSet::new();
    for member in others {
        let (state, snapshot) = (state.clone(), text.clone());
        sends.spawn(async move {
            let order = Order::StoreReplica { generation, snapshot };
            state.orders.send(member.host, order).await
        });
    }
    let mut result = Ok(());
    while let Some(sent) = sends.join_next().await {
        match sent {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => result = Err(ApiError::internal(error)),
            Err(error) => result = Err(ApiError::internal(error)),
        }
    }
    result
}
