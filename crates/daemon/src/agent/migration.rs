//! Live migration, both ends: who may reach what, and for how long.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use haven_cluster::ids::HostId;
use haven_drivers::hypervisor::{MigratePace, MigrateTarget};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::execute::{AgentParts, Case, DONE};
use super::lanes::Lane;
use crate::orders::{Order, OrderError, OrderReply, OrderResult, Refusal, Term, Via};
use crate::peer_net::{Protocol, Target};
use crate::peer_proxy::{bind_private, forward};

/// How long after `PrepareMigrateIn` the source may open streams.
const WINDOW: Duration = Duration::from_secs(600);
/// Announced migrations at a time.
const WINDOWS_MAX: usize = 256;

/// Migrations to this host that were announced. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    open: Arc<Mutex<HashMap<Uuid, Window>>>,
    /// Ends the streams that are open.
    streams: Arc<Mutex<CancellationToken>>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    from: HostId,
    term: Term,
    until: Instant,
}

impl Windows {
    /// Lets `from` open the streams of the migration of `vm`.
    pub fn open(&self, vm: Uuid, from: HostId, term: Term) -> Result<(), Refusal> {
        let now = Instant::now();
        let mut open = self.lock();
        open.retain(|_, window| window.until > now);
        if open.len() >= WINDOWS_MAX {
            return Err(Refusal::Busy("too many migrations to this host".to_owned()));
        }
        open.insert(vm, Window { from, term, until: now + WINDOW });
        Ok(())
    }

    /// Closes what coordinators before `term` have opened. A migration whose streams are open
    /// already shows as a domain; one that comes later finds the memory stream closed, so its
    /// guest never runs here.
    pub fn close_older(&self, term: Term) {
        self.lock().retain(|_, window| window.term == term);
    }

    /// The migration is over.
    pub fn close(&self, vm: Uuid) {
        self.lock().remove(&vm);
    }

    /// Nothing comes in any more, not even what is on its way.
    pub fn cut(&self) {
        self.lock().clear();
        self.token().cancel();
        *self.token() = CancellationToken::new();
    }

    /// Ends when the streams that are open now are cut.
    #[must_use]
    pub fn streams(&self) -> CancellationToken {
        self.token().clone()
    }

    /// May `peer` open `target` now, and under which term? Consoles are not of this list.
    #[must_use]
    pub fn allows(&self, target: Target, peer: HostId) -> Option<Term> {
        let now = Instant::now();
        let good = |window: &&Window| window.from == peer && window.until > now;
        let open = self.lock();
        let window = match target {
            Target::Libvirt => open.values().find(good),
            Target::Migrate(vm) => open.get(&vm).filter(good),
            Target::Vnc(_) | Target::Serial(_) | Target::Terminal => None,
        };
        window.map(|window| window.term)
    }

    fn token(&self) -> MutexGuard<'_, CancellationToken> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Window>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The listener of a memory stream; gone with the migration.
struct Stream {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "no migration socket to remove");
        }
    }
}

impl Case {
    pub(super) fn prepare_migrate_in(&self, vm: Uuid, from: HostId) -> OrderResult {
        let _acting = self.begin()?;
        let directory = self.agent.parts.config.paths.migrate();
        make_directory(&directory)?;
        // QEMU listens there; a socket of an earlier, broken migration would stop it.
        let _ = std::fs::remove_file(self.agent.parts.config.paths.migrate_socket(vm));
        self.agent.windows.open(vm, from, self.envelope.term)?;
        DONE
    }

    pub(super) async fn migrate(
        &self,
        vm: Uuid,
        to: HostId,
        (pace, via): (MigratePace, Option<Via>),
    ) -> OrderResult {
        if to == self.agent.host() {
            return Err(Refusal::Invalid("a VM cannot migrate to its own host".to_owned()).into());
        }
        let at = match via {
            Some(via) => self.way(to, via).await?,
            None => None,
        };
        let _stream = self.listen(vm, to, at)?;
        let target = target(&self.agent.parts, vm, to, pace);
        let stats = self
            .blocking(Lane::VmLong, move |parts, order| match order {
                Order::MigrateVm { vm, .. } => parts.hypervisor.migrate(*vm, &target),
                other => Err(haven_drivers::hypervisor::HypervisorError::Failed {
                    call: other.kind().to_owned(),
                    text: "not a migration".to_owned(),
                }),
            })
            .await?;
        // It is drained before it goes on elsewhere.
        self.agent.ending.forget(vm)?;
        Ok(OrderReply::Migrated(stats))
    }

