//! High availability beside what XenAPI has for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{ApiError, codes};
use serde_json::{Value as Json, json};

use crate::ha::{Ha, disarm, replace, reshape};
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

/// `POST /haven/ha/replace-statefile {srs: [reference], off: [uuid or name]}`.
pub(super) async fn replace(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let ha = ha(state)?;
    let texts = |key: &str| -> Vec<String> {
        let list = asked.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
        list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let srs: Result<Vec<_>, ApiError> = texts("srs")
        .iter()
        .map(|text| text.parse().map_err(|_| ApiError::uuid_invalid::<haven_model::Sr>(text)))
        .collect();
    let (srs, off) = (srs?, texts("off"));
    let off: Result<Vec<_>, ApiError> =
        off.iter().map(|name| super::extra_recovery::member(state, name)).collect();
    let off = off?;
    // It goes on when its client hangs up.
    let work = tokio::spawn(async move { replace::replace(&ha, srs, &off).await });
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
