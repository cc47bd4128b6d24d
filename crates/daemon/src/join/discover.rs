//! Hosts in no pool make themselves known in their networks, so that a pool can offer to add them.
//!
//! Owns: a datagram every few seconds to the broadcast addresses of this host's networks while it is
//! in no pool; what was heard of others while it is in one. What was heard proves nothing: it is an
//! address to look at, with a fingerprint to compare. IPv4 only.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use haven_drivers::host_info;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::agent::Agent;

/// Pause between announcements.
const PAUSE: Duration = Duration::from_secs(5);
/// A host that was silent for so long waits no more.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Hosts that are remembered; of more, nothing is learned until some fall silent.
const WAITING_MAX: usize = 64;
/// Longest datagram.
const BYTES_MAX: usize = 1024;
/// Longest text in it.
const CHARS_MAX: usize = 64;
/// First word of the datagram, with the version of its form.
const MAGIC: &str = "haven-waits-1";

/// What a host says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Announcement {
    magic: String,
    host: Uuid,
    name: String,
    version: String,
    port: u16,
    fingerprint: String,
}

impl Announcement {
    fn read(bytes: &[u8]) -> Option<Self> {
        let found: Self = serde_json::from_slice(bytes).ok()?;
        let plain =
            |text: &str| text.chars().count() <= CHARS_MAX && !text.chars().any(char::is_control);
        let texts = [&found.name, &found.version, &found.fingerprint];
        (found.magic == MAGIC && texts.iter().all(|text| plain(text))).then_some(found)
    }
}

/// Hosts that were heard. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    heard: Arc<Mutex<BTreeMap<Uuid, Heard>>>,
}

/// What one of them said last.
#[derive(Clone, Debug)]
struct Heard {
    address: SocketAddr,
    said: Announcement,
    at: Instant,
}

impl Heard {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < SILENCE_MAX
    }
}

impl Waiting {
    fn note(&self, from: IpAddr, found: Announcement, now: Instant) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.retain(|_, known| known.is_fresh(now));
        if heard.len() < WAITING_MAX || heard.contains_key(&found.host) {
            let address = SocketAddr::new(from, found.port);
            heard.insert(found.host, Heard { address, said: found, at: now });
        }
    }

    /// `GET /haven/pool/waiting`: as JSON, by name.
    #[must_use]
    pub fn show(&self) -> Json {
        self.show_at(Instant::now())
    }

    fn show_at(&self, now: Instant) -> Json {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<&Heard> = heard.values().filter(|known| known.is_fresh(now)).collect();
        all.sort_by(|a, b| a.said.name.cmp(&b.said.name));
        let shown = all.into_iter().map(|Heard { address, said, .. }| {
            let place = match address.port() {
                443 => address.ip().to_string(),
                _ => address.to_string(),
            };
            json!({
                "host": said.host, "name": said.name, "address": place,
                "version": said.version, "fingerprint": said.fingerprint,
            })
        });
        json!({ "hosts": shown.collect::<Vec<_>>() })
    }
}

/// Announces this host while it is in no pool, and listens while it is in one. Never ends.
pub async fn run(agent: Agent) {
    let port = agent.parts().config.settings.discovery_port;
    let mut listening: Option<UdpSocket> = None;
    loop {
        if agent.parts().identity.pool().is_none() {
            listening = None;
            announce(&agent, port).await;
            sleep(PAUSE).await;
            continue;
        }
        if listening.is_none() {
            match UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await {
                Ok(socket) => listening = Some(socket),
                Err(error) => {
                    tracing::debug!(%error, port, "hosts that wait cannot be heard");
                    sleep(PAUSE).await;
                }
            }
        }
        if let Some(socket) = &listening {
            // The pool may be left meanwhile.
            let _ = timeout(PAUSE, listen(socket, agent.waiting())).await;
        }
    }
}

