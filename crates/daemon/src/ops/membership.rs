//! Founding a pool, admitting hosts, letting them go.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use haven_drivers::storage::SrSpec;
use haven_model::{ApiError, HavenSecret, Host, Pbd, Placement, Ref, Sr, codes};
use haven_pooldb::{Database, Image, RedbStore, Tx};
use uuid::Uuid;

use super::init::{self, NewPool, secret, set_secret};
use super::{host, host_rows, pbd, placement, roster, rows, spec};
use crate::identity::Member;
use crate::join::coordinator::{PoolView, admit as judge};
use crate::join::{JoinAnswer, JoinRequest, TokenRecord, found as founding, new_token, unwritten};
use crate::orders::Order;
use crate::reconcile;
use crate::session::Passwords;
use crate::state::AppState;
use crate::tasks::Op;
use crate::tls::{CaMaterial, fingerprint};

/// Prefix of the secrets that hold join tokens.
const TOKEN_PREFIX: &str = "token/";
/// Tokens that are kept; old ones go first.
const TOKENS_MAX: usize = 64;

/// Makes a pool with this host as its only member.
///
/// # Errors
/// The host is in a pool already, or a file cannot be written.
pub async fn found(
    state: &Arc<AppState>,
    name: String,
    password: String,
    address: Option<IpAddr>,
) -> Result<Uuid, ApiError> {
    let agent = state.agent();
    let founding = founding::prepare(agent, address).await?;
    let root_hash = tokio::task::spawn_blocking(move || Passwords::hash(&password))
        .await
        .map_err(ApiError::internal)?
        .map_err(ApiError::internal)?;
    let new = NewPool {
        pool: founding.pool,
        name,
        member: founding.member.clone(),
        facts: founding.facts.clone(),
        ca: founding.ca.clone(),
        root_hash,
    };
    let path = state.config.paths.database();
    let database = tokio::task::spawn_blocking(move || fresh_database(&path, &new))
        .await
        .map_err(ApiError::internal)??;
    let pool = founding.pool;
    founding.commit(agent)?;
    crate::coordinator::take_office(state, database).await?;
    Ok(pool)
}

/// A database with the content of a new pool, in place of whatever an earlier try left.
fn fresh_database(path: &std::path::Path, new: &NewPool) -> Result<Database, ApiError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(unwritten)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(ApiError::internal(error));
        }
        _ => {}
    }
    let store = RedbStore::open(path).map_err(unwritten)?;
    let mut database =
        Database::open(Box::new(store), crate::coordinator::ids()).map_err(ApiError::internal)?;
    database.transact(|tx| init::fill(tx, new))?;
    Ok(database)
}

pub(super) fn ca(db: &Image) -> Result<CaMaterial, ApiError> {
    let get = |key| secret(db, key).ok_or_else(|| ApiError::internal("the pool's CA is missing"));
    Ok(CaMaterial { cert_pem: get(init::CA_CERT_KEY)?, key_pem: get(init::CA_KEY_KEY)? })
}

/// A new token that lets one host join.
///
/// # Errors
/// This host is not the coordinator.
pub async fn issue_token(
    state: &Arc<AppState>,
    expires_ms: u64,
    now_ms: u64,
) -> Result<String, ApiError> {
    let Some(member) = state.coordinator() else { return Err(state.not_coordinator()) };
    let ca = state.pool.read(ca).await??;
    let sha256 = fingerprint(&ca.cert_pem).map_err(ApiError::internal)?;
    let address = match member.address {
        IpAddr::V4(v4) => format!("{v4}:{}", member.api_port),
        IpAddr::V6(v6) => format!("[{v6}]:{}", member.api_port),
    };
    let (token, record) = new_token(address, sha256, expires_ms);
    let word = token.encode()?;
    state.pool.write(move |tx| keep_token(tx, &record, now_ms)).await?;
    Ok(word)
}

fn tokens(db: &Image) -> Vec<(Ref<HavenSecret>, TokenRecord)> {
    db.iter::<HavenSecret>()
        .filter(|(_, row)| row.key.starts_with(TOKEN_PREFIX))
        .filter_map(|(found, row)| Some((found, serde_json::from_str(&row.value).ok()?)))
        .collect()
}

fn keep_token(tx: &mut Tx<'_>, record: &TokenRecord, now_ms: u64) -> Result<(), ApiError> {
    let known = tokens(tx);
    let excess = (known.len() + 1).saturating_sub(TOKENS_MAX);
    let expired = known.iter().filter(|(_, old)| old.expires_ms <= now_ms).map(|(row, _)| *row);
    let mut gone: Vec<Ref<HavenSecret>> = expired.collect();
    let by_age = known.iter().filter(|(row, _)| !gone.contains(row)).map(|(row, _)| *row);
    let more: Vec<_> = by_age.take(excess.saturating_sub(gone.len())).collect();
    gone.extend(more);
    for row in gone {
        tx.remove(row)?;
    }
    let text = serde_json::to_string(record).map_err(ApiError::internal)?;
    set_secret(tx, &format!("{TOKEN_PREFIX}{}", record.secret_sha256), &text)
}

