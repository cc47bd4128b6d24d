//! Writes down what the machine is told and what it says (`--record`), for replay elsewhere.
//!
//! Owns: one file for this life, and the one before beside it. Off the path of beats: pieces go to a thread
//! through a bounded queue, and what finds no room ends the record, not the beat. The file is for root
//! alone, for it holds the key of the datagrams.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use haven_cluster::control::ArmConfig;
use haven_cluster::ids::Instant;
use haven_cluster::trace::TraceWriter;
use haven_cluster::{BootInfo, Input, Output};

use crate::{log, spawn, sys};

/// Pieces that wait to be written.
const QUEUE_MAX: usize = 16 * 1024;
/// Bytes of one record.
const RECORD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The record of one life.
#[derive(Debug)]
pub(crate) struct Recorder {
    writer: TraceWriter,
    /// None: the record is over.
    pieces: Option<SyncSender<Vec<u8>>>,
    written: usize,
}

impl Recorder {
    /// Begins a record. A guard that cannot record works all the same.
    pub(crate) fn start(
        path: &Path,
        boot: &BootInfo,
        config: &ArmConfig,
        seed: u64,
    ) -> Option<Self> {
        let file = open(path).map_err(|error| log::warn(&format!("nothing is recorded: {error}")));
        let begin = TraceWriter::begin(boot, config, seed)?;
        let (pieces, waiting) = sync_channel(QUEUE_MAX);
        let file = file.ok()?;
        spawn("record", move || write(file, &waiting)).ok()?;
        let mut recorder =
            Self { writer: TraceWriter::default(), pieces: Some(pieces), written: 0 };
        recorder.put(Some(begin));
        Some(recorder)
    }

    /// The machine is about to be told this.
    pub(crate) fn input(&mut self, now: Instant, input: &Input<'_>) {
        if self.pieces.is_some() {
            let piece = self.writer.input(now, input);
            self.put(piece);
        }
    }

    /// The machine said this.
    pub(crate) fn output(&mut self, output: &Output) {
        if self.pieces.is_some() {
            self.put(Some(TraceWriter::output(output)));
        }
    }

    fn put(&mut self, piece: Option<Vec<u8>>) {
        let Some(pieces) = &self.pieces else { return };
        let piece = piece.filter(|piece| self.written + piece.len() < RECORD_BYTES_MAX);
        self.written += piece.as_ref().map_or(0, Vec::len);
        if piece.is_none_or(|piece| pieces.try_send(piece).is_err()) {
            // What would follow could not be replayed.
            let _full: Result<(), _> = pieces.try_send(TraceWriter::torn());
            self.pieces = None;
            log::warn("the record ends here: no room for more");
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut before = path.as_os_str().to_owned();
    before.push(".1");
    match std::fs::rename(path, PathBuf::from(before)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn write(mut file: File, waiting: &Receiver<Vec<u8>>) {
    if let Err(error) = sys::become_ordinary() {
        log::warn(&format!("the record is written at the guard's own priority: {error}"));
    }
    for piece in waiting {
        if let Err(error) = file.write_all(&piece) {
            log::warn(&format!("the record ends here: {error}"));
            return;
        }
    }
}
