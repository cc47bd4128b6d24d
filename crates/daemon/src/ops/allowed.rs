//! What may be done with an object in its present state: one table, from which both
//! `allowed_operations` and the refusals come.

use haven_model::{
    ApiError, HostAllowedOperations, Ref, Sr, StorageOperations, Vbd, VbdOperations, VbdType, Vdi,
    VdiOperations, Vif, VifOperations, Vm, VmOperations, VmPowerState, codes,
};

use VmOperations as Op;
use VmPowerState::{Halted, Paused, Running, Suspended};

/// Operations on VMs (not templates) that Haven performs, and the power states that they need.
const VM_OPERATIONS: &[(Op, &[VmPowerState])] = &[
    (Op::Start, &[Halted]),
    (Op::StartOn, &[Halted]),
    (Op::Snapshot, &[Halted, Running, Paused, Suspended]),
    (Op::Checkpoint, &[Halted, Running, Paused, Suspended]),
    (Op::Clone, &[Halted]),
    (Op::Copy, &[Halted]),
    (Op::Export, &[Halted]),
    (Op::MetadataExport, &[Halted, Running, Paused, Suspended]),
    (Op::Destroy, &[Halted]),
    (Op::MakeIntoTemplate, &[Halted]),
    (Op::Provision, &[Halted]),
    (Op::ChangingStaticRange, &[Halted]),
    (Op::ChangingDynamicRange, &[Halted, Running]),
    (Op::ChangingMemoryLive, &[Running]),
    (Op::ChangingVCPUsLive, &[Running]),
    (Op::SendTrigger, &[Running]),
    (Op::ChangingMemoryLimits, &[Halted]),
    (Op::ChangingVCPUs, &[Halted]),
    (Op::Pause, &[Running]),
    (Op::Unpause, &[Paused]),
    (Op::Suspend, &[Running]),
    (Op::Resume, &[Suspended]),
    (Op::ResumeOn, &[Suspended]),
    (Op::CleanShutdown, &[Running]),
    (Op::CleanReboot, &[Running]),
    (Op::HardShutdown, &[Running, Paused, Suspended]),
    (Op::HardReboot, &[Running, Paused]),
    (Op::PowerStateReset, &[Halted, Running, Paused, Suspended]),
    (Op::PoolMigrate, &[Running, Paused]),
    (Op::MigrateSend, &[Running, Paused]),
];

/// Operations on templates.
const TEMPLATE_OPERATIONS: &[Op] = &[
    Op::Clone,
    Op::Copy,
    Op::Destroy,
    Op::Provision,
    Op::ChangingStaticRange,
    Op::ChangingDynamicRange,
    Op::ChangingMemoryLimits,
    Op::ChangingVCPUs,
    Op::Export,
    Op::MetadataExport,
];

/// Operations on snapshots.
const SNAPSHOT_OPERATIONS: &[Op] = &[
    Op::Clone,
    Op::Copy,
    Op::CreateTemplate,
    Op::Destroy,
    Op::Export,
    Op::MetadataExport,
    Op::Revert,
];

/// Operations on what is a template in any sense.
fn of_template(row: &Vm) -> &'static [Op] {
    if row.is_a_snapshot { SNAPSHOT_OPERATIONS } else { TEMPLATE_OPERATIONS }
}

/// Operations on disks that no VM uses.
pub const DISK_OPERATIONS: &[VdiOperations] = &[
    VdiOperations::Clone,
    VdiOperations::Copy,
    VdiOperations::Destroy,
    VdiOperations::Forget,
    VdiOperations::Resize,
    VdiOperations::Snapshot,
    VdiOperations::Update,
];

/// Whether `operation` fits the state of the VM.
///
/// # Errors
/// `OPERATION_BLOCKED`, `VM_IS_TEMPLATE`, `VM_BAD_POWER_STATE` or `OPERATION_NOT_ALLOWED`.
pub fn vm_operation(vm: Ref<Vm>, row: &Vm, operation: Op) -> Result<(), ApiError> {
    if let Some(why) = row.blocked_operations.get(&operation) {
        return Err(ApiError::with(codes::OPERATION_BLOCKED, &[&vm, why]));
    }
    if row.is_a_template {
        if of_template(row).contains(&operation) {
            return Ok(());
        }
        if operation == Op::Revert {
            return Err(ApiError::not_allowed("this is a template and no snapshot"));
        }
        return Err(ApiError::with(codes::VM_IS_TEMPLATE, &[&vm]));
    }
    let states = VM_OPERATIONS.iter().find(|(known, _)| *known == operation);
    let Some((_, states)) = states else {
        return Err(ApiError::not_allowed(format!("{operation} is not possible for this VM")));
    };
    if states.contains(&row.power_state) {
        return Ok(());
    }
    let expected: Vec<String> = states.iter().map(|state| state.as_str().to_lowercase()).collect();
    let actual = row.power_state.as_str().to_lowercase();
    Err(ApiError::with(codes::VM_BAD_POWER_STATE, &[&vm, &expected.join(";"), &actual]))
}

