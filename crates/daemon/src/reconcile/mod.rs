//! Keeps the database true to what runs.
//!
//! Owns: the last report of each host. Level-triggered: each report says all that runs on its
//! host, and what the database says otherwise is corrected, unless an operation is about to do
//! so itself. A VM that is absent from a report is asked for once more before it counts as
//! halted, because the report may be older than its start.

mod apply;
pub mod guests;
mod hosts;
mod stuck;
pub mod unknown;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use haven_cluster::Invariant;
use haven_failover::storage::Word;
use haven_model::{Host, Ref, Vm, codes};
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::Config;
use crate::ops::{message, motion};
use crate::orders::Report;
use crate::recovery;
use crate::state::AppState;

pub use apply::look_for_drives;
pub use hosts::{ask, ask_all, tell_members};

/// How often silent hosts are looked for.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How often moves of disks are looked for that nobody works on any more.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Reports that a host may miss before it counts as silent.
const MISSED_MAX: u32 = 3;
/// A copy of a host that has not reported for so long is gone.
const TWIN_GONE: Duration = Duration::from_secs(60);
/// What a member's guard complains of is told when it has lasted so long: this host's own guard may be about to
/// say the same.
const COMPLAINT_LASTS: Duration = Duration::from_secs(3);
/// A host is not silent before this time.
const SILENT_MIN: Duration = Duration::from_secs(15);

/// Sentences of a guard: since when, and whether somebody was told.
type Complaints = BTreeMap<String, (Instant, bool)>;

/// When each host was last heard, and what is still to be taken in.
#[derive(Debug, Default)]
pub struct Reports {
    heard: Mutex<BTreeMap<Uuid, Instant>>,
    /// Hosts whose report is being taken in, with the newest one that came meanwhile.
    waiting: Mutex<BTreeMap<Uuid, Option<Report>>>,
    /// Guests that the database does not know.
    pub unknown: unknown::Unknown,
    /// Hosts that have not heard of a change of the pool.
    untold: Mutex<BTreeSet<Uuid>>,
    /// Who tells each host at the moment.
    turns: Mutex<BTreeMap<Uuid, Arc<tokio::sync::Mutex<()>>>>,
    /// Hosts that reported and could not be asked.
    unasked: Mutex<BTreeSet<Uuid>>,
    /// Hosts that are off, as a person said, and that were not heard since.
    off: Mutex<BTreeSet<Uuid>>,
    /// Moves that were left open are being ended.
    sweeping: AtomicBool,
    /// When a copy of a host last said that it is one.
    twins: Mutex<BTreeMap<Uuid, Instant>>,
    /// Promises that a host said are broken.
    broken: Mutex<BTreeSet<(Uuid, Invariant)>>,
    /// What the guard of each host complains of.
    alarms: Mutex<BTreeMap<Uuid, Complaints>>,
    /// What each host said last of storage, and when.
    storage: Mutex<BTreeMap<Uuid, (Instant, Word)>>,
    /// Machines that the failover manager is ending.
    ending: Mutex<BTreeSet<Uuid>>,
    /// VMs that each host runs, as it said last.
    seen: Mutex<BTreeMap<Ref<Host>, BTreeSet<Ref<Vm>>>>,
}

