//! The failover manager: what must run and does not, is started.
//!
//! Owns: which deaths were dealt with, and the timeline for alerts. Runs
//! on every host, acts on the coordinator alone. It is level-triggered: after a change of
//! coordinator the next one finds the same VMs halted and goes on. A VM is started elsewhere only
//! when every holder of its placement is dead or has answered that it does not run it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use haven_cluster::control::GuardState;
use haven_cluster::ids::Life;
use haven_failover::{self as failover, Absences, Fate, Found, Search};
use haven_model::{ApiError, Holder, Host, HostMetrics, MessageClass, Placement, Ref, Vm, alerts};
use haven_pooldb::{Image, Tx};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::drain::{self, Drains};
use super::lost_storage::{self, LostStorage};
use super::restarts::Driver;
use super::takeover::Ha;
use super::timeline::{Timeline, VmTimes};
use super::{absent, alarm, drill, promise};
use crate::agent::permit::PermitGate;
use crate::ops::vm::search::{self, Sought};
use crate::ops::vm::state as vm_state;
use crate::ops::{ha_pause, host_down, message, placement, rows, view};
use crate::recovery;

/// How often the manager looks besides changes of the guard's state.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What the manager remembers.
#[derive(Debug, Default)]
struct Memory {
    timeline: Timeline,
    announced: BTreeSet<Life>,
    /// Where a VM ran before its host failed.
    lost_on: BTreeMap<Ref<Vm>, Uuid>,
    /// What the guard complained of at the last look.
    alarms: BTreeSet<String>,
    /// Members whose daemons are silent.
    absences: Absences,
    /// Members that are emptied before they are put out.
    drains: Drains,
    /// Storage that hosts have lost.
    storage: LostStorage,
    /// Generation of the database for which the promise was computed.
    promised: Option<u64>,
    /// What it was computed from.
    promise: promise::Basis,
}

impl Memory {
    /// When the host failed where a VM ran.
    fn fell(&self, vm: Ref<Vm>) -> VmTimes {
        let host = self.lost_on.get(&vm).map(|host| self.timeline.of(*host));
        VmTimes { host: host.unwrap_or_default(), ..VmTimes::default() }
    }
}

/// Runs until `stop`.
pub(super) async fn run(ha: Ha, stop: CancellationToken) {
    let began = Instant::now();
    let mut memory = Memory::default();
    let mut states = ha.link.watch();
    let mut restarts = Driver::default();
    loop {
        let mut answer = None;
        tokio::select! {
            () = stop.cancelled() => return,
            changed = states.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
            heard = restarts.hear() => answer = heard,
        }
        let Some(state) = states.borrow_and_update().clone() else { continue };
        memory.timeline.observe(&state, super::wall_ms());
        let acts = ha.link.armed().is_some_and(|view| view.may_act);
        if !acts || !ha.state.pool.is_open() {
            restarts.resign();
            memory.drains = Drains::default();
            memory.absences = Absences::default();
            lost_storage::resign(&ha, &mut memory.storage);
            continue;
        }
        if let Some(answer) = answer {
            let fell = |vm| memory.fell(view::reference(vm));
            restarts.take(&ha, answer, began.elapsed(), fell).await;
        }
        if let Err(error) = look(&ha, &mut memory, &state, &mut restarts, began.elapsed()).await {
            tracing::error!(%error, "the failover manager could not do its work; it tries again");
        }
    }
}