/// `VM.allowed_operations`.
#[must_use]
pub fn vm_allowed(row: &Vm) -> Vec<Op> {
    if row.is_control_domain || !row.current_operations.is_empty() {
        return Vec::new();
    }
    let all: Vec<Op> = if row.is_a_template {
        of_template(row).to_vec()
    } else {
        let fitting = VM_OPERATIONS.iter().filter(|(_, states)| states.contains(&row.power_state));
        fitting.map(|(operation, _)| *operation).filter(|op| *op != Op::Provision).collect()
    };
    all.into_iter().filter(|op| !row.blocked_operations.contains_key(op)).collect()
}

/// `VDI.allowed_operations`.
#[must_use]
pub fn vdi_allowed(row: &Vdi, attached: bool) -> Vec<VdiOperations> {
    use VdiOperations as V;
    if !row.current_operations.is_empty() || !row.managed || super::own_volumes::is_own(row.r#type)
    {
        return Vec::new();
    }
    if attached {
        return vec![V::Snapshot, V::ResizeOnline, V::Update];
    }
    let all = DISK_OPERATIONS.iter().copied();
    all.filter(|op| !(row.is_a_snapshot && matches!(op, V::Resize | V::Snapshot))).collect()
}

/// What a repository does with disks, whatever else happens to it.
const VDI_OPERATIONS: &[StorageOperations] = &[
    StorageOperations::VdiCreate,
    StorageOperations::VdiDestroy,
    StorageOperations::VdiClone,
    StorageOperations::VdiCopy,
    StorageOperations::VdiResize,
    StorageOperations::VdiSnapshot,
];

/// `SR.allowed_operations`.
#[must_use]
pub fn sr_allowed(row: &Sr) -> Vec<StorageOperations> {
    use StorageOperations as S;
    if row.current_operations.is_empty() {
        [&[S::Scan, S::Update, S::Destroy, S::Forget, S::Plug, S::Unplug], VDI_OPERATIONS].concat()
    } else {
        VDI_OPERATIONS.to_vec()
    }
}

/// `host.allowed_operations`.
#[must_use]
pub fn host_allowed(busy: bool) -> Vec<HostAllowedOperations> {
    use HostAllowedOperations as H;
    if busy { vec![H::VmStart] } else { vec![H::Provision, H::Evacuate, H::VmStart, H::VmMigrate] }
}

/// `VBD.allowed_operations`; `runs`: its VM executes.
#[must_use]
pub fn vbd_allowed(row: &Vbd, runs: bool) -> Vec<VbdOperations> {
    use VbdOperations as V;
    let mut allowed = match (runs, row.currently_attached) {
        (true, true) => vec![V::Unplug, V::UnplugForce],
        (true, false) => vec![V::Plug],
        _ => vec![V::Attach],
    };
    if row.r#type == VbdType::Cd {
        allowed.push(if row.empty { V::Insert } else { V::Eject });
    }
    allowed
}

/// `VIF.allowed_operations`; `runs`: its VM executes.
#[must_use]
pub fn vif_allowed(row: &Vif, runs: bool) -> Vec<VifOperations> {
    match (runs, row.currently_attached) {
        (true, true) => vec![VifOperations::Unplug],
        (true, false) => vec![VifOperations::Plug],
        _ => vec![VifOperations::Attach],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_is_expected_and_what_is() {
        let vm = Vm { power_state: Running, ..Vm::default() };
        let error = vm_operation(Ref::from_u128(7), &vm, Op::Start).unwrap_err();
        assert_eq!(error.code, "VM_BAD_POWER_STATE");
        assert_eq!(error.params[1..], ["halted", "running"]);
    }

    #[test]
    fn allowed_and_refused_are_complements() {
        for power_state in [Halted, Paused, Running, Suspended] {
            let vm = Vm { power_state, ..Vm::default() };
            let allowed = vm_allowed(&vm);
            for (operation, _) in VM_OPERATIONS.iter().filter(|(op, _)| *op != Op::Provision) {
                let fits = vm_operation(Ref::from_u128(7), &vm, *operation).is_ok();
                assert_eq!(allowed.contains(operation), fits, "{operation} {power_state}");
            }
        }
        let template = Vm { is_a_template: true, ..Vm::default() };
        let error = vm_operation(Ref::from_u128(7), &template, Op::Start).unwrap_err();
        assert_eq!(error.code, "VM_IS_TEMPLATE");
    }
}
