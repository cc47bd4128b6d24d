//! Damaged, cut, mixed and overlong input for both codecs and the expressions of
//! `get_all_records_where`: nothing panics, nothing grows beyond its input, and what was read is
//! written back to the same value.
//!
//! The corpus is in `tests/corpus`. A run of the tests tries some thousand mutations of it;
//! `make fuzz` tries millions (`FUZZ_ITERATIONS`, `FUZZ_SEED`). An input that fails is printed and
//! kept in the corpus under its number, so that it is tried ever after.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may fail as tests do"
)]

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use haven_api::{Query, Request, jsonrpc, xmlrpc};
use haven_model::{Class, Value, Vm};

const ITERATIONS: u64 = 4000;
/// Values and characters of what was read, by byte of input.
const GROWTH_MAX: usize = 8;
/// Longest input that is made.
const LENGTH_MAX: usize = 64 << 10;

/// Pieces that parsers care for.
const PIECES: &[&str] = &[
    "<value>",
    "</value>",
    "<struct>",
    "<member><name>",
    "</name>",
    "<array><data>",
    "<i4>",
    "<nil/>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "&amp;",
    "&#0;",
    "&#x10FFFF;",
    "&lt",
    "<?xml?>",
    "<!DOCTYPE a>",
    "<dateTime.iso8601>",
    "<double>",
    "1e309",
    "-9223372036854775809",
    "NaN",
    "\u{0}",
    "\u{feff}",
    "{\"",
    "\":",
    "[[[[",
    "]]",
    "null",
    "\\ud800",
    "\\u0000",
    "\"jsonrpc\":\"2.0\"",
    "\"params\":[",
    "field \"",
    "\" = \"",
    " and ",
    " or ",
    "not ",
    "((",
    "))",
    "true",
    "é",
    "東",
];

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }
}

fn mutate(dice: &mut Dice, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = corpus[dice.below(corpus.len())].clone();
    for _ in 0..=dice.below(6) {
        let at = dice.below(input.len() + 1);
        let end = (at + dice.below(40)).min(input.len());
        match dice.below(7) {
            0 if at < input.len() => input[at] ^= 1 << dice.below(8),
            1 => drop(input.drain(at..end)),
            2 => drop(input.splice(at..at, PIECES[dice.below(PIECES.len())].bytes())),
            3 => {
                let copy = input[at..end].repeat(1 + dice.below(30));
                drop(input.splice(at..at, copy));
            }
            4 => input.truncate(at),
            5 => {
                let other = &corpus[dice.below(corpus.len())];
                let from = dice.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => input.insert(at, u8::try_from(dice.below(256)).unwrap_or(0)),
        }
        input.truncate(LENGTH_MAX);
    }
    input
}

/// Values and characters of a value.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len(),
        Value::Set(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Map(map) => 1 + map.iter().map(|(k, v)| k.len() + weight(v)).sum::<usize>(),
        Value::Record(fields) => 1 + fields.iter().map(|(_, v)| 1 + weight(v)).sum::<usize>(),
        _ => 1,
    }
}

fn check_size(input: &[u8], request: &Request) {
    let weight = request.name.len() + request.params.iter().map(weight).sum::<usize>();
    assert!(weight <= GROWTH_MAX * (input.len() + 16), "{weight} from {}", input.len());
}

/// As the codec can carry it: numbers are text in XML, and control characters are dropped.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(x), Value::Float(y)) => {
            x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= x.abs() * 1e-12
        }
        // JSON has no word for these.
        (Value::Float(x), Value::String(_)) => !x.is_finite(),
        (Value::Set(a), Value::Set(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.values().zip(b.values()).all(|(a, b)| same(a, b))
        }
        (Value::Int(n), Value::String(text)) => n.to_string() == *text,
        (Value::String(a), Value::String(b)) => {
            let visible = |text: &str| {
                text.chars()
                    .filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'))
                    .collect::<String>()
            };
            visible(a) == visible(b)
        }
        _ => a == b,
    }
}

fn xml(input: &[u8]) {
    if let Ok(request) = xmlrpc::parse_call(input) {
        check_size(input, &request);
        let text = xmlrpc::write_call(&request.name, &request.params);
        let again = xmlrpc::parse_call(text.as_bytes()).expect("what we write can be read");
        let equal = again.params.iter().zip(&request.params).all(|(a, b)| same(b, a));
        assert!(equal && again.params.len() == request.params.len(), "{again:?} from {request:?}");
    }
    let _ = xmlrpc::parse_response(input);
}

fn json(input: &[u8]) {
    if let Ok((request, _)) = jsonrpc::parse_call(input) {
        check_size(input, &request);
        let text = jsonrpc::write_call(&request.name, &request.params, 1);
        let (again, _) = jsonrpc::parse_call(text.as_bytes()).expect("what we write can be read");
        let equal = again.params.iter().zip(&request.params).all(|(a, b)| same(b, a));
        assert!(equal, "{again:?} from {request:?}");
    }
    let _ = jsonrpc::parse_response(input);
}

fn expression(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(query) = Query::parse(Vm::META, text) {
        let _ = query.matches(haven_model::RefId(7), &Vm::default());
    }
}

type Target = fn(&[u8]);
const TARGETS: &[(&str, Target)] = &[("xml", xml), ("json", json), ("where", expression)];

fn corpus(name: &str) -> (PathBuf, Vec<Vec<u8>>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        files.insert(path.clone(), fs::read(path).unwrap());
    }
    assert!(files.len() >= 3, "the corpus of {name} is there");
    (dir, files.into_values().collect())
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn attack(name: &str, target: Target) {
    let (dir, corpus) = corpus(name);
    corpus.iter().for_each(|input| target(input));
    let (seed, iterations) = (number("FUZZ_SEED", 1), number("FUZZ_ITERATIONS", ITERATIONS));
    for iteration in 0..iterations {
        let mut dice = Dice(seed.wrapping_mul(0x1_0000_0001).wrapping_add(iteration));
        let input = mutate(&mut dice, &corpus);
        if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
            let kept = dir.join(format!("failed-{seed}-{iteration}"));
            fs::write(&kept, &input).unwrap();
            panic!("{name}: input {iteration} of seed {seed} fails; kept as {}", kept.display());
        }
    }
}

#[test]
fn damaged_xml_calls() {
    attack(TARGETS[0].0, TARGETS[0].1);
}

#[test]
fn damaged_json_calls() {
    attack(TARGETS[1].0, TARGETS[1].1);
}

#[test]
fn damaged_expressions() {
    attack(TARGETS[2].0, TARGETS[2].1);
}

#[test]
fn depth_does_not_become_stack() {
    for depth in [100, 10_000, 60_000] {
        let nested = format!(
            "{}{}",
            "<value><array><data>".repeat(depth),
            "</data></array></value>".repeat(depth)
        );
        let call = format!(
            "<methodCall><methodName>a</methodName><params><param>{nested}</param></params></methodCall>"
        );
        assert!(xmlrpc::parse_call(call.as_bytes()).is_err(), "{depth}");
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let call = format!("{{\"method\":\"a\",\"params\":[{nested}],\"id\":1}}");
        // Refused, or read: but never a crash.
        let _ = jsonrpc::parse_call(call.as_bytes());
        assert!(Query::parse(Vm::META, &"(".repeat(depth)).is_err());
    }
}
