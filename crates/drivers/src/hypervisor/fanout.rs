//! Gives events to subscribers through bounded queues.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::HypervisorEvent;

/// Events that a subscriber may leave unread.
const QUEUE_EVENTS_MAX: usize = 4_096;

/// The subscribers.
#[derive(Debug, Default)]
pub(crate) struct Fanout {
    subscribers: Mutex<Vec<Subscriber>>,
}

#[derive(Debug)]
struct Subscriber {
    queue: SyncSender<HypervisorEvent>,
    overflown: bool,
}

impl Fanout {
    fn lock(&self) -> MutexGuard<'_, Vec<Subscriber>> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new subscriber.
    pub(crate) fn subscribe(&self) -> Receiver<HypervisorEvent> {
        let (queue, receiver) = sync_channel(QUEUE_EVENTS_MAX);
        self.lock().push(Subscriber { queue, overflown: false });
        receiver
    }

    /// Gives an event to all; never blocks.
    pub(crate) fn publish(&self, event: &HypervisorEvent) {
        self.lock().retain_mut(|s| s.offer(Some(event)));
    }

    /// Tells those who missed events to take a new inventory, once their queue has room.
    pub(crate) fn retry_overflown(&self) {
        self.lock().retain_mut(|s| s.offer(None));
    }
}

impl Subscriber {
    /// `false`: the subscriber is gone.
    fn offer(&mut self, event: Option<&HypervisorEvent>) -> bool {
        if self.overflown {
            match self.queue.try_send(HypervisorEvent::ConnectionRestored) {
                Ok(()) => self.overflown = false,
                Err(TrySendError::Full(_)) => return true,
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        let Some(event) = event else { return true };
        match self.queue.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.overflown = true;
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflown_reader_is_told_to_look_again() {
        let fanout = Fanout::default();
        let reader = fanout.subscribe();
        for _ in 0..=QUEUE_EVENTS_MAX {
            fanout.publish(&HypervisorEvent::ConnectionLost);
        }
        assert_eq!(reader.try_iter().count(), QUEUE_EVENTS_MAX);
        fanout.retry_overflown();
        assert_eq!(reader.try_recv(), Ok(HypervisorEvent::ConnectionRestored));
        fanout.publish(&HypervisorEvent::ConnectionLost);
        assert_eq!(reader.try_recv(), Ok(HypervisorEvent::ConnectionLost));
    }

    #[test]
    fn a_reader_that_went_away_is_forgotten() {
        let fanout = Fanout::default();
        drop(fanout.subscribe());
        fanout.publish(&HypervisorEvent::ConnectionLost);
        assert!(fanout.lock().is_empty());
    }
}
