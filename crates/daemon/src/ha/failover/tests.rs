//! The manager's view of the database.

use std::collections::BTreeMap;

use haven_cluster::control::{EpochView, GuardPhase, GuardState};
use haven_cluster::ids::{EpochNumber, HostId, Incarnation};
use haven_model::VmPowerState;
use haven_pooldb::{Database, MemStore};

use haven_failover::Presence;

use super::*;

fn database(build: impl FnOnce(&mut Tx<'_>) -> Result<(), ApiError>) -> Database {
    let store = Box::new(MemStore::default());
    let mut db = Database::open(store, crate::coordinator::ids()).unwrap();
    db.transact(build).unwrap();
    db
}

fn life(host: u128, incarnation: u64) -> Life {
    Life { host: HostId(Uuid::from_u128(host)), incarnation: Incarnation(incarnation) }
}

fn holder(host: u128, incarnation: u64) -> Holder {
    Holder { host: Ref::from_u128(host), incarnation }
}

#[test]
fn only_vms_of_dead_lives_are_buried() {
    let db = database(|tx| {
        for (name, holders) in [
            ("lost", vec![holder(1, 4)]),
            ("came back", vec![holder(1, 5)]),
            ("elsewhere", vec![holder(2, 1)]),
            ("arrived", vec![holder(1, 4), holder(2, 1)]),
            ("nowhere", vec![]),
        ] {
            let vm = tx.insert(Vm { name_label: name.to_owned(), ..Vm::default() })?;
            placement::set(tx, vm, holders)?;
        }
        Ok(())
    });
    let found: BTreeMap<String, Fate> = fates(&db, &[life(1, 4)])
        .into_iter()
        .map(|case| (db.get(case.vm).unwrap().name_label.clone(), case.fate))
        .collect();
    let expected = BTreeMap::from([
        ("lost".to_owned(), Fate::Lost),
        ("arrived".to_owned(), Fate::Ask(vec![holder(2, 1)])),
    ]);
    assert_eq!(found, expected);
}

#[test]
fn a_vm_that_was_placed_anew_while_others_were_asked_is_not_written_off() {
    let mut names = Vec::new();
    let mut db = database(|tx| {
        for name in ["lost", "started by somebody meanwhile"] {
            let running = VmPowerState::Running;
            let row = Vm { name_label: name.to_owned(), power_state: running, ..Vm::default() };
            let vm = tx.insert(row)?;
            placement::set(tx, vm, vec![holder(1, 4)])?;
            names.push(vm);
        }
        Ok(())
    });
    let lost: Vec<(Ref<Vm>, u64)> =
        fates(&db, &[life(1, 4)]).iter().map(|case| (case.vm, case.number)).collect();
    assert_eq!(lost.len(), 2);
    db.transact(|tx| placement::set(tx, names[1], vec![holder(2, 9)])).unwrap();
    db.transact(|tx| write_off(tx, &lost)).unwrap();
    let state = |vm: Ref<Vm>| db.get(vm).unwrap().power_state;
    assert_eq!(state(names[0]), VmPowerState::Halted);
    assert_eq!(state(names[1]), VmPowerState::Running);
    assert_eq!(placement::holders(&db, names[1]), [Ref::from_u128(2)]);
}

#[test]
fn hosts_outside_the_epoch_do_not_count_as_live() {
    let db = database(|tx| {
        for host in [1, 2] {
            let metrics = tx.insert(HostMetrics { live: true, ..HostMetrics::default() })?;
            tx.insert_with(Ref::from_u128(host), Host { metrics, ..Host::default() })?;
        }
        Ok(())
    });
    let state = GuardState {
        sequence: 1,
        phase: GuardPhase::Member,
        epoch: Some(EpochView {
            generation: Uuid::nil(),
            number: EpochNumber(3),
            members: vec![life(1, 4)],
            coordinator: life(1, 4),
            q: 1,
            area_live: 0,
            area_owner: None,
            area_next: None,
            armed: true,
            places: None,
            timing: None,
            tolerate: None,
        }),
        may_act: true,
        ..GuardState::idle()
    };
    let outside = db.get::<Host>(Ref::from_u128(2)).unwrap().metrics;
    assert_eq!(stale_metrics(&db, &state), [outside]);
}

#[test]
fn a_vm_that_arrived_by_halves_does_not_run() {
    use crate::orders::{ActingOrder, Inventory};
    use haven_drivers::hypervisor::{DomainInfo, DomainState};

    let vm = Uuid::from_u128(7);
    let seen = |state: Option<DomainState>, acts: bool| {
        let domain = |state| DomainInfo {
            uuid: vm,
            state,
            memory_bytes: 0,
            cpu_time_ns: 0,
            disk_error: false,
        };
        let order = ActingOrder { id: vm, vm: Some(vm), kind: "start_vm".to_owned() };
        Inventory {
            ending: BTreeMap::new(),
            life: 0,
            domains: state.map(domain).into_iter().collect(),
            acting: acts.then_some(order).into_iter().collect(),
            attached: Vec::new(),
            boot_id: String::new(),
            memory_free: 0,
            drives: None,
        }
    };
    assert_eq!(
        failover::presence(seen(Some(DomainState::Incoming), false).report(vm, 0)),
        Presence::Stranded
    );
    assert_eq!(
        failover::presence(seen(Some(DomainState::Running), false).report(vm, 0)),
        Presence::Runs
    );
    assert_eq!(
        failover::presence(seen(Some(DomainState::Paused), false).report(vm, 0)),
        Presence::Runs
    );
    assert_eq!(failover::presence(seen(None, true).report(vm, 0)), Presence::Undecided);
    assert_eq!(failover::presence(seen(None, false).report(vm, 0)), Presence::Gone);
    assert_eq!(
        failover::presence(seen(Some(DomainState::Running), false).report(Uuid::nil(), 0)),
        Presence::Gone
    );
}
