//! Virtual disks.

use std::sync::Arc;

use haven_model::{ApiError, Field, Ref, Sr, Value, Vbd, Vdi, VdiOperations, VdiType, codes};
use haven_pooldb::Image;

use super::rows::uuid;
use super::{allowed, errors, host, spec};
use crate::dispatch::Call;
use crate::ops::vm::state::{Undo, user_of};
use crate::orders::{Order, OrderReply};
use crate::state::{AppState, fresh};
use crate::tasks::Plan;

/// Sizes of disks are rounded up to this.
const SIZE_STEP_BYTES: i64 = 1 << 20;
/// Largest disk.
const SIZE_BYTES_MAX: i64 = 64 << 40;

/// The row of a volume that Haven makes.
#[must_use]
pub fn new_row(vdi: Ref<Vdi>, sr: Ref<Sr>, size: i64) -> Vdi {
    let uuid = uuid::Uuid::from_u128(vdi.id().0).to_string();
    Vdi {
        location: format!("{uuid}.qcow2"),
        uuid,
        sr,
        virtual_size: size,
        managed: true,
        r#type: VdiType::User,
        allowed_operations: vec![
            VdiOperations::Copy,
            VdiOperations::Destroy,
            VdiOperations::Resize,
        ],
        ..Vdi::default()
    }
}

/// A size that can be: rounded up.
fn size(bytes: i64) -> Result<i64, ApiError> {
    if bytes <= 0 || bytes > SIZE_BYTES_MAX {
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"virtual_size", &bytes]));
    }
    Ok((bytes + SIZE_STEP_BYTES - 1) / SIZE_STEP_BYTES * SIZE_STEP_BYTES)
}

/// `VDI.create(record)`.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let asked: Vdi = call.arg(0)?;
    let vdi = Ref::<Vdi>::from_uuid(fresh());
    let fixed = new_row(vdi, asked.sr, size(asked.virtual_size)?);
    let row = Vdi {
        name_label: asked.name_label,
        name_description: asked.name_description,
        r#type: asked.r#type,
        sharable: asked.sharable,
        read_only: asked.read_only,
        other_config: asked.other_config,
        xenstore_data: asked.xenstore_data,
        tags: asked.tags,
        ..fixed
    };
    let sr = asked.sr;
    call.read(|db| db.require(sr).map(|_| ())).await?;
    let state = call.state.clone();
    let plan = Plan::new("vdi_create").shared(sr).exclusive(vdi).step("create the volume", 1);
    call.run(plan, move |mut op| async move {
        op.step_undo(&Undo::DropVdi { vdi }).await?;
        make(&state, vdi, row).await?;
        Ok(vdi.to_value())
    })
    .await
}

/// Writes the row, then makes the volume.
///
/// # Errors
/// No host has the repository attached, or it failed.
pub async fn make(state: &Arc<AppState>, vdi: Ref<Vdi>, row: Vdi) -> Result<(), ApiError> {
    let (sr, size, id) = (row.sr, row.virtual_size, uuid(&row.uuid)?);
    let here = state.this_host();
    let (on, sr_spec) = state
        .pool
        .write(move |tx| {
            let found = spec::sr_host(tx, sr, here)?;
            tx.insert_with(vdi, row)?;
            Ok(found)
        })
        .await?;
    let size = u64::try_from(size).map_err(ApiError::internal)?;
    let order = Order::CreateVolume { sr: sr_spec, vdi: id, size };
    let reply = state.orders.send(host::id(on), order).await;
    let reply = reply.map_err(|error| errors::order(on, error))?;
    settle(state, vdi, reply).await
}

