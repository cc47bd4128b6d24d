//! Takes back steps of operations, in this process or after a change of coordinator.

use std::sync::{Arc, Weak};

use haven_model::{ApiError, Vdi};
use haven_tasks as machine;

use super::chain;
use super::vm::migrate;
use super::vm::state::{Undo, abandon};
use crate::state::AppState;
use crate::tasks::UndoFn;

/// The function that the task machine calls.
#[must_use]
pub fn executor(state: Weak<AppState>) -> UndoFn {
    Arc::new(move |action: machine::Undo| {
        let state = state.clone();
        Box::pin(async move {
            let Some(state) = state.upgrade() else { return false };
            let action: Undo = match Undo::read(&action) {
                Ok(action) => action,
                Err(error) => {
                    tracing::error!(%error, text = action.0, "an undo action is not understood");
                    return false;
                }
            };
            match carry_out(&state, &action).await {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!(%error, ?action, "an undo action failed");
                    false
                }
            }
        })
    })
}

async fn carry_out(state: &Arc<AppState>, action: &Undo) -> Result<(), ApiError> {
    match *action {
        Undo::Abandon { vm } => abandon(state, vm, true).await,
        Undo::EndMigration { vm, from, to } => migrate::end(state, vm, from, to).await,
        Undo::EndMove { mark } => super::motion::end(state, mark).await,
        Undo::DropVdi { vdi } => {
            if state.pool.read(|db| db.get::<Vdi>(vdi).is_none()).await? {
                return Ok(());
            }
            chain::delete(state, vdi).await
        }
        Undo::DropVolume { sr, volume } => chain::drop_volume(state, sr, volume).await,
        Undo::DropSr { sr } => super::sr::drop_sr(state, sr).await,
        Undo::DropVm { vm } => super::vm::create::drop_vm(state, vm).await,
    }
}
