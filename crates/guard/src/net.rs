//! Heartbeat sockets: one per network, bound to this host's address on it.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use haven_block_io::boottime_ns;
use rustix::net::{
    AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with, sockopt,
};

use crate::event::Event;
use crate::spawn;

/// How long one receive waits, so that the thread shows that it lives.
const RECEIVE_WAIT: Duration = Duration::from_millis(50);

/// So many datagrams within [`CROWD_NS`] are a crowd: those that follow are taken together, for waking
/// two threads costs more than anything that is done with a datagram.
const CROWD: usize = 8;
const CROWD_NS: u64 = 100_000_000;
/// How long a crowd is let gather: little beside any beat, and votes are dated by what they echo.
const GATHER: Duration = Duration::from_millis(20);
/// Datagrams taken together at most.
const GATHERED_MAX: usize = 512;

/// The sockets of one arming.
#[derive(Debug)]
pub(crate) struct Networks {
    links: Vec<Link>,
}

/// One socket with its receiver, which ends with it.
#[derive(Debug)]
pub(crate) struct Link {
    address: SocketAddr,
    socket: Arc<UdpSocket>,
    tick: Arc<AtomicU64>,
    heard: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Networks {
    /// Binds `addresses` and starts a receiver for each.
    pub(crate) fn open(
        addresses: &[SocketAddr],
        events: &SyncSender<Event>,
    ) -> std::io::Result<Self> {
        let links = (0..).zip(addresses).map(|(index, at)| Link::open(index, *at, events));
        Ok(Self { links: links.collect::<Result<_, _>>()? })
    }

    /// Where this host listens.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.links.iter().map(|link| link.address)
    }

    /// From now on sends and listens at `addresses`. What is not among them any more still
    /// receives while what is returned lives: not everybody knows the new ones yet. On an error
    /// nothing has changed.
    pub(crate) fn move_to(
        &mut self,
        addresses: &[SocketAddr],
        events: &SyncSender<Event>,
    ) -> std::io::Result<Vec<Link>> {
        let mut fresh = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let kept = self.links.get(index).is_some_and(|link| link.address == *address);
            let link = if kept { None } else { Some(Link::open(index, *address, events)?) };
            fresh.push(link);
        }
        let mut before = std::mem::take(&mut self.links).into_iter();
        let mut gone = Vec::new();
        for link in fresh {
            match (link, before.next()) {
                (Some(link), old) => {
                    self.links.push(link);
                    gone.extend(old);
                }
                (None, Some(old)) => self.links.push(old),
                (None, None) => {}
            }
        }
        gone.extend(before);
        Ok(gone)
    }

    /// Sends one datagram. Never blocks; a loss is what the protocol expects anyhow.
    pub(crate) fn send(&self, network: u8, to: SocketAddr, bytes: &[u8]) {
        if let Some(link) = self.links.get(usize::from(network)) {
            let _lost: std::io::Result<usize> = link.socket.send_to(bytes, to);
        }
    }

    /// The oldest sign of life of a receiver.
    pub(crate) fn oldest_tick_ns(&self) -> u64 {
        let ticks = self.links.iter().map(|link| link.tick.load(Ordering::Acquire));
        ticks.min().unwrap_or(u64::MAX)
    }
}

impl Link {
    fn open(
        index: usize,
        address: SocketAddr,
        events: &SyncSender<Event>,
    ) -> std::io::Result<Self> {
        let socket = Arc::new(bound(address)?);
        let tick = Arc::new(AtomicU64::new(boottime_ns()));
        let heard = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let receiver = Receiver {
            network: u8::try_from(index).unwrap_or(u8::MAX),
            socket: Arc::clone(&socket),
            tick: Arc::clone(&tick),
            heard: Arc::clone(&heard),
            stop: Arc::clone(&stop),
            events: events.clone(),
        };
        spawn("receive", move || receiver.run())?;
        Ok(Self { address, socket, tick, heard, stop })
    }

