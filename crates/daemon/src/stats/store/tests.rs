use super::*;

fn filled() -> (Stats, Uuid) {
    let dir = tempfile::tempdir().unwrap();
    let stats = in_dir(&dir);
    let vm = fill(&stats, 0);
    (stats, vm)
}

fn in_dir(dir: &tempfile::TempDir) -> Stats {
    Stats::new(Disk::new(dir.path().join("rrd")))
}

/// Half a processor for 30 samples, the first of them `late`.
fn fill(stats: &Stats, late: i64) -> Uuid {
    let vm = Uuid::from_u128(7);
    let began = Instant::now();
    for sample in 0_u64..=30 {
        let guest = DomainStats {
            uuid: vm,
            cpu_time_ns: sample * 2_500_000_000,
            vcpu_time_ns: vec![sample * 2_500_000_000],
            memory_bytes: 1 << 30,
            ..DomainStats::default()
        };
        let at = began + Duration::from_secs(5 * sample);
        let time = 1_000_000_000 + 5 * (late + i64::try_from(sample).unwrap());
        stats.take(at, time, Load::default(), vec![guest]);
    }
    vm
}

fn cpu0(stats: &Stats, vm: Uuid, back: usize) -> Option<f32> {
    let query = StatsQuery::Dump { vm: Some(vm) };
    let StatsAnswer::Dump(dump) = stats.answer(Uuid::nil(), &query) else { panic!("a dump") };
    let dump = dump?;
    let at = dump.sources.iter().position(|(name, _)| name == "cpu0").unwrap();
    dump.archives[0].rows.iter().rev().nth(back).unwrap()[at]
}

#[test]
fn what_was_saved_survives_the_process_and_damage_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let host = Uuid::from_u128(1);
    let stats = in_dir(&dir);
    let vm = fill(&stats, 0);
    stats.save(host, true);
    // Another process, after a kill: its first samples go on behind a gap.
    let next = in_dir(&dir);
    assert_eq!(cpu0(&next, vm, 0), Some(0.5), "also of what does not run");
    next.recall(host, [vm].into_iter());
    fill(&next, 50);
    assert_eq!((cpu0(&next, vm, 0), cpu0(&next, vm, 30)), (Some(0.5), None));
    assert_eq!(cpu0(&next, vm, 60), Some(0.5));
    let host_rows = next.answer(host, &StatsQuery::Dump { vm: None });
    let StatsAnswer::Dump(Some(dump)) = host_rows else { panic!("the host's") };
    assert!(dump.archives[0].rows.iter().rev().nth(60).unwrap().iter().any(Option::is_some));
    // Rotten: nothing but a line in the log.
    let path = dir.path().join("rrd").join(format!("{vm}.rrd"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let last = in_dir(&dir);
    assert_eq!(cpu0(&last, vm, 0), None);
    last.recall(host, [vm].into_iter());
    fill(&last, 0);
    assert_eq!(cpu0(&last, vm, 0), Some(0.5));
}

#[test]
fn saving_is_spread_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let stats = in_dir(&dir);
    let host = Uuid::from_u128(1);
    for sr in 0..120 {
        stats.take_sr(
            Uuid::from_u128(1000 + sr),
            1_000_000_000,
            Values::from([("size".into(), 1.0)]),
        );
    }
    let files = || std::fs::read_dir(dir.path().join("rrd")).map_or(0, Iterator::count);
    stats.save(host, false);
    assert!((1..=6).contains(&files()), "{}", files());
    stats.save(host, true);
    assert_eq!(files(), 120);
    std::fs::remove_dir_all(dir.path().join("rrd")).unwrap();
    stats.save(host, true);
    assert_eq!(files(), 0, "nothing is new");
}

