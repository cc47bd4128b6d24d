//! What the engine of restarts is told of the database.

use haven_model::{Holder, VmOperations, VmPowerState};
use haven_pooldb::{Database, MemStore};

use super::*;

fn database(build: impl FnOnce(&mut Tx<'_>) -> Result<(), ApiError>) -> Database {
    let store = Box::new(MemStore::default());
    let mut db = Database::open(store, crate::coordinator::ids()).unwrap();
    db.transact(build).unwrap();
    db
}

fn protected() -> Vm {
    Vm {
        ha_always_run: true,
        ha_restart_priority: "restart".to_owned(),
        power_state: VmPowerState::Halted,
        ..Vm::default()
    }
}

#[test]
fn what_must_run_and_may_be_started_is_wanted() {
    let db = database(|tx| {
        let named = |name: &str| Vm { name_label: name.to_owned(), ..protected() };
        tx.insert(named("wanted"))?;
        tx.insert(Vm { power_state: VmPowerState::Running, ..named("runs") })?;
        tx.insert(Vm { ha_always_run: false, ..named("stopped by its owner") })?;
        tx.insert(Vm { ha_restart_priority: String::new(), ..named("not protected") })?;
        let busy = BTreeMap::from([("task".to_owned(), VmOperations::Start)]);
        tx.insert(Vm { current_operations: busy, ..named("being started") })?;
        let vm = tx.insert(named("perhaps still runs"))?;
        let holder = Holder { host: Ref::from_u128(1), incarnation: 4 };
        placement::set(tx, vm, vec![holder])?;
        Ok(())
    });
    let name = |vm| db.get::<Vm>(vm).unwrap().name_label.clone();
    let names: Vec<String> = wanted(&db).into_iter().map(name).collect();
    assert_eq!(names, ["wanted"]);
}
