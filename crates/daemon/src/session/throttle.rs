//! Who guesses passwords is shut out for a while, and keeps nobody else from logging in.
//!
//! Counted are wrong logins, of an address and of a user. Whoever has too many at an address is refused unseen
//! there. A name that is guessed at from many addresses is refused to those that never logged in with it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::fair::Address;

/// Wrong logins of one address within the window, after which all of them are refused unseen.
const WRONG_MAX: u32 = 20;
/// Wrong logins of one user within the window, of all addresses, after which those addresses are refused
/// from which this user did not log in before.
const WRONG_OF_USER_MAX: u32 = 100;
/// How long wrong logins count.
const WINDOW: Duration = Duration::from_secs(60);
/// How long an address is known to be a user's.
const KNOWN: Duration = Duration::from_secs(24 * 3600);
/// Addresses, users and places of users that are remembered, each.
const REMEMBERED_MAX: usize = 2048;
/// What of a name counts, in bytes.
const USER_BYTES_MAX: usize = 64;

/// Too many wrong logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Throttled {
    /// From this address.
    #[error("too many wrong logins from this address; wait a minute and try again")]
    Address,
    /// Of this user, from elsewhere.
    #[error(
        "too many wrong logins of this user; wait a minute, or log in where this user did before"
    )]
    User,
}

#[derive(Debug, Clone, Copy)]
struct Tally {
    wrong: u32,
    since: Instant,
}

impl Tally {
    fn over(&self, most: u32, now: Instant) -> bool {
        self.wrong >= most && now.duration_since(self.since) <= WINDOW
    }
}

#[derive(Debug, Default)]
struct Tallies {
    addresses: BTreeMap<Address, Tally>,
    users: BTreeMap<String, Tally>,
    /// From where users logged in, and when for the last time.
    places: BTreeMap<(String, Address), Instant>,
}

/// Counts wrong logins.
#[derive(Debug, Default)]
pub struct Throttle {
    tallies: Mutex<Tallies>,
}

fn counted(user: &str) -> String {
    user.get(..user.floor_char_boundary(USER_BYTES_MAX)).unwrap_or_default().to_owned()
}

/// Whoever chooses what it is called must not choose thereby what is forgotten.
fn remove_oldest<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, since: impl Fn(&V) -> Instant) {
    let oldest = map.iter().min_by_key(|(_, value)| since(value)).map(|(key, _)| key.clone());
    if let Some(oldest) = oldest {
        map.remove(&oldest);
    }
}

/// One more wrong login.
fn add<K: Ord + Clone>(tallies: &mut BTreeMap<K, Tally>, key: K, now: Instant) {
    if tallies.len() >= REMEMBERED_MAX && !tallies.contains_key(&key) {
        tallies.retain(|_, tally| now.duration_since(tally.since) <= WINDOW);
        if tallies.len() >= REMEMBERED_MAX {
            remove_oldest(tallies, |tally| tally.since);
        }
    }
    let tally = tallies.entry(key).or_insert(Tally { wrong: 0, since: now });
    if now.duration_since(tally.since) > WINDOW {
        *tally = Tally { wrong: 0, since: now };
    }
    tally.wrong += 1;
}

impl Throttle {
    fn lock(&self) -> std::sync::MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a login is looked at.
    ///
    /// # Errors
    /// There were too many wrong ones.
    pub fn check(&self, address: IpAddr, user: &str) -> Result<(), Throttled> {
        self.check_at(address, user, Instant::now())
    }

    fn check_at(&self, address: IpAddr, user: &str, now: Instant) -> Result<(), Throttled> {
        let (tallies, address) = (self.lock(), Address::remote(address));
        if tallies.addresses.get(&address).is_some_and(|tally| tally.over(WRONG_MAX, now)) {
            return Err(Throttled::Address);
        }
        let user = counted(user);
        let guessed = tallies.users.get(&user).is_some_and(|t| t.over(WRONG_OF_USER_MAX, now));
        let at_home = || {
            let seen = tallies.places.get(&(user.clone(), address));
            seen.is_some_and(|seen| now.duration_since(*seen) <= KNOWN)
        };
        if guessed && !at_home() {
            return Err(Throttled::User);
        }
        Ok(())
    }

