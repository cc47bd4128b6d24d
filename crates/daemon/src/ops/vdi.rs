//! Virtual disks.

use std::sync::Arc;

use haven_drivers::storage::SrSpec;
use haven_model::{ApiError, Field, Ref, Sr, Value, Vbd, Vdi, VdiOperations, VdiType, codes};
use haven_pooldb::{Image, Tx};

use super::rows::uuid;
use super::{allowed, chain, errors, host, own_volumes, spec, vdi_image};
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
        allowed_operations: allowed::DISK_OPERATIONS.to_vec(),
        ..Vdi::default()
    }
}

/// A size that can be: rounded up.
///
/// # Errors
/// `INVALID_VALUE`.
pub fn size(bytes: i64) -> Result<i64, ApiError> {
    if bytes <= 0 || bytes > SIZE_BYTES_MAX {
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"virtual_size", &bytes]));
    }
    Ok((bytes + SIZE_STEP_BYTES - 1) / SIZE_STEP_BYTES * SIZE_STEP_BYTES)
}

/// `VDI.create(record)`.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let asked: Vdi = call.arg(0)?;
    own_volumes::a_disk(asked.r#type)?;
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
    call.read(|db| writable(db, sr)).await?;
    let state = call.state.clone();
    let plan = Plan::new("vdi_create").shared(sr).exclusive(vdi).step("create the volume", 1);
    call.run(plan, move |mut op| async move {
        op.step_undo(&Undo::DropVdi { vdi }).await?;
        make(&state, vdi, row).await?;
        Ok(vdi.to_value())
    })
    .await
}

/// Whether disks can be made on a repository.
///
/// # Errors
/// `SR_OPERATION_NOT_SUPPORTED` for an ISO library, and for the drives of a host.
pub fn writable(db: &Image, sr: Ref<Sr>) -> Result<(), ApiError> {
    let row = db.require(sr)?;
    if row.r#type == "iso" || super::host_drives::is_drives(row) {
        return Err(ApiError::with(codes::SR_OPERATION_NOT_SUPPORTED, &[&sr]));
    }
    Ok(())
}

/// Writes the row, then makes an empty volume.
///
/// # Errors
/// No host has the repository attached, or it failed.
pub async fn make(state: &Arc<AppState>, vdi: Ref<Vdi>, row: Vdi) -> Result<(), ApiError> {
    let size = u64::try_from(row.virtual_size).map_err(ApiError::internal)?;
    make_by(state, vdi, row, |sr, vdi| Order::CreateVolume { sr, vdi, size }).await
}

/// Writes the row, then makes the volume by this order to a host that has the repository.
///
/// # Errors
/// No host has the repository attached, or it failed.
pub(super) async fn make_by(
    state: &Arc<AppState>,
    vdi: Ref<Vdi>,
    row: Vdi,
    order: impl FnOnce(SrSpec, uuid::Uuid) -> Order,
) -> Result<(), ApiError> {
    let (sr, id, here) = (row.sr, uuid(&row.uuid)?, state.this_host());
    let (on, sr) = state
        .pool
        .write(move |tx| {
            let found = spec::sr_host(tx, sr, here)?;
            tx.insert_with(vdi, row)?;
            Ok(found)
        })
        .await?;
    let reply = state.orders.send(host::id(on), order(sr, id)).await;
    let reply = reply.map_err(|error| errors::order(on, error))?;
    settle(state, vdi, reply).await
}

