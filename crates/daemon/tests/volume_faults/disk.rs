//! Disks that forget what was not flushed, and the list of all that was ever asked of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use haven_block_io::{BLOCK_SIZE, BlockBuffer, BlockIoError, Blocks};
use rand::rngs::StdRng;
use rand::{Rng, RngCore};

/// Bytes that a disk writes or does not, whole.
const SECTOR: usize = 512;

pub(crate) type Block = [u8; BLOCK_SIZE];

/// What happened, in order.
#[derive(Clone, Debug)]
pub(crate) enum Step<M> {
    Write {
        disk: usize,
        block: u64,
        data: Box<Block>,
    },
    Sync {
        disk: usize,
    },
    /// Something that the test wants to know of: a record was decided, a write acknowledged.
    Mark(M),
}

/// Everything that happened so far.
#[derive(Debug)]
pub(crate) struct History<M>(Arc<Mutex<Vec<Step<M>>>>);

impl<M> Clone for History<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M> Default for History<M> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<M: Clone> History<M> {
    pub(crate) fn mark(&self, mark: M) {
        self.0.lock().unwrap().push(Step::Mark(mark));
    }

    pub(crate) fn steps(&self) -> Vec<Step<M>> {
        self.0.lock().unwrap().clone()
    }
}

/// Blocks of a disk; those that are absent are zero.
pub(crate) type Content = BTreeMap<u64, Box<Block>>;

/// An error that the next operations of a disk meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    /// Operations that are still done.
    pub(crate) after: u64,
    /// Operations that fail then.
    pub(crate) count: u64,
    pub(crate) errno: rustix::io::Errno,
}

/// A disk. What is read is what was written last, flushed or not.
#[derive(Debug)]
pub(crate) struct Disk<M> {
    number: usize,
    content: Mutex<Content>,
    history: History<M>,
    trouble: Mutex<Option<Trouble>>,
}

impl<M> Disk<M> {
    pub(crate) fn new(number: usize, content: Content, history: History<M>) -> Self {
        Self { number, content: Mutex::new(content), history, trouble: Mutex::new(None) }
    }

    pub(crate) fn trouble(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap() = Some(trouble);
    }

    fn checked(&self, call: &'static str) -> Result<(), BlockIoError> {
        let mut place = self.trouble.lock().unwrap();
        let Some(trouble) = place.as_mut() else { return Ok(()) };
        if trouble.after > 0 {
            trouble.after -= 1;
            return Ok(());
        }
        if trouble.count == 0 {
            return Ok(());
        }
        trouble.count -= 1;
        Err(BlockIoError::Kernel { call, path: "the test's".to_owned(), errno: trouble.errno })
    }
}

impl<M: Clone + Send + std::fmt::Debug + 'static> Blocks for Disk<M> {
    fn read(&self, offset: u64, buffer: &mut BlockBuffer) -> Result<(), BlockIoError> {
        let content = self.content.lock().unwrap();
        let first = offset / BLOCK_SIZE as u64;
        for (block, bytes) in (first..).zip(buffer.as_mut_bytes().chunks_exact_mut(BLOCK_SIZE)) {
            match content.get(&block) {
                Some(data) => bytes.copy_from_slice(&data[..]),
                None => bytes.fill(0),
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, buffer: &BlockBuffer) -> Result<(), BlockIoError> {
        self.checked("pwrite")?;
        let mut content = self.content.lock().unwrap();
        let mut history = self.history.0.lock().unwrap();
        let first = offset / BLOCK_SIZE as u64;
        for (block, bytes) in (first..).zip(buffer.as_bytes().chunks_exact(BLOCK_SIZE)) {
            let data: Box<Block> = Box::new(bytes.try_into().unwrap());
            content.insert(block, data.clone());
            history.push(Step::Write { disk: self.number, block, data });
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), BlockIoError> {
        self.checked("fdatasync")?;
        self.history.0.lock().unwrap().push(Step::Sync { disk: self.number });
        Ok(())
    }
}

/// What becomes of writes that were not flushed when the power went.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lot {
    AllLanded,
    NoneLanded,
    /// Each sector by chance.
    Torn,
}

/// The disks after `count` steps and a loss of power.
pub(crate) fn after<M>(
    steps: &[Step<M>],
    disks: usize,
    lot: Lot,
    rng: &mut StdRng,
) -> Vec<Content> {
    let mut durable = vec![Content::new(); disks];
    let mut pending: Vec<Vec<(u64, &Block)>> = vec![Vec::new(); disks];
    for step in steps {
        match step {
            Step::Write { disk, block, data } => pending[*disk].push((*block, data)),
            Step::Sync { disk } => {
                for (block, data) in pending[*disk].drain(..) {
                    durable[*disk].insert(block, Box::new(*data));
                }
            }
            Step::Mark(_) => {}
        }
    }
    for (content, writes) in durable.iter_mut().zip(pending) {
        for (block, data) in writes {
            land(content, block, data, lot, rng);
        }
    }
    durable
}

fn land(content: &mut Content, block: u64, data: &Block, lot: Lot, rng: &mut StdRng) {
    let old = content.entry(block).or_insert_with(|| Box::new([0; BLOCK_SIZE]));
    for (to, from) in old.chunks_exact_mut(SECTOR).zip(data.chunks_exact(SECTOR)) {
        let lands = match lot {
            Lot::AllLanded => true,
            Lot::NoneLanded => false,
            Lot::Torn => rng.random_bool(0.5),
        };
        if lands {
            to.copy_from_slice(from);
        }
    }
}

/// A byte that is another one.
pub(crate) fn flip(content: &mut Content, at: u64, rng: &mut StdRng) {
    let block = content.entry(at / BLOCK_SIZE as u64).or_insert_with(|| Box::new([0; BLOCK_SIZE]));
    let mask = 1 << (rng.next_u32() % 8);
    block[usize::try_from(at).unwrap() % BLOCK_SIZE] ^= mask;
}
