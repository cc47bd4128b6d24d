//! Blocking work by kind: one stalled kind does not stop another.
//!
//! Owns: the limits. A driver call that never returns keeps its place, so that stalled storage
//! can occupy its own lane but not the host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

use crate::orders::Refusal;

/// Longest wait for a place.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// The same for orders about guests: after a host failure many starts come at once.
const GUEST_WAIT_MAX: Duration = Duration::from_secs(120);
/// Storage repositories with a lane of their own.
const REPOSITORIES_MAX: usize = 256;

/// A kind of blocking work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Questions to the hypervisor.
    Ask,
    /// Starting; it waits for storage.
    Start,
    /// Stopping, pausing, rebooting.
    Vm,
    /// What can take very long: migrations, clean shutdowns, memory images.
    VmLong,
    /// Quick calls to one repository.
    Storage(Uuid),
    /// Copies within one repository.
    StorageBulk(Uuid),
    /// The host itself.
    Host,
    /// Power devices.
    Power,
    /// Pictures of screens: one at a time is enough for those who look.
    Screen,
}

/// Lanes of repositories; the flag tells those for copies.
type ByRepository = HashMap<(Uuid, bool), Arc<Semaphore>>;

/// Places per lane.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    ask: Arc<Semaphore>,
    start: Arc<Semaphore>,
    vm: Arc<Semaphore>,
    vm_long: Arc<Semaphore>,
    host: Arc<Semaphore>,
    power: Arc<Semaphore>,
    screen: Arc<Semaphore>,
    storage: Arc<Mutex<ByRepository>>,
    wait_max: Duration,
    guest_wait_max: Duration,
}

impl Default for Lanes {
    fn default() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            ask: places(8),
            start: places(16),
            vm: places(16),
            vm_long: places(64),
            host: places(4),
            power: places(8),
            screen: places(1),
            storage: Arc::default(),
            wait_max: WAIT_MAX,
            guest_wait_max: GUEST_WAIT_MAX,
        }
    }
}

impl Lanes {
    /// Waits for a place in `lane`, not for ever.
    pub(super) async fn enter(&self, lane: Lane) -> Result<OwnedSemaphorePermit, Refusal> {
        let semaphore = self.semaphore(lane)?;
        let wait = match lane {
            Lane::Start | Lane::Vm | Lane::VmLong => self.guest_wait_max,
            _ => self.wait_max,
        };
        match timeout(wait, semaphore.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Refusal::Busy(format!("too many calls of kind {lane:?} wait or hang"))),
        }
    }

    fn semaphore(&self, lane: Lane) -> Result<Arc<Semaphore>, Refusal> {
        let (sr, bulk, places) = match lane {
            Lane::Ask => return Ok(self.ask.clone()),
            Lane::Start => return Ok(self.start.clone()),
            Lane::Vm => return Ok(self.vm.clone()),
            Lane::VmLong => return Ok(self.vm_long.clone()),
            Lane::Host => return Ok(self.host.clone()),
            Lane::Power => return Ok(self.power.clone()),
            Lane::Screen => return Ok(self.screen.clone()),
            Lane::Storage(sr) => (sr, false, 4),
            Lane::StorageBulk(sr) => (sr, true, 2),
        };
        let mut storage = self.storage.lock().unwrap_or_else(PoisonError::into_inner);
        if storage.len() >= REPOSITORIES_MAX {
            // Only lanes that nobody uses may go.
            storage.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
            if storage.len() >= REPOSITORIES_MAX {
                return Err(Refusal::Busy("too many storage repositories hang".to_owned()));
            }
        }
        let lane = storage.entry((sr, bulk)).or_insert_with(|| Arc::new(Semaphore::new(places)));
        Ok(lane.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_lane_refuses_and_others_stay_open() {
        let lanes = Lanes { wait_max: Duration::from_millis(50), ..Lanes::default() };
        let stalled = Uuid::new_v4();
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(lanes.enter(Lane::Storage(stalled)).await.unwrap());
        }
        assert!(matches!(lanes.enter(Lane::Storage(stalled)).await, Err(Refusal::Busy(_))));
        assert!(lanes.enter(Lane::Storage(Uuid::new_v4())).await.is_ok());
        assert!(lanes.enter(Lane::Vm).await.is_ok());
        held.pop();
        assert!(lanes.enter(Lane::Storage(stalled)).await.is_ok());
    }
}
