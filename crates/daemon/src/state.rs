//! What every request of the coordinator side works with.
//!
//! Owns: the pool database while this host is coordinator, and the word whether it is. Never
//! decides who is coordinator: `host.json` does while high availability is off, the guard's
//! epoch while it is armed.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use haven_cluster::ids::HostId;
use haven_model::{ApiError, DateTime, Holder, Host, Ref, codes};
use haven_pooldb::{Database, Image, Tx, Work};
use tokio::sync::{OwnedMutexGuard, oneshot, watch};
use uuid::Uuid;

use crate::agent::Agent;
use crate::audit::Audit;
use crate::authority::Authority;
use crate::boot::HostSide;
use crate::config::Config;
use crate::discovery::Found;
use crate::fair::Fair;
use crate::guest_watch::Expected;
use crate::ha::Ha;
use crate::identity::{IdentityStore, Member};
use crate::ops::motion::watch::MovingDisks;
use crate::ops::vm::moving::Moving;
use crate::order_client::OrderClient;
use crate::pam::Pam;
use crate::peer_net::Dialer;
use crate::reconcile::Reports;
use crate::replicate::Copies;
use crate::session::{Desk, Passwords, Sessions, Throttle};
use crate::tasks::Runner;

/// Shared by all requests and loops of the coordinator side.
pub struct AppState {
    /// Paths and settings.
    pub config: Config,
    /// This host.
    pub identity: Arc<IdentityStore>,
    /// Who is coordinator, and whether this host may act.
    pub authority: Authority,
    /// Gives orders to hosts.
    pub orders: OrderClient,
    /// The pool database.
    pub pool: PoolDb,
    /// Open sessions.
    pub sessions: Sessions,
    /// Verifies passwords.
    pub passwords: Passwords,
    /// Verifies passwords of the operating system's users, where a site wants that.
    pub pam: Option<Pam>,
    /// Shuts out who guesses them.
    pub throttle: Throttle,
    /// Whose login is looked at next.
    pub desk: Desk,
    /// Who is served next.
    pub fair: Arc<Fair>,
    /// Who did what.
    pub audit: Audit,
    /// Which copies of the database the members have.
    pub copies: Copies,
    /// Last reports of the hosts.
    pub reports: Reports,
    /// High availability of this host.
    pub ha: OnceLock<Ha>,
    /// How far the migrations are that run.
    pub moving: Moving,
    /// Hosts and pools of the management network.
    pub found: Found,
    /// Reboots that somebody asked for.
    pub expected: Expected,
    /// Disks of running machines that move now.
    pub moving_disks: MovingDisks,
    /// Carries this host to other members.
    pub dialer: Dialer,
    agent: Agent,
    tasks: OnceLock<Runner>,
    lives: RwLock<BTreeMap<Uuid, u64>>,
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState").field("host", &self.identity.host()).finish_non_exhaustive()
    }
}

impl AppState {
    /// A host that holds no database yet; its task loop runs.
    #[must_use]
    pub fn start(config: Config, side: &HostSide) -> Arc<Self> {
        let audit = Audit::start(config.paths.audit_log());
        let pam = Pam::of(&config.settings.pam);
        let state = Arc::new(Self {
            config,
            pam,
            identity: side.identity.clone(),
            authority: side.authority.clone(),
            orders: side.orders.clone(),
            pool: PoolDb::default(),
            sessions: Sessions::default(),
            passwords: Passwords::default(),
            throttle: Throttle::default(),
            moving: Moving::default(),
            expected: Expected::default(),
            moving_disks: MovingDisks::default(),
            desk: Desk::default(),
            fair: Arc::default(),
            audit,
            copies: Copies::default(),
            reports: Reports::default(),
            ha: OnceLock::new(),
            found: Found::default(),
            dialer: side.agent.parts().dialer.clone(),
            agent: side.agent.clone(),
            tasks: OnceLock::new(),
            lives: RwLock::default(),
        });
        let weak = Arc::downgrade(&state);
        let runner = Runner::start(&state, crate::ops::undo::executor(weak));
        // It was empty a moment ago and nobody else has it yet.
        let _first = state.tasks.set(runner);
        state
    }

