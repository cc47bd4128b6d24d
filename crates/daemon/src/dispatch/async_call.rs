//! `Async.` calls: a task row at once, the result in it later.

use std::sync::Arc;
use std::time::Duration;

use haven_api::xmlrpc;
use haven_model::{
    ApiError, DateTime, Field, Host, Network, Ref, RefId, Sr, Task, TaskAllowedOperations,
    TaskJournal, TaskStatusType, Value, Vdi, Vm, codes,
};
use haven_pooldb::Image;

use super::call::Call;
use crate::audit::Entry;
use crate::state::{AppState, now};
use crate::tasks::BoxFuture;

/// Ended tasks are kept so long, in seconds.
const ENDED_KEPT_S: i64 = 65 * 60;
/// Ended tasks that are kept at most.
const ENDED_MAX: usize = 200;
/// Tasks that are under way at most.
const PENDING_MAX: usize = 1000;
/// A task that a client made and forgot is removed after so long, in seconds.
const FORGOTTEN_S: i64 = 24 * 3600;
/// How often old tasks are removed.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(60);

/// Makes the row, starts the handler, answers the reference.
pub(super) async fn start(
    call: &Call,
    work: BoxFuture<Result<Value, ApiError>>,
    entry: Option<Entry>,
) -> Result<Value, ApiError> {
    let row = Task {
        name_label: format!("Async.{}", call.method),
        name_description: call.read(|db| Ok(about(db, &call.args))).await?,
        session: call.caller.session(),
        ..Task::default()
    };
    call.state.check_may_act()?;
    begin(&call.state, call.task, row, work, entry).await?;
    Ok(call.task.to_value())
}

/// Makes the row of a task that can be cancelled, of this name and session, and starts its work; the
/// row tells how it ended.
///
/// # Errors
/// `TOO_MANY_PENDING_TASKS`, or the database refuses.
pub async fn begin(
    state: &Arc<AppState>,
    task: Ref<Task>,
    named: Task,
    work: BoxFuture<Result<Value, ApiError>>,
    entry: Option<Entry>,
) -> Result<(), ApiError> {
    let pending = |db: &Image| db.iter::<Task>().filter(|(_, row)| is_pending(row)).count();
    if state.pool.read(pending).await? >= PENDING_MAX {
        return Err(ApiError::new(codes::TOO_MANY_PENDING_TASKS, Vec::new()));
    }
    let row = Task {
        uuid: uuid::Uuid::from_u128(task.id().0).to_string(),
        allowed_operations: vec![TaskAllowedOperations::Cancel],
        created: now(),
        finished: DateTime::EPOCH,
        status: TaskStatusType::Pending,
        resident_on: state.this_host(),
        r#type: "<none/>".to_owned(),
        ..named
    };
    state.pool.write(move |tx| tx.insert_with(task, row)).await?;
    let state = state.clone();
    tokio::spawn(async move {
        // A task of its own, so that a panic in the handler ends the task as a failure.
        let result = tokio::spawn(work).await.unwrap_or_else(|panic| {
            Err(ApiError::internal(format!("the operation broke off: {panic}")))
        });
        if let Some(entry) = entry {
            let entry = Entry { task: task.to_string(), ..entry };
            state.audit.note(entry.with_result(&result));
        }
        if let Err(error) = complete(&state, task, result).await {
            tracing::error!(%error, %task, "the result of a task could not be written");
        }
    });
    Ok(())
}

