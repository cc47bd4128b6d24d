//! Unix sockets on this host that lead to other hosts.
//!
//! Owns: `/run/haven/peer/<host>/libvirt.sock` for every other member, by which libvirt reaches
//! its peer during a migration. Connections travel over mutual TLS; the peer decides.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use haven_cluster::ids::HostId;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::Paths;
use crate::identity::IdentityStore;
use crate::peer_net::{Dialer, Target, join_streams, open_tunnel_at};

/// Connections at a time through one socket.
const CONNECTIONS_MAX: usize = 64;
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Keeps one socket per other member, until `stop`.
pub async fn keep_sockets(
    paths: Paths,
    identity: Arc<IdentityStore>,
    dialer: Dialer,
    stop: CancellationToken,
) {
    let mut changes = identity.watch();
    let mut sockets: BTreeMap<HostId, AbortHandle> = BTreeMap::new();
    loop {
        let current = changes.borrow_and_update().clone();
        let others: Vec<HostId> = current
            .pool
            .iter()
            .flat_map(|pool| &pool.members)
            .map(|member| member.host)
            .filter(|host| *host != current.host)
            .collect();
        sockets.retain(|host, task| {
            let stays = others.contains(host);
            if !stays {
                task.abort();
                let _ = fs::remove_dir_all(paths.peer(*host));
            }
            stays
        });
        for host in others {
            if let std::collections::btree_map::Entry::Vacant(vacant) = sockets.entry(host) {
                match bind_private(&paths.peer(host).join("libvirt.sock")) {
                    Ok(listener) => {
                        let work = forward(listener, dialer.clone(), (host, None), Target::Libvirt);
                        vacant.insert(tokio::spawn(work).abort_handle());
                    }
                    Err(error) => tracing::warn!(host = %host.0, %error, "no socket for the peer"),
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            changed = changes.changed() => if changed.is_err() { break },
        }
    }
    for task in sockets.into_values() {
        task.abort();
    }
}

/// Binds a socket that only root may use, in place of a stale one.
pub fn bind_private(path: &Path) -> io::Result<UnixListener> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Forwards every connection of `listener` to `target` on `host`, at this address if there is one,
/// else at the host's own.
pub async fn forward(
    listener: UnixListener,
    dialer: Dialer,
    (host, at): (HostId, Option<SocketAddr>),
    target: Target,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else { continue };
        let dialer = dialer.clone();
        tokio::spawn(async move {
            match open_tunnel_at(&dialer, (host, at), target).await {
                Ok(tunnel) => join_streams(stream, tunnel).await,
                Err(error) => {
                    tracing::warn!(host = %host.0, %target, %error, "no tunnel to the peer");
                }
            }
            drop(slot);
        });
    }
}
