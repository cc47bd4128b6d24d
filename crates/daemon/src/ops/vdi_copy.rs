//! Growing, snapshotting, cloning and copying virtual disks.

use std::sync::Arc;

use haven_drivers::hypervisor::DomainChange;
use haven_model::{ApiError, Field, Host, Ref, Sr, Value, Vbd, Vdi, Vm, codes};
use haven_pooldb::Image;
use uuid::Uuid;

use super::chain::{self, Writer};
use super::rows::uuid;
use super::vdi::{new_row, settle, unused, writable};
use super::vm::migrate;
use super::vm::state::{self as vm_state, Undo};
use super::{errors, host, own_volumes, spec};
use crate::dispatch::Call;
use crate::orders::Order;
use crate::state::{AppState, fresh, now};
use crate::tasks::Plan;

/// Where a disk that is in use is in use.
#[derive(Clone, Debug)]
struct User {
    vm: Ref<Vm>,
    on: Ref<Host>,
    id: Uuid,
    target: String,
}

/// The VM that has the disk plugged in, if one has.
fn user(db: &Image, disk: Ref<Vdi>) -> Result<Option<User>, ApiError> {
    let row = db.require(disk)?;
    let vbds = row.vbds.iter().filter_map(|vbd| db.get::<Vbd>(*vbd));
    let Some(vbd) = vbds.into_iter().find(|vbd| vbd.currently_attached) else {
        unused(db, disk, "its VM is starting or moving")?;
        return Ok(None);
    };
    let (on, id) = vm_state::residence(db, vbd.vm)?;
    if vm_state::user_of(db, disk, vbd.vm).is_some() {
        return Err(ApiError::with(codes::VDI_IN_USE, &[&disk, &"several VMs use it"]));
    }
    let target = spec::target(&vbd.userdevice, false)
        .ok_or_else(|| ApiError::with(codes::INVALID_DEVICE, &[&vbd.userdevice]))?;
    Ok(Some(User { vm: vbd.vm, on, id, target }))
}

/// The VM that has the disk plugged in now that it is this operation's turn, which holds the one
/// that had it `before`.
///
/// # Errors
/// Another one has it, or a host that may run the VM does not answer.
async fn user_now(
    state: &Arc<AppState>,
    disk: Ref<Vdi>,
    before: Option<Ref<Vm>>,
) -> Result<Option<User>, ApiError> {
    if let Some(vm) = before {
        migrate::settle(state, vm).await?;
    }
    let now = state.pool.read(|db| user(db, disk)).await??;
    match now.as_ref().map(|user| user.vm) == before {
        true => Ok(now),
        false => Err(ApiError::with(codes::VDI_IN_USE, &[&disk, &"plugged in or out meanwhile"])),
    }
}

/// `VDI.resize(vdi, size)`, `VDI.resize_online(vdi, size)`: grows a disk, also under its VM.
pub async fn resize(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vdi, bytes): (Ref<Vdi>, i64) = (call.arg(0)?, call.arg(1)?);
    let bytes = super::vdi::size(bytes)?;
    let size = u64::try_from(bytes).map_err(ApiError::internal)?;
    let here = call.state.this_host();
    let user = call
        .read(|db| {
            own_volumes::usable(db, vdi)?;
            let row = db.require(vdi)?;
            let user = user(db, vdi)?;
            if bytes < row.virtual_size {
                let what = "size: a disk cannot shrink";
                return Err(ApiError::with(codes::INVALID_VALUE, &[&what, &bytes]));
            }
            if row.is_a_snapshot || !chain::children(db, row).is_empty() {
                return Err(ApiError::not_allowed("a snapshot keeps its size"));
            }
            Ok(user.map(|user| user.vm))
        })
        .await?;
    let state = call.state.clone();
    let mut plan = Plan::new("resize").exclusive(vdi).step("resize the volume", 1);
    if let Some(vm) = user {
        plan = plan.exclusive(vm);
    }
    call.run(plan, move |mut op| async move {
        op.step().await?;
        let (on, order) = match user_now(&state, vdi, user).await? {
            Some(User { on, id, target, .. }) => {
                let change = Box::new(DomainChange::ResizeDisk { target, bytes: size });
                (on, Order::ChangeVm { vm: id, change })
            }
            None => {
                let volume = |db: &Image| {
                    let row = db.require(vdi)?;
                    let (on, sr) = spec::sr_host(db, row.sr, here)?;
                    let vdi = chain::volume(row)?;
                    Ok::<_, ApiError>((on, Order::ResizeVolume { sr, vdi, size }))
                };
                state.pool.read(volume).await??
            }
        };
        state.orders.send(host::id(on), order).await.map_err(|error| errors::order(on, error))?;
        state
            .pool
            .write(move |tx| {
                tx.update(vdi, |row: &mut Vdi| {
                    row.virtual_size = bytes;
                    row.sm_config.remove(chain::PRISTINE_KEY);
                })
            })
            .await?;
        Ok(Value::void())
    })
    .await
}

