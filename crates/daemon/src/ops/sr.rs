//! Storage repositories.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use haven_drivers::storage::{SrSpace, SrSpec, VolumeInfo};
use haven_model::{
    ApiError, Field, Host, Pbd, Pool, ProbeResult, Ref, Sr, SrHealth, SrStat, Value, Vdi,
    VdiOperations, VdiType, codes,
};
use haven_pooldb::{Image, Tx};

use super::rows::uuid;
use super::{allowed, errors, host, host_drives, own_volumes, pbd, rows, spec, vdi};
use crate::dispatch::Call;
use crate::ops::vm::state::{Undo, user_of};
use crate::orders::{Order, OrderReply};
use crate::state::{AppState, fresh};
use crate::tasks::Plan;

/// Types that the drivers know.
pub const TYPES: &[&str] = &["nfs", "file", "local", "iso"];

/// Whether the drivers know a type.
///
/// # Errors
/// `SR_UNKNOWN_DRIVER`.
pub fn check_type(kind: &str) -> Result<(), ApiError> {
    if TYPES.contains(&kind) {
        return Ok(());
    }
    Err(ApiError::with(codes::SR_UNKNOWN_DRIVER, &[&kind]))
}

/// `SR.create(host, device_config, physical_size, name, description, type, content_type, shared,
/// sm_config)`: on all hosts when shared.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let on: Ref<Host> = call.arg(0)?;
    let device_config: BTreeMap<String, String> = call.arg(1)?;
    let sr = Ref::<Sr>::from_uuid(fresh());
    let kind: String = call.arg(5)?;
    let shared: bool = call.arg(7)?;
    check_type(&kind)?;
    let row = Sr {
        uuid: uuid::Uuid::from_u128(sr.id().0).to_string(),
        name_label: call.arg(3)?,
        name_description: call.arg(4)?,
        r#type: kind,
        content_type: call.arg(6)?,
        shared,
        sm_config: call.arg_or(8, BTreeMap::new())?,
        ..Sr::default()
    };
    let hosts: Vec<Ref<Host>> = call
        .read(|db| {
            db.require(on)?;
            let others = db.iter::<Host>().map(|(host, _)| host).filter(|host| *host != on);
            Ok([on].into_iter().chain(others.filter(|_| shared)).collect())
        })
        .await?;
    let state = call.state.clone();
    let mut plan = Plan::new("create").exclusive(sr).step("prepare the storage", 2);
    for _ in &hosts {
        plan = plan.step("attach", 1);
    }
    call.run(plan.step("record", 1), move |mut op| async move {
        op.step_undo(&Undo::DropSr { sr }).await?;
        let pbds = state
            .pool
            .write(move |tx| {
                tx.insert_with(sr, Sr { allowed_operations: allowed::sr_allowed(&row), ..row })?;
                hosts
                    .into_iter()
                    .map(|host| pbd::insert(tx, host, sr, device_config.clone()))
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let prepared = state.pool.read(|db| spec::sr(db, sr, on)).await??;
        let sent = state.orders.send(host::id(on), Order::CreateSr { sr: prepared }).await;
        sent.map_err(|error| errors::order(on, error))?;
        for pbd in pbds {
            op.step().await?;
            pbd::attach(&state, pbd).await?;
        }
        op.step().await?;
        state.pool.write(move |tx| become_default(tx, sr)).await?;
        op.commit().await;
        if let Err(error) = refresh(&state, sr).await {
            tracing::warn!(%error, "a new repository could not be scanned");
        }
        Ok(sr.to_value())
    })
    .await
}

/// The first shared repository for disks becomes the pool's default.
fn become_default(tx: &mut Tx<'_>, sr: Ref<Sr>) -> Result<(), ApiError> {
    let row = tx.require(sr)?;
    if !row.shared || row.content_type == "iso" || row.r#type == "iso" {
        return Ok(());
    }
    let (pool, row) = rows::pool(tx)?;
    if tx.get(row.default_sr).is_some() {
        return Ok(());
    }
    tx.update(pool, |row: &mut Pool| {
        row.default_sr = sr;
        row.suspend_image_sr = sr;
        row.crash_dump_sr = sr;
    })
}

