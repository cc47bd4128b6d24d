//! The state of high availability for the command line.

use std::sync::Arc;

use haven_cluster::control::{GuardPhase, GuardState};
use haven_model::{ApiError, Host, Language, VmPowerState, codes};
use haven_planner::{self as planner, Say};
use haven_pooldb::Image;
use serde_json::{Value as Json, json};

use super::{rows, view};
use crate::state::AppState;

/// A statefile that was not written for so long is in trouble, in milliseconds.
const STATEFILE_GOOD_MS: u64 = 5_000;
/// A host that was not heard for so long is not heard, in milliseconds.
const HEARD_MS: u64 = 3_000;

/// `GET /haven/ha/status`.
///
/// # Errors
/// This host is not the coordinator.
pub async fn status(state: &Arc<AppState>, language: Language) -> Result<Json, ApiError> {
    let own = state.ha.get().map(crate::ha::Ha::status);
    let guard = own.as_ref().and_then(|own| own.guard.clone());
    let coordinator = state.coordinator().map(|member| member.host.0.to_string());
    let epoch = guard.as_ref().and_then(|guard| guard.epoch.as_ref()).map(|epoch| epoch.number.0);
    let metadata = own.as_ref().and_then(|own| own.metadata.clone());
    if let Some(sentence) = metadata.as_ref().filter(|_| !state.pool.is_readable()) {
        return Err(ApiError::with(codes::DATABASE_UNREADABLE, &[sentence]));
    }
    let mut problems = guard.as_ref().map(|guard| guard.alarms.clone()).unwrap_or_default();
    problems.extend(metadata);
    for host in state.reports.twins() {
        let name = state.pool.read(move |db| crate::reconcile::name_of(db, host)).await?;
        problems.push(crate::ha::twin_of(&name).1);
    }
    // Beside the database: others read it meanwhile.
    let seen = state.pool.read(view::pool).await?;
    let count = move || planner::tolerance(&seen, planner::Budget::QUICK);
    let survived = super::what_if::blocking(count).await?;
    state
        .pool
        .read(|db| {
            let (_, pool) = rows::pool(db)?;
            let protected = db.iter::<haven_model::Vm>().filter(|(_, vm)| {
                vm.power_state == VmPowerState::Running && vm.ha_restart_priority == "restart"
            });
            Ok(json!({
                "enabled": pool.ha_enabled,
                "state": own.as_ref().map_or("no guard runs on this host", |own| &own.summary),
                "profile": pool.ha_configuration.get("profile"),
                "coordinator": coordinator,
                "epoch": epoch,
                "tolerance": {
                    "wanted": pool.ha_host_failures_to_tolerate,
                    "possible": survived.failures,
                    "at_most": survived.at_most,
                    "text": survived.say(language),
                    "breach": survived.breach,
                },
                "protected": protected.count(),
                "guests": crate::guest_watch::show(db),
                "pause": super::ha_pause::show(db),
                "drill": crate::ha::drill::show(db),
                "problems": problems,
                "bounds": own.as_ref().map(|own| own.bounds.clone()),
                "limits": own.as_ref().and_then(|own| own.limits),
                "hosts": hosts(db, guard.as_ref()),
                "statefiles": statefiles(guard.as_ref()),
            }))
        })
        .await?
}

fn hosts(db: &Image, guard: Option<&GuardState>) -> Vec<Json> {
    db.iter::<Host>().map(|(_, row)| host(db, row, guard)).collect()
}

/// What stands behind the guard of a member: nobody is admitted before the watchdog of the host is
/// armed, unless the pool does without.
fn watchdog(db: &Image, member: bool) -> &'static str {
    let config = rows::pool(db).map(|(_, pool)| pool.ha_configuration.clone()).unwrap_or_default();
    match (member, config.get("watchdog").map(String::as_str)) {
        (_, Some("none")) => "none",
        (true, _) => "armed",
        (false, _) => "waits",
    }
}

fn host(db: &Image, row: &Host, guard: Option<&GuardState>) -> Json {
    let live = db.get(row.metrics).is_some_and(|metrics| metrics.live);
    let off = json!({
        "name": row.name_label,
        "uuid": row.uuid,
        "state": if live { "live" } else { "silent" },
        "network": live,
        "storage": live,
        "permit": "",
        "watchdog": "off",
    });
    let Some(guard) = guard.filter(|guard| guard.phase != GuardPhase::Idle) else { return off };
    let own = guard.me.is_some_and(|me| me.host.0.to_string() == row.uuid);
    if own {
        let disk = guard.statefiles.iter().any(|file| good(file.good_ms));
        let permit = guard.permit.map_or(String::new(), |permit| match permit.kind {
            haven_cluster::control::PermitKind::Disk => "disk".to_owned(),
            haven_cluster::control::PermitKind::Votes => "votes".to_owned(),
        });
        let member = guard.phase == GuardPhase::Member;
        return json!({
            "name": row.name_label,
        "uuid": row.uuid,
            "state": if member { "member" } else { "not a member" },
            "network": guard.phase != GuardPhase::Dark,
            "storage": disk,
            "permit": permit,
            "watchdog": watchdog(db, !matches!(guard.phase, GuardPhase::Joining(_))),
        });
    }
    let Some(peer) = guard.peers.iter().find(|peer| peer.host.0.to_string() == row.uuid) else {
        return off;
    };
    let state = match (peer.member, peer.dead_in_ms) {
        (true, _) => "member",
        (false, Some(0)) => "dead",
        (false, Some(_)) => "dying",
        (false, None) => "not a member",
    };
    json!({
        "name": row.name_label,
        "uuid": row.uuid,
        "state": state,
        "network": peer.heard_ms.iter().flatten().any(|ms| *ms <= HEARD_MS),
        "storage": good(peer.disk_ms),
        "heard_ms": peer.heard_ms,
        "disk_ms": peer.disk_ms,
        "permit": "",
        "watchdog": watchdog(db, peer.member || peer.dead_in_ms.is_some_and(|ms| ms > 0)),
    })
}

fn good(ms: Option<u64>) -> bool {
    ms.is_some_and(|ms| ms <= STATEFILE_GOOD_MS)
}

fn statefiles(guard: Option<&GuardState>) -> Vec<Json> {
    let files = guard.map(|guard| guard.statefiles.as_slice()).unwrap_or_default();
    files
        .iter()
        .map(|file| {
            let state = if good(file.good_ms) { "good" } else { "not answering" };
            json!({ "sr": file.uuid.to_string(), "state": state, "latency_us": file.latency_us })
        })
        .collect()
}
