//! Arming and disarming the pool.
//!
//! Owns: the order of the steps, and their complete way back. The coordinator's guard is armed
//! last: until then orders go out without a permit.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use haven_cluster::control::{ArmConfig, GuardCommand, GuardPhase, GuardState, StatefileSpec};
use haven_cluster::ids::HostId;
use haven_model::{ApiError, Host, Pool, Ref, Sr, Vdi, VdiType, codes};
use haven_pooldb::{Image, Tx};
use tokio::time::timeout;
use uuid::Uuid;

use super::area::{self, METADATA_BYTES};
use super::pool_check::{self, STATEFILE_BYTES, Wishes};
use super::takeover::{self, Ha};
use super::{promise, stock};
use crate::agent::permit::PermitGate;
use crate::identity::Member;
use crate::ops::{errors, host as host_ops, rows};
use crate::orders::{Order, OrderError, OrderReply, PreflightRequest};
use crate::state::fresh;

/// Waits of the guards besides the time-outs: the first decision on slow storage.
const FORM_WAIT: Duration = Duration::from_secs(20);
/// Longest wait for the guards to leave.
const LEAVE_WAIT: Duration = Duration::from_secs(30);
/// Key of the VDI that belongs to a statefile, in the metadata VDI's `sm_config`.
const STATEFILE_KEY: &str = "haven_statefile";

/// Arms the pool: `pool.enable_ha`. Any failure leaves it off everywhere.
///
/// # Errors
/// What is in the way, as a catalogue error.
pub async fn enable(
    ha: &Ha,
    srs: Vec<Ref<Sr>>,
    config: BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let _changing =
        ha.changing.try_lock().map_err(|_| ApiError::with(codes::HA_ENABLE_IN_PROGRESS, &[]))?;
    if ha.link.armed().is_some() {
        return Err(ApiError::with(codes::HA_IS_ENABLED, &[]));
    }
    let srs = ha.state.pool.read(|db| pool_check::check(db, &srs)).await??;
    let wishes = ha.state.pool.read(|db| pool_check::wishes(db, &config)).await??;
    let volumes = make_volumes(ha, &srs).await?;
    let arm = compose(ha, &volumes, &wishes).await?;
    preflight(ha, &arm).await?;
    let metadata = area::metadata_path(&arm)
        .ok_or_else(|| ApiError::internal("a statefile without a directory"))?;
    takeover::move_to_volume(ha, metadata).await?;
    let armed = arm_all(ha, &arm).await;
    let done = match armed {
        Ok(()) => record(ha, &arm, &volumes, config).await,
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        tracing::error!(%error, "high availability could not be turned on; taking it back");
        take_back(ha, &arm).await;
        return Err(error);
    }
    tracing::info!(hosts = arm.hosts.len(), "high availability is on");
    Ok(())
}

/// Disarms the pool: `pool.disable_ha`.
///
/// # Errors
/// It is not armed, or the last epoch could not be decided; then it stays armed.
pub async fn disable(ha: &Ha) -> Result<(), ApiError> {
    let _changing =
        ha.changing.try_lock().map_err(|_| ApiError::with(codes::HA_DISABLE_IN_PROGRESS, &[]))?;
    if ha.link.armed().is_none() {
        return Err(ApiError::with(codes::HA_NOT_ENABLED, &[]));
    }
    let me = ha.state.identity.host();
    let pool = ha.state.identity.pool();
    let members = pool.as_ref().map(|pool| pool.members.clone()).unwrap_or_default();
    // From now on the coordinator is who `host.json` names: that must be this host, everywhere.
    stock::name_coordinator(ha, &members, me).await;
    ha.leaving.store(true, Ordering::SeqCst);
    let left = leave(ha, me).await;
    ha.leaving.store(false, Ordering::SeqCst);
    if let Err(error) = left {
        tracing::error!(%error, "the pool stays armed");
        return Err(error);
    }
    ha.state.pool.write(|tx| mark(tx, false, None)).await?;
    tracing::info!("high availability is off");
    Ok(())
}

/// The database goes home, then the last epoch ends the membership of all.
async fn leave(ha: &Ha, me: HostId) -> Result<(), ApiError> {
    let database = takeover::pack(ha).await?;
    let order = Order::Guard(Box::new(GuardCommand::Disarm));
    let left = match ha.state.orders.send(me, order).await {
        Ok(_) => wait_idle(ha).await,
        Err(error) => Err(errors::order(Ref::from_uuid(me.0), error)),
    };
    match left {
        Ok(()) => takeover::unpack(ha, database).await,
        Err(_) => takeover::discard(ha, database).await?,
    }
    left
}

