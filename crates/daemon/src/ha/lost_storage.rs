//! Storage that hosts have lost: people are told, and what hangs is ended there and starts elsewhere, as the
//! pool's policy says.
//!
//! Owns: what hosts report of it, the orders, the alerts. What is done, in which order and when is
//! `haven_failover::storage`; machines start elsewhere as all do that must run and run nowhere. The repository
//! of the statefile is left to the guards, and to the drain of who lost it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use haven_failover::storage::{
    Due, Machine, Notice, Step, Storages, Word, held_alone, may_give_up,
};
use haven_failover::{Report, Sight};
use haven_model::{
    ApiError, Host, MessageClass, Pbd, Ref, Sr, Vbd, VbdType, Vdi, Vm, VmPowerState, alerts,
};
use haven_planner as planner;
use haven_pooldb::Image;
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::drain::heartbeat_srs;
use super::takeover::Ha;
use crate::ops::ha_policy::HaPolicy;
use crate::ops::vm::state as vm_state;
use crate::ops::{host, message, placement, rows, spec, storage_marks, view, what_if};
use crate::orders::{Order, OrderReply};
use crate::reconcile;
use crate::state::AppState;

/// Ends of steps that may wait for the manager.
const ENDS_MAX: usize = 1024;

/// How a step ended.
type End = (Step, Result<(), String>);

/// What the manager remembers of it.
#[derive(Debug)]
pub(super) struct LostStorage {
    storages: Storages,
    /// What the predecessor wrote down is known.
    inherited: bool,
    ends: mpsc::Sender<End>,
    ended: mpsc::Receiver<End>,
}

impl Default for LostStorage {
    fn default() -> Self {
        let (ends, ended) = mpsc::channel(ENDS_MAX);
        Self { storages: Storages::default(), inherited: false, ends, ended }
    }
}

/// What the database says of it.
struct Seen {
    policy: haven_failover::storage::Policy,
    machines: Vec<Machine>,
    words: BTreeMap<Uuid, Option<Word>>,
    lost: BTreeSet<(Uuid, Uuid)>,
}

/// Looks at the storage of all hosts, once.
pub(super) async fn look(ha: &Ha, memory: &mut LostStorage, now: Duration) -> Result<(), ApiError> {
    let said = ha.state.reports.storage(reconcile::silent_after(&ha.state.config));
    let seen = ha.state.pool.read(|db| see(db, said)).await??;
    if !std::mem::replace(&mut memory.inherited, true) {
        memory.storages.inherit(now, seen.lost);
    }
    let mut news: Vec<(Notice, String)> = Vec::new();
    while let Ok((step, result)) = memory.ended.try_recv() {
        let why = result.as_ref().err().cloned().unwrap_or_default();
        let notice = memory.storages.answered(now, &step, result.is_ok());
        news.extend(notice.map(|notice| (notice, why)));
    }
    let told = memory.storages.see(now, &seen.words, seen.policy.response);
    news.extend(told.into_iter().map(|notice| (notice, String::new())));
    mark(ha, memory).await?;
    let bound = memory.storages.bound(now, &seen.machines, seen.policy);
    news.extend(bound.into_iter().map(|notice| (notice, String::new())));
    for due in memory.storages.due(now, &seen.machines, seen.policy) {
        match has_room(&ha.state, &due).await? {
            true => memory.storages.begin(now, &due, &seen.machines),
            false => {
                let notice = memory.storages.no_room(now, &due);
                news.extend(notice.map(|notice| (notice, String::new())));
            }
        }
    }
    ha.state.reports.set_ending(memory.storages.on_their_way().map(|(vm, _)| vm).collect());
    for (notice, why) in news {
        tell(ha, notice, &why).await?;
    }
    for step in memory.storages.steps(now) {
        let (state, ends) = (ha.state.clone(), memory.ends.clone());
        tokio::spawn(async move {
            let result = perform(&state, &step).await.map_err(|error| error.to_string());
            // A manager that is gone ends with its office.
            let _stopped: Result<(), _> = ends.send((step, result)).await;
        });
    }
    Ok(())
}

