//! Taking over an older copy of the pool database, or putting a dump back.
//!
//! Owns: what such a database must be before anybody uses it: of a generation above everything that
//! was ever seen, so that no older copy passes for newer again; and holding every start of a VM back
//! until each host has said what it runs, because VMs may run of which the copy does not know.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use haven_cluster::control::GuardState;
use haven_cluster::ids::HostId;
use haven_model::{ApiError, Host, Pool, Ref, codes};
use haven_pooldb::{Database, Image, MemStore, RedbStore, Snapshot, Tx, upgrade};
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use crate::copies::{self, Standing};
use crate::ha::off_if_on;
use crate::ops::{host, rows};
use crate::peer_net::{Caller, forward_request};
use crate::state::AppState;
use crate::{backup, coordinator, promote};

/// Hosts that have not said yet what they run, in `pool.other_config`: uuids.
const WAITS_KEY: &str = "haven_recovery_waits_for";
/// A history that is begun now has so many generations for each second since 1970: more than are
/// written. What was begun later is newer, even if nobody who answered knew of the history before.
const GENERATIONS_A_SECOND: u64 = 1_000;
/// Generations between what was lost and what comes, if the clock went back: more than anybody could
/// have missed.
const LEAP: u64 = 1_000_000;
/// Longest wait for the database of an armed pool to be taken over.
const OPEN_MAX: Duration = Duration::from_secs(60);
/// Longest wait for a host to follow.
const FOLLOW_MAX: Duration = Duration::from_secs(5);

/// No VM may be started while a host has not said what it runs.
///
/// # Errors
/// `RECOVERY_WAITS_FOR_HOSTS` with their names.
pub fn check(db: &Image) -> Result<(), ApiError> {
    let Ok((_, pool)) = rows::pool(db) else { return Ok(()) };
    let waits = waits(pool);
    if waits.is_empty() {
        return Ok(());
    }
    let name = |uuid: &Uuid| {
        let row = db.get(Ref::<Host>::from_uuid(*uuid));
        row.map_or_else(|| uuid.to_string(), |row| row.name_label.clone())
    };
    let names: Vec<String> = waits.iter().map(name).collect();
    Err(ApiError::with(codes::RECOVERY_WAITS_FOR_HOSTS, &[&names.join(", ")]))
}

fn waits(pool: &Pool) -> Vec<Uuid> {
    let text = pool.other_config.get(WAITS_KEY).map(String::as_str).unwrap_or_default();
    text.split(',').filter_map(|word| word.parse().ok()).collect()
}

fn set_waits(tx: &mut Tx<'_>, waits: &[Uuid]) -> Result<(), ApiError> {
    let (pool, _) = rows::pool(tx)?;
    let text = waits.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",");
    tx.update(pool, |row: &mut Pool| match text.is_empty() {
        true => drop(row.other_config.remove(WAITS_KEY)),
        false => drop(row.other_config.insert(WAITS_KEY.to_owned(), text)),
    })
}

/// These hosts have said what they run, or run nothing.
///
/// # Errors
/// The database refuses.
pub async fn heard(state: &Arc<AppState>, hosts: &[Uuid]) -> Result<(), ApiError> {
    let waiting = state.pool.read(|db| rows::pool(db).map(|(_, pool)| waits(pool))).await??;
    if !waiting.iter().any(|uuid| hosts.contains(uuid)) {
        return Ok(());
    }
    let hosts = hosts.to_vec();
    let change = move |tx: &mut Tx<'_>| {
        let (_, pool) = rows::pool(tx)?;
        let left: Vec<Uuid> =
            waits(pool).into_iter().filter(|uuid| !hosts.contains(uuid)).collect();
        if left.is_empty() {
            tracing::info!("all hosts have said what they run: machines are started again");
        }
        set_waits(tx, &left)
    };
    state.pool.write(change).await
}

/// Hosts that certainly run nothing, as the guard knows: dead, and not members in another life.
#[must_use]
pub fn buried(state: &GuardState) -> Vec<Uuid> {
    let members = haven_failover::lives(state);
    let dead = state.dead.iter().map(|life| life.host.0);
    dead.filter(|host| !members.contains_key(host)).collect()
}

