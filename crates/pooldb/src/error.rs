//! Why the database said no.

use haven_model::{ApiError, codes};

/// Why a store could not load or keep the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or volume failed.
    #[error("the database cannot be read or written: {0}")]
    Io(String),
    /// A row does not say what its class says.
    #[error("row {reference} of {class} is damaged at {field}: {reason}")]
    Damaged {
        /// Class of the row.
        class: String,
        /// Which row.
        reference: String,
        /// Field that does not fit.
        field: String,
        /// Why.
        reason: String,
    },
    /// A newer version wrote it.
    #[error("the database has schema version {found}, this program knows {known}")]
    SchemaTooNew {
        /// Version found.
        found: u64,
        /// Highest version this program knows.
        known: u64,
    },
    /// A batch does not follow on the one before.
    #[error("the change follows generation {expected}, the copy is at {found}")]
    Gap {
        /// Generation the batch was made on.
        expected: u64,
        /// Generation of the copy.
        found: u64,
    },
}

/// Why a transaction changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The transaction itself, or a rule of the database, refused.
    #[error(transparent)]
    Rejected(#[from] ApiError),
    /// The change could not be made durable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Rejected(error) => error,
            DbError::Store(error) => Self::with(codes::DATABASE_WRITE_FAILED, &[&error]),
        }
    }
}
