//! Hosts: maintenance, evacuation, and small questions.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_cluster::control::GuardCommand;
use haven_cluster::ids::HostId;
use haven_model::{ApiError, DateTime, Field, Host, HostMetrics, Network, Ref, Value, Vm, codes};
use haven_planner as planner;
use haven_pooldb::Image;
use haven_tasks::TaskId;
use uuid::Uuid;

use super::{admission, allowed, view};
use crate::dispatch::Call;
use crate::ops::vm::way::Way;
use crate::ops::vm::{migrate, query};
use crate::orders::Order;
use crate::state::{fresh, now};
use crate::tasks::Plan;

/// Migrations that an evacuation runs at the same time, unless the caller says otherwise.
const EVACUATE_AT_ONCE: usize = 2;
/// Longest wait for a guard that is told that a host may come back.
const RELEASE_WAIT: std::time::Duration = std::time::Duration::from_secs(3);
/// Most that a caller may ask for.
const EVACUATE_AT_ONCE_MAX: usize = 10;

/// A host as orders name it.
#[must_use]
pub fn id(host: Ref<Host>) -> HostId {
    HostId(Uuid::from_u128(host.id().0))
}

/// Whether a host answers.
#[must_use]
pub fn is_live(db: &Image, host: Ref<Host>) -> bool {
    db.get(host).and_then(|row| db.get::<HostMetrics>(row.metrics)).is_some_and(|row| row.live)
}

/// `host.disable(host)`: nothing is started there any more.
pub async fn disable(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    call.write(move |tx| {
        let row = tx.require(host)?;
        if row.enabled {
            let doing =
                admission::doing(planner::Operation::DisableHost, host, &row.name_label.clone());
            let change = planner::Change::Disable { host: id(host).0 };
            admission::check(tx, doing, &[change], false)?;
        }
        tx.update(host, |row: &mut Host| row.enabled = false)
    })
    .await?;
    Ok(Value::void())
}

/// `host.enable(host)`: also the administrator's word that a host which came and went too often
/// may be admitted again.
pub async fn enable(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    call.write(move |tx| tx.update(host, |row: &mut Host| row.enabled = true)).await?;
    if call.state.authority.armed().is_some() {
        release(&call, host).await;
    }
    Ok(Value::void())
}

/// Every guard counts for itself; one that does not answer now is not asked when the host comes
/// back, or has forgotten its count by then.
async fn release(call: &Call, host: Ref<Host>) {
    let members = call.state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let mut told = tokio::task::JoinSet::new();
    for member in members.into_iter().filter(|member| member.host != id(host)) {
        let command = GuardCommand::Release { host: id(host) };
        let (state, order) = (call.state.clone(), Order::Guard(Box::new(command)));
        told.spawn(async move {
            let sent = tokio::time::timeout(RELEASE_WAIT, state.orders.send(member.host, order));
            sent.await.is_ok_and(|answer| answer.is_ok())
        });
    }
    if told.join_all().await.contains(&false) {
        tracing::info!(%host, "not every guard was told that the host may come back");
    }
}

/// What keeps a VM on its host, if anything.
fn stuck(db: &Image, vm: Ref<Vm>, row: &Vm, others: &planner::Pool) -> Option<ApiError> {
    if let Err(error) = allowed::vm_operation(vm, row, haven_model::VmOperations::PoolMigrate) {
        return Some(error);
    }
    let wanted = planner::Vm { affinity: None, ..view::vm(db, vm, row) };
    let found = planner::place(others, &wanted, 0, planner::Budget::QUICK);
    found.err().map(|why| query::no_host(db, vm, &why))
}

/// The pool with the other hosts as destinations.
fn others(db: &Image, host: Ref<Host>) -> planner::Pool {
    let mut pool = view::pool(db);
    for candidate in &mut pool.hosts {
        candidate.enabled &= view::reference::<Host>(candidate.id) != host;
    }
    pool
}

/// `host.get_vms_which_prevent_evacuation(host)`.
pub async fn get_vms_which_prevent_evacuation(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    call.read(|db| Ok(prevented(db, host)?.to_value())).await
}

fn prevented(db: &Image, host: Ref<Host>) -> Result<BTreeMap<Ref<Vm>, Vec<String>>, ApiError> {
    let row = db.require(host)?;
    let hosts = others(db, host);
    let mut found = BTreeMap::new();
    for vm in &row.resident_vms {
        let Some(vm_row) = db.get(*vm).filter(|row| !row.is_control_domain) else { continue };
        if let Some(error) = stuck(db, *vm, vm_row, &hosts) {
            let reason = [error.code.to_owned()].into_iter().chain(error.params).collect();
            found.insert(*vm, reason);
        }
    }
    Ok(found)
}

/// `host.assert_can_evacuate(host)`.
pub async fn assert_can_evacuate(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    let found = call.read(|db| prevented(db, host)).await?;
    if found.is_empty() {
        return Ok(Value::void());
    }
    let reasons = found.into_iter().map(|(vm, why)| format!("{vm}: {}", why.join(", ")));
    Err(ApiError::new(codes::CANNOT_EVACUATE_HOST, vec![reasons.collect::<Vec<_>>().join("|")]))
}

