//! `haven ha plan|what-if|explain`: the planner's answers as JSON.

use std::sync::Arc;

use haven_model::{ApiError, Host, Language, Network, Ref, Sr, Vm, codes};
use haven_planner as planner;
use haven_planner::{Budget, Change, Plan, Pool, Say, Tolerance};
use haven_pooldb::Image;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::ha_policy::HaPolicy;
use super::{rows, view};
use crate::state::AppState;

/// Changes that one question may hold.
const CHANGES_MAX: usize = 64;

/// Runs arithmetic beside the runtime.
///
/// # Errors
/// It broke off.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
}

/// What a question is about.
struct Question {
    pool: Pool,
    policy: HaPolicy,
    goal: u32,
}

async fn question(state: &Arc<AppState>) -> Result<Question, ApiError> {
    state
        .pool
        .read(|db| {
            let (_, row) = rows::pool(db)?;
            Ok(Question {
                pool: view::pool(db),
                policy: HaPolicy::of(row),
                goal: u32::try_from(row.ha_host_failures_to_tolerate).unwrap_or(0),
            })
        })
        .await?
}

/// `GET /haven/ha/plan`: what is tolerated, and what would go where after each single failure.
///
/// # Errors
/// This host is not the coordinator.
pub async fn plan(state: &Arc<AppState>, language: Language) -> Result<Json, ApiError> {
    let Question { pool, policy, goal } = question(state).await?;
    blocking(move || {
        let found = planner::tolerance(&pool, Budget::THOROUGH);
        let keep = found.failures.max(goal).saturating_sub(1);
        let live = pool.hosts.iter().filter(|host| host.live);
        let failures: Vec<Json> = live
            .filter_map(|host| {
                let after = pool.with(&Change::Fail { hosts: vec![host.id] }).ok()?;
                Some(json!({ "host": host.name, "plan": restarts(&after, &policy, (keep, language)) }))
            })
            .collect();
        json!({ "wanted": goal, "tolerance": tolerance(&found, language), "failures": failures })
    })
    .await
}

fn tolerance(found: &Tolerance, language: Language) -> Json {
    json!({
        "failures": found.failures,
        "at_most": found.at_most,
        "exact": found.is_exact(),
        "text": found.say(language),
        "breach": found.breach,
        "reason": found.breach.as_ref().map(|breach| breach.say(language)),
    })
}

/// The restart plan of everything that waits.
fn restarts(pool: &Pool, policy: &HaPolicy, (keep, language): (u32, Language)) -> Json {
    let which = pool.vms.iter().filter(|vm| vm.waits()).map(|vm| vm.id).collect();
    let plan: Plan = planner::restart_plan(pool, &which, &policy.rules(keep));
    let host = |id: Uuid| pool.host(id).map_or(String::new(), |host| host.name.clone());
    let mut number = 0;
    let groups: Vec<Json> = plan
        .groups
        .iter()
        .map(|group| {
            let starts: Vec<Json> = group
                .starts
                .iter()
                .map(|start| {
                    number += 1;
                    json!({
                        "number": number,
                        "vm": start.name,
                        "host": host(start.host),
                        "protection": start.protection,
                        "why": start.verdicts.iter().map(|line| line.say(language)).collect::<Vec<_>>(),
                        "verdicts": start.verdicts,
                    })
                })
                .collect();
            json!({ "order": group.order, "gate": group.gate, "starts": starts })
        })
        .collect();
    let behind: Vec<Json> = plan
        .unplaced
        .iter()
        .map(|missing| {
            json!({
                "vm": missing.name,
                "protection": missing.protection,
                "held_back": missing.held_back,
                "why": missing.why.say(language),
                "verdicts": missing.why.verdicts,
            })
        })
        .collect();
    json!({
        "complete": plan.complete(),
        "tolerates": plan.tolerates,
        "groups": groups,
        "behind": behind,
    })
}

