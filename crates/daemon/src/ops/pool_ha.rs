//! How many host failures the pool promises to survive.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{ApiError, Field, Host, Pool, Ref, Value, Vm, codes};
use haven_planner::{self as planner, Budget, Tolerance};
use haven_pooldb::Image;

use super::ha_policy::HaPolicy;
use super::{rows, told, view, what_if};
use crate::dispatch::Call;
use crate::state::AppState;

/// How many failures are survived now.
/// The pool whose failures are counted: what moves takes room on two hosts for a while, which breaks no promise.
#[must_use]
pub fn counted(db: &Image) -> planner::Pool {
    view::pool(db).before_moves()
}

async fn now(state: &AppState, budget: Budget) -> Result<Tolerance, ApiError> {
    let pool = state.pool.read(counted).await?;
    what_if::blocking(move || planner::tolerance(&pool, budget)).await
}

fn number(failures: u32) -> Value {
    Value::Int(i64::from(failures))
}

/// What a pool promises and keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Failures for which there is a plan.
    pub exists: i64,
    /// Fewer than there should be.
    pub short: bool,
    /// How many are tolerated, and what binds.
    pub found: Tolerance,
}

/// Writes how many failures there is a plan for; answers where the pool stands.
///
/// # Errors
/// The database refuses.
pub async fn refresh_plan(state: &Arc<AppState>) -> Result<Option<Standing>, ApiError> {
    let (enabled, wanted, pool) = state
        .pool
        .read(|db| {
            let (_, row) = rows::pool(db)?;
            let seen = row.ha_enabled.then(|| counted(db));
            Ok::<_, ApiError>((row.ha_enabled, row.ha_host_failures_to_tolerate, seen))
        })
        .await??;
    let limit = u32::try_from(wanted).unwrap_or(0);
    let standing = match pool.filter(|_| enabled) {
        None => None,
        Some(pool) => {
            let found =
                what_if::blocking(move || planner::tolerance_up_to(&pool, limit, Budget::QUICK));
            let found = found.await?;
            let exists = if found.holds_now { i64::from(found.failures) } else { 0 };
            let short = !found.holds_now || exists < wanted;
            Some(Standing { exists, short, found })
        }
    };
    let (exists, short) = standing.as_ref().map_or((0, false), |s| (s.exists, s.short));
    let change = state
        .pool
        .read(|db| {
            let (pool, row) = rows::pool(db)?;
            let changed = row.ha_plan_exists_for != exists || row.ha_overcommitted != short;
            Ok::<_, ApiError>(changed.then_some(pool))
        })
        .await??;
    if let Some(pool) = change {
        state
            .pool
            .write(move |tx| {
                tx.update(pool, |row: &mut Pool| {
                    row.ha_plan_exists_for = exists;
                    row.ha_overcommitted = short;
                })
            })
            .await?;
    }
    Ok(standing)
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
        let raised = value > row.ha_host_failures_to_tolerate;
        let guarded = HaPolicy::of(row).admission == planner::Mode::Enforce;
        if row.ha_enabled && guarded && raised {
            let limit = u32::try_from(value).unwrap_or(0);
            let found = planner::tolerance_up_to(&counted(tx), limit, Budget::QUICK);
            if i64::from(found.failures) < value || !found.holds_now {
                let text = format!("{} is the most that is possible now. {found}", found.failures);
                let data =
                    told::data(&serde_json::json!({ "goal": value, "tolerance": found }), &found);
                return Err(ApiError::new(codes::HA_NO_PLAN, vec![text, data.to_string()]));
            }
        }
        tx.update(pool, |row: &mut Pool| row.ha_host_failures_to_tolerate = value)
    })
    .await?;
    refresh_plan(&call.state).await?;
    Ok(Value::void())
}

/// `pool.ha_compute_max_host_failures_to_tolerate()`.
pub async fn compute_max(call: Arc<Call>) -> Result<Value, ApiError> {
    now(&call.state, Budget::THOROUGH).await.map(|found| number(found.failures))
}

/// `pool.ha_compute_hypothetical_max_host_failures_to_tolerate(configuration)`.
pub async fn compute_hypothetical(call: Arc<Call>) -> Result<Value, ApiError> {
    let wanted: BTreeMap<Ref<Vm>, String> = call.arg(0)?;
    let pool = call.read(|db| hypothetical(db, &wanted)).await?;
    let found = what_if::blocking(move || planner::tolerance(&pool, Budget::THOROUGH)).await?;
    Ok(number(found.failures))
}

/// The pool in which just these VMs are protected, in these ways.
fn hypothetical(db: &Image, wanted: &BTreeMap<Ref<Vm>, String>) -> Result<planner::Pool, ApiError> {
    let mut pool = view::pool(db);
    for vm in &mut pool.vms {
        vm.protection = planner::Protection::None;
    }
    for (reference, priority) in wanted {
        super::vm::ha::check_priority(priority)?;
        let mut vm = view::vm(db, *reference, db.require(*reference)?);
        vm.protection = match priority.as_str() {
            "restart" => planner::Protection::Restart,
            "best-effort" => planner::Protection::BestEffort,
            _ => planner::Protection::None,
        };
        pool.vms.retain(|other| other.id != vm.id);
        // What is halted would have to find a place as well.
        pool.vms.push(vm);
    }
    Ok(pool)
}

/// `pool.ha_failover_plan_exists(n)`.
pub async fn plan_exists(call: Arc<Call>) -> Result<Value, ApiError> {
    let failures: i64 = call.arg(0)?;
    let asked = u32::try_from(failures).unwrap_or(0);
    let pool = call.state.pool.read(counted).await?;
    let found =
        what_if::blocking(move || planner::survives(&pool, asked, Budget::THOROUGH)).await?;
    // What is not decided is no plan.
    Ok(Value::Bool(found == Some(true)))
}

/// `pool.ha_compute_vm_failover_plan(failed_hosts, failed_vms)`: for each VM where it would go.
pub async fn compute_plan(call: Arc<Call>) -> Result<Value, ApiError> {
    let (failed, vms): (Vec<Ref<Host>>, Vec<Ref<Vm>>) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| {
        let hosts = failed.iter().map(|host| uuid::Uuid::from_u128(host.id().0)).collect();
        let mut pool = view::pool(db)
            .with(&planner::Change::Fail { hosts })
            .map_err(|error| ApiError::not_allowed(error.to_string()))?;
        let mut which = std::collections::BTreeSet::new();
        for vm in &vms {
            let mut seen = view::vm(db, *vm, db.require(*vm)?);
            if seen.protection == planner::Protection::None {
                seen.protection = planner::Protection::BestEffort;
            }
            (seen.resident, seen.also_on) = (None, std::collections::BTreeSet::new());
            which.insert(seen.id);
            pool.vms.retain(|other| other.id != seen.id);
            pool.vms.push(seen);
        }
        let plan = planner::restart_plan(&pool, &which, &planner::Rules::default());
        let answer = vms.iter().map(|vm| {
            let place = plan.host_of(uuid::Uuid::from_u128(vm.id().0));
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
