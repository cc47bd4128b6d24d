use std::path::Path;

use haven_cluster::ids::{EpochNumber, HostId, Incarnation, Life};
use haven_model::Vm;
use haven_pooldb::{Database, MemStore};
use uuid::Uuid;

use super::*;

fn database() -> Database {
    Database::open(Box::new(MemStore::default()), crate::coordinator::ids()).unwrap()
}

fn add(db: &mut Database, name: &str) {
    let row = Vm { name_label: name.to_owned(), ..Vm::default() };
    db.transact(|tx| tx.insert(row)).unwrap();
}

fn term(incarnation: u64) -> Term {
    let host = HostId(Uuid::from_u128(1));
    let coordinator = Life { host, incarnation: Incarnation(incarnation) };
    Term { epoch: EpochNumber(0), coordinator }
}

fn replica(dir: &Path) -> Replica {
    Replica::new(&Paths::new(dir))
}

fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

/// Brings `copy`, which has the checksum `link`, up to date; answers its new checksum.
fn follow(copy: &Replica, db: &Database, (since, link): (u64, &str)) -> Option<String> {
    let batch = text(&db.batch_since(since).unwrap().unwrap());
    let kept = copy.follow(term(1), db.generation(), (link, &batch)).unwrap();
    kept.then(|| next_link(link, &batch))
}

fn whole(copy: &Replica, db: &Database) -> String {
    let all = text(&db.export().unwrap());
    copy.store(term(1), db.generation(), &all).unwrap();
    first_link(&all)
}

fn same(copy: &Replica, db: &Database) {
    let sorted = |mut all: Snapshot| {
        all.rows.sort_by(|a, b| (&a.class, a.reference).cmp(&(&b.class, b.reference)));
        all
    };
    assert_eq!(sorted(copy.load().unwrap()), sorted(db.export().unwrap()));
}

#[test]
fn a_copy_and_its_changes_are_read_back_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let (copy, mut db) = (replica(dir.path()), database());
    add(&mut db, "a");
    assert!(!copy.is_there());
    let link = whole(&copy, &db);
    assert!(copy.is_there());
    add(&mut db, "b");
    add(&mut db, "c");
    let link = follow(&copy, &db, (1, &link)).unwrap();
    add(&mut db, "d");
    follow(&copy, &db, (3, &link)).unwrap();
    same(&copy, &db);
    let later = replica(dir.path());
    same(&later, &db);
    assert_eq!(follow(&later, &db, (4, &link)), None, "it begins with a whole copy");
}

#[test]
fn a_member_that_missed_one_or_follows_another_is_not_led_astray() {
    let dir = tempfile::tempdir().unwrap();
    let (copy, mut db) = (replica(dir.path()), database());
    add(&mut db, "a");
    let link = whole(&copy, &db);
    add(&mut db, "missed");
    let missed = text(&db.batch_since(1).unwrap().unwrap());
    add(&mut db, "b");
    assert_eq!(follow(&copy, &db, (2, &next_link(&link, &missed))), None);
    assert_eq!(copy.load().unwrap().generation, 1, "it is what it was");
    // Another coordinator's change on the same copy is not taken either: it sends a whole one.
    let batch = text(&db.batch_since(1).unwrap().unwrap());
    assert!(!copy.follow(term(2), 3, (&link, &batch)).unwrap());
    copy.store(term(2), 3, &text(&db.export().unwrap())).unwrap();
    same(&copy, &db);
    // What the old coordinator still had on its way comes too late.
    assert_eq!(follow(&copy, &db, (1, &link)), None);
    same(&copy, &db);
}

#[test]
fn an_older_whole_copy_of_the_same_coordinator_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let (copy, mut db) = (replica(dir.path()), database());
    add(&mut db, "a");
    let old = text(&db.export().unwrap());
    add(&mut db, "b");
    whole(&copy, &db);
    copy.store(term(1), 1, &old).unwrap();
    same(&copy, &db);
    copy.store(term(2), 1, &old).unwrap();
    assert_eq!(copy.load().unwrap().generation, 1, "another coordinator's word counts");
}

#[test]
fn a_coordinators_own_copy_never_takes_the_place_of_a_newer_one() {
    let dir = tempfile::tempdir().unwrap();
    let (copy, mut db) = (replica(dir.path()), database());
    add(&mut db, "a");
    let old = text(&db.export().unwrap());
    copy.store_own(term(1), 1, &old).unwrap();
    add(&mut db, "b");
    // Another host coordinates now; what this one had on its way is late.
    copy.store(term(2), 2, &text(&db.export().unwrap())).unwrap();
    copy.store_own(term(1), 1, &old).unwrap();
    same(&copy, &db);
    add(&mut db, "c");
    copy.store_own(term(3), 3, &text(&db.export().unwrap())).unwrap();
    same(&copy, &db);
}

#[test]
fn a_torn_or_rotten_or_foreign_log_ends_where_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (copy, mut db) = (replica(dir.path()), database());
    add(&mut db, "a");
    let link = whole(&copy, &db);
    add(&mut db, "b");
    let link = follow(&copy, &db, (1, &link)).unwrap();
    add(&mut db, "c");
    follow(&copy, &db, (2, &link)).unwrap();
    let path = Paths::new(dir.path()).replica_log();
    let log = fs::read(&path).unwrap();
    let first = log.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in (first..log.len()).step_by(37) {
        fs::write(&path, &log[..cut]).unwrap();
        assert_eq!(copy.load().unwrap().generation, 2, "cut at {cut}");
    }
    for at in (0..log.len()).step_by(29) {
        let mut rotten = log.clone();
        rotten[at] ^= 0x10;
        fs::write(&path, &rotten).unwrap();
        assert!(copy.load().unwrap().generation < 3, "rotten at {at}");
    }
    // The power went between a new whole copy and the removal of the old log.
    fs::write(&path, &log).unwrap();
    let mut other = database();
    add(&mut other, "other");
    fs::write(Paths::new(dir.path()).replica(), text(&other.export().unwrap())).unwrap();
    same(&copy, &other);
}

#[test]
fn a_long_log_asks_for_a_whole_copy() {
    let dir = tempfile::tempdir().unwrap();
    let (copy, mut db) = (replica(dir.path()), database());
    add(&mut db, "a");
    let mut link = whole(&copy, &db);
    let mut changes = 0;
    loop {
        let since = db.generation();
        add(&mut db, &"x".repeat(1 << 20));
        match follow(&copy, &db, (since, &link)) {
            Some(next) => link = next,
            None => break,
        }
        changes += 1;
        assert!(changes < 20);
    }
    assert!(changes >= 8);
    whole(&copy, &db);
    same(&copy, &db);
}
