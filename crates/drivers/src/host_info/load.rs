//! What the host is doing: counters of its processors and network devices.

use std::collections::BTreeMap;

use super::Memory;

/// Time of one processor, in ticks of the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTicks {
    /// All time.
    pub total: u64,
    /// Of that, with nothing to do (or waiting for disks).
    pub idle: u64,
}

/// Bytes of a network device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NicBytes {
    /// Received.
    pub rx_bytes: u64,
    /// Sent.
    pub tx_bytes: u64,
}

/// Counters at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Processors by number.
    pub cpus: Vec<CpuTicks>,
    /// Processes that want to run, mean of a minute.
    pub load: f64,
    /// Memory.
    pub memory: Memory,
    /// Network devices by name, without loopback and those of guests.
    pub nics: BTreeMap<String, NicBytes>,
}

/// Devices that belong to guests or to the host alone.
const FOREIGN: &[&str] = &["lo", "vnet", "tap", "vif", "veth"];

/// Reads them.
#[must_use]
pub fn load() -> Load {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    Load {
        cpus: cpus(&read("/proc/stat")),
        load: read("/proc/loadavg").split(' ').next().and_then(|t| t.parse().ok()).unwrap_or(0.0),
        memory: super::memory(),
        nics: nics(&read("/proc/net/dev")),
    }
}

fn cpus(text: &str) -> Vec<CpuTicks> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("cpu"));
    lines
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .map(|line| {
            let ticks: Vec<u64> =
                line.split_ascii_whitespace().skip(1).filter_map(|t| t.parse().ok()).collect();
            // user nice system idle iowait irq softirq steal; guests are in user already.
            let at = |index: usize| ticks.get(index).copied().unwrap_or(0);
            CpuTicks { total: ticks.iter().take(8).sum(), idle: at(3) + at(4) }
        })
        .collect()
}

fn nics(text: &str) -> BTreeMap<String, NicBytes> {
    text.lines()
        .filter_map(|line| {
            let (name, counters) = line.split_once(':')?;
            let name = name.trim();
            if FOREIGN.iter().any(|start| name.starts_with(start)) {
                return None;
            }
            let mut counters = counters.split_ascii_whitespace();
            let rx_bytes = counters.next()?.parse().ok()?;
            let tx_bytes = counters.nth(7)?.parse().ok()?;
            Some((name.to_owned(), NicBytes { rx_bytes, tx_bytes }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_as_the_kernel_writes_them() {
        let stat = "cpu  9 9 9 9\ncpu0 10 1 5 80 4 0 0 0 3 0\ncpu1 1 1 1 1 1 1 1 1 0 0\nintr 5\n";
        let found = cpus(stat);
        assert_eq!(found, [CpuTicks { total: 100, idle: 84 }, CpuTicks { total: 8, idle: 2 }]);
        let dev = "Inter-|   Receive\n face |bytes\n    lo: 5 0 0 0 0 0 0 0 5 0\n  \
                   eth0: 100 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0\n vnet3: 1 1 1 1 1 1 1 1 1 1\n";
        let found = nics(dev);
        assert_eq!(found.len(), 1);
        assert_eq!(found["eth0"], NicBytes { rx_bytes: 100, tx_bytes: 200 });
    }
}