/// Judges a host that wants to join, and makes it a member.
///
/// # Errors
/// Why it may not.
pub async fn admit(
    state: &Arc<AppState>,
    request: JoinRequest,
    now_ms: u64,
) -> Result<JoinAnswer, ApiError> {
    if !state.may_act() {
        return Err(state.not_coordinator());
    }
    let membership = state.identity.pool().ok_or_else(|| state.not_coordinator())?;
    let settings = state.config.settings.clone();
    let here = state.identity.host();
    let asked = request.clone();
    let admission = state
        .pool
        .write(move |tx| {
            let (_, pool) = rows::pool(tx)?;
            let vendor = pool.cpu_info.get("vendor").cloned().unwrap_or_default();
            let records: Vec<TokenRecord> =
                tokens(tx).into_iter().map(|(_, record)| record).collect();
            let (ca, storage) = (ca(tx)?, shared_storage(tx)?);
            let view = PoolView {
                pool: membership.pool,
                coordinator: here,
                members: &membership.members,
                cpu_vendor: &vendor,
                version: env!("CARGO_PKG_VERSION"),
                tokens: &records,
                now_ms,
                clock_skew_max_s: settings.clock_skew_max_s,
                allow_dynamic_address: settings.allow_dynamic_address,
                storage: &storage,
                ca: &ca,
            };
            let admission = judge(&view, &asked)?;
            let text = serde_json::to_string(&admission.token).map_err(ApiError::internal)?;
            let key = format!("{TOKEN_PREFIX}{}", admission.token.secret_sha256);
            set_secret(tx, &key, &text)?;
            let host = Ref::<Host>::from_uuid(asked.host.0);
            if tx.get(host).is_none() {
                host_rows::insert(tx, &admission.member, &asked.facts)?;
            }
            roster::take_in(tx, &admission.member)?;
            Ok(admission)
        })
        .await?;
    let new = admission.member.clone();
    announce(state, |members| {
        members.retain(|member| member.host != new.host);
        members.push(new);
    })?;
    let (state, new) = (state.clone(), Ref::<Host>::from_uuid(request.host.0));
    tokio::spawn(async move { settle_in(&state, new).await });
    Ok(admission.answer)
}

/// What a new host attaches: the shared repositories.
pub(super) fn shared_storage(db: &Image) -> Result<Vec<SrSpec>, ApiError> {
    db.iter::<Sr>()
        .filter(|(_, row)| row.shared)
        .filter_map(|(sr, row)| Some((sr, db.get::<Pbd>(*row.pbds.first()?)?.host)))
        .map(|(sr, host)| spec::sr(db, sr, host))
        .collect()
}

/// Changes who is in the pool, and where, and tells it to all members, this host included.
pub(super) fn announce(
    state: &Arc<AppState>,
    change: impl FnOnce(&mut Vec<Member>),
) -> Result<(), ApiError> {
    let coordinator = state.identity.host();
    state
        .identity
        .update(|identity| {
            if let Some(pool) = &mut identity.pool {
                change(&mut pool.members);
            }
        })
        .map_err(ApiError::internal)?;
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    for member in members.iter().filter(|member| member.host != coordinator) {
        let (state, host) = (state.clone(), member.host);
        tokio::spawn(async move {
            if let Err(error) = reconcile::tell_members(&state, host).await {
                tracing::warn!(%error, "a member hears of a change of the pool when it reports");
            }
        });
    }
    Ok(())
}

/// Tries to attach a new host's repositories until it is there.
async fn settle_in(state: &Arc<AppState>, new: Ref<Host>) {
    const ATTEMPTS_MAX: u32 = 30;
    for _ in 0..ATTEMPTS_MAX {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let open = state.pool.read(|db| {
            let pbds = db.get(new).map(|row| row.pbds.clone()).unwrap_or_default();
            // One that is being made or given up is the business of whoever does that.
            let rests =
                |row: &Pbd| db.get(row.sr).is_some_and(|sr| sr.current_operations.is_empty());
            let is_open = |row: &Pbd| !row.currently_attached && rests(row);
            pbds.into_iter().filter(|pbd| db.get(*pbd).is_some_and(is_open)).collect::<Vec<_>>()
        });
        let Ok(open) = open.await else { return };
        if open.is_empty() {
            return;
        }
        for pbd in open {
            if let Err(error) = pbd::attach(state, pbd).await {
                tracing::warn!(%error, host = %new, "a new host cannot attach a repository yet");
            }
        }
    }
}