impl Reports {
    fn hear(&self, host: Uuid) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(host, Instant::now());
        self.off.lock().unwrap_or_else(PoisonError::into_inner).remove(&host);
    }

    /// A host's report was followed by a question that reached it, or did not. Whether it could not
    /// be asked before either: a host that has just begun, or is about to go, is that only once.
    fn cannot_ask(&self, host: Uuid, unasked: bool) -> bool {
        let mut hosts = self.unasked.lock().unwrap_or_else(PoisonError::into_inner);
        if unasked { !hosts.insert(host) } else { hosts.remove(&host) }
    }

    /// A host is to hear who is in the pool: it is told when it reports, until it is known to have
    /// heard.
    pub fn owe(&self, host: Uuid, owed: bool) {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        match owed {
            true => untold.insert(host),
            false => untold.remove(&host),
        };
    }

    /// Whoever tells a host who is in the pool waits for whoever does already: of two lists on their way
    /// the older one could arrive last.
    async fn turn(&self, host: Uuid) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.entry(host).or_default().clone()
        };
        turn.lock_owned().await
    }

    /// A person says that a host is off. Forgotten with this process, and when the host reports.
    pub fn declare_off(&self, host: Uuid) {
        self.off.lock().unwrap_or_else(PoisonError::into_inner).insert(host);
    }

    /// Whether a person said that it is off.
    #[must_use]
    pub fn is_declared_off(&self, host: Uuid) -> bool {
        self.off.lock().unwrap_or_else(PoisonError::into_inner).contains(&host)
    }

    /// A copy of this host reported. Whether that is news.
    fn twin(&self, host: Uuid) -> bool {
        let mut twins = self.twins.lock().unwrap_or_else(PoisonError::into_inner);
        let before = twins.insert(host, Instant::now());
        before.is_none_or(|at| at.elapsed() > TWIN_GONE)
    }

    /// Hosts of which a copy stands by.
    #[must_use]
    pub fn twins(&self) -> Vec<Uuid> {
        let twins = self.twins.lock().unwrap_or_else(PoisonError::into_inner);
        let near = twins.iter().filter(|(_, at)| at.elapsed() <= TWIN_GONE);
        near.map(|(host, _)| *host).collect()
    }

    /// A host saw this broken. Whether that is news.
    fn breaks(&self, host: Uuid, promise: Invariant) -> bool {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.insert((host, promise))
    }

    /// What the guard of a host complains of now. What of it has lasted, and is news.
    fn complains(&self, host: Uuid, alarms: &BTreeSet<String>) -> Vec<String> {
        let mut known = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(host).or_default();
        known.retain(|alarm, _| alarms.contains(alarm));
        let mut news = Vec::new();
        for alarm in alarms {
            let (since, told) = known.entry(alarm.clone()).or_insert((Instant::now(), false));
            if !*told && since.elapsed() >= COMPLAINT_LASTS {
                *told = true;
                news.push(alarm.clone());
            }
        }
        news
    }

    fn hear_of_storage(&self, report: &Report) {
        // Whoever could not ask its hypervisor does not know what is left of what.
        let Some(inventory) = &report.inventory else { return };
        let storage = report.storage.iter().map(|sight| (sight.sr, sight.fault.is_none()));
        let lets_go = report.storage.iter().filter(|sight| sight.lets_go).map(|sight| sight.sr);
        let word = Word {
            storage: storage.collect(),
            ending: inventory.ending.clone(),
            lets_go: lets_go.collect(),
        };
        let mut said = self.storage.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(report.host.0, (Instant::now(), word));
    }

    /// What hosts say of storage that were heard within `limit`.
    #[must_use]
    pub fn storage(&self, limit: Duration) -> BTreeMap<Uuid, Word> {
        let said = self.storage.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = said.iter().filter(|(_, (at, _))| at.elapsed() <= limit);
        fresh.map(|(host, (_, word))| (*host, word.clone())).collect()
    }

    /// Machines that the failover manager is ending: their end is its business.
    pub fn set_ending(&self, vms: BTreeSet<Uuid>) {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = vms;
    }

    fn is_ending(&self, vm: Uuid) -> bool {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).contains(&vm)
    }

    fn sees(&self, host: Ref<Host>, vms: BTreeSet<Ref<Vm>>) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(host, vms);
    }

    /// Whether a host, if its word counts, said last that it runs a VM.
    fn is_seen(&self, vm: Ref<Vm>, counts: impl Fn(Ref<Host>) -> bool) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().any(|(host, vms)| vms.contains(&vm) && counts(*host))
    }

    fn is_owed(&self, host: Uuid) -> bool {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner).contains(&host)
    }

    /// The report to take in now, unless one of the same host is being taken in.
    fn enter(&self, report: Report) -> Option<Report> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.get_mut(&report.host.0) {
            Some(next) => {
                let before = next.take().map(|earlier| earlier.events).unwrap_or_default();
                *next = Some(report.after(before));
                None
            }
            None => {
                waiting.insert(report.host.0, None);
                Some(report)
            }
        }
    }

    /// The next report of a host after one was taken in.
    fn leave(&self, host: Uuid) -> Option<Report> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let next = waiting.get_mut(&host).and_then(Option::take);
        if next.is_none() {
            waiting.remove(&host);
        }
        next
    }

    /// Whether a host was heard lately. One that was never heard counts from the first question.
    pub(crate) fn is_silent(&self, host: Uuid, limit: Duration) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.entry(host).or_insert_with(Instant::now).elapsed() > limit
    }
}

