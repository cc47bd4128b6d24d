//! Storage repositories as hosts attach them.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{ApiError, Field, Host, Pbd, Ref, Sr, Value, codes};
use haven_planner as planner;
use haven_pooldb::{Image, Tx};

use super::{admission, errors, host, host_drives, own_volumes, spec, view};
use crate::dispatch::Call;
use crate::orders::{Order, OrderError};
use crate::state::{AppState, fresh};
use crate::tasks::Plan;

/// Adds the row that says how a host attaches a repository.
///
/// # Errors
/// The host has one already.
pub fn insert(
    tx: &mut Tx<'_>,
    host: Ref<Host>,
    sr: Ref<Sr>,
    device_config: BTreeMap<String, String>,
) -> Result<Ref<Pbd>, ApiError> {
    tx.require(host)?;
    let row = tx.require(sr)?;
    if let Some(other) =
        row.pbds.iter().find(|pbd| tx.get(**pbd).is_some_and(|row| row.host == host))
    {
        return Err(ApiError::with(codes::PBD_EXISTS, &[&sr, &host, other]));
    }
    let uuid = fresh().to_string();
    tx.insert(Pbd { uuid, host, sr, device_config, ..Pbd::default() })
}

/// `PBD.create(record)`.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let row: Pbd = call.arg(0)?;
    let pbd = call.write(move |tx| insert(tx, row.host, row.sr, row.device_config)).await?;
    Ok(pbd.to_value())
}

/// `PBD.destroy(pbd)`.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let pbd: Ref<Pbd> = call.arg(0)?;
    call.write(move |tx| {
        if tx.require(pbd)?.currently_attached {
            return Err(ApiError::not_allowed("unplug it first"));
        }
        tx.remove(pbd)
    })
    .await?;
    Ok(Value::void())
}

/// `PBD.set_device_config(pbd, value)`.
pub async fn set_device_config(call: Arc<Call>) -> Result<Value, ApiError> {
    let pbd: Ref<Pbd> = call.arg(0)?;
    let value: BTreeMap<String, String> = call.arg(1)?;
    call.write(move |tx| {
        if tx.require(pbd)?.currently_attached {
            return Err(ApiError::not_allowed("unplug it first"));
        }
        tx.update(pbd, |row: &mut Pbd| row.device_config = value)
    })
    .await?;
    Ok(Value::void())
}

/// `PBD.plug(pbd)`.
pub async fn plug(call: Arc<Call>) -> Result<Value, ApiError> {
    let pbd: Ref<Pbd> = call.arg(0)?;
    let sr = call.read(|db| {
        let sr = db.require(pbd)?.sr;
        host_drives::refuse(db, sr).map(|()| sr)
    });
    let sr = sr.await?;
    let state = call.state.clone();
    let plan = Plan::new("plug").shared(sr).exclusive(pbd).step("attach", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        attach(&state, pbd).await?;
        Ok(Value::void())
    })
    .await
}

/// Has the host attach the repository, now and at every start.
///
/// # Errors
/// The host cannot reach it: the error names the host.
pub async fn attach(state: &Arc<AppState>, pbd: Ref<Pbd>) -> Result<(), ApiError> {
    let (on, name, sr) = state
        .pool
        .read(|db| {
            let row = db.require(pbd)?;
            let name = db.require(row.host)?.name_label.clone();
            Ok::<_, ApiError>((row.host, name, spec::sr(db, row.sr, row.host)?))
        })
        .await??;
    let order = Order::AttachSr { sr: sr.clone(), remember: true };
    let sent = state.orders.send(host::id(on), order).await;
    sent.map_err(|error| named(on, &name, error))?;
    let attached = move |row: &mut Pbd| row.currently_attached = true;
    let noted = state.pool.write(move |tx| tx.update(pbd, attached)).await;
    if noted.is_err() && state.pool.read(|db| db.get(pbd).is_none()).await? {
        // It was given up meanwhile, and the host may have detached it before this.
        let sent = state.orders.send(host::id(on), Order::DetachSr { sr }).await;
        sent.map_err(|error| errors::order(on, error))?;
    }
    noted
}

/// The error with the name of the host in its text.
fn named(on: Ref<Host>, name: &str, error: OrderError) -> ApiError {
    match error {
        OrderError::Storage(mut error) => {
            error.text = format!("host {name}: {}", error.text);
            errors::order(on, OrderError::Storage(error))
        }
        other => errors::order(on, other),
    }
}

/// `PBD.unplug(pbd)`.
pub async fn unplug(call: Arc<Call>) -> Result<Value, ApiError> {
    let pbd: Ref<Pbd> = call.arg(0)?;
    let sr = call.read(|db| unpluggable(db, pbd)).await?;
    let state = call.state.clone();
    let plan = Plan::new("unplug").shared(sr).exclusive(pbd).step("detach", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        state
            .pool
            .write(move |tx| {
                unpluggable(tx, pbd)?;
                let row = tx.require(pbd)?;
                let (host, sr) = (row.host, row.sr);
                let name = tx.require(host)?.name_label.clone();
                let sr = Some(uuid::Uuid::from_u128(sr.id().0));
                let change = planner::Change::Detach { host: host::id(host).0, sr, network: None };
                let operation = planner::Operation::UnplugStorage;
                admission::check(tx, admission::doing(operation, host, &name), &[change], false)
            })
            .await?;
        detach(&state, pbd).await?;
        Ok(Value::void())
    })
    .await
}

/// No VM on the host uses the repository, and high availability does not live there.
fn unpluggable(db: &Image, pbd: Ref<Pbd>) -> Result<Ref<Sr>, ApiError> {
    let row = db.require(pbd)?;
    host_drives::refuse(db, row.sr)?;
    own_volumes::keep_sr(db, row.sr)?;
    for vm in &db.require(row.host)?.resident_vms {
        let Some(vm_row) = db.get(*vm) else { continue };
        if let Some((vdi, _, _)) =
            view::disks(db, vm_row).into_iter().find(|(_, vdi, _)| vdi.sr == row.sr)
        {
            return Err(ApiError::with(codes::VDI_IN_USE, &[&vdi, &"PBD.unplug"]));
        }
    }
    Ok(row.sr)
}

/// Has the host detach the repository and forget it.
///
/// # Errors
/// The host does not answer, or something there still uses it.
pub async fn detach(state: &Arc<AppState>, pbd: Ref<Pbd>) -> Result<(), ApiError> {
    let (on, sr) = state
        .pool
        .read(|db| {
            let row = db.require(pbd)?;
            Ok::<_, ApiError>((row.host, spec::sr(db, row.sr, row.host)?))
        })
        .await??;
    let sent = state.orders.send(host::id(on), Order::DetachSr { sr }).await;
    sent.map_err(|error| errors::order(on, error))?;
    state.pool.write(move |tx| tx.update(pbd, |row: &mut Pbd| row.currently_attached = false)).await
}
