//! Who this host is: `host.json`.
//!
//! Owns: the host's identity, its membership in a pool, what it attaches at boot, and its HA
//! configuration while armed. It is the only state that a member keeps besides certificates and
//! the copy of the database. Every change replaces the file atomically, readable by root alone.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use haven_cluster::control::ArmConfig;
use haven_cluster::ids::HostId;
use haven_drivers::storage::SrSpec;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

/// Content of `host.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostIdentity {
    /// `host.uuid`, for the life of this installation.
    pub host: HostId,
    /// Counts starts of `havend`: tells the orders of one process from those of the next.
    #[serde(default)]
    pub starts: u64,
    /// The pool; `None`: unconfigured.
    pub pool: Option<PoolMembership>,
}

/// What a host knows of its pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolMembership {
    /// `pool.uuid`.
    pub pool: Uuid,
    /// The coordinator while high availability is off.
    pub coordinator: HostId,
    /// All members, this host included.
    pub members: Vec<Member>,
    /// Storage repositories that this host attaches when it starts.
    #[serde(default)]
    pub storage: Vec<SrSpec>,
    /// Configuration of the guard while high availability is armed.
    #[serde(default)]
    pub arm: Option<Box<ArmConfig>>,
    /// The arming that a person gave up on this host in an emergency: nobody arms it under that
    /// one again.
    #[serde(default)]
    pub given_up: Option<Uuid>,
}

/// A host of the pool as the others reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its identity.
    pub host: HostId,
    /// `host.name_label`.
    pub name: String,
    /// Its management address.
    pub address: IpAddr,
    /// Port of the API.
    pub api_port: u16,
    /// Port for members.
    pub peer_port: u16,
}

impl Member {
    /// Where members reach it.
    #[must_use]
    pub fn peer_address(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.peer_port)
    }
}

impl PoolMembership {
    /// The member with this identity.
    #[must_use]
    pub fn member(&self, host: HostId) -> Option<&Member> {
        self.members.iter().find(|member| member.host == host)
    }
}

impl HostIdentity {
    /// True when this host is the coordinator that `host.json` names. While armed the guard's
    /// epoch decides instead.
    #[must_use]
    pub fn is_named_coordinator(&self) -> bool {
        self.pool.as_ref().is_some_and(|pool| pool.coordinator == self.host)
    }
}

/// Why the identity could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The file is not valid: it is never overwritten silently.
    #[error("{path} is damaged ({source}); restore it, or remove it to make this a new host")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The identity in memory and on disk.
#[derive(Debug)]
pub struct IdentityStore {
    path: PathBuf,
    writer: Mutex<()>,
    current: watch::Sender<Arc<HostIdentity>>,
}

impl IdentityStore {
    /// Reads `path`; a host without one gets a new identity.
    pub fn open(path: &Path) -> Result<Self, IdentityError> {
        let identity = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| IdentityError::Damaged { path: path.to_owned(), source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let fresh = HostIdentity { host: HostId(Uuid::new_v4()), starts: 0, pool: None };
                write(path, &fresh)?;
                fresh
            }
            Err(source) => return Err(IdentityError::Io { path: path.to_owned(), source }),
        };
        let current = watch::Sender::new(Arc::new(identity));
        Ok(Self { path: path.to_owned(), writer: Mutex::new(()), current })
    }

    /// The identity now.
    #[must_use]
    pub fn get(&self) -> Arc<HostIdentity> {
        self.current.borrow().clone()
    }

    /// This host.
    #[must_use]
    pub fn host(&self) -> HostId {
        self.current.borrow().host
    }

    /// The pool, unless unconfigured.
    #[must_use]
    pub fn pool(&self) -> Option<PoolMembership> {
        self.current.borrow().pool.clone()
    }

    /// Follows changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<HostIdentity>> {
        self.current.subscribe()
    }

    /// Changes the identity: durable before anyone sees it.
    pub fn update<T>(
        &self,
        change: impl FnOnce(&mut HostIdentity) -> T,
    ) -> Result<T, IdentityError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = HostIdentity::clone(&self.get());
        let value = change(&mut next);
        if *self.get() != next {
            write(&self.path, &next)?;
            self.current.send_replace(Arc::new(next));
        }
        Ok(value)
    }

    /// Writes what is there once more: whether a change could be kept.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn try_write(&self) -> Result<(), IdentityError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        write(&self.path, &self.get())
    }
}

fn write(path: &Path, identity: &HostIdentity) -> Result<(), IdentityError> {
    let body = serde_json::to_vec_pretty(identity)
        .map_err(|source| IdentityError::Damaged { path: path.to_owned(), source })?;
    replace_secret(path, &body)
        .map_err(|source| IdentityError::Io { path: path.to_owned(), source })
}

/// Replaces a file atomically and durably, readable by its owner alone.
pub fn replace_secret(path: &Path, body: &[u8]) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(body)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    fs::File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_change_is_durable_private_and_leaves_no_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib/host.json");
        let store = IdentityStore::open(&path).unwrap();
        let host = store.host();
        let pool = Uuid::new_v4();
        store
            .update(|identity| {
                identity.pool = Some(PoolMembership {
                    pool,
                    coordinator: host,
                    members: Vec::new(),
                    storage: Vec::new(),
                    arm: None,
                    given_up: None,
                });
            })
            .unwrap();
        let again = IdentityStore::open(&path).unwrap();
        assert_eq!(again.host(), host);
        assert_eq!(again.pool().unwrap().pool, pool);
        assert!(again.get().is_named_coordinator());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_file_is_reported_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host.json");
        fs::write(&path, b"{\"host\":").unwrap();
        assert!(matches!(IdentityStore::open(&path), Err(IdentityError::Damaged { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"{\"host\":");
    }
}
