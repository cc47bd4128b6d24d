//! From counters to values: what a sample says by name.

use std::collections::BTreeMap;

use haven_drivers::host_info::Load;
use haven_drivers::hypervisor::DomainStats;

/// Values of one object by name, in XenAPI's names and units.
pub type Values = BTreeMap<String, f64>;

const KIB: f64 = 1024.0;

#[expect(clippy::cast_precision_loss, reason = "graphs need no more than 53 bits")]
fn number(value: u64) -> f64 {
    value as f64
}

/// Growth of a counter by second; a counter that went back began anew.
fn rate(before: u64, after: u64, seconds: f64) -> f64 {
    match after.checked_sub(before) {
        Some(more) if seconds > 0.0 => number(more) / seconds,
        _ => f64::NAN,
    }
}

/// Nanoseconds of processor time by second, as a part of one.
fn busy(before: u64, after: u64, seconds: f64) -> f64 {
    (rate(before, after, seconds) / 1e9).min(1.0)
}

/// What a guest did between two looks.
pub(super) fn guest(before: &DomainStats, after: &DomainStats, seconds: f64) -> Values {
    let mut values = Values::new();
    for (vcpu, (old, new)) in before.vcpu_time_ns.iter().zip(&after.vcpu_time_ns).enumerate() {
        values.insert(format!("cpu{vcpu}"), busy(*old, *new, seconds));
    }
    let vcpus = after.vcpu_time_ns.len().max(1);
    let share = rate(before.cpu_time_ns, after.cpu_time_ns, seconds) / 1e9;
    values.insert("cpu_usage".to_owned(), (share / number(vcpus as u64)).min(1.0));
    values.insert("memory".to_owned(), number(after.memory_bytes));
    values.insert("memory_target".to_owned(), number(after.memory_bytes));
    if let Some(unused) = after.memory_unused_bytes {
        values.insert("memory_internal_free".to_owned(), number(unused) / KIB);
    }
    for (new, old) in after.disks.iter().zip(&before.disks) {
        if new.target != old.target {
            continue;
        }
        let device = &new.target;
        let mut add = |what: &str, old, new| {
            values.insert(format!("vbd_{device}_{what}"), rate(old, new, seconds));
        };
        add("read", old.read_bytes, new.read_bytes);
        add("write", old.written_bytes, new.written_bytes);
        add("iops_read", old.reads, new.reads);
        add("iops_write", old.writes, new.writes);
    }
    for (index, (new, old)) in after.nics.iter().zip(&before.nics).enumerate() {
        values.insert(format!("vif_{index}_rx"), rate(old.rx_bytes, new.rx_bytes, seconds));
        values.insert(format!("vif_{index}_tx"), rate(old.tx_bytes, new.tx_bytes, seconds));
    }
    values
}

/// What the host did between two looks.
pub(super) fn host(before: &Load, after: &Load, seconds: f64) -> Values {
    let mut values = Values::new();
    let mut sum = 0.0;
    for (cpu, (old, new)) in before.cpus.iter().zip(&after.cpus).enumerate() {
        let all = new.total.saturating_sub(old.total);
        let idle = new.idle.saturating_sub(old.idle);
        let used = if all == 0 { 0.0 } else { 1.0 - (number(idle) / number(all)).min(1.0) };
        sum += used;
        values.insert(format!("cpu{cpu}"), used);
    }
    if !after.cpus.is_empty() {
        values.insert("cpu_avg".to_owned(), sum / number(after.cpus.len() as u64));
    }
    values.insert("loadavg".to_owned(), after.load);
    values.insert("memory_total_kib".to_owned(), number(after.memory.total) / KIB);
    values.insert("memory_free_kib".to_owned(), number(after.memory.free) / KIB);
    let (mut all_rx, mut all_tx) = (0.0, 0.0);
    for (device, new) in &after.nics {
        let Some(old) = before.nics.get(device) else { continue };
        let rx = rate(old.rx_bytes, new.rx_bytes, seconds);
        let tx = rate(old.tx_bytes, new.tx_bytes, seconds);
        (all_rx, all_tx) = (all_rx + rx, all_tx + tx);
        values.insert(format!("pif_{device}_rx"), rx);
        values.insert(format!("pif_{device}_tx"), tx);
    }
    values.insert("pif_aggr_rx".to_owned(), all_rx);
    values.insert("pif_aggr_tx".to_owned(), all_tx);
    values
}

/// Unit, smallest and largest value of a name.
pub(super) fn unit(name: &str) -> (&'static str, f64, f64) {
    let part = |end: &str| name.ends_with(end);
    if name.starts_with("cpu") {
        ("(fraction)", 0.0, 1.0)
    } else if name == "loadavg" {
        ("(fraction)", 0.0, f64::INFINITY)
    } else if part("_kib") || name == "memory_internal_free" {
        ("KiB", 0.0, f64::INFINITY)
    } else if part("iops_read") || part("iops_write") {
        ("requests/s", 0.0, f64::INFINITY)
    } else if part("_read") || part("_write") || part("_rx") || part("_tx") {
        ("B/s", 0.0, f64::INFINITY)
    } else {
        ("B", 0.0, f64::INFINITY)
    }
}

#[cfg(test)]
mod tests {
    use haven_drivers::hypervisor::{DiskStats, NicStats};

    use super::*;

    #[test]
    fn counters_become_rates_and_one_that_went_back_becomes_nothing() {
        let look = |cpu: u64, bytes: u64| DomainStats {
            cpu_time_ns: cpu,
            vcpu_time_ns: vec![cpu / 2, cpu / 2],
            memory_bytes: 1 << 30,
            disks: vec![DiskStats {
                target: "vda".to_owned(),
                read_bytes: bytes,
                ..DiskStats::default()
            }],
            nics: vec![NicStats { rx_bytes: bytes, tx_bytes: 0 }],
            ..DomainStats::default()
        };
        let values = guest(&look(0, 1000), &look(5_000_000_000, 6000), 5.0);
        assert_eq!(values["cpu0"], 0.5);
        assert_eq!(values["cpu_usage"], 0.5);
        assert_eq!(values["vbd_vda_read"], 1000.0);
        assert_eq!(values["vif_0_rx"], 1000.0);
        assert_eq!(values["memory"], 1_073_741_824.0);
        assert!(guest(&look(9, 9), &look(0, 0), 5.0)["vif_0_rx"].is_nan());
        assert_eq!(unit("vbd_vda_iops_read").0, "requests/s");
        assert_eq!(unit("cpu_avg"), ("(fraction)", 0.0, 1.0));
    }
}
