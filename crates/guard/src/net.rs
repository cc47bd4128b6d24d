//! Heartbeat sockets: one per network, bound to this host's address on it.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
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

/// How long this host still listens at an address that it has left, and after the last datagram
/// that came there: who still sends there was not told yet.
const OLD_ADDRESS_NS: u64 = 60_000_000_000;
/// Addresses that it has left and still listens at; the oldest go first.
const LEFT_MAX: usize = 16;

/// The sockets of one arming.
#[derive(Debug)]
pub(crate) struct Networks {
    links: Vec<Link>,
    /// Addresses that this host has left and still listens at, and when it left.
    left: Vec<(Link, u64)>,
}

/// One socket with its receiver, which ends with it.
#[derive(Debug)]
pub(crate) struct Link {
    address: SocketAddr,
    /// Which network it serves now.
    network: Arc<AtomicU8>,
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
        let links = addresses.iter().map(|at| Link::open(*at, events));
        let mut networks = Self { links: links.collect::<Result<_, _>>()?, left: Vec::new() };
        networks.number();
        Ok(networks)
    }

    /// Where this host listens.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.links.iter().map(|link| link.address)
    }

    /// From now on sends and listens at `addresses`. What is not among them any more still
    /// receives until [`Networks::forget_left`]: not everybody knows the new ones yet. A socket that
    /// is open already, for another network or at an address that was left, serves again: the
    /// address cannot be bound twice. On an error nothing has changed.
    pub(crate) fn move_to(
        &mut self,
        addresses: &[SocketAddr],
        now_ns: u64,
        events: &SyncSender<Event>,
    ) -> std::io::Result<()> {
        let open = |at: &SocketAddr| {
            let left = self.left.iter().map(|(link, _)| link);
            self.links.iter().chain(left).any(|link| link.address == *at)
        };
        let lacking = addresses.iter().filter(|at| !open(at));
        let fresh: Vec<Link> =
            lacking.map(|at| Link::open(*at, events)).collect::<Result<_, _>>()?;
        let links = std::mem::take(&mut self.links).into_iter().map(|link| (link, now_ns));
        let fresh = fresh.into_iter().map(|link| (link, now_ns));
        self.left.extend(links.chain(fresh));
        for address in addresses {
            if let Some(at) = self.left.iter().position(|(link, _)| link.address == *address) {
                self.links.push(self.left.remove(at).0);
            }
        }
        self.number();
        let excess = self.left.len().saturating_sub(LEFT_MAX);
        self.left.drain(..excess);
        Ok(())
    }

    /// Closes what was left long ago and where nothing comes any more.
    pub(crate) fn forget_left(&mut self, now_ns: u64) {
        self.left.retain(|(link, since)| {
            now_ns < link.heard_ns().max(*since).saturating_add(OLD_ADDRESS_NS)
        });
    }

    /// Tells each socket whose network it is.
    fn number(&mut self) {
        for (number, link) in (0..=u8::MAX).zip(&self.links) {
            link.network.store(number, Ordering::Release);
        }
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

    /// The receiver of one network gives no sign of life any more.
    #[cfg(test)]
    pub(crate) fn stall(&self, network: usize) {
        self.links[network].stop.store(true, Ordering::Release);
    }
}

