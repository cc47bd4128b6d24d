//! Power may go at any moment: what was not yet made durable may be on the volume, in part or not
//! at all, in any order. After that the database is as it was before the transaction that was
//! under way, or as it is after it, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::io;
use std::sync::{Arc, Mutex};

use haven_model::{Ref, Vdi, Vm};
use haven_pooldb::{AreaBackend, Database, RedbStore, Snapshot, VolumeArea};
use proptest::prelude::*;

/// A write that is not durable yet.
#[derive(Debug, Clone)]
enum Pending {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

/// A volume with a cache that forgets.
#[derive(Debug, Default)]
struct Volume {
    durable: Vec<u8>,
    cached: Vec<u8>,
    pending: Vec<Pending>,
    /// Operations until the power goes.
    left: Option<u32>,
}

fn apply(bytes: &mut Vec<u8>, write: &Pending) {
    match write {
        Pending::Length(len) => bytes.resize(*len, 0),
        Pending::Bytes(at, data) => {
            let end = at + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at..end].copy_from_slice(data);
        }
    }
}

impl Volume {
    fn step(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn write(&mut self, write: Pending) -> io::Result<()> {
        self.step()?;
        apply(&mut self.cached, &write);
        self.pending.push(write);
        Ok(())
    }

    /// The power is gone: each pending write whose lot is true has reached the volume.
    fn crash(&mut self, lots: &[bool]) {
        let mut lots = lots.iter().cycle();
        for write in std::mem::take(&mut self.pending) {
            // Lengths are kept in order with what follows, as an area's header is.
            if matches!(write, Pending::Length(_)) || *lots.next().unwrap_or(&true) {
                apply(&mut self.durable, &write);
            }
        }
        self.cached = self.durable.clone();
        self.left = None;
    }
}

#[derive(Debug, Clone, Default)]
struct Area(Arc<Mutex<Volume>>);

impl VolumeArea for Area {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().cached.len() as u64)
    }
    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.lock().unwrap().write(Pending::Length(usize::try_from(len).unwrap()))
    }
    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(at).unwrap();
        let volume = self.0.lock().unwrap();
        let part = volume.cached.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(part);
        Ok(())
    }
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().write(Pending::Bytes(usize::try_from(at).unwrap(), bytes.to_vec()))
    }
    fn sync(&mut self) -> io::Result<()> {
        let mut volume = self.0.lock().unwrap();
        volume.step()?;
        for write in std::mem::take(&mut volume.pending) {
            apply(&mut volume.durable, &write);
        }
        Ok(())
    }
}

fn open(area: &Area) -> Database {
    let store = RedbStore::on_backend(AreaBackend::new(Box::new(area.clone()))).unwrap();
    let mut next = 1 << 64;
    let ids = move || {
        next += 1;
        next
    };
    Database::open(Box::new(store), Box::new(ids)).unwrap()
}

/// One transaction: adds, changes or removes a few rows, some of them large.
fn work(db: &mut Database, step: u128, size: usize) -> Result<u64, haven_pooldb::DbError> {
    let done = db.transact(|tx| {
        let vm: Ref<Vm> = Ref::from_u128(1 + step % 7);
        let name_label = format!("{step}{}", "x".repeat(size));
        if tx.contains(vm) && step.is_multiple_of(5) {
            tx.remove(vm)?;
        } else if tx.contains(vm) {
            tx.update(vm, |row| row.name_label = name_label)?;
        } else {
            tx.insert_with(vm, Vm { name_label, uuid: format!("vm-{step}"), ..Vm::default() })?;
        }
        tx.insert_with(
            Ref::from_u128(1000 + step),
            Vdi { uuid: format!("vdi-{step}"), ..Vdi::default() },
        )
    });
    done.map(|d| d.generation)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn all_or_nothing(
        sizes in prop::collection::vec(0_usize..3000, 4..16),
        power in 1_u32..120,
        lots in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let area = Area::default();
        let mut db = open(&area);
        work(&mut db, 0, 10).unwrap();
        let mut before: Snapshot = db.export().unwrap();
        area.0.lock().unwrap().left = Some(power);
        let mut under_way = None;
        for (step, size) in (1_u128..).zip(&sizes) {
            if work(&mut db, step, *size).is_err() {
                // What memory would be, had it succeeded.
                let mut other = open(&Area::default());
                other.import(&before).unwrap();
                work(&mut other, step, *size).unwrap();
                under_way = Some(other.export().unwrap());
                break;
            }
            before = db.export().unwrap();
        }
        prop_assert_eq!(&db.export().unwrap(), &before, "memory after a failed commit");
        drop(db);
        area.0.lock().unwrap().crash(&lots);
        let after = open(&area).export().unwrap();
        prop_assert!(after == before || Some(after) == under_way);
    }
}

