//! Does an isolation address (a gateway) answer? ICMP echo on a thread of its own.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recvfrom, sendto,
    socket_with, sockopt,
};

use crate::event::Event;
use crate::{log, spawn};

/// Probes that may fail in a row before "not reached" is reported: one lost packet is no loss.
const MISSES_MAX: u32 = 3;

/// A running probe; ends when dropped.
#[derive(Debug)]
pub(crate) struct Probe {
    stop: Arc<AtomicBool>,
}

impl Probe {
    /// Probes `addresses` every `interval`.
    pub(crate) fn start(
        addresses: Vec<IpAddr>,
        interval: Duration,
        events: SyncSender<Event>,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&stop);
        if !addresses.is_empty() {
            spawn("isolation", move || run(&addresses, interval, &events, &end))?;
        }
        Ok(Self { stop })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

fn run(addresses: &[IpAddr], interval: Duration, events: &SyncSender<Event>, stop: &AtomicBool) {
    let mut misses = 0;
    let mut sequence: u16 = 0;
    while !stop.load(Ordering::Acquire) {
        let round = Instant::now();
        sequence = sequence.wrapping_add(1);
        let answered = addresses.iter().any(|address| echo(*address, sequence, interval));
        misses = if answered { 0 } else { misses + 1 };
        if misses == 0 || misses >= MISSES_MAX {
            let event = Event::Isolation { reached: misses == 0 };
            if events.send(event).is_err() {
                return;
            }
        }
        std::thread::sleep(interval.saturating_sub(round.elapsed()));
    }
}

/// One echo: did the address answer within `wait`?
fn echo(address: IpAddr, sequence: u16, wait: Duration) -> bool {
    let Ok(socket) = icmp_socket(address) else {
        log::warn("no ICMP socket: isolation addresses cannot be probed");
        return false;
    };
    let id = u16::try_from(std::process::id() & 0xffff).unwrap_or(1);
    let request = packet(address, id, sequence);
    let deadline = Instant::now() + wait;
    if sendto(&socket, &request, SendFlags::empty(), &SocketAddr::new(address, 0)).is_err() {
        return false;
    }
    let mut buffer = [0_u8; 1500];
    while Instant::now() < deadline {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        if sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(left)).is_err() {
            return false;
        }
        let Ok((count, _, from)) = recvfrom(&socket, buffer.as_mut_slice(), RecvFlags::empty())
        else {
            return false;
        };
        let from = from.and_then(|from| SocketAddr::try_from(from).ok());
        let reply = buffer.get(..count).unwrap_or_default();
        if from.is_some_and(|from| from.ip() == address) && is_reply(address, reply, sequence) {
            return true;
        }
    }
    false
}

fn icmp_socket(address: IpAddr) -> rustix::io::Result<OwnedFd> {
    let (family, protocol) = match address {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
    };
    let open = |kind| socket_with(family, kind, SocketFlags::CLOEXEC, Some(protocol));
    open(SocketType::RAW).or_else(|_| open(SocketType::DGRAM))
}

fn packet(address: IpAddr, id: u16, sequence: u16) -> [u8; 16] {
    let kind = if address.is_ipv4() { 8 } else { 128 };
    let [id_high, id_low] = id.to_be_bytes();
    let [seq_high, seq_low] = sequence.to_be_bytes();
    let mut bytes = *b"\0\0\0\0\0\0\0\0havengrd";
    let head = [kind, 0, 0, 0, id_high, id_low, seq_high, seq_low];
    for (to, from) in bytes.iter_mut().zip(head) {
        *to = from;
    }
    // The kernel fills in the checksum of ICMPv6.
    let [sum_high, sum_low] = checksum(&bytes).to_be_bytes();
    bytes[2] = sum_high;
    bytes[3] = sum_low;
    bytes
}

fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(u16::from_be_bytes([*high, 0])),
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// An echo reply with our payload and number; raw IPv4 sockets deliver the IP header as well.
fn is_reply(address: IpAddr, bytes: &[u8], sequence: u16) -> bool {
    let kind = if address.is_ipv4() { 0 } else { 129 };
    let skip = match bytes.first() {
        Some(first) if address.is_ipv4() && first >> 4 == 4 => usize::from(first & 0xf) * 4,
        _ => 0,
    };
    let Some(icmp) = bytes.get(skip..) else { return false };
    icmp.first() == Some(&kind)
        && icmp.get(6..8) == Some(sequence.to_be_bytes().as_slice())
        && icmp.get(8..16) == Some(b"havengrd".as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_a_packet_with_its_checksum_is_zero() {
        let bytes = packet("10.0.0.1".parse().unwrap(), 77, 3);
        assert_eq!(checksum(&bytes), 0);
        assert_eq!(bytes[0], 8);
    }

    #[test]
    fn only_our_reply_counts() {
        let gateway: IpAddr = "10.0.0.1".parse().unwrap();
        let mut reply = packet(gateway, 77, 3).to_vec();
        assert!(!is_reply(gateway, &reply, 3), "a request is no reply");
        reply[0] = 0;
        assert!(is_reply(gateway, &reply, 3));
        assert!(!is_reply(gateway, &reply, 4));
        let mut with_header = vec![0x45; 20];
        with_header.extend(&reply);
        assert!(is_reply(gateway, &with_header, 3));
        assert!(!is_reply(gateway, &with_header[..25], 3));
    }
}
