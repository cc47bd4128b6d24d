//! What a start of one VM costs before anything is ordered, in a pool of 64 hosts and 4,000 VMs:
//! reading the planner's view from the database, and the whole check. Part of `make bench-planner`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring program: it may fail as tests do, and prints what it measured"
)]

use std::time::Instant;

use haven_daemon::ops::{admission, placement, view};
use haven_model::{
    ApiError, Holder, Host, HostMetrics, Network, Pbd, Pif, Pool, Ref, Sr, Vbd, Vdi, Vif, Vm,
};
use haven_planner::{Budget, Change, Operation};
use haven_pooldb::{Database, MemStore, Tx};

const HOSTS: u128 = 64;
const VMS: u128 = 4_000;
const GIB: i64 = 1 << 30;
/// Repetitions; the median counts.
const RUNS: u128 = 101;
/// Features of a processor.
const FLAGS: usize = 120;

/// Milliseconds, and those of them in which this process had a processor.
fn figures(name: &str, mut run: impl FnMut()) {
    let (begin, cpu) = (Instant::now(), cpu_ms());
    run();
    println!("figure {name}_ms {:.3} ms", begin.elapsed().as_secs_f64() * 1000.0);
    println!("figure {name}_cpu_ms {:.3} ms", cpu_ms() - cpu);
}

fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let ns = text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok());
    ns.unwrap_or(0.0) / 1e6
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Sizes as they occur, in GiB; 80 % of the memory is used.
fn size(number: u128) -> i64 {
    [2, 4, 2, 8, 4, 2, 16, 4, 8, 32][usize::try_from(number % 10).unwrap()]
}

fn hosts(tx: &mut Tx<'_>, sr: Ref<Sr>, network: Ref<Network>) -> Result<(), ApiError> {
    let used: i64 = (0..VMS).map(size).sum::<i64>() * GIB;
    let memory_total = used / i64::try_from(HOSTS).unwrap() * 100 / 78;
    let flags: Vec<String> = (0..FLAGS).map(|number| format!("flag{number}")).collect();
    let cpu = [("cpu_count", "64"), ("speed", "2400"), ("flags", &flags.join(" "))];
    let cpu_info = cpu.map(|(key, value)| (key.to_owned(), value.to_owned()));
    for number in 0..HOSTS {
        let metrics =
            tx.insert(HostMetrics { live: true, memory_total, ..HostMetrics::default() })?;
        let host = Ref::from_u128(number + 1);
        let name_label = format!("host{number}");
        let cpu_info = cpu_info.clone().into();
        let row = Host { metrics, enabled: true, name_label, cpu_info, ..Host::default() };
        tx.insert_with(host, row)?;
        tx.insert(Pbd { host, sr, currently_attached: true, ..Pbd::default() })?;
        tx.insert(Pif { host, network, currently_attached: true, ..Pif::default() })?;
    }
    Ok(())
}

fn vm(tx: &mut Tx<'_>, number: u128, sr: Ref<Sr>, network: Ref<Network>) -> Result<(), ApiError> {
    let vm = Ref::from_u128(1_000 + number);
    let row = Vm {
        name_label: format!("machine {number}"),
        memory_static_max: size(number) * GIB,
        vcpus_max: 2,
        ha_always_run: true,
        ha_restart_priority: "restart".to_owned(),
        ..Vm::default()
    };
    tx.insert_with(vm, row)?;
    for _ in 0..2 {
        let vdi = tx.insert(Vdi { sr, ..Vdi::default() })?;
        tx.insert(Vbd { vm, vdi, ..Vbd::default() })?;
    }
    tx.insert(Vif { vm, network, ..Vif::default() })?;
    place(tx, vm, Ref::from_u128(number % HOSTS + 1))
}

fn place(tx: &mut Tx<'_>, vm: Ref<Vm>, host: Ref<Host>) -> Result<(), ApiError> {
    placement::set(tx, vm, vec![Holder { host, incarnation: 1 }])?;
    tx.update(vm, |row: &mut Vm| row.resident_on = host)
}

fn database() -> Database {
    let mut last = 1 << 80;
    let ids = move || {
        last += 1;
        last
    };
    let mut db = Database::open(Box::new(MemStore::default()), Box::new(ids)).unwrap();
    db.transact(|tx| {
        let (sr, network) = (tx.insert(Sr::default())?, tx.insert(Network::default())?);
        hosts(tx, sr, network)?;
        (0..VMS + RUNS).try_for_each(|number| vm(tx, number, sr, network))?;
        for number in VMS..VMS + RUNS {
            let vm = Ref::<Vm>::from_u128(1_000 + number);
            placement::set(tx, vm, Vec::new())?;
            tx.update(vm, |row: &mut Vm| {
                (row.resident_on, row.ha_always_run) = (Ref::NULL, false);
            })?;
        }
        tx.insert(Pool { ha_enabled: true, ha_host_failures_to_tolerate: 2, ..Pool::default() })
    })
    .unwrap();
    db
}

/// Starts one VM after the other; each reads the view, is weighed, and is placed. Answers the
/// medians of the reading, of choosing a host, and of the check.
fn starts(db: &mut Database) -> [f64; 3] {
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for number in VMS..VMS + RUNS {
        let vm = Ref::<Vm>::from_u128(1_000 + number);
        let took = db.transact(|tx| {
            let begin = Instant::now();
            let pool = view::current(tx);
            let read = begin.elapsed();
            let wanted = view::vm(tx, vm, tx.require(vm)?);
            let begin = Instant::now();
            let found = haven_planner::place(&pool, &wanted, 2, Budget::QUICK).unwrap();
            let chosen = begin.elapsed();
            let doing = admission::doing(Operation::Start, vm, &wanted.name);
            let change = Change::Add { vm: Box::new(wanted), host: Some(found.host) };
            let begin = Instant::now();
            admission::check_in(tx, &pool, doing, &[change], false)?;
            let checked = begin.elapsed();
            drop(pool);
            place(tx, vm, view::reference(found.host))?;
            Ok([read, chosen, checked])
        });
        for (all, took) in times.iter_mut().zip(took.unwrap().value) {
            all.push(took.as_secs_f64() * 1000.0);
        }
    }
    times.map(median)
}

fn main() {
    let mut db = database();
    let image = db.mirror();
    figures("view_whole_64x4000", || assert_eq!(view::current(&image).vms.len(), 4_000));
    figures("view_copy_64x4000", || assert_eq!(view::pool(&image).vms.len(), 4_000));
    drop(view::current(&db));
    let cpu = cpu_ms();
    let [read, chosen, checked] = starts(&mut db);
    let each = (cpu_ms() - cpu) / 101.0;
    println!("figure view_start_64x4000_ms {read:.3} ms");
    println!("figure admit_start_with_view_64x4000_f2_ms {:.3} ms", read + checked);
    println!("figure choose_host_64x4000_f2_ms {chosen:.3} ms");
    println!("figure start_decided_64x4000_f2_ms {:.3} ms", read + chosen);
    println!("figure start_in_database_64x4000_f2_cpu_ms {each:.3} ms");
}
