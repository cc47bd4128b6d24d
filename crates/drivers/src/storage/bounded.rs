//! Work on storage that may never return.
//!
//! Owns: the count of threads left behind per SR. A call returns at its deadline; its thread
//! stays behind until the storage answers. With too many left behind, calls for that SR are
//! refused at once; other SRs are not affected.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::StorageError;
use super::error::{TIMEOUT, error, timeout};

/// Threads that may be left behind for one SR.
const STUCK_MAX: usize = 8;

/// Runs work on threads that can be left behind.
#[derive(Clone, Debug, Default)]
pub struct Bounded {
    stuck: Arc<Mutex<BTreeMap<Uuid, usize>>>,
}

/// Who counts the call at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Abandoned,
    Done,
}

impl Bounded {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, usize>> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Threads left behind for an SR: above 0 its storage is stalled.
    #[must_use]
    pub fn stuck(&self, sr: Uuid) -> usize {
        self.lock().get(&sr).copied().unwrap_or(0)
    }

    /// Runs `work`; returns at the deadline at the latest.
    pub fn run<T: Send + 'static>(
        &self,
        sr: Uuid,
        what: &str,
        deadline: Duration,
        work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let stuck = self.stuck(sr);
        if stuck >= STUCK_MAX {
            let text = format!(
                "SR {sr} does not answer: {stuck} operations wait for it already; check the \
                 storage server and the storage network"
            );
            return Err(error(TIMEOUT, text));
        }
        let (sender, receiver) = sync_channel(1);
        let phase = Arc::new(Mutex::new(Phase::Running));
        let (shared, of_thread) = (self.clone(), Arc::clone(&phase));
        let spawned = std::thread::Builder::new().name("storage".into()).spawn(move || {
            let result = work();
            shared.finish(sr, &of_thread);
            let _ = sender.try_send(result);
        });
        if let Err(cause) = spawned {
            return Err(error(TIMEOUT, format!("{what}: no thread can be started: {cause}")));
        }
        match receiver.recv_timeout(deadline) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => {
                Err(error(TIMEOUT, format!("{what}: its thread ended without an answer")))
            }
            Err(RecvTimeoutError::Timeout) => {
                if self.abandon(sr, &phase) {
                    tracing::warn!(%sr, what, "an operation on storage is stuck");
                    return Err(timeout(sr, what, deadline));
                }
                receiver.recv().unwrap_or_else(|_| Err(timeout(sr, what, deadline)))
            }
        }
    }

    fn finish(&self, sr: Uuid, phase: &Mutex<Phase>) {
        let mut phase = phase.lock().unwrap_or_else(PoisonError::into_inner);
        if *phase == Phase::Abandoned {
            let mut stuck = self.lock();
            let left = stuck.get(&sr).copied().unwrap_or(0).saturating_sub(1);
            if left == 0 {
                stuck.remove(&sr);
            } else {
                stuck.insert(sr, left);
            }
        }
        *phase = Phase::Done;
    }

    /// `false`: it finished just now, its answer is on the way.
    fn abandon(&self, sr: Uuid, phase: &Mutex<Phase>) -> bool {
        let mut phase = phase.lock().unwrap_or_else(PoisonError::into_inner);
        if *phase == Phase::Done {
            return false;
        }
        *phase = Phase::Abandoned;
        *self.lock().entry(sr).or_insert(0) += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    #[test]
    fn stuck_work_is_left_behind_and_other_srs_go_on() {
        let bounded = Bounded::default();
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (release, stuck) = channel::<()>();
        let stuck = Arc::new(Mutex::new(stuck));
        for _ in 0..STUCK_MAX {
            let stuck = Arc::clone(&stuck);
            let got = bounded.run(a, "wait", Duration::from_millis(10), move || {
                let _ = stuck.lock().map(|s| s.recv());
                Ok(())
            });
            assert_eq!(got.unwrap_err().code, TIMEOUT);
        }
        assert_eq!(bounded.stuck(a), STUCK_MAX);
        let began = Instant::now();
        assert!(bounded.run(a, "next", Duration::from_secs(60), || Ok(())).is_err());
        assert!(began.elapsed() < Duration::from_secs(10), "must be refused at once");
        assert_eq!(bounded.run(b, "other", Duration::from_secs(60), || Ok(5)), Ok(5));
        drop(release);
        let until = Instant::now() + Duration::from_secs(10);
        while bounded.stuck(a) > 0 {
            assert!(Instant::now() < until, "threads that came back are still counted");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