    /// The task runner.
    ///
    /// # Errors
    /// Before the daemon has started it.
    pub fn runner(&self) -> Result<&Runner, ApiError> {
        self.tasks.get().ok_or_else(|| ApiError::internal("the daemon is still starting"))
    }

    /// The host side.
    #[must_use]
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Whether a host is a member of the newest epoch; any host is while high availability is
    /// off.
    #[must_use]
    pub fn is_member(&self, host: Ref<Host>) -> bool {
        let id = Uuid::from_u128(host.id().0);
        let lives = self.lives.read().unwrap_or_else(PoisonError::into_inner);
        self.authority.armed().is_none() || lives.contains_key(&id)
    }

    /// Whether this host is coordinator, holds the database and may change things now.
    #[must_use]
    pub fn may_act(&self) -> bool {
        self.authority.may_act() && self.pool.is_open()
    }

    /// While armed a coordinator without a permit must not change anything.
    ///
    /// # Errors
    /// Who to ask instead.
    pub fn check_may_act(&self) -> Result<(), ApiError> {
        if self.authority.may_act() { Ok(()) } else { Err(self.not_coordinator()) }
    }

    /// The coordinator as this host knows it.
    #[must_use]
    pub fn coordinator(&self) -> Option<Member> {
        let host = self.authority.coordinator()?;
        self.identity.pool()?.member(host).cloned()
    }

    /// The error that a host answers which is not the acting coordinator.
    #[must_use]
    pub fn not_coordinator(&self) -> ApiError {
        match self.coordinator() {
            Some(member) if member.host != self.identity.host() => {
                ApiError::with(codes::HOST_IS_SLAVE, &[&member.address])
            }
            _ => closed(),
        }
    }

    /// What a host answers that was taken out of its pool while it was off, and does not know it.
    #[must_use]
    pub fn unknown_here(&self) -> ApiError {
        ApiError::with(codes::HOST_UNKNOWN_TO_MASTER, &[&self.identity.host().0.to_string()])
    }

    /// The row of this host.
    #[must_use]
    pub fn this_host(&self) -> Ref<Host> {
        Ref::from_uuid(self.identity.host().0)
    }

    /// Says in which life each member is; high availability tells after each epoch.
    pub fn set_lives(&self, lives: BTreeMap<Uuid, u64>) {
        *self.lives.write().unwrap_or_else(PoisonError::into_inner) = lives;
    }

    /// Epoch and lives, for what is made durable now.
    #[must_use]
    pub fn lives(&self) -> Lives {
        // The epoch first: lives that are newer than it are of no use to an order under it, but
        // older ones would name as holder a life that is dead already.
        let epoch = self.authority.term().map_or(0, |term| term.epoch.0);
        let state = self.ha.get().and_then(|ha| ha.link().state());
        let lives = state.map(|state| haven_failover::lives(&state));
        let told = || self.lives.read().unwrap_or_else(PoisonError::into_inner).clone();
        Lives { epoch, lives: lives.unwrap_or_else(told) }
    }
}

/// The epoch and the lives of its members.
#[derive(Clone, Debug, Default)]
pub struct Lives {
    /// Number of the epoch; 0 while high availability is off.
    pub epoch: u64,
    lives: BTreeMap<Uuid, u64>,
}

impl Lives {
    /// These lives in this epoch.
    #[must_use]
    pub fn new(epoch: u64, lives: BTreeMap<Uuid, u64>) -> Self {
        Self { epoch, lives }
    }

