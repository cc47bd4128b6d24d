//! Processor and memory, from `/proc` and `/sys`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::firmware::FIRMWARE;

/// The processor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    /// Logical CPUs.
    pub count: u32,
    /// Sockets.
    pub sockets: u32,
    /// Vendor as the kernel names it, e.g. `AuthenticAMD`.
    pub vendor: String,
    /// Model name.
    pub model: String,
    /// Flags, separated by blanks.
    pub flags: String,
    /// MHz.
    pub mhz: f64,
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// All.
    pub total: u64,
    /// Free, with what caches would give back.
    pub free: u64,
}

/// Memory of a NUMA node in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numa {
    /// Number of the node.
    pub node: u32,
    /// All.
    pub total: u64,
    /// Free.
    pub free: u64,
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// What the firmware of this host says of itself, named as XenAPI names it.
#[must_use]
pub fn firmware() -> BTreeMap<String, String> {
    let text = |file: &str| {
        let text = read(Path::new("/sys/class/dmi/id").join(file));
        // Who fills such tables leaves blanks, and now and then worse.
        let text: String = text.trim().chars().filter(|c| matches!(c, ' '..='~')).collect();
        (!text.is_empty()).then_some(text)
    };
    let found = FIRMWARE.iter().filter_map(|s| Some((s.key.to_owned(), text(s.file?)?)));
    found.collect()
}

/// The processor of this host.
#[must_use]
pub fn cpu() -> Cpu {
    parse_cpu(&read("/proc/cpuinfo"))
}

/// Memory of this host.
#[must_use]
pub fn memory() -> Memory {
    let text = read("/proc/meminfo");
    Memory {
        total: kib(&text, "MemTotal:").unwrap_or_default(),
        free: kib(&text, "MemAvailable:").unwrap_or_default(),
    }
}

/// NUMA nodes of this host, by number.
#[must_use]
pub fn numa() -> Vec<Numa> {
    let Ok(entries) = std::fs::read_dir("/sys/devices/system/node") else { return Vec::new() };
    let mut nodes: Vec<Numa> = entries
        .flatten()
        .filter_map(|entry| {
            let node = entry.file_name().to_str()?.strip_prefix("node")?.parse().ok()?;
            Some(parse_numa(node, &read(entry.path().join("meminfo"))))
        })
        .collect();
    nodes.sort_by_key(|n| n.node);
    nodes
}

/// The number after `key`, which the kernel gives in KiB, in bytes.
fn kib(text: &str, key: &str) -> Option<u64> {
    let (_, rest) = text.split_once(key)?;
    rest.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|n| n * 1024)
}

fn parse_numa(node: u32, text: &str) -> Numa {
    Numa {
        node,
        total: kib(text, "MemTotal:").unwrap_or_default(),
        free: kib(text, "MemFree:").unwrap_or_default(),
    }
}

fn parse_cpu(text: &str) -> Cpu {
    let mut cpu = Cpu::default();
    let mut sockets = BTreeSet::new();
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        let first = cpu.count <= 1;
        match key.trim() {
            "processor" => cpu.count += 1,
            "physical id" => {
                sockets.insert(value);
            }
            "vendor_id" if first => cpu.vendor = value.to_owned(),
            "model name" if first => cpu.model = value.to_owned(),
            "flags" if first => cpu.flags = value.to_owned(),
            "cpu MHz" if first => cpu.mhz = value.parse().unwrap_or_default(),
            _ => {}
        }
    }
    cpu.sockets = u32::try_from(sockets.len()).unwrap_or(u32::MAX).max(1);
    cpu
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_and_sockets_are_counted() {
        let text = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: A\n\
                    cpu MHz\t: 2400.5\nphysical id\t: 0\n\
                    processor\t: 1\nvendor_id\t: AuthenticAMD\nmodel name\t: B\nphysical id\t: 1\n";
        let cpu = parse_cpu(text);
        assert_eq!((cpu.count, cpu.sockets, cpu.model.as_str()), (2, 2, "A"));
        assert!((cpu.mhz - 2400.5).abs() < 0.01);
    }

    #[test]
    fn memory_is_read_in_both_formats() {
        let node = "Node 0 MemTotal:       2048 kB\nNode 0 MemFree:        1024 kB\n";
        assert_eq!(parse_numa(0, node), Numa { node: 0, total: 2 << 20, free: 1 << 20 });
        assert_eq!(kib("MemTotal:  4 kB\nMemAvailable: 2 kB", "MemAvailable:"), Some(2048));
    }
}
