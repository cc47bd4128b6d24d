//! Signs of life for the service manager (`sd_notify(3)`).
//!
//! Owns: the message that this daemon is ready, and, where a watchdog time is asked for, that it
//! still is. They come from a task of the runtime: a daemon whose runtime hangs sends none and is
//! started anew. That touches no guest, and frees the coordinator's role.

use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Signs per watchdog time.
const SIGNS: u32 = 3;

/// Where to send, and how often at least.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    to: SocketAddr,
    interval: Option<Duration>,
}

impl Manager {
    /// The manager that started this process, if one did that wants to know.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        let path = std::env::var("NOTIFY_SOCKET").ok()?;
        let watchdog = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        Self::new(&path, watchdog.map(Duration::from_micros))
    }

    fn new(path: &str, watchdog: Option<Duration>) -> Option<Self> {
        use std::os::linux::net::SocketAddrExt;
        let to = match path.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(path),
        };
        let socket = UnixDatagram::unbound().ok()?;
        // A manager that does not read must not stop the runtime.
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket, to: to.ok()?, interval: watchdog.map(|time| time / SIGNS) })
    }

    fn say(&self, text: &str) {
        // Whoever wanted to know is gone, or will act on the silence.
        let _gone: std::io::Result<usize> = self.socket.send_to_addr(text.as_bytes(), &self.to);
    }

    /// Says that the daemon is ready, and goes on to say that it lives until `stop`.
    pub async fn keep(self, stop: CancellationToken) {
        self.say("READY=1");
        let Some(interval) = self.interval else { return };
        while !stop.is_cancelled() {
            self.say("WATCHDOG=1");
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(interval) => {}
            }
        }
        self.say("STOPPING=1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_manager_hears_that_the_daemon_is_ready_and_lives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let daemon = Manager::new(path.to_str().unwrap(), Some(Duration::from_millis(60))).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(daemon.keep(stop.clone()));
        let heard = tokio::task::spawn_blocking(move || {
            let mut bytes = [0; 64];
            let mut next = || {
                let count = manager.recv(&mut bytes).unwrap();
                String::from_utf8_lossy(&bytes[..count]).into_owned()
            };
            [next(), next(), next()]
        });
        assert_eq!(heard.await.unwrap(), ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]);
        stop.cancel();
        task.await.unwrap();
    }

    #[test]
    fn without_a_manager_nothing_is_said() {
        assert!(Manager::new("", None).is_none_or(|manager| manager.interval.is_none()));
    }
}