/// Name of the object that a call is about: its first parameter, if that is one.
fn about(db: &Image, args: &[Value]) -> String {
    let id: Option<RefId> = match args.first() {
        Some(Value::Ref(id)) => Some(*id),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let Some(id) = id else { return String::new() };
    let vm = db.get(Ref::<Vm>::from_id(id)).map(|row| &row.name_label);
    let host = || db.get(Ref::<Host>::from_id(id)).map(|row| &row.name_label);
    let sr = || db.get(Ref::<Sr>::from_id(id)).map(|row| &row.name_label);
    let vdi = || db.get(Ref::<Vdi>::from_id(id)).map(|row| &row.name_label);
    let network = || db.get(Ref::<Network>::from_id(id)).map(|row| &row.name_label);
    vm.or_else(host).or_else(sr).or_else(vdi).or_else(network).cloned().unwrap_or_default()
}

/// Ends a task: one of `Async.`, or one that a client made for an HTTP request (`task_id`).
///
/// # Errors
/// The database refuses.
pub async fn complete(
    state: &Arc<AppState>,
    task: Ref<Task>,
    result: Result<Value, ApiError>,
) -> Result<(), ApiError> {
    state
        .pool
        .write(move |tx| {
            // Its client may have destroyed it.
            if tx.get(task).is_none() {
                return Ok(());
            }
            tx.update(task, |row: &mut Task| ended(row, result))
        })
        .await
}

fn is_pending(row: &Task) -> bool {
    matches!(row.status, TaskStatusType::Pending | TaskStatusType::Cancelling)
}

/// Writes the end of a task into its row.
pub(crate) fn ended(row: &mut Task, result: Result<Value, ApiError>) {
    row.finished = now();
    row.progress = 1.0;
    row.allowed_operations = Vec::new();
    match result {
        Ok(value) => {
            row.status = TaskStatusType::Success;
            row.result = xmlrpc::encode_result(&value);
        }
        Err(error) => {
            let cancelled = error.code == codes::TASK_CANCELLED;
            row.status =
                if cancelled { TaskStatusType::Cancelled } else { TaskStatusType::Failure };
            row.error_info = [error.code.to_owned()].into_iter().chain(error.params).collect();
        }
    }
}

/// A new coordinator: tasks that are pending but in no journal never began; they fail, so that
/// nobody waits for them for ever.
///
/// # Errors
/// The database refuses.
pub async fn fail_orphans(state: &Arc<AppState>) -> Result<(), ApiError> {
    state
        .pool
        .write(|tx| {
            let journaled: Vec<Ref<Task>> =
                tx.iter::<TaskJournal>().map(|(_, row)| row.task).collect();
            let orphans: Vec<Ref<Task>> = tx
                .iter::<Task>()
                .filter(|(task, row)| is_pending(row) && !journaled.contains(task))
                .map(|(task, _)| task)
                .collect();
            for task in orphans {
                let error =
                    ApiError::internal("the coordinator changed before the operation began");
                tx.update(task, |row: &mut Task| ended(row, Err(error)))?;
            }
            Ok(())
        })
        .await
}

/// Tasks whose time is over.
fn old(db: &Image) -> Vec<Ref<Task>> {
    let mut ended: Vec<(DateTime, Ref<Task>)> = db
        .iter::<Task>()
        .filter(|(_, row)| row.finished != DateTime::EPOCH)
        .map(|(task, row)| (row.finished, task))
        .collect();
    ended.sort_unstable_by(|a, b| b.cmp(a));
    let limit = now().unix_s() - ENDED_KEPT_S;
    let old = ended.into_iter().enumerate();
    let old = old.filter(|(at, (finished, _))| *at >= ENDED_MAX || finished.unix_s() < limit);
    let forgotten = now().unix_s() - FORGOTTEN_S;
    // Those of operations can be cancelled, and end by themselves.
    let forgotten = db.iter::<Task>().filter(|(_, row)| {
        is_pending(row) && row.allowed_operations.is_empty() && row.created.unix_s() < forgotten
    });
    old.map(|(_, (_, task))| task).chain(forgotten.map(|(task, _)| task)).collect()
}

/// Removes ended tasks when their time is over; runs for ever.
pub async fn expire(state: Arc<AppState>) {
    let mut ticks = tokio::time::interval(EXPIRE_INTERVAL);
    loop {
        ticks.tick().await;
        if !state.may_act() {
            continue;
        }
        let Ok(old) = state.pool.read(old).await else { continue };
        if old.is_empty() {
            continue;
        }
        let removed = state
            .pool
            .write(move |tx| {
                old.into_iter().try_for_each(|task| match tx.get(task) {
                    Some(_) => tx.remove(task),
                    None => Ok(()),
                })
            })
            .await;
        if let Err(error) = removed {
            tracing::warn!(%error, "old tasks could not be removed");
        }
    }
}
