//! Another coordinator by hand, while high availability is off.
//!
//! Owns: making this member the coordinator from its copy of the database, having a member follow
//! another coordinator, and the question at start whether the pool has gone on under another.
//! With high availability armed none of this is needed or possible: the guards agree by
//! themselves.

use std::sync::Arc;
use std::time::Duration;

use haven_cluster::ids::HostId;
use haven_model::{ApiError, codes};
use haven_pooldb::{Database, RedbStore};
use tokio::time::timeout;
use uuid::Uuid;

use crate::ha::off_if_on;
use crate::peer_net::ask_member;
use crate::state::AppState;
use crate::{coordinator, copies};

/// Longest wait for a member's answer at start.
const ASK_MAX: Duration = Duration::from_secs(5);

/// Makes this member the coordinator, with the copy of the database that it has.
///
/// # Errors
/// High availability is on, this host is coordinator already, or it has no copy. Then it has not become
/// the coordinator: whoever asked for it may go on with the database that it has.
pub async fn promote(state: &Arc<AppState>) -> Result<(), ApiError> {
    check_off(state)?;
    if state.pool.is_open() {
        return Err(ApiError::not_allowed("this host is the coordinator already"));
    }
    let (mut snapshot, path) = (copies::own(state).await?, state.config.paths.database());
    let database = tokio::task::spawn_blocking(move || {
        crate::recovery::leap(&mut snapshot, 0, crate::recovery::now_s());
        let store = RedbStore::open(&path).map_err(ApiError::internal)?;
        let created = Database::create(Box::new(store), coordinator::ids(), &snapshot);
        let mut database = created.map_err(ApiError::internal)?;
        database.transact(off_if_on)?;
        Ok::<_, ApiError>(database)
    })
    .await
    .map_err(ApiError::internal)??;
    coordinator::prepare(state).await?;
    if let Err(error) = name(state, state.identity.host()) {
        state.runner()?.resume().await;
        return Err(error);
    }
    tracing::warn!(generation = database.generation(), "this host is the coordinator by hand");
    state.pool.open(database).await;
    // The role is here for good: what fails now is no reason to say that it is not.
    if let Err(error) = coordinator::settle(state).await {
        tracing::error!(%error, "not all is in order under the new coordinator; restart havend here \
             when the reason is mended");
    }
    Ok(())
}

/// Has this member take its orders from another coordinator.
///
/// # Errors
/// High availability is on, or no member has this uuid.
pub async fn follow(state: &Arc<AppState>, coordinator: Uuid) -> Result<(), ApiError> {
    check_off(state)?;
    let host = HostId(coordinator);
    let known = state.identity.pool().is_some_and(|pool| pool.member(host).is_some());
    if !known {
        return Err(ApiError::with(codes::NOT_POOL_MEMBER, &[&coordinator]));
    }
    name(state, host)?;
    if host != state.identity.host() {
        // Whoever was coordinator here is so no more.
        drop(state.pool.close().await);
        state.sessions.close_all();
    }
    Ok(())
}

fn check_off(state: &AppState) -> Result<(), ApiError> {
    if state.identity.pool().is_none() {
        return Err(ApiError::not_allowed("this host is in no pool"));
    }
    if state.authority.armed().is_some() {
        return Err(ApiError::new(codes::HA_IS_ENABLED, Vec::new()));
    }
    Ok(())
}

pub(crate) fn name(state: &AppState, coordinator: HostId) -> Result<(), ApiError> {
    state
        .identity
        .update(|identity| {
            if let Some(pool) = &mut identity.pool {
                pool.coordinator = coordinator;
            }
        })
        .map_err(ApiError::internal)
}

/// A member that follows another coordinator than this host: then the pool has gone on without
/// this host, whose database is of yesterday.
pub async fn rival(state: &Arc<AppState>) -> Option<HostId> {
    let me = state.identity.host();
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let mut questions = tokio::task::JoinSet::new();
    for member in members.into_iter().filter(|member| member.host != me) {
        let state = state.clone();
        questions.spawn(async move {
            timeout(ASK_MAX, coordinator_of(&state, member.host)).await.ok().flatten()
        });
    }
    let mut found = None;
    while let Some(answer) = questions.join_next().await {
        found = found.or(answer.ok().flatten().filter(|other| *other != me));
    }
    found
}

/// Whom a member takes for the coordinator, if it answers.
pub(crate) async fn coordinator_of(state: &AppState, member: HostId) -> Option<HostId> {
    let status = ask_member(&state.dialer, member, "/haven/status", None).await.ok()?;
    let text = status.get("coordinator_host")?.as_str()?;
    Uuid::try_parse(text).ok().map(HostId)
}
