//! Data sources: what a host or VM measures, now.

use std::sync::Arc;

use haven_model::{ApiError, Host, Ref, Sr, Value, Vm, codes};
use uuid::Uuid;

use super::{errors, host, rows};
use crate::dispatch::Call;
use crate::orders::{Order, OrderReply};
use crate::state::AppState;
use crate::stats::{self, DataSource, StatsAnswer, StatsQuery};

/// Longest delay of `host.backup_rrds`.
const BACKUP_DELAY_S_MAX: f64 = 60.0;

/// Asks the host that owns the archives.
///
/// # Errors
/// It does not answer.
pub async fn ask(
    state: &Arc<AppState>,
    on: Ref<Host>,
    query: StatsQuery,
) -> Result<StatsAnswer, ApiError> {
    let reply = state.orders.send(host::id(on), Order::Statistics(query)).await;
    match reply.map_err(|error| errors::order(on, error))? {
        OrderReply::Statistics(answer) => Ok(*answer),
        other => Err(ApiError::internal(format!("an unexpected answer {other:?}"))),
    }
}

async fn latest(
    state: &Arc<AppState>,
    on: Ref<Host>,
    vm: Option<Uuid>,
) -> Result<Vec<DataSource>, ApiError> {
    match ask(state, on, StatsQuery::Latest { vm }).await? {
        StatsAnswer::Latest(sources) => Ok(sources),
        _ => Err(ApiError::internal("an unexpected answer")),
    }
}

async fn of_vm(call: &Call) -> Result<Vec<DataSource>, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    let (uuid, on) = call
        .read(|db| {
            let row = db.require(vm)?;
            Ok((rows::uuid(&row.uuid)?, row.resident_on.non_null()))
        })
        .await?;
    match on {
        Some(on) => latest(&call.state, on, Some(uuid)).await,
        // What does not run measures nothing.
        None => Ok(Vec::new()),
    }
}

async fn of_host(call: &Call) -> Result<Vec<DataSource>, ApiError> {
    let on: Ref<Host> = call.arg(0)?;
    call.read(|db| db.require(on).map(|_| ())).await?;
    latest(&call.state, on, None).await
}

fn record(source: &DataSource) -> Value {
    Value::Record(vec![
        ("name_label", Value::from(source.name.as_str())),
        ("name_description", Value::from(source.name.replace('_', " "))),
        ("enabled", Value::Bool(true)),
        ("standard", Value::Bool(true)),
        ("units", Value::from(source.units.as_str())),
        ("min", Value::Float(source.min)),
        ("max", Value::Float(source.max.unwrap_or(f64::INFINITY))),
        ("value", Value::Float(source.value.unwrap_or(f64::NAN))),
    ])
}

fn list(sources: &[DataSource]) -> Value {
    Value::Set(sources.iter().map(record).collect())
}

fn one(sources: &[DataSource], name: &str) -> Result<Value, ApiError> {
    let found = sources.iter().find(|source| source.name == name);
    let missing = || ApiError::with(codes::INVALID_VALUE, &[&"data_source", &name]);
    let found = found.ok_or_else(missing)?;
    Ok(Value::Float(found.value.unwrap_or(f64::NAN)))
}

/// `VM.get_data_sources(vm)`.
pub async fn vm_sources(call: Arc<Call>) -> Result<Value, ApiError> {
    Ok(list(&of_vm(&call).await?))
}

/// `VM.query_data_source(vm, name)`.
pub async fn vm_value(call: Arc<Call>) -> Result<Value, ApiError> {
    one(&of_vm(&call).await?, &call.arg::<String>(1)?)
}

/// `host.get_data_sources(host)`.
pub async fn host_sources(call: Arc<Call>) -> Result<Value, ApiError> {
    Ok(list(&of_host(&call).await?))
}

/// `host.query_data_source(host, name)`.
pub async fn host_value(call: Arc<Call>) -> Result<Value, ApiError> {
    one(&of_host(&call).await?, &call.arg::<String>(1)?)
}

/// `VM.record_data_source(vm, name)`: what is measured is recorded, always.
pub async fn vm_recorded(call: Arc<Call>) -> Result<Value, ApiError> {
    one(&of_vm(&call).await?, &call.arg::<String>(1)?).map(|_| Value::void())
}

/// `host.record_data_source(host, name)`: the same.
pub async fn host_recorded(call: Arc<Call>) -> Result<Value, ApiError> {
    one(&of_host(&call).await?, &call.arg::<String>(1)?).map(|_| Value::void())
}

/// `VM.forget_data_source_archives(vm, name)`: what it still measures begins anew.
pub async fn vm_forget(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, name): (Ref<Vm>, String) = (call.arg(0)?, call.arg(1)?);
    let (uuid, on) = call
        .read(|db| {
            let row = db.require(vm)?;
            Ok((rows::uuid(&row.uuid)?, row.resident_on.non_null()))
        })
        .await?;
    let on = match on {
        Some(on) => vec![on],
        // They lie here and on a second host, and either copy may be taken for the newer one.
        None => stats::holders(&call.state, uuid).await?,
    };
    forgotten(&call, &on, Some(uuid), name).await
}

/// `host.forget_data_source_archives(host, name)`.
pub async fn host_forget(call: Arc<Call>) -> Result<Value, ApiError> {
    let (on, name): (Ref<Host>, String) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| db.require(on).map(|_| ())).await?;
    forgotten(&call, &[on], None, name).await
}

/// All of these hosts forget a value that one of them has at least.
async fn forgotten(
    call: &Call,
    on: &[Ref<Host>],
    vm: Option<Uuid>,
    name: String,
) -> Result<Value, ApiError> {
    let missing = ApiError::with(codes::INVALID_VALUE, &[&"data_source", &name]);
    let query = StatsQuery::ForgetSource { vm, name };
    let mut known = false;
    for on in on {
        known |= ask(&call.state, *on, query.clone()).await? == StatsAnswer::Taken(true);
    }
    if known { Ok(Value::void()) } else { Err(missing) }
}

/// `host.backup_rrds(host, delay)`: what the host measures is written to its disk, after `delay` seconds.
pub async fn backup(call: Arc<Call>) -> Result<Value, ApiError> {
    let (on, delay): (Ref<Host>, f64) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| db.require(on).map(|_| ())).await?;
    if !(0.0..=BACKUP_DELAY_S_MAX).contains(&delay) {
        let why = format!("{delay}: between 0 and {BACKUP_DELAY_S_MAX} seconds");
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"delay", &why]));
    }
    tokio::time::sleep(std::time::Duration::from_secs_f64(delay)).await;
    ask(&call.state, on, StatsQuery::Save).await?;
    Ok(Value::void())
}

/// `SR.query_data_source(sr, name)` and its like: a repository measures nothing, so there is none
/// of any name.
pub async fn sr_value(call: Arc<Call>) -> Result<Value, ApiError> {
    let sr: Ref<Sr> = call.arg(0)?;
    call.read(|db| db.require(sr).map(|_| ())).await?;
    one(&[], &call.arg::<String>(1)?)
}
