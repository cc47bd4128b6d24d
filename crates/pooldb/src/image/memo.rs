//! What a reader derived from the rows, kept beside them so that it is brought up to date instead
//! of made anew.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Image;

/// One derived value, with the generation of the rows that it was derived from.
#[derive(Default)]
pub(crate) struct Memo(Mutex<Option<(u64, Arc<dyn Any + Send + Sync>)>>);

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memo")
    }
}

impl Memo {
    /// Rows were taken back after they had a generation: what is known of it is not true.
    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Image {
    /// Whether the rows are those of a generation: false within a transaction that changed some.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.changing
    }

    /// Takes what was kept last, with its generation; what changed since is told by
    /// [`changes_since`](Self::changes_since). Nothing if it is of another type.
    #[must_use]
    pub fn recall<T: Any + Send + Sync>(&self) -> Option<(u64, Arc<T>)> {
        let (generation, kept) =
            self.memo.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((generation, kept.downcast().ok()?))
    }

    /// Keeps what was derived from the rows as they are; not while a transaction changes them.
    pub fn remember<T: Any + Send + Sync>(&self, derived: Arc<T>) {
        if self.is_settled() {
            let mut kept = self.memo.0.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some((self.generation, derived));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use haven_model::{ApiError, Vm};

    use crate::{Database, MemStore, Work};

    fn database(store: MemStore) -> Database {
        let mut ids = 0;
        let ids = move || {
            ids += 1;
            ids
        };
        Database::open(Box::new(store), Box::new(ids)).unwrap()
    }

    #[test]
    fn what_is_derived_from_rows_that_may_not_stay_is_not_kept() {
        let mut db = database(MemStore::default());
        let vm = db.transact(|tx| tx.insert(Vm::default())).unwrap().value;
        db.remember(Arc::new(1_u32));
        let seen = db.transact(|tx| {
            assert!(tx.is_settled());
            tx.update(vm, |row: &mut Vm| row.order = 1)?;
            assert!(!tx.is_settled());
            tx.remember(Arc::new(2_u32));
            Ok(tx.recall::<u32>())
        });
        assert_eq!(seen.unwrap().value, Some((1, Arc::new(1))));
        let refused = db.transact(|tx| {
            tx.update(vm, |row: &mut Vm| row.order = 2)?;
            Err::<(), _>(ApiError::internal("refused"))
        });
        assert!(refused.is_err() && db.is_settled());
        assert_eq!(db.recall::<u32>(), None);
    }

    #[test]
    fn what_is_derived_from_a_group_that_failed_is_forgotten() {
        let mut db = database(MemStore::failing_after(1));
        let vm = db.transact(|tx| tx.insert(Vm::default())).unwrap().value;
        let works: Vec<Work> = vec![
            Box::new(move |tx| tx.update(vm, |row: &mut Vm| row.order = 7)),
            Box::new(|tx| {
                tx.remember(Arc::new(tx.generation()));
                Ok(())
            }),
        ];
        assert!(db.transact_all(works).iter().any(Result::is_err));
        assert_eq!((db.generation(), db.recall::<u64>()), (1, None));
    }
}
