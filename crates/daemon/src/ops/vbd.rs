//! Disks and CD drives of VMs; plugging them into running ones is [`super::hotplug`]'s.

use std::sync::Arc;

use haven_drivers::hypervisor::DiskBus;
use haven_model::{ApiError, Field, Ref, Value, Vbd, VbdMode, VbdType, Vm, VmPowerState, codes};
use haven_pooldb::{Image, Tx};

use super::{allowed, other_config, own_volumes, placement, spec, vdi};
use crate::dispatch::Call;
use crate::state::fresh;

/// Device numbers of a VM.
pub const DEVICES_MAX: u32 = 16;

/// Key of `VBD.other_config`: by what the guest reaches the disk, `virtio` (also without it),
/// `scsi` or `sata`. It holds from the next start on.
pub const BUS_KEY: &str = "bus";

/// By what the guest reaches the disk.
///
/// # Errors
/// `INVALID_VALUE` for what is no bus.
pub fn bus(row: &Vbd) -> Result<DiskBus, ApiError> {
    match row.other_config.get(BUS_KEY) {
        None => Ok(DiskBus::default()),
        Some(text) => bus_named(text),
    }
}

/// The bus of this name.
///
/// # Errors
/// `INVALID_VALUE`.
pub fn bus_named(text: &str) -> Result<DiskBus, ApiError> {
    let found = DiskBus::ALL.into_iter().find(|bus| bus.as_str() == text);
    let why = format!("{text}: a disk is reached by virtio, scsi or sata");
    found.ok_or_else(|| ApiError::with(codes::INVALID_VALUE, &[&"other_config:bus", &why]))
}

/// `VBD.set_other_config`, `VBD.add_to_other_config`: what is no bus is refused.
pub async fn configure(call: Arc<Call>) -> Result<Value, ApiError> {
    other_config::put::<Vbd>(&call, |config| {
        config.get(BUS_KEY).map_or(Ok(()), |text| bus_named(text).map(drop))
    })
    .await
}

/// `VBD.create(record)`.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let row: Vbd = call.arg(0)?;
    let vbd = call.write(move |tx| insert(tx, row)).await?;
    Ok(vbd.to_value())
}

/// Adds a device as clients describe it.
///
/// # Errors
/// The VM is suspended, or the device makes no sense.
pub fn insert(tx: &mut Tx<'_>, asked: Vbd) -> Result<Ref<Vbd>, ApiError> {
    let vm = asked.vm;
    changeable(tx, vm)?;
    let disk = asked.r#type != VbdType::Cd;
    bus(&asked)?;
    if asked.vdi.is_null() && disk {
        return Err(ApiError::handle_invalid(asked.vdi));
    }
    if !asked.vdi.is_null() {
        own_volumes::usable(tx, asked.vdi)?;
        let sr = tx.require(asked.vdi)?.sr;
        let verdict = super::admission::check_disk(tx, vm, sr)?;
        super::admission::settle(tx, verdict, false)?;
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
    let runs = tx.require(vm)?.power_state == VmPowerState::Running;
    let vbd = tx.insert(Vbd { allowed_operations: allowed::vbd_allowed(&row, runs), ..row })?;
    vdi::refresh_allowed(tx, vdi)?;
    Ok(vbd)
}

/// Whether devices can be added to a VM: the memory of a suspended one knows those that it has.
///
/// # Errors
/// `VM_BAD_POWER_STATE`.
pub fn changeable(db: &Image, vm: Ref<Vm>) -> Result<(), ApiError> {
    if db.require(vm)?.power_state != VmPowerState::Suspended {
        return certain(db, vm);
    }
    let expected = "halted;running;paused";
    Err(ApiError::with(codes::VM_BAD_POWER_STATE, &[&vm, &expected, &"suspended"]))
}

/// What a VM has is certain: one that is halted on paper may run with it, after a start whose end
/// nobody saw.
///
/// # Errors
/// `OPERATION_NOT_ALLOWED`.
fn certain(db: &Image, vm: Ref<Vm>) -> Result<(), ApiError> {
    let halted = db.get(vm).is_some_and(|row| row.power_state == VmPowerState::Halted);
    match halted && !placement::holders(db, vm).is_empty() {
        true => Err(ApiError::not_allowed("a host may still run this VM")),
        false => Ok(()),
    }
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

/// `VBD.destroy(vbd)`.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let vbd: Ref<Vbd> = call.arg(0)?;
    call.write(move |tx| {
        let row = tx.require(vbd)?;
        let disk = row.vdi;
        if row.currently_attached {
            return Err(ApiError::with(codes::DEVICE_ALREADY_ATTACHED, &[&vbd]));
        }
        if let Some(vm) = tx.get(row.vm).filter(|vm| !vm.current_operations.is_empty()) {
            return Err(busy(row.vm, vm));
        }
        certain(tx, row.vm)?;
        tx.remove(vbd)?;
        vdi::refresh_allowed(tx, disk)
    })
    .await?;
    Ok(Value::void())
}

fn busy(vm: Ref<Vm>, row: &Vm) -> ApiError {
    let (task, operation) = row
        .current_operations
        .iter()
        .next()
        .map(|(task, operation)| (task.clone(), operation.as_str()))
        .unwrap_or_default();
    ApiError::with(codes::OTHER_OPERATION_IN_PROGRESS, &[&"VM", &vm, &operation, &task])
}

/// `VBD.set_mode(vbd, mode)`.
pub async fn set_mode(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vbd, mode): (Ref<Vbd>, VbdMode) = (call.arg(0)?, call.arg(1)?);
    call.write(move |tx| {
        let row = tx.require(vbd)?;
        if row.r#type == VbdType::Cd && mode == VbdMode::Rw {
            return Err(ApiError::new(codes::VBD_CDS_MUST_BE_READONLY, Vec::new()));
        }
        if row.currently_attached {
            return Err(ApiError::with(codes::DEVICE_ALREADY_ATTACHED, &[&vbd]));
        }
        tx.update(vbd, |row: &mut Vbd| row.mode = mode)
    })
    .await?;
    Ok(Value::void())
}

#[cfg(test)]
mod tests {
    use haven_model::Vbd;

    use super::{DiskBus, bus, number};

    #[test]
    fn devices_have_numbers_and_names() {
        assert_eq!(number("3").unwrap(), "3");
        assert_eq!(number("xvdb").unwrap(), "1");
        assert_eq!(number("sda").unwrap(), "0");
        assert!(number("fd").is_err());
        assert!(number("xvd").is_err());
    }

    #[test]
    fn a_disk_is_reached_by_virtio_unless_something_else_is_asked() {
        let with = |text: &str| Vbd {
            other_config: [("bus".to_owned(), text.to_owned())].into(),
            ..Vbd::default()
        };
        assert_eq!(bus(&Vbd::default()).unwrap(), DiskBus::Virtio);
        assert_eq!(bus(&with("sata")).unwrap(), DiskBus::Sata);
        assert_eq!(bus(&with("ide")).unwrap_err().code, "INVALID_VALUE");
    }
}
