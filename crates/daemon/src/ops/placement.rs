//! Where a VM may run: the rows that are durable before any order to run it leaves.
//!
//! A VM runs on one of its holders or nowhere. Its placement row has the reference of the VM.

use haven_model::{ApiError, Holder, Host, Placement, Ref, Vm, codes};
use haven_pooldb::{Image, Tx};

/// The row of a VM's placement.
#[must_use]
pub fn of(vm: Ref<Vm>) -> Ref<Placement> {
    Ref::from_id(vm.id())
}

/// The hosts that may run the VM.
#[must_use]
pub fn holders(db: &Image, vm: Ref<Vm>) -> Vec<Ref<Host>> {
    let row = db.get(of(vm));
    row.map(|row| row.holders.iter().map(|holder| holder.host).collect()).unwrap_or_default()
}

/// In which life a host may run the VM.
#[must_use]
pub fn held_by(db: &Image, vm: Ref<Vm>, host: Ref<Host>) -> Option<Holder> {
    db.get(of(vm))?.holders.iter().find(|holder| holder.host == host).cloned()
}

/// The placement changed while an order was under way: its host was buried meanwhile.
#[must_use]
pub fn overtaken(host: Ref<Host>) -> ApiError {
    ApiError::with(codes::HOST_OFFLINE, &[&host])
}

/// Number of the VM's placement.
#[must_use]
pub fn number(db: &Image, vm: Ref<Vm>) -> u64 {
    db.get(of(vm)).map_or(0, |row| row.number)
}

/// Nobody changed the VM's placement since it had this number: what was found out about its
/// holders meanwhile still holds.
#[must_use]
pub fn is_still(db: &Image, vm: Ref<Vm>, number: u64) -> bool {
    self::number(db, vm) == number
}

/// Names the hosts that may run the VM from now on; answers the new number.
///
/// # Errors
/// When the row cannot be written.
pub fn set(tx: &mut Tx<'_>, vm: Ref<Vm>, holders: Vec<Holder>) -> Result<u64, ApiError> {
    let reference = of(vm);
    let number = number(tx, vm) + 1;
    if !holders.is_empty() {
        super::chain::touched(tx, vm)?;
    }
    if tx.get(reference).is_some() {
        tx.update(reference, |row: &mut Placement| {
            row.number = number;
            row.holders = holders;
        })?;
    } else {
        let uuid = uuid::Uuid::from_u128(reference.id().0).to_string();
        tx.insert_with(reference, Placement { uuid, vm, number, holders })?;
    }
    Ok(number)
}

/// This host certainly runs nothing, and will not: VMs of which it was the only holder are halted.
///
/// # Errors
/// When a row cannot be written.
pub fn release(tx: &mut Tx<'_>, gone: Ref<Host>) -> Result<(), ApiError> {
    let names = |row: &Placement| row.holders.iter().any(|holder| holder.host == gone);
    let held = tx.iter::<Placement>().filter(|(_, row)| names(row));
    let held: Vec<(Ref<Vm>, Vec<Holder>)> =
        held.map(|(_, row)| (row.vm, row.holders.clone())).collect();
    for (vm, mut holders) in held {
        holders.retain(|holder| holder.host != gone);
        match holders.is_empty() {
            true => super::vm::state::halted(tx, vm)?,
            false => drop(set(tx, vm, holders)?),
        }
    }
    Ok(())
}
