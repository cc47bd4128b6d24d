//! The `file` driver: an SR on a directory that something else mounts, e.g. a cluster file
//! system that all hosts see at the same place.
//!
//! Owns: the bind mount of that directory to the SR's mount point.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::bounded::Bounded;
use super::directory::{DirectoryDriver, Mounter, StorageConfig};
use super::error::{
    BAD_CHARACTER, LOCATION_MISSING, MOUNT_FAILED, command, error, system, timeout,
};
use super::{SrSpec, StorageError};
use crate::exec;

/// The driver.
#[must_use]
pub fn driver(config: StorageConfig, bounded: Bounded) -> DirectoryDriver<BindMounter> {
    DirectoryDriver::new(BindMounter { resolve: location }, config, bounded)
}

/// Binds a directory.
#[derive(Debug)]
pub struct BindMounter {
    /// Finds the directory in the configuration.
    pub(super) resolve: fn(&BTreeMap<String, String>) -> Result<String, StorageError>,
}

/// Binds `directory` to the mount point of the repository `sr`, with further arguments of `mount`.
///
/// # Errors
/// `mount` cannot be started, complains, or does not return by the deadline.
pub(super) fn bind(
    sr: Uuid,
    directory: &str,
    target: &Path,
    options: &[&str],
    deadline: Duration,
) -> Result<(), StorageError> {
    let target = target.to_string_lossy();
    let mut arguments = vec!["--bind"];
    arguments.extend(options);
    arguments.extend(["--", directory, &target]);
    let output = exec::run("mount", &arguments, deadline)
        .map_err(|e| system(MOUNT_FAILED, "starting mount", &e))?;
    if output.killed {
        return Err(timeout(sr, "mount", deadline));
    }
    if !output.success {
        return Err(command(MOUNT_FAILED, &format!("binding {directory}"), &output.complaint));
    }
    Ok(())
}

/// `location`, if it is a plain absolute path.
pub(super) fn location(config: &BTreeMap<String, String>) -> Result<String, StorageError> {
    let Some(location) = config.get("location").filter(|l| !l.is_empty()) else {
        let text = "device_config needs \"location\": the directory of the SR";
        return Err(error(LOCATION_MISSING, text));
    };
    if !location.starts_with('/') || location.chars().any(char::is_control) {
        let text = format!("location \"{location}\" must be an absolute path");
        return Err(error(BAD_CHARACTER, text));
    }
    Ok(location.clone())
}

impl Mounter for BindMounter {
    fn check(&self, config: &BTreeMap<String, String>) -> Result<(), StorageError> {
        (self.resolve)(config).map(|_| ())
    }

    fn mount(
        &self,
        sr: &SrSpec,
        target: &Path,
        config: &StorageConfig,
    ) -> Result<(), StorageError> {
        bind(sr.uuid, &(self.resolve)(&sr.device_config)?, target, &[], config.mount_deadline)
    }

    fn places(
        &self,
        _: &BTreeMap<String, String>,
        _: Duration,
    ) -> Result<Option<Vec<String>>, StorageError> {
        Ok(None)
    }
}
