//! What one host checks before it is armed. Changes nothing.

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use haven_block_io::{BlockBuffer, IoLanes, IoOperation, OpenMode};
use haven_cluster::control::GuardPhase;
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use super::link::GuardLink;
use super::watchdog::Wanted;
use crate::orders::PreflightSubject::{Addresses, Clock, Guard, Peers, Statefile};
use crate::orders::{PreflightFinding, PreflightReply, PreflightRequest, PreflightSubject};

/// Longest wait for one block of a statefile.
const READ_WAIT: Duration = Duration::from_secs(10);
/// A read slower than this is worth a warning.
const SLOW_READ_NS: u64 = 500_000_000;
/// Longest wait for a peer.
const PEER_WAIT: Duration = Duration::from_secs(3);
/// Difference of clocks worth a warning.
const SKEW_MS_MAX: u64 = 5_000;
/// Smallest statefile.
const STATEFILE_BLOCKS: u64 = 1024;

/// Checks this host.
pub(super) async fn check_this_host(link: GuardLink, request: PreflightRequest) -> PreflightReply {
    let mut reply = PreflightReply::default();
    let wanted = Wanted {
        none_accepted: request.without_watchdog,
        bite_ms: request.bite_ms.into(),
        guard_is_idle: check_guard(&link, &mut reply),
    };
    link.guard_host().check(wanted, &mut reply);
    check_own_addresses(&request, link.host(), &mut reply);
    check_clock(request.wall_ms, &mut reply);
    for statefile in &request.statefiles {
        let path = PathBuf::from(&statefile.path);
        let read = tokio::task::spawn_blocking(move || read_last_block(path)).await;
        let text = match read {
            Ok(Ok(took_ns)) if took_ns > SLOW_READ_NS => {
                let ms = took_ns / 1_000_000;
                let text = format!(
                    "reading {} took {ms} ms; use the conservative timing profile",
                    statefile.path
                );
                reply.warnings.push(finding(Statefile, "HA_STATEFILE_APPROACHING_TIMEOUT", text));
                continue;
            }
            Ok(Ok(_)) => continue,
            Ok(Err(text)) => text,
            Err(error) => error.to_string(),
        };
        let text = format!(
            "the statefile {} cannot be used here: {text}; check the storage of this host",
            statefile.path
        );
        reply.findings.push(finding(Statefile, "HA_HOST_CANNOT_ACCESS_STATEFILE", text));
    }
    let peers = request.peers.iter().map(|peer| link.peer_address(*peer));
    for peer in peers.chain(request.reach.iter().copied()) {
        if let Err(text) = reach(peer).await {
            let text = format!("host {} cannot be reached from here: {text}", peer.ip());
            reply.findings.push(finding(Peers, "HA_HOST_CANNOT_SEE_PEERS", text));
        }
    }
    reply
}

pub(super) fn finding(about: PreflightSubject, code: &str, text: String) -> PreflightFinding {
    PreflightFinding { code: code.to_owned(), text, about: Some(about) }
}

/// Whether the guard answers, and is armed by nobody.
fn check_guard(link: &GuardLink, reply: &mut PreflightReply) -> bool {
    let phase = link.state().map(|state| state.phase.clone());
    let text = match phase {
        Some(GuardPhase::Idle) => return true,
        Some(_) => "the guard of this host is armed already; disarm it first",
        None => "the guard of this host does not answer; start haven-guard.service",
    };
    reply.findings.push(finding(Guard, "HA_HEARTBEAT_DAEMON_STARTUP_FAILED", text.to_owned()));
    false
}

/// A guard that is told to beat from an address which this host does not have cannot start.
fn check_own_addresses(request: &PreflightRequest, host: Uuid, reply: &mut PreflightReply) {
    for address in request.heartbeats.get(&host).into_iter().flatten() {
        if let Err(error) = std::net::UdpSocket::bind((*address, 0)) {
            let text = format!("this host cannot send beats from {address}: {error}");
            reply.findings.push(finding(Addresses, "HA_HOST_CANNOT_SEE_PEERS", text));
        }
    }
}

fn check_clock(coordinator_ms: u64, reply: &mut PreflightReply) {
    let skew = crate::ha::wall_ms().abs_diff(coordinator_ms);
    if coordinator_ms != 0 && skew > SKEW_MS_MAX {
        let text = format!("the clock differs by {skew} ms from the coordinator's; check NTP");
        reply.warnings.push(finding(Clock, "HOST_CLOCK_SKEW_DETECTED", text));
    }
}

/// Reads the last block that a statefile must have; how long it took.
fn read_last_block(path: PathBuf) -> Result<u64, String> {
    let (sender, receiver) = sync_channel(1);
    let mut lanes = IoLanes::new(path, OpenMode::Existing, move |done| {
        // Nobody waits any more: the wait is over.
        let _late: Result<(), _> = sender.try_send(done);
    });
    let offset = (STATEFILE_BLOCKS - 1) * haven_block_io::BLOCK_SIZE as u64;
    lanes
        .submit(0, IoOperation::Read { runs: [(offset, 1)].into(), into: BlockBuffer::zeroed(1) })
        .map_err(|refused| refused.to_string())?;
    let done = receiver
        .recv_timeout(READ_WAIT)
        .map_err(|_| format!("a read did not return within {} s", READ_WAIT.as_secs()))?;
    done.result.map_err(|error| error.to_string())?;
    Ok(done.finished_ns.saturating_sub(done.started_ns))
}

async fn reach(address: std::net::SocketAddr) -> Result<(), String> {
    match timeout(PEER_WAIT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer from {address} within {} s", PEER_WAIT.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statefile_that_is_missing_or_too_small_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.statefile");
        assert!(read_last_block(path.clone()).unwrap_err().contains("open"));
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(1 << 20).unwrap();
        assert!(read_last_block(path.clone()).unwrap_err().contains("ends at"));
        file.set_len(4 << 20).unwrap();
        assert!(read_last_block(path).is_ok());
    }

    #[test]
    fn clocks_may_differ_a_little() {
        let mut reply = PreflightReply::default();
        check_clock(crate::ha::wall_ms() - 1000, &mut reply);
        assert!(reply.warnings.is_empty());
        check_clock(crate::ha::wall_ms() - 60_000, &mut reply);
        assert_eq!(reply.warnings.len(), 1);
    }

    #[tokio::test]
    async fn a_peer_that_listens_is_reached() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(reach(address).await.is_ok());
        drop(listener);
        assert!(reach(address).await.is_err());
    }
}
