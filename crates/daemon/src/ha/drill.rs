//! Drills: whether protection does what it promises, tried out while somebody looks.
//!
//! A rehearsal stops nothing: it looks at every path of every member and plays each host's failure
//! through. A drill is the real thing: a member is put out of the pool by a decided epoch, as if the
//! others had lost it. It stops its VMs by itself, and they start elsewhere; the pool measures how
//! long that takes. Owns: what is asked before, and the record of what came of it, which stands in
//! the pool's row. Never fences and never starts anything: guard and failover manager do, as always.

use std::fmt;
use std::sync::Arc;

use haven_cluster::control::{GuardCommand, GuardState};
use haven_cluster::ids::Life;
use haven_failover::span::Span;
use haven_model::alerts::{self, AlertMeta};
use haven_model::{ApiError, Host, MessageClass, Pool, Ref, Vm, VmPowerState, codes};
use haven_planner as planner;
use haven_pooldb::{Image, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::takeover::Ha;
use super::{left, wall_ms};
use crate::ops::{ha_pause, message, rows, view, what_if};
use crate::state::AppState;

/// Key of `pool.other_config`: the drill that is under way.
const RUNNING_KEY: &str = "haven_drill_running";
/// Key of `pool.other_config`: the last drill that ended.
const LAST_KEY: &str = "haven_drill_last";
/// A path on which nothing came for so long is silent, in milliseconds.
const SILENT_MS: u64 = 5_000;
/// VMs that take longer than this beyond the bound have failed the drill, in milliseconds: guests
/// boot, and groups wait for each other.
const BEYOND_BOUND_MS: u64 = 10 * 60 * 1000;
/// Findings that are kept.
const FINDINGS_MAX: usize = 20;
const PASSED: AlertMeta = AlertMeta { name: alerts::ALARM.name, priority: 5 };
const FAILED: AlertMeta = AlertMeta { name: alerts::ALARM.name, priority: 2 };

/// What a rehearsal found wrong. The words are the client's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "case")]
enum Finding {
    /// Restarts are prevented for now.
    Paused,
    /// A host of the pool is no member.
    Missing { host: String },
    /// A member is not heard on one of the networks; counted from 1.
    Network { host: String, network: usize },
    /// A member does not write to the statefiles.
    Storage { host: String },
    /// A statefile does not answer.
    Statefile { sr: String },
    /// After the loss of this host, this protected VM would find no room.
    Room { host: String, vm: String },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused => write!(f, "paused"),
            Self::Missing { host } => write!(f, "{host}: no member"),
            Self::Network { host, network } => write!(f, "{host}: heartbeat network {network}"),
            Self::Storage { host } => write!(f, "{host}: heartbeat storage"),
            Self::Statefile { sr } => write!(f, "heartbeat volume {sr}"),
            Self::Room { host, vm } => write!(f, "{host}: {vm}"),
        }
    }
}

/// A drill, as it is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Drill {
    /// `rehearsal` or `host`.
    kind: String,
    by: String,
    began_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passed: Option<bool>,
    /// The host that was put out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    host: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    host_uuid: String,
    /// Which life of it.
    #[serde(default)]
    incarnation: u64,
    /// Protected VMs that ran there.
    #[serde(default)]
    count: usize,
    /// Those that do not run again yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    vms: Vec<Uuid>,
    /// Names of VMs that did not come back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    behind: Vec<String>,
    /// What the time-outs promise until restarts begin, in milliseconds.
    #[serde(default)]
    bound_ms: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
}

impl Drill {
    /// Until when it has failed, if it has not passed.
    fn span(&self) -> Span {
        let until_ms = self.began_ms.saturating_add(self.bound_ms).saturating_add(BEYOND_BOUND_MS);
        Span { since_ms: self.began_ms, until_ms }
    }

    /// It has taken too long.
    fn is_late(&self) -> bool {
        left(self.span()).is_zero()
    }

    /// The present moment, as if nobody had set the clock since it began.
    fn now_ms(&self) -> u64 {
        let left = u64::try_from(left(self.span()).as_millis()).unwrap_or(u64::MAX);
        self.span().until_ms.saturating_sub(left)
    }
}

/// The drill that is under way, and the last one.
#[must_use]
pub fn show(db: &Image) -> Json {
    json!({ "running": read(db, RUNNING_KEY), "last": read(db, LAST_KEY) })
}

fn read(db: &Image, key: &str) -> Option<Drill> {
    let (_, row) = rows::pool(db).ok()?;
    serde_json::from_str(row.other_config.get(key)?).ok()
}

fn write(tx: &mut Tx<'_>, key: &str, drill: &Drill) -> Result<(), ApiError> {
    let (pool, _) = rows::pool(tx)?;
    let text = serde_json::to_string(drill).map_err(ApiError::internal)?;
    tx.update(pool, |row: &mut Pool| {
        if key == LAST_KEY {
            row.other_config.remove(RUNNING_KEY);
        }
        row.other_config.insert(key.to_owned(), text);
    })
}

