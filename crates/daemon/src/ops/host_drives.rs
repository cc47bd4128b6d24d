//! The optical drives of hosts, as images that only their host reaches.
//!
//! Owns: one repository a host that has drives, of type `udev` as XenServer has it, with one image a
//! drive. Nobody makes or removes it: it follows what its host says. No disk is ever made there.

use haven_drivers::host_info::optical::{Drive, Tray};
use haven_model::{ApiError, Host, Pbd, Ref, Sr, StorageOperations, Vdi, VdiOperations, Vm, codes};
use haven_pooldb::{Image, Tx};
use uuid::Uuid;

use super::{spec, view};

/// `SR.type` of the drives of a host.
pub const KIND: &str = "udev";
/// Key of `VDI.sm_config`: the drive as its host knows it, `sr0`.
pub const DEVICE_KEY: &str = "device";
/// Key of `VDI.sm_config`: who made the drive and what it is.
pub const MODEL_KEY: &str = "model";
/// Key of `VDI.sm_config`: `disc`, `empty`, or `unknown` while the drive does not answer.
pub const TRAY_KEY: &str = "tray";
/// Key of `VDI.sm_config`: the name of the disc.
pub const LABEL_KEY: &str = "disc";

/// Whether a repository is the drives of a host.
#[must_use]
pub fn is_drives(row: &Sr) -> bool {
    row.r#type == KIND
}

/// The repository of a host's drives.
fn repository(host: Ref<Host>) -> Ref<Sr> {
    Ref::from_uuid(Uuid::new_v5(&view::id(host), b"optical drives"))
}

fn image(sr: Ref<Sr>, device: &str) -> Ref<Vdi> {
    Ref::from_uuid(Uuid::new_v5(&view::id(sr), device.as_bytes()))
}

/// What is written of a drive.
fn described(sr: Ref<Sr>, drive: &Drive, host: &str, before: Option<&Vdi>) -> Vdi {
    let (tray, bytes, label) = match &drive.tray {
        Tray::Unknown => ("unknown", 0, ""),
        Tray::Empty => ("empty", 0, ""),
        Tray::Disc { bytes, label } => ("disc", *bytes, label.as_str()),
    };
    let vdi = image(sr, &drive.device);
    let size = i64::try_from(bytes).unwrap_or(i64::MAX);
    let mut row = before.cloned().unwrap_or_else(|| Vdi {
        read_only: true,
        sharable: true,
        allowed_operations: vec![VdiOperations::Update],
        ..super::vdi::new_row(vdi, sr, size)
    });
    row.name_label = format!("DVD drive {} of {host}", drive.device);
    row.name_description.clone_from(&drive.model);
    row.location = format!("/dev/{}", drive.device);
    (row.virtual_size, row.physical_utilisation, row.missing) = (size, size, false);
    let notes = [
        (spec::FORMAT_KEY, "raw"),
        (DEVICE_KEY, &drive.device),
        (MODEL_KEY, &drive.model),
        (TRAY_KEY, tray),
        (LABEL_KEY, label),
    ];
    for (key, value) in notes {
        row.sm_config.insert(key.to_owned(), value.to_owned());
    }
    row
}

fn title(host: &str) -> String {
    format!("DVD drives of {host}")
}

/// Whether the database says something else of a host's drives than the host.
#[must_use]
pub fn differ(db: &Image, host: Ref<Host>, drives: &[Drive]) -> bool {
    let sr = repository(host);
    let Some(name) = db.get(host).map(|row| row.name_label.as_str()) else { return false };
    let Some(row) = db.get(sr) else { return !drives.is_empty() };
    let known = |drive: &Drive| {
        let before = db.get(image(sr, &drive.device));
        before.is_some_and(|row| *row == described(sr, drive, name, Some(row)))
    };
    let gone = |vdi: &Ref<Vdi>| {
        let here = drives.iter().any(|drive| image(sr, &drive.device) == *vdi);
        !here && !db.get(*vdi).is_some_and(|row| row.missing && !row.vbds.is_empty())
    };
    row.name_label != title(name)
        || row.vdis.is_empty()
        || !drives.iter().all(known)
        || row.vdis.iter().any(gone)
}