    /// Whose word counts about a VM that this holder has, or had: an incarnation; 0, any life's of the
    /// host, while high availability is off.
    #[must_use]
    pub fn asks(&self, holder: Option<Holder>) -> u64 {
        holder.filter(|_| self.epoch != 0).map_or(0, |holder| holder.incarnation)
    }

    /// A host as holder of a VM, in its present life.
    #[must_use]
    pub fn holder(&self, host: Ref<Host>) -> Holder {
        let id = Uuid::from_u128(host.id().0);
        Holder { host, incarnation: self.lives.get(&id).copied().unwrap_or(0) }
    }
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> DateTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    DateTime(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// A fresh uuid.
#[must_use]
pub fn fresh() -> Uuid {
    Uuid::new_v4()
}

/// Longest wait for a database that is being moved or taken over.
const MOVE_MAX: Duration = Duration::from_secs(5);

/// Longest wait of a change for the store to begin with it.
const BEGIN_MAX: Duration = Duration::from_millis(if cfg!(test) { 500 } else { 60_000 });

/// Changes that may wait for the store; more are refused at once.
const WRITES_WAITING_MAX: usize = 8192;
/// Changes that are made durable together.
const GROUP_MAX: usize = 256;

/// A change that waits for the store.
struct Job {
    since: Instant,
    number: u64,
    work: Work,
    done: oneshot::Sender<Result<(), ApiError>>,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

/// The pool database and the news that it changed.
///
/// Reads see the last committed generation and wait for nobody: a write that waits for a stalled
/// metadata volume holds up other writes alone. Whoever waits does it asynchronously, for the
/// rest of the daemon runs on the same threads.
#[derive(Clone, Debug)]
pub struct PoolDb {
    database: Arc<tokio::sync::Mutex<Option<Database>>>,
    /// What readers see. Locked for moments only, never while anything else is waited for.
    image: Arc<RwLock<Option<Image>>>,
    /// Changes that wait for the store; all that wait are made durable together.
    waiting: Arc<Mutex<VecDeque<Job>>>,
    /// Since when the store has been at the changes that it is writing.
    committing: Arc<Mutex<Option<Instant>>>,
    /// Counts changes.
    numbers: Arc<AtomicU64>,
    generation: watch::Sender<u64>,
    /// How often a database was put here: generations of different ones cannot be compared.
    opening: Arc<AtomicU64>,
    /// Whether it is here; who finds it away waits a while, as it may only be moving.
    here: watch::Sender<bool>,
    /// How often this host ceased to be coordinator.
    offices: Arc<AtomicU64>,
}

/// A time during which this host is coordinator.
#[derive(Clone, Debug)]
pub struct Office {
    number: u64,
    offices: Arc<AtomicU64>,
}

impl Office {
    /// Whether it is the present one. What was begun in an earlier one was ended by another
    /// coordinator, also if this host is coordinator again.
    #[must_use]
    pub fn lasts(&self) -> bool {
        self.offices.load(Ordering::SeqCst) == self.number
    }
}

impl Default for PoolDb {
    fn default() -> Self {
        Self {
            database: Arc::default(),
            image: Arc::default(),
            waiting: Arc::default(),
            committing: Arc::default(),
            numbers: Arc::default(),
            generation: watch::Sender::new(0),
            opening: Arc::default(),
            here: watch::Sender::new(false),
            offices: Arc::default(),
        }
    }
}

impl PoolDb {
    /// Whether this host holds the database.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self.here.borrow()
    }

    /// Whether it is here, and knows no such host.
    pub async fn has_forgotten(&self, host: HostId) -> bool {
        let gone = |db: &Image| db.get(Ref::<Host>::from_uuid(host.0)).is_none();
        self.is_open() && self.read(gone).await.unwrap_or(false)
    }

    /// Whether its store refused a commit. No while somebody works on it.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        let database = self.database.try_lock();
        database.is_ok_and(|database| database.as_ref().is_some_and(Database::is_doubtful))
    }

    /// What its store said when it refused a commit last.
    #[must_use]
    pub fn failure(&self) -> String {
        let database = self.database.try_lock();
        let failure =
            database.ok().and_then(|database| Some(database.as_ref()?.failure().to_owned()));
        failure.unwrap_or_default()
    }

    /// For how long the change has waited that has waited longest.
    #[must_use]
    pub fn waiting_for(&self) -> Duration {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let committing = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        let first = committing.or(waiting.front().map(|job| job.since));
        first.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Installs the database: from here on this host answers.
    pub async fn open(&self, database: Database) {
        let generation = database.generation();
        let mut place = self.database.lock().await;
        let mirror = database.mirror();
        {
            let mut image = self.image.write().unwrap_or_else(PoisonError::into_inner);
            self.opening.fetch_add(1, Ordering::SeqCst);
            *image = Some(mirror);
        }
        *place = Some(database);
        drop(place);
        self.here.send_replace(true);
        self.generation.send_replace(generation);
    }

    /// Gives the database up: this host is coordinator no more.
    pub async fn close(&self) -> Option<Database> {
        self.forget();
        self.suspend().await
    }

    /// Takes the database away because it moves: nothing is written until it is here again, but
    /// what was committed is still read.
    pub async fn suspend(&self) -> Option<Database> {
        self.here.send_replace(false);
        // Whoever writes now is waited for.
        self.database.lock().await.take()
    }

    /// The time since this host became coordinator, until it ceases to be.
    #[must_use]
    pub fn office(&self) -> Office {
        Office { number: self.offices.load(Ordering::SeqCst), offices: self.offices.clone() }
    }

    /// Shows readers nothing more: what was suspended will not come back.
    pub fn forget(&self) {
        self.offices.fetch_add(1, Ordering::SeqCst);
        *self.image.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until the database is here, but not for long.
    async fn arrival(&self) {
        let mut here = self.here.subscribe();
        // Too late or never: whoever waits finds out by looking.
        let _waited = tokio::time::timeout(MOVE_MAX, here.wait_for(|here| *here)).await;
    }

    /// Follows the generation; it changes after each commit.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Reads.
    ///
    /// # Errors
    /// When this host does not hold the database.
    pub async fn read<T>(&self, read: impl FnOnce(&Image) -> T) -> Result<T, ApiError> {
        if !self.is_readable() {
            self.arrival().await;
        }
        let image = self.image.read().unwrap_or_else(PoisonError::into_inner);
        image.as_ref().map(read).ok_or_else(closed)
    }

    /// The same at once, off the runtime; with which opening of a database this is.
    pub fn look<T>(&self, read: impl FnOnce(&Image, u64) -> T) -> Option<T> {
        let image = self.image.read().unwrap_or_else(PoisonError::into_inner);
        image.as_ref().map(|image| read(image, self.opening()))
    }

    /// Which opening of a database this is; does not change while somebody reads.
    #[must_use]
    pub fn opening(&self) -> u64 {
        self.opening.load(Ordering::SeqCst)
    }

    /// Whether there is anything to read here.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.image.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Changes the database in one durable transaction.
    ///
    /// # Errors
    /// What `change` answers, or that the change could not be made durable.
    pub async fn write<T, F>(&self, change: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, ApiError> + Send + 'static,
    {
        let slot = Arc::new(Mutex::new(None));
        let place = slot.clone();
        let work: Work = Box::new(move |tx| {
            // What breaks off must not take the others of its group along.
            let changed = catch_unwind(AssertUnwindSafe(|| change(tx)));
            let value = changed.map_err(|_| ApiError::internal("a transaction broke off"))??;
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            Ok(())
        });
        let (done, ended) = oneshot::channel();
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() >= WRITES_WAITING_MAX {
                return Err(ApiError::new(codes::TOO_BUSY, Vec::new()));
            }
            waiting.push_back(Job { since: Instant::now(), number, work, done });
        }
        // Goes on when the caller hangs up. Each change has one, so none is left behind.
        tokio::spawn(self.clone().commit_waiting());
        self.outcome(number, ended).await?;
        let value = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or_else(|| ApiError::internal("a transaction without a value"))
    }

    /// Waits for the end of a change. One that the store has not begun within the time is taken
    /// back; one that it is writing is waited for, as nobody knows what becomes of it.
    async fn outcome(
        &self,
        number: u64,
        mut ended: oneshot::Receiver<Result<(), ApiError>>,
    ) -> Result<(), ApiError> {
        if let Ok(ended) = tokio::time::timeout(BEGIN_MAX, &mut ended).await {
            return ended.map_err(|_| closed())?;
        }
        let taken_back = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let at = waiting.iter().position(|job| job.number == number);
            at.and_then(|at| waiting.remove(at)).is_some()
        };
        if taken_back {
            let text = format!("the storage did not answer within {BEGIN_MAX:?}");
            return Err(ApiError::with(codes::DATABASE_WRITE_FAILED, &[&text]));
        }
        ended.await.map_err(|_| closed())?
    }

    /// Makes all changes that wait durable, with one write of the store; none, when somebody else
    /// has done so meanwhile.
    async fn commit_waiting(self) {
        let guard = self.lock_present().await;
        let jobs: Vec<Job> = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let count = waiting.len().min(GROUP_MAX);
            waiting.drain(..count).collect()
        };
        if jobs.is_empty() {
            return;
        }
        let (works, waiters): (Vec<Work>, Vec<_>) =
            jobs.into_iter().map(|job| (job.work, job.done)).unzip();
        let begun = Some(Instant::now());
        *self.committing.lock().unwrap_or_else(PoisonError::into_inner) = begun;
        let done = self.on_thread(guard, move |database| Ok(database.transact_all(works))).await;
        *self.committing.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let results = match done {
            Ok(results) => results,
            Err(error) => waiters.iter().map(|_| Err(error.clone())).collect(),
        };
        for (waiter, result) in waiters.into_iter().zip(results) {
            // Who asked may have gone.
            let _unheard = waiter.send(result);
        }
    }

    /// The database once it is here, and nobody else works on it. It may be gone all the same.
    async fn lock_present(&self) -> OwnedMutexGuard<Option<Database>> {
        if !self.is_open() {
            self.arrival().await;
        }
        let guard = self.database.clone().lock_owned().await;
        if guard.is_some() {
            return guard;
        }
        // It left while this one stood in line.
        drop(guard);
        self.arrival().await;
        self.database.clone().lock_owned().await
    }

    /// Works on the whole database, off the threads of the runtime.
    ///
    /// # Errors
    /// What `work` answers, or that this host does not hold the database.
    pub async fn with_mut<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, ApiError> + Send + 'static,
    {
        let guard = self.lock_present().await;
        self.on_thread(guard, work).await
    }

    /// Works on the database off the threads of the runtime, and shows readers what came of it.
    async fn on_thread<T, F>(
        &self,
        mut guard: OwnedMutexGuard<Option<Database>>,
        work: F,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, ApiError> + Send + 'static,
    {
        let image = self.image.clone();
        let (result, generation) = tokio::task::spawn_blocking(move || {
            let Some(database) = guard.as_mut() else { return (Err(closed()), None) };
            let result = work(database);
            let mut image = image.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(image) = image.as_mut() {
                image.follow(database);
            }
            (result, Some(database.generation()))
        })
        .await
        .map_err(|error| ApiError::internal(error.to_string()))?;
        if let Some(generation) = generation {
            self.generation.send_if_modified(|now| {
                let changed = *now != generation;
                *now = generation;
                changed
            });
        }
        result
    }
}

fn closed() -> ApiError {
    ApiError::new(codes::HOST_STILL_BOOTING, Vec::new())
}

#[cfg(test)]
mod tests;
