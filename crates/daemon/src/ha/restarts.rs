//! Performs what the engine of restarts says (`haven_failover::restarts`), and tells it how that ended.
//!
//! Owns: plans from the database, starts, questions to agents, alerts about restarts, and the times that
//! whoever measures finds on a VM. Never does: choose a host, or decide what waits for what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use haven_failover::restarts::{Agent, Input, Look, Output, Room};
use haven_failover::{self as failover, Facts, Restarts};
use haven_model::{ApiError, Host, MessageClass, Ref, Vm, alerts};
use haven_planner as planner;
use haven_pooldb::{Image, Tx};
use haven_tasks::TaskId;
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::takeover::Ha;
use super::timeline::VmTimes;
use crate::ops::ha_policy::HaPolicy;
use crate::ops::vm::power::{Start, start_vm};
use crate::ops::vm::state as vm_state;
use crate::ops::{ha_pause, host, message, placement, rows, view, what_if};
use crate::orders::{Order, OrderReply};
use crate::state::{AppState, fresh};

/// Answers to the engine that may wait for the manager.
const ANSWERS_MAX: usize = 1024;
/// Key of the phase times in `VM.other_config`.
pub const TIMES_KEY: &str = "haven_restart_times";

/// Hosts on which the start of a VM failed.
type Avoided = BTreeMap<Uuid, BTreeSet<Uuid>>;

/// What the engine is told by those who do something for it, and in which office.
type Answer = (u64, Input);

/// The engine, and what it began.
pub(super) struct Driver {
    engine: Restarts,
    /// Counts the times that this host acted: nobody is told how what an earlier office began ended.
    office: u64,
    answers: mpsc::Sender<Answer>,
    heard: mpsc::Receiver<Answer>,
    /// The phases of what is in hand.
    times: BTreeMap<Uuid, VmTimes>,
}

impl Default for Driver {
    fn default() -> Self {
        let (answers, heard) = mpsc::channel(ANSWERS_MAX);
        let (engine, times) = Default::default();
        Self { engine, office: 0, answers, heard, times }
    }
}

impl Driver {
    /// The next answer.
    pub(super) async fn hear(&mut self) -> Option<Answer> {
        self.heard.recv().await
    }

    /// This host acts no more: a new office begins with nothing.
    pub(super) fn resign(&mut self) {
        self.engine = Restarts::default();
        self.times.clear();
        self.office += 1;
    }

    /// Takes an answer, and those that wait behind it.
    pub(super) async fn take(
        &mut self,
        ha: &Ha,
        first: Answer,
        now: Duration,
        fell: impl Fn(Uuid) -> VmTimes,
    ) {
        let mut next = Some(first);
        while let Some((office, input)) = next {
            if office == self.office {
                self.note(&input, &fell);
                self.handle(ha, input, now).await;
            }
            next = self.heard.try_recv().ok();
        }
    }

    /// Looks at what must run and does not.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(super) async fn look(&mut self, ha: &Ha, now: Duration) -> Result<(), ApiError> {
        let room = self.engine.waits_for_room();
        let look = ha.state.pool.read(move |db| look(db, room)).await??;
        self.handle(ha, Input::Looked(look), now).await;
        Ok(())
    }

    /// Something is to be done about the VM, or was done in vain.
    pub(super) fn concerns(&self, vm: Uuid) -> bool {
        self.engine.concerns(vm)
    }

    /// When each VM was placed, and its host failed.
    fn note(&mut self, input: &Input, fell: impl Fn(Uuid) -> VmTimes) {
        let Input::Planned(plan) = input else { return };
        let placed_ms = super::wall_ms();
        for start in plan.starts() {
            let times = || VmTimes { placed_ms, ..fell(start.vm) };
            self.times.entry(start.vm).or_insert_with(times);
        }
        if !plan.groups.is_empty() {
            tracing::info!(vms = plan.starts().count(), plan.tolerates, "restarting VMs");
        }
    }

    async fn handle(&mut self, ha: &Ha, input: Input, now: Duration) {
        for output in self.engine.handle(now, input) {
            self.perform(ha, output).await;
        }
        let engine = &self.engine;
        self.times.retain(|vm, _| engine.in_hand(*vm));
    }

    async fn perform(&mut self, ha: &Ha, output: Output) {
        let state = ha.state.clone();
        match output {
            Output::Plan { which, avoided } => self.spawn(async move {
                match plan(&state, which, avoided).await {
                    Ok(plan) => Input::Planned(plan),
                    Err(error) => Input::Unplanned(error),
                }
            }),
            Output::Start { vm, host } => {
                let times = self.times.get(&vm).copied().unwrap_or_default();
                self.spawn(async move {
                    let result = start(&state, view::reference(vm), host, times).await;
                    Input::Ended { vm, result }
                });
            }
            Output::Ask { vm } => self.spawn(async move {
                Input::Heard { vm, agent: agent(&state, view::reference(vm)).await }
            }),
            Output::Failed { vm, error, failures } => {
                tracing::warn!(%vm, %error, failures, "a protected VM could not be restarted");
                if failures == 1 {
                    tell_failure(ha, view::reference(vm), &error).await;
                }
            }
            Output::Prevented { .. } => tell_prevented(ha).await,
            told => log(&told),
        }
    }

    fn spawn(&self, work: impl Future<Output = Input> + Send + 'static) {
        let (office, answers) = (self.office, self.answers.clone());
        tokio::spawn(async move {
            // A manager that is gone ends with the daemon.
            let _stopped: Result<(), _> = answers.send((office, work.await)).await;
        });
    }
}