/// A host that has not reported for so long is silent.
pub(crate) fn silent_after(config: &Config) -> Duration {
    (config.report_interval() * MISSED_MAX).max(SILENT_MIN)
}

/// Takes reports until `stop`.
pub async fn run(
    state: Arc<AppState>,
    mut reports: mpsc::Receiver<Report>,
    stop: CancellationToken,
) {
    let limit = silent_after(&state.config);
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    let mut sweeps = tokio::time::interval(SWEEP_INTERVAL);
    sweeps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            report = reports.recv() => match report {
                Some(report) => enter(&state, report),
                None => return,
            },
            _ = sweeps.tick() => sweep(&state),
            _ = looks.tick() => hosts::find_silent(&state, limit).await,
        }
    }
}

/// Ends moves that were left open, one sweep at a time: a host that hangs may hold one up.
fn sweep(state: &Arc<AppState>) {
    if !state.may_act() || state.reports.sweeping.swap(true, Ordering::SeqCst) {
        return;
    }
    let state = state.clone();
    tokio::spawn(async move {
        motion::sweep(state.clone()).await;
        state.reports.sweeping.store(false, Ordering::SeqCst);
    });
}

/// Takes a report in beside those of other hosts: questions to one that hangs must not keep the
/// others waiting. Of one host only the newest report that waits is kept: it says all.
fn enter(state: &Arc<AppState>, report: Report) {
    let host = report.host.0;
    if report.twin {
        // Neither of the two machines hides what the other one says.
        let state = state.clone();
        tokio::spawn(async move { take(&state, report).await });
        return;
    }
    let Some(first) = state.reports.enter(report) else { return };
    let state = state.clone();
    tokio::spawn(async move {
        let mut next = Some(first);
        while let Some(report) = next {
            take(&state, report).await;
            next = state.reports.leave(host);
        }
    });
}

async fn take(state: &Arc<AppState>, report: Report) {
    let member = state
        .identity
        .pool()
        .is_some_and(|pool| pool.pool == report.pool && pool.member(report.host).is_some());
    if !member || !state.may_act() {
        return;
    }
    if report.twin {
        return twin(state, report.host.0).await;
    }
    broken(state, &report).await;
    complaints(state, &report).await;
    state.reports.hear_of_storage(&report);
    state.reports.hear(report.host.0);
    let host = Ref::from_uuid(report.host.0);
    if let Err(error) = hosts::heard(state, host).await {
        tracing::warn!(%error, %host, "a report could not be written down");
    }
    let crashed = report.crashed();
    let Some(inventory) = report.inventory else { return };
    if let Err(error) = apply::inventory(state, host, *inventory, crashed).await {
        let unasked = error.code == codes::CANNOT_CONTACT_HOST;
        if error.code == codes::STALE_EPOCH {
            // A question went out, and an epoch was decided before it arrived.
            tracing::info!(%host, "the membership has changed; the next report counts");
        } else if unasked && !state.reports.cannot_ask(report.host.0, true) {
            tracing::info!(%host, "a host that reported cannot be asked; its next report counts");
        } else {
            tracing::warn!(%error, %host, "an inventory could not be written down");
        }
        return;
    }
    state.reports.cannot_ask(report.host.0, false);
    if let Err(error) = recovery::heard(state, &[report.host.0]).await {
        tracing::warn!(%error, %host, "a host's word after a recovery could not be written down");
    }
}

/// A machine says that it is a copy of a member, or the other way round: it is no word of the member.
async fn twin(state: &Arc<AppState>, host: Uuid) {
    if !state.reports.twin(host) {
        return;
    }
    let uuid = host.to_string();
    let name = state.pool.read(move |db| name_of(db, host)).await.unwrap_or_else(|_| uuid.clone());
    let (alert, text, data) = crate::ha::twin_of(&name);
    tracing::error!(%host, name, "another machine has this host's name: its disk was copied");
    let about = (haven_model::MessageClass::Host, uuid);
    message::raise(state, alert, about, message::body(&text, &data)).await;
}

