//! Orders about storage repositories and volumes, and what is attached here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use haven_drivers::storage::{Source, SrDriver, SrSpec, StorageError, error, seed};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::execute::{Agent, AgentParts, Case, DONE};
use super::lanes::Lane;
use crate::identity::IdentityStore;
use crate::orders::{Order, OrderError, OrderReply, OrderResult, Refusal};

/// Longest wait for one attempt.
const ATTACH_MAX: Duration = Duration::from_secs(90);

/// Longest wait for a detach that nobody depends on.
const DETACH_MAX: Duration = Duration::from_secs(15);

/// Repositories that are attached, and why others are not. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Attached {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    paths: BTreeMap<Uuid, String>,
    faults: BTreeMap<Uuid, String>,
    attempting: BTreeSet<Uuid>,
}

impl Attached {
    pub(super) fn path(&self, sr: Uuid) -> Option<String> {
        self.state().paths.get(&sr).cloned()
    }

    pub(super) fn list(&self) -> Vec<Uuid> {
        self.state().paths.keys().copied().collect()
    }

    pub(super) fn faults(&self) -> Vec<(Uuid, String)> {
        self.state().faults.iter().map(|(sr, text)| (*sr, text.clone())).collect()
    }

    /// True when it is not attached and nobody tries to; the caller does from now on.
    fn claim(&self, sr: Uuid) -> bool {
        let mut state = self.state();
        !state.paths.contains_key(&sr) && state.attempting.insert(sr)
    }

    fn note(&self, sr: Uuid, result: Result<String, String>) {
        let mut state = self.state();
        state.attempting.remove(&sr);
        match result {
            Ok(path) => {
                state.faults.remove(&sr);
                state.paths.insert(sr, path);
            }
            Err(text) => {
                state.faults.insert(sr, text);
            }
        }
    }