#[test]
fn archives_are_handed_to_the_next_host_and_kept_while_the_guest_rests() {
    let dirs: [_; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let [from, to, rests] = [0, 1, 2].map(|index: usize| in_dir(&dirs[index]));
    let vm = fill(&from, 0);
    from.save(Uuid::nil(), true);
    // It runs there already, and was seen, when its archives come.
    fill(&to, 20);
    let blob = from.hand_over(vm).unwrap();
    assert_eq!(cpu0(&from, vm, 0), None, "nothing is left");
    assert!(to.take_over(vm, &blob));
    assert_eq!((cpu0(&to, vm, 0), cpu0(&to, vm, 45)), (Some(0.5), Some(0.5)));
    // At rest.
    let blob = to.hand_over(vm).unwrap();
    assert!(rests.take_over(vm, &blob));
    assert_eq!(cpu0(&rests, vm, 45), Some(0.5));
    assert!(!rests.take_over(vm, &blob[1..]), "damaged");
    assert!(from.hand_over(vm).is_none());
}

#[test]
fn storage_has_archives_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let stats = in_dir(&dir);
    let sr = Uuid::from_u128(9);
    for sample in 0..10 {
        let used = f64::from(sample);
        let values = Values::from([("physical_utilisation".to_owned(), used)]);
        stats.take_sr(sr, 1_000_000_000 + 5 * i64::from(sample), values);
    }
    let ask = |sr| StatsQuery::Updates {
        start: 1_000_000_020,
        cf: Cf::Average,
        interval: 0,
        host: false,
        vm: None,
        sr,
    };
    let StatsAnswer::Updates(updates) = stats.answer(Uuid::nil(), &ask(Some(sr))) else {
        panic!("updates")
    };
    assert_eq!(updates.legend, [format!("AVERAGE:sr:{sr}:physical_utilisation")]);
    assert_eq!(updates.rows.first(), Some(&(1_000_000_045, vec![Some(9.0)])));
    let StatsAnswer::Updates(none) = stats.answer(Uuid::nil(), &ask(None)) else { panic!("none") };
    assert!(none.legend.is_empty());
    let StatsAnswer::Dump(Some(dump)) = stats.answer(Uuid::nil(), &StatsQuery::DumpSr { sr })
    else {
        panic!("a dump")
    };
    assert_eq!(dump.last, 1_000_000_045);
}

#[test]
fn updates_are_newest_first_and_begin_after_the_start() {
    let (stats, vm) = filled();
    let ask = |start, interval| {
        let query = StatsQuery::Updates {
            start,
            cf: Cf::Average,
            interval,
            host: false,
            vm: None,
            sr: None,
        };
        match stats.answer(Uuid::nil(), &query) {
            StatsAnswer::Updates(updates) => updates,
            other => panic!("{other:?}"),
        }
    };
    let all = ask(1_000_000_100, 0);
    assert_eq!((all.step, all.end, all.rows.len()), (5, 1_000_000_150, 10));
    assert_eq!(all.rows[0].0, 1_000_000_150);
    let cpu = all.legend.iter().position(|name| *name == format!("AVERAGE:vm:{vm}:cpu0"));
    assert_eq!(all.rows[0].1[cpu.unwrap()], Some(0.5));
    assert_eq!(ask(-20, 0).rows.len(), 4);
    let minutes = ask(0, 60);
    assert_eq!((minutes.step, minutes.end % 60), (60, 0));
}

#[test]
fn a_dump_has_all_archives_and_the_latest_values_their_units() {
    let (stats, vm) = filled();
    let StatsAnswer::Dump(Some(dump)) =
        stats.answer(Uuid::nil(), &StatsQuery::Dump { vm: Some(vm) })
    else {
        panic!("a dump")
    };
    assert_eq!(dump.archives.len(), 10);
    assert_eq!(dump.archives[0].rows.len(), 120);
    let StatsAnswer::Latest(latest) =
        stats.answer(Uuid::nil(), &StatsQuery::Latest { vm: Some(vm) })
    else {
        panic!("values")
    };
    let memory = latest.iter().find(|source| source.name == "memory").unwrap();
    assert_eq!((memory.value, memory.units.as_str()), (Some(1_073_741_824.0), "B"));
}

#[test]
fn what_is_kept_is_listed_copied_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let (host, stats) = (Uuid::from_u128(1), in_dir(&dir));
    let vm = fill(&stats, 0);
    stats.save(host, true);
    let kept = |stats: &Stats| match stats.answer(host, &StatsQuery::Kept) {
        StatsAnswer::Kept(list) => list.into_iter().collect::<BTreeMap<_, _>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kept(&stats).get(&vm), Some(&(1_000_000_000 + 150)));
    let copy = stats.answer(host, &StatsQuery::Copy { object: vm });
    let StatsAnswer::Archives(Some(archives)) = copy else { panic!("{copy:?}") };
    // Another host has it by then, and the first one still.
    let other_dir = tempfile::tempdir().unwrap();
    let other = in_dir(&other_dir);
    let taken = other.answer(host, &StatsQuery::TakeOver { vm, archives });
    assert_eq!(taken, StatsAnswer::Taken(true));
    assert_eq!(kept(&other), BTreeMap::from([(vm, 1_000_000_000 + 150)]));
    assert_eq!((cpu0(&other, vm, 0), cpu0(&stats, vm, 0)), (Some(0.5), Some(0.5)));
    let gone = other.answer(host, &StatsQuery::Forget { object: vm });
    assert_eq!(gone, StatsAnswer::Forgotten);
    assert_eq!((cpu0(&other, vm, 0), kept(&other).len()), (None, 0));
}