/// Who coordinates no more looks after nothing.
pub(super) fn resign(ha: &Ha, memory: &mut LostStorage) {
    if memory.inherited {
        *memory = LostStorage::default();
        ha.state.reports.set_ending(BTreeSet::new());
    }
}

fn see(db: &Image, said: BTreeMap<Uuid, Word>) -> Result<Seen, ApiError> {
    let (_, pool) = rows::pool(db)?;
    let own = heartbeat_srs(db);
    let ours = |sr: &Uuid, host: Uuid| !own.contains(sr) && has(db, *sr, host);
    let word = |(reference, _): (Ref<Host>, &Host)| {
        let id = view::id(reference);
        let word = said.get(&id).map(|word| {
            let storage = word.storage.iter().filter(|(sr, _)| ours(sr, id));
            Word { storage: storage.map(|(sr, well)| (*sr, *well)).collect(), ..word.clone() }
        });
        host::is_live(db, reference).then_some((id, word))
    };
    let words: BTreeMap<Uuid, Option<Word>> = db.iter::<Host>().filter_map(word).collect();
    let troubled = |word: &Word| !word.ending.is_empty() || word.storage.values().any(|well| !well);
    // All machines of the pool are looked at only while something is lost.
    let machines = match words.values().flatten().any(troubled) {
        true => machines(db),
        false => Vec::new(),
    };
    Ok(Seen {
        policy: HaPolicy::of(pool).lost_storage,
        machines,
        words,
        lost: storage_marks::lost(db),
    })
}