    pub(super) fn forget(&self, sr: Uuid) {
        let mut state = self.state();
        state.faults.remove(&sr);
        state.paths.remove(&sr);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Case {
    pub(super) async fn storage_order(&self) -> OrderResult {
        let lane = match &self.envelope.order {
            Order::CopyVolume { sr, .. } | Order::ImportVolume { sr, .. } => {
                Lane::StorageBulk(sr.uuid)
            }
            // A probe has no repository yet; it must not hang behind a known one.
            Order::ProbeSr { .. } | Order::TestSr { .. } => Lane::Storage(Uuid::nil()),
            order => Lane::Storage(order.sr().map(|sr| sr.uuid).unwrap_or_default()),
        };
        let reply = self.blocking(lane, call).await;
        let attached = &self.agent.attached;
        match &self.envelope.order {
            Order::AttachSr { sr, remember } => {
                match &reply {
                    Ok(OrderReply::Path(path)) => attached.note(sr.uuid, Ok(path.clone())),
                    Err(error) if *remember => attached.note(sr.uuid, Err(error.to_string())),
                    _ => {}
                }
                if *remember && reply.is_ok() {
                    remember_sr(&self.agent.parts.identity, sr)?;
                }
            }
            Order::DetachSr { sr } if reply.is_ok() => {
                attached.forget(sr.uuid);
                forget_sr(&self.agent.parts.identity, sr.uuid)?;
            }
            _ => {}
        }
        reply
    }
}

fn call(parts: &AgentParts, order: &Order) -> OrderResult {
    let storage = &parts.storage;
    let driver = |sr: &SrSpec| storage.driver(&sr.kind);
    let path = |result: Result<String, StorageError>| Ok(OrderReply::Path(result?));
    match order {
        Order::AttachSr { sr, .. } => path(driver(sr)?.attach(sr)),
        Order::DetachSr { sr } => {
            driver(sr)?.detach(sr)?;
            DONE
        }
        Order::CreateSr { sr } => {
            driver(sr)?.create(sr)?;
            DONE
        }
        Order::ScanSr { sr } => Ok(OrderReply::Volumes(driver(sr)?.scan(sr)?)),
        Order::ProbeSr { kind, device_config } => {
            Ok(OrderReply::Probed(storage.driver(kind)?.probe(device_config)?))
        }
        Order::TestSr { kind, device_config, part, test } => {
            let tested = storage.driver(kind)?.test(device_config, *part, *test)?;
            Ok(OrderReply::Tested(Box::new(tested)))
        }
        Order::SeedVolume { sr, to, label, files } => {
            path(seed(parts, driver(sr)?.as_ref(), (sr, *to), (label, files)))
        }
        Order::SrSpace { sr } => Ok(OrderReply::Space(driver(sr)?.space(sr)?)),
        Order::CreateVolume { sr, vdi, size } => path(driver(sr)?.create_volume(sr, *vdi, *size)),
        Order::CopyVolume { sr, from, to } => path(driver(sr)?.copy_volume(sr, *from, *to)),
        Order::ImportVolume { sr, to, source, format, size } => {
            let source = Source { path: source, format, size: *size };
            path(driver(sr)?.import_volume(sr, *to, source))
        }
        Order::OverlayVolume { sr, base, to, size } => {
            path(driver(sr)?.overlay_volume(sr, *base, *to, *size))
        }
        Order::ResizeVolume { sr, vdi, size } => {
            driver(sr)?.resize_volume(sr, *vdi, *size)?;
            DONE
        }
        Order::DestroyVolume { sr, vdi } => {
            driver(sr)?.destroy_volume(sr, *vdi)?;
            DONE
        }
        Order::RemoveImage { sr, name } => {
            driver(sr)?.remove_image(sr, name)?;
            DONE
        }
        Order::CreateRaw { sr, name, size } => path(driver(sr)?.create_raw(sr, name, *size)),
        other => Err(Refusal::Invalid(format!("{} is not for storage", other.kind())).into()),
    }
}

/// Makes the image in a file of this host, which only root reads, and copies it into the volume.
fn seed(
    parts: &AgentParts,
    driver: &dyn SrDriver,
    (sr, to): (&SrSpec, Uuid),
    (label, files): (&str, &BTreeMap<String, String>),
) -> Result<String, StorageError> {
    let failed = |text: String| error::error(error::VDI_CREATE, text);
    let files =
        files.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect();
    let image = seed::image(label, &files).map_err(failed)?;
    let file = parts.config.paths.run().join(format!("seed-{to}.iso"));
    let place = file.to_string_lossy().into_owned();
    let mut options = std::fs::OpenOptions::new();
    let mut write = || -> std::io::Result<()> {
        options.write(true).create(true).truncate(true).mode(0o600).open(&file)?.write_all(&image)
    };
    let made = write().map_err(|cause| failed(format!("writing {place} failed: {cause}")));
    let size = u64::try_from(image.len()).unwrap_or(u64::MAX);
    let source = Source { path: &place, format: "raw", size };
    let made = made.and_then(|()| driver.import_volume(sr, to, source));
    // What matters is what became of the volume.
    let _ = std::fs::remove_file(&file);
    made
}

fn remember_sr(identity: &IdentityStore, sr: &SrSpec) -> Result<(), OrderError> {
    let changed = identity.update(|identity| {
        if let Some(pool) = &mut identity.pool {
            pool.storage.retain(|known| known.uuid != sr.uuid);
            pool.storage.push(sr.clone());
        }
    });
    changed.map_err(|error| OrderError::failed("INTERNAL_ERROR", error.to_string()))
}

fn forget_sr(identity: &IdentityStore, sr: Uuid) -> Result<(), OrderError> {
    let changed = identity.update(|identity| {
        if let Some(pool) = &mut identity.pool {
            pool.storage.retain(|known| known.uuid != sr);
        }
    });
    changed.map_err(|error| OrderError::failed("INTERNAL_ERROR", error.to_string()))
}

impl Agent {
    /// Attaches what `host.json` lists and is not attached, again and again, until `stop`. Each
    /// repository for itself: one that hangs does not keep the others waiting.
    pub async fn keep_attached(self, stop: CancellationToken) {
        let mut changes = self.parts.identity.watch();
        loop {
            changes.mark_unchanged();
            let wanted = self.parts.identity.pool().map(|pool| pool.storage).unwrap_or_default();
            for sr in wanted.into_iter().filter(|sr| self.attached.claim(sr.uuid)) {
                tokio::spawn(self.clone().attach_remembered(sr));
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.parts.config.attach_interval()) => {}
                _ = changes.changed() => {}
            }
        }
    }

    async fn attach_remembered(self, sr: SrSpec) {
        let Ok(place) = self.lanes.enter(Lane::Storage(sr.uuid)).await else {
            self.attached.note(sr.uuid, Err("earlier calls to this storage hang".to_owned()));
            return;
        };
        let (storage, spec) = (self.parts.storage.clone(), sr.clone());
        let attaching = tokio::task::spawn_blocking(move || {
            let result = storage.driver(&spec.kind).and_then(|driver| driver.attach(&spec));
            drop(place);
            result
        });
        let result = match timeout(ATTACH_MAX, attaching).await {
            Ok(Ok(result)) => result.map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", ATTACH_MAX.as_secs())),
        };
        match &result {
            Ok(path) => tracing::info!(sr = %sr.uuid, path, "storage attached"),
            Err(text) => tracing::warn!(sr = %sr.uuid, text, "storage cannot be attached yet"),
        }
        self.attached.note(sr.uuid, result);
    }

    /// Detaches without insisting: the host leaves its pool.
    pub(super) async fn detach_quietly(&self, sr: SrSpec) {
        self.attached.forget(sr.uuid);
        let Ok(place) = self.lanes.enter(Lane::Storage(sr.uuid)).await else { return };
        let (storage, uuid) = (self.parts.storage.clone(), sr.uuid);
        let detaching = tokio::task::spawn_blocking(move || {
            let result = storage.driver(&sr.kind).and_then(|driver| driver.detach(&sr));
            drop(place);
            result
        });
        match timeout(DETACH_MAX, detaching).await {
            Ok(Ok(Ok(()))) => {}
            other => tracing::warn!(sr = %uuid, ?other, "storage could not be detached"),
        }
    }
}
