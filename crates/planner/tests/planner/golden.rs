//! Pools as text in, answers as text out: `tests/golden/*.txt`. A file is a pool, a line of dashes,
//! and what the planner says of it. `HAVEN_BLESS=1` writes the answers anew, for review.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use haven_model::Language;
use haven_planner::policy::{Options, Policy, report};
use haven_planner::{
    Budget, Change, Host, Plan, Pool, Protection, Rules, Say, Vm, admit, evacuate, mib, place,
    restart_plan, tolerance,
};
use uuid::Uuid;

use crate::pools::id;

const MIB: u64 = 1 << 20;

/// Reads `host NAME 16GiB key=value … flag …`, `vm NAME 2GiB on HOST …`, `ask …`.
#[derive(Default)]
struct Script {
    pool: Pool,
    goal: u32,
    language: Language,
    questions: Vec<Vec<String>>,
}

fn bytes(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap());
    number.parse::<u64>().unwrap() * if unit == "GiB" { 1024 * MIB } else { MIB }
}

/// A protected machine on the storage and the network that every host has.
fn protected(name: &str, memory: &str) -> Vm {
    Vm {
        id: named(2, name),
        name: name.to_owned(),
        memory: bytes(memory),
        vcpus: 2,
        srs: BTreeSet::from([named(3, "nas")]),
        networks: BTreeSet::from([named(4, "lan")]),
        protection: Protection::Restart,
        ..Vm::default()
    }
}

fn named(kind: u64, name: &str) -> Uuid {
    let number = name.bytes().fold(7u64, |sum, byte| sum.wrapping_mul(131) + u64::from(byte));
    Uuid::from_u128(u128::from(kind) << 64 | u128::from(number))
}