/// Writes where the volume is.
async fn settle(state: &Arc<AppState>, vdi: Ref<Vdi>, reply: OrderReply) -> Result<(), ApiError> {
    let OrderReply::Path(path) = reply else {
        return Err(ApiError::internal("an unexpected answer to an order about a volume"));
    };
    let file = path.rsplit('/').next().unwrap_or_default().to_owned();
    let format = if file.ends_with(".raw") || file.ends_with(".iso") { "raw" } else { "qcow2" };
    state
        .pool
        .write(move |tx| {
            tx.update(vdi, |row: &mut Vdi| {
                row.location = file;
                row.sm_config.insert(spec::FORMAT_KEY.to_owned(), format.to_owned());
            })
        })
        .await
}

/// Deletes a volume, its row and the devices that name it.
///
/// # Errors
/// No host has the repository attached, or it failed.
pub async fn delete(state: &Arc<AppState>, vdi: Ref<Vdi>) -> Result<(), ApiError> {
    let here = state.this_host();
    let (on, sr, id) = state
        .pool
        .read(|db| {
            let row = db.require(vdi)?;
            let (on, sr) = spec::sr_host(db, row.sr, here)?;
            Ok::<_, ApiError>((on, sr, uuid(&row.uuid)?))
        })
        .await??;
    let order = Order::DestroyVolume { sr, vdi: id };
    state.orders.send(host::id(on), order).await.map_err(|error| errors::order(on, error))?;
    state
        .pool
        .write(move |tx| {
            let Some(row) = tx.get(vdi) else { return Ok(()) };
            for vbd in row.vbds.clone() {
                tx.remove(vbd)?;
            }
            tx.remove(vdi)
        })
        .await
}

/// Nobody uses it.
fn unused(db: &Image, vdi: Ref<Vdi>, operation: &str) -> Result<(), ApiError> {
    if user_of(db, vdi, Ref::NULL).is_some() {
        return Err(ApiError::with(codes::VDI_IN_USE, &[&vdi, &operation]));
    }
    Ok(())
}

/// `VDI.destroy(vdi)`.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let vdi: Ref<Vdi> = call.arg(0)?;
    call.read(|db| {
        let row = db.require(vdi)?;
        if !row.managed || row.r#type == VdiType::HaStatefile || row.r#type == VdiType::RedoLog {
            return Err(ApiError::with(codes::VDI_NOT_MANAGED, &[&vdi]));
        }
        unused(db, vdi, "destroy")
    })
    .await?;
    let state = call.state.clone();
    let plan = Plan::new("destroy").exclusive(vdi).step("delete the volume", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        state.pool.read(|db| unused(db, vdi, "destroy")).await??;
        delete(&state, vdi).await?;
        Ok(Value::void())
    })
    .await
}

/// `VDI.resize(vdi, size)`: growing a disk that nobody uses.
pub async fn resize(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vdi, bytes): (Ref<Vdi>, i64) = (call.arg(0)?, call.arg(1)?);
    let bytes = size(bytes)?;
    let here = call.state.this_host();
    let (on, sr, id) = call
        .read(|db| {
            let row = db.require(vdi)?;
            unused(db, vdi, "resize")?;
            if bytes < row.virtual_size {
                return Err(ApiError::with(
                    codes::INVALID_VALUE,
                    &[&"size: a disk cannot shrink", &bytes],
                ));
            }
            let (on, sr) = spec::sr_host(db, row.sr, here)?;
            Ok((on, sr, uuid(&row.uuid)?))
        })
        .await?;
    let state = call.state.clone();
    let plan = Plan::new("resize").exclusive(vdi).step("resize the volume", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        let size = u64::try_from(bytes).map_err(ApiError::internal)?;
        let order = Order::ResizeVolume { sr, vdi: id, size };
        state.orders.send(host::id(on), order).await.map_err(|error| errors::order(on, error))?;
        state
            .pool
            .write(move |tx| tx.update(vdi, |row: &mut Vdi| row.virtual_size = bytes))
            .await?;
        Ok(Value::void())
    })
    .await
}

