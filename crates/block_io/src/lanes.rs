//! Block IO on threads that can be abandoned.
//!
//! A `pread` on a hung device does not return and cannot be interrupted. So every request runs on
//! a *lane*, a thread with a file of its own; the caller only posts and later hears of the end.
//! A lane that hangs is left alone and counted; a fresh one takes the next request, up to
//! [`LANES_MAX`]. Then requests are refused, and the caller treats the volume as silent.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::block::{BLOCK_SIZE, BlockBuffer};
use crate::clock::boottime_ns;
use crate::file::{BlockFile, BlockIoError, OpenMode};

/// Most threads for one volume, hung ones included.
pub const LANES_MAX: usize = 8;

/// `busy_since` of a lane that waits for work.
const IDLE: u64 = 0;

/// What to do.
#[derive(Debug)]
pub enum IoOperation {
    /// Write whole blocks, durably.
    Write {
        /// Where.
        offset: u64,
        /// What.
        data: BlockBuffer,
    },
    /// Read several separate runs of blocks; the results stand behind each other.
    Read {
        /// Offset and number of blocks of each.
        runs: Arc<[(u64, usize)]>,
        /// Room for them: of any size, its memory is used again.
        into: BlockBuffer,
    },
}

/// The end of one request.
#[derive(Debug)]
pub struct IoDone {
    /// Chosen by the caller.
    pub tag: u64,
    /// What was read or written, in the buffer that the request brought; or why not.
    pub result: Result<BlockBuffer, BlockIoError>,
    /// When the call into the kernel began (`CLOCK_BOOTTIME`).
    pub started_ns: u64,
    /// When it returned.
    pub finished_ns: u64,
}

/// No lane is free: all hang.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[error("all {LANES_MAX} IO threads of the volume hang")]
pub struct IoRefused;

struct Lane {
    work: SyncSender<(u64, IoOperation)>,
    busy_since: Arc<AtomicU64>,
}

type Sink = Arc<dyn Fn(IoDone) + Send + Sync>;
type Opener = fn(&Path, OpenMode) -> Result<BlockFile, BlockIoError>;

/// The threads of one volume.
pub struct IoLanes {
    path: PathBuf,
    mode: OpenMode,
    sink: Sink,
    opener: Opener,
    lanes: Vec<Lane>,
}

impl IoLanes {
    /// Prepares IO on `path`. Nothing is opened before the first request. `sink` is called on a
    /// lane's thread for every end of a request and may block there.
    pub fn new(
        path: PathBuf,
        mode: OpenMode,
        sink: impl Fn(IoDone) + Send + Sync + 'static,
    ) -> Self {
        Self { path, mode, sink: Arc::new(sink), opener: BlockFile::open, lanes: Vec::new() }
    }

    /// Posts one request; never blocks. Requests on different lanes may finish in any order.
    pub fn submit(&mut self, tag: u64, operation: IoOperation) -> Result<(), IoRefused> {
        let free = self.lanes.iter().find(|lane| lane.busy_since.load(Ordering::Acquire) == IDLE);
        if let Some(lane) = free {
            lane.busy_since.store(boottime_ns(), Ordering::Release);
            return match lane.work.try_send((tag, operation)) {
                Ok(()) => Ok(()),
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(IoRefused),
            };
        }
        if self.lanes.len() >= LANES_MAX {
            return Err(IoRefused);
        }
        let lane = self.start_lane().ok_or(IoRefused)?;
        lane.busy_since.store(boottime_ns(), Ordering::Release);
        lane.work.try_send((tag, operation)).map_err(|_| IoRefused)?;
        self.lanes.push(lane);
        Ok(())
    }

    /// Requests that have not returned.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.lanes.iter().filter(|lane| lane.busy_since.load(Ordering::Acquire) != IDLE).count()
    }

    /// Requests that have not returned for longer than `age_ns`: hung threads.
    #[must_use]
    pub fn hung(&self, age_ns: u64) -> usize {
        let now = boottime_ns();
        let old = |lane: &&Lane| match lane.busy_since.load(Ordering::Acquire) {
            IDLE => false,
            since => now.saturating_sub(since) > age_ns,
        };
        self.lanes.iter().filter(old).count()
    }

    fn start_lane(&self) -> Option<Lane> {
        // Room for one: `busy_since` admits no second request.
        let (work, inbox) = sync_channel(1);
        let busy_since = Arc::new(AtomicU64::new(IDLE));
        let worker = Worker {
            path: self.path.clone(),
            mode: self.mode,
            sink: Arc::clone(&self.sink),
            opener: self.opener,
            busy_since: Arc::clone(&busy_since),
            file: None,
        };
        std::thread::Builder::new()
            .name("block-io".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || worker.run(&inbox))
            .ok()?;
        Some(Lane { work, busy_since })
    }
}

