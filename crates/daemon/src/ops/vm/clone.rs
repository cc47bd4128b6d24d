//! New VMs from old ones and from templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{
    ApiError, Field, Ref, Sr, Value, Vbd, VbdMode, VbdType, Vdi, Vif, Vm, VmMetrics, VmOperations,
    VmPowerState, alerts, codes,
};
use haven_pooldb::{Image, Tx};
use serde_json::json;

use super::seed::{self, Files};
use super::state::Undo;
use crate::dispatch::Call;
use crate::guest_watch::settings::STATE_KEY;
use crate::ops::vbd::DEVICES_MAX;
use crate::ops::{allowed, chain, news, rows, spec, vbd, vdi, vdi_copy, vif};
use crate::state::{AppState, fresh, now};
use crate::tasks::{Op, Plan};

/// Key of `VM.other_config` where templates describe the disks that they want.
pub const DISKS_KEY: &str = "disks";

/// How the disks of a new VM come to be.
#[derive(Clone, Copy, Debug)]
enum How {
    /// They share what is there, and take no space at first.
    Branch,
    /// Whole copies, in this repository or their own.
    Copy(Ref<Sr>),
}

/// `VM.clone(vm, new_name)`: at once, whatever the size of the disks.
pub async fn clone(call: Arc<Call>) -> Result<Value, ApiError> {
    duplicate(&call, VmOperations::Clone, How::Branch).await
}

/// `VM.copy(vm, new_name, sr)`.
pub async fn copy(call: Arc<Call>) -> Result<Value, ApiError> {
    let sr: Ref<Sr> = call.arg(2)?;
    duplicate(&call, VmOperations::Copy, How::Copy(sr)).await
}

async fn duplicate(call: &Call, operation: VmOperations, how: How) -> Result<Value, ApiError> {
    let (from, name): (Ref<Vm>, String) = (call.arg(0)?, call.arg(1)?);
    let judge = move |db: &Image| {
        let row = db.require(from)?;
        allowed::vm_operation(from, row, operation)?;
        let disks = crate::ops::view::disks(db, row).into_iter();
        let disks = disks.filter(|(_, _, vbd)| vbd.r#type == VbdType::Disk);
        let disks: Vec<Ref<Vdi>> = disks.map(|(vdi, _, _)| vdi).collect();
        disks.iter().try_for_each(|disk| check(db, *disk, from, how))?;
        Ok::<_, ApiError>(disks)
    };
    let disks: Vec<Ref<Vdi>> = call.read(judge).await?;
    let to = Ref::<Vm>::from_uuid(fresh());
    let mut plan = Plan::new(operation.as_str()).shared(from).step("make the VM", 1);
    for disk in &disks {
        plan = match how {
            How::Branch => plan.exclusive(*disk).step("make room", 1).step("freeze", 1),
            How::Copy(_) => plan.shared(*disk),
        };
        plan = plan.step("copy a disk", 10);
    }
    let state = call.state.clone();
    call.run(plan.cancellable(), move |mut op| async move {
        // It may have been started meanwhile, or run after a start whose end nobody saw.
        super::state::vacate(&state, from).await?;
        if state.pool.read(judge).await?? != disks {
            let what = "changed meanwhile";
            let busy: [&dyn std::fmt::Display; 4] = [&"VM", &from, &what, &""];
            return Err(ApiError::with(codes::OTHER_OPERATION_IN_PROGRESS, &busy));
        }
        op.step_undo(&Undo::DropVm { vm: to }).await?;
        let plan = state
            .pool
            .write(move |tx| {
                copy_rows(tx, from, to, name)?;
                tx.require(from)?.vbds.clone().into_iter().map(|vbd| device(tx, vbd, to)).collect()
            })
            .await?;
        copy_disks(&state, &mut op, plan, how).await?;
        op.commit().await;
        Ok(to.to_value())
    })
    .await
}

/// Whether a disk can be duplicated.
fn check(db: &Image, disk: Ref<Vdi>, vm: Ref<Vm>, how: How) -> Result<(), ApiError> {
    if let Some(other) = super::state::user_of(db, disk, vm) {
        let why = format!("attached to VM {other}");
        return Err(ApiError::with(codes::VDI_IN_USE, &[&disk, &why]));
    }
    match how {
        How::Branch => chain::freezable(db, disk),
        How::Copy(sr) if sr.is_null() => Ok(()),
        How::Copy(sr) => vdi::writable(db, sr),
    }
}

/// The row and the interfaces, under a new identity.
fn copy_rows(tx: &mut Tx<'_>, from: Ref<Vm>, to: Ref<Vm>, name: String) -> Result<(), ApiError> {
    let (what, data) = (format!("cloned to '{name}'"), json!({ "to": name }));
    news::of_vm(tx, alerts::VM_CLONED, from, (&what, data))?;
    let old = tx.require(from)?.clone();
    let vifs = old.vifs.clone();
    let mut row = Vm {
        uuid: uuid::Uuid::from_u128(to.id().0).to_string(),
        name_label: name,
        is_default_template: false,
        // What comes of a snapshot is a template of its own.
        is_a_snapshot: false,
        snapshot_of: Ref::NULL,
        parent: Ref::NULL,
        snapshot_info: BTreeMap::new(),
        appliance: Ref::NULL,
        power_state: VmPowerState::Halted,
        metrics: Ref::NULL,
        guest_metrics: Ref::NULL,
        resident_on: Ref::NULL,
        scheduled_to_be_resident_on: Ref::NULL,
        suspend_vdi: Ref::NULL,
        current_operations: BTreeMap::new(),
        ha_always_run: false,
        domid: -1,
        ..old
    };
    row.other_config.remove("mac_seed");
    // What another guest has spent is none of its own.
    row.other_config.remove(STATE_KEY);
    row.metrics = tx.insert(VmMetrics { install_time: now(), ..VmMetrics::default() })?;
    row.allowed_operations = allowed::vm_allowed(&row);
    tx.insert_with(to, row)?;
    for vif in vifs {
        let old = tx.require::<Vif>(vif)?.clone();
        let uuid = fresh();
        tx.insert(Vif {
            uuid: uuid.to_string(),
            vm: to,
            mac: vif::random_mac(uuid),
            mac_autogenerated: true,
            currently_attached: false,
            ..old
        })?;
    }
    Ok(())
}

/// A device of the new VM: CD drives at once, disks once they are copied.
fn device(tx: &mut Tx<'_>, vbd: Ref<Vbd>, to: Ref<Vm>) -> Result<Option<Vbd>, ApiError> {
    let old = tx.require(vbd)?.clone();
    let new = Vbd { uuid: fresh().to_string(), vm: to, currently_attached: false, ..old };
    if new.r#type == VbdType::Disk && !new.vdi.is_null() {
        return Ok(Some(new));
    }
    tx.insert(new)?;
    Ok(None)
}