/// Hands the coordinator's role to another member: `pool.designate_new_master`, while armed.
///
/// # Errors
/// High availability is off, or that host cannot take the role.
pub async fn hand_over(ha: &Ha, to: HostId) -> Result<(), ApiError> {
    if ha.link.armed().is_none() {
        return Err(ApiError::with(codes::HA_NOT_ENABLED, &[]));
    }
    let asked = ha.link.request(GuardCommand::HandOver { to }).await;
    asked.map_err(|refusal| ApiError::from_wire(&refusal.code, vec![refusal.text]))
}

struct Volume {
    sr: Ref<Sr>,
    statefile: Ref<Vdi>,
    spec: StatefileSpec,
}

/// Makes statefile and metadata volume on every repository, or finds those of the last time.
async fn make_volumes(ha: &Ha, srs: &[Ref<Sr>]) -> Result<Vec<Volume>, ApiError> {
    let here = ha.state.this_host();
    let mut volumes = Vec::new();
    for sr in srs {
        let sr = *sr;
        let id = fresh();
        let (statefile, name) = ha
            .state
            .pool
            .write(move |tx| {
                let found = find(tx, sr);
                found.map_or_else(|| insert(tx, sr, id), Ok)
            })
            .await?;
        let spec = ha.state.pool.read(|db| pool_check::sr_spec(db, sr, here)).await??;
        let mut path = String::new();
        let sizes = [(area::metadata_name(&name), METADATA_BYTES), (name.clone(), STATEFILE_BYTES)];
        for (name, size) in sizes {
            let order = Order::CreateRaw { sr: spec.clone(), name, size };
            path = match ha.state.orders.send(host_ops::id(here), order).await {
                Ok(OrderReply::Path(path)) => path,
                Ok(_) => return Err(ApiError::internal("an unexpected answer to create_raw")),
                Err(error) => return Err(errors::order(here, error)),
            };
        }
        let uuid = Uuid::from_u128(statefile.id().0);
        volumes.push(Volume { sr, statefile, spec: StatefileSpec { uuid, path } });
    }
    Ok(volumes)
}

fn find(db: &Image, sr: Ref<Sr>) -> Option<(Ref<Vdi>, String)> {
    let ours = |row: &Vdi| row.sr == sr && row.r#type == VdiType::HaStatefile;
    let found = db.iter::<Vdi>().find(|(_, row)| ours(row));
    found.map(|(vdi, row)| (vdi, row.location.clone()))
}

fn insert(tx: &mut Tx<'_>, sr: Ref<Sr>, id: Uuid) -> Result<(Ref<Vdi>, String), ApiError> {
    let name = format!("{id}.statefile");
    let row = |uuid: Uuid, label: &str, kind, location: &str, size: u64| Vdi {
        uuid: uuid.to_string(),
        name_label: label.to_owned(),
        name_description: "Used by high availability; do not touch".to_owned(),
        sr,
        r#type: kind,
        virtual_size: i64::try_from(size).unwrap_or(i64::MAX),
        physical_utilisation: i64::try_from(size).unwrap_or(i64::MAX),
        location: location.to_owned(),
        managed: true,
        sharable: true,
        ..Vdi::default()
    };
    let statefile = Ref::from_uuid(id);
    let kind = VdiType::HaStatefile;
    tx.insert_with(statefile, row(id, "HA statefile", kind, &name, STATEFILE_BYTES))?;
    let second = fresh();
    let location = area::metadata_name(&name);
    let mut metadata = row(second, "HA metadata", VdiType::RedoLog, &location, METADATA_BYTES);
    metadata.sm_config.insert(STATEFILE_KEY.to_owned(), id.to_string());
    tx.insert_with(Ref::from_uuid(second), metadata)?;
    Ok((statefile, name))
}

