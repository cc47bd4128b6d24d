//! Snapshots of VMs: of the disks alone, or with the memory (checkpoints).

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{
    ApiError, Field, Ref, Value, Vbd, VbdType, Vdi, VdiType, Vif, Vm, VmMetrics, VmOperations,
    VmPowerState, alerts, codes,
};
use haven_pooldb::{Image, Tx};
use serde_json::json;

use super::migrate;
use super::state as vm_state;
use super::suspend;
use crate::dispatch::Call;
use crate::ops::chain::{self, Frozen, Writer};
use crate::ops::{allowed, news, spec, vdi, view};
use crate::state::{AppState, fresh, now};
use crate::tasks::{Op, Plan};

/// Snapshots of one VM.
const SNAPSHOTS_MAX: usize = 100;

/// `VM.snapshot(vm, new_name, ignore_vdis)`.
pub async fn snapshot(call: Arc<Call>) -> Result<Value, ApiError> {
    let ignored: Vec<Ref<Vdi>> = call.arg_or(2, Vec::new())?;
    take(&call, VmOperations::Snapshot, &ignored).await
}

/// `VM.checkpoint(vm, new_name)`: with the memory of a VM that runs.
pub async fn checkpoint(call: Arc<Call>) -> Result<Value, ApiError> {
    take(&call, VmOperations::Checkpoint, &[]).await
}

/// What a snapshot has to do with its VM.
#[derive(Clone, Debug)]
struct Task {
    vm: Ref<Vm>,
    name: String,
    disks: Vec<(Ref<Vdi>, String)>,
    /// It runs, and this is where.
    writer: Option<Writer>,
    /// Where its memory goes.
    image: Option<(Ref<Vdi>, Vdi)>,
}

async fn take(
    call: &Call,
    operation: VmOperations,
    ignored: &[Ref<Vdi>],
) -> Result<Value, ApiError> {
    let (vm, name): (Ref<Vm>, String) = (call.arg(0)?, call.arg(1)?);
    let mount = call.state.config.paths.sr_mount();
    let task = call
        .read(|db| {
            let row = db.require(vm)?;
            allowed::vm_operation(vm, row, operation)?;
            if row.snapshots.len() >= SNAPSHOTS_MAX {
                return Err(ApiError::with(codes::VM_HAS_TOO_MANY_SNAPSHOTS, &[&vm]));
            }
            let disks = disks(db, vm, ignored)?;
            let memory = operation == VmOperations::Checkpoint && !row.resident_on.is_null();
            let image = if memory { Some(suspend::image_row(db, vm)?) } else { None };
            let writer = match row.resident_on.is_null() {
                true => None,
                false => {
                    let (on, id) = vm_state::residence(db, vm)?;
                    let path = |(_, row): &(_, Vdi)| spec::path(db, row, &mount);
                    let memory = image.as_ref().map(path).transpose()?;
                    Some(Writer { on, id, memory, quiesce: false })
                }
            };
            Ok(Task { vm, name, disks, writer, image })
        })
        .await?;
    let mut plan = Plan::new(operation.as_str()).exclusive(vm);
    for (disk, _) in &task.disks {
        plan = plan.exclusive(*disk).step("make room", 1);
    }
    let plan = plan.step("freeze the disks", 8).step("record", 1);
    let state = call.state.clone();
    call.run(plan, move |mut op| async move {
        let made = make(&state, &mut op, task).await?;
        op.commit().await;
        Ok(made.to_value())
    })
    .await
}

/// The disks of a VM that are frozen, with the names of their devices.
fn disks(
    db: &Image,
    vm: Ref<Vm>,
    ignored: &[Ref<Vdi>],
) -> Result<Vec<(Ref<Vdi>, String)>, ApiError> {
    let mut found = Vec::new();
    for (disk, _, vbd) in view::disks(db, db.require(vm)?) {
        if vbd.r#type != VbdType::Disk || vbd.empty || ignored.contains(&disk) {
            continue;
        }
        chain::freezable(db, disk)?;
        if let Some(other) = vm_state::user_of(db, disk, vm) {
            let why = format!("attached to VM {other}");
            return Err(ApiError::with(codes::VDI_IN_USE, &[&disk, &why]));
        }
        let target = spec::target(&vbd.userdevice, false)
            .ok_or_else(|| ApiError::with(codes::INVALID_DEVICE, &[&vbd.userdevice]))?;
        found.push((disk, target));
    }
    Ok(found)
}

