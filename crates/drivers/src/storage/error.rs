//! Storage errors: their codes and how system errors become them.

use std::time::Duration;

use uuid::Uuid;

use super::StorageError;

/// A parameter is not valid.
pub const INVALID_ARGUMENT: &str = "SR_BACKEND_FAILURE_1";
/// A parameter has characters that it may not have.
pub const BAD_CHARACTER: &str = "SR_BACKEND_FAILURE_2";
/// The device or directory is in use.
pub const IN_USE: &str = "SR_BACKEND_FAILURE_16";
/// Listing the volumes failed.
pub const SCAN_FAILED: &str = "SR_BACKEND_FAILURE_40";
/// Another SR is there.
pub const SR_EXISTS: &str = "SR_BACKEND_FAILURE_42";
/// A volume of this name is there, and differs.
pub const VDI_EXISTS: &str = "SR_BACKEND_FAILURE_43";
/// The volume is not there.
pub const VDI_UNAVAILABLE: &str = "SR_BACKEND_FAILURE_46";
/// The SR is not there or cannot be used.
pub const SR_UNAVAILABLE: &str = "SR_BACKEND_FAILURE_47";
/// The volume could not be removed.
pub const VDI_REMOVE: &str = "SR_BACKEND_FAILURE_64";
/// Mounting failed.
pub const MOUNT_FAILED: &str = "SR_BACKEND_FAILURE_73";
/// Unmounting failed.
pub const UNMOUNT_FAILED: &str = "SR_BACKEND_FAILURE_74";
/// The volume could not be made.
pub const VDI_CREATE: &str = "SR_BACKEND_FAILURE_78";
/// The size is not possible.
pub const VDI_SIZE: &str = "SR_BACKEND_FAILURE_79";
/// The snapshot failed.
pub const VDI_SNAPSHOT: &str = "SR_BACKEND_FAILURE_82";
/// The copy failed.
pub const VDI_CLONE: &str = "SR_BACKEND_FAILURE_81";
/// `location` is missing.
pub const LOCATION_MISSING: &str = "SR_BACKEND_FAILURE_94";
/// `serverpath` is missing.
pub const SERVERPATH_MISSING: &str = "SR_BACKEND_FAILURE_101";
/// Too many volumes in a chain.
pub const CHAIN_TOO_LONG: &str = "SR_BACKEND_FAILURE_109";
/// `server` is missing.
pub const SERVER_MISSING: &str = "SR_BACKEND_FAILURE_102";
/// The driver does not do this.
pub const NOT_SUPPORTED: &str = "SR_OPERATION_NOT_SUPPORTED";
/// No space is left.
pub const FULL: &str = "SR_FULL";
/// Storage did not answer in time; the outcome is unknown.
pub const TIMEOUT: &str = "SR_TIMEOUT";
/// Not attached on this host.
pub const NOT_ATTACHED: &str = "SR_NOT_ATTACHED";

/// An error of this code.
pub fn error(code: &str, text: impl Into<String>) -> StorageError {
    StorageError { code: code.to_owned(), text: text.into() }
}

/// Storage did not answer.
#[must_use]
pub fn timeout(sr: Uuid, what: &str, deadline: Duration) -> StorageError {
    let seconds = deadline.as_secs_f32();
    error(
        TIMEOUT,
        format!(
            "SR {sr} did not finish \"{what}\" within {seconds:.0} s; its storage is stalled or \
             very slow: check the storage server and the storage network"
        ),
    )
}

/// A system error while doing `what`: out of space is told apart.
#[must_use]
pub fn system(code: &str, what: &str, cause: &std::io::Error) -> StorageError {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    match cause.kind() {
        StorageFull | QuotaExceeded => full(what),
        _ => error(code, format!("{what} failed: {cause}")),
    }
}

/// The words of a failed command while doing `what`.
#[must_use]
pub fn command(code: &str, what: &str, words: &str) -> StorageError {
    if words.contains("No space left on device") || words.contains("Disk quota exceeded") {
        return full(what);
    }
    error(code, format!("{what} failed: {words}"))
}

fn full(what: &str) -> StorageError {
    let hint = "no space is left on the SR; free some or grow it";
    error(FULL, format!("{what} failed: {hint}"))
}
