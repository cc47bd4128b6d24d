//! Becoming and ceasing to be coordinator while armed.
//!
//! Owns: where the pool database of this host is open, and the order of a take-over: the guard
//! says that nobody else acts any more; the live area is read (never written); the copy in the
//! fresh area becomes the live one by a record; only then does anybody get an answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use haven_cluster::control::{ArmConfig, GuardCommand, GuardState};
use haven_cluster::ids::{EpochNumber, HostId, Incarnation, Instant, Life};
use haven_model::{ApiError, Pool};
use haven_pooldb::{Database, RedbStore, Store, StoreError, Tx};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::alarm;
use super::area::{self, MayWrite, Volume};
use super::choice::Chosen;
use super::link::GuardLink;
use super::metadata::{Health, Trouble};
use super::newest;
use super::standing::{self, Begin};
use crate::agent::permit::PermitGate;
use crate::copies::{self, Standing, Told};
use crate::ops::{quarantine, rows};
use crate::state::AppState;
use haven_failover::{self as failover, Held, Step};

/// Longest wait for the record that makes the copied area the live one.
const RECORD_WAIT: Duration = Duration::from_secs(30);
/// The area to which arming copies the database: the one that the genesis record calls live.
const FIRST_AREA: u8 = 0;
/// Longest wait of a change of high availability for the one before.
const CHANGE_WAIT: Duration = Duration::from_secs(10);
/// Longest wait for the database to be closed when the daemon ends.
const END_MAX: Duration = Duration::from_secs(5);
/// Pause after a step that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The database between two homes.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) database: Database,
    /// Where it is stored.
    pub(super) home: Held,
    /// The area that holds the same, if one does. Only while that one is live nobody else can
    /// have acknowledged anything that is not here.
    pub(super) like: Option<u8>,
    pub(super) office: Office,
}

/// The area that a record calls live, and who must have written it.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) area: u8,
    pub(super) owner: Option<String>,
    /// This life, as the owner of what it writes.
    me: String,
    /// The members, whose copies are witnesses.
    pub(super) members: Vec<HostId>,
    /// Names the arming.
    arming: Uuid,
}

impl Live {
    pub(super) fn of(state: &GuardState) -> Option<Self> {
        let epoch = state.epoch.as_ref()?;
        let me = state.me.map(|me| area::owner(epoch.generation, me)).unwrap_or_default();
        let members = epoch.members.iter().map(|life| life.host).collect();
        let (area, owner) = (epoch.area_live, area::owner_of_live(epoch));
        Some(Self { area, owner, me, members, arming: epoch.generation })
    }

    /// The area and its owner.
    pub(super) fn names(&self) -> (u8, Option<String>) {
        (self.area, self.owner.clone())
    }

    /// This life, as the owner of what it writes.
    pub(super) fn me(&self) -> &str {
        &self.me
    }
}