async fn compose(ha: &Ha, volumes: &[Volume], wishes: &Wishes) -> Result<ArmConfig, ApiError> {
    let pool = ha.state.identity.pool();
    let members = pool.map(|pool| pool.members).unwrap_or_default();
    let tolerate = ha
        .state
        .pool
        .read(|db| rows::pool(db).map(|(_, pool)| pool.ha_host_failures_to_tolerate))
        .await??;
    let tolerate = u32::try_from(tolerate).unwrap_or(0).max(1);
    let statefiles = volumes.iter().map(|volume| volume.spec.clone()).collect();
    let key: [u8; 32] = rand::random();
    let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let me = ha.state.identity.host();
    Ok(pool_check::arm_config(&members, me, statefiles, wishes, (fresh(), key, tolerate)))
}

/// Every host checks itself, all at the same time.
async fn preflight(ha: &Ha, arm: &ArmConfig) -> Result<(), ApiError> {
    let peers: Vec<_> =
        arm.hosts.iter().filter_map(|spec| Some(spec.addresses.first()?.ip())).collect();
    let request =
        PreflightRequest { statefiles: arm.statefiles.clone(), wall_ms: super::wall_ms(), peers };
    let order = |_| Order::HaPreflight(Box::new(request.clone()));
    for (host, answer) in stock::ask_all(ha, &hosts(arm), order).await {
        let reply = match answer {
            Ok(OrderReply::Preflight(reply)) => reply,
            Ok(_) => return Err(ApiError::internal("an unexpected answer to a pre-flight")),
            Err(error) => return Err(errors::order(Ref::from_uuid(host.0), error)),
        };
        for warning in &reply.warnings {
            tracing::warn!(host = %host.0, code = warning.code, "{}", warning.text);
        }
        if let Some(finding) = reply.findings.first() {
            let name = ha.state.identity.pool();
            let name = name.as_ref().and_then(|pool| pool.member(host));
            let name = name.map_or_else(|| host.0.to_string(), |member| member.name.clone());
            let text = format!("{name}: {}", finding.text);
            return Err(ApiError::from_wire(&finding.code, vec![text]));
        }
    }
    Ok(())
}

fn hosts(arm: &ArmConfig) -> Vec<HostId> {
    arm.hosts.iter().map(|spec| spec.host).collect()
}

async fn arm_all(ha: &Ha, arm: &ArmConfig) -> Result<(), ApiError> {
    let me = ha.state.identity.host();
    let format = GuardCommand::Format(pool_check::for_host(arm, me));
    ha.link
        .request(format)
        .await
        .map_err(|refusal| ApiError::from_wire(&refusal.code, vec![refusal.text]))?;
    let command = |host| Order::Guard(Box::new(GuardCommand::Arm(pool_check::for_host(arm, host))));
    let others: Vec<HostId> = hosts(arm).into_iter().filter(|host| *host != me).collect();
    for (host, answer) in stock::ask_all(ha, &others, command).await {
        answer.map_err(|error| errors::order(Ref::from_uuid(host.0), error))?;
    }
    let own = ha.state.orders.send(me, command(me)).await;
    own.map_err(|error| errors::order(Ref::from_uuid(me.0), error))?;
    wait_formed(ha, arm).await
}

