//! Carries restart plans out: order group after order group, each behind its gate.
//!
//! Owns: how many starts run at the same moment, on one host and in all; what a group waits for;
//! that a start which fails is planned anew, without the host where it failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use haven_model::{ApiError, Host, Ref, Vm};
use haven_planner::{self as planner, Gate, Ready};
use haven_pooldb::{Image, Tx};
use haven_tasks::TaskId;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::failover::End;
use super::timeline::VmTimes;
use crate::ops::ha_policy::HaPolicy;
use crate::ops::vm::power::{Start, start_vm};
use crate::ops::vm::state as vm_state;
use crate::ops::{host, rows, view, what_if};
use crate::orders::{Order, OrderReply};
use crate::state::{AppState, fresh};

/// Starts at the same moment, on all hosts together.
const STARTS_AT_ONCE: usize = 32;
/// Hosts on which one start is tried before it waits for the next round.
const HOSTS_TRIED_MAX: usize = 3;
/// How often a guest is asked whether its agent answers.
const AGENT_POLL: Duration = Duration::from_secs(1);
/// Key of the phase times in `VM.other_config`.
pub const TIMES_KEY: &str = "haven_restart_times";

/// Hosts on which the start of a VM failed.
pub(super) type Avoided = BTreeMap<Uuid, BTreeSet<Uuid>>;

/// Plans the start of VMs that wait. The plan was checked; what the check found wrong is left out.
pub(super) async fn plan(
    state: &Arc<AppState>,
    which: BTreeSet<Uuid>,
    avoided: Avoided,
) -> Result<planner::Plan, ApiError> {
    let (mut pool, rules) = state
        .pool
        .read(|db| {
            let (_, row) = rows::pool(db)?;
            // As many as were promised or are to be: what was promised is found again.
            let keep = row.ha_host_failures_to_tolerate.max(row.ha_plan_exists_for);
            let rules = HaPolicy::of(row).rules(u32::try_from(keep).unwrap_or(0));
            Ok::<_, ApiError>((view::pool(db), rules))
        })
        .await??;
    for vm in &mut pool.vms {
        if let Some(hosts) = avoided.get(&vm.id) {
            vm.avoid.clone_from(hosts);
        }
    }
    what_if::blocking(move || {
        let mut plan = planner::restart_plan(&pool, &which, &rules);
        let wrong = planner::lint::restart(&pool, &plan);
        if !wrong.is_empty() {
            let texts: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            tracing::error!(findings = texts.join("; "), "a restart plan is wrong in part");
            let named = |name: &str| wrong.iter().any(|finding| finding.names(name));
            for group in &mut plan.groups {
                group.starts.retain(|start| !named(&start.name));
            }
        }
        plan
    })
    .await
}

/// Group after group. A start that fails does not hold up the others of its group.
pub(super) async fn carry_out(
    state: Arc<AppState>,
    plan: planner::Plan,
    times: BTreeMap<Ref<Vm>, VmTimes>,
    ends: mpsc::Sender<End>,
) {
    let policy = state.pool.read(|db| rows::pool(db).map(|(_, row)| HaPolicy::of(row))).await;
    let per_host = policy.ok().and_then(Result::ok).unwrap_or_default().starts_per_host;
    let lanes = Lanes::new(&plan, per_host);
    let last = plan.groups.len().saturating_sub(1);
    for (index, group) in plan.groups.into_iter().enumerate() {
        let vms: Vec<Ref<Vm>> = group.starts.iter().map(|s| view::reference(s.vm)).collect();
        let mut starts = JoinSet::new();
        for start in group.starts {
            let vm: Ref<Vm> = view::reference(start.vm);
            let (state, ends, lanes) = (state.clone(), ends.clone(), lanes.clone());
            let times = times.get(&vm).copied().unwrap_or_default();
            starts.spawn(async move {
                let _lane = lanes.enter(start.host).await;
                let result = start_one(&state, vm, view::reference(start.host), times).await;
                // A manager that is gone ends with the daemon.
                let _stopped: Result<(), _> = ends.send((vm, result)).await;
            });
        }
        if index == last {
            // Nobody waits for the last group.
            starts.detach_all();
        } else {
            pass(&state, group.order, group.gate, starts, &vms).await;
        }
    }
}