/// A member saw what must never happen: a person is told once in the life of this daemon. What this host's own
/// guard says, the failover manager tells.
async fn broken(state: &Arc<AppState>, report: &Report) {
    let host = report.host.0;
    let known = report.broken.iter().filter_map(|name| name.parse::<Invariant>().ok());
    for promise in known.filter(|_| report.host != state.identity.host()) {
        if !state.reports.breaks(host, promise) {
            continue;
        }
        let uuid = host.to_string();
        let name = state.pool.read(move |db| name_of(db, host)).await;
        let name = name.unwrap_or_else(|_| uuid.clone());
        let (alert, text, data) = crate::ha::broken_on(&name, promise);
        tracing::error!(host = %uuid, invariant = promise.id(), "a promise is broken on {name}");
        let about = (haven_model::MessageClass::Host, uuid);
        message::raise(state, alert, about, message::body(&text, &data)).await;
    }
}

/// What a member's guard complains of and this host's does not reaches a person when it lasts.
async fn complaints(state: &Arc<AppState>, report: &Report) {
    let host = report.host.0;
    if report.host == state.identity.host() {
        return;
    }
    let said = crate::ha::of_member(state.ha.get(), &report.alarms);
    for sentence in state.reports.complains(host, &said) {
        let here = state.clone();
        let read = move |db: &haven_pooldb::Image| {
            crate::ha::said_on(db, here.ha.get(), &name_of(db, host), &sentence)
        };
        let Ok((alert, text, data)) = state.pool.read(read).await else { continue };
        let about = (haven_model::MessageClass::Host, host.to_string());
        message::raise(state, alert, about, message::body(&text, &data)).await;
    }
}

/// What a host is called.
pub(crate) fn name_of(db: &haven_pooldb::Image, host: Uuid) -> String {
    let row = db.get(Ref::<Host>::from_uuid(host));
    row.map_or_else(|| host.to_string(), |row| row.name_label.clone())
}

#[cfg(test)]
mod tests {
    use haven_cluster::ids::HostId;
    use haven_drivers::hypervisor::{CRASHED, HypervisorEvent};

    use super::*;

    fn report(host: u128, sequence: u64) -> Report {
        Report {
            pool: Uuid::nil(),
            host: HostId(Uuid::from_u128(host)),
            sequence,
            events: Vec::new(),
            inventory: None,
            storage_faults: Vec::new(),
            twin: false,
            broken: Vec::new(),
            alarms: Vec::new(),
            storage: Vec::new(),
        }
    }

    #[test]
    fn reports_of_one_host_are_taken_in_one_by_one_and_only_the_newest_waits() {
        let reports = Reports::default();
        assert!(reports.enter(report(1, 1)).is_some());
        let mut crash = report(1, 2);
        crash.events.push(HypervisorEvent::Lifecycle {
            vm: Uuid::nil(),
            state: None,
            detail: CRASHED.to_owned(),
        });
        assert!(reports.enter(crash).is_none());
        assert!(reports.enter(report(1, 3)).is_none());
        assert!(reports.enter(report(2, 1)).is_some(), "another host does not wait");
        let host = Uuid::from_u128(1);
        let next = reports.leave(host).unwrap();
        assert_eq!((next.sequence, next.crashed().len()), (3, 1), "what happened is not lost");
        assert_eq!(reports.leave(host), None);
        assert!(reports.enter(report(1, 4)).is_some());
    }

    /// The coordinator asked a host whose daemon had begun a moment before: no warning for that.
    #[test]
    fn a_host_that_cannot_be_asked_is_a_warning_the_second_time() {
        let reports = Reports::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert!(!reports.cannot_ask(one, true) && !reports.cannot_ask(other, true));
        assert!(reports.cannot_ask(one, true));
        reports.cannot_ask(one, false);
        assert!(!reports.cannot_ask(one, true) && reports.cannot_ask(other, true));
    }

    #[test]
    fn a_host_is_silent_only_after_the_limit() {
        let reports = Reports::default();
        assert!(!reports.is_silent(Uuid::nil(), Duration::from_secs(60)));
        reports.hear(Uuid::nil());
        assert!(!reports.is_silent(Uuid::nil(), Duration::from_secs(60)));
        assert!(reports.is_silent(Uuid::nil(), Duration::ZERO));
    }
}
