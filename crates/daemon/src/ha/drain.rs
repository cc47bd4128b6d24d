//! A member that lost the heartbeat storage is drained before the guards put it out (rule 2).
//!
//! Owns: which lives are being drained, once for each loss, and the mark on their hosts, which keeps
//! further VMs away. Decides nothing about membership: the guards put the host out, drained or not,
//! and what still runs there then is restarted as protected. Disables no host, and moves nothing back.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use haven_cluster::alarm::Alarm;
use haven_cluster::control::{ArmConfig, GuardState};
use haven_cluster::ids::Life;
use haven_model::{ApiError, Host, Pool, Ref, Task, Value, Vdi, Vm, VmOperations, codes};
use haven_planner::{self as planner, Budget, Change, Protection};
use haven_pooldb::Image;
use haven_tasks::TaskId;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::takeover::Ha;
use super::{slots, stock};
use crate::dispatch;
use crate::ops::quarantine::{self, Why};
use crate::ops::vm::migrate::{self, How};
use crate::ops::{admission, allowed, rows, view, what_if};
use crate::state::{AppState, fresh};
use crate::tasks::{Op, Plan};

/// Migrations at the same time: the host has about a minute.
const AT_ONCE: usize = 4;
/// Longest wait for somebody else's work on the host, such as an evacuation, in milliseconds.
const BUSY_WAIT_MS: u64 = 60_000;
/// Name of the task, as of an evacuation that a person asks for.
const LABEL: &str = "host.evacuate";

/// The drains that were begun and whose reason lasts.
#[derive(Debug, Default)]
pub(super) struct Drains {
    begun: BTreeMap<Life, CancellationToken>,
}

impl Drop for Drains {
    fn drop(&mut self) {
        self.follow(&BTreeSet::new());
    }
}

impl Drains {
    /// Ends what has no reason any more; the lives whose drain is to begin.
    fn follow(&mut self, lost: &BTreeSet<Life>) -> Vec<Life> {
        self.begun.retain(|life, stop| {
            let lasts = lost.contains(life);
            if !lasts {
                stop.cancel();
            }
            lasts
        });
        lost.iter().filter(|life| !self.begun.contains_key(life)).copied().collect()
    }
}

/// What the guard of the coordinator holds against hosts.
fn held_against(pool: &Pool, config: &ArmConfig, state: &GuardState) -> BTreeMap<Ref<Host>, Why> {
    let alarms = state.alarms.iter().filter_map(|sentence| sentence.parse::<Alarm>().ok());
    let why = |alarm: Alarm| match alarm {
        Alarm::Diskless(slot) => Some((slot, Why::Diskless)),
        Alarm::Quarantined(slot) => Some((slot, Why::Flapping)),
        _ => None,
    };
    // A pool that was founded anew asks nobody's record: who is in may run what there is to run.
    let members = haven_failover::lives(state);
    let counts = |(host, why): &(Uuid, Why)| *why == Why::Diskless || !members.contains_key(host);
    let host = |(slot, why)| Some((slots::host_at(pool, config, slot)?, why));
    let held = alarms.filter_map(why).filter_map(host).filter(counts);
    held.map(|(host, why)| (Ref::from_uuid(host), why)).collect()
}

/// Members of the newest epoch that lost the heartbeat storage, in their present lives.
fn diskless(held: &BTreeMap<Ref<Host>, Why>, state: &GuardState) -> BTreeSet<Life> {
    let members = state.epoch.iter().flat_map(|epoch| &epoch.members);
    let lost = |life: &&Life| held.get(&Ref::from_uuid(life.host.0)) == Some(&Why::Diskless);
    members.filter(lost).copied().collect()
}

/// Marks the hosts against which something is held, and drains those that lost their storage.
pub(super) async fn look(ha: &Ha, drains: &mut Drains, state: &GuardState) -> Result<(), ApiError> {
    let Some(config) = stock::arm_config(ha) else { return Ok(()) };
    let seen = |db: &Image| {
        let held = held_against(rows::pool(db)?.1, &config, state);
        let marks = quarantine::outdated(db, &held);
        Ok::<_, ApiError>((held, marks))
    };
    let (held, marks) = ha.state.pool.read(seen).await??;
    if !marks.is_empty() {
        ha.state.pool.write(move |tx| quarantine::write(tx, &marks)).await?;
    }
    for life in drains.follow(&diskless(&held, state)) {
        let stop = CancellationToken::new();
        begin(&ha.state, Ref::from_uuid(life.host.0), stop.clone()).await?;
        drains.begun.insert(life, stop);
    }
    Ok(())
}

