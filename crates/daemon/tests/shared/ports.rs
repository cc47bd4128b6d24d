//! Ports that a test has for itself.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Mutex;

/// Below those that the kernel gives to whoever connects: a daemon that was killed finds its own again.
const PORTS: std::ops::Range<u16> = 16_384..32_768;
/// Tests that run at the same time begin to look this far from each other.
const APART: u32 = 16;

/// What says to other processes that a port is taken, for as long as this one lives.
static TAKEN: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// A port that nobody listens on, and that no other test gets while this process lives.
pub(crate) fn free_port() -> u16 {
    let count = u32::from(PORTS.end - PORTS.start);
    let first = std::process::id().wrapping_mul(APART) % count;
    let mut ports = (0..count).map(|n| PORTS.start + u16::try_from((first + n) % count).unwrap());
    ports.find(|port| take(*port)).unwrap()
}

fn take(port: u16) -> bool {
    let name = SocketAddr::from_abstract_name(format!("haven-test-port-{port}")).unwrap();
    let Ok(mark) = UnixListener::bind_addr(&name) else { return false };
    let free = TcpListener::bind(("0.0.0.0", port)).is_ok();
    TAKEN.lock().unwrap().push(mark);
    free
}
