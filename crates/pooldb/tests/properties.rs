//! The database against a naive model: rows, references back, the change feed, durability.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use haven_model::{ApiError, Host, Pci, Ref, RefId, Vbd, Vdi, Vm, codes};
use haven_pooldb::{AreaBackend, Database, DbError, Image, MemStore, RedbStore, Store, VolumeArea};
use proptest::prelude::*;

const SLOTS: u128 = 5;

/// One thing a transaction may do. Numbers are references; 0 is null.
#[derive(Debug, Clone)]
enum Op {
    AddVm(u128, String, u128),
    AddVbd(u128, u128, u128),
    AddVdi(u128),
    AddHost(u128),
    AddPci(u128, Vec<u128>),
    Rename(u128, String),
    Move(u128, u128),
    SnapshotOf(u128, u128),
    Rewire(u128, u128, u128),
    Attach(u128, Vec<u128>),
    ForgeBackReference(u128),
    RemoveVm(u128),
    RemoveVbd(u128),
    RemoveVdi(u128),
    RemoveHost(u128),
    RemovePci(u128),
}

fn op() -> impl Strategy<Value = Op> {
    let r = 1..=SLOTS;
    let n = 0..=SLOTS;
    let set = prop::collection::btree_set(1..=SLOTS, 0..4)
        .prop_map(|s| s.into_iter().collect::<Vec<_>>());
    prop_oneof![
        (r.clone(), "[a-c]", n.clone()).prop_map(|(a, b, c)| Op::AddVm(a, b, c)),
        (r.clone(), n.clone(), n.clone()).prop_map(|(a, b, c)| Op::AddVbd(a, b, c)),
        r.clone().prop_map(Op::AddVdi),
        r.clone().prop_map(Op::AddHost),
        (r.clone(), set.clone()).prop_map(|(a, b)| Op::AddPci(a, b)),
        (r.clone(), "[a-c]").prop_map(|(a, b)| Op::Rename(a, b)),
        (r.clone(), n.clone()).prop_map(|(a, b)| Op::Move(a, b)),
        (r.clone(), n.clone()).prop_map(|(a, b)| Op::SnapshotOf(a, b)),
        (r.clone(), n.clone(), n).prop_map(|(a, b, c)| Op::Rewire(a, b, c)),
        (r.clone(), set).prop_map(|(a, b)| Op::Attach(a, b)),
        r.clone().prop_map(Op::ForgeBackReference),
        r.clone().prop_map(Op::RemoveVm),
        r.clone().prop_map(Op::RemoveVbd),
        r.clone().prop_map(Op::RemoveVdi),
        r.clone().prop_map(Op::RemoveHost),
        r.prop_map(Op::RemovePci),
    ]
}

/// References of different classes must not collide, as in production.
fn re<C>(class: u128, slot: u128) -> Ref<C> {
    if slot == 0 { Ref::NULL } else { Ref::from_u128(class * 100 + slot) }
}
fn vm(slot: u128) -> Ref<Vm> {
    re(1, slot)
}
fn vbd(slot: u128) -> Ref<Vbd> {
    re(2, slot)
}
fn vdi(slot: u128) -> Ref<Vdi> {
    re(3, slot)
}
fn host(slot: u128) -> Ref<Host> {
    re(4, slot)
}
fn pci(slot: u128) -> Ref<Pci> {
    re(5, slot)
}

/// Only what is written, nothing derived.
#[derive(Debug, Clone, Default, PartialEq)]
struct Naive {
    vms: BTreeMap<Ref<Vm>, (String, Ref<Host>, Ref<Vm>)>,
    vbds: BTreeMap<Ref<Vbd>, (Ref<Vm>, Ref<Vdi>)>,
    vdis: BTreeSet<Ref<Vdi>>,
    hosts: BTreeSet<Ref<Host>>,
    pcis: BTreeMap<Ref<Pci>, Vec<Ref<Vm>>>,
}