/// One datagram.
async fn listen(socket: &UdpSocket, waiting: &Waiting) {
    let mut bytes = [0; BYTES_MAX];
    match socket.recv_from(&mut bytes).await {
        Ok((length, from)) => {
            if let Some(found) = bytes.get(..length).and_then(Announcement::read) {
                waiting.note(from.ip(), found, Instant::now());
            }
        }
        Err(error) => {
            tracing::debug!(%error, "a datagram could not be received");
            sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn announce(agent: &Agent, port: u16) {
    let parts = agent.parts();
    let Ok(info) = tokio::task::spawn_blocking(|| host_info::read(None)).await else { return };
    let settings = &parts.config.settings;
    let mut name = settings.name.clone().unwrap_or(info.hostname);
    name.truncate(name.char_indices().nth(CHARS_MAX).map_or(name.len(), |(at, _)| at));
    let said = Announcement {
        magic: MAGIC.to_owned(),
        host: parts.identity.host().0,
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        port: settings.api_port,
        fingerprint: parts.tls.first_run_fingerprint().unwrap_or_default(),
    };
    let addresses = info.nics.iter().flat_map(|nic| &nic.addresses);
    let targets = addresses.filter_map(|(address, prefix)| broadcast(*address, *prefix));
    for target in targets {
        if let Err(error) = send(&said, SocketAddr::new(IpAddr::V4(target), port)).await {
            tracing::debug!(%error, %target, "this host could not make itself known");
        }
    }
}

async fn send(said: &Announcement, target: SocketAddr) -> std::io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.set_broadcast(true)?;
    let bytes = serde_json::to_vec(said)?;
    socket.send_to(&bytes, target).await.map(|_| ())
}

/// The broadcast address of a network; none of the loopback's.
fn broadcast(address: IpAddr, prefix: u8) -> Option<Ipv4Addr> {
    let IpAddr::V4(address) = address else { return None };
    let hosts = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    (!address.is_loopback() && prefix < 31).then(|| Ipv4Addr::from(u32::from(address) | hosts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: u128, name: &str) -> Announcement {
        Announcement {
            magic: MAGIC.to_owned(),
            host: Uuid::from_u128(number),
            name: name.to_owned(),
            version: "1".to_owned(),
            port: 443,
            fingerprint: "ab".to_owned(),
        }
    }

    fn count(waiting: &Waiting, now: Instant) -> usize {
        waiting.show_at(now)["hosts"].as_array().unwrap().len()
    }

    #[test]
    fn networks_have_broadcast_addresses_and_the_loopback_is_none() {
        let of = |text: &str, prefix| broadcast(text.parse().unwrap(), prefix);
        assert_eq!(of("10.77.0.5", 24), Some(Ipv4Addr::new(10, 77, 0, 255)));
        assert_eq!(of("10.77.3.5", 16), Some(Ipv4Addr::new(10, 77, 255, 255)));
        assert_eq!((of("127.0.0.1", 8), of("10.0.0.1", 32), of("fd00::1", 64)), (None, None, None));
    }

    #[test]
    fn what_is_heard_is_bounded_and_forgotten() {
        let (waiting, now) = (Waiting::default(), Instant::now());
        for number in 0..100 {
            waiting.note(IpAddr::from([10, 0, 0, 1]), said(number, "host"), now);
        }
        assert_eq!(count(&waiting, now), WAITING_MAX);
        assert_eq!(count(&waiting, now + SILENCE_MAX), 0);
        waiting.note(IpAddr::from([10, 0, 0, 2]), said(7, "new"), now + SILENCE_MAX);
        assert_eq!(count(&waiting, now + SILENCE_MAX), 1);
        let long = said(1, &"x".repeat(CHARS_MAX + 1));
        assert_eq!(Announcement::read(&serde_json::to_vec(&long).unwrap()), None);
        let odd = said(1, "a\u{7}b");
        assert_eq!(Announcement::read(&serde_json::to_vec(&odd).unwrap()), None);
        assert_eq!(Announcement::read(b"anything"), None);
    }

    #[tokio::test]
    async fn a_host_is_heard_at_the_address_that_it_sends_from() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let waiting = Waiting::default();
        send(&said(1, "干净"), socket.local_addr().unwrap()).await.unwrap();
        timeout(Duration::from_secs(10), listen(&socket, &waiting)).await.unwrap();
        let shown = waiting.show();
        assert_eq!(
            (&shown["hosts"][0]["name"], &shown["hosts"][0]["address"]),
            (&json!("干净"), &json!("127.0.0.1"))
        );
    }
}