impl Link {
    fn open(address: SocketAddr, events: &SyncSender<Event>) -> std::io::Result<Self> {
        let socket = Arc::new(bound(address)?);
        let tick = Arc::new(AtomicU64::new(boottime_ns()));
        let (heard, network) = (Arc::default(), Arc::default());
        let stop = Arc::new(AtomicBool::new(false));
        let receiver = Receiver {
            network: Arc::clone(&network),
            socket: Arc::clone(&socket),
            tick: Arc::clone(&tick),
            heard: Arc::clone(&heard),
            stop: Arc::clone(&stop),
            events: events.clone(),
        };
        spawn("receive", move || receiver.run())?;
        Ok(Self { address, network, socket, tick, heard, stop })
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
    network: Arc<AtomicU8>,
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
        // More of the crowd is there already: nothing is to be waited for.
        let mut more = false;
        while !self.stop.load(Ordering::Acquire) {
            let now_ns = boottime_ns();
            self.tick.store(now_ns, Ordering::Release);
            match self.socket.recv_from(&mut buffer) {
                Ok((count, _)) => {
                    self.heard.store(boottime_ns(), Ordering::Release);
                    if !self.pass_on(&buffer, count) {
                        return;
                    }
                    if !crowd.note(boottime_ns()) {
                        more = false;
                        continue;
                    }
                    if !more {
                        std::thread::sleep(GATHER);
                    }
                    match self.pass_on_all(&mut buffer, &mut crowd, GATHERED_MAX) {
                        Gathered::All => more = false,
                        Gathered::Full => more = true,
                        Gathered::Gone => return,
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Unreachable peers show as errors here; a broken interface must not spin.
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// What is there already, so many datagrams at most.
    fn pass_on_all(&self, buffer: &mut [u8], crowd: &mut Crowd, most: usize) -> Gathered {
        for _ in 0..most {
            let Ok((count, _)) = recv(&*self.socket, &mut *buffer, RecvFlags::DONTWAIT) else {
                return Gathered::All;
            };
            crowd.note(boottime_ns());
            if !self.pass_on(buffer, count) {
                return Gathered::Gone;
            }
        }
        Gathered::Full
    }

    /// `false`: the loop is gone.
    fn pass_on(&self, buffer: &[u8], count: usize) -> bool {
        let bytes = buffer.get(..count).filter(|_| count <= haven_cluster::DATAGRAM_BYTES_MAX);
        let Some(bytes) = bytes else { return true };
        let network = self.network.load(Ordering::Acquire);
        let event = Event::Datagram { network, bytes: bytes.into() };
        self.events.send(event).is_ok()
    }
}

/// What became of a crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gathered {
    /// Nothing more is there.
    All,
    /// There may be more.
    Full,
    /// The loop is gone.
    Gone,
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

    fn at(n: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, n], 0))
    }

    fn bound_to(networks: &Networks, network: usize) -> SocketAddr {
        networks.links[network].socket.local_addr().unwrap()
    }

    #[test]
    fn a_host_that_moves_is_heard_at_both_addresses_until_all_know() {
        let (sender, events) = crate::event::queue();
        let mut networks = Networks::open(&[at(1), at(2)], &sender).unwrap();
        let old = bound_to(&networks, 0);
        networks.move_to(&[at(3), at(2)], 1, &sender).unwrap();
        assert_eq!(networks.addresses().collect::<Vec<_>>(), [at(3), at(2)]);
        let new = bound_to(&networks, 0);
        assert_eq!(new.ip(), at(3).ip());
        for to in [old, new] {
            networks.send(1, to, b"beat");
            let event = events.recv_timeout(Duration::from_secs(10)).unwrap();
            assert!(matches!(event, Event::Datagram { network: 0, .. }), "{event:?}");
        }
        let heard_ns = networks.left[0].0.heard_ns();
        assert!(heard_ns > 0, "somebody was not told yet");
        networks.forget_left(heard_ns + OLD_ADDRESS_NS - 1);
        assert_eq!(networks.left.len(), 1);
        networks.forget_left(heard_ns + OLD_ADDRESS_NS);
        assert_eq!(networks.left.len(), 0);
        // One that cannot be bound leaves all as it was; and one network less.
        let other = bound_to(&networks, 1);
        assert!(networks.move_to(&[other], 2, &sender).is_err());
        assert_eq!(networks.addresses().count(), 2);
        networks.move_to(&[at(3)], 3, &sender).unwrap();
        assert_eq!(networks.left.len(), 1);
        networks.send(0, new, b"beat");
        assert!(events.recv_timeout(Duration::from_secs(10)).is_ok());
    }

    /// An address cannot be bound twice, and its socket is there still.
    #[test]
    fn a_host_that_comes_back_to_its_address_has_its_socket_again() {
        let (sender, events) = crate::event::queue();
        let mut networks = Networks::open(&[at(1), at(2)], &sender).unwrap();
        let (first, second) = (bound_to(&networks, 0), bound_to(&networks, 1));
        networks.move_to(&[at(3), at(2)], 1, &sender).unwrap();
        networks.move_to(&[at(1), at(2)], 2, &sender).unwrap();
        assert_eq!((bound_to(&networks, 0), bound_to(&networks, 1)), (first, second));
        assert_eq!(networks.left.len(), 1, "the address between");
        // Two networks change places.
        networks.move_to(&[at(2), at(1)], 3, &sender).unwrap();
        assert_eq!((bound_to(&networks, 0), bound_to(&networks, 1)), (second, first));
        networks.send(0, first, b"beat");
        let event = events.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(matches!(event, Event::Datagram { network: 1, .. }), "{event:?}");
    }

    #[test]
    fn addresses_that_were_left_are_bounded() {
        let (sender, _events) = crate::event::queue();
        let mut networks = Networks::open(&[at(1)], &sender).unwrap();
        for (n, now_ns) in (2..40).zip(1..) {
            networks.move_to(&[at(n)], now_ns, &sender).unwrap();
        }
        assert_eq!(networks.left.len(), LEFT_MAX);
        assert_eq!(networks.left[0].0.address, at(39 - LEFT_MAX as u8), "the oldest went");
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

    #[test]
    fn a_crowd_that_is_larger_than_one_gathering_is_not_waited_for() {
        let (sender, events) = crate::event::queue();
        let socket = Arc::new(bound(at(1)).unwrap());
        let to = socket.local_addr().unwrap();
        let receiver = Receiver {
            network: Arc::default(),
            socket: Arc::clone(&socket),
            tick: Arc::default(),
            heard: Arc::default(),
            stop: Arc::default(),
            events: sender,
        };
        for n in 0..5_u8 {
            socket.send_to(&[n], to).unwrap();
        }
        let (mut buffer, mut crowd) = (vec![0; 100], Crowd::default());
        assert_eq!(receiver.pass_on_all(&mut buffer, &mut crowd, 3), Gathered::Full);
        assert_eq!(receiver.pass_on_all(&mut buffer, &mut crowd, 3), Gathered::All);
        assert_eq!(events.try_iter().count(), 5);
        drop(events);
        socket.send_to(&[9], to).unwrap();
        assert_eq!(receiver.pass_on_all(&mut buffer, &mut crowd, 3), Gathered::Gone);
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