/// Begins to drain a host, as a task that can be seen and cancelled.
async fn begin(
    state: &Arc<AppState>,
    host: Ref<Host>,
    stop: CancellationToken,
) -> Result<(), ApiError> {
    let name = state.pool.read(|db| db.require(host).map(|row| row.name_label.clone())).await??;
    tracing::warn!(host = name, "a member lost the heartbeat storage: it is drained");
    let task = Ref::<Task>::from_uuid(fresh());
    let row = Task { name_label: LABEL.to_owned(), name_description: name, ..Task::default() };
    let owner = state.clone();
    let work = Box::pin(async move {
        let plan = Plan::new("evacuate").exclusive(host).step("move VMs", 1);
        let plan = plan.cancellable().wait_ms(BUSY_WAIT_MS);
        let runner = owner.runner()?.clone();
        let id = TaskId(Uuid::from_u128(task.id().0));
        runner.run(id, plan, move |op| async move { drain(&owner, op, host, stop).await }).await
    });
    dispatch::begin(state, task, row, work, None).await
}

/// What becomes of a VM: where it goes, and whether the promise may suffer from it; or why it stays.
type Step = (Ref<Vm>, Result<(Ref<Host>, bool), String>);
/// How a move ended.
type End = (Ref<Vm>, Result<Value, ApiError>);

/// Moves away what can be moved, each VM at most once; one that stays runs on.
async fn drain(
    state: &Arc<AppState>,
    mut op: Op,
    host: Ref<Host>,
    stop: CancellationToken,
) -> Result<Value, ApiError> {
    op.step().await?;
    let mut tried: BTreeMap<Ref<Vm>, Option<String>> = BTreeMap::new();
    // Again after each round: what was on its way to the host has arrived by then.
    loop {
        let round = plan(state, host, &tried).await?;
        if round.is_empty() || stop.is_cancelled() {
            break;
        }
        let mut moves = JoinSet::new();
        for (vm, to) in round {
            while moves.len() >= AT_ONCE {
                note(&mut tried, moves.join_next().await);
            }
            op.check_cancelled()?;
            if stop.is_cancelled() {
                break;
            }
            tried.insert(vm, to.as_ref().err().cloned());
            if let Ok(to) = to {
                moves.spawn(carry(state.clone(), vm, to));
            }
        }
        while let Some(ended) = moves.join_next().await {
            note(&mut tried, Some(ended));
        }
    }
    let behind: Vec<String> =
        tried.into_iter().filter_map(|(vm, why)| Some(format!("{vm}: {}", why?))).collect();
    match behind.is_empty() {
        true => Ok(Value::void()),
        false => Err(ApiError::new(codes::CANNOT_EVACUATE_HOST, vec![behind.join("|")])),
    }
}

/// One live migration; a VM that cannot go stays as it is.
async fn carry(state: Arc<AppState>, vm: Ref<Vm>, (to, forced): (Ref<Host>, bool)) -> End {
    let how = How { forced, ..How::default() };
    (vm, migrate::migrate(&state, TaskId(fresh()), vm, (to, how)).await)
}

fn note(
    tried: &mut BTreeMap<Ref<Vm>, Option<String>>,
    ended: Option<Result<End, tokio::task::JoinError>>,
) {
    match ended {
        Some(Ok((vm, Err(error)))) => {
            tracing::warn!(%vm, %error, "a VM stays on a host that is drained");
            tried.insert(vm, Some(error.to_string()));
        }
        Some(Err(error)) => tracing::error!(%error, "a migration broke off"),
        _ => {}
    }
}

/// Where those go that were not tried yet, as the pool is now.
async fn plan(
    state: &Arc<AppState>,
    host: Ref<Host>,
    tried: &BTreeMap<Ref<Vm>, Option<String>>,
) -> Result<Vec<Step>, ApiError> {
    let here = view::id(host);
    let (pool, which, lost, goal) = state
        .pool
        .read(|db| {
            let pool = view::pool(db);
            let leaves = |vm: &&planner::Vm| {
                let reference = view::reference(vm.id);
                let may = |row| allowed::vm_operation(reference, row, VmOperations::PoolMigrate);
                vm.resident == Some(here)
                    && vm.also_on.is_empty()
                    && !tried.contains_key(&reference)
                    && db.get(reference).is_some_and(|row| may(row).is_ok())
            };
            let which: Vec<planner::Vm> = pool.vms.iter().filter(leaves).cloned().collect();
            (pool, which, heartbeat_srs(db), admission::goal(db))
        })
        .await?;
    what_if::blocking(move || itinerary(pool, which, &lost, goal)).await
}

/// The repositories that the host lost.
pub(super) fn heartbeat_srs(db: &Image) -> BTreeSet<Uuid> {
    let named = rows::pool(db).map(|(_, pool)| pool.ha_statefiles.clone()).unwrap_or_default();
    let vdis = named.iter().filter_map(|text| text.parse::<Ref<Vdi>>().ok());
    vdis.filter_map(|vdi| db.get(vdi)).map(|row| view::id(row.sr)).collect()
}