/// A database to go on with: today's form, a generation above `above`, and all of its hosts but
/// `off` are asked first.
///
/// # Errors
/// It is damaged, or of no pool.
pub fn prepared(
    mut snapshot: Snapshot,
    above: u64,
    off: &[Uuid],
    adjust: impl FnOnce(&mut Tx<'_>) -> Result<(), ApiError>,
) -> Result<Snapshot, ApiError> {
    upgrade(&mut snapshot)?;
    leap(&mut snapshot, above, now_s());
    let store = Box::new(MemStore::default());
    let mut database = Database::create(store, coordinator::ids(), &snapshot)?;
    database.transact(|tx| {
        let hosts = tx.iter::<Host>().map(|(host, _)| host::id(host).0);
        let waits: Vec<Uuid> = hosts.filter(|uuid| !off.contains(uuid)).collect();
        set_waits(tx, &waits)?;
        adjust(tx)
    })?;
    Ok(database.export()?)
}

/// Begins another history: no older copy passes for newer, and whoever watches events asks for
/// everything anew.
pub(crate) fn leap(snapshot: &mut Snapshot, above: u64, now_s: u64) {
    let (known, clock) =
        (snapshot.generation.max(above), now_s.saturating_mul(GENERATIONS_A_SECOND));
    snapshot.generation = if clock > known { clock } else { known + LEAP };
    snapshot.floor = snapshot.generation;
    snapshot.deletes.clear();
}

/// Seconds since 1970.
pub(crate) fn now_s() -> u64 {
    u64::try_from(crate::state::now().unix_s()).unwrap_or(0)
}

/// What a person says about it.
#[derive(Debug, Default)]
pub struct Wishes {
    /// The pool's name, typed.
    pub confirm: String,
    /// Whose copy; the newest one if nothing is said.
    pub from: Option<HostId>,
    /// Hosts whose power is off.
    pub off: Vec<Uuid>,
}

/// Makes this host the coordinator with a copy of the database, because the coordinator is gone for
/// good, or the database is. With high availability on it must be the host that the guards named.
///
/// # Errors
/// Somebody coordinates the pool; a host that may is silent and not said to be off; no copy; not
/// confirmed.
pub async fn recover(state: &Arc<AppState>, wishes: Wishes) -> Result<Standing, ApiError> {
    let pool = state.identity.pool();
    let pool = pool.ok_or_else(|| ApiError::not_allowed("this host is in no pool"))?;
    if state.pool.is_open() {
        return note_off(state, &wishes).await;
    }
    let standings = copies::ask_all(state).await;
    let armed = state.authority.armed().is_some();
    check_others(state, &standings, &wishes, armed)?;
    let newest = copies::newest(&standings);
    let (newest, known) =
        newest.ok_or_else(|| ApiError::not_allowed("no host has a copy of the pool database"))?;
    let from = wishes.from.unwrap_or(newest);
    let copy = copies::fetch(state, from).await?;
    confirm(&copy, &wishes)?;
    let off = wishes.off.clone();
    // Above what members were told of by those who are silent now, too: else it would be refused.
    let told = standings.iter().filter_map(|standing| standing.about.as_ref()?.told);
    let above = told.map(|told| told.generation).max().unwrap_or(0).max(known);
    let ready = prepared(copy, above, &off, |tx| match armed {
        true => Ok(()),
        false => off_if_on(tx),
    })?;
    tracing::warn!(from = %from.0, generation = ready.generation, armed, "taking over a copy of the pool database");
    let members: Vec<HostId> = pool.members.iter().map(|member| member.host).collect();
    match armed {
        true => take_armed(state, ready, above).await?,
        false => take_unarmed(state, ready, &members).await?,
    }
    let chosen = standings.into_iter().find(|standing| standing.host == from);
    chosen.ok_or_else(|| ApiError::internal("the host whose copy was taken is no member"))
}

/// The database is here already: what remains to be said is who is off.
async fn note_off(state: &Arc<AppState>, wishes: &Wishes) -> Result<Standing, ApiError> {
    if wishes.off.is_empty() {
        return Err(ApiError::not_allowed("this host has the pool database"));
    }
    let silent = copies::ask_all(state).await;
    let speaks = silent.iter().find(|s| s.about.is_some() && wishes.off.contains(&s.host.0));
    if let Some(standing) = speaks {
        return Err(ApiError::not_allowed(format!("host {} is on: it answers", standing.name)));
    }
    heard(state, &wishes.off).await?;
    let me = state.identity.host();
    let own = silent.into_iter().find(|standing| standing.host == me);
    own.ok_or_else(|| ApiError::internal("this host is no member"))
}

fn check_others(
    state: &Arc<AppState>,
    standings: &[Standing],
    wishes: &Wishes,
    armed: bool,
) -> Result<(), ApiError> {
    for standing in standings {
        let off = wishes.off.contains(&standing.host.0);
        match &standing.about {
            Some(about) if about.coordinates => {
                let text = format!("host {} coordinates the pool", standing.name);
                return Err(ApiError::not_allowed(text));
            }
            Some(_) if off => {
                let text = format!("host {} is on: it answers", standing.name);
                return Err(ApiError::not_allowed(text));
            }
            _ => {}
        }
    }
    let me = state.identity.host();
    let named = state.authority.coordinator();
    if armed {
        return match named == Some(me) {
            true => Ok(()),
            false => Err(state.not_coordinator()),
        };
    }
    // Without high availability nobody but a person knows whether it is gone.
    let silent = standings.iter().find(|s| Some(s.host) == named && s.about.is_none());
    match silent.filter(|standing| !wishes.off.contains(&standing.host.0)) {
        Some(standing) => Err(ApiError::with(codes::RECOVERY_WAITS_FOR_HOSTS, &[&standing.name])),
        None => Ok(()),
    }
}

fn confirm(copy: &Snapshot, wishes: &Wishes) -> Result<(), ApiError> {
    let (_, name) = backup::pool_of(copy);
    match name == wishes.confirm {
        true => Ok(()),
        false => Err(ApiError::with(codes::RECOVERY_NOT_CONFIRMED, &[&name])),
    }
}

/// The take-over that is under way finds the copy instead of the live area; nobody knows of a newer one
/// than `known`.
async fn take_armed(state: &Arc<AppState>, ready: Snapshot, known: u64) -> Result<(), ApiError> {
    let ha = state.ha.get().ok_or_else(|| ApiError::internal("the daemon is still starting"))?;
    ha.choose(ready, known).await;
    let open = async {
        while !state.may_act() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    if timeout(OPEN_MAX, open).await.is_err() {
        let text = "the copy was not taken over within the time; see `haven ha status`";
        return Err(ApiError::not_allowed(text));
    }
    Ok(())
}

async fn take_unarmed(
    state: &Arc<AppState>,
    ready: Snapshot,
    members: &[HostId],
) -> Result<(), ApiError> {
    let path = state.config.paths.database();
    let open = move || {
        // What is there is old or damaged, and may still be of use to somebody.
        if path.exists() {
            std::fs::rename(&path, path.with_extension("redb.before-recovery"))
                .map_err(ApiError::internal)?;
        }
        let store = RedbStore::open(&path)?;
        Ok::<_, ApiError>(Database::create(Box::new(store), coordinator::ids(), &ready)?)
    };
    let database = tokio::task::spawn_blocking(open).await.map_err(ApiError::internal)??;
    let me = state.identity.host();
    promote::name(state, me)?;
    coordinator::take_office(state, database).await?;
    for host in members.iter().filter(|host| **host != me) {
        let followed = timeout(FOLLOW_MAX, follow(state, *host, me)).await;
        if !matches!(followed, Ok(Some(()))) {
            tracing::warn!(host = %host.0, "a host does not follow yet: say `haven pool follow` there");
        }
    }
    let state = state.clone();
    tokio::spawn(async move { crate::reconcile::ask_all(&state).await });
    Ok(())
}

/// Has a member take its orders from this host.
async fn follow(state: &AppState, member: HostId, me: HostId) -> Option<()> {
    let body = json!({ "coordinator": me.0.to_string() }).to_string();
    let mut request = Request::post("/haven/pool/follow").body(Body::from(body)).ok()?;
    request.extensions_mut().insert(Caller::LocalRoot);
    let response = forward_request(&state.dialer, member, request).await.ok()?;
    response.status().is_success().then_some(())
}

/// Puts a dump in place of the database.
///
/// # Errors
/// It is of another pool, of other hosts, damaged or too new; high availability is on; machines are
/// being worked on. Nothing was changed then.
pub async fn restore(
    state: &Arc<AppState>,
    text: String,
    dry_run: bool,
) -> Result<backup::Head, ApiError> {
    if state.authority.armed().is_some() {
        return Err(ApiError::new(codes::HA_IS_ENABLED, Vec::new()));
    }
    if !state.may_act() {
        return Err(state.not_coordinator());
    }
    let parsed = tokio::task::spawn_blocking(move || backup::parse(&text)).await;
    let (head, snapshot) = parsed.map_err(ApiError::internal)??;
    let (known, present) = state.pool.read(|db| (db.generation(), db.export())).await?;
    state.pool.read(|db| fits(db, &head, &snapshot)).await??;
    let this_host = state.this_host();
    let ready = prepared(snapshot, known, &[], move |tx| {
        let (pool, _) = rows::pool(tx)?;
        tx.update(pool, |row: &mut Pool| {
            row.master = this_host;
            // A dump of an armed pool does not arm it.
            row.ha_enabled = false;
            row.ha_statefiles.clear();
            row.ha_overcommitted = false;
        })?;
        crate::ops::storage_marks::clear(tx)?;
        crate::ops::quarantine::clear(tx)
    })?;
    if dry_run {
        return Ok(head);
    }
    let (paths, present) = (state.config.paths.clone(), present?);
    let kept = tokio::task::spawn_blocking(move || backup::keep_before_restore(&paths, &present));
    kept.await.map_err(ApiError::internal)??;
    state.pool.with_mut(move |database| Ok(database.import(&ready)?)).await?;
    tracing::warn!(generation = head.generation, "the pool database was restored from a dump");
    coordinator::settle(state).await?;
    Ok(head)
}

/// Whether a dump is one of this pool as it is now.
fn fits(db: &Image, head: &backup::Head, snapshot: &Snapshot) -> Result<(), ApiError> {
    let invalid = |why: String| Err(ApiError::with(codes::DATABASE_DUMP_INVALID, &[&why]));
    let (_, pool) = rows::pool(db)?;
    if pool.uuid != head.pool {
        return invalid(format!("it is of the pool {} ({})", head.name, head.pool));
    }
    let mut then: Vec<Ref<Host>> = backup::rows_of(snapshot).collect();
    let mut now: Vec<Ref<Host>> = db.iter::<Host>().map(|(host, _)| host).collect();
    then.sort();
    now.sort();
    if then != now {
        return invalid(
            "hosts joined or left the pool since: it must have the same ones".to_owned(),
        );
    }
    let busy = db.iter::<haven_model::Vm>().find(|(_, row)| !row.current_operations.is_empty());
    if let Some((_, row)) = busy {
        let text = format!("{} is being worked on; wait for its end", row.name_label);
        return Err(ApiError::not_allowed(text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Snapshot {
        let store = Box::new(MemStore::default());
        let mut db = Database::open(store, coordinator::ids()).unwrap();
        db.transact(|tx| {
            tx.insert(Pool { name_label: "ours".to_owned(), ..Pool::default() })?;
            for number in 1..=3 {
                let name_label = format!("h{number}");
                let row = Host { name_label, ..Host::default() };
                tx.insert_with(Ref::<Host>::from_u128(number), row)?;
            }
            Ok(())
        })
        .unwrap();
        db.export().unwrap()
    }

    fn open(snapshot: &Snapshot) -> Database {
        Database::create(Box::new(MemStore::default()), coordinator::ids(), snapshot).unwrap()
    }

    #[test]
    fn what_is_recovered_is_newer_than_all_and_waits_for_every_host_that_is_on() {
        let off = Uuid::from_u128(2);
        let ready = prepared(pool(), 500, &[off], |_| Ok(())).unwrap();
        assert!(ready.generation > 500 + LEAP);
        let mut db = open(&ready);
        let error = check(&db).unwrap_err();
        assert_eq!(
            (error.code, error.params[0].as_str()),
            (codes::RECOVERY_WAITS_FOR_HOSTS, "h1, h3")
        );
        assert!(db.changes_since(501).lost, "watchers ask for everything anew");
        for left in [vec![Uuid::from_u128(3)], Vec::new()] {
            assert!(check(&db).is_err());
            db.transact(|tx| set_waits(tx, &left)).unwrap();
        }
        check(&db).unwrap();
        assert!(!db.single::<Pool>().unwrap().1.other_config.contains_key(WAITS_KEY));
    }

    /// Two recoveries, the second one from an old copy because the host with the first one was silent:
    /// what was written after the first is not newer than what was written after the second.
    #[test]
    fn a_history_that_was_begun_later_is_newer() {
        let mut before = pool();
        leap(&mut before, 0, 1_800_000_000);
        before.generation += 9_000;
        let (mut first, mut second) = (before.clone(), before);
        leap(&mut first, 0, 1_800_000_010);
        first.generation += 59_000;
        leap(&mut second, 0, 1_800_000_070);
        assert!(second.generation > first.generation);
        let mut slow = pool();
        leap(&mut slow, second.generation, 0);
        assert!(slow.generation > second.generation, "a clock that went back");
    }

    #[test]
    fn a_dump_of_another_pool_or_of_other_hosts_does_not_fit() {
        let here = pool();
        let head = |snapshot: &Snapshot| {
            let text = backup::dump(snapshot).unwrap();
            backup::parse(&text).unwrap().0
        };
        let db = open(&here);
        fits(&db, &head(&here), &here).unwrap();
        let other = pool();
        assert_eq!(
            fits(&db, &head(&other), &other).unwrap_err().code,
            codes::DATABASE_DUMP_INVALID
        );
        let mut fewer = open(&here);
        fewer.transact(|tx| tx.remove(Ref::<Host>::from_u128(3))).unwrap();
        let fewer = fewer.export().unwrap();
        assert!(fits(&db, &head(&fewer), &fewer).is_err());
    }
}