impl Naive {
    /// Whether the operation is legal; if so, does it.
    fn apply(&mut self, op: &Op) -> bool {
        match op {
            Op::AddVm(r, name, h) => {
                let row = (name.clone(), host(*h), Ref::NULL);
                !self.vms.contains_key(&vm(*r)) && self.vms.insert(vm(*r), row).is_none()
            }
            Op::AddVbd(r, v, d) => {
                let free = !self.vbds.contains_key(&vbd(*r));
                free && self.vbds.insert(vbd(*r), (vm(*v), vdi(*d))).is_none()
            }
            Op::AddVdi(r) => self.vdis.insert(vdi(*r)),
            Op::AddHost(r) => self.hosts.insert(host(*r)),
            Op::AddPci(r, vms) => {
                let to = vms.iter().map(|v| vm(*v)).collect();
                !self.pcis.contains_key(&pci(*r)) && self.pcis.insert(pci(*r), to).is_none()
            }
            Op::Rename(r, name) => {
                self.vms.get_mut(&vm(*r)).map(|v| v.0.clone_from(name)).is_some()
            }
            Op::Move(r, h) => self.vms.get_mut(&vm(*r)).map(|v| v.1 = host(*h)).is_some(),
            Op::SnapshotOf(r, o) => self.vms.get_mut(&vm(*r)).map(|v| v.2 = vm(*o)).is_some(),
            Op::Rewire(r, v, d) => {
                self.vbds.get_mut(&vbd(*r)).map(|row| *row = (vm(*v), vdi(*d))).is_some()
            }
            Op::Attach(r, vms) => {
                let to = vms.iter().map(|v| vm(*v)).collect();
                self.pcis.get_mut(&pci(*r)).map(|row| *row = to).is_some()
            }
            Op::ForgeBackReference(r) => self.vms.contains_key(&vm(*r)),
            Op::RemoveVm(r) => self.remove_vm(vm(*r)),
            Op::RemoveVbd(r) => self.vbds.remove(&vbd(*r)).is_some(),
            Op::RemoveVdi(r) => {
                for row in self.vbds.values_mut().filter(|row| row.1 == vdi(*r)) {
                    // Only a removal that happens clears references.
                    if self.vdis.contains(&vdi(*r)) {
                        row.1 = Ref::NULL;
                    }
                }
                self.vdis.remove(&vdi(*r))
            }
            Op::RemoveHost(r) => {
                let there = self.hosts.remove(&host(*r));
                for row in self.vms.values_mut().filter(|row| there && row.1 == host(*r)) {
                    row.1 = Ref::NULL;
                }
                there
            }
            Op::RemovePci(r) => self.pcis.remove(&pci(*r)).is_some(),
        }
    }

    fn remove_vm(&mut self, gone: Ref<Vm>) -> bool {
        if self.vms.remove(&gone).is_none() {
            return false;
        }
        for row in self.vms.values_mut().filter(|row| row.2 == gone) {
            row.2 = Ref::NULL;
        }
        for row in self.vbds.values_mut().filter(|row| row.0 == gone) {
            row.0 = Ref::NULL;
        }
        for row in self.pcis.values_mut() {
            row.retain(|v| *v != gone);
        }
        true
    }
}

