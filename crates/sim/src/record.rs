//! Guards that record what they are told, as production's do with `--record` (scenario 118).
//!
//! Owns: one record for each life of each guard. The form of a record, and how it is repeated, is production
//! code (`haven_cluster::trace`).

use std::collections::BTreeMap;

use haven_cluster::api::{BootInfo, Input, Output};
use haven_cluster::control::ArmConfig;
use haven_cluster::ids::Instant;
use haven_cluster::trace::{self, TraceWriter};

use crate::World;

/// A record that grows.
#[derive(Debug, Default)]
struct Record {
    writer: TraceWriter,
    bytes: Vec<u8>,
}

/// Nothing while nobody asked for records.
#[derive(Debug, Default)]
pub(crate) struct Records {
    on: bool,
    /// By host: its lives, the newest last.
    of: BTreeMap<usize, Vec<Record>>,
}

impl Records {
    /// A guard begins.
    pub(crate) fn begin(&mut self, host: usize, boot: &BootInfo, config: &ArmConfig, seed: u64) {
        if let Some(bytes) = TraceWriter::begin(boot, config, seed).filter(|_| self.on) {
            let record = Record { bytes, ..Record::default() };
            self.of.entry(host).or_default().push(record);
        }
    }

    fn newest(&mut self, host: usize) -> Option<&mut Record> {
        self.of.get_mut(&host).filter(|_| self.on)?.last_mut()
    }

    /// A guard is about to be told something.
    pub(crate) fn input(&mut self, host: usize, now: Instant, input: &Input<'_>) {
        if let Some(record) = self.newest(host) {
            record.bytes.extend(record.writer.input(now, input).unwrap_or_default());
        }
    }

    /// What it says to that.
    pub(crate) fn outputs(&mut self, host: usize, outputs: &[Output]) {
        if let Some(record) = self.newest(host) {
            record.bytes.extend(outputs.iter().flat_map(TraceWriter::output));
        }
    }
}

impl World {
    /// From now on guards that begin record what they are told.
    pub fn record_guards(&mut self) {
        self.records.on = true;
    }

    /// Whether a machine that is told what was recorded decides the same, for each life of each guard; and
    /// at least one did something.
    #[must_use]
    pub fn records_repeat(&self) -> bool {
        let mut all = self.records.of.values().flatten();
        let repeats = |record: &Record| {
            let done = trace::replay(&record.bytes, |_, _| {});
            done.is_ok_and(|done| done.inputs > 0 && done.outputs > 0)
        };
        !self.records.of.is_empty() && all.all(repeats)
    }
}