/// The writer as it is now that it is this task's turn: it may run elsewhere. One that was started
/// or stopped meanwhile is another case: a running VM must never be frozen like a halted one.
fn still(db: &Image, vm: Ref<Vm>, writer: Option<Writer>) -> Result<Option<Writer>, ApiError> {
    match (writer, db.require(vm)?.resident_on.non_null()) {
        (Some(writer), Some(on)) => Ok(Some(Writer { on, ..writer })),
        (None, None) => Ok(None),
        _ => {
            let what = "started or stopped meanwhile";
            Err(ApiError::with(codes::OTHER_OPERATION_IN_PROGRESS, &[&"VM", &vm, &what, &""]))
        }
    }
}

async fn make(state: &Arc<AppState>, op: &mut Op, task: Task) -> Result<Ref<Vm>, ApiError> {
    let Task { vm, name, disks, writer, image } = task;
    migrate::settle(state, vm).await?;
    // One that is halted on paper may run after a start whose end nobody saw.
    vm_state::vacate(state, vm).await?;
    let writer = state.pool.read(|db| still(db, vm, writer)).await??;
    if let Some((image, row)) = image.clone() {
        op.step_undo(&vm_state::Undo::DropVdi { vdi: image }).await?;
        state.pool.write(move |tx| tx.insert_with(image, row)).await?;
    }
    // Plugged in and running is not the same: a disk that was added to a running VM and not
    // plugged in is frozen like that of a halted one, which the hypervisor knows nothing of.
    let plugged = |disk: &(Ref<Vdi>, String)| {
        let disk = disk.0;
        async move { state.pool.read(|db| db.get(disk).is_some_and(|row| vdi::attached(db, row))).await }
    };
    let (mut hot, mut cold) = (Vec::new(), Vec::new());
    for disk in disks {
        match plugged(&disk).await? {
            true => hot.push(disk),
            false => cold.push(disk),
        }
    }
    let memory = writer.as_ref().is_some_and(|writer| writer.memory.is_some());
    let writer = writer.filter(|_| memory || !hot.is_empty());
    let mut frozen = chain::freeze(state, op, hot, writer).await?;
    if !cold.is_empty() {
        frozen.extend(chain::freeze(state, op, cold, None).await?);
    }
    op.step().await?;
    let image = image.map_or(Ref::NULL, |(image, _)| image);
    let (alert, what) = match image.is_null() {
        true => (alerts::VM_SNAPSHOTTED, "snapshotted"),
        false => (alerts::VM_CHECKPOINTED, "checkpointed"),
    };
    state
        .pool
        .write(move |tx| {
            let (what, data) = (format!("{what} as '{name}'"), json!({ "snapshot": name }));
            news::of_vm(tx, alert, vm, (&what, data))?;
            record(tx, vm, name, &frozen, image)
        })
        .await
}

/// Writes the snapshot: a template with the VM's devices, whose disks are the frozen ones.
fn record(
    tx: &mut Tx<'_>,
    vm: Ref<Vm>,
    name: String,
    frozen: &[Frozen],
    image: Ref<Vdi>,
) -> Result<Ref<Vm>, ApiError> {
    let old = tx.require(vm)?.clone();
    let snapshot = Ref::<Vm>::from_uuid(fresh());
    let time = now();
    let state = old.power_state;
    // Of a suspended VM the memory belongs to the instant too.
    let image = if image.is_null() { old.suspend_vdi } else { image };
    let (vifs, vbds) = (old.vifs.clone(), old.vbds.clone());
    let metrics = tx.insert(VmMetrics { install_time: now(), ..VmMetrics::default() })?;
    let mut row = Vm {
        uuid: uuid::Uuid::from_u128(snapshot.id().0).to_string(),
        name_label: name,
        is_a_template: true,
        is_a_snapshot: true,
        is_default_template: false,
        snapshot_of: vm,
        snapshot_time: time,
        snapshot_info: info(state),
        power_state: if image.is_null() { VmPowerState::Halted } else { VmPowerState::Suspended },
        suspend_vdi: image,
        metrics,
        guest_metrics: Ref::NULL,
        resident_on: Ref::NULL,
        scheduled_to_be_resident_on: Ref::NULL,
        current_operations: BTreeMap::new(),
        ha_always_run: false,
        appliance: Ref::NULL,
        domid: -1,
        memory_target: 0,
        ..old
    };
    row.allowed_operations = allowed::vm_allowed(&row);
    tx.insert_with(snapshot, row)?;
    tx.update(vm, |row: &mut Vm| row.parent = snapshot)?;
    for vif in vifs {
        let old = tx.require::<Vif>(vif)?.clone();
        let uuid = fresh().to_string();
        tx.insert(Vif { uuid, vm: snapshot, currently_attached: false, ..old })?;
    }
    for vbd in vbds {
        device(tx, vbd, snapshot, frozen)?;
    }
    for frozen in frozen {
        adopt(tx, frozen, time)?;
    }
    Ok(snapshot)
}

