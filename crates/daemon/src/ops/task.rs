//! Tasks as clients see them.

use std::sync::Arc;

use haven_model::{
    ApiError, DateTime, Field, Ref, Task, TaskAllowedOperations, TaskStatusType, Value, codes,
};

use crate::dispatch::{Call, complete};
use crate::state::now;

/// `task.create(label, description)`: for clients that keep their own.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let task = call.task;
    let row = Task {
        uuid: uuid::Uuid::from_u128(task.id().0).to_string(),
        name_label: call.arg(0)?,
        name_description: call.arg(1)?,
        created: now(),
        finished: DateTime::EPOCH,
        status: TaskStatusType::Pending,
        resident_on: call.state.this_host(),
        r#type: "<none/>".to_owned(),
        session: call.session(),
        ..Task::default()
    };
    call.write(move |tx| tx.insert_with(task, row)).await?;
    Ok(task.to_value())
}

/// `task.destroy(task)`.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let task: Ref<Task> = call.arg(0)?;
    call.write(move |tx| tx.remove(task)).await?;
    Ok(Value::void())
}

/// `task.cancel(task)`.
pub async fn cancel(call: Arc<Call>) -> Result<Value, ApiError> {
    let task: Ref<Task> = call.arg(0)?;
    let (pending, own) = call
        .read(|db| {
            let row = db.require(task)?;
            Ok((row.status == TaskStatusType::Pending, row.allowed_operations.is_empty()))
        })
        .await?;
    if !pending {
        return Ok(Value::void());
    }
    if own {
        // A client made it for itself: nobody else would end it.
        let error = ApiError::with(codes::TASK_CANCELLED, &[&task]);
        complete(&call.state, task, Err(error)).await?;
        return Ok(Value::void());
    }
    call.write(move |tx| {
        tx.update(task, |row: &mut Task| {
            row.current_operations.insert(task.to_string(), TaskAllowedOperations::Cancel);
        })
    })
    .await?;
    call.state.runner()?.cancel(task).await;
    Ok(Value::void())
}

/// `task.set_status(task, value)`.
pub async fn set_status(call: Arc<Call>) -> Result<Value, ApiError> {
    let (task, status): (Ref<Task>, TaskStatusType) = (call.arg(0)?, call.arg(1)?);
    call.write(move |tx| {
        tx.update(task, |row: &mut Task| {
            row.status = status;
            if status != TaskStatusType::Pending && status != TaskStatusType::Cancelling {
                row.finished = now();
            }
        })
    })
    .await?;
    Ok(Value::void())
}