/// A repository of disks that the host is to have.
fn has(db: &Image, sr: Uuid, host: Uuid) -> bool {
    let row = db.get::<Sr>(view::reference(sr)).filter(|row| row.r#type != "iso");
    let mut pbds = row.into_iter().flat_map(|row| &row.pbds).filter_map(|pbd| db.get::<Pbd>(*pbd));
    pbds.any(|pbd| view::id(pbd.host) == host)
}

/// VMs that run on one host, and that nobody works on.
fn machines(db: &Image) -> Vec<Machine> {
    let machine = |(vm, row): (Ref<Vm>, &Vm)| {
        let runs = matches!(row.power_state, VmPowerState::Running | VmPowerState::Paused);
        let on = row.resident_on.non_null().filter(|_| runs && !row.is_control_domain)?;
        let alone = placement::holders(db, vm) == [on] && row.current_operations.is_empty();
        let machine =
            Machine { vm: rows::uuid(&row.uuid).ok()?, on: view::id(on), srs: srs(db, row) };
        alone.then_some(machine)
    };
    db.iter::<Vm>().filter_map(machine).collect()
}

/// Repositories of its disks. A disc in a drive is not worth a restart.
fn srs(db: &Image, row: &Vm) -> BTreeSet<Uuid> {
    let disks = view::disks(db, row).into_iter();
    let disks = disks.filter(|(_, _, vbd): &(Ref<Vdi>, &Vdi, &Vbd)| vbd.r#type == VbdType::Disk);
    disks.map(|(_, vdi, _)| view::id(vdi.sr)).collect()
}

/// Marks the rows, so that nothing is planned where storage is lost, and VMs say why they do not run.
async fn mark(ha: &Ha, memory: &LostStorage) -> Result<(), ApiError> {
    let lost: BTreeSet<(Uuid, Uuid)> = memory.storages.lost().collect();
    let nowhere: BTreeSet<Uuid> = memory.storages.lost_everywhere().collect();
    let outdated = ha
        .state
        .pool
        .read(move |db| {
            let waits = |(vm, row): (Ref<Vm>, &Vm)| {
                let on = row.resident_on.non_null().map(view::id);
                let wants =
                    on.is_some() || row.ha_always_run && row.power_state == VmPowerState::Halted;
                let misses = |sr: &Uuid| {
                    nowhere.contains(sr) || on.is_some_and(|on| lost.contains(&(on, *sr)))
                };
                let missing = srs(db, row).into_iter().filter(|sr| wants && misses(sr));
                let names: Vec<String> = missing.map(|sr| name_of(db, sr)).collect();
                (!names.is_empty()).then(|| (vm, names.join(", ")))
            };
            let waits = match lost.is_empty() {
                true => BTreeMap::new(),
                false => db.iter::<Vm>().filter_map(waits).collect(),
            };
            storage_marks::outdated(db, &lost, &waits)
        })
        .await?;
    if outdated.is_empty() {
        return Ok(());
    }
    ha.state.pool.write(move |tx| storage_marks::write(tx, &outdated)).await
}

/// Whether there is a place elsewhere for all of them that are protected, as after a failure.
async fn has_room(state: &Arc<AppState>, due: &Due) -> Result<bool, ApiError> {
    let (mut pool, rules, which) = state
        .pool
        .read(|db| {
            let (_, row) = rows::pool(db)?;
            let refs = due.vms.iter().filter_map(|vm| db.find_uuid::<Vm>(&vm.to_string()));
            let which: BTreeSet<Uuid> = refs.map(view::id).collect();
            Ok::<_, ApiError>((view::pool(db), HaPolicy::of(row).rules(0), which))
        })
        .await??;
    let from = due.host;
    what_if::blocking(move || {
        let mut wanted = 0;
        for vm in pool.vms.iter_mut().filter(|vm| which.contains(&vm.id)) {
            (vm.resident, vm.also_on) = (None, BTreeSet::new());
            wanted += usize::from(vm.protection != planner::Protection::None);
        }
        for host in pool.hosts.iter_mut().filter(|host| host.id == from) {
            host.enabled = false;
        }
        let plan = planner::restart_plan(&pool, &which, &rules);
        plan.starts().filter(|start| which.contains(&start.vm)).count() == wanted
    })
    .await
}

/// Carries a step out at its host.
async fn perform(state: &Arc<AppState>, step: &Step) -> Result<(), ApiError> {
    let on: Ref<Host> = view::reference(step.host());
    let failed = |error| crate::ops::errors::order(on, error);
    match step {
        Step::End { vm, srs, .. } => {
            let read = |db: &Image| {
                held(db, *vm, on).map(|(reference, _)| placement::number(db, reference))
            };
            // Nobody holds it there any more: what is left is ended all the same.
            let placement = state.pool.read(read).await?.unwrap_or(0);
            let order = Order::EndVm { vm: *vm, placement, srs: srs.clone() };
            state.orders.send(host::id(on), order).await.map_err(failed).map(drop)
        }
        Step::LetGo { sr, .. } => {
            let sr = state.pool.read(|db| spec::sr(db, view::reference(*sr), on)).await??;
            let order = Order::LetGoSr { sr };
            state.orders.send(host::id(on), order).await.map_err(failed).map(drop)
        }
        Step::GiveUp { vm, .. } => give_up(state, *vm, on).await,
    }
}

/// A VM and the life that holds it on this host, alone.
fn held(db: &Image, vm: Uuid, on: Ref<Host>) -> Option<(Ref<Vm>, haven_model::Holder)> {
    let reference = db.find_uuid::<Vm>(&vm.to_string())?;
    let row = db.get(placement::of(reference))?;
    Some((reference, held_alone(&row.holders, on)?))
}

/// The host says that it does not run it, and will not: it is halted, and started as it is protected.
async fn give_up(state: &Arc<AppState>, vm: Uuid, on: Ref<Host>) -> Result<(), ApiError> {
    let read =
        |db: &Image| held(db, vm, on).map(|(vm, holder)| (vm, holder, placement::number(db, vm)));
    let Some((reference, holder, number)) = state.pool.read(read).await? else { return Ok(()) };
    let life = state.lives().asks(Some(holder));
    let close = Order::ClosePlacement { vm, placement: number, life };
    let sent = state.orders.send(host::id(on), close).await;
    let reply = sent.map_err(|error| crate::ops::errors::order(on, error))?;
    let here = reply != OrderReply::Running(false);
    let sight = if here { Sight::Here } else { Sight::Nothing };
    if !may_give_up(Report { sight, ..Report::default() }) {
        return Err(ApiError::not_allowed(format!("something of {vm} is still on {on}")));
    }
    let change = move |tx: &mut haven_pooldb::Tx<'_>| {
        if !placement::is_still(tx, reference, number) {
            return Ok(());
        }
        vm_state::halted(tx, reference)
    };
    state.pool.write(change).await
}

fn name_of(db: &Image, sr: Uuid) -> String {
    let row = db.get::<Sr>(view::reference(sr));
    row.map_or_else(|| sr.to_string(), |row| row.name_label.clone())
}

/// What people are told.
struct Told {
    case: &'static str,
    text: String,
    about: (MessageClass, String),
    data: serde_json::Value,
}

fn why_they_stay(notice: Notice, host: &str) -> (&'static str, String) {
    match notice {
        Notice::NoRoom { .. } => {
            ("storage_no_room", "elsewhere there is no room for all of them.".to_owned())
        }
        _ => {
            let text = format!(
                "{host} could not prove that it has let go of it. Mend the path, or switch the host off."
            );
            ("storage_bound", text)
        }
    }
}

async fn tell(ha: &Ha, notice: Notice, why: &str) -> Result<(), ApiError> {
    let why = why.to_owned();
    let told = ha.state.pool.read(move |db| told(db, notice, &why)).await?;
    tracing::warn!(case = told.case, "{}", told.text);
    let mut data = told.data;
    data["case"] = json!(told.case);
    let body = message::body(&told.text, &data);
    message::raise(&ha.state, alerts::ALARM, told.about, body).await;
    Ok(())
}

fn told(db: &Image, notice: Notice, why: &str) -> Told {
    let host = |id: Uuid| reconcile::name_of(db, id);
    let hang = |on: Option<Uuid>, sr: Uuid| {
        let all = machines(db).into_iter();
        all.filter(|m| on.is_none_or(|on| m.on == on) && m.srs.contains(&sr)).count()
    };
    let of_sr = |case, sr: Uuid, text: String, data| Told {
        case,
        text,
        about: (MessageClass::Sr, sr.to_string()),
        data,
    };
    match notice {
        Notice::Lost { host: on, sr } => {
            let (on_name, sr_name, vms) = (host(on), name_of(db, sr), hang(Some(on), sr));
            let text = format!(
                "{on_name} has lost storage {sr_name}, which others have: {vms} of its machines hang. Mend the path."
            );
            of_sr("storage_lost", sr, text, json!({ "host": on_name, "sr": sr_name, "vms": vms }))
        }
        Notice::LostEverywhere { sr } => {
            let (sr_name, vms) = (name_of(db, sr), hang(None, sr));
            let text = format!(
                "Storage {sr_name} is lost everywhere: {vms} machines hang, and nobody is moved. They go on when \
                 it is back."
            );
            of_sr("storage_lost_everywhere", sr, text, json!({ "sr": sr_name, "vms": vms }))
        }
        Notice::Back { sr } => {
            let sr_name = name_of(db, sr);
            let text = format!("Storage {sr_name} is back on all hosts.");
            of_sr("storage_back", sr, text, json!({ "sr": sr_name }))
        }
        Notice::NoRoom { host: on, sr } | Notice::Bound { host: on, sr } => {
            let (on_name, sr_name) = (host(on), name_of(db, sr));
            let (case, because) = why_they_stay(notice, &on_name);
            let text = format!(
                "The machines of {on_name} that hang on storage {sr_name} stay there: {because}"
            );
            of_sr(case, sr, text, json!({ "host": on_name, "sr": sr_name }))
        }
        Notice::Held { host: on, sr } => {
            let (on_name, sr_name) = (host(on), name_of(db, sr));
            let text = format!(
                "{on_name} cannot prove that it has let go of storage {sr_name}, so machines that were ended there \
                 are started nowhere else. Mend the path, or switch the host off. {why}"
            );
            let data = json!({ "host": on_name, "sr": sr_name, "why": why });
            of_sr("storage_held", sr, text, data)
        }
        Notice::Stuck { host: on, vm } => {
            let row = db.find_uuid::<Vm>(&vm.to_string()).and_then(|vm| db.get(vm));
            let name = row.map_or_else(|| vm.to_string(), |row| row.name_label.clone());
            let on_name = host(on);
            let text = format!(
                "The process of {name} on {on_name} cannot be ended while its storage is lost, so it is started \
                 nowhere else. Mend the path, or switch the host off. {why}"
            );
            Told {
                case: "storage_stuck",
                text,
                about: (MessageClass::Vm, vm.to_string()),
                data: json!({ "host": on_name, "why": why }),
            }
        }
    }
}
