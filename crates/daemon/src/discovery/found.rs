//! What was heard of others: few, and not for long.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::sync::Notify;
use uuid::Uuid;

use super::said::{Said, Standing};

/// Who was silent for so long while somebody looked is there no more.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(20);
/// For so long after a look others are asked who is there.
const LOOKING: Duration = Duration::from_secs(15);
/// Hosts that are remembered; of more, nothing is learned until some fall silent.
const FOUND_MAX: usize = 128;
/// Hosts at one address: one machine cannot fill the list.
const AT_ONE_ADDRESS_MAX: usize = 4;

/// Hosts and pools that were heard. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Found {
    heard: Arc<Mutex<Heard>>,
    looked: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Heard {
    // By address too: who says to be another host does not take its place.
    hosts: BTreeMap<(IpAddr, Uuid), (Said, Instant)>,
    looked: Option<Instant>,
}

impl Heard {
    fn forget_old(&mut self, now: Instant) {
        self.hosts.retain(|_, (_, at)| now.saturating_duration_since(*at) < SILENCE_MAX);
    }
}

impl Found {
    /// Somebody is there.
    pub(super) fn note(&self, from: IpAddr, said: Said, now: Instant) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.forget_old(now);
        let key = (from, said.host);
        let here = heard.hosts.keys().filter(|(address, _)| *address == from).count();
        let room = heard.hosts.len() < FOUND_MAX && here < AT_ONE_ADDRESS_MAX;
        if room || heard.hosts.contains_key(&key) {
            heard.hosts.insert(key, (said, now));
        }
    }

    /// Somebody is there no more.
    pub(super) fn forget(&self, from: IpAddr, host: Uuid) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.hosts.remove(&(from, host));
    }

    /// Nothing was heard.
    pub(super) fn clear(&self) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).hosts.clear();
    }

    /// Whether somebody looks, so that others are asked.
    pub(super) fn is_looked_at(&self, now: Instant) -> bool {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.looked.is_some_and(|at| now.saturating_duration_since(at) < LOOKING)
    }

    /// Waits until somebody looks.
    pub(super) async fn look(&self) {
        self.looked.notified().await;
    }

    /// `GET /haven/pool/waiting`: as JSON, by name; others are asked again who is there.
    #[must_use]
    pub fn show(&self) -> Json {
        self.show_at(Instant::now())
    }

    fn show_at(&self, now: Instant) -> Json {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.forget_old(now);
        heard.looked = Some(now);
        self.looked.notify_one();
        let mut all: Vec<(&IpAddr, &Said)> =
            heard.hosts.iter().map(|((address, _), (said, _))| (address, said)).collect();
        all.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        let (mut hosts, mut pools) = (Vec::new(), Vec::new());
        for (address, said) in all {
            let mut shown = json!({
                "host": said.host, "name": said.name, "address": place(*address, said.port),
                "version": said.version, "fingerprint": said.fingerprint,
            });
            match &said.standing {
                Standing::Free => hosts.push(shown),
                Standing::Pool { uuid, name, ca } => {
                    shown["pool"] = json!(uuid);
                    shown["pool_name"] = json!(name);
                    shown["ca_sha256"] = json!(ca);
                    pools.push(shown);
                }
            }
        }
        json!({ "hosts": hosts, "pools": pools })
    }
}

fn place(address: IpAddr, port: u16) -> String {
    if port == 443 { address.to_string() } else { SocketAddr::new(address, port).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: u128, standing: Standing) -> Said {
        Said {
            host: Uuid::from_u128(number),
            name: format!("host{number}"),
            version: "1".to_owned(),
            port: 443,
            fingerprint: "ab".repeat(32),
            standing,
        }
    }

    fn count(found: &Found, now: Instant) -> usize {
        found.show_at(now)["hosts"].as_array().unwrap().len()
    }

    fn address(number: u128) -> IpAddr {
        IpAddr::from(0x0a4d_0000_u32.saturating_add(u32::try_from(number).unwrap()).to_be_bytes())
    }

    #[test]
    fn what_is_heard_is_bounded_and_forgotten() {
        let (found, now) = (Found::default(), Instant::now());
        for number in 0..1000 {
            found.note(address(0), said(number, Standing::Free), now);
        }
        assert_eq!(count(&found, now), AT_ONE_ADDRESS_MAX);
        for number in 1..1000 {
            found.note(address(number), said(number, Standing::Free), now);
        }
        assert_eq!(count(&found, now), FOUND_MAX);
        assert_eq!(count(&found, now + SILENCE_MAX), 0);
        found.note(address(7), said(7, Standing::Free), now + SILENCE_MAX);
        assert_eq!(count(&found, now + SILENCE_MAX), 1);
    }

    #[test]
    fn nobody_speaks_in_the_place_of_another() {
        let (found, now) = (Found::default(), Instant::now());
        found.note(address(1), said(1, Standing::Free), now);
        found.note(address(2), said(1, Standing::Free), now);
        assert_eq!(count(&found, now), 2);
        found.forget(address(2), Uuid::from_u128(1));
        assert_eq!(found.show_at(now)["hosts"][0]["address"], "10.77.0.1");
        found.forget(address(1), Uuid::from_u128(1));
        assert_eq!(count(&found, now), 0);
    }

    #[test]
    fn hosts_and_pools_are_listed_apart_and_a_look_lasts_a_while() {
        let (found, now) = (Found::default(), Instant::now());
        assert!(!found.is_looked_at(now));
        let standing = Standing::Pool {
            uuid: Uuid::from_u128(9),
            name: "School".to_owned(),
            ca: "cd".repeat(32),
        };
        found.note(address(1), Said { port: 8443, ..said(1, standing) }, now);
        found.note(address(2), said(2, Standing::Free), now);
        let shown = found.show_at(now);
        assert_eq!(shown["hosts"].as_array().unwrap().len(), 1);
        assert_eq!(shown["pools"][0]["pool_name"], "School");
        assert_eq!(shown["pools"][0]["address"], "10.77.0.1:8443");
        assert_eq!(shown["pools"][0]["ca_sha256"], "cd".repeat(32));
        assert!(found.is_looked_at(now) && !found.is_looked_at(now + LOOKING));
    }
}
