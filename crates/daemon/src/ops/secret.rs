//! Secrets that configuration refers to.

use std::sync::Arc;

use haven_model::{ApiError, Field, Ref, Secret, Value};

use super::rows;
use crate::dispatch::Call;
use crate::state::fresh;

/// `secret.create(record)`.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let asked: Secret = call.arg(0)?;
    let row = Secret { uuid: fresh().to_string(), ..asked };
    let secret = call.write(move |tx| tx.insert(row)).await?;
    Ok(secret.to_value())
}

/// `secret.introduce(uuid, value, other_config)`.
pub async fn introduce(call: Arc<Call>) -> Result<Value, ApiError> {
    let text: String = call.arg(0)?;
    let id = rows::uuid(&text).map_err(|_| ApiError::uuid_invalid::<Secret>(&text))?;
    let secret = Ref::<Secret>::from_uuid(id);
    let row = Secret { uuid: text, value: call.arg(1)?, other_config: call.arg(2)? };
    call.write(move |tx| tx.insert_with(secret, row)).await?;
    Ok(secret.to_value())
}

/// `secret.destroy(secret)`.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let secret: Ref<Secret> = call.arg(0)?;
    call.write(move |tx| tx.remove(secret)).await?;
    Ok(Value::void())
}
