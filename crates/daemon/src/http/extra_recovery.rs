//! Copies of the pool database, and taking one over when the coordinator or its database is lost.

use std::sync::Arc;

use haven_model::ApiError;
use serde_json::Value as Json;

use crate::copies;
use crate::state::AppState;

/// `GET /haven/pool/copy-about`: this host alone.
pub(super) async fn about(state: &Arc<AppState>) -> Result<Json, ApiError> {
    serde_json::to_value(copies::about(state).await).map_err(ApiError::internal)
}

/// `GET /haven/pool/copy`: the copy of this host, secrets included.
pub(super) async fn copy(state: &Arc<AppState>) -> Result<Json, ApiError> {
    serde_json::to_value(copies::own(state).await?).map_err(ApiError::internal)
}
