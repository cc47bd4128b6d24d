//! The whole daemon: host side, coordinator side, high availability, put together.
//!
//! Owns: which of them knows which. Used by the program and by tests alike.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::agent::Agent;
use crate::boot::{BootError, Drivers, HaPorts, HostSide, Routers, open_identity};
use crate::config::Config;
use crate::ha::{GuardLink, Ha};
use crate::orders::Report;
use crate::state::AppState;
use crate::{
    coordinator, discovery, dispatch, guest_watch, http, own_copy, reconcile, replicate, stats,
    transfer,
};

/// A daemon that runs.
#[derive(Debug)]
pub struct Daemon {
    /// What its requests work with.
    pub state: Arc<AppState>,
    /// Its host side.
    pub agent: Agent,
    /// Where the coordinator side takes reports.
    pub reports: mpsc::Sender<Report>,
    /// Its parts; none ends before it is told to.
    pub tasks: JoinSet<()>,
}

impl Daemon {
    /// Starts everything; guests that run already are found, not touched.
    ///
    /// # Errors
    /// The identity cannot be read, or a port is taken.
    pub async fn start(
        config: Config,
        drivers: Drivers,
        stop: CancellationToken,
    ) -> Result<Self, BootError> {
        let identity = open_identity(&config)?;
        let leftovers = transfer::end_leftovers(&config.paths.run());
        let link = GuardLink::start(&config, identity.clone());
        let ports = HaPorts { permits: Arc::new(link.clone()), guard: Arc::new(link.clone()) };
        let mut side = HostSide::assemble(config.clone(), identity.clone(), drivers, ports);
        let state = AppState::start(config, &side);
        // Nobody else has the state yet.
        let _first = state.ha.set(Ha::start(link, state.clone(), stop.clone()));
        if let Err(error) = coordinator::open_local(&state).await {
            tracing::error!(%error, "the pool database cannot be opened");
        }
        let app = http::router(state.clone());
        let (fair, pool) = (state.fair.clone(), state.pool.clone());
        let routers = Routers { api: app.clone(), local: app.clone(), proxied: app, fair, pool };
        let reports = side.take_reports();
        let mut tasks = side.start(routers, &stop).await?;
        if let Some(reports) = reports {
            tasks.spawn(reconcile::run(state.clone(), reports, stop.clone()));
        }
        // It ends by itself, which the parts of the daemon never do.
        tokio::spawn(until(stop.clone(), leftovers));
        tasks.spawn(until(stop.clone(), replicate::run(state.clone())));
        tasks.spawn(until(stop.clone(), own_copy::run(state.clone())));
        tasks.spawn(until(stop.clone(), stats::follow(state.clone())));
        tasks.spawn(until(stop.clone(), stats::copies(state.clone())));
        tasks.spawn(until(stop.clone(), dispatch::expire(state.clone())));
        tasks.spawn(discovery::run(state.clone(), stop.clone()));
        tasks.spawn(until(stop.clone(), reconcile::guests::run(state.clone())));
        tasks.spawn(until(stop.clone(), guest_watch::run(state.clone())));
        Ok(Self { state, reports: side.report_to(), agent: side.agent, tasks })
    }
}

/// `work`, but not longer than until `stop`.
pub(crate) async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}