/// `SR.introduce(uuid, name, description, type, content_type, shared, sm_config)`.
pub async fn introduce(call: Arc<Call>) -> Result<Value, ApiError> {
    let (text, kind): (String, String) = (call.arg(0)?, call.arg(3)?);
    check_type(&kind)?;
    let id = uuid(&text).map_err(|_| ApiError::uuid_invalid::<Sr>(&text))?;
    let sr = Ref::<Sr>::from_uuid(id);
    let row = Sr {
        uuid: text,
        name_label: call.arg(1)?,
        name_description: call.arg(2)?,
        r#type: kind,
        content_type: call.arg(4)?,
        shared: call.arg(5)?,
        sm_config: call.arg_or(6, BTreeMap::new())?,
        ..Sr::default()
    };
    call.write(move |tx| {
        tx.insert_with(sr, Sr { allowed_operations: allowed::sr_allowed(&row), ..row })
    })
    .await?;
    Ok(sr.to_value())
}

/// `SR.scan(sr)`.
pub async fn scan(call: Arc<Call>) -> Result<Value, ApiError> {
    let sr: Ref<Sr> = call.arg(0)?;
    call.read(|db| db.require(sr).map(|_| ())).await?;
    let state = call.state.clone();
    call.run(Plan::new("scan").shared(sr).step("scan", 1), move |mut op| async move {
        op.step().await?;
        refresh(&state, sr).await?;
        Ok(Value::void())
    })
    .await
}

/// Looks what is there and writes it down.
///
/// # Errors
/// No host has it attached, or it failed.
pub async fn refresh(state: &Arc<AppState>, sr: Ref<Sr>) -> Result<(), ApiError> {
    let here = state.this_host();
    let (on, sr_spec) = state.pool.read(|db| spec::sr_host(db, sr, here)).await??;
    if sr_spec.kind == host_drives::KIND {
        return crate::reconcile::look_for_drives(state, on).await;
    }
    let order = Order::ScanSr { sr: sr_spec.clone() };
    let volumes = match state.orders.send(host::id(on), order).await {
        Ok(OrderReply::Volumes(volumes)) => volumes,
        Ok(_) => return Err(ApiError::internal("an unexpected answer to a scan")),
        Err(error) => return Err(errors::order(on, error)),
    };
    let space = space(state, on, sr_spec).await?;
    state.pool.write(move |tx| record(tx, sr, volumes, space)).await
}

/// How much room a host sees there.
///
/// # Errors
/// It does not say.
pub(crate) async fn space(
    state: &AppState,
    on: Ref<Host>,
    sr: SrSpec,
) -> Result<SrSpace, ApiError> {
    match state.orders.send(host::id(on), Order::SrSpace { sr }).await {
        Ok(OrderReply::Space(space)) => Ok(space),
        Ok(_) => Err(ApiError::internal("an unexpected answer about space")),
        Err(error) => Err(errors::order(on, error)),
    }
}

/// Looks how much is free, and writes it down.
///
/// # Errors
/// No host has it attached, or it failed.
pub async fn measure(state: &Arc<AppState>, sr: Ref<Sr>) -> Result<(), ApiError> {
    let here = state.this_host();
    let (on, sr_spec) = state.pool.read(|db| spec::sr_host(db, sr, here)).await??;
    let space = space(state, on, sr_spec).await?;
    state.pool.write(move |tx| tx.update(sr, |row: &mut Sr| fill(row, space))).await
}

fn fill(row: &mut Sr, space: SrSpace) {
    row.physical_size = i64::try_from(space.physical_size).unwrap_or(i64::MAX);
    row.physical_utilisation = i64::try_from(space.physical_utilisation).unwrap_or(i64::MAX);
}

