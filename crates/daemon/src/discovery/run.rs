//! Speaking and listening, for as long as the daemon runs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::found::Found;
use super::said::{Said, Standing};
use super::wire::{self, BYTES_MAX, Heard};
use crate::agent::host_facts;
use crate::join::found::{management_address, way_out};
use crate::ops::rows;
use crate::state::AppState;
use crate::tls::fingerprint;

/// Where mDNS is spoken.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
/// It stays in its network; the value is what others expect.
const TTL: u32 = 255;
/// How often it is looked whether this host has something else to say.
const CHECK: Duration = Duration::from_secs(5);
/// Pause between questions while somebody looks.
const ASK_PAUSE: Duration = Duration::from_secs(3);
/// What is said is not said again for so long, whoever asks.
const SAY_PAUSE: Duration = Duration::from_secs(1);
/// Most that an answer waits, so that not all answer at once.
const DELAY_MAX_MS: u64 = 120;
/// Longest wait for a datagram to leave.
const SEND_MAX: Duration = Duration::from_secs(1);
/// Pause after a datagram could not be received.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);

/// `pool.other_config`: `off` keeps the pool quiet and deaf.
const POOL_KEY: &str = "haven_discovery";
const OFF: &str = "off";

/// What this host says, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    said: Said,
    address: Ipv4Addr,
}

/// Takes part until `stop`. A network without multicast is no trouble: nothing is heard then.
pub async fn run(state: Arc<AppState>, stop: CancellationToken) {
    let port = state.config.settings.discovery_port;
    if port == 0 {
        return stop.cancelled().await;
    }
    let mut shown = String::new();
    while !stop.is_cancelled() {
        let part = part(&state, None).await;
        let ended = match part.as_ref().map(|part| (open(part.address, port), part)) {
            Some((Ok(socket), part)) => Talk::new(&state, socket, port, part).run(&stop).await,
            Some((Err(error), part)) if error.to_string() != shown => {
                shown = error.to_string();
                tracing::info!(%error, address = %part.address, "hosts and pools of this network are not found");
                Ended::Trouble
            }
            _ => Ended::Trouble,
        };
        if ended == Ended::Trouble {
            state.found.clear();
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(CHECK) => {}
            }
        }
    }
}

/// Why a talk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// There is something else to say.
    Changed,
    /// The daemon stops, or there is nothing to say.
    Trouble,
}

/// What this host says now; `at` is where it said so before. `None`: nothing.
async fn part(state: &Arc<AppState>, at: Option<Ipv4Addr>) -> Option<Part> {
    let settings = &state.config.settings;
    let tls = &state.agent().parts().tls;
    let (address, name, fingerprint, standing) = match state.identity.pool() {
        None => {
            let name = settings.name.clone().unwrap_or_else(hostname);
            let address = match (settings.address.or_else(way_out), at) {
                (Some(address), _) => address,
                (None, Some(at)) => IpAddr::V4(at),
                (None, None) => management_address(None, &host_facts(state.agent().parts()).await)?,
            };
            (address, name, tls.first_run_fingerprint(), Standing::Free)
        }
        Some(pool) => {
            if !state.may_act() {
                return None;
            }
            let member = pool.member(state.identity.host())?.clone();
            let row = state.pool.read(|db| {
                rows::pool(db).map(|(_, row)| {
                    (
                        row.name_label.clone(),
                        row.other_config.get(POOL_KEY).is_some_and(|on| on == OFF),
                    )
                })
            });
            let (label, off) = row.await.ok()?.ok()?;
            if off {
                return None;
            }
            let ca = tls.ca_pem().and_then(|pem| fingerprint(&pem).ok()).unwrap_or_default();
            let standing = Standing::Pool { uuid: pool.pool, name: label, ca };
            (member.address, member.name, tls.api_fingerprint(), standing)
        }
    };
    let IpAddr::V4(address) = address else { return None };
    let said = Said {
        host: state.identity.host().0,
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        port: settings.api_port,
        fingerprint: fingerprint.unwrap_or_default(),
        standing,
    };
    Some(Part { said, address })
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A socket that hears the group by the interface of this address alone, beside others' on this machine.
fn open(address: Ipv4Addr, port: u16) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_multicast_all_v4(false)?;
    socket.join_multicast_v4(&GROUP, &address)?;
    socket.set_multicast_if_v4(&address)?;
    socket.set_multicast_ttl_v4(TTL)?;
    // What is bound to the group does not get what is sent to this host alone.
    socket.bind(&SocketAddr::from((GROUP, port)).into())?;
    UdpSocket::from_std(socket.into())
}

