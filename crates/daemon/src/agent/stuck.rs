//! Guests that a disk stopped, most often because its storage is full.
//!
//! The hypervisor stops such a guest at the write that failed and keeps the write. Nobody tells
//! when there is room again, so every such guest is let go on now and then: the write is repeated,
//! and the guest runs on or stops at the same place again. No other pause is touched.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use haven_drivers::hypervisor::DomainInfo;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::execute::Agent;
use super::lanes::Lane;

/// Time between two tries of one guest.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// After so long without a try a guest is forgotten.
const FORGET: Duration = Duration::from_secs(60);

/// When each guest was seen to be stuck, or was let go on, last.
#[derive(Clone, Debug, Default)]
pub(super) struct Stuck {
    tried: Arc<Mutex<BTreeMap<Uuid, Instant>>>,
}

impl Stuck {
    /// Those whose turn it is; they count as tried now. One that just stopped has its first turn
    /// later: its last one may have ended this very moment.
    fn due(&self, domains: &[DomainInfo], now: Instant) -> Vec<Uuid> {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.retain(|_, last| now.duration_since(*last) < FORGET);
        let mut due = Vec::new();
        for domain in domains.iter().filter(|domain| domain.disk_error) {
            let last = tried.entry(domain.uuid).or_insert(now);
            if now.duration_since(*last) >= TRY_AGAIN {
                *last = now;
                due.push(domain.uuid);
            }
        }
        due
    }
}

impl Agent {
    /// Lets guests go on that a disk stopped. Nobody waits for it.
    pub(super) fn go_on_with_stuck(&self, domains: &[DomainInfo]) {
        if self.parts.authority.armed().is_some_and(|armed| !armed.permit) {
            return;
        }
        for vm in self.stuck.due(domains, Instant::now()) {
            let (hypervisor, lanes) = (self.parts.hypervisor.clone(), self.lanes.clone());
            tokio::spawn(async move {
                let Ok(place) = lanes.enter(Lane::Vm).await else { return };
                let tried = spawn_blocking(move || {
                    let tried = hypervisor.unpause(vm);
                    drop(place);
                    tried
                });
                if let Ok(Err(error)) = tried.await {
                    tracing::debug!(%vm, %error, "a guest that a disk stopped does not go on");
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use haven_drivers::hypervisor::DomainState;

    use super::*;

    #[test]
    fn only_those_that_a_disk_stopped_have_a_turn_now_and_then() {
        let domain = |id: u128, disk_error| DomainInfo {
            uuid: Uuid::from_u128(id),
            state: DomainState::Paused,
            memory_bytes: 0,
            cpu_time_ns: 0,
            disk_error,
        };
        let (stuck, begun) = (Stuck::default(), Instant::now());
        let all = [domain(1, true), domain(2, false)];
        let due = |after: Duration| stuck.due(&all, begun + after);
        assert!(due(Duration::ZERO).is_empty(), "not at once");
        assert!(due(TRY_AGAIN / 2).is_empty());
        assert_eq!(due(TRY_AGAIN), [Uuid::from_u128(1)]);
        assert!(due(TRY_AGAIN).is_empty(), "once");
        assert_eq!(due(TRY_AGAIN * 2), [Uuid::from_u128(1)]);
        assert!(due(TRY_AGAIN * 2 + FORGET).is_empty(), "it stopped anew");
    }
}