/// Takes a host out of the pool: it must be empty of VMs.
///
/// # Errors
/// VMs run there, it does not answer, an epoch counts on it, or somebody cancels the task.
pub async fn eject(state: &Arc<AppState>, gone: Ref<Host>, op: &mut Op) -> Result<(), ApiError> {
    if gone == state.this_host() {
        return Err(ApiError::new(codes::HOST_CANNOT_DESTROY_SELF, vec![gone.to_string()]));
    }
    state
        .pool
        .write(move |tx| {
            ejectable(tx, gone)?;
            let row = tx.require(gone)?;
            // One that takes no VMs is missed by nobody.
            if !row.enabled {
                return Ok(());
            }
            let operation = haven_planner::Operation::EjectHost;
            let doing = super::admission::doing(operation, gone, &row.name_label);
            let change = haven_planner::Change::Disable { host: host::id(gone).0 };
            super::admission::check(tx, doing, &[change], false)
        })
        .await?;
    // The other guards forget the host when it is no member of the pool any more.
    let ha = state.ha.get().filter(|_| state.authority.armed().is_some());
    let _left = match ha {
        Some(ha) => Some(ha.farewell(gone, op).await?),
        None => None,
    };
    op.step().await?;
    let sent = state.orders.send(host::id(gone), Order::EjectHost).await;
    sent.map_err(|error| super::errors::order(gone, error))?;
    // It has promised that nothing runs there, and takes no orders of this pool any more.
    forget_if(state, gone, move |tx| placement::release(tx, gone)).await
}

/// Hosts that high availability needs besides the one that leaves.
const ARMED_HOSTS_MIN: usize = 2;

/// Whether a host may leave.
///
/// # Errors
/// Why not.
pub fn ejectable(db: &Image, gone: Ref<Host>) -> Result<(), ApiError> {
    let row = db.require(gone)?;
    let (_, pool) = rows::pool(db)?;
    if pool.ha_enabled && db.iter::<Host>().count() <= ARMED_HOSTS_MIN {
        return Err(ApiError::new(codes::HA_TOO_FEW_HOSTS, Vec::new()));
    }
    let runs = |vm: &Ref<haven_model::Vm>| db.get(*vm).is_some_and(|row| !row.is_control_domain);
    if let Some(vm) = row.resident_vms.iter().find(|vm| runs(vm)) {
        return Err(ApiError::with(codes::HOST_HAS_RESIDENT_VMS, &[&gone, vm]));
    }
    // One that is being started there, is on its way there, or may run there unseen: nobody could
    // be asked about it any more.
    let names = |row: &Placement| row.holders.iter().any(|holder| holder.host == gone);
    if let Some((_, row)) = db.iter::<Placement>().find(|(_, row)| names(row)) {
        return Err(ApiError::with(codes::HOST_HAS_RESIDENT_VMS, &[&gone, &row.vm]));
    }
    Ok(())
}

/// Removes the rows of a host that left or is lost for good.
///
/// # Errors
/// The database refuses.
pub async fn forget(state: &Arc<AppState>, gone: Ref<Host>) -> Result<(), ApiError> {
    forget_if(state, gone, |_| Ok(())).await
}

/// The same, if `judge` has nothing against it in that very transaction.
pub(super) async fn forget_if(
    state: &Arc<AppState>,
    gone: Ref<Host>,
    judge: impl FnOnce(&mut Tx<'_>) -> Result<(), ApiError> + Send + 'static,
) -> Result<(), ApiError> {
    let change = move |tx: &mut Tx<'_>| {
        judge(tx)?;
        roster::take_out(tx, host::id(gone))?;
        remove(tx, gone)
    };
    state.pool.write(change).await?;
    let id = host::id(gone);
    announce(state, |members| members.retain(|member| member.host != id))
}

fn remove(tx: &mut Tx<'_>, gone: Ref<Host>) -> Result<(), ApiError> {
    let row = tx.require(gone)?.clone();
    let mut local: BTreeMap<Ref<Sr>, bool> = BTreeMap::new();
    for pbd in row.pbds {
        let sr = tx.require(pbd)?.sr;
        tx.remove(pbd)?;
        local.insert(sr, tx.get(sr).is_some_and(|row| row.pbds.is_empty() && !row.shared));
    }
    for (sr, _) in local.into_iter().filter(|(_, lost)| *lost) {
        super::sr::remove(tx, sr)?;
    }
    for pif in row.pifs {
        let metrics = tx.require(pif)?.metrics;
        tx.remove(pif)?;
        if tx.get(metrics).is_some() {
            tx.remove(metrics)?;
        }
    }
    for cpu in row.host_cpus {
        tx.remove(cpu)?;
    }
    if tx.get(row.metrics).is_some() {
        tx.remove(row.metrics)?;
    }
    tx.remove(gone)
}