/// High availability of this host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ha {
    pub(super) link: GuardLink,
    pub(super) state: Arc<AppState>,
    held: Arc<Mutex<Held>>,
    /// The database between two homes: while the pool is being armed, or after a move that is not
    /// through.
    parked: Arc<Mutex<Option<Parked>>>,
    /// Held while the database moves.
    moving: Arc<Mutex<()>>,
    /// The pool is being disarmed: the database goes home whatever the guard says meanwhile.
    pub(super) leaving: Arc<AtomicBool>,
    /// Held while high availability is turned on or off.
    pub(super) changing: Arc<Mutex<()>>,
    /// How the metadata volume is.
    pub(super) health: Health,
    /// What a person chose, because the live area is lost.
    pub(super) chosen: Arc<Mutex<Option<Chosen>>>,
    /// The newest copy that a witness told of in an arming. A person's choice is newer: its history
    /// begins above everything.
    told: Arc<Mutex<Option<Told>>>,
    /// The daemon is told to end: the database is not taken any more.
    stop: CancellationToken,
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
            health: Health::default(),
            chosen: Arc::default(),
            told: Arc::default(),
            stop: stop.clone(),
        };
        tokio::spawn(follow(ha.clone(), stop.clone()));
        tokio::spawn(super::resume::run(ha.clone(), stop.clone()));
        tokio::spawn(super::power::run(ha.clone(), stop.clone()));
        tokio::spawn(super::metadata::run(ha.clone(), stop.clone()));
        tokio::spawn(super::reminder::run(ha.clone(), stop.clone()));
        tokio::spawn(super::guests::run(ha.clone(), stop.clone()));
        tokio::spawn(super::failover::run(ha.clone(), stop));
        ha
    }

    /// The link to the guard.
    #[must_use]
    pub fn link(&self) -> &GuardLink {
        &self.link
    }

    /// Lets go of the database as the end of the process does, wherever it is: for tests that have
    /// several lives of a host in one process.
    pub async fn abandon(&self) {
        drop(self.state.pool.close().await);
        drop(self.parked.lock().await.take());
    }

    /// Ends this host's work as coordinator because the daemon ends, and has the guard know: another host
    /// may coordinate at once when this one stays away. A store that hangs is left as it is: then nobody is
    /// told that nothing is on its way.
    pub async fn end(&self) {
        if self.link.armed().is_none() {
            return;
        }
        let ending = async {
            let _moving = self.moving.lock().await;
            close(self).await?;
            Ok::<_, ApiError>(self.link.request(GuardCommand::DatabaseClosed).await)
        };
        match timeout(END_MAX, ending).await {
            Ok(Ok(Ok(()))) => tracing::debug!("the guard knows that the pool database is closed"),
            Ok(Ok(Err(refusal))) => tracing::warn!(code = refusal.code, "{}", refusal.text),
            Ok(Err(error)) => tracing::warn!(%error, "the pool database could not be closed"),
            Err(_) => tracing::warn!("the pool database could not be closed in time"),
        }
    }

    /// The newest copy that anybody ever told this daemon of under this arming, and now: a witness that
    /// has died since was one nevertheless, and whoever takes over next is told in turn.
    pub(super) async fn witnessed(&self, live: &Live, now: &[Standing]) -> Option<u64> {
        let mut told = self.told.lock().await;
        let before = told.filter(|told| told.arming == live.arming).map(|told| told.generation);
        let newest = before.max(copies::witnessed(now, live.arming));
        *told = newest.map(|generation| Told { arming: live.arming, generation });
        newest
    }

    /// The newest copy that anybody told this daemon of.
    pub async fn told(&self) -> Option<Told> {
        *self.told.lock().await
    }

    /// Waits for whoever changes high availability now, but not for long: what looks after it in
    /// the background is soon done.
    ///
    /// # Errors
    /// `code`, when somebody else is still at it.
    pub(super) async fn change(
        &self,
        code: &'static str,
    ) -> Result<tokio::sync::MutexGuard<'_, ()>, ApiError> {
        let turn = timeout(CHANGE_WAIT, self.changing.lock()).await;
        turn.map_err(|_| ApiError::with(code, &[]))
    }

    /// Whether the database is here.
    pub async fn holds(&self) -> bool {
        self.held().await != Held::Nothing
    }

    /// The predicate that every write to the metadata volume asks.
    pub(super) fn may_write(&self) -> MayWrite {
        let link = self.link.clone();
        Arc::new(move || link.armed().is_none_or(|view| view.may_act))
    }

    /// Where the database is open; the local one was opened by whoever opened it.
    pub(super) async fn held(&self) -> Held {
        let held = *self.held.lock().await;
        match held {
            Held::Nothing if self.state.pool.is_open() => Held::Local,
            Held::Nothing if self.parked.lock().await.is_some() => Held::Between,
            held => held,
        }
    }
}

