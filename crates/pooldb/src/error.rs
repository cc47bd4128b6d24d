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
    /// What is there is no whole database, or not the one that was written.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// It is whole, but older than what was acknowledged.
    #[error("the database is at generation {found}, but {known} was acknowledged")]
    Older {
        /// Generation found.
        found: u64,
        /// Generation that is known to have been durable.
        known: u64,
    },
    /// Somebody else wrote it than the membership says.
    #[error("the database was written by {found}, not by {expected}")]
    Foreign {
        /// Who wrote it.
        found: String,
        /// Who should have.
        expected: String,
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

/// Why a database cannot be opened, for whoever asked for it.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::SchemaTooNew { found, known } => {
                Self::with(codes::DATABASE_SCHEMA_TOO_NEW, &[&found, &known])
            }
            other => Self::with(codes::DATABASE_UNREADABLE, &[&other]),
        }
    }
}
