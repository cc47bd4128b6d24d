//! Where a VM could run, and why not.

use std::sync::Arc;

use haven_model::{ApiError, Host, Ref, Value, Vm, VmOperations, codes};
use haven_planner::{self as planner, Outcome, Reason};
use haven_pooldb::Image;

use crate::dispatch::Call;
use crate::ops::{allowed, host_drives, storage_marks, view};

/// The API error of a reason why `host` cannot take `vm`.
fn reason(db: &Image, vm: Ref<Vm>, host: Ref<Host>, why: &Reason) -> ApiError {
    match why {
        Reason::NotLive => ApiError::with(codes::HOST_OFFLINE, &[&host]),
        Reason::Disabled => ApiError::with(codes::HOST_DISABLED, &[&host]),
        Reason::StorageUnreachable { sr, .. } => {
            let sr: Ref<haven_model::Sr> = view::reference(*sr);
            let drives = db.get(sr).is_some_and(host_drives::is_drives);
            let held = host_drives::agile(db, vm).err().filter(|_| drives);
            held.unwrap_or_else(|| ApiError::with(codes::VM_REQUIRES_SR, &[&vm, &sr]))
        }
        Reason::NetworkUnreachable { network, .. } => {
            let network: Ref<haven_model::Network> = view::reference(*network);
            ApiError::with(codes::VM_REQUIRES_NETWORK, &[&vm, &network])
        }
        Reason::NoMemory { need, free } => {
            ApiError::with(codes::HOST_NOT_ENOUGH_FREE_MEMORY, &[need, free])
        }
        Reason::CpuFeatures(_) => {
            ApiError::with(codes::VM_INCOMPATIBLE_WITH_THIS_HOST, &[&vm, &host, &why])
        }
        Reason::Quarantined
        | Reason::Dedicated
        | Reason::FailedThere
        | Reason::Pinned(_)
        | Reason::Apart { .. }
        | Reason::NoVcpus { .. } => ApiError::not_allowed(format!("the host {why}")),
    }
}

/// `NO_HOSTS_AVAILABLE` with each host's reason: code, host, code, host … as XenAPI does.
#[must_use]
pub fn no_host(db: &Image, vm: Ref<Vm>, why: &planner::Why) -> ApiError {
    let mut params = Vec::new();
    for line in &why.verdicts {
        if let Outcome::Refused(refused) = &line.outcome {
            let error = reason(db, vm, view::reference(line.host), refused);
            params.push(format!("{}: {}", line.name, error.explain()));
        }
    }
    ApiError::new(codes::NO_HOSTS_AVAILABLE, params)
}

/// Whether one host can take a VM now.
///
/// # Errors
/// Why not.
pub fn fits(
    db: &Image,
    vm: Ref<Vm>,
    wanted: &planner::Vm,
    (host, purpose): (Ref<Host>, planner::Purpose),
) -> Result<(), ApiError> {
    fits_in(db, &view::current(db), vm, wanted, (host, purpose))
}

/// The same for who has a view of the pool already.
///
/// # Errors
/// Why not.
pub fn fits_in(
    db: &Image,
    pool: &planner::Pool,
    vm: Ref<Vm>,
    wanted: &planner::Vm,
    (host, purpose): (Ref<Host>, planner::Purpose),
) -> Result<(), ApiError> {
    let found = pool.host(view::id(host)).ok_or_else(|| ApiError::handle_invalid(host))?;
    planner::verdict(pool, wanted, found, purpose).map_err(|why| reason(db, vm, host, &why))
}

/// `VM.get_possible_hosts(vm)`.
pub async fn get_possible_hosts(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| {
        let wanted = view::vm(db, vm, db.require(vm)?);
        let pool = view::current(db);
        let purpose = planner::Purpose::Ordinary;
        let able = pool.hosts.iter();
        let able = able.filter(|host| planner::verdict(&pool, &wanted, host, purpose).is_ok());
        let able = able.map(|host| Value::Ref(view::reference::<Host>(host.id).id()));
        Ok(Value::Set(able.collect()))
    })
    .await
}