/// `POST /haven/ha/drill {host?}`: a rehearsal, and with a host the drill itself, which goes on by
/// itself: the answer says that it began.
///
/// # Errors
/// Protection is off or not in order, or the host cannot be put out without harm.
pub async fn drill(state: &Arc<AppState>, user: &str, asked: &Json) -> Result<Json, ApiError> {
    let off = || ApiError::with(codes::HA_NOT_ENABLED, &[]);
    let ha = state.ha.get().cloned().ok_or_else(off)?;
    if !state.may_act() {
        return Err(state.not_coordinator());
    }
    let guard = ha.link.state().filter(|guard| guard.may_act).ok_or_else(off)?;
    let running = state.pool.read(|db| read(db, RUNNING_KEY)).await?;
    // What nobody watched to its end, as protection was turned off, stands in nobody's way.
    if let Some(running) = running.filter(|running| !running.is_late()) {
        return Err(ApiError::with(codes::HA_DRILL_RUNNING, &[&running.host]));
    }
    let findings = rehearse(state, &guard).await?;
    let bound_ms = ha.status().limits.map_or(0, |limits| limits.restart_ms);
    let begun = Drill { by: user.to_owned(), began_ms: wall_ms(), bound_ms, ..Drill::default() };
    let Some(name) = asked.get("host").and_then(Json::as_str) else {
        let (kind, passed) = ("rehearsal".to_owned(), Some(findings.is_empty()));
        let done = Drill { kind, passed, ended_ms: Some(wall_ms()), findings, ..begun };
        let record = done.clone();
        state.pool.write(move |tx| write(tx, LAST_KEY, &record)).await?;
        return Ok(json!(done));
    };
    if !findings.is_empty() {
        let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
        return Err(ApiError::with(codes::HA_DRILL_NOT_READY, &[&texts.join("; ")]));
    }
    put_out(&ha, guard, name.to_owned(), begun).await
}

/// Records that the drill began before it does: whoever coordinates then ends the record.
async fn put_out(
    ha: &Ha,
    guard: Arc<GuardState>,
    name: String,
    begun: Drill,
) -> Result<Json, ApiError> {
    let record = move |tx: &mut Tx<'_>| {
        let host = what_if::host(tx, &name)?;
        let reference: Ref<Host> = view::reference(host);
        let row = tx.require(reference)?;
        if guard.me.is_some_and(|me| me.host.0 == host) {
            return Err(ApiError::with(codes::HA_DRILL_COORDINATOR, &[&row.name_label]));
        }
        let mut members = guard.epoch.iter().flat_map(|epoch| &epoch.members);
        let life = members.find(|life| life.host.0 == host);
        let life = *life.ok_or_else(|| ApiError::with(codes::HOST_NOT_LIVE, &[&reference]))?;
        let mut drill = Drill {
            kind: "host".to_owned(),
            host: row.name_label.clone(),
            host_uuid: row.uuid.clone(),
            incarnation: life.incarnation.0,
            ..begun
        };
        let (vms, bare) = residents(tx, reference);
        if !bare.is_empty() {
            return Err(ApiError::with(codes::HA_DRILL_UNPROTECTED, &[&bare.join(", ")]));
        }
        drill.count = vms.len();
        drill.vms = vms;
        write(tx, RUNNING_KEY, &drill)?;
        Ok((life.host, drill))
    };
    let (host, drill) = ha.state.pool.write(record).await?;
    if let Err(refusal) = ha.link.request(GuardCommand::PutOut { host }).await {
        ha.state.pool.write(forget).await?;
        return Err(ApiError::from_wire(&refusal.code, vec![refusal.text]));
    }
    tracing::warn!(host = drill.host, by = drill.by, "a drill: the host was put out on purpose");
    Ok(json!(drill))
}

fn forget(tx: &mut Tx<'_>) -> Result<(), ApiError> {
    let (pool, _) = rows::pool(tx)?;
    tx.update(pool, |row: &mut Pool| {
        row.other_config.remove(RUNNING_KEY);
    })
}

/// VMs of a host that a drill should bring back for sure, and names of those that it would stop
/// for good.
fn residents(db: &Image, host: Ref<Host>) -> (Vec<Uuid>, Vec<String>) {
    let (mut sure, mut bare) = (Vec::new(), Vec::new());
    let here = |row: &Vm| row.resident_on == host && row.power_state != VmPowerState::Halted;
    for (vm, row) in db.iter::<Vm>().filter(|(_, row)| !row.is_control_domain && here(row)) {
        match view::protection(row) {
            planner::Protection::Restart => sure.push(view::id(vm)),
            planner::Protection::BestEffort => {}
            planner::Protection::None => bare.push(row.name_label.clone()),
        }
    }
    (sure, bare)
}