impl std::fmt::Debug for IoLanes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IoLanes")
            .field("path", &self.path)
            .field("lanes", &self.lanes.len())
            .finish_non_exhaustive()
    }
}

struct Worker {
    path: PathBuf,
    mode: OpenMode,
    sink: Sink,
    opener: Opener,
    busy_since: Arc<AtomicU64>,
    file: Option<BlockFile>,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<(u64, IoOperation)>) {
        while let Ok((tag, operation)) = inbox.recv() {
            let started_ns = boottime_ns();
            let result = self.perform(operation);
            if result.is_err() {
                // A stale handle (server restarted, volume replaced) is opened anew.
                self.file = None;
            }
            let done = IoDone { tag, result, started_ns, finished_ns: boottime_ns() };
            self.busy_since.store(IDLE, Ordering::Release);
            (self.sink)(done);
        }
    }

    fn perform(&mut self, operation: IoOperation) -> Result<BlockBuffer, BlockIoError> {
        if self.file.is_none() {
            self.file = Some((self.opener)(&self.path, self.mode)?);
        }
        let Some(file) = &self.file else { return Ok(BlockBuffer::zeroed(0)) };
        match operation {
            IoOperation::Write { offset, data } => {
                file.write(offset, &data)?;
                Ok(data)
            }
            IoOperation::Read { runs, mut into } => {
                into.resize(runs.iter().map(|(_, blocks)| blocks).sum());
                let mut rest = into.as_mut_bytes();
                for (offset, blocks) in &*runs {
                    let bytes = (blocks * BLOCK_SIZE).min(rest.len());
                    let (run, more) = rest.split_at_mut(bytes);
                    file.read_into(*offset, run)?;
                    rest = more;
                }
                Ok(into)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn lanes(path: PathBuf, mode: OpenMode) -> (IoLanes, Receiver<IoDone>) {
        let (sender, receiver) = sync_channel(64);
        (IoLanes::new(path, mode, move |done| sender.send(done).unwrap()), receiver)
    }

    fn read(runs: &[(u64, usize)]) -> IoOperation {
        IoOperation::Read { runs: runs.into(), into: BlockBuffer::zeroed(0) }
    }

    fn next(ends: &Receiver<IoDone>) -> IoDone {
        ends.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn writes_are_read_back_in_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v");
        std::fs::write(&path, vec![0; 8 * BLOCK_SIZE]).unwrap();
        let (mut lanes, ends) = lanes(path, OpenMode::Existing);
        let data = BlockBuffer::from_bytes(b"ballot");
        lanes.submit(1, IoOperation::Write { offset: 5 * 4096, data }).unwrap();
        assert_eq!(next(&ends).result.unwrap().block_count(), 1, "the buffer comes back");
        lanes.submit(2, read(&[(0, 1), (5 * 4096, 1)])).unwrap();
        let done = next(&ends);
        assert_eq!(done.tag, 2);
        assert!(done.finished_ns >= done.started_ns);
        let buffer = done.result.unwrap();
        assert_eq!(buffer.block_count(), 2);
        assert_eq!(&buffer.as_bytes()[4096..4102], b"ballot");
    }

    #[test]
    fn a_volume_that_comes_later_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v");
        let (mut lanes, ends) = lanes(path.clone(), OpenMode::Existing);
        lanes.submit(1, read(&[(0, 1)])).unwrap();
        assert!(next(&ends).result.is_err());
        std::fs::write(&path, vec![3; BLOCK_SIZE]).unwrap();
        lanes.submit(2, read(&[(0, 1)])).unwrap();
        assert_eq!(next(&ends).result.unwrap().as_bytes()[0], 3);
    }

    #[test]
    fn hung_lanes_are_left_counted_and_bounded() {
        let (mut lanes, _ends) = lanes(PathBuf::from("/nowhere"), OpenMode::Existing);
        lanes.opener = |_, _| loop {
            std::thread::park();
        };
        for tag in 0..LANES_MAX as u64 {
            lanes.submit(tag, read(&[(0, 1)])).unwrap();
        }
        let started = boottime_ns();
        let refused = lanes.submit(99, read(&[(0, 1)]));
        assert_eq!(refused, Err(IoRefused));
        assert!(boottime_ns() - started < 1_000_000_000, "submit blocked");
        assert_eq!(lanes.in_flight(), LANES_MAX);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(lanes.hung(1_000_000), LANES_MAX);
        assert_eq!(lanes.hung(60_000_000_000), 0);
    }
}