async fn look(
    ha: &Ha,
    memory: &mut Memory,
    state: &GuardState,
    restarts: &mut Driver,
    now: Duration,
) -> Result<(), ApiError> {
    // Set in the same transaction that gives every holder its life. Before that a death says
    // nothing about a VM: guests run on while high availability is off.
    if !ha.state.pool.read(|db| rows::pool(db).map(|(_, pool)| pool.ha_enabled)).await?? {
        lost_storage::resign(ha, &mut memory.storage);
        return Ok(());
    }
    recovery::heard(&ha.state, &recovery::buried(state)).await?;
    mark_hosts(ha, state).await?;
    bury(ha, memory, state).await?;
    ha_pause::end_when_over(&ha.state).await?;
    // Before restarts are planned: none goes to a host that is marked.
    if let Err(error) = drain::look(ha, &mut memory.drains, state).await {
        tracing::error!(%error, "a host that lost its storage is not drained yet");
    }
    if let Err(error) = lost_storage::look(ha, &mut memory.storage, now).await {
        tracing::error!(%error, "storage that hosts have lost is not looked after yet");
    }
    restarts.look(ha, now).await?;
    memory.lost_on.retain(|vm, _| restarts.concerns(view::id(*vm)));
    drill::watch(ha, state).await?;
    pass_on_alarms(ha, memory, state).await;
    absent::look(ha, &mut memory.absences, state).await;
    let generation = *ha.state.pool.watch().borrow();
    if memory.promised != Some(generation) {
        promise::refresh(ha, &mut memory.promise).await?;
        memory.promised = Some(generation);
    }
    Ok(())
}

/// What the guard complains of reaches the operator once, when it begins.
async fn pass_on_alarms(ha: &Ha, memory: &mut Memory, state: &GuardState) {
    let now: BTreeSet<String> = state.alarms.iter().cloned().collect();
    for text in now.difference(&memory.alarms) {
        let about = (MessageClass::Host, ha.state.identity.host().0.to_string());
        let told = text.clone();
        let config = super::stock::arm_config(ha);
        let named = ha.state.pool.read(move |db| alarm::named(db, config.as_deref(), &told)).await;
        let (kind, data) = named.unwrap_or_else(|_| alarm::unknown(text));
        message::raise(&ha.state, kind, about, message::body(text, &data)).await;
    }
    memory.alarms = now;
}

/// Hosts that are not members do not count as live.
async fn mark_hosts(ha: &Ha, state: &GuardState) -> Result<(), ApiError> {
    let state = state.clone();
    let stale = ha.state.pool.read(move |db| stale_metrics(db, &state)).await?;
    if stale.is_empty() {
        return Ok(());
    }
    let change = move |tx: &mut Tx<'_>| {
        stale
            .iter()
            .try_for_each(|metrics| tx.update(*metrics, |row: &mut HostMetrics| row.live = false))
    };
    ha.state.pool.write(change).await
}

fn stale_metrics(db: &Image, state: &GuardState) -> Vec<Ref<HostMetrics>> {
    let hosts: Vec<Ref<Host>> = db.iter::<Host>().map(|(host, _)| host).collect();
    let outside = failover::outsiders(state, &hosts);
    let metrics = outside.iter().filter_map(|host| db.get(*host)).map(|row| row.metrics);
    metrics.filter(|metrics| db.get(*metrics).is_some_and(|row| row.live)).collect()
}

