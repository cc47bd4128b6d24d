//! Counters that grow as if somebody worked: smooth, different for each guest, always the same.

use uuid::Uuid;

use crate::hypervisor::{DiskStats, DomainStats, NicStats};

/// Seconds of one swing.
const PERIOD_S: f64 = 300.0;
/// Mean load of a virtual processor, as a part of one.
const CPU: f64 = 0.3;
/// Mean bytes by second of disks and networks.
const BYTES: f64 = 400_000.0;
/// Mean size of a disk request.
const REQUEST_BYTES: f64 = 16_384.0;

/// A counter that has grown for some seconds, with this mean by second; never back.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "made-up figures"
)]
#[must_use]
pub fn grown(seconds: f64, seed: u64, mean: f64) -> u64 {
    let turn = std::f64::consts::TAU / PERIOD_S;
    let phase = (seed % 997) as f64;
    // The integral of mean · (1 + 0.9 · sin).
    let swing = 0.9 / turn * ((phase).cos() - (turn * seconds + phase).cos());
    (mean * (seconds + swing)).max(0.0) as u64
}

/// The counters of a guest.
pub(super) fn guest(
    uuid: Uuid,
    seconds: f64,
    memory_bytes: u64,
    vcpus: u32,
    targets: &[String],
) -> DomainStats {
    let (seed, _) = uuid.as_u64_pair();
    let each: Vec<u64> = (0..u64::from(vcpus))
        .map(|vcpu| grown(seconds, seed.wrapping_add(vcpu), CPU * 1e9))
        .collect();
    let disk = |(index, target): (usize, &String)| {
        let seed = seed.wrapping_add(100 + index as u64);
        DiskStats {
            target: target.clone(),
            read_bytes: grown(seconds, seed, BYTES),
            written_bytes: grown(seconds, seed.wrapping_add(1), BYTES / 2.0),
            reads: grown(seconds, seed, BYTES / REQUEST_BYTES),
            writes: grown(seconds, seed.wrapping_add(1), BYTES / 2.0 / REQUEST_BYTES),
        }
    };
    DomainStats {
        uuid,
        cpu_time_ns: each.iter().sum(),
        vcpu_time_ns: each,
        memory_bytes,
        memory_unused_bytes: Some(memory_bytes / 3),
        disks: targets.iter().enumerate().map(disk).collect(),
        nics: vec![NicStats {
            rx_bytes: grown(seconds, seed.wrapping_add(7), BYTES / 3.0),
            tx_bytes: grown(seconds, seed.wrapping_add(9), BYTES / 5.0),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::grown;

    #[test]
    fn counters_never_go_back_and_keep_their_mean() {
        for seed in [0, 3, 500] {
            let all: Vec<u64> = (0..3000).map(|s| grown(f64::from(s), seed, 1000.0)).collect();
            assert!(all.is_sorted());
            let mean = all[2999] / 2999;
            assert!((900..=1100).contains(&mean), "{mean}");
        }
    }
}
