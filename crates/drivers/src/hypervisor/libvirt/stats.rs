//! Statistics of all domains, whatever their storage does.

use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt::sys;

use super::changes::targets;
use super::stats_ffi;
use crate::hypervisor::{DiskStats, DomainStats};

/// Statistics of all active domains; of one that is busy only what is known without waiting.
pub(crate) fn all(connection: &Connect) -> Result<Vec<DomainStats>, Error> {
    let mut all = stats_ffi::all_stats(connection)?;
    for domain in connection.list_all_domains(sys::VIR_CONNECT_LIST_DOMAINS_ACTIVE)? {
        let Ok(uuid) = domain.get_uuid() else { continue };
        if let Some(stats) = all.iter_mut().find(|stats| stats.uuid == uuid) {
            stats.disks = disks(&domain);
        }
    }
    Ok(all)
}

/// The counters of each disk; none of a domain that has just ended.
fn disks(domain: &Domain) -> Vec<DiskStats> {
    let xml = domain.get_xml_desc(0).unwrap_or_default();
    let counted = targets(&xml).into_iter().filter_map(|target| {
        let stats = domain.get_block_stats(&target).ok()?;
        let number = |value: i64| u64::try_from(value).unwrap_or(0);
        Some(DiskStats {
            target,
            read_bytes: number(stats.rd_bytes),
            written_bytes: number(stats.wr_bytes),
            reads: number(stats.rd_req),
            writes: number(stats.wr_req),
        })
    });
    counted.collect()
}