/// `VDI.copy(vdi, sr, base_vdi, into_vdi)`, and `VDI.clone(vdi, params)`: a full copy.
pub async fn copy(call: Arc<Call>) -> Result<Value, ApiError> {
    let from: Ref<Vdi> = call.arg(0)?;
    let sr: Ref<Sr> = if call.method == "VDI.copy" { call.arg(1)? } else { Ref::NULL };
    call.read(|db| db.require(from).map(|_| ())).await?;
    let to = Ref::<Vdi>::from_uuid(fresh());
    let state = call.state.clone();
    let plan = Plan::new("copy").shared(from).exclusive(to).step("copy the volume", 1);
    call.run(plan, move |mut op| async move {
        op.step_undo(&Undo::DropVdi { vdi: to }).await?;
        copy_into(&state, from, to, sr).await?;
        Ok(to.to_value())
    })
    .await
}

/// A full copy of a disk that nobody writes to.
///
/// # Errors
/// It is in use, the repositories differ, or the copy failed.
pub async fn copy_into(
    state: &Arc<AppState>,
    from: Ref<Vdi>,
    to: Ref<Vdi>,
    sr: Ref<Sr>,
) -> Result<(), ApiError> {
    let here = state.this_host();
    let (on, sr_spec, source, target) = state
        .pool
        .write(move |tx| {
            unused(tx, from, "copy")?;
            let old = tx.require(from)?.clone();
            if !sr.is_null() && sr != old.sr {
                return Err(ApiError::with(codes::SR_OPERATION_NOT_SUPPORTED, &[&sr]));
            }
            let (on, sr_spec) = spec::sr_host(tx, old.sr, here)?;
            let row = Vdi {
                name_label: old.name_label.clone(),
                name_description: old.name_description.clone(),
                r#type: old.r#type,
                sharable: old.sharable,
                read_only: old.read_only,
                other_config: old.other_config.clone(),
                tags: old.tags.clone(),
                ..new_row(to, old.sr, old.virtual_size)
            };
            let target = uuid(&row.uuid)?;
            tx.insert_with(to, row)?;
            Ok((on, sr_spec, uuid(&old.uuid)?, target))
        })
        .await?;
    let order = Order::CopyVolume { sr: sr_spec, from: source, to: target };
    let reply = state.orders.send(host::id(on), order).await;
    settle(state, to, reply.map_err(|error| errors::order(on, error))?).await
}

/// `VDI.set_name_label`, `VDI.set_name_description`, `VDI.set_sharable`, `VDI.set_read_only`.
pub async fn set(call: Arc<Call>) -> Result<Value, ApiError> {
    let vdi: Ref<Vdi> = call.arg(0)?;
    let field = call.method.strip_prefix("VDI.set_").unwrap_or_default().to_owned();
    let value = call.args.get(1).cloned().unwrap_or(Value::Nil);
    call.write(move |tx| super::set_field(tx, vdi, &field, value)).await?;
    Ok(Value::void())
}

/// `VDI.update(vdi)`, `VDI.forget(vdi)`.
pub async fn forget(call: Arc<Call>) -> Result<Value, ApiError> {
    let vdi: Ref<Vdi> = call.arg(0)?;
    call.write(move |tx| {
        unused(tx, vdi, "forget")?;
        for vbd in tx.require(vdi)?.vbds.clone() {
            tx.update(vbd, |row: &mut Vbd| row.empty = true)?;
        }
        tx.remove(vdi)
    })
    .await?;
    Ok(Value::void())
}

/// Whether the disk's devices are attached, for `allowed_operations`.
#[must_use]
pub fn attached(db: &Image, row: &Vdi) -> bool {
    row.vbds.iter().filter_map(|vbd| db.get(*vbd)).any(|vbd| vbd.currently_attached)
}

/// `VDI.allowed_operations` in the present state.
#[must_use]
pub fn allowed_now(db: &Image, row: &Vdi) -> Vec<VdiOperations> {
    allowed::vdi_allowed(row, attached(db, row))
}