/// Writes where the volume is.
pub(super) async fn settle(
    state: &Arc<AppState>,
    vdi: Ref<Vdi>,
    reply: OrderReply,
) -> Result<(), ApiError> {
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

/// Nobody uses it.
///
/// # Errors
/// `VDI_IN_USE`.
pub fn unused(db: &Image, vdi: Ref<Vdi>, operation: &str) -> Result<(), ApiError> {
    if user_of(db, vdi, Ref::NULL).is_some() {
        return Err(ApiError::with(codes::VDI_IN_USE, &[&vdi, &operation]));
    }
    Ok(())
}

/// `VDI.destroy(vdi)`.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let vdi: Ref<Vdi> = call.arg(0)?;
    if call.read(|db| Ok(vdi_image::is_one(db, vdi))).await? {
        return vdi_image::destroy(call, vdi).await;
    }
    call.read(|db| {
        own_volumes::keep(db, vdi)?;
        let row = db.require(vdi)?;
        if !row.managed || own_volumes::is_own(row.r#type) {
            return Err(ApiError::with(codes::VDI_NOT_MANAGED, &[&vdi]));
        }
        writable(db, row.sr)?;
        if super::vm::snapshot::needs_image(db, vdi) {
            return Err(ApiError::with(codes::VDI_IN_USE, &[&vdi, &"destroy"]));
        }
        unused(db, vdi, "destroy")
    })
    .await?;
    let state = call.state.clone();
    let plan = Plan::new("destroy").exclusive(vdi).step("delete the volume", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        state.pool.read(|db| unused(db, vdi, "destroy")).await??;
        chain::delete(&state, vdi).await?;
        Ok(Value::void())
    })
    .await
}

/// `VDI.forget(vdi)`.
pub async fn forget(call: Arc<Call>) -> Result<Value, ApiError> {
    let vdi: Ref<Vdi> = call.arg(0)?;
    call.write(move |tx| {
        own_volumes::keep(tx, vdi)?;
        unused(tx, vdi, "forget")?;
        if !chain::children(tx, tx.require(vdi)?).is_empty() {
            return Err(ApiError::with(codes::VDI_IN_USE, &[&vdi, &"forget: other disks need it"]));
        }
        for vbd in tx.require(vdi)?.vbds.clone() {
            tx.update(vbd, |row: &mut Vbd| row.empty = true)?;
        }
        tx.remove(vdi)
    })
    .await?;
    Ok(Value::void())
}

/// `VDI.introduce(uuid, name_label, name_description, SR, type, sharable, read_only, other_config,
/// location, …)`: a volume that lies in the repository and has no disk yet.
pub async fn introduce(call: Arc<Call>) -> Result<Value, ApiError> {
    let (sr, location): (Ref<Sr>, String) = (call.arg(3)?, call.arg(8)?);
    let (name, about): (String, String) = (call.arg(1)?, call.arg(2)?);
    let (kind, sharable, read_only): (VdiType, bool, bool) =
        (call.arg(4)?, call.arg(5)?, call.arg(6)?);
    let other_config = call.arg(7)?;
    own_volumes::a_disk(kind)?;
    call.read(|db| db.require(sr).map(|_| ())).await?;
    call.state.check_may_act()?;
    super::sr::refresh(&call.state, sr).await?;
    let found = call.write(move |tx| {
        let disk = chain::at(tx, sr, &location)
            .ok_or_else(|| ApiError::with(codes::VDI_LOCATION_MISSING, &[&sr, &location]))?;
        tx.update(disk, |row: &mut Vdi| {
            row.name_label = name;
            row.name_description = about;
            row.r#type = kind;
            row.sharable = sharable;
            row.read_only = read_only;
            row.other_config = other_config;
        })?;
        Ok(disk)
    });
    Ok(found.await?.to_value())
}

/// `VDI.update(vdi)`: asks the storage about it.
pub async fn update(call: Arc<Call>) -> Result<Value, ApiError> {
    let vdi: Ref<Vdi> = call.arg(0)?;
    let sr = call.read(|db| Ok(db.require(vdi)?.sr)).await?;
    call.state.check_may_act()?;
    super::sr::refresh(&call.state, sr).await?;
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

/// Writes `VDI.allowed_operations` anew.
///
/// # Errors
/// The database refuses.
pub fn refresh_allowed(tx: &mut Tx<'_>, disk: Ref<Vdi>) -> Result<(), ApiError> {
    let Some(row) = tx.get(disk) else { return Ok(()) };
    let allowed = allowed_now(tx, row);
    if row.allowed_operations == allowed {
        return Ok(());
    }
    tx.update(disk, |row: &mut Vdi| row.allowed_operations = allowed)
}