async fn follow(ha: Ha, stop: CancellationToken) {
    let mut states = ha.link.watch();
    let mut drained = EpochNumber(0);
    let mut twin = false;
    loop {
        let state = states.borrow_and_update().clone();
        if let Some(state) = state {
            let before = std::mem::replace(&mut twin, alarm::says_twin(&state));
            if twin && !before {
                tracing::error!(
                    "another machine beats under this host's name: its disk was copied; the one that \
                     started later, this one, runs nothing: switch the copy off"
                );
            }
            ha.state.set_lives(failover::lives(&state));
            if let Err(error) = act(&ha, &state, &mut drained).await {
                if ha.health.hinders(&error) {
                    tracing::error!(%error, "the pool database cannot be taken over yet");
                }
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
    if ha.stop.is_cancelled() {
        return Ok(());
    }
    let held = ha.held().await;
    let now = Instant(haven_block_io::boottime_ns());
    let Some(live) = Live::of(state) else { return Ok(()) };
    match failover::database_step(held, state, now, owes(ha, state)) {
        Step::Stay => {
            let named = state.epoch.as_ref().is_some_and(|e| state.me == Some(e.coordinator));
            if held == Held::Nothing && !named {
                // A database that could not be opened any more was another's meanwhile, and what a
                // person chose was for the office that this host had then.
                ha.state.pool.forget();
                ha.unchoose().await;
            }
            mend(ha, held, &live).await?;
        }
        Step::Home { .. } => go_home(ha, &live).await?,
        Step::Close { epoch } => {
            tracing::warn!(epoch = epoch.0, "this host is no longer coordinator");
            close(ha).await?;
        }
        Step::Copy { epoch, to, .. } => copy(ha, epoch, &live, to).await?,
        Step::Open { .. } => reopen(ha, &live, Office::New).await?,
    }
    drop(moving);
    report_drained(ha, state, drained).await;
    Ok(())
}

/// The pool was disarmed under this host as its coordinator, and `host.json` does not say so yet:
/// then the local database is not known to be the newest either.
fn owes(ha: &Ha, state: &GuardState) -> bool {
    let Some(last) = state.epoch.as_ref().filter(|epoch| !epoch.armed) else { return false };
    // A guard that was not armed anew yet still speaks of the arming before.
    let same = |arm: &ArmConfig| arm.generation == last.generation;
    last.coordinator.host == ha.state.identity.host()
        && super::stock::arm_config(ha).is_some_and(|arm| same(&arm))
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
    // Another acknowledges from here on: what was chosen is older than that.
    ha.unchoose().await;
    Ok(())
}

/// Takes the database from wherever it is. From here on nothing is written.
pub(super) async fn take(ha: &Ha) -> Option<Parked> {
    let home = ha.held().await;
    let open = ha.state.pool.suspend().await;
    *ha.held.lock().await = Held::Nothing;
    let like = if let Held::Area(area) = home { Some(area) } else { None };
    let open = open.map(|database| Parked { database, home, like, office: Office::Kept });
    let parked = ha.parked.lock().await.take();
    open.or(parked)
}

/// The database as it is in the live area: the one here if it is that one, else what is found.
async fn newest(ha: &Ha, live: &Live) -> Result<Parked, ApiError> {
    if let Some(found) = take(ha).await {
        if found.like == Some(live.area) {
            return Ok(found);
        }
        tracing::warn!(live = live.area, like = ?found.like, "the database here is not the live one");
        ha.state.pool.forget();
        blocking(move || drop(found)).await?;
    }
    newest::find(ha, live).await
}

/// Moves a database to the store that `make` gives, off the runtime. It is parked, not lost, when
/// that fails.
pub(super) async fn rehouse(
    ha: &Ha,
    present: Parked,
    make: impl FnOnce() -> Result<Box<dyn Store>, StoreError> + Send + 'static,
) -> Result<Database, ApiError> {
    let work = move || {
        let mut present = present;
        let moved = make().and_then(|store| present.database.move_to(store)).map(drop);
        (present, moved)
    };
    match blocking(work).await? {
        (present, Ok(())) => Ok(present.database),
        (present, Err(error)) => {
            park(ha, present).await;
            Err(store_failed(error))
        }
    }
}

/// What was only read from an area is read again: it needs no keeping.
pub(super) async fn park(ha: &Ha, present: Parked) {
    if present.home != Held::Nothing {
        *ha.parked.lock().await = Some(present);
    }
}

/// A store that failed once takes nothing more, though the storage is back: it is opened anew.
async fn mend(ha: &Ha, held: Held, live: &Live) -> Result<(), ApiError> {
    let acts = ha.link.armed().is_some_and(|view| view.may_act);
    if !acts || held != Held::Area(live.area) {
        return Ok(());
    }
    if ha.state.pool.is_doubtful() {
        let why = ha.state.pool.failure();
        if ha.health.fails(Trouble::of(&why), &why) {
            tracing::error!(
                why,
                "a change of the pool database could not be written; it is opened anew"
            );
        }
    } else if !ha.health.must_mend() {
        return Ok(());
    }
    reopen(ha, live, Office::Kept).await
}

/// The pool was disarmed, and nobody here brought the database home: a last epoch for which the
/// caller did not wait any more, or before which havend ended. `host.json` says "armed" until it
/// is home: a start in between must not open an older one.
async fn go_home(ha: &Ha, live: &Live) -> Result<(), ApiError> {
    let Ok(_changing) = ha.changing.try_lock() else { return Ok(()) };
    tracing::warn!("the pool was disarmed meanwhile; its database leaves the metadata volume");
    let present = newest(ha, live).await?;
    let office = present.office;
    let database = match present.home {
        Held::Local => present.database,
        _ => {
            let path = ha.state.config.paths.database();
            rehouse(ha, present, move || local_store(&path)).await?
        }
    };
    super::stock::forget_arm(ha)?;
    if office == Office::New {
        crate::coordinator::prepare(&ha.state).await?;
    }
    unpack(ha, database).await;
    ha.unchoose().await;
    let written = ha.state.pool.write(off).await;
    if office == Office::New {
        crate::coordinator::settle(&ha.state).await?;
    }
    written
}

/// Writes that high availability is off.
pub(super) fn off(tx: &mut Tx<'_>) -> Result<(), ApiError> {
    let (pool, _) = rows::pool(tx)?;
    tx.update(pool, |row: &mut Pool| {
        row.ha_enabled = false;
        row.ha_statefiles.clear();
        row.ha_overcommitted = false;
    })?;
    super::reminder::begin(tx)?;
    crate::ops::storage_marks::clear(tx)?;
    quarantine::clear(tx)
}

/// Opens the area that this life has written before. What is in memory here, and is like it, is
/// kept until the area is known to hold the same or more; if it does not, the area is written anew
/// from memory: this life alone may write there, and nothing else was acknowledged since.
async fn reopen(ha: &Ha, live: &Live, office: Office) -> Result<(), ApiError> {
    let (path, may_write) = (metadata(ha)?, ha.may_write());
    // Readers see what was committed meanwhile.
    let present = match take(ha).await.filter(|present| present.like == Some(live.area)) {
        Some(present) => Some(detached(present).await),
        None => None,
    };
    // A person knows why the live area is not to be used, though it can be read.
    if present.is_none()
        && let Some(chosen) = newest::chosen(ha, live).await?
    {
        let database = write_anew(ha, live, chosen).await?;
        ha.health.opened();
        return install(ha, database, Held::Area(live.area), office).await;
    }
    let office = present.as_ref().map_or(office, |_| Office::Kept);
    let floor = present.as_ref().map_or(0, |present| present.database.generation());
    let (area, owner) = (live.area, live.owner.clone());
    let keep = crate::backup::keeper(&ha.state.config.paths);
    let open = move || {
        let store = Volume::open(&path)?.write(area, owner.as_deref(), may_write)?;
        let database = Database::open_keeping(Box::new(store), crate::coordinator::ids(), keep)?;
        let (found, known) = (database.generation(), floor);
        if found < known { Err(StoreError::Older { found, known }) } else { Ok(database) }
    };
    // What breaks off must not take along what is in memory alone.
    let opened = blocking(open).await;
    let opened = opened.unwrap_or_else(|error| Err(StoreError::Corrupt(error.to_string())));
    let database = match (opened, present) {
        (Ok(database), Some(_)) => database,
        (Ok(database), None) => newest::witnessed(ha, live, database).await?,
        (Err(error), present) => rewrite(ha, live, present, error).await?,
    };
    ha.health.opened();
    install(ha, database, Held::Area(live.area), office).await
}

/// The database without its store, which writes a last time when it goes: before the same area is
/// opened or written by another.
pub(super) async fn detached(mut present: Parked) -> Parked {
    let store = present.database.detach();
    // On a volume that holds something else its last words may make no sense, and break off.
    if let Err(error) = blocking(move || drop(store)).await {
        tracing::warn!(%error, "the store on the metadata volume did not end in order");
    }
    present
}

/// Writes the live area of this life anew, because it does not hold what it should.
async fn rewrite(
    ha: &Ha,
    live: &Live,
    present: Option<Parked>,
    error: StoreError,
) -> Result<Database, ApiError> {
    if ha.health.fails(Trouble::from(&error), &error.to_string()) {
        tracing::error!(%error, "the live area does not hold the newest database");
    }
    let present = match present {
        Some(present) => present,
        None => newest::instead(ha, live, error).await?,
    };
    write_anew(ha, live, present).await
}

/// Writes `present` to the live area of this life, under a seal of what is to come.
async fn write_anew(ha: &Ha, live: &Live, present: Parked) -> Result<Database, ApiError> {
    let (path, me, may_write) = (metadata(ha)?, live.me.clone(), ha.may_write());
    if let Err(error) = super::metadata::restore_volume(ha, &path).await {
        park(ha, present).await;
        return Err(error);
    }
    let (area, generation) = (live.area, present.database.generation());
    let anew = move || {
        let store = Volume::open(&path)?.anew(area, me, generation, may_write)?;
        Ok(Box::new(store) as Box<dyn Store>)
    };
    let database = rehouse(ha, present, anew).await?;
    tracing::warn!(area, "the live area was written anew");
    ha.unchoose().await;
    Ok(database)
}

async fn copy(ha: &Ha, epoch: EpochNumber, live: &Live, to: u8) -> Result<(), ApiError> {
    let started = std::time::Instant::now();
    let (from, me) = (live.area, live.me.clone());
    let (path, may_write) = (metadata(ha)?, ha.may_write());
    let present = newest(ha, live).await?;
    let office = present.office;
    let fresh =
        move || Ok(Box::new(Volume::open(&path)?.fresh(to, me, may_write)?) as Box<dyn Store>);
    let database = match standing::look(ha, live, present, to).await? {
        Begin::Stands(database) => database,
        Begin::Empty(present) => rehouse(ha, present, fresh).await?,
    };
    // Until a record makes this area the live one nothing may be acknowledged.
    let command = GuardCommand::DatabaseCopied { epoch, area: to };
    let told = ha.link.request(command).await;
    let told = told.map_err(|refusal| ApiError::from_wire(&refusal.code, vec![refusal.text]));
    let lives = match told {
        Ok(()) => wait_live(ha, to).await,
        Err(error) => Err(error),
    };
    if let Err(error) = lives {
        // It is in neither the old area any more nor in a live one, but equals the old one.
        let home = Held::Area(to);
        park(ha, Parked { database, home, like: Some(from), office }).await;
        return Err(error);
    }
    ha.unchoose().await;
    let ms = started.elapsed().as_millis();
    tracing::info!(epoch = epoch.0, area = to, ms, "the pool database is taken over");
    install(ha, database, Held::Area(to), office).await
}

/// Whether this process was coordinator before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Office {
    /// It was not: tasks in the journal are another's, and hosts must be asked.
    New,
    /// It was: only the place of the database changed.
    Kept,
}

async fn install(ha: &Ha, database: Database, held: Held, office: Office) -> Result<(), ApiError> {
    if office == Office::New {
        crate::coordinator::prepare(&ha.state).await?;
    }
    ha.state.pool.open(database).await;
    *ha.held.lock().await = held;
    match office {
        Office::New => crate::coordinator::settle(&ha.state).await,
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

/// Copies the database to the first area, before arming, and parks it: from here on until an
/// epoch is decided nothing is acknowledged, so that the copy, with which any member may found
/// that epoch, and the local one stay the same.
pub(super) async fn stage(ha: &Ha, arm: &ArmConfig, path: PathBuf) -> Result<(), ApiError> {
    let _moving = ha.moving.lock().await;
    let present = take(ha).await;
    let present = present.ok_or_else(|| ApiError::internal("this host has no database"))?;
    let may_write = ha.may_write();
    // As the genesis record names it: a host without a life.
    let life = Life { host: arm.first_coordinator, incarnation: Incarnation(0) };
    let owner = area::owner(arm.generation, life);
    let work = move || {
        let copy = || {
            let mut store = Volume::open(&path)?.fresh(FIRST_AREA, owner, may_write)?;
            store.replace_all(&present.database.export()?)
        };
        let copied = copy();
        (present, copied)
    };
    let (present, copied) = blocking(work).await?;
    *ha.parked.lock().await = Some(Parked { like: Some(FIRST_AREA), ..present });
    if let Err(error) = copied {
        unstage(ha).await?;
        return Err(store_failed(error));
    }
    Ok(())
}

/// Opens the staged database where it was: the pool is not armed.
pub(super) async fn unstage(ha: &Ha) -> Result<(), ApiError> {
    let parked = ha.parked.lock().await.take();
    let parked = parked.ok_or_else(|| ApiError::internal("this host has no database"))?;
    unpack(ha, parked.database).await;
    Ok(())
}

/// Moves the database to the local disk, before disarming. Nothing is written until it is
/// [`unpack`]ed: should the pool stay armed, what lies in the live area is what counts.
pub(super) async fn pack(ha: &Ha) -> Result<Database, ApiError> {
    let _moving = ha.moving.lock().await;
    let present = take(ha).await;
    let present = present.ok_or_else(|| ApiError::internal("this host has no database"))?;
    let path = ha.state.config.paths.database();
    rehouse(ha, present, move || local_store(&path)).await
}

fn local_store(path: &Path) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(RedbStore::open(path)?))
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

pub(super) fn metadata(ha: &Ha) -> Result<PathBuf, ApiError> {
    let arm = ha.state.identity.pool().and_then(|pool| pool.arm);
    arm.as_deref()
        .and_then(area::metadata_path)
        .ok_or_else(|| ApiError::internal("host.json knows no metadata volume"))
}

/// Why the database cannot be opened or moved.
pub(super) fn store_failed(error: StoreError) -> ApiError {
    error.into()
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
}