/// Says one thing, for as long as it is true.
struct Talk<'a> {
    state: &'a Arc<AppState>,
    found: Found,
    socket: UdpSocket,
    port: u16,
    part: &'a Part,
    /// When what is said is said next, if somebody asked.
    due: Option<Instant>,
    last_said: Option<Instant>,
    last_asked: Option<Instant>,
}

impl<'a> Talk<'a> {
    fn new(state: &'a Arc<AppState>, socket: UdpSocket, port: u16, part: &'a Part) -> Self {
        let found = state.found.clone();
        Self { state, found, socket, port, part, due: None, last_said: None, last_asked: None }
    }

    async fn run(mut self, stop: &CancellationToken) -> Ended {
        let mut bytes = [0; BYTES_MAX];
        let mut check = tokio::time::interval(CHECK);
        let mut first = 0;
        let ended = loop {
            self.ask_if_wanted().await;
            tokio::select! {
                () = stop.cancelled() => break Ended::Trouble,
                _ = check.tick() => {
                    // Twice, as a datagram may be lost.
                    if first < 2 {
                        first += 1;
                        self.say(false).await;
                    }
                    match part(self.state, Some(self.part.address)).await {
                        Some(now) if now == *self.part => {}
                        Some(_) => break Ended::Changed,
                        None => break Ended::Trouble,
                    }
                }
                () = at(self.due) => {
                    self.due = None;
                    self.say(false).await;
                }
                () = self.found.look() => {}
                () = at(self.next_question(Instant::now())) => {}
                received = self.socket.recv_from(&mut bytes) => match received {
                    Ok((length, from)) => self.hear(bytes.get(..length).unwrap_or_default(), from.ip()),
                    Err(error) => {
                        tracing::debug!(%error, "a datagram could not be received");
                        sleep(TROUBLE_PAUSE).await;
                    }
                }
            }
        };
        self.say(true).await;
        ended
    }

    fn hear(&mut self, bytes: &[u8], from: IpAddr) {
        // What strangers send must not end the daemon, whatever a library thinks of it.
        let heard = catch_unwind(|| wire::read(bytes)).ok().flatten();
        match heard {
            Some(Heard::Asked) if self.due.is_none() => {
                let delay = Duration::from_millis(rand::random::<u64>() % DELAY_MAX_MS);
                let now = Instant::now();
                let earliest = self.last_said.map_or(now, |last| last + SAY_PAUSE);
                self.due = Some(earliest.max(now) + delay);
            }
            Some(Heard::Here(said)) if said.host != self.part.said.host => {
                self.found.note(from, said, Instant::now());
            }
            Some(Heard::Gone(host)) => self.found.forget(from, host),
            _ => {}
        }
    }

    fn next_question(&self, now: Instant) -> Option<Instant> {
        self.found.is_looked_at(now).then(|| self.last_asked.map_or(now, |last| last + ASK_PAUSE))
    }

    async fn ask_if_wanted(&mut self) {
        let now = Instant::now();
        if self.next_question(now).is_some_and(|due| due <= now) {
            self.last_asked = Some(now);
            self.send(wire::question()).await;
        }
    }

    async fn say(&mut self, gone: bool) {
        self.last_said = Some(Instant::now());
        self.send(wire::answer(&self.part.said, self.part.address, gone)).await;
    }

    async fn send(&self, bytes: Result<Vec<u8>, simple_dns::SimpleDnsError>) {
        let Ok(bytes) = bytes else { return };
        let sent = timeout(SEND_MAX, self.socket.send_to(&bytes, (GROUP, self.port))).await;
        if let Ok(Err(error)) = sent {
            tracing::debug!(%error, address = %self.part.address, "this host could not make itself known");
        }
    }
}

/// Waits until then; without a time for ever.
async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