/// Writes down the drives of a host. One that was taken away stays, as missing, while a machine has
/// it in its drive.
///
/// # Errors
/// The database refuses.
pub fn write(tx: &mut Tx<'_>, host: Ref<Host>, drives: &[Drive]) -> Result<(), ApiError> {
    let Some(name) = tx.get(host).map(|row| row.name_label.clone()) else { return Ok(()) };
    let sr = repository(host);
    if tx.get(sr).is_none() {
        if drives.is_empty() {
            return Ok(());
        }
        found(tx, host, sr)?;
    }
    if tx.require(sr)?.name_label != title(&name) {
        tx.update(sr, |row: &mut Sr| row.name_label = title(&name))?;
    }
    for drive in drives {
        let vdi = image(sr, &drive.device);
        let row = described(sr, drive, &name, tx.get(vdi));
        match tx.get(vdi) {
            Some(before) if *before == row => {}
            Some(_) => tx.update(vdi, |before: &mut Vdi| *before = row)?,
            None => tx.insert_with(vdi, row)?,
        }
    }
    for vdi in tx.require(sr)?.vdis.clone() {
        if drives.iter().any(|drive| image(sr, &drive.device) == vdi) {
            continue;
        }
        match tx.require(vdi)?.vbds.is_empty() {
            true => tx.remove(vdi)?,
            false => tx.update(vdi, |row: &mut Vdi| row.missing = true)?,
        }
    }
    match tx.require(sr)?.vdis.is_empty() {
        true => super::sr::remove(tx, sr),
        false => Ok(()),
    }
}

fn found(tx: &mut Tx<'_>, host: Ref<Host>, sr: Ref<Sr>) -> Result<(), ApiError> {
    let row = Sr {
        uuid: view::id(sr).to_string(),
        name_description: "Physical DVD drives".to_owned(),
        r#type: KIND.to_owned(),
        content_type: "iso".to_owned(),
        allowed_operations: vec![StorageOperations::Scan, StorageOperations::Update],
        ..Sr::default()
    };
    tx.insert_with(sr, row)?;
    let location = [("location".to_owned(), "/dev".to_owned())];
    let pbd = super::pbd::insert(tx, host, sr, location.into())?;
    // A drive is there, or it is not: nothing attaches it.
    tx.update(pbd, |row: &mut Pbd| row.currently_attached = true)
}

/// The drives of a host come and go with it: nobody else attaches, detaches or removes them.
///
/// # Errors
/// `OPERATION_NOT_ALLOWED`.
pub fn refuse(db: &Image, sr: Ref<Sr>) -> Result<(), ApiError> {
    match db.get(sr).is_some_and(is_drives) {
        true => Err(ApiError::not_allowed(
            "the DVD drives of a host are part of it: they come and go by themselves",
        )),
        false => Ok(()),
    }
}

/// The host whose drive a machine has, and that drive.
#[must_use]
pub fn held(db: &Image, vm: Ref<Vm>) -> Option<(Ref<Vdi>, Ref<Host>)> {
    let row = db.get(vm)?;
    view::disks(db, row).into_iter().find_map(|(vdi, disk, _)| {
        let sr = db.get(disk.sr).filter(|sr| is_drives(sr))?;
        let pbd = sr.pbds.iter().find_map(|pbd| db.get::<Pbd>(*pbd))?;
        Some((vdi, pbd.host))
    })
}

/// `VM_HOLDS_HOST_DRIVE` if it is for that that a machine is bound to one host.
///
/// # Errors
/// That.
pub fn agile(db: &Image, vm: Ref<Vm>) -> Result<(), ApiError> {
    match held(db, vm) {
        Some((vdi, host)) => {
            let name = |row: Option<&Host>| row.map(|row| row.name_label.clone());
            let host = name(db.get(host)).unwrap_or_default();
            Err(ApiError::with(codes::VM_HOLDS_HOST_DRIVE, &[&vm, &vdi, &host]))
        }
        None => Ok(()),
    }
}

/// The drives that a machine has are there.
///
/// # Errors
/// `HOST_DRIVE_MISSING`.
pub fn present(db: &Image, vm: Ref<Vm>) -> Result<(), ApiError> {
    let missing = held(db, vm).filter(|(vdi, _)| db.get(*vdi).is_some_and(|row| row.missing));
    match missing {
        Some((vdi, host)) => {
            let device = db.get(vdi).and_then(|row| row.sm_config.get(DEVICE_KEY)).cloned();
            let host = db.get(host).map(|row| row.name_label.clone()).unwrap_or_default();
            let device = device.unwrap_or_default();
            Err(ApiError::with(codes::HOST_DRIVE_MISSING, &[&vm, &device, &host]))
        }
        None => Ok(()),
    }
}