async fn copy_disks(
    state: &Arc<AppState>,
    op: &mut Op,
    devices: Vec<Option<Vbd>>,
    how: How,
) -> Result<(), ApiError> {
    for device in devices.into_iter().flatten() {
        let to = Ref::<Vdi>::from_uuid(fresh());
        match how {
            How::Branch => vdi_copy::branch(state, op, device.vdi, to).await?,
            How::Copy(sr) => {
                op.step_undo(&Undo::DropVdi { vdi: to }).await?;
                vdi_copy::copy_into(state, device.vdi, to, sr).await?;
            }
        }
        state.pool.write(move |tx| tx.insert(Vbd { vdi: to, ..device }).map(|_| ())).await?;
    }
    Ok(())
}

/// A disk that a template wants.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    device: String,
    size: i64,
    sr: String,
    bootable: bool,
    /// Empty: the usual one.
    bus: String,
}

/// What `VM.provision` makes.
struct Provision {
    disks: Vec<(Ref<Sr>, Wanted)>,
    /// The disk that the guest reads when it boots for the first time.
    seed: Option<(Ref<Sr>, String, Files)>,
}

/// `VM.provision(vm)`: makes the disks that the template asks for; a VM afterwards.
pub async fn provision(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    let Provision { disks, seed } = call.read(|db| plan(db, vm)).await?;
    let mut plan = Plan::new(VmOperations::Provision.as_str()).exclusive(vm);
    for _ in disks.iter().map(|_| ()).chain(seed.iter().map(|_| ())) {
        plan = plan.step("create a disk", 10);
    }
    let state = call.state.clone();
    call.run(plan.step("record", 1), move |mut op| async move {
        for (sr, disk) in disks {
            let to = Ref::<Vdi>::from_uuid(fresh());
            op.step_undo(&Undo::DropVdi { vdi: to }).await?;
            let row = Vdi {
                name_label: format!("disk {}", disk.device),
                ..vdi::new_row(to, sr, disk.size)
            };
            vdi::make(&state, to, row).await?;
            let mut device = disk_device(vm, to, disk.device, disk.bootable);
            if !disk.bus.is_empty() {
                device.other_config.insert(vbd::BUS_KEY.to_owned(), disk.bus);
            }
            state.pool.write(move |tx| tx.insert(device).map(|_| ())).await?;
        }
        if let Some((sr, device, files)) = seed {
            let to = Ref::<Vdi>::from_uuid(fresh());
            op.step_undo(&Undo::DropVdi { vdi: to }).await?;
            seed::make(&state, to, sr, files).await?;
            let device = disk_device(vm, to, device, false);
            state.pool.write(move |tx| tx.insert(device).map(|_| ())).await?;
        }
        op.step().await?;
        state
            .pool
            .write(move |tx| {
                tx.update(vm, |row: &mut Vm| {
                    row.is_a_template = false;
                    row.is_default_template = false;
                    row.other_config.remove(DISKS_KEY);
                    row.other_config.retain(|key, _| !key.starts_with(seed::PREFIX));
                    row.allowed_operations = allowed::vm_allowed(row);
                })
            })
            .await?;
        Ok(Value::void())
    })
    .await
}

