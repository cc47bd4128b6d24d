//! Becoming and ceasing to be coordinator while armed.
//!
//! Owns: where the pool database of this host is open, and the order of a take-over: the guard
//! says that nobody else acts any more; the live area is read (never written); the copy in the
//! fresh area becomes the live one by a record; only then does anybody get an answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use haven_cluster::control::{GuardCommand, GuardState};
use haven_cluster::ids::{EpochNumber, Instant};
use haven_model::{ApiError, Pool};
use haven_pooldb::{Database, RedbStore, Store, StoreError, Tx};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::area::{self, MayWrite};
use super::decide::{self, Held, Step};
use super::link::GuardLink;
use crate::agent::permit::PermitGate;
use crate::ops::rows;
use crate::state::AppState;

/// Longest wait for the record that makes the copied area the live one.
const RECORD_WAIT: Duration = Duration::from_secs(30);
/// Pause after a step that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// High availability of this host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ha {
    pub(super) link: GuardLink,
    pub(super) state: Arc<AppState>,
    held: Arc<Mutex<Held>>,
    /// The database between two homes, after a move that is not through.
    parked: Arc<Mutex<Option<Database>>>,
    /// Held while the database moves.
    moving: Arc<Mutex<()>>,
    /// The pool is being disarmed: the database goes home whatever the guard says meanwhile.
    pub(super) leaving: Arc<AtomicBool>,
    /// Held while high availability is turned on or off.
    pub(super) changing: Arc<Mutex<()>>,
}

impl Ha {
    /// Starts following the guard: take-overs, and the restart of VMs after host failures.
    #[must_use]
    pub fn start(link: GuardLink, state: Arc<AppState>, stop: CancellationToken) -> Self {
        let ha = Self {
            link,
            state,
            held: Arc::default(),
            parked: Arc::default(),
            moving: Arc::default(),
            leaving: Arc::default(),
            changing: Arc::default(),
        };
        tokio::spawn(follow(ha.clone(), stop.clone()));
        tokio::spawn(super::failover::run(ha.clone(), stop));
        ha
    }

    /// The link to the guard.
    #[must_use]
    pub fn link(&self) -> &GuardLink {
        &self.link
    }

    /// The predicate that every write to the metadata volume asks.
    pub(super) fn may_write(&self) -> MayWrite {
        let link = self.link.clone();
        Arc::new(move || link.armed().is_none_or(|view| view.may_act))
    }

    /// Where the database is open; the local one was opened by whoever opened it.
    pub(super) async fn held(&self) -> Held {
        let held = *self.held.lock().await;
        if held == Held::Nothing && self.state.pool.is_open().await { Held::Local } else { held }
    }
}

