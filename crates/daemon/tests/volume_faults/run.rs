//! One run of a pool's database: founded, armed, taken over, mended, taken over again, disarmed. The
//! order of the operations is that of `ha::takeover`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use haven_block_io::{Area, Blocks};
use haven_daemon::ha::area::{MayWrite, Volume};
use haven_model::{ApiError, HavenSecret, Ref, Vm};
use haven_pooldb::{
    AreaBackend, Database, IdSource, RedbStore, Store, StoreError, Tx, VolumeArea, Work,
};

use crate::disk::{Content, Disk, History, Step};

/// The metadata volume among the disks.
pub(crate) const VOLUME: usize = 0;
/// The disk of the host.
pub(crate) const LOCAL: usize = 1;

/// What the test must know.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// A record names the area that is live, and its owner.
    Live(u8, String),
    /// The last epoch is decided.
    Disarmed,
    Begun(u64),
    Acknowledged(u64),
}

pub(crate) fn ids() -> Box<dyn IdSource> {
    // No two databases of a run give the same identity to two rows.
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Box::new(|| 1 << 100 | u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
}

const COUNTER: Ref<HavenSecret> = Ref::from_u128(1);

pub(crate) fn counter(db: &Database) -> u64 {
    db.get(COUNTER).and_then(|row| row.value.parse().ok()).unwrap_or(0)
}

/// The next numbered write.
pub(crate) fn write(tx: &mut Tx<'_>, number: u64) -> Result<(), ApiError> {
    let value = number.to_string();
    if tx.contains(COUNTER) {
        tx.update(COUNTER, |row| row.value = value)?;
    } else {
        let row = HavenSecret { key: "n".to_owned(), value, ..HavenSecret::default() };
        tx.insert_with(COUNTER, row)?;
    }
    // Rows of several sizes come, change and go.
    let vm = Ref::<Vm>::from_u128(100 + u128::from(number % 5));
    let name = "x".repeat(usize::try_from(number * 97 % 3000).unwrap());
    if tx.contains(vm) && number.is_multiple_of(3) {
        tx.remove(vm)
    } else if tx.contains(vm) {
        tx.update(vm, |row| row.name_label = name)
    } else {
        tx.insert_with(vm, Vm { name_label: name, ..Vm::default() })
    }
}

/// The local database: redb on a file.
#[derive(Debug)]
struct File(Area);

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

impl VolumeArea for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len())
    }
    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len).map_err(other)
    }
    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.0.read(at, bytes).map_err(other)
    }
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write(at, bytes).map_err(other)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync().map_err(other)
    }
}

const LOCAL_BYTES: u64 = 16 << 20;

pub(crate) fn local_store(blocks: Arc<dyn Blocks>) -> Result<Box<dyn Store>, StoreError> {
    let open = Area::open(blocks.clone(), 0, LOCAL_BYTES);
    let area = open.or_else(|_| Area::format(blocks, 0, LOCAL_BYTES));
    let area: Box<dyn VolumeArea> =
        Box::new(File(area.map_err(|error| StoreError::Io(error.to_string()))?));
    Ok(Box::new(RedbStore::on_backend(AreaBackend::new(area))?))
}

struct Run {
    history: History<Mark>,
    volume: Volume,
    local: Arc<Disk<Mark>>,
    number: u64,
}

impl Run {
    fn commit(&mut self, db: &mut Database, count: u64) {
        for _ in 0..count {
            self.number += 1;
            let number = self.number;
            self.history.mark(Mark::Begun(number));
            db.transact(|tx| write(tx, number)).unwrap();
            self.history.mark(Mark::Acknowledged(number));
        }
    }

    /// Several, durable together.
    fn commit_group(&mut self, db: &mut Database, count: u64) {
        let numbers = self.number + 1..=self.number + count;
        let works =
            numbers.map(|number| Box::new(move |tx: &mut Tx<'_>| write(tx, number)) as Work);
        self.number += count;
        self.history.mark(Mark::Begun(self.number));
        assert!(db.transact_all(works.collect()).iter().all(Result::is_ok));
        self.history.mark(Mark::Acknowledged(self.number));
    }

    /// A life takes the live area over into a fresh one; a record names that one.
    fn take_over(&self, present: Option<Database>, live: (u8, &str), to: (u8, &str)) -> Database {
        let mut db = present.unwrap_or_else(|| {
            Database::open(self.volume.read(live.0, Some(live.1)).unwrap(), ids()).unwrap()
        });
        let fresh = self.volume.fresh(to.0, to.1.to_owned(), may()).unwrap();
        drop(db.move_to(Box::new(fresh)).unwrap());
        self.history.mark(Mark::Live(to.0, to.1.to_owned()));
        db
    }
}

fn may() -> MayWrite {
    Arc::new(|| true)
}

/// All that is done to the disks, and what it means.
pub(crate) fn script() -> Vec<Step<Mark>> {
    let history = History::default();
    let disk = |number| Arc::new(Disk::new(number, Content::new(), history.clone()));
    let (volume, local) = (Volume::on(disk(VOLUME)), disk(LOCAL));
    let mut run = Run { history, volume, local, number: 0 };
    let mut db = Database::open(local_store(run.local.clone()).unwrap(), ids()).unwrap();
    run.commit(&mut db, 4);

    // Arming: a copy is staged, then an epoch calls it live.
    let mut staged = run.volume.fresh(0, "genesis".to_owned(), may()).unwrap();
    staged.replace_all(&db.export().unwrap()).unwrap();
    drop(staged);
    run.history.mark(Mark::Live(0, "genesis".to_owned()));
    let mut db = run.take_over(Some(db), (0, "genesis"), (1, "a/1"));
    run.commit(&mut db, 6);
    run.commit_group(&mut db, 5);

    // The store failed once: it is opened anew, in the same life.
    drop(db.detach());
    let again = run.volume.write(1, Some("a/1"), may()).unwrap();
    let mut db = Database::open(Box::new(again), ids()).unwrap();
    run.commit(&mut db, 3);

    // Another host takes over, cleanly; then one whose predecessor never closed anything.
    drop(db);
    let mut db = run.take_over(None, (1, "a/1"), (2, "b/1"));
    run.commit(&mut db, 4);
    let mut next = run.take_over(None, (2, "b/1"), (3, "c/2"));
    std::mem::forget(db);
    run.commit_group(&mut next, 3);
    run.commit(&mut next, 3);

    // The live area is written anew from memory: whole again only with the next record.
    let mut db = run.take_over(Some(next), (3, "c/2"), (0, "c/3"));
    run.commit(&mut db, 2);

    // Disarming: the database goes to the local disk, then the last epoch is decided.
    drop(db.move_to(local_store(run.local.clone()).unwrap()).unwrap());
    run.history.mark(Mark::Disarmed);
    run.commit(&mut db, 3);
    drop(db);
    run.history.steps()
}
