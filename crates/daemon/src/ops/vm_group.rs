//! Groups of VMs that are placed with regard to each other.

use std::sync::Arc;

use haven_model::{ApiError, Field, Ref, Value, Vm, VmGroup};

use super::admission;
use crate::dispatch::Call;
use crate::state::fresh;

/// `VM_group.create(record)`.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let asked: VmGroup = call.arg(0)?;
    let row = VmGroup { uuid: fresh().to_string(), vms: Vec::new(), ..asked };
    let group = call.write(move |tx| tx.insert(row)).await?;
    Ok(group.to_value())
}

/// `VM_group.destroy(group)`: its VMs are in no group then.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let group: Ref<VmGroup> = call.arg(0)?;
    call.write(move |tx| {
        for vm in tx.require(group)?.vms.clone() {
            tx.update(vm, |row: &mut Vm| row.groups.retain(|other| *other != group))?;
        }
        tx.remove(group)
    })
    .await?;
    Ok(Value::void())
}

/// `VM.set_groups(vm, groups)`. A rule that the pool cannot keep after a failure is a change like
/// any other: the promise is weighed with it.
pub async fn set_groups(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, groups): (Ref<Vm>, Vec<Ref<VmGroup>>) = (call.arg(0)?, call.arg(1)?);
    call.write(move |tx| {
        groups.iter().try_for_each(|group| tx.require(*group).map(|_| ()))?;
        let before = super::view::current(tx);
        tx.update(vm, |row: &mut Vm| row.groups = groups)?;
        let name = tx.require(vm)?.name_label.clone();
        let doing = admission::doing(haven_planner::Operation::Group, vm, &name);
        admission::check_from(tx, doing, &before)
    })
    .await?;
    Ok(Value::void())
}
