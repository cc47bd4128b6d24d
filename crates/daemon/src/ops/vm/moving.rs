//! How far the migrations are that run now, for people who watch: `GET /haven/migrations/now`.
//!
//! Owns: the last word of each source. Nothing of it is kept, and nothing is decided by it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use haven_drivers::hypervisor::MigrateProgress;
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// Migrations that run, by VM.
#[derive(Debug, Default)]
pub struct Moving {
    known: Mutex<BTreeMap<Uuid, MigrateProgress>>,
}

/// A migration that is noted until this goes.
#[derive(Debug)]
pub struct Watched<'m> {
    moving: &'m Moving,
    vm: Uuid,
}

impl Moving {
    /// The migration of a VM begins.
    pub fn watch(&self, vm: Uuid) -> Watched<'_> {
        self.lock().insert(vm, MigrateProgress::default());
        Watched { moving: self, vm }
    }

    /// All of them, as clients read them.
    #[must_use]
    pub fn show(&self) -> Json {
        let told = |(vm, now): (&Uuid, &MigrateProgress)| {
            json!({
                "vm": vm,
                "iteration": now.iteration,
                "sent_bytes": now.processed_bytes,
                "remaining_bytes": now.remaining_bytes,
                "transfer_bytes_s": now.transfer_bytes_s,
                "dirty_bytes_s": now.dirty_bytes_s,
                "pause_ms": now.pause_ms,
                "slowed_percent": now.slowed_percent,
            })
        };
        Json::Array(self.lock().iter().map(told).collect())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, MigrateProgress>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched<'_> {
    /// What its source says now.
    pub fn note(&self, progress: MigrateProgress) {
        self.moving.lock().insert(self.vm, progress);
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.moving.lock().remove(&self.vm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_told_while_it_runs() {
        let moving = Moving::default();
        let watched = moving.watch(Uuid::from_u128(7));
        watched.note(MigrateProgress { iteration: 3, dirty_bytes_s: 9, ..Default::default() });
        let told = moving.show();
        assert_eq!((&told[0]["iteration"], &told[0]["dirty_bytes_s"]), (&json!(3), &json!(9)));
        drop(watched);
        assert_eq!(moving.show(), json!([]));
    }
}