fn log(told: &Output) {
    match told {
        Output::Begins { protection, order, vms } => {
            tracing::info!(?protection, order, vms, "a restart group begins");
        }
        Output::Ready { protection, order } => {
            tracing::info!(?protection, order, "a restart group is ready");
        }
        Output::Late { protection, order, starting, silent } => {
            let counts = (starting, silent);
            tracing::warn!(?protection, order, ?counts, "a restart group is late");
        }
        Output::Elsewhere { vm, host, error } => {
            tracing::warn!(%vm, %host, %error, "a restart failed; planning anew without that host");
        }
        _ => {}
    }
}

fn look(db: &Image, room: bool) -> Result<Look, ApiError> {
    let (_, row) = rows::pool(db)?;
    Ok(Look {
        wanted: wanted(db).into_iter().map(view::id).collect(),
        prevented: ha_pause::is_on(db),
        room: room.then(|| Room::of(&view::current(db).hosts)),
        starts_per_host: HaPolicy::of(row).starts_per_host,
    })
}

/// Protected VMs that run nowhere, and on which nobody works.
fn wanted(db: &Image) -> Vec<Ref<Vm>> {
    let facts = |vm: Ref<Vm>, row: &Vm| Facts {
        always_run: row.ha_always_run,
        protection: view::protection(row),
        template: row.is_a_template,
        power_state: row.power_state,
        busy: !row.current_operations.is_empty(),
        held: !placement::holders(db, vm).is_empty(),
    };
    let vms = db.iter::<Vm>().filter(|(vm, row)| failover::wanted(&facts(*vm, row)));
    vms.map(|(vm, _)| vm).collect()
}

/// Plans the start of VMs that wait. The plan was checked; what the check found wrong is left out.
async fn plan(
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

async fn start(
    state: &Arc<AppState>,
    vm: Ref<Vm>,
    host: Uuid,
    times: VmTimes,
) -> Result<(), ApiError> {
    let host: Ref<Host> = view::reference(host);
    let there = Start { host: Some(host), force: true, failover: true, ..Start::default() };
    start_vm(state, TaskId(fresh()), vm, there).await?;
    let times = VmTimes { started_ms: super::wall_ms(), ..times };
    let text = serde_json::to_string(&times).map_err(ApiError::internal)?;
    let change = move |tx: &mut Tx<'_>| {
        tx.update(vm, |row: &mut Vm| {
            row.other_config.insert(TIMES_KEY.to_owned(), text);
        })
    };
    // It runs, whether that was written or not.
    if let Err(error) = state.pool.write(change).await {
        tracing::warn!(%vm, %error, "the times of a restart could not be recorded");
    }
    Ok(())
}

async fn agent(state: &AppState, vm: Ref<Vm>) -> Agent {
    let residence = state.pool.read(|db| vm_state::residence(db, vm)).await;
    let Ok(Ok((on, id))) = residence else { return Agent::Gone };
    let command = "{\"execute\":\"guest-ping\"}".to_owned();
    let reply = state.orders.send(host::id(on), Order::GuestAgent { vm: id, command }).await;
    match reply {
        Ok(OrderReply::Text(_)) => Agent::Answers,
        _ => Agent::Silent,
    }
}

/// Scenario 95.
async fn tell_prevented(ha: &Ha) {
    let text = "VMs wait for their restart: restarts are prevented for now. They go on when \
                that time is over, or with pool.ha_prevent_restarts_for(0).";
    let body = message::body(text, &json!({ "case": "prevented" }));
    let uuid = ha.state.pool.read(|db| rows::pool(db).map(|(_, row)| row.uuid.clone())).await;
    let Ok(Ok(uuid)) = uuid else { return };
    let about = (MessageClass::Pool, uuid);
    message::raise(&ha.state, alerts::HA_PROTECTED_VM_RESTART_FAILED, about, body).await;
}

async fn tell_failure(ha: &Ha, vm: Ref<Vm>, error: &ApiError) {
    let text = format!("The VM could not be restarted; it is tried again. {error}");
    let data = json!({ "case": "failed", "error": message::error_data(error) });
    let body = message::body(&text, &data);
    let change = move |tx: &mut Tx<'_>| {
        let Some(row) = tx.get(vm) else { return Ok(()) };
        let object = (MessageClass::Vm, row.uuid.clone());
        message::insert(tx, alerts::HA_PROTECTED_VM_RESTART_FAILED, object, body).map(|_| ())
    };
    if let Err(error) = ha.state.pool.write(change).await {
        tracing::error!(%error, "an alert could not be recorded");
    }
}

#[cfg(test)]
mod tests;
