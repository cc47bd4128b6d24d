//! The `local` driver: an SR on a directory of this host only.
//!
//! Owns nothing beyond its mount. VMs with disks on it cannot move and are not protected.

use std::collections::BTreeMap;

use super::bounded::Bounded;
use super::directory::{DirectoryDriver, StorageConfig};
use super::file::{BindMounter, location};
use super::{StorageError, error};

/// Where a local SR lives if `location` is not given.
const DEFAULT_LOCATION: &str = "/var/lib/haven/storage";

/// The driver.
#[must_use]
pub fn driver(config: StorageConfig, bounded: Bounded) -> DirectoryDriver<BindMounter> {
    DirectoryDriver::new(BindMounter { resolve: resolve_or_make }, config, bounded)
}

/// The location, made if it is the default one.
fn resolve_or_make(config: &BTreeMap<String, String>) -> Result<String, StorageError> {
    if config.get("location").is_some_and(|l| !l.is_empty()) {
        return location(config);
    }
    std::fs::create_dir_all(DEFAULT_LOCATION)
        .map_err(|e| error::system(error::SR_UNAVAILABLE, "making the local SR's directory", &e))?;
    Ok(DEFAULT_LOCATION.to_owned())
}
