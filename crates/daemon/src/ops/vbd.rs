//! Disks and CD drives of VMs. Only of halted ones so far: hotplug is refused with a clear error.

use std::sync::Arc;

use haven_model::{
    ApiError, Field, Ref, Value, Vbd, VbdMode, VbdType, Vdi, Vm, VmPowerState, codes,
};
use haven_pooldb::{Image, Tx};

use super::{allowed, spec, vdi};
use crate::dispatch::Call;
use crate::state::fresh;

/// Device numbers of a VM.
const DEVICES_MAX: u32 = 16;

/// `VBD.create(record)`.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let row: Vbd = call.arg(0)?;
    let vbd = call.write(move |tx| insert(tx, row)).await?;
    Ok(vbd.to_value())
}

/// Adds a device as clients describe it.
///
/// # Errors
/// The VM is not halted, or the device makes no sense.
pub fn insert(tx: &mut Tx<'_>, asked: Vbd) -> Result<Ref<Vbd>, ApiError> {
    let vm = asked.vm;
    halted(tx, vm)?;
    let disk = asked.r#type != VbdType::Cd;
    if asked.vdi.is_null() && disk {
        return Err(ApiError::handle_invalid(asked.vdi));
    }
    if !asked.vdi.is_null() {
        tx.require(asked.vdi)?;
    }
    if !disk && asked.mode == VbdMode::Rw {
        return Err(ApiError::new(codes::VBD_CDS_MUST_BE_READONLY, Vec::new()));
    }
    let taken: Vec<String> =
        devices(tx, vm)?.into_iter().map(|(_, row)| row.userdevice.clone()).collect();
    let userdevice = if asked.userdevice.is_empty() || asked.userdevice == "autodetect" {
        let free = (0..DEVICES_MAX).map(|number| number.to_string());
        free.into_iter().find(|number| !taken.contains(number)).unwrap_or_default()
    } else {
        number(&asked.userdevice)?
    };
    if taken.contains(&userdevice) {
        return Err(ApiError::with(codes::DEVICE_ALREADY_EXISTS, &[&userdevice]));
    }
    let device = spec::target(&userdevice, !disk)
        .ok_or_else(|| ApiError::with(codes::INVALID_DEVICE, &[&userdevice]))?;
    let row = Vbd {
        uuid: fresh().to_string(),
        empty: asked.vdi.is_null(),
        userdevice,
        device,
        currently_attached: false,
        ..asked
    };
    let vdi = row.vdi;
    let vbd = tx.insert(Vbd { allowed_operations: allowed::vbd_allowed(&row), ..row })?;
    refresh_vdi(tx, vdi)?;
    Ok(vbd)
}

/// The number of a device: `0`, or `xvda`, `vda`, `hda`, `sda`.
fn number(device: &str) -> Result<String, ApiError> {
    if device.parse::<u32>().is_ok() {
        return Ok(device.to_owned());
    }
    let letter = ["xvd", "vd", "hd", "sd"]
        .iter()
        .find_map(|prefix| device.strip_prefix(prefix))
        .and_then(|rest| rest.bytes().next())
        .filter(u8::is_ascii_lowercase);
    let letter = letter.ok_or_else(|| ApiError::with(codes::INVALID_DEVICE, &[&device]))?;
    Ok((letter - b'a').to_string())
}

fn devices(db: &Image, vm: Ref<Vm>) -> Result<Vec<(Ref<Vbd>, &Vbd)>, ApiError> {
    let row = db.require(vm)?;
    Ok(row.vbds.iter().filter_map(|vbd| Some((*vbd, db.get(*vbd)?))).collect())
}

fn halted(db: &Image, vm: Ref<Vm>) -> Result<(), ApiError> {
    let row = db.require(vm)?;
    if row.power_state == VmPowerState::Halted {
        return Ok(());
    }
    let actual = row.power_state.as_str().to_lowercase();
    Err(ApiError::with(codes::VM_BAD_POWER_STATE, &[&vm, &"halted", &actual]))
}

fn refresh_vdi(tx: &mut Tx<'_>, disk: Ref<Vdi>) -> Result<(), ApiError> {
    let Some(row) = tx.get(disk) else { return Ok(()) };
    let allowed = vdi::allowed_now(tx, row);
    tx.update(disk, |row: &mut Vdi| row.allowed_operations = allowed)
}

/// `VBD.destroy(vbd)`.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let vbd: Ref<Vbd> = call.arg(0)?;
    call.write(move |tx| {
        let row = tx.require(vbd)?;
        let (vm, disk) = (row.vm, row.vdi);
        if row.currently_attached {
            return Err(ApiError::with(codes::DEVICE_ALREADY_ATTACHED, &[&vbd]));
        }
        if tx.get(vm).is_some() {
            halted(tx, vm)?;
        }
        tx.remove(vbd)?;
        refresh_vdi(tx, disk)
    })
    .await?;
    Ok(Value::void())
}

/// `VBD.insert(vbd, vdi)` and `VBD.eject(vbd)`: CDs of halted VMs.
pub async fn insert_eject(call: Arc<Call>) -> Result<Value, ApiError> {
    let vbd: Ref<Vbd> = call.arg(0)?;
    let disk: Ref<Vdi> = if call.method == "VBD.insert" { call.arg(1)? } else { Ref::NULL };
    call.write(move |tx| {
        let row = tx.require(vbd)?;
        if row.r#type != VbdType::Cd {
            return Err(ApiError::with(codes::VBD_NOT_REMOVABLE_MEDIA, &[&vbd]));
        }
        if disk.is_null() && row.empty {
            return Err(ApiError::with(codes::VBD_IS_EMPTY, &[&vbd]));
        }
        if !disk.is_null() && !row.empty {
            return Err(ApiError::with(codes::VBD_NOT_EMPTY, &[&vbd]));
        }
        halted(tx, row.vm)?;
        if !disk.is_null() {
            tx.require(disk)?;
        }
        tx.update(vbd, |row: &mut Vbd| {
            row.vdi = disk;
            row.empty = disk.is_null();
        })
    })
    .await?;
    Ok(Value::void())
}

/// `VBD.plug`, `VBD.unplug`: hotplug.
pub async fn plug(call: Arc<Call>) -> Result<Value, ApiError> {
    let vbd: Ref<Vbd> = call.arg(0)?;
    call.read(|db| {
        let row = db.require(vbd)?;
        let attached = row.currently_attached;
        if call.method == "VBD.plug" && attached {
            return Err(ApiError::with(codes::DEVICE_ALREADY_ATTACHED, &[&vbd]));
        }
        if call.method != "VBD.plug" && !attached {
            return Err(ApiError::with(codes::DEVICE_ALREADY_DETACHED, &[&vbd]));
        }
        Err(super::no_hotplug("disks"))
    })
    .await
}

/// `VBD.set_mode(vbd, mode)`.
pub async fn set_mode(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vbd, mode): (Ref<Vbd>, VbdMode) = (call.arg(0)?, call.arg(1)?);
    call.write(move |tx| {
        halted(tx, tx.require(vbd)?.vm)?;
        tx.update(vbd, |row: &mut Vbd| row.mode = mode)
    })
    .await?;
    Ok(Value::void())
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn devices_have_numbers_and_names() {
        assert_eq!(number("3").unwrap(), "3");
        assert_eq!(number("xvdb").unwrap(), "1");
        assert_eq!(number("sda").unwrap(), "0");
        assert!(number("fd").is_err());
        assert!(number("xvd").is_err());
    }
}