/// What stands in the way of surviving the loss of any one host now.
async fn rehearse(state: &Arc<AppState>, guard: &GuardState) -> Result<Vec<Finding>, ApiError> {
    let seen = guard.clone();
    let (mut findings, pool) =
        state.pool.read(move |db| (paths(db, &seen), view::pool(db))).await?;
    findings.extend(what_if::blocking(move || room(&pool)).await?);
    findings.truncate(FINDINGS_MAX);
    Ok(findings)
}

fn paths(db: &Image, guard: &GuardState) -> Vec<Finding> {
    let mut found = Vec::new();
    if ha_pause::show(db).is_some() {
        found.push(Finding::Paused);
    }
    let silent = |ms: Option<u64>| ms.is_none_or(|ms| ms > SILENT_MS);
    for (reference, row) in db.iter::<Host>() {
        let host = row.name_label.clone();
        let is = |life: &Life| life.host.0 == view::id(reference);
        if !guard.epoch.iter().flat_map(|epoch| &epoch.members).any(is) {
            found.push(Finding::Missing { host });
            continue;
        }
        let Some(peer) = guard.peers.iter().find(|peer| peer.host.0 == view::id(reference)) else {
            continue;
        };
        if guard.me.is_some_and(|me| me.host == peer.host) {
            continue;
        }
        for (index, _) in peer.heard_ms.iter().enumerate().filter(|(_, ms)| silent(**ms)) {
            found.push(Finding::Network { host: host.clone(), network: index + 1 });
        }
        if silent(peer.disk_ms) {
            found.push(Finding::Storage { host });
        }
    }
    for file in guard.statefiles.iter().filter(|file| silent(file.good_ms)) {
        found.push(Finding::Statefile { sr: file.uuid.to_string() });
    }
    found
}

/// Each host's failure, played through as the failover manager would.
fn room(pool: &planner::Pool) -> Vec<Finding> {
    let mut found = Vec::new();
    for host in &pool.hosts {
        let Ok(after) = pool.with(&planner::Change::Fail { hosts: vec![host.id] }) else {
            continue;
        };
        let which = after.vms.iter().filter(|vm| vm.waits()).map(|vm| vm.id).collect();
        let plan = planner::restart_plan(&after, &which, &planner::Rules::default());
        let sure =
            |missing: &&planner::Unplaced| missing.protection == planner::Protection::Restart;
        let behind = plan.unplaced.iter().filter(sure);
        found.extend(
            behind.map(|vm| Finding::Room { host: host.name.clone(), vm: vm.name.clone() }),
        );
    }
    found
}

/// Looks whether the drill under way has ended. Level-triggered, like the manager that calls it.
pub(super) async fn watch(ha: &Ha, guard: &GuardState) -> Result<(), ApiError> {
    let Some(drill) = ha.state.pool.read(|db| read(db, RUNNING_KEY)).await? else { return Ok(()) };
    let dead = |life: &Life| {
        life.host.0.to_string() == drill.host_uuid && life.incarnation.0 >= drill.incarnation
    };
    let buried = guard.dead.iter().any(dead);
    let waited = drill.clone();
    let behind = ha.state.pool.read(move |db| behind(db, &waited)).await?;
    let done = behind.is_empty() && buried;
    if !done && !drill.is_late() {
        return Ok(());
    }
    let ended = Drill {
        ended_ms: Some(drill.now_ms()),
        passed: Some(done),
        vms: Vec::new(),
        behind: behind.into_iter().take(FINDINGS_MAX).collect(),
        ..drill
    };
    ha.state.pool.write(move |tx| end(tx, &ended)).await
}

/// Names of VMs that do not run elsewhere.
fn behind(db: &Image, drill: &Drill) -> Vec<String> {
    let away = |row: &Vm| {
        let host = db.get(row.resident_on).map(|host| host.uuid.as_str());
        row.power_state == VmPowerState::Running && host.is_some_and(|host| host != drill.host_uuid)
    };
    let rows = drill.vms.iter().filter_map(|vm| db.get(view::reference::<Vm>(*vm)));
    rows.filter(|row| !away(row)).map(|row| row.name_label.clone()).collect()
}

fn end(tx: &mut Tx<'_>, drill: &Drill) -> Result<(), ApiError> {
    if read(tx, RUNNING_KEY).is_none() {
        return Ok(());
    }
    write(tx, LAST_KEY, drill)?;
    let ms = drill.ended_ms.unwrap_or(drill.began_ms).saturating_sub(drill.began_ms);
    let passed = drill.passed == Some(true);
    let (alert, case, text) = match passed {
        true => (PASSED, "drill_passed", "The drill passed: all protected VMs run again."),
        false => (FAILED, "drill_failed", "The drill failed: not all protected VMs run again."),
    };
    let data = json!({ "case": case, "host": drill.host, "by": drill.by, "vms": drill.count,
        "seconds": ms.div_ceil(1000), "behind": drill.behind.join(", ") });
    let about = (MessageClass::Host, drill.host_uuid.clone());
    message::insert(tx, alert, about, message::body(text, &data)).map(drop)
}
