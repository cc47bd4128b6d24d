//! Long jobs: live migration, suspend to disk and resume.
//!
//! Migration is peer to peer: this host's libvirtd talks to the destination's. Domains are
//! transient on both sides, disks shared.

use std::time::{Duration, Instant};

use uuid::Uuid;
use virt::domain::MigrateParameters;
use virt::sys;

use super::driver::LibvirtHypervisor;
use super::ffi;
use crate::hypervisor::{
    HypervisorError, MigratePace, MigrateProgress, MigrateStats, MigrateTarget,
};

/// How long the statistics of a finished migration may take to arrive as an event.
const STATS_WAIT_MS: u64 = 2_000;

/// The pause that QEMU aims at when it decides that the rest of memory may be sent. Its own default
/// of 300 ms is three times what a guest should notice; a guest that never gets there is slowed
/// down until it does.
const PAUSE_AIM_MS: u64 = 50;

const MIGRATE_FLAGS: u32 =
    sys::VIR_MIGRATE_LIVE | sys::VIR_MIGRATE_PEER2PEER | sys::VIR_MIGRATE_ABORT_ON_ERROR;
/// What is sent when pages go as what changed in them.
const COMPRESSION: &str = "xbzrle";

fn flags(pace: MigratePace) -> u32 {
    let asked = |wanted: bool, flag: u32| if wanted { flag } else { 0 };
    MIGRATE_FLAGS
        | asked(pace.slow_guest, sys::VIR_MIGRATE_AUTO_CONVERGE)
        | asked(pace.compress, sys::VIR_MIGRATE_COMPRESSED)
}

impl LibvirtHypervisor {
    pub(super) fn migrate_out(
        &self,
        vm: Uuid,
        target: &MigrateTarget,
    ) -> Result<MigrateStats, HypervisorError> {
        self.hub.forget_job(vm);
        let MigratePace { bandwidth_mib_s, compress, .. } = target.pace;
        let parameters = MigrateParameters {
            uri: (!target.data_uri.is_empty()).then(|| target.data_uri.clone()),
            bandwidth: (bandwidth_mib_s > 0).then_some(bandwidth_mib_s),
            compression: compress.then(|| COMPRESSION.to_owned()),
            ..MigrateParameters::default()
        };
        let flags = flags(target.pace);
        let destination = target.uri.clone();
        let began = Instant::now();
        let deadline = self.config.job_deadline;
        self.on_domain(&self.lanes.job, "migrate", deadline, vm, move |domain| {
            // A driver without this setting migrates as well.
            if let Err(error) = domain.migrate_set_max_downtime(PAUSE_AIM_MS, 0) {
                tracing::debug!(%vm, %error, "the pause of a migration cannot be limited");
            }
            domain.migrate_to_uri3(Some(&destination), parameters, flags)
        })
        .map_err(|error| self.whose_connection(vm, error))?;
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let measured = self.hub.finished_job(vm, Duration::from_millis(STATS_WAIT_MS));
        let Some(stats) = measured else {
            tracing::warn!(%vm, "libvirt reported no statistics of the migration");
            return Ok(MigrateStats { elapsed_ms, ..MigrateStats::default() });
        };
        Ok(MigrateStats {
            elapsed_ms,
            downtime_ms: stats.downtime_ms,
            processed_bytes: stats.processed,
        })
    }

    /// libvirt reports a lost connection to the destination like one to itself. Only if the
    /// guest is here and no longer migrates, the migration is known to have failed.
    fn whose_connection(&self, vm: Uuid, error: HypervisorError) -> HypervisorError {
        match error {
            HypervisorError::Disconnected(text) if self.migration_progress(vm) == Ok(None) => {
                let text = format!("the connection to the destination broke: {text}");
                HypervisorError::Failed { call: "migrate".to_owned(), text }
            }
            other => other,
        }
    }

    pub(super) fn migration_progress(
        &self,
        vm: Uuid,
    ) -> Result<Option<MigrateProgress>, HypervisorError> {
        let deadline = self.config.query_deadline;
        let stats = self.on_domain(&self.lanes.query, "job stats", deadline, vm, ffi::job_stats)?;
        Ok(stats.outgoing().then_some(MigrateProgress {
            processed_bytes: stats.processed,
            remaining_bytes: stats.remaining,
            iteration: stats.iteration,
            transfer_bytes_s: stats.bytes_s,
            dirty_bytes_s: stats.dirty_pages_s.saturating_mul(stats.page_bytes),
            pause_ms: stats.downtime_ms,
            slowed_percent: stats.throttle_percent,
        }))
    }

    pub(super) fn abort(&self, vm: Uuid) -> Result<(), HypervisorError> {
        self.on_domain(
            &self.lanes.query,
            "abort job",
            self.config.query_deadline,
            vm,
            ffi::abort_job,
        )
    }

    pub(super) fn save(&self, vm: Uuid, path: &str) -> Result<(), HypervisorError> {
        let path = path.to_owned();
        self.on_domain(&self.lanes.job, "save", self.config.job_deadline, vm, move |domain| {
            ffi::save(domain, &path)
        })
    }
}