impl Script {
    fn read(text: &str) -> Self {
        let mut script = Self { goal: 1, ..Self::default() };
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["host", name, memory, rest @ ..] => script.host(name, memory, rest),
                ["vm", name, memory, rest @ ..] => script.vm(name, memory, rest),
                ["language", tag] => script.language = Language::from_tag(tag),
                ["goal", number] => script.goal = number.parse().unwrap(),
                ["vcpus_per_100_cpus", number] => {
                    script.pool.vcpus_per_100_cpus = Some(number.parse().unwrap());
                }
                ["ask", question @ ..] => {
                    let words = question.iter().map(|word| (*word).to_owned());
                    script.questions.push(words.collect());
                }
                _ => panic!("what is {line:?}?"),
            }
        }
        script
    }

    fn host(&mut self, name: &str, memory: &str, rest: &[&str]) {
        let (mut srs, mut networks) = (vec!["nas"], vec!["lan"]);
        let mut host = Host {
            id: named(1, name),
            name: name.to_owned(),
            enabled: true,
            live: true,
            memory_total: bytes(memory),
            memory_free: bytes(memory),
            cpus: 16,
            cpu_mhz: 2400,
            ..Host::default()
        };
        for word in rest {
            match word.split_once('=') {
                Some(("srs", list)) => srs = list.split(',').filter(|w| *w != "none").collect(),
                Some(("networks", list)) => {
                    networks = list.split(',').filter(|w| *w != "none").collect();
                }
                Some(("cpus", number)) => host.cpus = number.parse().unwrap(),
                Some(("features", list)) => {
                    host.cpu_features = list.split(',').map(str::to_owned).collect();
                }
                None if *word == "disabled" => host.enabled = false,
                None if *word == "quarantined" => host.quarantined = true,
                _ => panic!("what is {word:?}?"),
            }
        }
        for (kind, name) in [(3, "nas"), (4, "lan")] {
            self.pool.names.insert(named(kind, name), name.to_owned());
        }
        host.srs = srs.into_iter().map(|sr| named(3, sr)).collect();
        host.networks = networks.into_iter().map(|network| named(4, network)).collect();
        self.pool.hosts.push(host);
    }

    fn vm(&mut self, name: &str, memory: &str, rest: &[&str]) {
        let mut vm = protected(name, memory);
        let mut on = None;
        let mut words = rest.iter();
        while let Some(word) = words.next() {
            match word.split_once('=') {
                None if *word == "on" => on = words.next().map(|name| named(1, name)),
                None if *word == "best-effort" => vm.protection = Protection::BestEffort,
                None if *word == "unprotected" => vm.protection = Protection::None,
                Some(("order", number)) => vm.order = number.parse().unwrap(),
                Some(("delay", seconds)) => vm.start_delay_s = seconds.parse().unwrap(),
                Some(("vcpus", number)) => vm.vcpus = number.parse().unwrap(),
                Some(("features", list)) => {
                    vm.cpu_features = list.split(',').map(str::to_owned).collect();
                }
                Some(("runs-with", list)) => {
                    vm.runs_with = list.split(',').map(str::to_owned).collect();
                }
                Some(("apart", group)) => {
                    vm.apart.insert(named(5, group));
                    self.pool.names.insert(named(5, group), group.to_owned());
                }
                _ => panic!("what is {word:?}?"),
            }
        }
        let vm_id = vm.id;
        self.pool.vms.push(vm);
        if let Some(on) = on {
            self.pool.occupy(vm_id, on);
        }
    }

    fn answer(&self) -> String {
        let mut text = String::new();
        for question in &self.questions {
            let words: Vec<&str> = question.iter().map(String::as_str).collect();
            writeln!(text, "> {}", words.join(" ")).unwrap();
            text += &self.one(&words);
            text.push('\n');
        }
        text
    }

    fn one(&self, words: &[&str]) -> String {
        let pool = &self.pool;
        match words {
            ["tolerance"] => {
                let found = tolerance(pool, Budget::THOROUGH);
                let exact = if found.is_exact() { "exact" } else { "a bound" };
                format!("{} ({exact})\n", found.say(self.language))
            }
            ["fail", hosts @ ..] => {
                let hosts = hosts.iter().map(|name| named(1, name)).collect();
                self.restarts(&pool.with(&Change::Fail { hosts }).unwrap())
            }
            ["start", name, memory] => {
                self.change(&Change::Add { vm: Box::new(protected(name, memory)), host: None })
            }
            ["move", vm, host] => {
                self.change(&Change::Move { vm: named(2, vm), host: named(1, host) })
            }
            ["detach", host, sr] => {
                let (host, sr) = (named(1, host), Some(named(3, sr)));
                self.change(&Change::Detach { host, sr, network: None })
            }
            ["maintenance", host] => self.change(&Change::Disable { host: named(1, host) }),
            ["grow", vm, memory] => {
                let (vm, memory) = (named(2, vm), bytes(memory));
                let vcpus = pool.vm(vm).unwrap().vcpus;
                self.change(&Change::Resize { vm, memory, vcpus })
            }
            ["place", vm] => {
                match place(pool, pool.vm(named(2, vm)).unwrap(), self.goal, Budget::QUICK) {
                    Ok(found) => {
                        let lines = found.verdicts.iter();
                        lines.map(|line| format!("{}\n", line.say(self.language))).collect()
                    }
                    Err(why) => format!("{}\n", why.say(self.language)),
                }
            }
            ["evacuate", host] => self.evacuation(named(1, host)),
            ["policy", policy] => {
                let policy = match *policy {
                    "slots" => Policy::Slots,
                    "percentage" => Policy::Percentage { cpu: 25, memory: 25 },
                    "failover-host" => {
                        let last = pool.hosts.last().unwrap().id;
                        Policy::FailoverHosts { hosts: BTreeSet::from([last]) }
                    }
                    _ => Policy::Failures,
                };
                let found = report(pool, &policy, &Options::default(), self.goal, Budget::THOROUGH);
                {
                    let satisfied = if found.satisfied { "satisfied" } else { "violated" };
                    format!("{satisfied}\n{}\n", found.say(self.language))
                }
            }
            _ => panic!("what is {words:?}?"),
        }
    }

    fn name(&self, host: Uuid) -> &str {
        &self.pool.host(host).unwrap().name
    }

    fn change(&self, change: &Change) -> String {
        match self.pool.with(change) {
            Err(error) => format!("impossible: {}\n", error.say(self.language)),
            Ok(after) => {
                let found = admit(&self.pool, &after, self.goal, Budget::THOROUGH);
                {
                    let text = found.say(self.language);
                    format!("{:?}: {text}\n", found.effect).to_lowercase_first()
                }
            }
        }
    }

    fn restarts(&self, pool: &Pool) -> String {
        let waiting = pool.vms.iter().filter(|vm| vm.waits()).map(|vm| vm.id).collect();
        let keep = self.goal.saturating_sub(1);
        let plan: Plan = restart_plan(pool, &waiting, &Rules { keep, ..Rules::default() });
        let mut text = String::new();
        for group in &plan.groups {
            writeln!(text, "order {}, then {} s:", group.order, group.gate.delay_s).unwrap();
            for start in &group.starts {
                let vm = pool.vm(start.vm).unwrap();
                let (host, memory) = (self.name(start.host), mib(vm.memory));
                let kind = format!("{:?}", start.protection).to_lowercase();
                writeln!(text, "  {} ({memory}, {kind}) on {host}", start.name).unwrap();
            }
        }
        for missing in &plan.unplaced {
            let held = if missing.held_back { "held back" } else { "stays behind" };
            writeln!(text, "{} {held}: {}", missing.name, missing.why.say(self.language)).unwrap();
        }
        writeln!(text, "afterwards {} further failures are survived", plan.tolerates).unwrap();
        text
    }

    fn evacuation(&self, host: Uuid) -> String {
        match evacuate(&self.pool, host, self.goal, Budget::THOROUGH) {
            Ok(plan) => {
                let mut text = String::new();
                for step in &plan.moves {
                    writeln!(text, "  {} to {}", step.name, self.name(step.to)).unwrap();
                }
                let (before, way, after) =
                    (plan.tolerates_before, plan.tolerates_on_the_way, plan.tolerates_after);
                writeln!(text, "tolerated: {before}, on the way {way}, afterwards {after}")
                    .unwrap();
                text
            }
            Err(behind) => behind
                .iter()
                .map(|why| format!("{} cannot leave: {why}\n", self.pool.vm(why.vm).unwrap().name))
                .collect(),
        }
    }
}

trait LowercaseFirst {
    fn to_lowercase_first(self) -> String;
}

impl LowercaseFirst for String {
    fn to_lowercase_first(self) -> String {
        let mut letters = self.chars();
        letters
            .next()
            .map(|first| first.to_lowercase().chain(letters).collect())
            .unwrap_or_default()
    }
}

const RULE: &str = "----\n";

#[test]
fn pools_as_text_have_the_answers_that_were_reviewed() {
    assert_ne!(id(1), id(2));
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = std::env::var_os("HAVEN_BLESS").is_some();
    let mut files: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "the golden files are gone");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let (input, expected) = text.split_once(RULE).unwrap_or((&text, ""));
        let answer = Script::read(input).answer();
        if bless {
            std::fs::write(&path, format!("{input}{RULE}{answer}")).unwrap();
        } else {
            assert_eq!(answer, expected, "{}", path.display());
        }
    }
}