/// One after the other to where the most failures stay tolerated. Those first that need nothing of
/// the storage that is lost: the others may stand still until it is back. Of these the protected
/// ones, for which room is kept anyway: they alone may go at the cost of the promise.
fn itinerary(
    mut pool: planner::Pool,
    mut which: Vec<planner::Vm>,
    lost: &BTreeSet<Uuid>,
    goal: u32,
) -> Vec<Step> {
    which.sort_by_key(|vm| (!vm.srs.is_disjoint(lost), vm.protection, Reverse(vm.memory), vm.id));
    let mut steps = Vec::new();
    for vm in which {
        let (id, forced) = (vm.id, vm.protection == Protection::Restart);
        let wanted = planner::Vm { affinity: None, ..vm };
        let to = planner::place(&pool, &wanted, goal, Budget::QUICK);
        let to = to.map(|placed| placed.host).map_err(|why| why.to_string());
        if let Ok(host) = to
            && let Ok(after) = pool.with(&Change::Move { vm: id, host })
        {
            pool = after;
        }
        steps.push((view::reference(id), to.map(|host| (view::reference(host), forced))));
    }
    steps
}

#[cfg(test)]
mod tests {
    use haven_cluster::ids::{HostId, Incarnation};

    use super::*;

    fn life(host: u128, incarnation: u64) -> Life {
        Life { host: HostId(Uuid::from_u128(host)), incarnation: Incarnation(incarnation) }
    }

    /// As the manager does with the answer.
    fn follow(drains: &mut Drains, lost: &[Life]) -> Vec<Life> {
        let begin = drains.follow(&lost.iter().copied().collect());
        drains.begun.extend(begin.iter().map(|life| (*life, CancellationToken::new())));
        begin
    }

    #[test]
    fn a_life_is_drained_once_for_each_loss_of_its_storage() {
        let mut drains = Drains::default();
        let (first, second) = (life(1, 3), life(2, 5));
        assert_eq!(follow(&mut drains, &[]), []);
        assert_eq!(follow(&mut drains, &[first]), [first]);
        assert_eq!(follow(&mut drains, &[first, second]), [second], "the first one goes on");
        let stops: Vec<_> = drains.begun.values().cloned().collect();
        assert_eq!(follow(&mut drains, &[second]), [], "its disk is back, or it is out");
        let ended: Vec<bool> = stops.iter().map(CancellationToken::is_cancelled).collect();
        assert_eq!(ended, [true, false]);
        assert_eq!(follow(&mut drains, &[first, second]), [first], "lost again");
        assert_eq!(follow(&mut drains, &[life(1, 5), second]), [life(1, 5)], "another life");
        let stop = drains.begun[&second].clone();
        drop(drains);
        assert!(stop.is_cancelled(), "who no longer coordinates moves nothing");
    }

    fn host(id: u128, free: u64) -> planner::Host {
        let (id, name) = (Uuid::from_u128(id), format!("host{id}"));
        let size =
            planner::Host { memory_total: 100, memory_free: free, ..planner::Host::default() };
        planner::Host { id, name, enabled: true, live: true, srs: [Uuid::nil()].into(), ..size }
    }

    fn vm(id: u128, memory: u64, protection: Protection) -> planner::Vm {
        let resident = Some(Uuid::from_u128(1));
        planner::Vm {
            id: Uuid::from_u128(id),
            memory,
            protection,
            resident,
            ..planner::Vm::default()
        }
    }

    #[test]
    fn protected_vms_go_first_and_those_on_the_lost_storage_last() {
        let lost = planner::Host { quarantined: true, ..host(1, 0) };
        let mut hangs = vm(10, 30, Protection::Restart);
        hangs.srs.insert(Uuid::nil());
        let (plain, guarded) = (vm(11, 30, Protection::None), vm(12, 30, Protection::Restart));
        let vms = vec![hangs, plain, guarded, vm(13, 60, Protection::Restart)];
        let pool = planner::Pool {
            hosts: vec![lost, host(2, 70), host(3, 60)],
            vms: vms.clone(),
            ..planner::Pool::default()
        };
        let steps = itinerary(pool, vms, &[Uuid::nil()].into(), 0);
        let order: Vec<u128> = steps.iter().map(|(vm, _)| view::id(*vm).as_u128()).collect();
        assert_eq!(order, [13, 12, 11, 10]);
        let to =
            |at: usize| steps[at].1.clone().map(|(host, force)| (view::id(host).as_u128(), force));
        assert_eq!((to(0), to(1)), (Ok((2, true)), Ok((3, true))));
        assert_eq!(to(2), Ok((3, false)), "what is not protected may not cost the promise");
        assert!(to(3).is_err(), "there is no room left: {:?}", to(3));
    }
}