/// `POST /haven/ha/what-if {changes: [{change, …}], failures?}`.
///
/// # Errors
/// A name that nobody has, or a change that cannot be made.
pub async fn what_if(
    state: &Arc<AppState>,
    asked: &Json,
    language: Language,
) -> Result<Json, ApiError> {
    let Question { pool, policy, goal } = question(state).await?;
    let list = asked.get("changes").and_then(Json::as_array).cloned().unwrap_or_default();
    if list.len() > CHANGES_MAX {
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"changes", &list.len()]));
    }
    let changes: Vec<Change> = state
        .pool
        .read(|db| list.iter().map(|change| read(db, change)).collect::<Result<_, ApiError>>())
        .await??;
    let wanted = asked.get("failures").and_then(Json::as_u64).and_then(|n| u32::try_from(n).ok());
    let goal = wanted.unwrap_or(goal);
    blocking(move || {
        let impossible = |error: planner::ChangeError| ApiError::not_allowed(error.say(language));
        let before = planner::tolerance(&pool, Budget::THOROUGH);
        let after =
            changes.iter().try_fold(pool, |pool, change| pool.with(change)).map_err(impossible)?;
        let found = planner::tolerance(&after, Budget::THOROUGH);
        let plan = after
            .vms
            .iter()
            .any(planner::Vm::waits)
            .then(|| restarts(&after, &policy, (found.failures, language)));
        let placed: Vec<Json> =
            changes.iter().filter_map(|change| placed(&after, change)).collect();
        let enough = found.holds_now && found.failures >= goal;
        Ok(json!({
            "wanted": goal,
            "enough": enough,
            "before": tolerance(&before, language),
            "after": tolerance(&found, language),
            "plan": plan,
            "placed": placed,
        }))
    })
    .await?
}

/// Where a VM that was added would run.
fn placed(pool: &Pool, change: &Change) -> Option<Json> {
    let Change::Add { vm, .. } = change else { return None };
    let host = pool.host(pool.vm(vm.id)?.resident?)?;
    Some(json!({ "vm": vm.name, "host": host.name }))
}

fn by_name<C>(
    found: impl Iterator<Item = (Ref<C>, String, String)>,
    what: &str,
    given: &str,
) -> Result<Uuid, ApiError> {
    let mut hits = found.filter(|(_, uuid, name)| uuid == given || name == given);
    let first = hits.next();
    match (first, hits.next()) {
        (Some((reference, ..)), None) => Ok(Uuid::from_u128(reference.id().0)),
        (None, _) => {
            let text = format!("{given}; the pool has none of this name or uuid");
            Err(ApiError::with(codes::INVALID_VALUE, &[&what, &text]))
        }
        (Some(_), Some(_)) => {
            let text = format!("{given}; several have this name, give the uuid");
            Err(ApiError::with(codes::INVALID_VALUE, &[&what, &text]))
        }
    }
}

/// A host by name or uuid.
pub(crate) fn host(db: &Image, given: &str) -> Result<Uuid, ApiError> {
    let all = db.iter::<Host>().map(|(host, row)| (host, row.uuid.clone(), row.name_label.clone()));
    by_name(all, "host", given)
}

fn vm(db: &Image, given: &str) -> Result<Uuid, ApiError> {
    let rows = db.iter::<Vm>().filter(|(_, row)| !row.is_a_template && !row.is_control_domain);
    by_name(rows.map(|(vm, row)| (vm, row.uuid.clone(), row.name_label.clone())), "vm", given)
}

/// A change as clients write it, with names or uuids.
fn read(db: &Image, change: &Json) -> Result<Change, ApiError> {
    let text = |key: &str| change.get(key).and_then(Json::as_str).unwrap_or_default();
    let number = |key: &str| change.get(key).and_then(Json::as_u64);
    let missing = |key: &str| ApiError::with(codes::INVALID_VALUE, &[&key, &text(key)]);
    Ok(match text("change") {
        "fail" => {
            let hosts =
                change.get("hosts").and_then(Json::as_array).ok_or_else(|| missing("hosts"))?;
            let hosts = hosts.iter().map(|name| host(db, name.as_str().unwrap_or_default()));
            Change::Fail { hosts: hosts.collect::<Result<_, _>>()? }
        }
        "maintenance" => Change::Disable { host: host(db, text("host"))? },
        "enable" => Change::Enable { host: host(db, text("host"))? },
        "start" => start(db, vm(db, text("vm"))?)?,
        "stop" => Change::Remove { vm: vm(db, text("vm"))? },
        "move" => Change::Move { vm: vm(db, text("vm"))?, host: host(db, text("host"))? },
        "grow" => {
            let vm = vm(db, text("vm"))?;
            let seen = seen(db, vm)?;
            let bytes = number("memory").ok_or_else(|| missing("memory"))?;
            let vcpus = number("vcpus").and_then(|n| u32::try_from(n).ok()).unwrap_or(seen.vcpus);
            Change::Resize { vm, memory: planner::memory_need(bytes, vcpus), vcpus }
        }
        "add" => {
            let bytes = number("memory").ok_or_else(|| missing("memory"))?;
            let vcpus = number("vcpus").and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
            let policy = match text("policy") {
                "best-effort" => planner::Protection::BestEffort,
                "none" => planner::Protection::None,
                _ => planner::Protection::Restart,
            };
            let sr = |key: &str| {
                let given = Some(text(key)).filter(|given| !given.is_empty());
                given.map(|given| repository(db, given)).transpose()
            };
            add(db, (bytes, vcpus), policy, (sr("sr")?, sr("cd_sr")?))
        }
        "detach" => detach(db, host(db, text("host"))?, change)?,
        _ => return Err(missing("change")),
    })
}

