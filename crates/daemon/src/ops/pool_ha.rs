//! How many host failures the pool promises to survive.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{ApiError, Field, Host, Pool, Ref, Value, Vm, codes};
use haven_planner as planner;
use haven_pooldb::Image;

use super::{rows, view};
use crate::dispatch::Call;
use crate::state::AppState;

/// How many failures are survived now.
fn now(db: &Image) -> i64 {
    i64::from(planner::tolerance(&view::hosts(db), &view::running_vms(db)).failures)
}

/// Writes how many failures there is a plan for.
///
/// # Errors
/// The database refuses.
pub async fn refresh_plan(state: &Arc<AppState>) -> Result<(), ApiError> {
    let change = state
        .pool
        .read(|db| {
            let (pool, row) = rows::pool(db)?;
            let survived = if row.ha_enabled { now(db) } else { 0 };
            let exists = survived.min(row.ha_host_failures_to_tolerate);
            let short = row.ha_enabled && survived < row.ha_host_failures_to_tolerate;
            let changed = row.ha_plan_exists_for != exists || row.ha_overcommitted != short;
            Ok::<_, ApiError>(changed.then_some((pool, exists, short)))
        })
        .await??;
    let Some((pool, exists, short)) = change else { return Ok(()) };
    state
        .pool
        .write(move |tx| {
            tx.update(pool, |row: &mut Pool| {
                row.ha_plan_exists_for = exists;
                row.ha_overcommitted = short;
            })
        })
        .await
}

/// `pool.set_ha_host_failures_to_tolerate(pool, value)`.
pub async fn set_failures_to_tolerate(call: Arc<Call>) -> Result<Value, ApiError> {
    let (pool, value): (Ref<Pool>, i64) = (call.arg(0)?, call.arg(1)?);
    call.write(move |tx| {
        let hosts = i64::try_from(tx.iter::<Host>().count()).unwrap_or(0);
        if value < 0 || value >= hosts.max(1) {
            return Err(ApiError::with(
                codes::INVALID_VALUE,
                &[&"ha_host_failures_to_tolerate", &value],
            ));
        }
        let row = tx.require(pool)?;
        if row.ha_enabled && !row.ha_allow_overcommit && now(tx) < value {
            return Err(ApiError::new(codes::HA_NO_PLAN, Vec::new()));
        }
        tx.update(pool, |row: &mut Pool| row.ha_host_failures_to_tolerate = value)
    })
    .await?;
    refresh_plan(&call.state).await?;
    Ok(Value::void())
}

/// `pool.ha_compute_max_host_failures_to_tolerate()`.
pub async fn compute_max(call: Arc<Call>) -> Result<Value, ApiError> {
    call.read(|db| Ok(Value::Int(now(db)))).await
}

/// `pool.ha_compute_hypothetical_max_host_failures_to_tolerate(configuration)`.
pub async fn compute_hypothetical(call: Arc<Call>) -> Result<Value, ApiError> {
    let wanted: BTreeMap<Ref<Vm>, String> = call.arg(0)?;
    call.read(|db| {
        let mut vms: Vec<planner::Vm> = view::running_vms(db);
        for vm in &mut vms {
            vm.protection = planner::Protection::None;
        }
        for (reference, priority) in &wanted {
            super::vm::ha::check_priority(priority)?;
            let row = db.require(*reference)?;
            let mut vm = view::vm(db, *reference, row);
            vms.retain(|other| other.id != vm.id);
            vm.protection = match priority.as_str() {
                "restart" => planner::Protection::Restart,
                "best-effort" => planner::Protection::BestEffort,
                _ => planner::Protection::None,
            };
            // What is halted would have to find a place as well.
            vms.push(vm);
        }
        Ok(Value::Int(i64::from(planner::tolerance(&view::hosts(db), &vms).failures)))
    })
    .await
}

/// `pool.ha_failover_plan_exists(n)`.
pub async fn plan_exists(call: Arc<Call>) -> Result<Value, ApiError> {
    let failures: i64 = call.arg(0)?;
    call.read(|db| Ok(Value::Bool(now(db) >= failures))).await
}

/// `pool.ha_compute_vm_failover_plan(failed_hosts, failed_vms)`: for each VM where it would go.
pub async fn compute_plan(call: Arc<Call>) -> Result<Value, ApiError> {
    let (failed, vms): (Vec<Ref<Host>>, Vec<Ref<Vm>>) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| {
        let mut hosts = view::hosts(db);
        hosts.retain(|host| !failed.contains(&view::reference(host.id)));
        let dead = vms
            .iter()
            .map(|vm| {
                let mut seen = view::vm(db, *vm, db.require(*vm)?);
                if seen.protection == planner::Protection::None {
                    seen.protection = planner::Protection::BestEffort;
                }
                Ok(seen)
            })
            .collect::<Result<Vec<_>, ApiError>>()?;
        let plan = planner::restart_plan(&dead, &hosts);
        let answer = vms.iter().map(|vm| {
            let found = dead.iter().find(|seen| view::reference::<Vm>(seen.id) == *vm);
            let place = found.and_then(|seen| plan.host_of(seen.id));
            let record = match place {
                Some(host) => ("host", view::reference::<Host>(host).to_string()),
                None => ("error_code", codes::NO_HOSTS_AVAILABLE.to_owned()),
            };
            (vm.to_string(), BTreeMap::from([(record.0.to_owned(), record.1)]).to_value())
        });
        Ok(Value::Map(answer.collect()))
    })
    .await
}