async fn follow(ha: Ha, stop: CancellationToken) {
    let mut states = ha.link.watch();
    let mut drained = EpochNumber(0);
    loop {
        let state = states.borrow_and_update().clone();
        if let Some(state) = state {
            ha.state.set_lives(decide::lives(&state));
            if let Err(error) = act(&ha, &state, &mut drained).await {
                tracing::error!(%error, "the pool database cannot be taken over yet");
                tokio::time::sleep(RETRY_PAUSE).await;
                continue;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = states.changed() => if changed.is_err() { return },
        }
    }
}

async fn act(ha: &Ha, state: &GuardState, drained: &mut EpochNumber) -> Result<(), ApiError> {
    if ha.leaving.load(Ordering::SeqCst) {
        return Ok(());
    }
    let moving = ha.moving.lock().await;
    let held = ha.held().await;
    match decide::database_step(held, state, Instant(haven_block_io::boottime_ns())) {
        Step::Stay => mend(ha, held, state).await?,
        Step::Home => go_home(ha).await?,
        Step::Close { epoch } => {
            tracing::warn!(epoch = epoch.0, "this host is no longer coordinator");
            close(ha).await?;
        }
        Step::Copy { epoch, from, to } => copy(ha, epoch, from, to).await?,
        Step::Open { area } => open(ha, area).await?,
    }
    drop(moving);
    report_drained(ha, state, drained).await;
    Ok(())
}

/// Whoever holds no database has no IO to it on the way.
async fn report_drained(ha: &Ha, state: &GuardState, drained: &mut EpochNumber) {
    let Some(epoch) = state.epoch.as_ref().filter(|epoch| epoch.number > *drained) else { return };
    if ha.held().await != Held::Nothing {
        return;
    }
    let command = GuardCommand::DatabaseDrained { epoch: epoch.number };
    match ha.link.request(command).await {
        Ok(()) => *drained = epoch.number,
        Err(refusal) => tracing::warn!(code = refusal.code, "{}", refusal.text),
    }
}

async fn close(ha: &Ha) -> Result<(), ApiError> {
    let database = ha.state.pool.close().await;
    let parked = ha.parked.lock().await.take();
    // Dropping them waits for their last IO.
    blocking(move || drop((database, parked))).await?;
    *ha.held.lock().await = Held::Nothing;
    Ok(())
}

/// Takes the database from wherever it is. Nobody is answered from here on.
async fn take(ha: &Ha) -> Option<Database> {
    let open = ha.state.pool.close().await;
    *ha.held.lock().await = Held::Nothing;
    let parked = ha.parked.lock().await.take();
    open.or(parked)
}

/// Moves `database` to the store that `make` gives, off the runtime. It is parked, not lost, when
/// that fails.
async fn rehouse(
    ha: &Ha,
    database: Database,
    make: impl FnOnce() -> Result<Box<dyn Store>, StoreError> + Send + 'static,
) -> Result<Database, ApiError> {
    let work = move || {
        let mut database = database;
        let moved = make().and_then(|store| database.move_to(store)).map(drop);
        (database, moved)
    };
    match blocking(work).await? {
        (database, Ok(())) => Ok(database),
        (database, Err(error)) => {
            *ha.parked.lock().await = Some(database);
            Err(store_failed(error))
        }
    }
}

/// A store that failed once takes nothing more, though the storage is back: it is opened anew.
async fn mend(ha: &Ha, held: Held, state: &GuardState) -> Result<(), ApiError> {
    let live = state.epoch.as_ref().map(|epoch| Held::Area(epoch.area_live));
    let acts = ha.link.armed().is_some_and(|view| view.may_act);
    if !acts || live != Some(held) || !ha.state.pool.is_doubtful() {
        return Ok(());
    }
    tracing::warn!("a change of the pool database could not be written; opening it anew");
    let Held::Area(area) = held else { return Ok(()) };
    reopen(ha, area, Office::Kept).await
}

/// The pool was disarmed by a last epoch for which the caller did not wait any more.
async fn go_home(ha: &Ha) -> Result<(), ApiError> {
    let Ok(_changing) = ha.changing.try_lock() else { return Ok(()) };
    tracing::warn!("the pool was disarmed meanwhile; its database leaves the metadata volume");
    move_held(ha, Held::Local, ha.state.config.paths.database()).await?;
    let off = |tx: &mut Tx<'_>| {
        let (pool, _) = rows::pool(tx)?;
        tx.update(pool, |row: &mut Pool| {
            row.ha_enabled = false;
            row.ha_statefiles.clear();
            row.ha_overcommitted = false;
        })
    };
    ha.state.pool.write(off).await
}

async fn open(ha: &Ha, area: u8) -> Result<(), ApiError> {
    reopen(ha, area, Office::New).await
}

async fn reopen(ha: &Ha, area: u8, office: Office) -> Result<(), ApiError> {
    close(ha).await?;
    let (path, may_write) = (metadata(ha)?, ha.may_write());
    let database = blocking(move || {
        let store = area::open(&path, area, may_write)?;
        Database::open(Box::new(store), crate::coordinator::ids())
    })
    .await?
    .map_err(store_failed)?;
    install(ha, database, Held::Area(area), office).await
}

async fn copy(ha: &Ha, epoch: EpochNumber, from: u8, to: u8) -> Result<(), ApiError> {
    let started = std::time::Instant::now();
    let (path, may_write) = (metadata(ha)?, ha.may_write());
    let (present, office) = match take(ha).await {
        Some(database) => (database, Office::Kept),
        None => {
            let path = path.clone();
            let read = move || Database::open(area::read(&path, from)?, crate::coordinator::ids());
            (blocking(read).await?.map_err(store_failed)?, Office::New)
        }
    };
    let fresh = move || Ok(Box::new(area::fresh(&path, to, may_write)?) as Box<dyn Store>);
    let database = rehouse(ha, present, fresh).await?;
    // Until a record makes this area the live one nothing may be acknowledged.
    let command = GuardCommand::DatabaseCopied { epoch, area: to };
    let told = ha.link.request(command).await;
    let told = told.map_err(|refusal| ApiError::from_wire(&refusal.code, vec![refusal.text]));
    let lives = match told {
        Ok(()) => wait_live(ha, to).await,
        Err(error) => Err(error),
    };
    if let Err(error) = lives {
        *ha.parked.lock().await = Some(database);
        return Err(error);
    }
    let ms = started.elapsed().as_millis();
    tracing::info!(epoch = epoch.0, area = to, ms, "the pool database is taken over");
    install(ha, database, Held::Area(to), office).await
}