/// The first epoch holds all hosts, and this one acts.
async fn wait_formed(ha: &Ha, arm: &ArmConfig) -> Result<(), ApiError> {
    let late = Duration::from_millis(u64::from(arm.timing.t_late_ms + arm.timing.t_lease_ms));
    let formed = async {
        loop {
            let state = ha.link.state();
            let members = state.as_deref().map(super::decide::lives).unwrap_or_default();
            let all = arm.hosts.iter().all(|spec| members.contains_key(&spec.host.0));
            if all && ha.state.may_act().await && ha.held().await != super::decide::Held::Local {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(late + FORM_WAIT, formed).await.is_ok() {
        return Ok(());
    }
    let pool = ha.state.identity.pool();
    let members = pool.map(|pool| pool.members).unwrap_or_default();
    let text = why_not_formed(ha.link.state().as_deref(), arm, &members);
    Err(ApiError::from_wire(codes::HA_FAILED_TO_FORM_LIVESET, vec![text]))
}

/// Who is missing, and what this host's guard complains of.
fn why_not_formed(state: Option<&GuardState>, arm: &ArmConfig, names: &[Member]) -> String {
    let Some(state) = state else { return "the guard of this host does not answer".to_owned() };
    let members = super::decide::lives(state);
    let missing = arm.hosts.iter().filter(|spec| !members.contains_key(&spec.host.0));
    let name = |host: HostId| {
        let listed = names.iter().find(|member| member.host == host);
        listed.map_or_else(|| host.0.to_string(), |member| member.name.clone())
    };
    let missing: Vec<String> = missing.map(|spec| name(spec.host)).collect();
    let missing = match missing.is_empty() {
        true => "all hosts are members, but the coordinator may not act".to_owned(),
        false => format!("not members within the time: {}", missing.join(", ")),
    };
    let said = super::status::summary(Some(state));
    format!("{missing}. {said} {}", state.alarms.join(" "))
}

/// Writes that the pool is armed, and in which life each host runs what it runs.
async fn record(
    ha: &Ha,
    arm: &ArmConfig,
    volumes: &[Volume],
    config: BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let lives = ha.state.lives();
    let statefiles: Vec<String> =
        volumes.iter().map(|volume| volume.statefile.to_string()).collect();
    let repositories = volumes.iter().map(|volume| volume.sr).collect::<Vec<_>>();
    tracing::info!(?repositories, generation = %arm.generation, "armed");
    let peers: Vec<String> = arm.hosts.iter().map(|spec| spec.host.0.to_string()).collect();
    ha.state
        .pool
        .write(move |tx| {
            stock::stamp_holders(tx, &lives)?;
            let hosts: Vec<Ref<Host>> = tx.iter::<Host>().map(|(host, _)| host).collect();
            for host in hosts {
                tx.update(host, |row: &mut Host| {
                    row.ha_statefiles.clone_from(&statefiles);
                    row.ha_network_peers.clone_from(&peers);
                })?;
            }
            mark(tx, true, Some((config, statefiles)))
        })
        .await?;
    // The pool is armed, durably; what it promises is computed again after every change.
    if let Err(error) = promise::refresh(ha).await {
        tracing::warn!(%error, "how many host failures are tolerated is not known yet");
    }
    Ok(())
}

type Marks = (BTreeMap<String, String>, Vec<String>);

fn mark(tx: &mut Tx<'_>, enabled: bool, marks: Option<Marks>) -> Result<(), ApiError> {
    let (pool, _) = rows::pool(tx)?;
    tx.update(pool, |row: &mut Pool| {
        row.ha_enabled = enabled;
        if let Some((configuration, statefiles)) = marks {
            row.ha_configuration = configuration;
            row.ha_statefiles = statefiles;
            row.ha_cluster_stack = "haven".to_owned();
        }
        if !enabled {
            row.ha_statefiles.clear();
            row.ha_overcommitted = false;
        }
    })
}

/// Every guard leaves, the database goes home. What fails is logged: the rest must go on.
async fn take_back(ha: &Ha, arm: &ArmConfig) {
    let me = ha.state.identity.host();
    let order = |_| Order::Guard(Box::new(GuardCommand::EmergencyDisarm));
    let others: Vec<HostId> = hosts(arm).into_iter().filter(|host| *host != me).collect();
    let log = |host: HostId, answer: Result<OrderReply, OrderError>| {
        if let Err(error) = answer {
            tracing::error!(host = %host.0, %error, "this host may still be armed");
        }
    };
    // This host first: an armed coordinator without a permit may not give orders.
    if ha.link.armed().is_some() {
        let left = ha.link.request(GuardCommand::EmergencyDisarm).await;
        if let Err(refusal) = left {
            tracing::error!(code = refusal.code, "{}", refusal.text);
        }
        stock::forget_arm(ha);
    }
    for (host, answer) in stock::ask_all(ha, &others, order).await {
        log(host, answer);
    }
    if let Err(error) = takeover::move_to_disk(ha).await {
        tracing::error!(%error, "the database did not come home");
    }
    let off = ha.state.pool.write(|tx| mark(tx, false, None)).await;
    if let Err(error) = off {
        tracing::error!(%error, "the pool's record was not written");
    }
}

async fn wait_idle(ha: &Ha) -> Result<(), ApiError> {
    let mut states = ha.link.watch();
    let idle = states
        .wait_for(|state| state.as_ref().is_some_and(|state| state.phase == GuardPhase::Idle));
    match timeout(LEAVE_WAIT, idle).await {
        Ok(Ok(_)) => {
            stock::forget_arm(ha);
            Ok(())
        }
        Ok(Err(_)) | Err(_) => Err(ApiError::with(codes::HA_DISABLE_IN_PROGRESS, &[])),
    }
}
