use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Instant;

use super::*;
use crate::storage::error::{SR_EXISTS, TIMEOUT};

/// Mounts by taking note; the directory itself is the storage. May stall.
#[derive(Debug, Default)]
struct NoteMounter {
    mounted: Mutex<BTreeSet<PathBuf>>,
    stalled: bool,
}

impl Mounter for NoteMounter {
    fn check(&self, _: &BTreeMap<String, String>) -> Result<(), StorageError> {
        Ok(())
    }

    fn mount(&self, _: &SrSpec, target: &Path, _: &StorageConfig) -> Result<(), StorageError> {
        if self.stalled {
            std::thread::sleep(Duration::from_secs(60));
        }
        self.mounted.lock().unwrap().insert(target.to_owned());
        Ok(())
    }

    fn mounted(&self, target: &Path) -> std::io::Result<bool> {
        Ok(self.mounted.lock().unwrap().contains(target))
    }

    fn unmount(&self, target: &Path, deadline: Duration) -> std::io::Result<exec::Output> {
        self.mounted.lock().unwrap().remove(target);
        exec::run("true", &[], deadline)
    }

    fn places(
        &self,
        _: &BTreeMap<String, String>,
        _: Duration,
    ) -> Result<Option<Vec<String>>, StorageError> {
        Ok(None)
    }
}

const LONG: Duration = Duration::from_secs(60);

struct Bench {
    driver: DirectoryDriver<NoteMounter>,
    sr: SrSpec,
    _dir: tempfile::TempDir,
}

fn bench(mounter: NoteMounter) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let config = StorageConfig {
        mount_root: dir.path().to_owned(),
        mount_deadline: Duration::from_secs(2),
        mount_attempts: 1,
        ..StorageConfig::default()
    };
    let driver = DirectoryDriver::new(mounter, config, Bounded::default());
    let sr =
        SrSpec { uuid: Uuid::from_u128(5), kind: "file".into(), device_config: BTreeMap::new() };
    Bench { driver, sr, _dir: dir }
}

#[test]
fn volumes_are_made_found_grown_copied_and_deleted() {
    let Bench { driver, sr, _dir } = bench(NoteMounter::default());
    driver.create(&sr).unwrap();
    let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let path = driver.create_volume(&sr, a, 1 << 20).unwrap();
    assert_eq!(driver.create_volume(&sr, a, 1 << 20).unwrap(), path, "idempotent");
    assert_eq!(driver.create_volume(&sr, a, 1 << 21).unwrap_err().code, VDI_EXISTS);
    driver.resize_volume(&sr, a, 1 << 22).unwrap();
    assert_eq!(driver.resize_volume(&sr, a, 1 << 20).unwrap_err().code, VDI_SIZE);
    driver.copy_volume(&sr, a, b).unwrap();
    assert_eq!(driver.copy_volume(&sr, a, b).unwrap_err().code, VDI_EXISTS);
    let found = driver.scan(&sr).unwrap();
    assert_eq!(found.iter().map(|v| v.uuid).collect::<Vec<_>>(), [a, b]);
    assert!(found.iter().all(|v| v.virtual_size == 1 << 22 && v.format == "qcow2"), "{found:?}");
    assert!(found[0].physical_utilisation < 1 << 20, "a new volume is thin");
    driver.destroy_volume(&sr, a).unwrap();
    driver.destroy_volume(&sr, a).unwrap();
    assert_eq!(driver.copy_volume(&sr, a, b).unwrap_err().code, VDI_UNAVAILABLE);
    assert_eq!(driver.scan(&sr).unwrap().len(), 1);
    assert!(driver.space(&sr).unwrap().physical_size > 0);
}

#[test]
fn an_sr_is_attached_only_where_it_was_created() {
    let Bench { driver, sr, _dir } = bench(NoteMounter::default());
    assert_eq!(driver.attach(&sr).unwrap_err().code, SR_UNAVAILABLE);
    assert_eq!(driver.scan(&sr).unwrap_err().code, NOT_ATTACHED, "a refused attach is undone");
    driver.create(&sr).unwrap();
    let root = driver.attach(&sr).unwrap();
    assert_eq!(driver.attach(&sr).unwrap(), root);
    assert!(driver.volume_path(&sr, Uuid::from_u128(1)).starts_with(&root));
    // The same export under another SR's name.
    std::fs::write(
        Path::new(&root).join(".haven/sr.json"),
        format!(r#"{{"uuid":"{}","layout":1}}"#, Uuid::from_u128(77)),
    )
    .unwrap();
    assert_eq!(driver.attach(&sr).unwrap_err().code, SR_UNAVAILABLE);
    assert_eq!(driver.create(&sr).unwrap_err().code, SR_EXISTS);
    driver.detach(&sr).unwrap();
    driver.detach(&sr).unwrap();
}

#[test]
fn system_volumes_are_not_listed_as_volumes() {
    let Bench { driver, sr, _dir } = bench(NoteMounter::default());
    driver.create(&sr).unwrap();
    let path = driver.create_raw(&sr, "statefile", 4 << 20).unwrap();
    assert_eq!(path, driver.raw_path(&sr, "statefile"));
    assert_eq!(std::fs::metadata(path).unwrap().len(), 4 << 20);
    assert!(driver.scan(&sr).unwrap().is_empty());
    assert!(driver.create_raw(&sr, "../x", 1).is_err());
}

#[test]
fn a_mount_that_hangs_does_not_hang_the_caller() {
    let Bench { driver, sr, _dir } = bench(NoteMounter { stalled: true, ..Default::default() });
    let began = Instant::now();
    assert_eq!(driver.attach(&sr).unwrap_err().code, TIMEOUT);
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_volume_over_another_shows_it_and_keeps_it_from_being_deleted() {
    let Bench { driver, sr, _dir } = bench(NoteMounter::default());
    driver.create(&sr).unwrap();
    let (base, top, copy) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let base_path = driver.create_volume(&sr, base, 1 << 20).unwrap();
    let io = |path: &str, command: &str| {
        let out = exec::run("qemu-io", &["-f", "qcow2", "-c", command, path], LONG).unwrap();
        assert!(out.success && !out.stdout.contains("failed"), "{command}: {out:?}");
    };
    io(&base_path, "write -P 7 0 64k");
    let top_path = driver.overlay_volume(&sr, base, top, 1 << 20).unwrap();
    assert_eq!(driver.overlay_volume(&sr, base, top, 1 << 20).unwrap(), top_path, "idempotent");
    assert_eq!(driver.overlay_volume(&sr, copy, base, 1).unwrap_err().code, VDI_UNAVAILABLE);
    io(&top_path, "read -P 7 0 64k");
    io(&top_path, "write -P 9 0 64k");
    io(&base_path, "read -P 7 0 64k");
    let found = driver.scan(&sr).unwrap();
    assert_eq!(
        (found[0].backing.clone(), found[1].backing.clone()),
        (None, Some(format!("{base}.qcow2")))
    );
    assert_eq!(driver.destroy_volume(&sr, base).unwrap_err().code, VDI_REMOVE);
    // A copy is whole: it needs nothing below it.
    let path = driver.copy_volume(&sr, top, copy).unwrap();
    driver.destroy_volume(&sr, top).unwrap();
    driver.destroy_volume(&sr, base).unwrap();
    io(&path, "read -P 9 0 64k");
}