fn seen(db: &Image, id: Uuid) -> Result<planner::Vm, ApiError> {
    let reference: Ref<Vm> = view::reference(id);
    Ok(view::vm(db, reference, db.require(reference)?))
}

fn start(db: &Image, id: Uuid) -> Result<Change, ApiError> {
    Ok(Change::Add { vm: Box::new(seen(db, id)?), host: None })
}

fn repository(db: &Image, given: &str) -> Result<Uuid, ApiError> {
    let all = db.iter::<Sr>().map(|(sr, row)| (sr, row.uuid.clone(), row.name_label.clone()));
    by_name(all, "sr", given)
}

/// A new VM: its disks on the first repository, else on the default one, its disc on the second.
fn add(
    db: &Image,
    (bytes, vcpus): (u64, u32),
    protection: planner::Protection,
    (sr, disc): (Option<Uuid>, Option<Uuid>),
) -> Change {
    let default = rows::pool(db).ok().and_then(|(_, pool)| pool.default_sr.non_null());
    let default = default.filter(|sr| db.get::<Sr>(*sr).is_some());
    let sr = sr.or_else(|| default.map(|sr| Uuid::from_u128(sr.id().0)));
    let vm = planner::Vm {
        id: crate::state::fresh(),
        name: "the new machine".to_owned(),
        memory: planner::memory_need(bytes, vcpus),
        vcpus,
        srs: sr.into_iter().chain(disc).collect(),
        protection,
        ..planner::Vm::default()
    };
    Change::Add { vm: Box::new(vm), host: None }
}

fn detach(db: &Image, host: Uuid, change: &Json) -> Result<Change, ApiError> {
    let text = |key: &str| change.get(key).and_then(Json::as_str);
    let sr = text("sr").map(|given| repository(db, given)).transpose()?;
    let all = db.iter::<Network>().map(|(n, row)| (n, row.uuid.clone(), row.name_label.clone()));
    let network = text("network").map(|given| by_name(all, "network", given)).transpose()?;
    Ok(Change::Detach { host, sr, network })
}

/// `POST /haven/ha/explain {vm}`: for each host, whether it could take the VM, and why not; and
/// what happens to it when its own host fails.
///
/// # Errors
/// No such VM.
pub async fn explain(
    state: &Arc<AppState>,
    asked: &Json,
    language: Language,
) -> Result<Json, ApiError> {
    let given = asked.get("vm").and_then(Json::as_str).unwrap_or_default().to_owned();
    let seen = state.pool.read(|db| seen(db, vm(db, &given)?)).await??;
    let Question { pool, policy, goal } = question(state).await?;
    blocking(move || {
        let alone = planner::Vm { resident: None, ..seen.clone() };
        let verdict = |host: &planner::Host| {
            let purpose = planner::Purpose::Failover;
            let outcome = planner::verdict(&pool, &alone, host, purpose);
            json!({
                "host": host.name,
                "runs_here": seen.resident == Some(host.id),
                "can": outcome.is_ok(),
                "why": outcome.as_ref().err().map(|why| why.say(language)),
                "reason": outcome.err(),
            })
        };
        let hosts: Vec<Json> = pool.hosts.iter().map(verdict).collect();
        let on_failure = seen.resident.and_then(|host| {
            let after = pool.with(&Change::Fail { hosts: vec![host] }).ok()?;
            Some(restarts(&after, &policy, (goal.saturating_sub(1), language)))
        });
        json!({
            "vm": seen.name,
            "protection": seen.protection,
            "order": seen.order,
            "memory": seen.memory,
            "hosts": hosts,
            "tolerance": tolerance(&planner::tolerance(&pool, Budget::QUICK), language),
            "on_failure": on_failure,
        })
    })
    .await
}
