//! How far the disks are that move now, for people who watch: `GET /haven/disk-moves/now`.
//!
//! Owns: the last word of each host. Nothing of it is kept, and nothing is decided by it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use haven_drivers::hypervisor::CopyState;
use haven_model::{Ref, Vdi};
use serde_json::{Value as Json, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::Mark;

/// Disks that move, by the disk that they become.
#[derive(Debug, Default)]
pub struct MovingDisks {
    known: Mutex<BTreeMap<Ref<Vdi>, Now>>,
}

#[derive(Clone, Debug)]
struct Now {
    vm: Uuid,
    mark: Mark,
    done_bytes: u64,
    total_bytes: u64,
    bytes_s: u64,
    looked: Instant,
}

/// A move that is noted until this goes.
#[derive(Debug)]
pub struct Watched<'m> {
    moving: &'m MovingDisks,
    disk: Ref<Vdi>,
}

impl MovingDisks {
    /// The move of a machine's disk begins.
    pub fn watch(&self, mark: Mark, vm: Uuid) -> Watched<'_> {
        let now =
            Now { vm, mark, done_bytes: 0, total_bytes: 0, bytes_s: 0, looked: Instant::now() };
        self.lock().insert(mark.to, now);
        Watched { moving: self, disk: mark.to }
    }

    /// All of them, as clients read them.
    #[must_use]
    pub fn show(&self) -> Json {
        let told = |now: &Now| {
            json!({
                "vm": now.vm,
                "disk": now.mark.from.to_string(),
                "becomes": now.mark.to.to_string(),
                "done_bytes": now.done_bytes,
                "remaining_bytes": now.total_bytes.saturating_sub(now.done_bytes),
                "bytes_s": now.bytes_s,
            })
        };
        Json::Array(self.lock().values().map(told).collect())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Ref<Vdi>, Now>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched<'_> {
    /// What its host says now.
    pub fn note(&self, copy: &CopyState) {
        let mut known = self.moving.lock();
        let Some(now) = known.get_mut(&self.disk) else { return };
        let millis = now.looked.elapsed().as_millis().max(1);
        let more = u128::from(copy.done_bytes.saturating_sub(now.done_bytes));
        now.bytes_s = u64::try_from(more * 1000 / millis).unwrap_or(u64::MAX);
        (now.done_bytes, now.total_bytes) = (copy.done_bytes, copy.total_bytes);
        now.looked = Instant::now();
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.moving.lock().remove(&self.disk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_told_while_it_lasts() {
        let moving = MovingDisks::default();
        let mark = Mark {
            vbd: Ref::NULL,
            from: Ref::from_u128(1),
            to: Ref::from_u128(2),
            on: Ref::NULL,
            placement: 0,
            runs: true,
        };
        let watched = moving.watch(mark, Uuid::from_u128(7));
        let copy = CopyState { done_bytes: 3, total_bytes: 9, ..CopyState::default() };
        watched.note(&copy);
        let told = moving.show();
        assert_eq!((&told[0]["done_bytes"], &told[0]["remaining_bytes"]), (&json!(3), &json!(6)));
        drop(watched);
        assert_eq!(moving.show(), json!([]));
    }
}
