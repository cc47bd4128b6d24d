//! Suspending VMs: memory saved to a volume.

use std::sync::Arc;

use haven_model::{
    ApiError, Ref, Sr, Value, Vdi, VdiType, Vm, VmOperations, VmPowerState, alerts, codes,
};
use haven_pooldb::Image;
use serde_json::json;

use super::migrate;
use super::state::{self as vm_state, Undo};
use crate::dispatch::Call;
use crate::ops::{allowed, chain, host, news, rows, spec, vdi};
use crate::orders::Order;
use crate::state::{AppState, fresh};
use crate::tasks::Plan;

/// Memory images are a little larger than the memory.
const IMAGE_OVERHEAD_BYTES: i64 = 64 << 20;

/// `VM.suspend(vm)`.
pub async fn suspend(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    let sr = call
        .read(|db| {
            allowed::vm_operation(vm, db.require(vm)?, VmOperations::Suspend)?;
            repository(db, vm)
        })
        .await?;
    let image = Ref::<Vdi>::from_uuid(fresh());
    let state = call.state.clone();
    let plan = Plan::new(VmOperations::Suspend.as_str()).exclusive(vm);
    let plan = plan.step("make room", 1).step("save memory", 18).step("record", 1);
    call.run(plan, move |mut op| async move {
        migrate::settle(&state, vm).await?;
        let (on, id) = state.pool.read(|db| vm_state::residence(db, vm)).await??;
        op.step_undo(&Undo::DropVdi { vdi: image }).await?;
        let mount = state.config.paths.sr_mount();
        let path = state
            .pool
            .write(move |tx| {
                let row = new_image(tx, vm, image, sr)?;
                tx.insert_with(image, row)?;
                spec::path(tx, tx.require(image)?, &mount)
            })
            .await?;
        op.step().await?;
        let order = Order::SuspendVm { vm: id, path };
        let sent = state.orders.send(host::id(on), order).await;
        sent.map_err(|error| vm_state::stop_error(vm, on, error))?;
        op.step().await?;
        state
            .pool
            .write(move |tx| {
                tx.update(vm, |row: &mut Vm| row.suspend_vdi = image)?;
                vm_state::gone(tx, vm, VmPowerState::Suspended)?;
                news::of_vm(tx, alerts::VM_SUSPENDED, vm, ("suspended", json!({})))
            })
            .await?;
        op.commit().await;
        Ok(Value::void())
    })
    .await
}

/// A place for the memory of a VM: the row of an image that does not exist yet.
///
/// # Errors
/// `VM_NO_SUSPEND_SR`.
pub fn image_row(db: &Image, vm: Ref<Vm>) -> Result<(Ref<Vdi>, Vdi), ApiError> {
    let image = Ref::<Vdi>::from_uuid(fresh());
    Ok((image, new_image(db, vm, image, repository(db, vm)?)?))
}

fn new_image(db: &Image, vm: Ref<Vm>, image: Ref<Vdi>, sr: Ref<Sr>) -> Result<Vdi, ApiError> {
    let row = db.require(vm)?;
    let size = row.memory_static_max.saturating_add(IMAGE_OVERHEAD_BYTES);
    Ok(Vdi {
        name_label: format!("Suspend image of {}", row.name_label),
        r#type: VdiType::Suspend,
        ..vdi::new_row(image, sr, size)
    })
}

/// Where the image goes: the VM's own choice, the pool's, the pool's default, or a shared one of
/// its disks.
fn repository(db: &Image, vm: Ref<Vm>) -> Result<Ref<Sr>, ApiError> {
    let row = db.require(vm)?;
    let (_, pool) = rows::pool(db)?;
    let of_disk = crate::ops::view::disks(db, row).first().map(|(_, vdi, _)| vdi.sr);
    [row.suspend_sr, pool.suspend_image_sr, pool.default_sr]
        .into_iter()
        .chain(of_disk)
        .find(|sr| db.get(*sr).is_some())
        .ok_or_else(|| ApiError::with(codes::VM_NO_SUSPEND_SR, &[&vm]))
}

/// Throws the saved memory of a suspended VM away: it is halted then.
///
/// # Errors
/// A row is gone.
pub async fn discard(state: &Arc<AppState>, vm: Ref<Vm>) -> Result<Value, ApiError> {
    let image = state
        .pool
        .write(move |tx| {
            let image = tx.require(vm)?.suspend_vdi;
            vm_state::halted(tx, vm)?;
            Ok(image)
        })
        .await?;
    if !image.is_null() {
        drop_image(state, image).await;
    }
    Ok(Value::void())
}

/// Deletes an image unless a snapshot needs it; a failure leaves a volume that shows in its SR.
pub async fn drop_image(state: &Arc<AppState>, image: Ref<Vdi>) {
    let needed = state.pool.read(|db| super::snapshot::needs_image(db, image)).await;
    if needed.unwrap_or(true) {
        return;
    }
    if let Err(error) = chain::delete(state, image).await {
        tracing::warn!(%error, vdi = %image, "a suspend image could not be deleted");
    }
}