/// A volume that no disk is in: one of another pool, an image that somebody put there.
fn found(tx: &mut Tx<'_>, sr: Ref<Sr>, volume: &VolumeInfo) -> Result<Ref<Vdi>, ApiError> {
    let named = volume.location.strip_suffix(".qcow2").unwrap_or(&volume.location).to_owned();
    // The disk of that name may be in another volume by now.
    let taken = tx.get(Ref::<Vdi>::from_uuid(volume.uuid)).is_some();
    let vdi = Ref::<Vdi>::from_uuid(if taken { fresh() } else { volume.uuid });
    let image = tx.require(sr)?.r#type == "iso";
    let size = i64::try_from(volume.virtual_size).unwrap_or(i64::MAX);
    let mut row = Vdi {
        name_label: named,
        location: volume.location.clone(),
        read_only: image,
        sharable: image,
        ..vdi::new_row(vdi, sr, size)
    };
    if let Some(below) = &volume.backing {
        row.sm_config.insert(super::chain::BACKING_KEY.to_owned(), below.clone());
    }
    if image {
        row.allowed_operations =
            vec![VdiOperations::Copy, VdiOperations::Destroy, VdiOperations::Update];
    }
    tx.insert_with(vdi, row)?;
    Ok(vdi)
}

fn record(
    tx: &mut Tx<'_>,
    sr: Ref<Sr>,
    volumes: Vec<VolumeInfo>,
    space: SrSpace,
) -> Result<(), ApiError> {
    let int = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut seen = BTreeSet::new();
    for volume in volumes {
        let vdi = match super::chain::at(tx, sr, &volume.location) {
            Some(vdi) => vdi,
            None => found(tx, sr, &volume)?,
        };
        tx.update(vdi, |row: &mut Vdi| {
            row.virtual_size = int(volume.virtual_size);
            row.physical_utilisation = int(volume.physical_utilisation);
            row.missing = false;
            row.sm_config.insert(spec::FORMAT_KEY.to_owned(), volume.format.clone());
        })?;
        seen.insert(vdi);
    }
    let mut allocated = 0i64;
    for vdi in tx.require(sr)?.vdis.clone() {
        let row = tx.require(vdi)?;
        allocated = allocated.saturating_add(row.virtual_size);
        let system = own_volumes::is_own(row.r#type) || row.r#type == VdiType::Suspend;
        if !seen.contains(&vdi) && !system && !row.missing {
            tx.update(vdi, |row: &mut Vdi| row.missing = true)?;
        }
    }
    tx.update(sr, |row: &mut Sr| {
        fill(row, space);
        row.virtual_allocation = allocated;
    })
}

/// `SR.forget(sr)`: the rows only; what is stored stays.
pub async fn forget(call: Arc<Call>) -> Result<Value, ApiError> {
    let sr: Ref<Sr> = call.arg(0)?;
    call.write(move |tx| {
        unplugged(tx, sr)?;
        remove(tx, sr)
    })
    .await?;
    Ok(Value::void())
}

fn unplugged(db: &Image, sr: Ref<Sr>) -> Result<(), ApiError> {
    host_drives::refuse(db, sr)?;
    own_volumes::keep_sr(db, sr)?;
    let row = db.require(sr)?;
    let plugged = row.pbds.iter().filter_map(|pbd| db.get(*pbd)).any(|pbd| pbd.currently_attached);
    if plugged {
        return Err(ApiError::with(codes::SR_HAS_PBD, &[&sr]));
    }
    Ok(())
}

/// Removes a repository and all that lies on it from the database.
///
/// # Errors
/// A row is gone.
pub fn remove(tx: &mut Tx<'_>, sr: Ref<Sr>) -> Result<(), ApiError> {
    let row = tx.require(sr)?.clone();
    for vdi in row.vdis {
        for vbd in tx.require(vdi)?.vbds.clone() {
            tx.remove(vbd)?;
        }
        tx.remove(vdi)?;
    }
    for pbd in row.pbds {
        tx.remove(pbd)?;
    }
    let (pool, _) = rows::pool(tx)?;
    tx.update(pool, |row: &mut Pool| {
        for field in [&mut row.default_sr, &mut row.suspend_image_sr, &mut row.crash_dump_sr] {
            if *field == sr {
                *field = Ref::NULL;
            }
        }
    })?;
    tx.remove(sr)
}

/// `SR.destroy(sr)`: deletes the disks, detaches everywhere, forgets.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let sr: Ref<Sr> = call.arg(0)?;
    let unused = move |db: &Image| {
        host_drives::refuse(db, sr)?;
        own_volumes::keep_sr(db, sr)?;
        let row = db.require(sr)?;
        for vdi in &row.vdis {
            if user_of(db, *vdi, Ref::NULL).is_some() {
                return Err(ApiError::with(codes::VDI_IN_USE, &[vdi, &"SR.destroy"]));
            }
        }
        Ok(row.vdis.clone())
    };
    let disks: Vec<Ref<Vdi>> = call.read(unused).await?;
    let state = call.state.clone();
    let mut plan = Plan::new("destroy").exclusive(sr).step("delete disks", 8).step("detach", 2);
    // Nothing starts on one of them while the others are deleted.
    for disk in &disks {
        plan = plan.exclusive(*disk);
    }
    call.run(plan, move |mut op| async move {
        op.step().await?;
        let now = state.pool.read(unused).await??;
        if let Some(new) = now.iter().find(|disk| !disks.contains(disk)) {
            return Err(ApiError::with(codes::VDI_IN_USE, &[new, &"SR.destroy"]));
        }
        for disk in disks {
            super::chain::delete(&state, disk).await?;
        }
        op.step().await?;
        // It may have been turned on meanwhile.
        state.pool.read(|db| own_volumes::keep_sr(db, sr)).await??;
        drop_sr(&state, sr).await?;
        Ok(Value::void())
    })
    .await
}

