//! Disks that go to another repository.

use std::sync::Arc;

use haven_model::{ApiError, Field, Ref, Sr, Value, Vbd, Vdi, Vm, VmPowerState, codes};
use haven_pooldb::{Image, Tx};

use super::vdi::{refresh_allowed, unused, writable};
use super::vdi_copy::copy_into;
use super::vm::state::Undo;
use super::{chain, motion, own_volumes, rows};
use crate::dispatch::Call;
use crate::state::fresh;
use crate::tasks::Plan;

/// `VDI.pool_migrate(vdi, sr, options)`: a disk whose machines are halted; those of running machines
/// are [`motion`]'s. It is copied; in one
/// transaction its machines get the copy; then the old one goes. Answers the new disk, as
/// XenServer does.
pub async fn pool_migrate(call: Arc<Call>) -> Result<Value, ApiError> {
    let (from, sr): (Ref<Vdi>, Ref<Sr>) = (call.arg(0)?, call.arg(1)?);
    if let Some(vbd) = call.read(|db| Ok(motion::plugged(db, from))).await? {
        return motion::pool_migrate(call, (vbd, from, sr)).await;
    }
    let users = call.read(|db| movable(db, from, sr)).await?;
    let to = Ref::<Vdi>::from_uuid(fresh());
    let mut plan = Plan::new("pool_migrate").exclusive(from).exclusive(to);
    for vm in users {
        plan = plan.exclusive(vm);
    }
    let plan = plan.step("copy the volume", 18).step("exchange the disks", 1);
    let state = call.state.clone();
    call.run(plan.step("delete the old volume", 1), move |mut op| async move {
        op.step_undo(&Undo::DropVdi { vdi: to }).await?;
        state.pool.read(|db| movable(db, from, sr)).await??;
        copy_into(&state, from, to, sr).await?;
        op.step().await?;
        state.pool.write(move |tx| exchange(tx, from, to)).await?;
        op.commit().await;
        op.step().await?;
        if let Err(error) = chain::delete(&state, from).await {
            // Nobody uses it any more; it is there to be deleted by hand.
            tracing::warn!(%error, vdi = %from, "a disk has moved, but the old one is still there");
        }
        Ok(to.to_value())
    })
    .await
}

/// The machines that have the disk, if it can move.
fn movable(db: &Image, disk: Ref<Vdi>, sr: Ref<Sr>) -> Result<Vec<Ref<Vm>>, ApiError> {
    own_volumes::usable(db, disk)?;
    let row = db.require(disk)?;
    writable(db, row.sr)?;
    writable(db, sr)?;
    if row.sr == sr {
        return Err(ApiError::not_allowed("the disk is in this repository already"));
    }
    if row.is_a_snapshot || !row.snapshots.is_empty() || !chain::children(db, row).is_empty() {
        return Err(ApiError::not_allowed(
            "snapshots or clones of the disk need it where it is; remove them first",
        ));
    }
    unused(db, disk, "pool_migrate: shut its machine down first")?;
    let mut users = Vec::new();
    for vm in row.vbds.iter().filter_map(|vbd| db.get::<Vbd>(*vbd)).map(|vbd| vbd.vm) {
        let machine = db.require(vm)?;
        if machine.power_state != VmPowerState::Halted {
            let states = [VmPowerState::Halted, machine.power_state].map(|s| s.to_string());
            let params: [&dyn std::fmt::Display; 3] = [&vm, &states[0], &states[1]];
            return Err(ApiError::with(codes::VM_BAD_POWER_STATE, &params));
        }
        let protected = machine.ha_restart_priority == "restart";
        if protected && rows::pool(db)?.1.ha_enabled && !db.require(sr)?.shared {
            return Err(ApiError::with(codes::HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED, &[&sr]));
        }
        users.push(vm);
    }
    Ok(users)
}

/// The machines get the copy, which is like the old one in everything but its place.
fn exchange(tx: &mut Tx<'_>, from: Ref<Vdi>, to: Ref<Vdi>) -> Result<(), ApiError> {
    let old = tx.require(from)?.clone();
    for vbd in &old.vbds {
        tx.update(*vbd, |row: &mut Vbd| row.vdi = to)?;
    }
    tx.update(to, |row: &mut Vdi| {
        row.read_only = old.read_only;
        row.xenstore_data = old.xenstore_data;
        row.on_boot = old.on_boot;
        row.allow_caching = old.allow_caching;
    })?;
    refresh_allowed(tx, from)?;
    refresh_allowed(tx, to)
}
