//! Events: one connection that is watched and re-opened, and the subscribers.
//!
//! Owns: the subscribers' bounded queues, and the statistics of the jobs that ended last.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use uuid::Uuid;
use virt::sys;

use super::ffi::{self, Connection, EventSink, JobStats};
use crate::hypervisor::fanout::Fanout;
use crate::hypervisor::{CRASHED, DomainState, HypervisorError, HypervisorEvent, REBOOTED};

/// Finished jobs whose statistics are kept until somebody asks.
const FINISHED_JOBS_MAX: usize = 64;
/// How often the event connection is looked at and overflown subscribers are retried.
const TICK_MS: u64 = 500;
/// Pause between attempts to connect.
const RECONNECT_PAUSE_MS: u64 = 250;

/// The subscribers, and the statistics of jobs.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    pub(crate) fanout: Fanout,
    finished: Mutex<VecDeque<(Uuid, JobStats)>>,
    job_done: Condvar,
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(Uuid, JobStats)>> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the statistics of earlier jobs of a domain.
    pub(crate) fn forget_job(&self, vm: Uuid) {
        self.lock().retain(|(of, _)| *of != vm);
    }

    /// Statistics of the domain's job that ended, waiting for them if need be.
    pub(crate) fn finished_job(&self, vm: Uuid, wait: Duration) -> Option<JobStats> {
        let until = Instant::now() + wait;
        let mut finished = self.lock();
        loop {
            if let Some((_, stats)) = finished.iter().rev().find(|(of, _)| *of == vm) {
                return Some(*stats);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let wait = self.job_done.wait_timeout(finished, left);
            finished = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn job_finished(&self, vm: Uuid, stats: JobStats) {
        let mut finished = self.lock();
        while finished.len() >= FINISHED_JOBS_MAX {
            finished.pop_front();
        }
        finished.push_back((vm, stats));
        drop(finished);
        self.job_done.notify_all();
    }
}

/// What libvirt calls; lives as long as one event connection.
struct Sink {
    hub: Weak<Hub>,
    closed: SyncSender<i32>,
}

impl EventSink for Sink {
    fn lifecycle(&self, vm: Uuid, event: i32, detail: i32) {
        if let (Some(hub), Some((state, detail))) = (self.hub.upgrade(), lifecycle(event, detail)) {
            hub.fanout.publish(&HypervisorEvent::Lifecycle {
                vm,
                state,
                detail: detail.to_owned(),
            });
        }
    }

    fn job_completed(&self, vm: Uuid, stats: JobStats) {
        if let Some(hub) = self.hub.upgrade() {
            hub.job_finished(vm, stats);
        }
    }

    fn rebooted(&self, vm: Uuid) {
        let (state, detail) = (Some(DomainState::Running), REBOOTED.to_owned());
        if let Some(hub) = self.hub.upgrade() {
            hub.fanout.publish(&HypervisorEvent::Lifecycle { vm, state, detail });
        }
    }

    fn watchdog(&self, vm: Uuid, action: i32) {
        let detail = format!("the guest's watchdog fired (action {action})");
        let state = Some(DomainState::Running);
        if let Some(hub) = self.hub.upgrade() {
            hub.fanout.publish(&HypervisorEvent::Lifecycle { vm, state, detail });
        }
    }

    fn closed(&self, reason: i32) {
        // Full: the watcher has been told already.
        let _ = self.closed.try_send(reason);
    }
}

/// A libvirt lifecycle event as state and words. `None`: nothing that concerns us.
fn lifecycle(event: i32, detail: i32) -> Option<(Option<DomainState>, &'static str)> {
    let detail = u32::try_from(detail).ok()?;
    Some(match u32::try_from(event).ok()? {
        sys::VIR_DOMAIN_EVENT_STARTED if detail == sys::VIR_DOMAIN_EVENT_STARTED_MIGRATED => {
            (Some(DomainState::Incoming), "migration arrives")
        }
        sys::VIR_DOMAIN_EVENT_STARTED => (Some(DomainState::Running), "started"),
        sys::VIR_DOMAIN_EVENT_RESUMED => {
            let words = match detail {
                sys::VIR_DOMAIN_EVENT_RESUMED_MIGRATED => "migration done",
                _ => "continued",
            };
            (Some(DomainState::Running), words)
        }
        sys::VIR_DOMAIN_EVENT_SUSPENDED => {
            let words = match detail {
                sys::VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED => "paused for migration",
                sys::VIR_DOMAIN_EVENT_SUSPENDED_IOERROR => "paused by an I/O error",
                sys::VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG => "paused by its watchdog",
                _ => "paused",
            };
            (Some(DomainState::Paused), words)
        }
        sys::VIR_DOMAIN_EVENT_SHUTDOWN => {
            let words = match detail {
                sys::VIR_DOMAIN_EVENT_SHUTDOWN_GUEST => "shutdown by guest",
                _ => "shutting down",
            };
            (Some(DomainState::ShuttingDown), words)
        }
        sys::VIR_DOMAIN_EVENT_STOPPED => (
            None,
            match detail {
                sys::VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN => "shut down",
                sys::VIR_DOMAIN_EVENT_STOPPED_DESTROYED => "destroyed",
                sys::VIR_DOMAIN_EVENT_STOPPED_CRASHED => CRASHED,
                sys::VIR_DOMAIN_EVENT_STOPPED_MIGRATED => "migrated away",
                sys::VIR_DOMAIN_EVENT_STOPPED_SAVED => "suspended to disk",
                sys::VIR_DOMAIN_EVENT_STOPPED_FAILED => "failed",
                _ => "stopped",
            },
        ),
        sys::VIR_DOMAIN_EVENT_CRASHED => (Some(DomainState::Crashed), "guest panicked"),
        _ => return None,
    })
}

/// Starts the thread that keeps an event connection open as long as `hub` is used elsewhere.
pub(crate) fn watch(uri: String, hub: &Arc<Hub>, keepalive: (i32, u32)) -> Result<(), String> {
    ffi::start_event_loop()?;
    let hub = Arc::downgrade(hub);
    std::thread::Builder::new()
        .name("libvirt-watch".into())
        .spawn(move || watch_loop(&uri, &hub, keepalive))
        .map(|_| ())
        .map_err(|e| e.to_string())
}

fn watch_loop(uri: &str, hub: &Weak<Hub>, keepalive: (i32, u32)) {
    let mut lost = false;
    while let Some(strong) = hub.upgrade() {
        let (closed, wait_closed) = sync_channel(1);
        match open_events(uri, &strong, closed, keepalive) {
            Ok(connection) => {
                if lost {
                    strong.fanout.publish(&HypervisorEvent::ConnectionRestored);
                }
                drop(strong);
                stay(&connection, hub, &wait_closed);
                let done = std::thread::Builder::new().name("libvirt-close".into());
                // As in the lanes: closing may block, so it gets a thread.
                let _ = done.spawn(move || drop(connection));
                if let Some(strong) = hub.upgrade() {
                    strong.fanout.publish(&HypervisorEvent::ConnectionLost);
                }
                lost = true;
            }
            Err(error) => {
                if !lost {
                    tracing::warn!(%error, "no event connection to the hypervisor");
                    strong.fanout.publish(&HypervisorEvent::ConnectionLost);
                }
                lost = true;
                drop(strong);
            }
        }
        std::thread::sleep(Duration::from_millis(RECONNECT_PAUSE_MS));
    }
}

/// Returns when the connection is lost or nobody uses the hub any more.
fn stay(connection: &Connection, hub: &Weak<Hub>, closed: &Receiver<i32>) {
    loop {
        match closed.recv_timeout(Duration::from_millis(TICK_MS)) {
            Ok(_) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let Some(strong) = hub.upgrade() else { return };
        strong.fanout.retry_overflown();
        // A local look at the socket, no call.
        if !connection.get().is_alive().unwrap_or(false) {
            return;
        }
    }
}

fn open_events(
    uri: &str,
    hub: &Arc<Hub>,
    closed: SyncSender<i32>,
    keepalive: (i32, u32),
) -> Result<Connection, HypervisorError> {
    // May hang on a frozen daemon: then this thread waits, and nobody waits for it.
    let open = || -> Result<Connection, virt::error::Error> {
        let connection = Connection::open(uri)?;
        // Not all drivers have keepalive; those are not remote.
        let _ = connection.get().set_keep_alive(keepalive.0, keepalive.1);
        let sink: Arc<dyn EventSink> = Arc::new(Sink { hub: Arc::downgrade(hub), closed });
        ffi::subscribe(&connection, &sink)?;
        Ok(connection)
    };
    open().map_err(|e| HypervisorError::Disconnected(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_a_job_are_found_once_it_ended() {
        let hub = Hub::default();
        let vm = Uuid::from_u128(1);
        assert!(hub.finished_job(vm, Duration::from_millis(1)).is_none());
        hub.job_finished(vm, JobStats { downtime_ms: 42, ..JobStats::default() });
        assert_eq!(hub.finished_job(vm, Duration::ZERO).unwrap().downtime_ms, 42);
        hub.forget_job(vm);
        assert!(hub.finished_job(vm, Duration::ZERO).is_none());
    }

    #[test]
    fn an_arriving_migration_is_not_running_yet() {
        let started = sys::VIR_DOMAIN_EVENT_STARTED as i32;
        let migrated = sys::VIR_DOMAIN_EVENT_STARTED_MIGRATED as i32;
        assert_eq!(lifecycle(started, migrated).unwrap().0, Some(DomainState::Incoming));
        assert_eq!(lifecycle(started, 0).unwrap().0, Some(DomainState::Running));
    }
}