/// Waits until a group is ready, or its time is over (scenario 78).
async fn pass(state: &AppState, order: i64, gate: Gate, mut starts: JoinSet<()>, vms: &[Ref<Vm>]) {
    let ready = async {
        while starts.join_next().await.is_some() {}
        if gate.ready == Ready::AgentAnswers {
            for vm in vms {
                while runs(state, *vm).await && !agent_answers(state, *vm).await {
                    sleep(AGENT_POLL).await;
                }
            }
        }
    };
    let in_time = timeout(Duration::from_secs(gate.timeout_s), ready).await.is_ok();
    match in_time {
        true => tracing::info!(order, "a restart group is ready"),
        false => {
            tracing::warn!(order, gate.timeout_s, "a restart group is late; the next one begins");
        }
    }
    // What still starts goes on beside the next group.
    starts.detach_all();
    if in_time {
        sleep(Duration::from_secs(gate.delay_s)).await;
    }
}

async fn runs(state: &AppState, vm: Ref<Vm>) -> bool {
    let residence = state.pool.read(|db| vm_state::residence(db, vm).is_ok()).await;
    residence.unwrap_or(false)
}

async fn agent_answers(state: &AppState, vm: Ref<Vm>) -> bool {
    let Ok(Ok((on, id))) = state.pool.read(|db| vm_state::residence(db, vm)).await else {
        return false;
    };
    let command = "{\"execute\":\"guest-ping\"}".to_owned();
    let reply = state.orders.send(host::id(on), Order::GuestAgent { vm: id, command }).await;
    matches!(reply, Ok(OrderReply::Text(_)))
}

/// How many starts run at once.
#[derive(Clone)]
struct Lanes {
    all: Arc<Semaphore>,
    hosts: Arc<BTreeMap<Uuid, Semaphore>>,
}

impl Lanes {
    fn new(plan: &planner::Plan, per_host: usize) -> Self {
        let hosts = plan.starts().map(|start| (start.host, Semaphore::new(per_host.max(1))));
        Self { all: Arc::new(Semaphore::new(STARTS_AT_ONCE)), hosts: Arc::new(hosts.collect()) }
    }

    /// The host's lane first: who waits for a busy host must not keep others from an idle one.
    async fn enter(&self, host: Uuid) -> [Option<SemaphorePermit<'_>>; 2] {
        let own = match self.hosts.get(&host) {
            Some(lane) => lane.acquire().await.ok(),
            None => None,
        };
        [own, self.all.acquire().await.ok()]
    }
}

async fn start_one(
    state: &Arc<AppState>,
    vm: Ref<Vm>,
    host: Ref<Host>,
    times: VmTimes,
) -> Result<(), ApiError> {
    let mut tried: BTreeSet<Uuid> = BTreeSet::new();
    let mut next = Some(host);
    let mut result = Ok(());
    while let Some(host) = next.take().filter(|_| tried.len() < HOSTS_TRIED_MAX) {
        let there = Start { host: Some(host), force: true, failover: true, ..Start::default() };
        let started = start_vm(state, TaskId(fresh()), vm, there).await;
        result = started.map(|_| ());
        let Err(error) = &result else { break };
        tracing::warn!(%vm, %host, %error, "a restart failed; planning anew without that host");
        tried.insert(view::id(host));
        next = elsewhere(state, vm, &tried).await?;
    }
    result?;
    let times = VmTimes { started_ms: super::wall_ms(), ..times };
    let text = serde_json::to_string(&times).map_err(ApiError::internal)?;
    let change = move |tx: &mut Tx<'_>| {
        tx.update(vm, |row: &mut Vm| {
            row.other_config.insert(TIMES_KEY.to_owned(), text);
        })
    };
    state.pool.write(change).await
}

/// Another host for a VM, if it still waits.
async fn elsewhere(
    state: &Arc<AppState>,
    vm: Ref<Vm>,
    tried: &BTreeSet<Uuid>,
) -> Result<Option<Ref<Host>>, ApiError> {
    let waits = |db: &Image| !crate::ops::placement::holders(db, vm).is_empty();
    if state.pool.read(waits).await? {
        return Ok(None);
    }
    let id = view::id(vm);
    let avoided = BTreeMap::from([(id, tried.clone())]);
    let plan = plan(state, BTreeSet::from([id]), avoided).await?;
    Ok(plan.host_of(id).map(view::reference))
}
