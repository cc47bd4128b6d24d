//! The rows of a disk on its way: whether it can move, the marks, and which disk its machine has.

use haven_model::{
    ApiError, Field, Pbd, Ref, Sr, Vbd, VbdMode, VbdType, Vdi, Vm, VmPowerState, codes,
};
use haven_pooldb::{Image, Tx};

use super::{Guest, How, Job, Mark};
use crate::ops::vdi::{new_row, refresh_allowed, writable};
use crate::ops::vm::state as vm_state;
use crate::ops::{admission, chain, hotplug, placement, spec};

/// Key of `VDI.sm_config`, at both disks: the [`Mark`] of a move that is not decided yet.
const MOVING_KEY: &str = "moving";
/// Key of `VDI.sm_config`: a move left this disk behind, and it is to be deleted.
const LEFT_KEY: &str = "left-behind";

/// A move that can be made.
#[derive(Clone, Debug)]
pub struct Possible {
    /// The machine.
    pub vm: Ref<Vm>,
    /// Halted machines that have the disk too.
    pub others: Vec<Ref<Vm>>,
}

/// Whether the disk of a running machine can go to another repository.
///
/// # Errors
/// Why not.
pub fn check(
    db: &Image,
    vbd: Ref<Vbd>,
    (disk, sr): (Ref<Vdi>, Ref<Sr>),
) -> Result<Possible, ApiError> {
    let (device, row) = (db.require(vbd)?, db.require(disk)?);
    writable(db, row.sr)?;
    writable(db, sr)?;
    if row.sr == sr {
        return Err(ApiError::not_allowed("the disk is in this repository already"));
    }
    if device.r#type == VbdType::Cd || device.mode == VbdMode::Ro {
        return Err(ApiError::not_allowed(
            "only disks that the machine may write to move while it runs: shut it down first",
        ));
    }
    free_of_others(db, row)?;
    let at = hotplug::running(db, device.vm)?;
    if let Some(other) = vm_state::user_of(db, disk, device.vm) {
        return Err(ApiError::with(codes::VDI_IN_USE, &[&disk, &format!("{other} has it too")]));
    }
    let pbds = db.require(sr)?.pbds.iter().filter_map(|pbd| db.get::<Pbd>(*pbd));
    let mut here = pbds.filter(|pbd| pbd.host == at.on);
    if !here.any(|pbd| pbd.currently_attached) {
        return Err(ApiError::with(codes::SR_NOT_ATTACHED, &[&sr]));
    }
    room(db, row, sr)?;
    admission::check_disk(db, device.vm, sr)?.refuse()?;
    let users = row.vbds.iter().filter_map(|vbd| db.get::<Vbd>(*vbd)).map(|vbd| vbd.vm);
    Ok(Possible { vm: device.vm, others: users.filter(|vm| *vm != device.vm).collect() })
}

/// Snapshots and clones show the content of the volume where it is.
fn free_of_others(db: &Image, row: &Vdi) -> Result<(), ApiError> {
    let kept = row.snapshots.iter().copied().chain(chain::children(db, row));
    let names: Vec<String> =
        kept.filter_map(|vdi| db.get(vdi)).map(|row| row.name_label.clone()).collect();
    if row.is_a_snapshot || !names.is_empty() {
        let text = format!(
            "snapshots or clones of the disk need it where it is: remove them first ({})",
            names.join(", ")
        );
        return Err(ApiError::not_allowed(text));
    }
    Ok(())
}

/// What is known to be in the disk must find room.
fn room(db: &Image, row: &Vdi, sr: Ref<Sr>) -> Result<(), ApiError> {
    let target = db.require(sr)?;
    let free = target.physical_size - target.physical_utilisation;
    if target.physical_size > 0 && free < row.physical_utilisation {
        return Err(ApiError::with(codes::SR_FULL, &[&row.physical_utilisation, &free]));
    }
    Ok(())
}

/// The move as it is now that it is its operation's turn.
///
/// # Errors
/// As [`check`].
pub(super) fn job(
    db: &Image,
    (vbd, from, to): (Ref<Vbd>, Ref<Vdi>, Ref<Vdi>),
    (sr, how): (Ref<Sr>, How),
) -> Result<Job, ApiError> {
    let vm = check(db, vbd, (from, sr))?.vm;
    let device = db.require(vbd)?;
    if device.vdi != from || !device.currently_attached || is_moving(db, from) {
        return Err(ApiError::with(codes::VDI_IN_USE, &[&from, &"plugged in or out meanwhile"]));
    }
    let at = hotplug::running(db, vm)?;
    let runs = db.require(vm)?.power_state == VmPowerState::Running;
    let placement = placement::number(db, vm);
    let mark = Mark { vbd, from, to, on: at.on, placement, runs };
    Ok(Job { mark, vm, sr, bandwidth_mib_s: how.bandwidth_mib_s, forced: how.forced })
}