fn plan(db: &Image, vm: Ref<Vm>) -> Result<Provision, ApiError> {
    let row = db.require(vm)?;
    allowed::vm_operation(vm, row, VmOperations::Provision)?;
    let text = row.other_config.get(DISKS_KEY).cloned().unwrap_or_default();
    let disks = parse(&text)?.into_iter().map(|disk| Ok((repository(db, &disk)?, disk)));
    let disks: Vec<(Ref<Sr>, Wanted)> = disks.collect::<Result<_, ApiError>>()?;
    let seed = match seed::files(row)? {
        None => None,
        Some(files) => {
            let sr = seed::repository(db, row, disks.first().map(|(sr, _)| *sr))?;
            let own = row.vbds.iter().filter_map(|vbd| db.get(*vbd)).map(|vbd| &vbd.userdevice);
            let taken: Vec<&String> =
                own.chain(disks.iter().map(|(_, disk)| &disk.device)).collect();
            let free = (0..DEVICES_MAX).map(|number| number.to_string());
            let free = free.into_iter().find(|number| !taken.contains(&number));
            let device =
                free.ok_or_else(|| ApiError::with(codes::INVALID_DEVICE, &[&DEVICES_MAX]))?;
            Some((sr, device, files))
        }
    };
    Ok(Provision { disks, seed })
}

/// A disk of its own in a VM.
fn disk_device(vm: Ref<Vm>, vdi: Ref<Vdi>, userdevice: String, bootable: bool) -> Vbd {
    Vbd {
        uuid: fresh().to_string(),
        vm,
        vdi,
        device: spec::target(&userdevice, false).unwrap_or_default(),
        userdevice,
        bootable,
        mode: VbdMode::Rw,
        r#type: VbdType::Disk,
        unpluggable: true,
        allowed_operations: vec![],
        // The disk belongs to the VM: clients that remove the VM remove it too.
        other_config: [("owner".to_owned(), String::new())].into(),
        ..Vbd::default()
    }
}

/// The repository that a disk names, or the pool's default.
fn repository(db: &Image, disk: &Wanted) -> Result<Ref<Sr>, ApiError> {
    if !disk.sr.is_empty() {
        let found = db.find_uuid::<Sr>(&disk.sr);
        return found.ok_or_else(|| ApiError::uuid_invalid::<Sr>(&disk.sr));
    }
    let (_, pool) = rows::pool(db)?;
    db.get(pool.default_sr).map(|_| pool.default_sr).ok_or_else(|| {
        ApiError::new(codes::DEFAULT_SR_NOT_FOUND, vec![pool.default_sr.to_string()])
    })
}

/// Reads `<provision><disk device="0" size="…" sr="…" bootable="true" …/>…</provision>`.
fn parse(text: &str) -> Result<Vec<Wanted>, ApiError> {
    let mut disks = Vec::new();
    for piece in text.split("<disk ").skip(1) {
        let element = piece.split("/>").next().unwrap_or_default();
        let mut attributes: BTreeMap<&str, &str> = BTreeMap::new();
        let mut rest = element;
        while let Some((name, tail)) = rest.split_once("=\"") {
            let Some((value, tail)) = tail.split_once('"') else { break };
            attributes.insert(name.trim(), value);
            rest = tail;
        }
        let size = attributes.get("size").and_then(|size| size.parse().ok());
        let size = size.filter(|size| *size > 0).ok_or_else(|| {
            ApiError::with(codes::INVALID_VALUE, &[&"other_config:disks", &element])
        })?;
        if let Some(bus) = attributes.get("bus") {
            vbd::bus_named(bus)?;
        }
        let get = |name: &str| attributes.get(name).map(|v| (*v).to_owned()).unwrap_or_default();
        disks.push(Wanted {
            device: get("device"),
            size,
            sr: get("sr"),
            bootable: get("bootable") == "true",
            bus: get("bus"),
        });
    }
    Ok(disks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disks_of_a_template_are_read() {
        let text = "<provision><disk device=\"0\" size=\"8589934592\" sr=\"\" bootable=\"true\" \
                    type=\"system\"/><disk bootable=\"false\" device=\"1\" size=\"1\" sr=\"x\"/>\
                    </provision>";
        let disks = parse(text).unwrap();
        assert_eq!(disks.len(), 2);
        assert_eq!(
            (disks[0].device.as_str(), disks[0].size, disks[0].bootable),
            ("0", 8 << 30, true)
        );
        assert_eq!((disks[1].device.as_str(), disks[1].sr.as_str()), ("1", "x"));
        assert!(parse("").unwrap().is_empty());
        assert!(parse("<disk device=\"0\" size=\"lots\"/>").is_err());
        assert_eq!(parse("<disk size=\"1\" bus=\"sata\"/>").unwrap()[0].bus, "sata");
        assert!(parse("<disk size=\"1\" bus=\"ide\"/>").is_err());
    }
}
