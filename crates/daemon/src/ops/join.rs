//! `pool.join` and `pool.join_force`: from the joining host's own API, as clients of XenServer do.
//!
//! The host asks the other pool for a token with the name and password that it was given, and joins
//! with it. A host that coordinates a pool of its own gives that up once the other pool has
//! admitted it: then the own pool must be empty. What the other pool demands of a host cannot be
//! forced.

use std::sync::Arc;

use haven_api::Call as ApiCall;
use haven_model::{ApiError, Host, Sr, Value, Vm, codes};
use haven_pooldb::Image;

use super::rows;
use crate::dispatch::Call;
use crate::join::credentials::{Credentials, token};
use crate::join::host as joining;
use crate::state::AppState;

/// On a host that is in no pool.
///
/// # Errors
/// Why it cannot join; then nothing has changed.
pub async fn alone(state: &Arc<AppState>, call: &ApiCall<'_>) -> Result<Value, ApiError> {
    let address: String = call.args.get(0)?;
    let who = Credentials { user: call.args.get(1)?, password: call.args.get(2)? };
    let word = token(&address, &who).await?;
    joining::join(state.agent(), &word).await?;
    Ok(Value::void())
}

/// `pool.join(address, user, password)` on the coordinator of a pool of its own.
pub async fn join(call: Arc<Call>) -> Result<Value, ApiError> {
    let address: String = call.arg(0)?;
    let who = Credentials { user: call.arg(1)?, password: call.arg(2)? };
    call.read(empty).await?;
    joining::check_idle(call.state.agent()).await?;
    let word = token(&address, &who).await?;
    let state = call.state.clone();
    // Goes on when its client hangs up, which it must, as its session ends.
    let work = tokio::spawn(async move { change_pools(&state, &word).await });
    work.await.map_err(ApiError::internal)??;
    Ok(Value::void())
}

async fn change_pools(state: &Arc<AppState>, word: &str) -> Result<(), ApiError> {
    let agent = state.agent();
    // From here on nothing is added to the own pool.
    let database = state.pool.suspend().await;
    let admitted = match state.pool.read(empty).await {
        Ok(Ok(())) => joining::admission(agent, word).await,
        Ok(Err(error)) | Err(error) => Err(error),
    };
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(error) => {
            if let Some(database) = database {
                state.pool.open(database).await;
            }
            return Err(error);
        }
    };
    state.pool.forget();
    drop(database);
    state.sessions.close_all();
    agent.leave_pool().await.map_err(ApiError::internal)?;
    admitted.become_member(agent)?;
    tracing::warn!("this host has given up its own pool");
    Ok(())
}

/// Nothing would be lost.
fn empty(db: &Image) -> Result<(), ApiError> {
    let refused = |code| Err(ApiError::new(code, Vec::new()));
    if rows::pool(db)?.1.ha_enabled {
        return refused(codes::HA_IS_ENABLED);
    }
    if db.iter::<Host>().count() > 1 {
        return refused(codes::JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS);
    }
    if db.iter::<Sr>().any(|(_, sr)| sr.shared) {
        return refused(codes::JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS);
    }
    let stays = |vm: &Vm| !vm.is_control_domain && !vm.is_default_template;
    let machine = db.iter::<Vm>().find(|(_, vm)| stays(vm)).map(|(_, vm)| &vm.name_label);
    let storage = db.iter::<Sr>().next().map(|(_, sr)| &sr.name_label);
    if let Some(name) = machine.or(storage) {
        return Err(ApiError::not_allowed(format!(
            "{name} is in this host's own pool and would be lost; export it, then remove it"
        )));
    }
    Ok(())
}