/// Detaches a repository everywhere and removes its rows.
///
/// # Errors
/// A host could not detach it.
pub async fn drop_sr(state: &Arc<AppState>, sr: Ref<Sr>) -> Result<(), ApiError> {
    let pbds: Vec<(Ref<Pbd>, bool)> = state
        .pool
        .read(|db| {
            let pbds = db.get(sr).map(|row| row.pbds.clone()).unwrap_or_default().into_iter();
            pbds.filter_map(|pbd| Some((pbd, db.get(pbd)?.currently_attached))).collect()
        })
        .await?;
    for (pbd, attached) in pbds {
        match pbd::detach(state, pbd).await {
            // The attempt to attach it may have come to more than is known here; a host that was
            // never reached keeps nobody from giving up.
            Err(error) if !attached => {
                tracing::warn!(%error, "a repository that was not attached cannot be detached");
            }
            done => done?,
        }
    }
    state.pool.write(move |tx| if tx.get(sr).is_some() { remove(tx, sr) } else { Ok(()) }).await
}

/// `SR.probe(host, device_config, type, sm_config)`.
pub async fn probe(call: Arc<Call>) -> Result<Value, ApiError> {
    let (found, exports) = ask_probe(&call).await?;
    Ok(Value::String(probed(&found, exports)))
}

/// `SR.probe_ext(host, device_config, type, sm_config)`: the same as records; a server's exports are
/// configurations with which to ask again.
pub async fn probe_ext(call: Arc<Call>) -> Result<Value, ApiError> {
    let config: BTreeMap<String, String> = call.arg(1)?;
    let (found, exports) = ask_probe(&call).await?;
    let result = |name: String| {
        let mut configuration = config.clone();
        if exports {
            configuration.insert("serverpath".to_owned(), name);
            return ProbeResult { configuration, ..ProbeResult::default() };
        }
        let sr = SrStat { uuid: Some(name), health: SrHealth::Healthy, ..SrStat::default() };
        ProbeResult { configuration, complete: true, sr: Some(sr), ..ProbeResult::default() }
    };
    Ok(Value::Set(found.into_iter().map(|name| result(name).to_value()).collect()))
}