    /// A password was wrong.
    pub fn wrong(&self, address: IpAddr, user: &str) {
        self.wrong_at(address, user, Instant::now());
    }

    fn wrong_at(&self, address: IpAddr, user: &str, now: Instant) {
        let mut tallies = self.lock();
        add(&mut tallies.addresses, Address::remote(address), now);
        add(&mut tallies.users, counted(user), now);
    }

    /// A password was right.
    pub fn right(&self, address: IpAddr, user: &str) {
        self.right_at(address, user, Instant::now());
    }

    fn right_at(&self, address: IpAddr, user: &str, now: Instant) {
        let places = &mut self.lock().places;
        let place = (counted(user), Address::remote(address));
        if places.len() >= REMEMBERED_MAX && !places.contains_key(&place) {
            remove_oldest(places, |seen| *seen);
        }
        places.insert(place, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from((0x0a00_0000 + number).to_be_bytes())
    }

    #[test]
    fn who_guesses_is_shut_out_for_a_while_and_others_are_not() {
        let throttle = Throttle::default();
        let (bad, good, now) = (address(1), address(2), Instant::now());
        for _ in 0..WRONG_MAX {
            throttle.check_at(bad, "root", now).unwrap();
            throttle.wrong_at(bad, "root", now);
        }
        assert_eq!(throttle.check_at(bad, "alice", now), Err(Throttled::Address));
        assert!(throttle.check_at(good, "root", now).is_ok());
        assert!(throttle.check_at(bad, "root", now + WINDOW + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn a_name_that_many_guess_at_is_still_good_where_its_user_sits() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        throttle.right_at(address(7), "root", now);
        for number in 0..WRONG_OF_USER_MAX {
            throttle.wrong_at(address(100 + number), "root", now);
        }
        assert_eq!(throttle.check_at(address(8), "root", now), Err(Throttled::User));
        assert!(throttle.check_at(address(7), "root", now).is_ok());
        assert!(throttle.check_at(address(8), "alice", now).is_ok());
        assert!(throttle.check_at(address(8), "root", now + 2 * WINDOW).is_ok());
    }

    /// A host of an IPv6 network has as many addresses as it likes.
    #[test]
    fn who_guesses_from_many_addresses_of_one_network_is_one() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let at = |network: u16, host: u16| IpAddr::from([0x2001, 0xdb8, 0, network, 0, 0, 0, host]);
        for host in 0..WRONG_MAX as u16 {
            throttle.check_at(at(1, host), "root", now).unwrap();
            throttle.wrong_at(at(1, host), "root", now);
        }
        assert_eq!(throttle.check_at(at(1, 999), "alice", now), Err(Throttled::Address));
        assert!(throttle.check_at(at(2, 1), "root", now).is_ok());
    }

    /// Names that come first in the alphabet do not push out who is shut out.
    #[test]
    fn the_oldest_is_forgotten_first_whatever_it_is_called() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let later = |n: u32| now + Duration::from_millis(u64::from(n));
        throttle.wrong_at(address(1_000_000), "zoe", now);
        for number in 0..WRONG_OF_USER_MAX {
            throttle.wrong_at(address(number), "alice", later(1));
        }
        for number in 0..REMEMBERED_MAX as u32 - 1 {
            throttle.wrong_at(address(10_000 + number), &format!("user {number}"), later(2));
        }
        let tallies = throttle.lock();
        assert!(!tallies.users.contains_key("zoe"), "the oldest");
        assert_eq!(tallies.users["alice"].wrong, WRONG_OF_USER_MAX);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..REMEMBERED_MAX as u32 + 50 {
            throttle.wrong_at(address(number), &format!("user {number}"), now);
            throttle.right_at(address(number), "root", now);
        }
        let tallies = throttle.lock();
        let most = [tallies.addresses.len(), tallies.users.len(), tallies.places.len()];
        assert_eq!(most, [REMEMBERED_MAX; 3]);
    }
}
