//! Who guesses passwords is slowed down, and keeps nobody else from logging in.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Logins of one address that are being looked at, the pause after a wrong one included.
const PENDING_MAX: u32 = 16;
/// Wrong logins of one address within the window, after which all of them are refused unseen.
const WRONG_MAX: u32 = 20;
/// How long wrong logins count.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered; those without a login under way go first.
const ADDRESSES_MAX: usize = 4096;

/// Too many logins from this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many logins from this address; wait a minute and try again")]
pub struct Throttled;

#[derive(Debug)]
struct Tally {
    pending: u32,
    wrong: u32,
    since: Instant,
}

/// Counts logins by address.
#[derive(Debug, Default)]
pub struct Throttle {
    tallies: Mutex<BTreeMap<IpAddr, Tally>>,
}

/// A login that is being looked at.
#[derive(Debug)]
pub struct Pending<'t> {
    throttle: &'t Throttle,
    address: IpAddr,
}

impl Throttle {
    /// Begins to look at a login.
    ///
    /// # Errors
    /// There were too many from there.
    pub fn enter(&self, address: IpAddr) -> Result<Pending<'_>, Throttled> {
        self.enter_at(address, Instant::now())
    }

    fn enter_at(&self, address: IpAddr, now: Instant) -> Result<Pending<'_>, Throttled> {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        if tallies.len() >= ADDRESSES_MAX && !tallies.contains_key(&address) {
            tallies.retain(|_, tally| tally.pending > 0);
        }
        let tally = tallies.entry(address).or_insert(Tally { pending: 0, wrong: 0, since: now });
        if now.duration_since(tally.since) > WINDOW {
            (tally.wrong, tally.since) = (0, now);
        }
        if tally.pending >= PENDING_MAX || tally.wrong >= WRONG_MAX {
            return Err(Throttled);
        }
        tally.pending += 1;
        drop(tallies);
        Ok(Pending { throttle: self, address })
    }

    fn change(&self, address: IpAddr, change: impl FnOnce(&mut Tally)) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tally) = tallies.get_mut(&address) {
            change(tally);
        }
    }
}

impl Pending<'_> {
    /// The password was wrong.
    pub fn wrong(&self) {
        self.throttle.change(self.address, |tally| tally.wrong += 1);
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.throttle.change(self.address, |tally| tally.pending = tally.pending.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_is_shut_out_for_a_while_and_others_are_not() {
        let throttle = Throttle::default();
        let (bad, good) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let now = Instant::now();
        for _ in 0..WRONG_MAX {
            throttle.enter_at(bad, now).unwrap().wrong();
        }
        assert!(throttle.enter_at(bad, now).is_err());
        assert!(throttle.enter_at(good, now).is_ok());
        assert!(throttle.enter_at(bad, now + WINDOW + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn logins_under_way_are_bounded_by_address() {
        let throttle = Throttle::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        let pending: Vec<_> = (0..PENDING_MAX).map(|_| throttle.enter(address).unwrap()).collect();
        assert!(throttle.enter(address).is_err());
        drop(pending);
        assert!(throttle.enter(address).is_ok());
    }
}