fn run(tx: &mut haven_pooldb::Tx<'_>, op: &Op) -> Result<(), ApiError> {
    match op {
        Op::AddVm(r, name, h) => {
            let (name_label, resident_on) = (name.clone(), host(*h));
            tx.insert_with(vm(*r), Vm { name_label, resident_on, ..Vm::default() })
        }
        Op::AddVbd(r, v, d) => {
            tx.insert_with(vbd(*r), Vbd { vm: vm(*v), vdi: vdi(*d), ..Vbd::default() })
        }
        Op::AddVdi(r) => tx.insert_with(vdi(*r), Vdi::default()),
        Op::AddHost(r) => tx.insert_with(host(*r), Host::default()),
        Op::AddPci(r, vms) => {
            let attached_vms = vms.iter().map(|v| vm(*v)).collect();
            tx.insert_with(pci(*r), Pci { attached_vms, ..Pci::default() })
        }
        Op::Rename(r, name) => tx.update(vm(*r), |row| row.name_label.clone_from(name)),
        Op::Move(r, h) => tx.update(vm(*r), |row| row.resident_on = host(*h)),
        Op::SnapshotOf(r, o) => tx.update(vm(*r), |row| row.snapshot_of = vm(*o)),
        Op::Rewire(r, v, d) => tx.update(vbd(*r), |row| {
            row.vm = vm(*v);
            row.vdi = vdi(*d);
        }),
        Op::Attach(r, vms) => {
            tx.update(pci(*r), |row| row.attached_vms = vms.iter().map(|v| vm(*v)).collect())
        }
        Op::ForgeBackReference(r) => tx.update(vm(*r), |row| row.vbds = vec![vbd(77)]),
        Op::RemoveVm(r) => tx.remove(vm(*r)),
        Op::RemoveVbd(r) => tx.remove(vbd(*r)),
        Op::RemoveVdi(r) => tx.remove(vdi(*r)),
        Op::RemoveHost(r) => tx.remove(host(*r)),
        Op::RemovePci(r) => tx.remove(pci(*r)),
    }
}

fn owners<'a, T: Copy + 'a, R: 'a>(
    rows: impl Iterator<Item = (&'a T, &'a R)>,
    refers: impl Fn(&R) -> bool,
) -> Vec<T> {
    rows.filter(|(_, row)| refers(row)).map(|(r, _)| *r).collect()
}

/// The image says what the naive model says, both ways.
fn agree(image: &Image, naive: &Naive) {
    assert_eq!(image.iter::<Vm>().map(|(r, _)| r).collect::<Vec<_>>(), keys(&naive.vms));
    for (r, row) in image.iter::<Vm>() {
        let expected = &naive.vms[&r];
        assert_eq!(&(row.name_label.clone(), row.resident_on, row.snapshot_of), expected);
        assert_eq!(row.vbds, owners(naive.vbds.iter(), |b| b.0 == r));
        assert_eq!(row.snapshots, owners(naive.vms.iter(), |v| v.2 == r));
        assert_eq!(row.attached_pcis, owners(naive.pcis.iter(), |p| p.contains(&r)));
        assert_eq!(image.find_uuid::<Vm>(&row.uuid), Some(r));
    }
    assert_eq!(image.iter::<Vbd>().map(|(r, _)| r).collect::<Vec<_>>(), keys(&naive.vbds));
    for (r, row) in image.iter::<Vbd>() {
        assert_eq!((row.vm, row.vdi), naive.vbds[&r]);
    }
    for (r, row) in image.iter::<Vdi>() {
        assert_eq!(row.vbds, owners(naive.vbds.iter(), |b| b.1 == r));
    }
    for (r, row) in image.iter::<Host>() {
        assert_eq!(row.resident_vms, owners(naive.vms.iter(), |v| v.1 == r));
    }
    for (r, row) in image.iter::<Pci>() {
        assert_eq!(row.attached_vms, naive.pcis[&r]);
    }
    assert_eq!(image.count("VDI"), naive.vdis.len());
    assert_eq!(image.count("host"), naive.hosts.len());
}

fn keys<K: Copy, V>(map: &BTreeMap<K, V>) -> Vec<K> {
    map.keys().copied().collect()
}

fn ids() -> Box<dyn haven_pooldb::IdSource> {
    let mut next = 1_000_000;
    Box::new(move || {
        next += 1;
        next
    })
}

fn open(store: impl Store + 'static) -> Database {
    Database::open(Box::new(store), ids()).unwrap()
}

