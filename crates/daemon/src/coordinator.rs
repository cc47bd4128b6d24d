//! Taking and leaving the coordinator's office.
//!
//! Owns: what happens once when this host begins to answer for the pool: the journal of the
//! predecessor, tasks without an owner, the first look at all hosts. While high availability is
//! armed the guard's epoch decides when; otherwise `host.json` does, at start.

use std::sync::Arc;

use haven_model::ApiError;
use haven_pooldb::{Database, IdSource, RedbStore};
use haven_tasks::{Record, TaskId};
use uuid::Uuid;

use crate::state::AppState;
use crate::tasks::journal;
use crate::{dispatch, earlier, own_copy, promote, reconcile};

/// Fresh identities for rows.
#[must_use]
pub fn ids() -> Box<dyn IdSource> {
    Box::new(|| Uuid::new_v4().as_u128())
}

/// Opens the local database if `host.json` names this host as coordinator and high availability
/// is off.
///
/// # Errors
/// The database cannot be read, or is older than this host's own copy.
pub async fn open_local(state: &Arc<AppState>) -> Result<(), ApiError> {
    let identity = state.identity.get();
    let armed = identity.pool.as_ref().is_some_and(|pool| pool.arm.is_some());
    if armed || !identity.is_named_coordinator() || state.pool.is_open() {
        return Ok(());
    }
    if let Some(other) = promote::rival(state).await {
        tracing::error!(coordinator = %other.0, "the pool has another coordinator by now: this \
             host stays out until it is told to follow it (haven pool follow)");
        return Err(ApiError::not_allowed("the pool has another coordinator"));
    }
    let path = state.config.paths.database();
    let keep = crate::backup::keeper(&state.config.paths);
    let database = tokio::task::spawn_blocking(move || {
        let store = RedbStore::open(&path)?;
        Database::open_keeping(Box::new(store), ids(), keep)
    })
    .await
    .map_err(ApiError::internal)??;
    own_copy::witnessed(state, database.generation()).await?;
    take_office(state, database).await
}

/// This host answers for the pool from now on.
///
/// # Errors
/// The database refuses.
pub async fn take_office(state: &Arc<AppState>, database: Database) -> Result<(), ApiError> {
    prepare(state).await?;
    state.pool.open(database).await;
    settle(state).await
}

/// Before the database is open: nothing that is asked for begins before [`settle`] has taken the
/// predecessor's objects.
///
/// # Errors
/// The daemon is still starting.
pub async fn prepare(state: &AppState) -> Result<(), ApiError> {
    state.runner()?.pause().await;
    Ok(())
}

/// What a new coordinator does once its database is open: each task of its predecessor ends.
///
/// # Errors
/// The database refuses.
pub async fn settle(state: &Arc<AppState>) -> Result<(), ApiError> {
    let taken = take_journal(state).await;
    state.runner()?.resume().await;
    taken?;
    let this_host = state.this_host();
    state
        .pool
        .write(move |tx| {
            crate::ops::subject::ensure_roles(tx)?;
            let (pool, row) = crate::ops::rows::pool(tx)?;
            if row.master == this_host {
                return Ok(());
            }
            tx.update(pool, |row: &mut haven_model::Pool| row.master = this_host)
        })
        .await?;
    let known = crate::ops::roster::settle(state).await;
    let state = state.clone();
    tokio::spawn(async move { reconcile::ask_all(&state).await });
    known
}

/// The tasks of the predecessor hold their objects, and end: those on storage when no host works on
/// their disks any more.
async fn take_journal(state: &Arc<AppState>) -> Result<(), ApiError> {
    dispatch::fail_orphans(state).await?;
    let records = state.pool.read(journal::load).await?;
    let (held, placed): (Vec<_>, Vec<_>) = records.into_iter().partition(Record::may_act);
    let waits: Vec<TaskId> = held.iter().map(|record| record.task).collect();
    state.runner()?.restore(placed, held).await;
    if !waits.is_empty() {
        let state = state.clone();
        tokio::spawn(async move { earlier::end(&state, waits).await });
    }
    Ok(())
}
