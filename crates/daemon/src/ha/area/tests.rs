use std::sync::atomic::{AtomicBool, Ordering};

use haven_model::{Pool, Vm};
use haven_pooldb::Database;

use super::*;

fn ids() -> Box<dyn haven_pooldb::IdSource> {
    Box::new(|| Uuid::new_v4().as_u128())
}

fn volume() -> (tempfile::TempDir, PathBuf, Volume) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.metadata");
    std::fs::File::create(&path).unwrap().set_len(METADATA_BYTES).unwrap();
    let volume = Volume::open(&path).unwrap();
    (dir, path, volume)
}

fn name(owner: &str) -> String {
    owner.to_owned()
}

#[test]
fn a_database_moves_between_areas_and_survives() {
    let (_dir, path, volume) = volume();
    let yes: MayWrite = Arc::new(|| true);
    let store = volume.fresh(0, name("a"), yes.clone()).unwrap();
    let mut db = Database::open(Box::new(store), ids()).unwrap();
    let row = Vm { name_label: "web1".to_owned(), ..Vm::default() };
    let vm = db.transact(|tx| tx.insert(row)).unwrap().value;
    drop(db.move_to(Box::new(volume.fresh(3, name("b"), yes.clone()).unwrap())).unwrap());
    db.transact(|tx| tx.insert(Pool::default())).unwrap();
    assert_eq!(volume.seal(3).unwrap().generation, db.generation());
    drop(db);
    let store = volume.write(3, Some("b"), yes.clone()).unwrap();
    let db = Database::open(Box::new(store), ids()).unwrap();
    assert_eq!(db.get(vm).unwrap().name_label, "web1");
    assert_eq!(db.iter::<Pool>().count(), 1);
    let before = std::fs::read(&path).unwrap();
    let old = Database::open(volume.read(0, None).unwrap(), ids()).unwrap();
    assert!(std::fs::read(&path).unwrap() == before, "reading an area wrote to the volume");
    assert_eq!(old.iter::<Pool>().count(), 0);
    let blank = volume.read(1, None).unwrap_err();
    assert!(matches!(blank, StoreError::Corrupt(_)), "a blank area is no database: {blank}");
    assert!(volume.fresh(AREAS, name("b"), yes.clone()).is_err());
    let another = volume.write(3, Some("a"), yes).unwrap_err();
    assert!(matches!(another, StoreError::Foreign { .. }), "{another}");
}

#[test]
fn nothing_is_acknowledged_without_the_right_to_act() {
    let (_dir, _path, volume) = volume();
    let right = Arc::new(AtomicBool::new(true));
    let may: MayWrite = {
        let right = right.clone();
        Arc::new(move || right.load(Ordering::SeqCst))
    };
    let store = volume.fresh(0, name("a"), may.clone()).unwrap();
    let mut db = Database::open(Box::new(store), ids()).unwrap();
    db.transact(|tx| tx.insert(Vm::default())).unwrap();
    right.store(false, Ordering::SeqCst);
    assert!(db.transact(|tx| tx.insert(Vm::default())).is_err());
    assert_eq!(db.iter::<Vm>().count(), 1);
    assert!(volume.fresh(1, name("a"), may).is_err());
}

#[test]
fn the_metadata_volume_lies_beside_the_statefile() {
    assert_eq!(metadata_name("7f.statefile"), "7f.metadata");
}