/// `VM.assert_can_boot_here(vm, host)`.
pub async fn assert_can_boot_here(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, host): (Ref<Vm>, Ref<Host>) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| {
        let wanted = view::vm(db, vm, db.require(vm)?);
        fits(db, vm, &wanted, (host, planner::Purpose::Ordinary))?;
        Ok(Value::void())
    })
    .await
}

/// Whether every host can reach all that a VM needs.
///
/// # Errors
/// `VM_DISK_NOT_SHARED` naming the disk, or `HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED`.
pub fn agile(db: &Image, vm: Ref<Vm>) -> Result<(), ApiError> {
    let row = db.require(vm)?;
    host_drives::agile(db, vm)?;
    let wanted = view::vm(db, vm, row);
    let lost = storage_marks::lost(db);
    // A dead host attaches nothing, and one that has lost it will have it again: that does not make the disk
    // less shared.
    let excused = |host: &planner::Host, sr: uuid::Uuid| {
        let shared = db.get::<haven_model::Sr>(view::reference(sr)).is_some_and(|row| row.shared);
        shared && (!host.live || lost.contains(&(host.id, sr)))
    };
    match planner::bound(&wanted, &view::current(db).hosts, excused) {
        None => Ok(()),
        Some(planner::Bound::Sr(sr)) => {
            let sr: Ref<haven_model::Sr> = view::reference(sr);
            let disk = view::disks(db, row).into_iter().find(|(_, vdi, _)| vdi.sr == sr);
            let disk = disk.map_or(Ref::NULL, |(vdi, _, _)| vdi);
            Err(ApiError::with(codes::VM_DISK_NOT_SHARED, &[&vm, &disk, &sr]))
        }
        Some(planner::Bound::Network(network)) => {
            let network: Ref<haven_model::Network> = view::reference(network);
            let code = codes::HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED;
            Err(ApiError::with(code, &[&network]))
        }
    }
}

/// `VM.assert_agile(vm)`.
pub async fn assert_agile(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| agile(db, vm)).await?;
    Ok(Value::void())
}

/// `VM.assert_operation_valid(vm, op)`.
pub async fn assert_operation_valid(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, operation): (Ref<Vm>, VmOperations) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| allowed::vm_operation(vm, db.require(vm)?, operation)).await?;
    Ok(Value::void())
}

/// `VM.update_allowed_operations(vm)`.
pub async fn update_allowed_operations(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.write(move |tx| {
        tx.update(vm, |row: &mut Vm| row.allowed_operations = allowed::vm_allowed(row))
    })
    .await?;
    Ok(Value::void())
}

/// Device numbers that XenAPI offers.
const DEVICES_MAX: u32 = 16;

/// Free device numbers, given the taken ones.
fn free_devices(taken: &[String]) -> Value {
    let numbers = (0..DEVICES_MAX).map(|number| number.to_string());
    Value::Set(numbers.filter(|number| !taken.contains(number)).map(Value::String).collect())
}

/// `VM.get_allowed_VBD_devices(vm)`.
pub async fn get_allowed_vbd_devices(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| {
        let row = db.require(vm)?;
        let taken: Vec<String> = row
            .vbds
            .iter()
            .filter_map(|vbd| db.get(*vbd))
            .map(|vbd: &haven_model::Vbd| vbd.userdevice.clone())
            .collect();
        Ok(free_devices(&taken))
    })
    .await
}

/// `VM.get_allowed_VIF_devices(vm)`.
pub async fn get_allowed_vif_devices(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| {
        let row = db.require(vm)?;
        let taken: Vec<String> = row
            .vifs
            .iter()
            .filter_map(|vif| db.get(*vif))
            .map(|vif: &haven_model::Vif| vif.device.clone())
            .collect();
        Ok(free_devices(&taken))
    })
    .await
}
