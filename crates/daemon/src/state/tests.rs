//! Readers of the pool database while it is written, moved and given up.

use std::sync::{Mutex, mpsc};

use haven_model::Vm;
use haven_pooldb::{Batch, MemStore, Snapshot, Store, StoreError};

use super::*;

/// A store whose commits wait until they are let through.
#[derive(Debug)]
struct Stalled {
    inner: MemStore,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl Store for Stalled {
    fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        self.inner.load()
    }
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.gate.lock().unwrap().recv().map_err(|error| StoreError::Io(error.to_string()))?;
        self.inner.commit(batch)
    }
    fn replace_all(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.inner.replace_all(snapshot)
    }
    fn generation(&mut self) -> Result<u64, StoreError> {
        self.inner.generation()
    }
}

fn count(db: &Image) -> usize {
    db.iter::<Vm>().count()
}

async fn insert(pool: &PoolDb) -> Result<(), ApiError> {
    pool.write(|tx| tx.insert(Vm::default()).map(|_| ())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_for_a_stalled_write() {
    let (open, gate) = mpsc::channel();
    let store = Stalled { inner: MemStore::default(), gate: gate.into() };
    let pool = Arc::new(PoolDb::default());
    pool.open(Database::open(Box::new(store), crate::coordinator::ids()).unwrap()).await;
    open.send(()).unwrap();
    insert(&pool).await.unwrap();
    let writer = tokio::spawn({
        let pool = pool.clone();
        async move { insert(&pool).await }
    });
    while pool.database.try_lock().is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(pool.read(count).await.unwrap(), 1, "what is not durable is not seen");
    assert!(pool.is_open() && !pool.is_doubtful());
    open.send(()).unwrap();
    writer.await.unwrap().unwrap();
    assert_eq!(pool.read(count).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_moves_is_read_on_and_one_that_left_is_not() {
    let pool = Arc::new(PoolDb::default());
    let store = Box::new(MemStore::default());
    pool.open(Database::open(store, crate::coordinator::ids()).unwrap()).await;
    insert(&pool).await.unwrap();
    let database = pool.suspend().await.unwrap();
    assert_eq!(pool.read(count).await.unwrap(), 1);
    let writer = tokio::spawn({
        let pool = pool.clone();
        async move { insert(&pool).await }
    });
    tokio::task::yield_now().await;
    pool.open(database).await;
    writer.await.unwrap().unwrap();
    assert_eq!(pool.read(count).await.unwrap(), 2);
    drop(pool.close().await);
    assert!(pool.image.read().unwrap().is_none(), "nobody is answered from memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_wait_are_made_durable_together() {
    let (open, gate) = mpsc::channel();
    let store = Stalled { inner: MemStore::default(), gate: gate.into() };
    let pool = PoolDb::default();
    pool.open(Database::open(Box::new(store), crate::coordinator::ids()).unwrap()).await;
    let write = || {
        let pool = pool.clone();
        tokio::spawn(async move { insert(&pool).await })
    };
    let first = write();
    while pool.database.try_lock().is_ok() {
        tokio::task::yield_now().await;
    }
    let others: Vec<_> = (0..40).map(|_| write()).collect();
    let broken = {
        let pool = pool.clone();
        tokio::spawn(async move {
            pool.write(|_| -> Result<(), ApiError> { panic!("on purpose") }).await
        })
    };
    while pool.waiting.lock().unwrap().len() < 41 {
        tokio::task::yield_now().await;
    }
    // One commit for the first, one for all others.
    open.send(()).unwrap();
    open.send(()).unwrap();
    first.await.unwrap().unwrap();
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!(broken.await.unwrap().unwrap_err().code, "INTERNAL_ERROR");
    assert_eq!(pool.read(count).await.unwrap(), 41);
}

/// A volume that stalls for long: what the store has not begun is refused and never done; what it
/// is writing ends as it ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_store_does_not_begin_is_taken_back() {
    let (open, gate) = mpsc::channel();
    let store = Stalled { inner: MemStore::default(), gate: gate.into() };
    let pool = PoolDb::default();
    pool.open(Database::open(Box::new(store), crate::coordinator::ids()).unwrap()).await;
    let write = || {
        let pool = pool.clone();
        tokio::spawn(async move { insert(&pool).await })
    };
    let first = write();
    while pool.committing.lock().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    let second = write();
    while pool.waiting.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let refused = second.await.unwrap().unwrap_err();
    assert_eq!(refused.code, "DATABASE_WRITE_FAILED");
    assert!(!first.is_finished() && pool.waiting_for() > Duration::ZERO);
    open.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(pool.read(count).await.unwrap(), 1);
    assert_eq!(pool.waiting_for(), Duration::ZERO);
}
