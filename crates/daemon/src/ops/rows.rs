//! Small reads that many operations need.

use haven_model::{ApiError, Pool, Ref};
use haven_pooldb::Image;
use uuid::Uuid;

/// The pool's only row of class pool.
///
/// # Errors
/// Before the pool was initialised.
pub fn pool(db: &Image) -> Result<(Ref<Pool>, &Pool), ApiError> {
    db.single::<Pool>().ok_or_else(|| ApiError::internal("this host has no pool"))
}

/// A row's uuid field as a uuid.
///
/// # Errors
/// When it is not one: rows that Haven writes always are.
pub fn uuid(text: &str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text).map_err(|_| ApiError::internal(format!("{text:?} is not a uuid")))
}
