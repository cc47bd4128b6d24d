//! Keeps the database true to what runs.
//!
//! Owns: the last report of each host. Level-triggered: each report says all that runs on its
//! host, and what the database says otherwise is corrected, unless an operation is about to do
//! so itself. A VM that is absent from a report is asked for once more before it counts as
//! halted, because the report may be older than its start.

mod apply;
pub mod guests;
mod hosts;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::orders::Report;
use crate::state::AppState;

pub use hosts::ask_all;

/// How often silent hosts are looked for.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Reports that a host may miss before it counts as silent.
const MISSED_MAX: u32 = 3;
/// A host is not silent before this time.
const SILENT_MIN: Duration = Duration::from_secs(15);

/// When each host was last heard.
#[derive(Debug, Default)]
pub struct Reports {
    heard: Mutex<BTreeMap<Uuid, Instant>>,
}

impl Reports {
    fn hear(&self, host: Uuid) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(host, Instant::now());
    }

    /// Whether a host was heard lately. One that was never heard counts from the first question.
    fn is_silent(&self, host: Uuid, limit: Duration) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.entry(host).or_insert_with(Instant::now).elapsed() > limit
    }
}

/// Takes reports until `stop`.
pub async fn run(
    state: Arc<AppState>,
    mut reports: mpsc::Receiver<Report>,
    stop: CancellationToken,
) {
    let limit = (state.config.report_interval() * MISSED_MAX).max(SILENT_MIN);
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            report = reports.recv() => match report {
                Some(report) => take(&state, report).await,
                None => return,
            },
            _ = looks.tick() => hosts::find_silent(&state, limit).await,
        }
    }
}

async fn take(state: &Arc<AppState>, report: Report) {
    let member = state
        .identity
        .pool()
        .is_some_and(|pool| pool.pool == report.pool && pool.member(report.host).is_some());
    if !member || !state.may_act().await {
        return;
    }
    state.reports.hear(report.host.0);
    let host = haven_model::Ref::from_uuid(report.host.0);
    if let Err(error) = hosts::heard(state, host).await {
        tracing::warn!(%error, %host, "a report could not be written down");
    }
    let Some(inventory) = report.inventory else { return };
    if let Err(error) = apply::inventory(state, host, *inventory).await {
        tracing::warn!(%error, %host, "an inventory could not be written down");
    }
}
