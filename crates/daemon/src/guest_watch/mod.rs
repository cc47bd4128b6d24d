//! Watches guests for which somebody asked for it: one that hangs is reset, one that boots in a loop is left
//! alone, and one without an agent is reported.
//!
//! Owns: when the coordinator looks, what it remembers between two looks, and that what a guest has spent
//! of its budget is durable before it is reset. What follows from a look is `haven_failover::watch`, which
//! the simulator asks too. Never starts a VM, and resets none of which anything is doubtful: its place, its
//! host, its storage, or whether somebody works on it.

mod act;
mod look;
mod screens;
pub mod settings;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use haven_failover::watch::{Moment, Standing, Watch};
use haven_model::{Host, Ref, Vm, VmPowerState};
use haven_pooldb::Image;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::ha::wall_ms;
use crate::state::AppState;

pub use screens::kept as kept_screen;
pub(crate) use tell::left_alone;

/// Answers of hosts and ends of resets that may wait.
const NEWS_MAX: usize = 1024;
/// Reboots that were asked for since the last look.
const EXPECTED_MAX: usize = 4096;
/// Resets at the same moment, in the whole pool.
const RESETS_AT_ONCE: usize = 8;

/// Reboots that somebody asked for: they are none of the guest's own.
#[derive(Debug, Default)]
pub struct Expected {
    vms: Mutex<BTreeMap<Ref<Vm>, u64>>,
}

impl Expected {
    /// Somebody asks a guest to reboot.
    pub fn note(&self, vm: Ref<Vm>) {
        let mut vms = self.vms.lock().unwrap_or_else(PoisonError::into_inner);
        if vms.len() < EXPECTED_MAX || vms.contains_key(&vm) {
            *vms.entry(vm).or_default() += 1;
        }
    }

    fn take(&self) -> BTreeMap<Ref<Vm>, u64> {
        std::mem::take(&mut self.vms.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What reaches the watcher.
enum News {
    /// A host answered, or did not.
    Looked(Ref<Host>, look::Looked),
    /// A reset has come to its end; `false`: it was not done.
    Reset(Ref<Vm>, bool),
}

/// What the coordinator remembers of the guests that it watches.
struct Watcher {
    state: Arc<AppState>,
    began: Instant,
    watches: BTreeMap<Ref<Vm>, Watch>,
    /// Hosts whose answer is awaited.
    asked: BTreeSet<Ref<Host>>,
    /// VMs that are being reset.
    resetting: BTreeSet<Ref<Vm>>,
    news: mpsc::Sender<News>,
}

/// Watches for ever, wherever the coordinator is.
pub async fn run(state: Arc<AppState>) {
    let (news, mut arrived) = mpsc::channel(NEWS_MAX);
    let look = look_interval(&state);
    let mut watcher = Watcher {
        state,
        began: Instant::now(),
        watches: BTreeMap::new(),
        asked: BTreeSet::new(),
        resetting: BTreeSet::new(),
        news,
    };
    let mut ticks = tokio::time::interval(look);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => watcher.look().await,
            Some(news) = arrived.recv() => watcher.take(news).await,
        }
    }
}

/// How the guests stand that run and are protected or watched, for people.
#[must_use]
pub fn show(db: &Image) -> Json {
    let machines = db.iter::<Vm>().map(|(_, row)| row).filter(|row| {
        row.power_state == VmPowerState::Running && !row.is_a_template && !row.is_control_domain
    });
    let (mut watched, mut unwatched) = (0, 0);
    let (mut unmonitored, mut left_alone) = (Vec::new(), Vec::new());
    for row in machines {
        if settings::policy(row).is_none() {
            unwatched += usize::from(!row.ha_restart_priority.is_empty());
            continue;
        }
        watched += 1;
        match settings::record(row).standing {
            Standing::Watched => {}
            Standing::Unmonitored => unmonitored.push(row.name_label.clone()),
            Standing::LeftAlone => left_alone.push(row.name_label.clone()),
        }
    }
    json!({
        "watched": watched,
        "protected_unwatched": unwatched,
        "unmonitored": unmonitored,
        "left_alone": left_alone,
    })
}

/// How often the coordinator looks.
fn look_interval(state: &AppState) -> Duration {
    Duration::from_millis(state.config.settings.watch_interval_ms.max(1))
}

impl Watcher {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn moment(&self) -> Moment {
        Moment { now_ms: self.now_ms(), wall_ms: wall_ms() }
    }

    /// Asks each host about its guests that are watched, unless it still owes an answer.
    async fn look(&mut self) {
        if !self.state.may_act() || !self.state.pool.is_open() {
            // The next coordinator begins with what was durable.
            self.watches.clear();
            return;
        }
        let targets = self.state.pool.read(look::targets).await.unwrap_or_default();
        self.watches.retain(|vm, _| targets.iter().any(|target| target.vm == *vm));
        for (host, guests) in look::by_host(&targets) {
            if self.asked.insert(host) {
                let (state, news) = (self.state.clone(), self.news.clone());
                tokio::spawn(async move {
                    let looked = look::ask(&state, host, guests).await;
                    // A watcher that is gone ends with the daemon.
                    let _stopped: Result<(), _> = news.send(News::Looked(host, looked)).await;
                });
            }
        }
    }

    /// Takes in which reboots somebody asked for.
    fn expect(&mut self) {
        let now_ms = self.now_ms();
        for (vm, count) in self.state.expected.take() {
            if let Some(watch) = self.watches.get_mut(&vm) {
                watch.expect_reboots(now_ms, count);
            }
        }
    }

    async fn take(&mut self, news: News) {
        match news {
            News::Looked(host, looked) => {
                self.asked.remove(&host);
                if let Err(error) = self.judge(host, &looked).await {
                    tracing::warn!(%error, %host, "a look at its guests could not be written down");
                }
            }
            News::Reset(vm, done) => {
                self.resetting.remove(&vm);
                if !done {
                    // Its time begins anew; what it had spent was not written down.
                    self.watches.remove(&vm);
                }
            }
        }
    }
}
