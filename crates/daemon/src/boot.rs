//! Starting and stopping the host side of the daemon.
//!
//! Owns: the order in which things start. Stopping touches no guest: domains belong to libvirt
//! and run on, and the next start finds them.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use haven_drivers::hypervisor::Hypervisor;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::agent::permit::{GuardPort, NeverArmed, PermitGate};
use crate::agent::{Agent, AgentParts, PeerHandlers, StorageSet, peer_router};
use crate::authority::Authority;
use crate::config::Config;
use crate::fair::Fair;
use crate::http::redirect;
use crate::identity::{IdentityError, IdentityStore};
use crate::order_client::OrderClient;
use crate::orders::Report;
use crate::peer_net::{Dialer, TlsStore, serve_plain, serve_tls, serve_unix};
use crate::peer_proxy::{bind_private, keep_sockets};
use crate::state::PoolDb;
use crate::stats::collect;
use crate::tls::{HostTls, load_site};

/// Reports that may wait for the coordinator side.
const REPORTS_MAX: usize = 1024;

/// The outside world.
#[derive(Clone, Debug)]
pub struct Drivers {
    /// The hypervisor.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// Storage by type.
    pub storage: StorageSet,
}

/// The local guard.
#[derive(Clone, Debug)]
pub struct HaPorts {
    /// Its word on permits.
    pub permits: Arc<dyn PermitGate>,
    /// Its commands.
    pub guard: Arc<dyn GuardPort>,
}

impl Default for HaPorts {
    /// No guard.
    fn default() -> Self {
        Self { permits: Arc::new(NeverArmed), guard: Arc::new(NeverArmed) }
    }
}

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The host's identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A listener or directory.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What happened.
        source: std::io::Error,
    },
}

/// The host side, assembled but not yet heard of.
#[derive(Debug)]
pub struct HostSide {
    /// Carries out orders.
    pub agent: Agent,
    /// Gives them.
    pub orders: OrderClient,
    /// Who may.
    pub authority: Authority,
    /// Who this host is.
    pub identity: Arc<IdentityStore>,
    reports: mpsc::Sender<Report>,
    inbox: Option<mpsc::Receiver<Report>>,
}

/// Reads the identity, counting this start of the daemon.
pub fn open_identity(config: &Config) -> Result<Arc<IdentityStore>, BootError> {
    let identity = IdentityStore::open(&config.paths.host_json())?;
    identity.update(|identity| identity.starts += 1)?;
    Ok(Arc::new(identity))
}

impl HostSide {
    /// Puts the parts together. Nothing listens and nothing runs yet.
    #[must_use]
    pub fn assemble(
        config: Config,
        identity: Arc<IdentityStore>,
        drivers: Drivers,
        ha: HaPorts,
    ) -> Self {
        let tls = TlsStore::default();
        let site = load_site(&config.paths.site_tls()).and_then(|site| tls.set_site(site));
        match site {
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "the site's own certificate cannot be used: \
                 clients see the pool's; mend server.pem and server.key and restart havend"),
        }
        if identity.pool().is_some() {
            let loaded = HostTls::load(&config.paths.tls()).and_then(|loaded| tls.set(loaded));
            if let Err(error) = loaded {
                tracing::error!(%error, "this host has no usable certificate: no other host of \
                     the pool can speak to it; let it leave the pool and join again");
            }
        }
        let authority = Authority::new(identity.clone(), ha.permits);
        let dialer = Dialer::new(identity.clone(), tls.clone());
        let orders = OrderClient::new(identity.clone(), authority.clone(), dialer.clone());
        let agent = Agent::new(AgentParts {
            config,
            identity: identity.clone(),
            authority: authority.clone(),
            guard: ha.guard,
            hypervisor: drivers.hypervisor,
            storage: drivers.storage,
            tls,
            dialer,
        });
        orders.set_local(agent.clone());
        let (reports, inbox) = mpsc::channel(REPORTS_MAX);
        Self { agent, orders, authority, identity, reports, inbox: Some(inbox) }
    }

    /// Reports of all members, for the coordinator side. Once.
    pub fn take_reports(&mut self) -> Option<mpsc::Receiver<Report>> {
        self.inbox.take()
    }

    /// Where reports go that are made in this process.
    #[must_use]
    pub fn report_to(&self) -> mpsc::Sender<Report> {
        self.reports.clone()
    }

    /// Listens, attaches storage, reports: until `stop`. `routers` serve the API.
    pub async fn start(
        &self,
        routers: Routers,
        stop: &CancellationToken,
    ) -> Result<JoinSet<()>, BootError> {
        let config = &self.agent.parts().config;
        let settings = &config.settings;
        let tls = &self.agent.parts().tls;
        let mut tasks = JoinSet::new();
        let peer = listen(settings.listen, settings.peer_port).await?;
        let api = listen(settings.listen, settings.api_port).await?;
        if settings.http_port != 0 {
            let plain = listen(settings.listen, settings.http_port).await?;
            let app = redirect(settings.api_port);
            tasks.spawn(serve_plain(plain, app, stop.clone()));
        }
        let path = config.paths.api_socket();
        let local = bind_private(&path).map_err(|source| io_error(path, source))?;
        let (reports, proxied) = (self.reports.clone(), routers.proxied);
        let handlers = PeerHandlers { reports, proxied, pool: routers.pool };
        let peer_app = peer_router(self.agent.clone(), handlers);
        let peer_tls = tls.clone();
        tasks.spawn(serve_tls(peer, move || peer_tls.peer_server(), peer_app, None, stop.clone()));
        let api_tls = tls.clone();
        let fair = Some(routers.fair);
        tasks.spawn(serve_tls(api, move || api_tls.api_server(), routers.api, fair, stop.clone()));
        tasks.spawn(serve_unix(local, routers.local, stop.clone()));
        tasks.spawn(self.agent.clone().keep_attached(stop.clone()));
        let (stats, hypervisor) =
            (self.agent.stats().clone(), self.agent.parts().hypervisor.clone());
        tasks.spawn(collect(stats, self.agent.host().0, hypervisor, stop.clone()));
        tasks.spawn(self.agent.clone().keep_reporting(
            self.orders.clone(),
            self.reports.clone(),
            stop.clone(),
        ));
        tasks.spawn(keep_sockets(
            config.paths.clone(),
            self.identity.clone(),
            self.agent.parts().dialer.clone(),
            stop.clone(),
        ));
        Ok(tasks)
    }
}

/// The applications of the three ways in. Each request carries a [`crate::peer_net::Caller`].
#[derive(Clone, Debug, Default)]
pub struct Routers {
    /// Over TLS, for everybody.
    pub api: Router,
    /// Over the local socket, for root.
    pub local: Router,
    /// From another member, for its clients.
    pub proxied: Router,
    /// Whose connection is next, of clients over TLS.
    pub fair: Arc<Fair>,
    /// The pool database, where this host coordinates.
    pub pool: PoolDb,
}

async fn listen(address: std::net::IpAddr, port: u16) -> Result<TcpListener, BootError> {
    TcpListener::bind((address, port)).await.map_err(|source| BootError::Io {
        what: format!("cannot listen on {address} port {port}"),
        source,
    })
}

fn io_error(path: PathBuf, source: std::io::Error) -> BootError {
    BootError::Io { what: path.display().to_string(), source }
}
