//! Whether the storage of this host answers, as reports tell.
//!
//! Owns: what was last seen of each repository. Each is tried on a thread of its own: one that never answers
//! keeps its thread, and nobody waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use haven_drivers::storage::SrSpec;
use uuid::Uuid;

use super::execute::Agent;
use crate::orders::StorageSight;

/// A try that has no answer for so long is one that failed.
const ANSWER_MAX: Duration = Duration::from_secs(8);
/// Repositories that are tried at the same time.
const TRIES_MAX: usize = 64;

/// What was seen. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    state: Arc<Mutex<BTreeMap<Uuid, Seen>>>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    /// Why the last try failed, once one has ended.
    last: Option<Result<(), String>>,
    /// Since when one is under way.
    away: Option<Instant>,
    /// This host could prove to have let go of it, when it was tried last.
    lets_go: bool,
}

impl Seen {
    fn fault(&self) -> Option<String> {
        if self.away.is_some_and(|since| since.elapsed() > ANSWER_MAX) {
            return Some(format!("it has not answered for {} s", ANSWER_MAX.as_secs()));
        }
        self.last.clone().and_then(Result::err)
    }
}

impl Health {
    fn state(&self) -> MutexGuard<'_, BTreeMap<Uuid, Seen>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a try; nobody has one under way.
    fn begin(&self, sr: Uuid) -> bool {
        let mut state = self.state();
        let busy = state.values().filter(|seen| seen.away.is_some()).count() >= TRIES_MAX;
        let seen = state.entry(sr).or_default();
        if busy || seen.away.is_some() {
            return false;
        }
        seen.away = Some(Instant::now());
        true
    }

    fn end(&self, sr: Uuid, result: Result<(), String>) {
        if let Some(seen) = self.state().get_mut(&sr) {
            (seen.away, seen.last) = (None, Some(result));
        }
    }

    /// Repositories that do not answer though they are attached.
    pub(super) fn silent(&self) -> Vec<Uuid> {
        let state = self.state();
        state.iter().filter(|(_, seen)| seen.fault().is_some()).map(|(sr, _)| *sr).collect()
    }

    fn note_proof(&self, sr: Uuid, lets_go: bool) {
        if let Some(seen) = self.state().get_mut(&sr) {
            seen.lets_go = lets_go;
        }
    }

    fn lets_go(&self, sr: Uuid) -> bool {
        self.state().get(&sr).is_some_and(|seen| seen.lets_go)
    }

    /// What is attached no more is forgotten, once nobody tries it.
    fn only(&self, srs: &BTreeSet<Uuid>) {
        self.state().retain(|sr, seen| srs.contains(sr) || seen.away.is_some());
    }

    fn fault(&self, sr: Uuid) -> Option<String> {
        self.state().get(&sr).and_then(Seen::fault)
    }
}

impl Agent {
    /// How the repositories stand that this host is to have; begins to try those that are attached.
    pub(super) fn storage_health(&self) -> Vec<StorageSight> {
        let wanted = self.parts.identity.pool().map(|pool| pool.storage).unwrap_or_default();
        let faults: BTreeMap<Uuid, String> = self.attached.faults().into_iter().collect();
        self.health.only(&wanted.iter().map(|sr| sr.uuid).collect());
        let mut all = Vec::new();
        for sr in wanted {
            let attached = self.attached.path(sr.uuid).is_some();
            let fault = match attached {
                true => self.health.fault(sr.uuid),
                false => {
                    let known = faults.get(&sr.uuid).cloned();
                    Some(known.unwrap_or_else(|| "it is not attached yet".to_owned()))
                }
            };
            let lets_go = self.health.lets_go(sr.uuid);
            all.push(StorageSight { sr: sr.uuid, fault, lets_go });
            if attached {
                self.try_storage(sr);
            }
        }
        all
    }

    fn try_storage(&self, sr: SrSpec) {
        let uuid = sr.uuid;
        if !self.health.begin(uuid) {
            return;
        }
        let (health, storage) = (self.health.clone(), self.parts.storage.clone());
        let work = move || {
            let driver = storage.driver(&sr.kind);
            let proof = driver.as_ref().map(|driver| driver.lets_go(&sr));
            health.note_proof(uuid, matches!(proof, Ok(Ok(()))));
            let space = driver.and_then(|driver| driver.space(&sr));
            health.end(uuid, space.map(drop).map_err(|error| error.to_string()));
        };
        let thread = std::thread::Builder::new().name("storage-health".to_owned());
        if let Err(error) = thread.spawn(work) {
            tracing::warn!(%error, "no thread to try storage");
            self.health.end(uuid, Ok(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_that_hangs_is_one_and_counts_as_failed_after_a_while() {
        let (health, sr) = (Health::default(), Uuid::from_u128(1));
        assert!(health.begin(sr));
        assert!(!health.begin(sr), "one at a time");
        assert_eq!(health.fault(sr), None, "nobody knows yet");
        let long_ago = Instant::now().checked_sub(ANSWER_MAX + Duration::from_secs(1));
        if let Some(seen) = health.state().get_mut(&sr) {
            seen.away = long_ago;
        }
        assert!(health.fault(sr).is_some_and(|text| text.contains("8 s")));
        assert_eq!(health.silent(), [sr], "guests on it stand still for that");
        health.only(&BTreeSet::new());
        health.end(sr, Err("stale handle".to_owned()));
        assert_eq!(health.fault(sr).as_deref(), Some("stale handle"));
        assert!(health.begin(sr));
        health.end(sr, Ok(()));
        assert_eq!((health.fault(sr), health.silent()), (None, Vec::new()));
        health.only(&BTreeSet::new());
        assert!(health.state().is_empty());
    }

    #[test]
    fn no_more_than_some_are_tried_at_once() {
        let health = Health::default();
        let began = (0..100).filter(|n| health.begin(Uuid::from_u128(*n))).count();
        assert_eq!(began, TRIES_MAX);
    }
}