/// What a host finds, and whether it is the exports of a server.
async fn ask_probe(call: &Call) -> Result<(Vec<String>, bool), ApiError> {
    let on: Ref<Host> = call.arg(0)?;
    let (device_config, kind): (BTreeMap<String, String>, String) = (call.arg(1)?, call.arg(2)?);
    check_type(&kind)?;
    call.read(|db| db.require(on).map(|_| ())).await?;
    // Of a server alone its exports are asked; of a place, which repository lies there.
    let lists_exports = kind == "nfs" && !device_config.contains_key("serverpath");
    let order = Order::ProbeSr { kind, device_config };
    match call.state.orders.send(host::id(on), order).await {
        Ok(OrderReply::Probed(found)) => Ok((found, lists_exports)),
        Ok(_) => Err(ApiError::internal("an unexpected answer to a probe")),
        Err(error) => Err(errors::order(on, error)),
    }
}

/// What a probe found, as XML as XenServer's drivers have it.
fn probed(found: &[String], exports: bool) -> String {
    let (list, open, close) = match exports {
        true => ("nfs-exports", "<Export><Path>", "</Path></Export>"),
        false => ("SRlist", "<SR><UUID>", "</UUID></SR>"),
    };
    let mut text = format!("<?xml version=\"1.0\"?>\n<{list}>\n");
    for name in found {
        let name = name.replace('&', "&amp;").replace('<', "&lt;");
        text.push_str(&format!("  {open}{name}{close}\n"));
    }
    text.push_str(&format!("</{list}>\n"));
    text
}

/// `SR.get_supported_types()`.
pub async fn get_supported_types(_call: Arc<Call>) -> Result<Value, ApiError> {
    Ok(Value::Set(TYPES.iter().map(|kind| Value::from(*kind)).collect()))
}

/// `SR.set_name_label`, `SR.set_name_description`, `SR.set_shared`.
pub async fn set(call: Arc<Call>) -> Result<Value, ApiError> {
    let sr: Ref<Sr> = call.arg(0)?;
    let field = call.method.strip_prefix("SR.set_").unwrap_or_default().to_owned();
    let value = call.args.get(1).cloned().unwrap_or(Value::Nil);
    call.write(move |tx| {
        if field == "shared" {
            own_volumes::keep_sr(tx, sr)?;
        }
        super::set_field(tx, sr, &field, value)
    })
    .await?;
    Ok(Value::void())
}

/// `SR.assert_can_host_ha_statefile(sr)`, `SR.assert_supports_database_replication(sr)`.
pub async fn assert_can_host_ha_statefile(call: Arc<Call>) -> Result<Value, ApiError> {
    let sr: Ref<Sr> = call.arg(0)?;
    call.read(|db| {
        let row = db.require(sr)?;
        if !row.shared {
            return Err(ApiError::with(codes::HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED, &[&sr]));
        }
        let attached: BTreeSet<Ref<Host>> = row
            .pbds
            .iter()
            .filter_map(|pbd| db.get(*pbd))
            .filter(|pbd| pbd.currently_attached)
            .map(|pbd: &Pbd| pbd.host)
            .collect();
        if db.iter::<Host>().any(|(host, _)| !attached.contains(&host)) {
            return Err(ApiError::with(codes::SR_NOT_ATTACHED, &[&sr]));
        }
        Ok(Value::void())
    })
    .await
}

/// `SR.get_live_hosts(sr)`.
pub async fn get_live_hosts(call: Arc<Call>) -> Result<Value, ApiError> {
    let sr: Ref<Sr> = call.arg(0)?;
    call.read(|db| {
        let row = db.require(sr)?;
        let hosts = row.pbds.iter().filter_map(|pbd| db.get(*pbd));
        let hosts = hosts.filter(|pbd| pbd.currently_attached && host::is_live(db, pbd.host));
        Ok(Value::Set(hosts.map(|pbd| pbd.host.to_value()).collect()))
    })
    .await
}
