//! High availability beside what XenAPI has for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{ApiError, codes};
use serde_json::{Value as Json, json};

use crate::ha::{Ha, disarm, reshape};
use crate::state::AppState;

fn ha(state: &AppState) -> Result<Ha, ApiError> {
    let ha = state.ha.get().cloned();
    ha.ok_or_else(|| ApiError::with(codes::HA_NOT_INSTALLED, &[&state.this_host()]))
}

/// `POST /haven/ha/set {configuration}`: changes time-outs and the like while the pool is armed.
pub(super) async fn set(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let ha = ha(state)?;
    if !state.may_act() {
        return Err(state.not_coordinator());
    }
    let given = asked.get("configuration").and_then(Json::as_object).cloned().unwrap_or_default();
    let mut config = BTreeMap::new();
    for (key, value) in given {
        let Some(text) = value.as_str() else {
            return Err(ApiError::with(codes::INVALID_VALUE, &[&key, &value]));
        };
        config.insert(key, text.to_owned());
    }
    // It goes on when its client hangs up.
    let work = tokio::spawn(async move { reshape::set(&ha, config).await });
    work.await.map_err(ApiError::internal)??;
    Ok(json!({}))
}

/// `POST /haven/ha/emergency-disarm`: this host alone.
pub(super) async fn emergency(state: &Arc<AppState>) -> Result<Json, ApiError> {
    let ha = ha(state)?;
    let work = tokio::spawn(async move { disarm::emergency(&ha).await });
    work.await.map_err(ApiError::internal)??;
    Ok(json!({ "host": state.identity.host().0.to_string() }))
}
