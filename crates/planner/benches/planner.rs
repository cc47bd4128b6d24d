//! Figures of the planner beside the known approach, same pools, one run: `make bench-planner`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints")]

#[path = "planner/baseline.rs"]
mod baseline;
#[path = "planner/pools.rs"]
mod pools;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use haven_planner::{Budget, Change, Pool, Rules, Vm, restart_plan, survives, tolerance_with};

/// Random pools in which both approaches are compared.
const POOLS: u64 = 1_000;
/// Memory and virtual processors in use, in percent, where both count.
const PROCESSORS: [(u64, u64); 5] =
    [(pools::USUAL, 60), (pools::USUAL, 80), (88, 60), (88, 80), (pools::USUAL, 92)];
/// Starts of which the processor time is measured together.
const ADMISSIONS: u32 = 100;
/// Repetitions of short measurements; the median counts.
const RUNS: usize = 9;

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Time that this process had a processor: on a busy machine less than what passed.
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let ns = text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok());
    ns.unwrap_or(0.0) / 1e6
}

fn median(mut run: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let begin = Instant::now();
            run();
            ms(begin.elapsed())
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

fn word(answer: Option<bool>) -> &'static str {
    match answer {
        Some(true) => "yes",
        Some(false) => "no",
        None => "undecided",
    }
}

/// One size of pool: how full it is, in percent of the memory.
fn size(hosts: u64, vms: u64, fill: u64) {
    let pool = pools::filled(hosts, vms, fill, 7);
    let name = format!("{hosts}x{vms}");
    println!("# {name}, {} VMs placed, {fill} % of the memory used", pool.vms.len());
    for failures in 1..=3u32 {
        let (begin, cpu) = (Instant::now(), cpu_ms());
        let ours = survives(&pool, failures, Budget::THOROUGH);
        let (took, cpu) = (ms(begin.elapsed()), cpu_ms() - cpu);
        let suffix = if fill == pools::USUAL { String::new() } else { format!("_{fill}percent") };
        println!("figure plan_{name}_f{failures}{suffix}_ms {took:.2} ms");
        println!("figure plan_{name}_f{failures}{suffix}_cpu_ms {cpu:.2} ms");
        let begin = Instant::now();
        let theirs = baseline::survives(&pool, failures);
        let took = ms(begin.elapsed());
        println!("figure baseline_{name}_f{failures}{suffix}_ms {took:.2} ms");
        println!("#   {failures} failures: ours {}, baseline {}", word(ours), word(Some(theirs)));
    }
}

/// The same with processors: so many percent of the virtual ones that the ratio allows are used.
fn processors(fill: u64, busy: u64) {
    let pool = pools::with_processors(pools::filled(64, 4_000, fill, 7), busy);
    println!("# 64x4000, {fill} % of the memory and {busy} % of the virtual processors used");
    for failures in 1..=3u32 {
        let (begin, cpu) = (Instant::now(), cpu_ms());
        let ours = survives(&pool, failures, Budget::THOROUGH);
        let (took, cpu) = (ms(begin.elapsed()), cpu_ms() - cpu);
        let name = format!("64x4000_f{failures}_{fill}percent_vcpus_{busy}percent");
        println!("figure plan_{name}_ms {took:.2} ms");
        println!("figure plan_{name}_cpu_ms {cpu:.2} ms");
        println!("#   {failures} failures: {}", word(ours));
    }
    start_of_one(&pool, &format!("_{fill}percent_vcpus_{busy}percent"));
}

/// One start, judged on one host.
fn admission(fill: u64) {
    let suffix = if fill == pools::USUAL { String::new() } else { format!("_{fill}percent") };
    start_of_one(&pools::filled(64, 4_000, fill, 7), &suffix);
}