/// A database as version 1 left it: rows that do not name every field.
fn old_form(area: &Area) -> Snapshot {
    let mut db = open(area);
    for step in 0..12 {
        work(&mut db, step, 400).unwrap();
    }
    let mut snapshot = db.export().unwrap();
    snapshot.schema = 1;
    for row in &mut snapshot.rows {
        row.body = row.body.replace(r#""name_description":"","#, "");
    }
    drop(db);
    let backend = AreaBackend::new(Box::new(area.clone()));
    let redb = redb::Builder::new().create_with_backend(backend).unwrap();
    let tx = redb.begin_write().unwrap();
    let facts = redb::TableDefinition::<&str, u64>::new("facts");
    tx.open_table(facts).unwrap().insert("schema", 1).unwrap();
    let rows = redb::TableDefinition::<(&str, u128), (u64, u64, &str)>::new("rows");
    let mut rows = tx.open_table(rows).unwrap();
    for row in &snapshot.rows {
        let value = (row.created, row.modified, row.body.as_str());
        rows.insert((row.class.as_str(), row.reference.0), value).unwrap();
    }
    drop(rows);
    tx.commit().unwrap();
    snapshot
}

fn migrate(area: &Area) -> Result<(Database, Vec<Snapshot>), haven_pooldb::StoreError> {
    let mut kept = Vec::new();
    let store = RedbStore::on_backend(AreaBackend::new(Box::new(area.clone())))?;
    let keep = |old: &Snapshot| {
        kept.push(old.clone());
        Ok(())
    };
    let db = Database::open_keeping(Box::new(store), Box::new(|| 7), keep)?;
    Ok((db, kept))
}

#[test]
fn a_migration_is_cut_off_anywhere_and_begins_again() {
    let area = Area::default();
    let old = old_form(&area);
    let image = area.0.lock().unwrap().durable.clone();
    let (mut cut, mut done) = (0, false);
    for power in 0.. {
        let area = Area::default();
        {
            let mut volume = area.0.lock().unwrap();
            (volume.durable, volume.cached) = (image.clone(), image.clone());
            volume.left = Some(power);
        }
        match migrate(&area) {
            Ok((db, kept)) => {
                assert_eq!(kept, std::slice::from_ref(&old), "kept as it was");
                done = true;
                drop(db);
            }
            Err(_) => cut += 1,
        }
        area.0.lock().unwrap().crash(&[power % 2 == 0, power % 3 == 0]);
        let (db, kept) = migrate(&area).unwrap();
        assert!(kept.is_empty() || kept[0] == old, "half of it");
        let now = db.export().unwrap();
        assert_eq!((now.schema, now.generation), (haven_pooldb::SCHEMA_VERSION, old.generation));
        assert_eq!(now.rows.len(), old.rows.len());
        let bodies: String = now.rows.iter().map(|row| row.body.as_str()).collect();
        assert!(bodies.contains("name_description"), "a row is not spelled out");
        if done {
            break;
        }
    }
    assert!(cut > 5, "{cut}");
}

#[test]
fn a_newer_form_is_refused_and_left_alone() {
    let area = Area::default();
    old_form(&area);
    let backend = AreaBackend::new(Box::new(area.clone()));
    let redb = redb::Builder::new().create_with_backend(backend).unwrap();
    let tx = redb.begin_write().unwrap();
    let facts = redb::TableDefinition::<&str, u64>::new("facts");
    tx.open_table(facts).unwrap().insert("schema", haven_pooldb::SCHEMA_VERSION + 1).unwrap();
    tx.commit().unwrap();
    drop(redb);
    let before = area.0.lock().unwrap().durable.clone();
    let error = migrate(&area).unwrap_err();
    assert_eq!(haven_model::ApiError::from(error).code, "DATABASE_SCHEMA_TOO_NEW");
    assert!(area.0.lock().unwrap().durable.len() == before.len());
}