/// `host.evacuate(host, network, batch_size)`: moves all VMs away, live; over that network where it can be.
pub async fn evacuate(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    let network: Ref<Network> = call.arg_or(1, Ref::NULL)?;
    let way = match network.is_null() {
        true => Way::Usual,
        false => Way::Rather(network),
    };
    let batch: i64 = call.arg_or(2, 0)?;
    let at_once = usize::try_from(batch).ok().filter(|n| *n > 0).unwrap_or(EVACUATE_AT_ONCE);
    let at_once = at_once.min(EVACUATE_AT_ONCE_MAX);
    // A plan that passes although it weakens the promise is told of once, before the first move.
    let planned = call.write(move |tx| {
        let (plan, verdict) = itinerary(tx, host)?;
        admission::settle(tx, verdict, false)?;
        Ok(plan.moves.len())
    });
    let vms = planned.await?;
    let state = call.state.clone();
    let mut plan = Plan::new("evacuate").exclusive(host);
    for _ in 0..vms.div_ceil(at_once) {
        plan = plan.step("move VMs", 1);
    }
    call.run(plan.cancellable(), move |mut op| async move {
        for _ in 0..vms.div_ceil(at_once) {
            op.step().await?;
            // Planned anew from what is so now: a batch may have ended otherwise than it should.
            let (next, verdict) = state.pool.read(|db| itinerary(db, host)).await??;
            verdict.refuse()?;
            let mut moves = tokio::task::JoinSet::new();
            for step in next.moves.into_iter().take(at_once) {
                let state = state.clone();
                let (vm, to) = (view::reference(step.vm), view::reference(step.to));
                let forced = migrate::How { forced: true, way, ..migrate::How::default() };
                // The plan was weighed as a whole.
                moves.spawn(async move {
                    migrate::migrate(&state, TaskId(fresh()), vm, (to, forced)).await
                });
            }
            while let Some(moved) = moves.join_next().await {
                moved.map_err(ApiError::internal)??;
            }
        }
        Ok(Value::void())
    })
    .await
}

/// How a host is emptied: checked move by move before the first of them.
fn itinerary(
    db: &Image,
    host: Ref<Host>,
) -> Result<(planner::Evacuation, admission::Verdict), ApiError> {
    let pool = view::pool(db);
    let (goal, budget) = (admission::goal(db), planner::Budget::QUICK);
    let plan = planner::evacuate(&pool, id(host).0, goal, budget).map_err(|behind| {
        let reasons = behind.into_iter().map(|why| {
            let vm: Ref<Vm> = view::reference(why.vm);
            let name = db.get(vm).map_or(String::new(), |row| row.name_label.clone());
            format!("{name}: {why}")
        });
        ApiError::new(codes::CANNOT_EVACUATE_HOST, vec![reasons.collect::<Vec<_>>().join("|")])
    })?;
    let agreed = plan.tolerates_before.min(plan.tolerates_after);
    let findings = planner::lint_evacuation(&pool, &plan, agreed, budget);
    let guarded = admission::enforces(db) && goal > 0;
    // What would only weaken the promise for a moment is for the policy to judge.
    let serious = findings
        .iter()
        .filter(|finding| guarded || !matches!(finding, planner::lint::Finding::Weakens { .. }));
    let serious: Vec<String> = serious.map(ToString::to_string).collect();
    if !serious.is_empty() {
        return Err(ApiError::new(codes::CANNOT_EVACUATE_HOST, vec![serious.join("|")]));
    }
    let doing =
        admission::doing(planner::Operation::EvacuateHost, host, &db.require(host)?.name_label);
    let (begin, end) = plan.begin_and_end(&pool);
    let verdict = admission::look(db, doing, &begin, &end)?;
    Ok((plan, verdict))
}

/// `host.get_servertime(host)`, `host.get_server_localtime(host)`.
pub async fn get_servertime(_call: Arc<Call>) -> Result<Value, ApiError> {
    let time: DateTime = now();
    Ok(time.to_value())
}

/// `host.compute_free_memory(host)`.
pub async fn compute_free_memory(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    call.read(|db| {
        db.require(host)?;
        let pool = view::pool(db);
        let free = pool.host(id(host).0).map_or(0, |found| found.memory_free);
        Ok(Value::Int(i64::try_from(free).unwrap_or(i64::MAX)))
    })
    .await
}

/// `host.compute_memory_overhead(host)`.
pub async fn compute_memory_overhead(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    call.read(|db| Ok(Value::Int(db.require(host)?.memory_overhead))).await
}

/// `host.get_management_interface(host)`.
pub async fn get_management_interface(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    call.read(|db| {
        let row = db.require(host)?;
        let found = row.pifs.iter().find(|pif| db.get(**pif).is_some_and(|row| row.management));
        found
            .map(|pif| pif.to_value())
            .ok_or_else(|| ApiError::new(codes::HOST_HAS_NO_MANAGEMENT_IP, Vec::new()))
    })
    .await
}

/// `host.call_plugin(host, plugin, fn, args)`: there is one, about power control.
pub async fn call_plugin(call: Arc<Call>) -> Result<Value, ApiError> {
    let (host, plugin): (Ref<Host>, String) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| db.require(host).map(|_| ())).await?;
    if plugin == super::fencing::PLUGIN {
        let function: String = call.arg(2)?;
        return super::fencing::plugin(&call, host, &function).await;
    }
    Err(ApiError::with(codes::XENAPI_MISSING_PLUGIN, &[&plugin]))
}

/// `host.has_extension(host, name)`, `pool.has_extension(name)`: there are none.
pub async fn has_extension(_call: Arc<Call>) -> Result<Value, ApiError> {
    Ok(Value::Bool(false))
}

/// `SR.get_data_sources(sr)`: a repository measures nothing.
pub async fn no_data_sources(_call: Arc<Call>) -> Result<Value, ApiError> {
    Ok(Value::Set(Vec::new()))
}