/// Writes the row of the new disk, and marks both.
pub(super) fn begin(tx: &mut Tx<'_>, job: Job) -> Result<(), ApiError> {
    let Job { mark, vm, sr, .. } = job;
    let verdict = admission::check_disk(tx, vm, sr)?;
    admission::settle(tx, verdict, job.forced)?;
    let old = tx.require(mark.from)?.clone();
    let row = Vdi {
        name_label: old.name_label,
        name_description: old.name_description,
        r#type: old.r#type,
        sharable: old.sharable,
        other_config: old.other_config,
        tags: old.tags,
        read_only: old.read_only,
        xenstore_data: old.xenstore_data,
        on_boot: old.on_boot,
        allow_caching: old.allow_caching,
        managed: false,
        allowed_operations: Vec::new(),
        ..new_row(mark.to, sr, old.virtual_size)
    };
    tx.insert_with(mark.to, row)?;
    let text = serde_json::to_string(&mark).map_err(ApiError::internal)?;
    for disk in [mark.from, mark.to] {
        let text = text.clone();
        tx.update(disk, |row: &mut Vdi| {
            row.sm_config.insert(MOVING_KEY.to_owned(), text);
        })?;
    }
    Ok(())
}

/// The guest and the two places of its disk, if it runs where the mark says.
pub(super) fn guest(
    db: &Image,
    mark: Mark,
    mount: &std::path::Path,
) -> Result<Option<Guest>, ApiError> {
    let Some(device) = db.get(mark.vbd).filter(|device| device.currently_attached) else {
        return Ok(None);
    };
    let Some(row) = db.get(device.vm).filter(|row| row.resident_on == mark.on) else {
        return Ok(None);
    };
    let path = |disk: Ref<Vdi>| spec::path(db, db.require(disk)?, mount);
    let target = spec::target(&device.userdevice, false)
        .ok_or_else(|| ApiError::with(codes::INVALID_DEVICE, &[&device.userdevice]))?;
    Ok(Some(Guest {
        vm: device.vm,
        on: mark.on,
        id: crate::ops::rows::uuid(&row.uuid)?,
        placement: placement::number(db, device.vm),
        target,
        from_path: path(mark.from)?,
        to_path: path(mark.to)?,
    }))
}

/// Whether a disk is on its way.
#[must_use]
pub fn is_moving(db: &Image, disk: Ref<Vdi>) -> bool {
    db.get(disk).is_some_and(|row| row.sm_config.contains_key(MOVING_KEY))
}

/// The mark at a disk.
pub(super) fn mark_of(row: &Vdi) -> Option<Mark> {
    serde_json::from_str(row.sm_config.get(MOVING_KEY)?).ok()
}

/// Whether a disk was left behind.
pub(super) fn is_left(row: &Vdi) -> bool {
    row.sm_config.contains_key(LEFT_KEY)
}

/// The device has the new disk already.
pub(super) fn has_moved(db: &Image, mark: Mark) -> bool {
    db.get(mark.vbd).is_some_and(|device| device.vdi == mark.to)
}

/// The machine, and every other that had the disk, has `now` instead of `before`.
pub(super) fn exchange(tx: &mut Tx<'_>, before: Ref<Vdi>, now: Ref<Vdi>) -> Result<(), ApiError> {
    for vbd in tx.require(before)?.vbds.clone() {
        tx.update(vbd, |row: &mut Vbd| row.vdi = now)?;
    }
    tx.update(before, |row: &mut Vdi| row.managed = false)?;
    tx.update(now, |row: &mut Vdi| row.managed = true)?;
    refresh_allowed(tx, before)?;
    refresh_allowed(tx, now)
}

/// The move is decided: the marks go, and the disk that the machine does not have is left behind.
pub(super) fn decide(tx: &mut Tx<'_>, mark: Mark) -> Result<Ref<Vdi>, ApiError> {
    let moved = has_moved(tx, mark);
    let lost = if moved { mark.from } else { mark.to };
    for disk in [mark.from, mark.to] {
        if tx.get(disk).is_none() {
            continue;
        }
        tx.update(disk, |row: &mut Vdi| {
            row.sm_config.remove(MOVING_KEY);
            if disk == lost {
                row.sm_config.insert(LEFT_KEY.to_owned(), true.to_value().to_string());
                row.managed = false;
            }
        })?;
    }
    Ok(lost)
}