    /// When a datagram came here last (`CLOCK_BOOTTIME`); 0: never. Whoever can write there can
    /// keep the socket open, and no more.
    pub(crate) fn heard_ns(&self) -> u64 {
        self.heard.load(Ordering::Acquire)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Bound even while the link (and so the address) is down: it will come.
fn bound(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_ip_freebind(&fd, true)?;
    bind(&fd, &address)?;
    let socket = UdpSocket::from(fd);
    socket.set_read_timeout(Some(RECEIVE_WAIT))?;
    Ok(socket)
}

struct Receiver {
    network: u8,
    socket: Arc<UdpSocket>,
    tick: Arc<AtomicU64>,
    heard: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    events: SyncSender<Event>,
}

impl Receiver {
    fn run(&self) {
        let mut buffer = vec![0; haven_cluster::DATAGRAM_BYTES_MAX + 1];
        let mut crowd = Crowd::default();
        while !self.stop.load(Ordering::Acquire) {
            let now_ns = boottime_ns();
            self.tick.store(now_ns, Ordering::Release);
            match self.socket.recv_from(&mut buffer) {
                Ok((count, _)) => {
                    self.heard.store(boottime_ns(), Ordering::Release);
                    let mut open = self.pass_on(&buffer, count);
                    if crowd.note(boottime_ns()) {
                        std::thread::sleep(GATHER);
                        open = open && self.pass_on_all(&mut buffer, &mut crowd);
                    }
                    if !open {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Unreachable peers show as errors here; a broken interface must not spin.
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Everything that is there already; `false`: the loop is gone.
    fn pass_on_all(&self, buffer: &mut [u8], crowd: &mut Crowd) -> bool {
        for _ in 0..GATHERED_MAX {
            let Ok((count, _)) = recv(&*self.socket, &mut *buffer, RecvFlags::DONTWAIT) else {
                return true;
            };
            crowd.note(boottime_ns());
            if !self.pass_on(buffer, count) {
                return false;
            }
        }
        true
    }

    /// `false`: the loop is gone.
    fn pass_on(&self, buffer: &[u8], count: usize) -> bool {
        let bytes = buffer.get(..count).filter(|_| count <= haven_cluster::DATAGRAM_BYTES_MAX);
        let Some(bytes) = bytes else { return true };
        let event = Event::Datagram { network: self.network, bytes: bytes.into() };
        self.events.send(event).is_ok()
    }
}

/// When the last datagrams came.
#[derive(Debug, Default)]
struct Crowd {
    at_ns: [u64; CROWD],
    next: usize,
}

impl Crowd {
    /// Notes a datagram; whether it came in a crowd.
    fn note(&mut self, now_ns: u64) -> bool {
        let Some(place) = self.at_ns.get_mut(self.next) else { return false };
        let before = std::mem::replace(place, now_ns);
        self.next = (self.next + 1) % CROWD;
        before != 0 && now_ns.saturating_sub(before) < CROWD_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_arrives_with_its_network() {
        let (sender, events) = crate::event::queue();
        let one: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let networks = Networks::open(&[one, one], &sender).unwrap();
        let to = networks.links[1].socket.local_addr().unwrap();
        networks.send(0, to, b"beat");
        let event = events.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(
            matches!(&event, Event::Datagram { network: 1, bytes } if **bytes == *b"beat"),
            "{event:?}"
        );
        assert!(networks.oldest_tick_ns() > 0);
    }

    #[test]
    fn a_host_that_moves_is_heard_at_both_addresses_until_all_know() {
        let (sender, events) = crate::event::queue();
        let at = |n: u8| SocketAddr::from(([127, 0, 0, n], 0));
        let mut networks = Networks::open(&[at(1), at(2)], &sender).unwrap();
        let old = networks.links[0].socket.local_addr().unwrap();
        let gone = networks.move_to(&[at(3), at(2)], &sender).unwrap();
        assert_eq!(networks.addresses().collect::<Vec<_>>(), [at(3), at(2)]);
        assert_eq!(gone.len(), 1);
        let new = networks.links[0].socket.local_addr().unwrap();
        assert_eq!(new.ip(), at(3).ip());
        for to in [old, new] {
            networks.send(1, to, b"beat");
            let event = events.recv_timeout(Duration::from_secs(10)).unwrap();
            assert!(matches!(event, Event::Datagram { network: 0, .. }), "{event:?}");
        }
        assert!(gone[0].heard_ns() > 0, "somebody was not told yet");
        drop(gone);
        // One network less, and one that cannot be bound leaves all as it was.
        let other = networks.links[1].socket.local_addr().unwrap();
        assert!(networks.move_to(&[other], &sender).is_err());
        assert_eq!(networks.addresses().count(), 2);
        assert_eq!(networks.move_to(&[at(3)], &sender).unwrap().len(), 1);
        networks.send(0, new, b"beat");
        assert!(events.recv_timeout(Duration::from_secs(10)).is_ok());
    }

    #[test]
    fn a_crowd_is_many_in_a_short_time() {
        let mut crowd = Crowd::default();
        let begin = 1_000 * CROWD_NS;
        let mut few = (0..100).map(|n| begin + n * CROWD_NS / 7);
        assert!(!few.any(|at| crowd.note(at)), "a small pool's beats are passed on at once");
        let last = begin + 100 * CROWD_NS / 7;
        let many = (1..=CROWD as u64).map(|n| last + n);
        assert!(many.map(|at| crowd.note(at)).last().unwrap());
        assert!(!crowd.note(last + 2 * CROWD_NS), "it is over");
    }

    /// Taken together, and none is lost or overtaken.
    #[test]
    fn a_crowd_arrives_whole_and_in_order() {
        let (sender, events) = crate::event::queue();
        let networks = Networks::open(&["127.0.0.1:0".parse().unwrap()], &sender).unwrap();
        let to = networks.links[0].socket.local_addr().unwrap();
        for round in 0..4_u8 {
            for n in 0..60_u8 {
                networks.send(0, to, &[round, n]);
            }
            for n in 0..60_u8 {
                let event = events.recv_timeout(Duration::from_secs(10)).unwrap();
                assert!(
                    matches!(&event, Event::Datagram { bytes, .. } if **bytes == [round, n]),
                    "{round} {n}: {event:?}"
                );
            }
        }
    }

    #[test]
    fn an_address_that_is_not_here_yet_can_be_bound() {
        let (sender, _events) = crate::event::queue();
        let networks = Networks::open(&["192.0.2.77:0".parse().unwrap()], &sender).unwrap();
        networks.send(0, "192.0.2.78:9".parse().unwrap(), b"lost");
        networks.send(9, "192.0.2.78:9".parse().unwrap(), b"no such network");
    }
}