fn info(state: VmPowerState) -> BTreeMap<String, String> {
    let kind = if state == VmPowerState::Halted { "clean" } else { "crash_consistent" };
    [
        ("power-state-at-snapshot".to_owned(), state.as_str().to_owned()),
        ("disk-snapshot-type".to_owned(), kind.to_owned()),
    ]
    .into()
}

fn device(
    tx: &mut Tx<'_>,
    vbd: Ref<Vbd>,
    snapshot: Ref<Vm>,
    frozen: &[Frozen],
) -> Result<(), ApiError> {
    let old = tx.require(vbd)?.clone();
    let base = frozen.iter().find(|frozen| frozen.disk == old.vdi);
    let vdi = match base {
        Some(frozen) => frozen.base,
        None if old.r#type == VbdType::Cd => old.vdi,
        // A disk that was left out.
        None => return Ok(()),
    };
    let uuid = fresh().to_string();
    tx.insert(Vbd { uuid, vm: snapshot, vdi, currently_attached: false, ..old }).map(|_| ())
}

/// A frozen volume becomes a snapshot of its disk.
///
/// # Errors
/// A row is gone.
pub fn adopt(
    tx: &mut Tx<'_>,
    frozen: &Frozen,
    time: haven_model::DateTime,
) -> Result<(), ApiError> {
    let disk = tx.require(frozen.disk)?.clone();
    let of = frozen.disk;
    tx.update(frozen.base, |row: &mut Vdi| {
        row.name_label = disk.name_label;
        row.name_description = disk.name_description;
        row.r#type = if disk.r#type == VdiType::System { disk.r#type } else { VdiType::User };
        row.other_config = disk.other_config;
        row.tags = disk.tags;
        row.managed = true;
        row.is_a_snapshot = true;
        row.snapshot_of = of;
        row.snapshot_time = time;
    })?;
    for vdi in [frozen.base, frozen.disk] {
        vdi::refresh_allowed(tx, vdi)?;
    }
    Ok(())
}

/// Whether a VM's memory is kept in this image, so that it must stay.
#[must_use]
pub fn needs_image(db: &Image, image: Ref<Vdi>) -> bool {
    db.iter::<Vm>().any(|(_, row)| row.suspend_vdi == image)
}

#[cfg(test)]
mod tests {
    use haven_pooldb::{Database, MemStore};

    use super::*;

    #[test]
    fn a_vm_that_was_started_meanwhile_is_not_frozen_like_a_halted_one() {
        let store = Box::new(MemStore::default());
        let mut db = Database::open(store, crate::coordinator::ids()).unwrap();
        let vm = db.transact(|tx| tx.insert(Vm::default())).unwrap().value;
        let (first, second) = (Ref::from_u128(1), Ref::from_u128(2));
        let writer = || Writer { on: first, id: uuid::Uuid::nil(), memory: None, quiesce: false };
        assert!(matches!(still(&db, vm, None), Ok(None)));
        assert!(still(&db, vm, Some(writer())).is_err(), "it was stopped meanwhile");
        db.transact(|tx| tx.update(vm, |row: &mut Vm| row.resident_on = second)).unwrap();
        assert!(still(&db, vm, None).is_err());
        assert_eq!(still(&db, vm, Some(writer())).unwrap().unwrap().on, second);
    }
}