type Seen = BTreeMap<(&'static str, RefId), u64>;

/// A watcher that only follows the feed knows at every time exactly the rows there are.
fn follow(db: &Database, seen: &mut Seen, token: u64) {
    let changes = db.changes_since(token);
    assert!(!changes.lost);
    for (class, r) in changes.adds {
        assert!(seen.insert((class, r), 0).is_none() || token == 0, "{class} {r} added twice");
    }
    for (class, r) in changes.mods {
        assert!(seen.contains_key(&(class, r)), "{class} {r} changed but never added");
    }
    for (class, r) in changes.dels {
        assert!(seen.remove(&(class, r)).is_some(), "{class} {r} deleted but never added");
    }
    let rows: BTreeSet<_> = haven_model::stored_classes()
        .flat_map(|c| db.rows(c.name).map(|(r, _)| (c.name, r)))
        .collect();
    assert_eq!(seen.keys().copied().collect::<BTreeSet<_>>(), rows);
}

/// Runs the transactions; each ends well, or fails as a whole when one of its operations does.
fn play(db: &mut Database, transactions: &[Vec<Op>], followed: usize) -> Naive {
    let mut naive = Naive::default();
    let (mut seen, mut token) = (Seen::new(), 0);
    for (step, ops) in transactions.iter().enumerate() {
        let mut wish = naive.clone();
        let legal = ops.iter().all(|op| wish.apply(op));
        let before = db.export().unwrap();
        let done = db.transact(|tx| ops.iter().try_for_each(|op| run(tx, op)));
        assert_eq!(done.is_ok(), legal, "{ops:?}: {done:?}");
        if legal {
            naive = wish;
        } else {
            assert_eq!(db.export().unwrap(), before, "a failed transaction left something");
        }
        agree(db, &naive);
        if step % followed == 0 {
            follow(db, &mut seen, token);
            token = db.generation();
        }
    }
    naive
}

/// An area of fixed capacity in memory.
#[derive(Debug)]
struct FakeArea {
    bytes: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
}

const AREA_BYTES: u64 = 64 << 20;

fn range(at: u64, count: usize) -> std::ops::Range<usize> {
    let at = usize::try_from(at).unwrap();
    at..at + count
}

impl VolumeArea for FakeArea {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }
    fn set_len(&mut self, len: u64) -> io::Result<()> {
        if len > AREA_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }
    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.bytes.lock().unwrap();
        let part = bytes.get(range(at, out.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(part);
        Ok(())
    }
    fn write(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.bytes.lock().unwrap();
        let part = bytes.get_mut(range(at, data.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        part.copy_from_slice(data);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn transactions() -> impl Strategy<Value = Vec<Vec<Op>>> {
    prop::collection::vec(prop::collection::vec(op(), 1..6), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn memory_agrees_with_the_naive_model(txs in transactions(), followed in 1_usize..5) {
        play(&mut open(MemStore::default()), &txs, followed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_reopened_area_equals_memory(txs in transactions()) {
        let bytes = std::sync::Arc::default();
        let area = |b: &std::sync::Arc<_>| {
            AreaBackend::new(Box::new(FakeArea { bytes: std::sync::Arc::clone(b) }))
        };
        let mut db = open(RedbStore::on_backend(area(&bytes)).unwrap());
        let naive = play(&mut db, &txs, 1);
        let before = db.export().unwrap();
        drop(db);
        let db = open(RedbStore::on_backend(area(&bytes)).unwrap());
        agree(&db, &naive);
        prop_assert_eq!(db.export().unwrap(), before);
    }
}

#[test]
fn a_reopened_file_equals_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pool.redb");
    let mut db = open(RedbStore::open(&path).unwrap());
    let ops = [Op::AddVm(1, "a".into(), 2), Op::AddHost(2), Op::AddVbd(1, 1, 0)];
    db.transact(|tx| ops.iter().try_for_each(|op| run(tx, op))).unwrap();
    db.transact(|tx| tx.remove(vbd(1))).unwrap();
    let before = db.export().unwrap();
    drop(db);
    let db = open(RedbStore::open(&path).unwrap());
    assert_eq!(db.export().unwrap(), before);
    assert_eq!(db.get(host(2)).unwrap().resident_vms, [vm(1)]);
    assert_eq!(db.changes_since(1).dels, [("VBD", vbd(1).id())]);
}

#[test]
fn a_store_that_fails_leaves_memory_unchanged_and_is_rewritten_after() {
    let store = MemStore::failing_after(1);
    let mut db = open(store);
    db.transact(|tx| run(tx, &Op::AddHost(1))).unwrap();
    let before = db.export().unwrap();
    let failed = db.transact(|tx| run(tx, &Op::AddHost(2)));
    assert!(matches!(failed, Err(DbError::Store(_))), "{failed:?}");
    assert_eq!(db.export().unwrap(), before);
    let code = ApiError::from(failed.unwrap_err()).code;
    assert_eq!(code, codes::DATABASE_WRITE_FAILED);
    let mut old = db.move_to(Box::new(MemStore::default())).unwrap();
    assert_eq!(old.generation().unwrap(), 1);
    db.transact(|tx| run(tx, &Op::AddHost(2))).unwrap();
    assert_eq!(db.count("host"), 2);
}

#[test]
fn a_member_copy_follows_by_batches_and_refuses_gaps() {
    let mut db = open(MemStore::default());
    let mut copy = MemStore::default();
    let first = db.transact(|tx| run(tx, &Op::AddHost(1))).unwrap().batch.unwrap();
    let second = db.transact(|tx| run(tx, &Op::AddHost(2))).unwrap().batch.unwrap();
    assert!(copy.commit(&second).is_err());
    copy.commit(&first).unwrap();
    copy.commit(&second).unwrap();
    assert_eq!(copy.load().unwrap().unwrap(), db.export().unwrap());
    let nothing = db.transact(|tx| tx.update(host(1), |_| ())).unwrap();
    assert!(nothing.batch.is_none());
}

#[test]
fn uuids_are_unique_per_class_and_filled_in() {
    let mut db = open(MemStore::default());
    let row = || Vm { uuid: "u".into(), ..Vm::default() };
    db.transact(|tx| tx.insert(row())).unwrap();
    let again = db.transact(|tx| tx.insert(row()));
    assert_eq!(ApiError::from(again.unwrap_err()).code, codes::DB_UNIQUENESS_CONSTRAINT_VIOLATION);
    let fresh = db.transact(|tx| tx.insert(Vm::default())).unwrap().value;
    assert_eq!(db.get(fresh).unwrap().uuid.len(), 36);
}

#[test]
fn forgotten_deletes_are_reported_as_lost() {
    let mut db = open(MemStore::default());
    db.transact(|tx| run(tx, &Op::AddHost(1))).unwrap();
    let early = db.generation();
    for _ in 0..=haven_pooldb::DELETES_KEPT_MAX {
        let vdi = db.transact(|tx| tx.insert(Vdi::default())).unwrap().value;
        db.transact(|tx| tx.remove(vdi)).unwrap();
    }
    assert!(db.changes_since(early).lost);
    let recent = db.generation() - 2;
    let changes = db.changes_since(recent);
    assert!(!changes.lost && changes.is_empty(), "made and deleted in between is not shown");
}

#[test]
fn a_row_made_again_under_its_old_reference_is_a_change() {
    let mut db = open(MemStore::default());
    db.transact(|tx| run(tx, &Op::AddHost(1))).unwrap();
    let token = db.generation();
    let change = [("host", host(1).id())];
    db.transact(|tx| tx.remove(host(1)).and_then(|()| run(tx, &Op::AddHost(1)))).unwrap();
    assert_eq!(db.changes_since(token).mods, change);
    db.transact(|tx| tx.remove(host(1))).unwrap();
    assert_eq!(db.changes_since(token).dels, change);
    db.transact(|tx| run(tx, &Op::AddHost(1))).unwrap();
    let changes = db.changes_since(token);
    assert!(changes.mods == change && changes.adds.is_empty() && changes.dels.is_empty());
}

#[test]
fn a_touched_row_is_a_change() {
    let mut db = open(MemStore::default());
    db.transact(|tx| run(tx, &Op::AddHost(1))).unwrap();
    let token = db.generation();
    db.transact(|tx| tx.touch("host", host(1).id())).unwrap();
    assert_eq!(db.changes_since(token).mods, [("host", host(1).id())]);
}

#[test]
fn a_newer_schema_is_refused() {
    let db = open(MemStore::default());
    let mut snapshot = db.export().unwrap();
    snapshot.schema = 99;
    assert!(Database::create(Box::new(MemStore::default()), ids(), &snapshot).is_err());
}
