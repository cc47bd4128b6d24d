use std::collections::BTreeMap;

use haven_model::{ApiError, Holder, PlacementPolicy, VmPowerState};
use haven_pooldb::{Database, MemStore, Tx};

use super::*;

/// What a step does to the rows; numbers by chance.
type Step = fn(&mut Tx<'_>, &mut dyn FnMut(u128) -> u128) -> Result<(), ApiError>;

fn some<C: Class>(tx: &Tx<'_>, chance: u128) -> Option<Ref<C>> {
    let all: Vec<Ref<C>> = tx.iter::<C>().map(|(row, _)| row).collect();
    let count = u128::try_from(all.len()).ok().filter(|count| *count > 0)?;
    all.get(usize::try_from(chance % count).ok()?).copied()
}

fn rest(tx: &mut Tx<'_>, vm: Ref<Vm>, host: Option<Ref<Host>>) -> Result<(), ApiError> {
    let holders = host.map(|host| Holder { host, incarnation: 1 });
    placement::set(tx, vm, holders.into_iter().collect())?;
    tx.update(vm, |row: &mut Vm| row.resident_on = host.unwrap_or(Ref::NULL))
}

const STEPS: &[Step] = &[
    |tx, dice| {
        let vm = Vm {
            name_label: format!("vm{}", dice(100)),
            memory_static_max: 1 << 30,
            vcpus_max: 2,
            ..Vm::default()
        };
        let vm = tx.insert(vm)?;
        let host = some(tx, dice(99));
        rest(tx, vm, host)
    },
    |tx, dice| match some::<Vm>(tx, dice(99)) {
        Some(vm) => {
            let host = some(tx, dice(99)).filter(|_| dice(2) == 0);
            rest(tx, vm, host)
        }
        None => Ok(()),
    },
    |tx, dice| match some::<Vm>(tx, dice(99)) {
        Some(vm) => tx.update(vm, |row: &mut Vm| {
            row.memory_static_max += 1 << 20;
            row.ha_always_run = true;
            row.power_state = VmPowerState::Halted;
        }),
        None => Ok(()),
    },
    |tx, dice| match some::<Vm>(tx, dice(99)) {
        Some(vm) => tx.remove(vm),
        None => Ok(()),
    },
    |tx, dice| {
        let (vm, sr) = (some(tx, dice(99)), some(tx, dice(99)));
        let (Some(vm), Some(sr)) = (vm, sr) else { return Ok(()) };
        let vdi = tx.insert(Vdi { sr, ..Vdi::default() })?;
        tx.insert(Vbd { vm, vdi, ..Vbd::default() }).map(|_| ())
    },
    |tx, dice| match (some::<Vdi>(tx, dice(99)), some::<Sr>(tx, dice(99))) {
        (Some(vdi), Some(sr)) => tx.update(vdi, |row: &mut Vdi| row.sr = sr),
        _ => Ok(()),
    },
    |tx, dice| match some::<Vdi>(tx, dice(99)) {
        Some(vdi) => tx.remove(vdi),
        None => Ok(()),
    },
    |tx, dice| match some::<Vbd>(tx, dice(99)) {
        Some(vbd) => tx.remove(vbd),
        None => Ok(()),
    },
    |tx, dice| {
        let (vm, network) = (some(tx, dice(99)), some(tx, dice(99)));
        let (Some(vm), Some(network)) = (vm, network) else { return Ok(()) };
        tx.insert(Vif { vm, network, ..Vif::default() }).map(|_| ())
    },
    |tx, dice| {
        let (host, network) = (some(tx, dice(99)), some(tx, dice(99)));
        let (Some(host), Some(network)) = (host, network) else { return Ok(()) };
        tx.insert(Pif { host, network, currently_attached: true, ..Pif::default() }).map(|_| ())
    },
    |tx, dice| match some::<Pif>(tx, dice(99)) {
        Some(pif) if dice(2) == 0 => tx.remove(pif),
        Some(pif) => {
            tx.update(pif, |row: &mut Pif| row.currently_attached = !row.currently_attached)
        }
        None => Ok(()),
    },
    |tx, dice| {
        let (host, sr) = (some(tx, dice(99)), some(tx, dice(99)));
        let (Some(host), Some(sr)) = (host, sr) else { return Ok(()) };
        tx.insert(Pbd { host, sr, currently_attached: true, ..Pbd::default() }).map(|_| ())
    },
    |tx, dice| match some::<Pbd>(tx, dice(99)) {
        Some(pbd) => tx.remove(pbd),
        None => Ok(()),
    },
    |tx, dice| {
        let metrics = HostMetrics { live: true, memory_total: 64 << 30, ..Default::default() };
        let metrics = tx.insert(metrics)?;
        let name_label = format!("host{}", dice(100));
        tx.insert(Host { metrics, name_label, enabled: true, ..Host::default() }).map(|_| ())
    },
    |tx, dice| match some::<HostMetrics>(tx, dice(99)) {
        Some(metrics) => tx.update(metrics, |row: &mut HostMetrics| {
            row.live = !row.live;
            row.memory_total += 1 << 20;
        }),
        None => Ok(()),
    },
    |tx, dice| match some::<Host>(tx, dice(99)) {
        Some(host) if dice(8) == 0 => tx.remove(host),
        Some(host) => tx.update(host, |row: &mut Host| row.enabled = !row.enabled),
        None => Ok(()),
    },
    |tx, dice| {
        let name_label = format!("sr{}", dice(100));
        tx.insert(Sr { name_label, ..Sr::default() }).map(|_| ())
    },
    |tx, dice| match some::<Sr>(tx, dice(99)) {
        Some(sr) if dice(4) == 0 => tx.remove(sr),
        Some(sr) => tx.update(sr, |row: &mut Sr| row.name_label += "x"),
        None => Ok(()),
    },
    |tx, _| tx.insert(Network::default()).map(|_| ()),
    |tx, dice| match some::<Network>(tx, dice(99)) {
        Some(network) if dice(4) == 0 => tx.remove(network),
        Some(network) => tx.update(network, |row: &mut Network| row.name_label += "y"),
        None => Ok(()),
    },
    |tx, dice| {
        let placement = PlacementPolicy::AntiAffinity;
        let group = tx.insert(VmGroup { placement, ..VmGroup::default() })?;
        match some::<Vm>(tx, dice(99)) {
            Some(vm) => tx.update(vm, |row: &mut Vm| row.groups = vec![group]),
            None => Ok(()),
        }
    },
    |tx, dice| {
        let (pool, _) = rows::pool(tx)?;
        let ratio = if dice(2) == 0 { "200" } else { "400" };
        tx.update(pool, |row: &mut Pool| {
            let key = "vcpus_per_100_cpus".to_owned();
            row.ha_configuration = BTreeMap::from([(key, ratio.to_owned())]);
            row.ha_plan_exists_for += 1;
        })
    },
    |tx, dice| {
        let (pool, _) = rows::pool(tx)?;
        let seen = dice(99).to_string();
        tx.update(pool, |row: &mut Pool| row.name_description = seen)
    },
];

/// Whatever changes, what is kept is what would be made anew; and most of it is kept.
#[test]
fn a_view_that_is_kept_is_the_view_made_anew() {
    let mut kept_times = 0;
    for seed in 1..=40_u64 {
        let mut state = seed;
        let mut dice = |limit: u128| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u128::from(state >> 33) % limit
        };
        let mut db =
            Database::open(Box::new(MemStore::default()), crate::coordinator::ids()).unwrap();
        db.transact(|tx| tx.insert(Pool::default())).unwrap();
        for _ in 0..120 {
            for _ in 0..=dice(2) {
                let count = u128::try_from(STEPS.len()).unwrap();
                let step = STEPS[usize::try_from(dice(count)).unwrap()];
                db.transact(|tx| step(tx, &mut dice)).unwrap();
            }
            let kept = db.recall::<Kept>();
            let mut kept = kept.and_then(|(since, kept)| Some((since, Arc::into_inner(kept)?)));
            if let Some((generation, kept)) = &mut kept
                && kept.follow(&db, *generation)
            {
                assert_eq!(*kept.pool, *Kept::of(&db).pool, "seed {seed}");
                assert_eq!(kept.held, Kept::of(&db).held, "seed {seed}");
                kept_times += 1;
            }
            match kept {
                Some((_, kept)) if *kept.pool == *Kept::of(&db).pool => {
                    db.remember(Arc::new(kept));
                }
                _ => drop(current(&db)),
            }
        }
    }
    assert!(kept_times > 2_000, "{kept_times}");
}

#[test]
fn within_a_transaction_its_own_changes_are_seen_and_not_kept() {
    let mut db = Database::open(Box::new(MemStore::default()), crate::coordinator::ids()).unwrap();
    let (host, vm) = db
        .transact(|tx| {
            tx.insert(Pool::default())?;
            Ok((tx.insert(Host::default())?, tx.insert(Vm::default())?))
        })
        .unwrap()
        .value;
    assert!(current(&db).vms.is_empty());
    let refused = db.transact(|tx| {
        assert!(current(tx).vms.is_empty());
        rest(tx, vm, Some(host))?;
        assert_eq!(current(tx).vms.len(), 1);
        Err::<(), _>(ApiError::internal("refused"))
    });
    assert!(refused.is_err());
    assert!(current(&db).vms.is_empty());
}
