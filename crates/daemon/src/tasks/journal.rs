//! What the task machine keeps in the pool database.

use std::sync::Arc;

use haven_model::{
    ApiError, Host, HostAllowedOperations, Pool, Ref, RefId, Sr, StorageOperations, Task, Value,
    Vdi, VdiOperations, Vm, VmOperations,
};
use haven_pooldb::{Image, Tx};
use haven_tasks::{Change, Mode, Operation, Outcome, Record, TaskId, journal};

use super::runner::api_error;
use crate::ops::{allowed, vdi};
use crate::state::{AppState, now};

/// A change with the operation that it is about, where that matters.
pub(super) type Asked = (Change, Option<Operation>);

/// Writes all of it in one transaction.
pub(super) async fn write(state: &Arc<AppState>, changes: Vec<Asked>) -> Result<(), ApiError> {
    state.pool.write(move |tx| changes.into_iter().try_for_each(|one| apply(tx, one))).await
}

fn task(id: TaskId) -> Ref<Task> {
    Ref::from_uuid(id.0)
}

fn apply(tx: &mut Tx<'_>, (change, operation): Asked) -> Result<(), ApiError> {
    match change {
        Change::Record(record) => journal::keep(tx, &record, now()),
        Change::Forget(id) => journal::forget(tx, id),
        Change::Hold(id) => operation.map_or(Ok(()), |of| mark(tx, id, &of, true)),
        Change::Release(id) => operation.map_or(Ok(()), |of| mark(tx, id, &of, false)),
        Change::Progress(id, permille) => {
            if tx.get(task(id)).is_none() {
                return Ok(());
            }
            tx.update(task(id), |row: &mut Task| row.progress = f64::from(permille) / 1000.0)
        }
        Change::Ended(id, outcome) => {
            if tx.get(task(id)).is_none() {
                return Ok(());
            }
            let result = match outcome {
                Outcome::Done => Ok(Value::void()),
                Outcome::Cancelled => Err(super::op::cancelled(id)),
                Outcome::Undone(failure) | Outcome::Failed { failure, .. } => {
                    Err(api_error(failure))
                }
            };
            tx.update(task(id), |row: &mut Task| crate::dispatch::ended(row, result))
        }
    }
}

/// The journal of an earlier coordinator; what cannot be read is left out and said.
pub(crate) fn load(db: &Image) -> Vec<Record> {
    let (records, damaged) = journal::load(db);
    for task in damaged {
        tracing::error!(%task, "a journal entry is damaged");
    }
    records
}

/// Writes or takes away `current_operations` of what an operation holds for itself.
fn mark(tx: &mut Tx<'_>, id: TaskId, operation: &Operation, on: bool) -> Result<(), ApiError> {
    let key = task(id).to_string();
    for claim in operation.claims.iter().filter(|claim| claim.mode == Mode::Exclusive) {
        let object = RefId(claim.object.id.as_u128());
        let name = operation.name.as_str();
        match claim.object.class.as_str() {
            "VM" => mark_vm(tx, Ref::from_id(object), &key, name, on)?,
            "VDI" => mark_vdi(tx, Ref::from_id(object), &key, name, on)?,
            "SR" => mark_sr(tx, Ref::from_id(object), &key, name, on)?,
            "host" => mark_host(tx, Ref::from_id(object), &key, name, on)?,
            "pool" => mark_pool(tx, Ref::from_id(object), &key, name, on)?,
            _ => {}
        }
    }
    Ok(())
}

fn edit<T: std::str::FromStr>(
    map: &mut std::collections::BTreeMap<String, T>,
    key: &str,
    name: &str,
    on: bool,
) {
    map.remove(key);
    if on && let Ok(operation) = name.parse() {
        map.insert(key.to_owned(), operation);
    }
}

fn mark_vm(tx: &mut Tx<'_>, vm: Ref<Vm>, key: &str, name: &str, on: bool) -> Result<(), ApiError> {
    if tx.get(vm).is_none() {
        return Ok(());
    }
    tx.update(vm, |row: &mut Vm| {
        edit::<VmOperations>(&mut row.current_operations, key, name, on);
        row.allowed_operations = allowed::vm_allowed(row);
    })
}

fn mark_vdi(
    tx: &mut Tx<'_>,
    at: Ref<Vdi>,
    key: &str,
    name: &str,
    on: bool,
) -> Result<(), ApiError> {
    let Some(row) = tx.get(at) else { return Ok(()) };
    let attached = vdi::attached(tx, row);
    tx.update(at, |row: &mut Vdi| {
        edit::<VdiOperations>(&mut row.current_operations, key, name, on);
        row.allowed_operations = allowed::vdi_allowed(row, attached);
    })
}

fn mark_sr(tx: &mut Tx<'_>, sr: Ref<Sr>, key: &str, name: &str, on: bool) -> Result<(), ApiError> {
    if tx.get(sr).is_none() {
        return Ok(());
    }
    tx.update(sr, |row: &mut Sr| {
        edit::<StorageOperations>(&mut row.current_operations, key, name, on);
        row.allowed_operations = allowed::sr_allowed(row);
    })
}

fn mark_host(
    tx: &mut Tx<'_>,
    host: Ref<Host>,
    key: &str,
    name: &str,
    on: bool,
) -> Result<(), ApiError> {
    if tx.get(host).is_none() {
        return Ok(());
    }
    tx.update(host, |row: &mut Host| {
        edit::<HostAllowedOperations>(&mut row.current_operations, key, name, on);
        row.allowed_operations = allowed::host_allowed(!row.current_operations.is_empty());
    })
}

fn mark_pool(
    tx: &mut Tx<'_>,
    pool: Ref<Pool>,
    key: &str,
    name: &str,
    on: bool,
) -> Result<(), ApiError> {
    if tx.get(pool).is_none() {
        return Ok(());
    }
    tx.update(pool, |row: &mut Pool| edit(&mut row.current_operations, key, name, on))
}
