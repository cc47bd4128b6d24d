//! The whole daemon: what `havend` runs.
//!
//! Owns: how the host side, the coordinator side and high availability are joined.

use std::time::Duration;

use haven_drivers::hypervisor::HypervisorError;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app::{Daemon, until};
use crate::boot::BootError;
use crate::config::Config;
use crate::drivers::drivers;

/// Longest wait for requests under way when the daemon stops.
const STOP_MAX: Duration = Duration::from_secs(5);

/// Why the daemon ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not start.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The hypervisor's driver could not be made.
    #[error("hypervisor: {0}")]
    Hypervisor(#[from] HypervisorError),
    /// A part ended by itself.
    #[error("a part of the daemon ended by itself; see the log")]
    PartEnded,
}

/// Runs until `stop`. Guests run on.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), RunError> {
    let (drivers, simulation) = drivers(&config)?;
    let mut daemon = Daemon::start(config, drivers, stop.clone()).await?;
    if let Some(simulation) = simulation {
        let (state, reports) = (daemon.state.clone(), daemon.reports.clone());
        daemon.tasks.spawn(until(stop.clone(), simulation.run(state, reports)));
    }
    let identity = &daemon.state.identity;
    tracing::info!(
        host = %identity.host().0,
        pool = ?identity.pool().map(|pool| pool.pool),
        version = env!("CARGO_PKG_VERSION"),
        "havend starts"
    );
    if let Some(manager) = crate::notify::Manager::from_environment() {
        tokio::spawn(manager.keep(stop.clone()));
    }
    let served = serve_until(daemon.tasks, stop).await;
    if let Some(ha) = daemon.state.ha.get() {
        ha.end().await;
    }
    tracing::info!("havend stops; guests run on");
    served
}

/// Waits for `stop`; a part that ends before is a fault, and a new process better than a rest.
async fn serve_until(mut tasks: JoinSet<()>, stop: CancellationToken) -> Result<(), RunError> {
    tokio::select! {
        () = stop.cancelled() => {}
        // Who is told to stop ends its parts in the same moment.
        ended = tasks.join_next() => if !stop.is_cancelled() {
            tracing::error!(?ended, "a part of the daemon ended by itself");
            stop.cancel();
            return Err(RunError::PartEnded);
        }
    }
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(STOP_MAX, all).await.is_err() {
        tracing::warn!("requests under way were cut off");
    }
    Ok(())
}