    /// Where on another network the destination proves to be itself; none: it does not, and its own
    /// address does as well. Found out before anything moves.
    async fn way(&self, to: HostId, via: Via) -> Result<Option<SocketAddr>, OrderError> {
        let dialer = &self.agent.parts.dialer;
        let Some(at) = dialer.at(to, via.address) else { return Ok(None) };
        match dialer.dial_at(to, at, Protocol::Http1).await {
            Ok(_) => Ok(Some(at)),
            Err(error) if via.must => {
                let text = format!("the destination does not answer at {at}: {error}");
                Err(OrderError::failed("VM_MIGRATE_FAILED", text))
            }
            Err(error) => {
                tracing::warn!(%at, %error, "memory goes to the destination's own address instead");
                Ok(None)
            }
        }
    }

    /// The source's end of the memory stream, before libvirt connects to it.
    fn listen(&self, vm: Uuid, to: HostId, at: Option<SocketAddr>) -> Result<Stream, OrderError> {
        let parts = &self.agent.parts;
        make_directory(&parts.config.paths.migrate())?;
        let path = parts.config.paths.migrate_socket(vm);
        let listener: UnixListener = bind_private(&path).map_err(|error| {
            OrderError::failed("VM_MIGRATE_FAILED", format!("{}: {error}", path.display()))
        })?;
        let task =
            tokio::spawn(forward(listener, parts.dialer.clone(), (to, at), Target::Migrate(vm)));
        Ok(Stream { path, task })
    }
}

fn target(parts: &AgentParts, vm: Uuid, to: HostId, pace: MigratePace) -> MigrateTarget {
    let libvirt = parts.config.paths.peer(to).join("libvirt.sock");
    MigrateTarget {
        uri: format!("qemu+unix:///system?socket={}", libvirt.display()),
        data_uri: format!("unix://{}", parts.config.paths.migrate_socket(vm).display()),
        pace,
    }
}

fn make_directory(path: &Path) -> Result<(), OrderError> {
    std::fs::create_dir_all(path).map_err(|error| {
        OrderError::failed("VM_MIGRATE_FAILED", format!("{}: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use haven_cluster::ids::{EpochNumber, Incarnation, Life};

    use super::*;

    fn term(epoch: u64) -> Term {
        let coordinator = Life { host: HostId(Uuid::nil()), incarnation: Incarnation(1) };
        Term { epoch: EpochNumber(epoch), coordinator }
    }

    #[tokio::test]
    async fn streams_open_only_to_the_announced_source_and_until_the_end() {
        let windows = Windows::default();
        let (vm, other) = (Uuid::new_v4(), Uuid::new_v4());
        let (source, stranger) = (HostId(Uuid::new_v4()), HostId(Uuid::new_v4()));
        assert_eq!(windows.allows(Target::Libvirt, source), None);
        windows.open(vm, source, term(1)).unwrap();
        assert!(windows.allows(Target::Libvirt, source).is_some());
        assert!(windows.allows(Target::Migrate(vm), source).is_some());
        assert_eq!(windows.allows(Target::Migrate(other), source), None);
        assert_eq!(windows.allows(Target::Libvirt, stranger), None);
        assert_eq!(windows.allows(Target::Migrate(vm), stranger), None);
        windows.close(vm);
        assert_eq!(windows.allows(Target::Libvirt, source), None);
        windows.open(vm, source, term(1)).unwrap();
        windows.open(other, source, term(2)).unwrap();
        windows.close_older(term(2));
        assert_eq!(windows.allows(Target::Migrate(vm), source), None);
        assert!(windows.allows(Target::Migrate(other), source).is_some());
    }

    #[tokio::test]
    async fn who_leaves_lets_nothing_in_and_cuts_what_is_on_its_way() {
        let (windows, vm, source) = (Windows::default(), Uuid::new_v4(), HostId(Uuid::new_v4()));
        windows.open(vm, source, term(1)).unwrap();
        let stream = windows.streams();
        windows.cut();
        assert!(stream.is_cancelled());
        assert_eq!(windows.allows(Target::Migrate(vm), source), None);
        windows.open(vm, source, term(2)).unwrap();
        assert_eq!(windows.allows(Target::Migrate(vm), source), Some(term(2)));
        assert!(!windows.streams().is_cancelled());
    }
}