/// Whether this process was coordinator before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Office {
    /// It was not: tasks in the journal are another's, and hosts must be asked.
    New,
    /// It was: only the place of the database changed.
    Kept,
}

async fn install(ha: &Ha, database: Database, held: Held, office: Office) -> Result<(), ApiError> {
    ha.state.pool.open(database).await;
    *ha.held.lock().await = held;
    match office {
        Office::New => super::stock::take_up(ha).await,
        Office::Kept => Ok(()),
    }
}

/// The record that names the area as live is decided.
async fn wait_live(ha: &Ha, area: u8) -> Result<(), ApiError> {
    let mut states = ha.link.watch();
    let live = states.wait_for(|state| {
        let epoch = state.as_ref().and_then(|state| state.epoch.as_ref());
        epoch.is_some_and(|epoch| epoch.area_live == area && epoch.area_next.is_none())
    });
    match timeout(RECORD_WAIT, live).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(ApiError::internal("no record made the copied area live")),
    }
}

/// Moves the open database to the first area, before arming. Only the unarmed coordinator may.
pub(super) async fn move_to_volume(ha: &Ha, path: PathBuf) -> Result<(), ApiError> {
    move_to(ha, Held::Area(0), path).await
}

/// Moves the database to the local disk, before disarming. Nobody is answered until it is
/// [`unpack`]ed: should the pool stay armed, what lies in the live area is what counts.
pub(super) async fn pack(ha: &Ha) -> Result<Database, ApiError> {
    let _moving = ha.moving.lock().await;
    let database = take(ha).await;
    let database = database.ok_or_else(|| ApiError::internal("this host has no database"))?;
    let path = ha.state.config.paths.database();
    rehouse(ha, database, move || Ok(Box::new(RedbStore::open(path)?) as Box<dyn Store>)).await
}

/// Opens the packed database: the pool is disarmed.
pub(super) async fn unpack(ha: &Ha, database: Database) {
    ha.state.pool.open(database).await;
    *ha.held.lock().await = Held::Local;
}

/// Drops the packed copy: the pool stayed armed, and the live area is opened again.
pub(super) async fn discard(ha: &Ha, database: Database) -> Result<(), ApiError> {
    blocking(move || drop(database)).await?;
    close(ha).await
}

/// Moves the open database back to the local disk.
pub(super) async fn move_to_disk(ha: &Ha) -> Result<(), ApiError> {
    move_to(ha, Held::Local, ha.state.config.paths.database()).await
}

async fn move_to(ha: &Ha, home: Held, path: PathBuf) -> Result<(), ApiError> {
    let _moving = ha.moving.lock().await;
    move_held(ha, home, path).await
}

/// The same for who holds the lock on moving already.
async fn move_held(ha: &Ha, home: Held, path: PathBuf) -> Result<(), ApiError> {
    let database = take(ha).await;
    let database = database.ok_or_else(|| ApiError::internal("this host has no database"))?;
    let may_write = ha.may_write();
    let make = move || -> Result<Box<dyn Store>, StoreError> {
        match home {
            Held::Area(area) => Ok(Box::new(area::fresh(&path, area, may_write)?)),
            Held::Local | Held::Nothing => Ok(Box::new(RedbStore::open(path)?)),
        }
    };
    let (database, moved) = match rehouse(ha, database, make).await {
        Ok(database) => (Some(database), Ok(())),
        // It is where it was: the move changed nothing there.
        Err(error) => (ha.parked.lock().await.take(), Err(error)),
    };
    if let Some(database) = database {
        ha.state.pool.open(database).await;
        *ha.held.lock().await = if moved.is_ok() { home } else { Held::Nothing };
    }
    moved
}

fn metadata(ha: &Ha) -> Result<PathBuf, ApiError> {
    let arm = ha.state.identity.pool().and_then(|pool| pool.arm);
    arm.as_deref()
        .and_then(area::metadata_path)
        .ok_or_else(|| ApiError::internal("host.json knows no metadata volume"))
}

pub(super) fn store_failed(error: StoreError) -> ApiError {
    ApiError::internal(format!("the metadata volume failed: {error}"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
}