/// Writes what died with its host, and asks the survivors of a migration.
async fn bury(ha: &Ha, memory: &mut Memory, state: &GuardState) -> Result<(), ApiError> {
    let dead = state.dead.clone();
    let fates = ha.state.pool.read(move |db| fates(db, &dead)).await?;
    let mut lost = Vec::new();
    for Case { vm, number, holders, fate } in fates {
        let ran_on = holders.iter().find(|holder| failover::is_dead(holder, &state.dead));
        let ran_on = ran_on.map(|holder| Uuid::from_u128(holder.host.id().0));
        match fate {
            Fate::Untouched => continue,
            Fate::Lost => lost.push((vm, number)),
            // One that nobody can tell of yet holds up none of the others.
            Fate::Ask(alive) => match survives(ha, (vm, number), alive).await {
                Ok(true) => {}
                Ok(false) => lost.push((vm, number)),
                Err(error) => {
                    tracing::info!(%vm, %error, "whether a VM survived is asked again");
                    continue;
                }
            },
        }
        memory.lost_on.extend(ran_on.map(|host| (vm, host)));
    }
    let news = state.dead.iter().filter(|life| !memory.announced.contains(life));
    let news: Vec<(Life, String)> =
        news.map(|life| (*life, obituary(memory, life, lost.len()))).collect();
    // A life of a host that came back in order is no failure, nor that of one that was sent away.
    let failed = failover::lives(state);
    let away = ha.state.pool.read(|db| away(db, state)).await?;
    let alarming: Vec<(Life, String)> = news
        .iter()
        .filter(|(life, _)| !failed.contains_key(&life.host.0) && !away.contains(&life.host.0))
        .cloned()
        .collect();
    if !lost.is_empty() || !alarming.is_empty() {
        let change = move |tx: &mut Tx<'_>| {
            write_off(tx, &lost)?;
            alarming.into_iter().try_for_each(|(life, body)| {
                let object = (MessageClass::Host, life.host.0.to_string());
                message::insert(tx, alerts::HA_HOST_FAILED, object, body).map(|_| ())
            })
        };
        ha.state.pool.write(change).await?;
    }
    memory.announced.extend(news.into_iter().map(|(life, _)| life));
    Ok(())
}

/// Halts what was lost, unless its placement changed while others were asked: whoever changed it
/// knew more, and it may run by now.
fn write_off(tx: &mut Tx<'_>, lost: &[(Ref<Vm>, u64)]) -> Result<(), ApiError> {
    for (vm, number) in lost {
        if placement::is_still(tx, *vm, *number) {
            vm_state::halted(tx, *vm)?;
        }
    }
    Ok(())
}

/// Hosts with dead lives that somebody shut down.
fn away(db: &Image, state: &GuardState) -> BTreeSet<Uuid> {
    let hosts = state.dead.iter().map(|life| life.host.0);
    hosts.filter(|host| host_down::is_away(db, Ref::from_uuid(*host))).collect()
}

fn obituary(memory: &Memory, life: &Life, vms: usize) -> String {
    let mut data = serde_json::to_value(memory.timeline.of(life.host.0)).unwrap_or_default();
    if let Some(fields) = data.as_object_mut() {
        fields.insert("vms".to_owned(), vms.into());
    }
    let text = format!("The host failed; {vms} VMs that ran there are restarted as protected.");
    message::body(&text, &data)
}

/// A VM some of whose holders died, as its placement was when it had this number.
struct Case {
    vm: Ref<Vm>,
    number: u64,
    holders: Vec<Holder>,
    fate: Fate,
}

fn fates(db: &Image, dead: &[Life]) -> Vec<Case> {
    let rows = db.iter::<Placement>().filter(|(_, row)| !row.holders.is_empty());
    let case = |row: &Placement| Case {
        vm: row.vm,
        number: row.number,
        holders: row.holders.clone(),
        fate: failover::fate(&row.holders, dead),
    };
    rows.map(|(_, row)| case(row))
        .filter(|case| case.fate != Fate::Untouched && db.get(case.vm).is_some())
        .collect()
}

/// Does the VM run on one of the living holders? Those that do not will not.
async fn survives(
    ha: &Ha,
    (vm, number): (Ref<Vm>, u64),
    alive: Vec<Holder>,
) -> Result<bool, ApiError> {
    let id = ha.state.pool.read(|db| rows::uuid(&db.require(vm)?.uuid)).await??;
    for holder in alive {
        let sought = Sought::alone(id, number, holder);
        if search::find(&ha.state, sought, Search::of_survivor()).await? != Found::Alone {
            continue;
        }
        let change = move |tx: &mut Tx<'_>| {
            if !placement::is_still(tx, vm, number) {
                return Ok(());
            }
            placement::set(tx, vm, vec![holder])?;
            tx.update(vm, |row: &mut Vm| row.resident_on = holder.host)?;
            vm_state::consoles(tx, vm, holder.host)
        };
        ha.state.pool.write(change).await?;
        return Ok(true);
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
