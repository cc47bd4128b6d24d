//! How long a connection has had nothing to do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

#[derive(Debug)]
struct Uses {
    open: usize,
    last: Instant,
}

/// Counts the requests of one connection. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Idle {
    uses: Arc<Mutex<Uses>>,
    longest: Duration,
}

/// A request that is being answered.
pub(super) struct Used(Idle);

impl Idle {
    pub(super) fn new(longest: Duration) -> Self {
        Self { uses: Arc::new(Mutex::new(Uses { open: 0, last: Instant::now() })), longest }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins; it ends when this is dropped.
    pub(super) fn used(&self) -> Used {
        self.lock().open += 1;
        Used(self.clone())
    }

    /// Until the connection has been idle for too long.
    pub(super) async fn passed(&self) {
        loop {
            let until = {
                let uses = self.lock();
                let since = if uses.open > 0 { Instant::now() } else { uses.last };
                since + self.longest
            };
            if Instant::now() >= until {
                return;
            }
            sleep_until(until).await;
        }
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        let mut uses = self.0.lock();
        uses.open -= 1;
        uses.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_has_nothing_to_do_is_idle() {
        let idle = Idle::new(Duration::from_millis(100));
        let began = Instant::now();
        let used = idle.used();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(250)).await;
            drop(used);
        });
        idle.passed().await;
        assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
    }
}