fn start_of_one(pool: &Pool, suffix: &str) {
    let new = Vm { id: uuid::Uuid::from_u128(u128::MAX), resident: None, ..pool.vms[100].clone() };
    let on = pool.hosts.iter().max_by_key(|host| host.memory_free).unwrap().id;
    let mut kept = 0;
    let took = median(|| kept = tolerance_with(pool, &new, on, 2, Budget::QUICK));
    let cpu = cpu_ms();
    for _ in 0..ADMISSIONS {
        kept = kept.max(tolerance_with(pool, &new, on, 2, Budget::QUICK));
    }
    let cpu = (cpu_ms() - cpu) / f64::from(ADMISSIONS);
    println!("figure admit_start_64x4000_f2{suffix}_ms {took:.2} ms");
    println!("figure admit_start_64x4000_f2{suffix}_cpu_ms {cpu:.2} ms");
    println!("#   tolerated with it: {kept}");
}

fn failover() {
    let pool = pools::filled(64, 4_000, pools::USUAL, 7);
    let hosts = pool.hosts.iter().take(2).map(|host| host.id).collect();
    let lost = pool.with(&Change::Fail { hosts }).unwrap();
    let which: BTreeSet<_> = lost.vms.iter().filter(|vm| vm.waits()).map(|vm| vm.id).collect();
    let rules = Rules { keep: 1, ..Rules::default() };
    let mut placed = 0;
    let took = median(|| placed = restart_plan(&lost, &which, &rules).starts().count());
    println!("figure restart_plan_64x4000_two_hosts_ms {took:.2} ms");
    println!("#   {placed} restarts of {}", which.len());
}

/// Random pools of up to 15 hosts, in which the baseline tries all combinations or is pessimistic.
fn compare() {
    let (mut ours_better, mut baseline_better, mut undecided) = (0u32, 0u32, 0u32);
    let (mut our_time, mut their_time) = (Duration::ZERO, Duration::ZERO);
    for seed in 0..POOLS {
        let pool = pools::random(seed);
        let begin = Instant::now();
        let found = haven_planner::tolerance(&pool, Budget::QUICK);
        our_time += begin.elapsed();
        undecided += u32::from(!found.is_exact());
        if std::env::var_os("HAVEN_UNDECIDED").is_some() && !found.is_exact() {
            println!("# seed {seed}: {} hosts, {found}", pool.hosts.len());
        }
        let begin = Instant::now();
        let theirs = baseline::tolerance(&pool);
        their_time += begin.elapsed();
        ours_better += u32::from(found.failures > theirs);
        baseline_better += u32::from(found.failures < theirs);
    }
    println!("figure ours_better_pools {ours_better} pools");
    println!("figure baseline_better_pools {baseline_better} pools");
    println!("figure ours_undecided_pools {undecided} pools");
    println!("figure ours_tolerance_1000_pools_ms {:.0} ms", ms(our_time));
    println!("figure baseline_tolerance_1000_pools_ms {:.0} ms", ms(their_time));
}

/// Most memory that this process ever had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Parts that are asked for by name (`-- admission`), or all.
fn wanted(part: &str) -> bool {
    let mut asked = std::env::args().skip(1).filter(|word| !word.starts_with('-')).peekable();
    asked.peek().is_none() || asked.any(|word| word == part)
}

fn main() {
    let pools: [(u64, u64); 5] = [(8, 100), (16, 500), (32, 2_000), (64, 4_000), (64, 10_000)];
    for (hosts, vms) in pools.into_iter().filter(|_| wanted("sizes")) {
        size(hosts, vms, pools::USUAL);
    }
    for fill in [86, 88, 90, 95].into_iter().filter(|_| wanted("fillings")) {
        size(64, 4_000, fill);
    }
    for fill in [pools::USUAL, 88, 90].into_iter().filter(|_| wanted("admission")) {
        admission(fill);
    }
    for (fill, busy) in PROCESSORS.into_iter().filter(|_| wanted("processors")) {
        processors(fill, busy);
    }
    if wanted("failover") {
        failover();
    }
    println!("figure planner_peak_memory {} MiB", peak_mib());
    if wanted("compare") {
        compare();
    }
}
