//! Calls of one session take turns, so that a client with many connections gets no more of the
//! server than one with a few.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// Calls of one session that are worked on at a time; the others of it wait.
const WORKING_MAX: usize = 2;
/// Calls of one session that may wait; more are refused at once.
const WAITING_MAX: usize = 256;

/// The turns of a session. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Turns {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            working: Arc::new(Semaphore::new(WORKING_MAX)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }
}

/// A turn; over when dropped.
#[derive(Debug)]
pub struct Turn {
    _working: OwnedSemaphorePermit,
}

impl Turns {
    /// Waits for a turn; `None`: too many of the same session wait already.
    pub async fn take(&self) -> Option<Turn> {
        let _place = match self.waiting.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => return None,
        };
        let working = self.working.clone().acquire_owned().await.ok()?;
        Some(Turn { _working: working })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_has_two_turns_at_a_time_and_a_bounded_queue() {
        let turns = Turns::default();
        let first = turns.take().await.unwrap();
        let _second = turns.take().await.unwrap();
        let mut queue = Vec::new();
        for _ in 0..WAITING_MAX {
            let turns = turns.clone();
            queue.push(tokio::spawn(async move { turns.take().await.is_some() }));
        }
        while turns.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(turns.take().await.is_none(), "the queue is full");
        drop(first);
        assert!(queue.remove(0).await.unwrap());
        for waiter in queue {
            assert!(waiter.await.unwrap());
        }
    }
}
