//! An SR in a mounted directory: what the `nfs`, `file` and `local` drivers share.
//!
//! Owns: the layout below the mount point. Volumes are `<uuid>.qcow2`, which may show the
//! content of others below them; `.haven/` holds the SR's identity (`sr.json`), system volumes and
//! volumes in the making. Never touches other files.

mod config;
mod driver;
mod identity;
mod raw;
mod volumes;

pub use config::StorageConfig;
pub use driver::{DirectoryDriver, Mounter};
pub use identity::Identity;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::SrDriver;
use super::bounded::Bounded;

/// All drivers of this host by `SR.type`.
#[must_use]
pub fn drivers(config: &StorageConfig) -> BTreeMap<String, Arc<dyn SrDriver>> {
    let bounded = Bounded::default();
    let nfs = super::nfs::driver(config.clone(), bounded.clone());
    let file = super::file::driver(config.clone(), bounded.clone());
    let local = super::local::driver(config.clone(), bounded.clone());
    let iso = super::iso::driver(config.clone(), bounded);
    let all: [(&str, Arc<dyn SrDriver>); 4] = [
        ("nfs", Arc::new(nfs)),
        ("file", Arc::new(file)),
        ("local", Arc::new(local)),
        ("iso", Arc::new(iso)),
    ];
    all.into_iter().map(|(kind, driver)| (kind.to_owned(), driver)).collect()
}