/// `VDI.snapshot(vdi, params)`: also of a disk that a running VM writes to.
pub async fn snapshot(call: Arc<Call>) -> Result<Value, ApiError> {
    let vdi: Ref<Vdi> = call.arg(0)?;
    let user = call
        .read(|db| {
            own_volumes::usable(db, vdi)?;
            writable(db, db.require(vdi)?.sr)?;
            chain::freezable(db, vdi)?;
            Ok(user(db, vdi)?.map(|user| user.vm))
        })
        .await?;
    let mut plan = Plan::new("snapshot").exclusive(vdi).step("make room", 1);
    if let Some(vm) = user {
        plan = plan.exclusive(vm);
    }
    let state = call.state.clone();
    let plan = plan.step("freeze the disk", 2).step("record", 1);
    call.run(plan, move |mut op| async move {
        let user = user_now(&state, vdi, user).await?;
        let target = user.as_ref().map(|user| user.target.clone()).unwrap_or_default();
        let writer =
            user.map(|user| Writer { on: user.on, id: user.id, memory: None, quiesce: false });
        let frozen = chain::freeze(&state, &mut op, vec![(vdi, target)], writer).await?;
        op.step().await?;
        let made = frozen.first().map(|frozen| frozen.base).unwrap_or_default();
        let time = now();
        let adopt = super::vm::snapshot::adopt;
        let adopted = move |tx: &mut haven_pooldb::Tx<'_>| {
            frozen.iter().try_for_each(|frozen| adopt(tx, frozen, time))
        };
        state.pool.write(adopted).await?;
        op.commit().await;
        Ok(made.to_value())
    })
    .await
}

/// `VDI.clone(vdi, params)`: a disk with the same content that takes no space at first.
pub async fn clone(call: Arc<Call>) -> Result<Value, ApiError> {
    let from: Ref<Vdi> = call.arg(0)?;
    call.read(|db| {
        own_volumes::usable(db, from)?;
        writable(db, db.require(from)?.sr)?;
        unused(db, from, "clone")?;
        chain::freezable(db, from)
    })
    .await?;
    let to = Ref::<Vdi>::from_uuid(fresh());
    let state = call.state.clone();
    let plan = Plan::new("clone").exclusive(from).step("make room", 1).step("clone", 1);
    call.run(plan, move |mut op| async move {
        state.pool.read(|db| unused(db, from, "clone")).await??;
        branch(&state, &mut op, from, to).await?;
        op.commit().await;
        Ok(to.to_value())
    })
    .await
}

/// Makes `to` a clone of `from`, which nobody writes to meanwhile.
///
/// # Errors
/// The disk cannot be frozen, or its storage failed.
pub async fn branch(
    state: &Arc<AppState>,
    op: &mut crate::tasks::Op,
    from: Ref<Vdi>,
    to: Ref<Vdi>,
) -> Result<(), ApiError> {
    let base = match state.pool.read(|db| chain::still(db, from)).await?? {
        Some(base) => base,
        None => {
            let frozen = chain::freeze(state, op, vec![(from, String::new())], None).await?;
            state.pool.write(move |tx| chain::note_pristine(tx, from)).await?;
            frozen.first().map(|frozen| frozen.base).unwrap_or_default()
        }
    };
    let row = state.pool.read(|db| db.require(from).map(|row| duplicate(row, to))).await??;
    chain::branch(state, op, base, to, row).await
}

/// The row of a disk with the same content.
fn duplicate(old: &Vdi, to: Ref<Vdi>) -> Vdi {
    Vdi {
        name_label: old.name_label.clone(),
        name_description: old.name_description.clone(),
        r#type: old.r#type,
        sharable: old.sharable,
        other_config: old.other_config.clone(),
        tags: old.tags.clone(),
        ..new_row(to, old.sr, old.virtual_size)
    }
}

/// `VDI.copy(vdi, sr, base_vdi, into_vdi)`: a full copy, also into another repository.
pub async fn copy(call: Arc<Call>) -> Result<Value, ApiError> {
    let from: Ref<Vdi> = call.arg(0)?;
    let sr: Ref<Sr> = call.arg_or(1, Ref::NULL)?;
    let (base, into): (Ref<Vdi>, Ref<Vdi>) =
        (call.arg_or(2, Ref::NULL)?, call.arg_or(3, Ref::NULL)?);
    if !base.is_null() || !into.is_null() {
        return Err(ApiError::not_allowed(
            "base_vdi and into_vdi cannot be given: only whole copies into new disks are made",
        ));
    }
    call.read(|db| {
        own_volumes::usable(db, from)?;
        writable(db, if sr.is_null() { db.require(from)?.sr } else { sr })
    })
    .await?;
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

/// A full copy of a disk that nobody writes to, into `sr` or its own repository.
///
/// # Errors
/// It is in use, no host has both repositories, or the copy failed.
pub async fn copy_into(
    state: &Arc<AppState>,
    from: Ref<Vdi>,
    to: Ref<Vdi>,
    sr: Ref<Sr>,
) -> Result<(), ApiError> {
    let here = state.this_host();
    let mount = state.config.paths.sr_mount();
    let (on, order) = state
        .pool
        .write(move |tx| {
            unused(tx, from, "copy")?;
            let old = tx.require(from)?.clone();
            let target = if sr.is_null() { old.sr } else { sr };
            writable(tx, target)?;
            let (on, order) = if target == old.sr && chain::volume(&old).is_ok() {
                let (on, sr) = spec::sr_host(tx, old.sr, here)?;
                let to = Uuid::from_u128(to.id().0);
                (on, Order::CopyVolume { sr, from: chain::volume(&old)?, to })
            } else {
                let (on, sr) = spec::sr_pair(tx, target, old.sr, here)?;
                let format = old.sm_config.get(spec::FORMAT_KEY).cloned();
                let format = format.unwrap_or_else(|| "qcow2".to_owned());
                let source = spec::path(tx, &old, &mount)?;
                let size = u64::try_from(old.virtual_size).unwrap_or(0);
                let to = Uuid::from_u128(to.id().0);
                (on, Order::ImportVolume { sr, to, source, format, size })
            };
            let row = Vdi { sr: target, read_only: false, ..duplicate(&old, to) };
            tx.insert_with(to, Vdi { uuid: uuid(&row.uuid)?.to_string(), ..row })?;
            Ok((on, order))
        })
        .await?;
    let reply = state.orders.send(host::id(on), order).await;
    settle(state, to, reply.map_err(|error| errors::order(on, error))?).await
}
