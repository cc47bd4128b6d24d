//! What the documents say of the promises is what the code says.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use haven_cluster::Invariant;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn document(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The first two cells of each row of the table that follows `heading`.
fn rows(text: &str, heading: &str) -> Vec<(String, String)> {
    let (_, rest) = text.split_once(heading).unwrap();
    let table = rest.lines().skip_while(|line| !line.starts_with('|'));
    let cells = |line: &str| {
        let mut cells = line.split('|').skip(1).map(|cell| cell.trim().to_owned());
        (cells.next().unwrap(), cells.next().unwrap())
    };
    table.take_while(|line| line.starts_with('|')).skip(2).map(cells).collect()
}

#[test]
fn the_protocol_lists_every_promise_as_the_code_has_it() {
    let known = Invariant::ALL.map(|promise| (promise.id().into(), promise.meaning().into()));
    assert_eq!(rows(&document("docs/protocol.md"), "\n## Invariants\n"), known);
}

/// The last section of the page of the scenarios.
const TRAPS: &str = "## Liveness traps";

/// Stories by folder and by the number in front of their names; `x`: none.
fn stories() -> BTreeMap<(String, String), usize> {
    let mut found = BTreeMap::new();
    for folder in ["membership", "storage", "restart", "lifecycle"] {
        for entry in std::fs::read_dir(root().join("scenarios").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let (number, _) = name.split_once('-').unwrap();
            let number = number.trim_start_matches('0').to_owned();
            *found.entry((folder.to_owned(), number)).or_default() += 1;
        }
    }
    found
}

#[test]
fn the_page_of_the_scenarios_counts_the_stories_of_each_row() {
    let page = document("scenarios/README.md");
    let (page, _) = page.split_once(TRAPS).unwrap();
    let (of_rows, others) = page.split_once("## Stories that the list does not have").unwrap();
    let mut said = BTreeMap::new();
    let told =
        of_rows.lines().map(|line| (line, 1, 3)).chain(others.lines().map(|line| (line, 0, 2)));
    for (line, number, stories) in told.filter(|(line, ..)| line.starts_with("| ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let row = if number == 0 { "x" } else { cells[number] };
        let Some((folder, count)) = cells[stories].split_once(": ") else { continue };
        *said.entry((folder.to_owned(), row.to_owned())).or_default() +=
            count.parse::<usize>().unwrap();
    }
    assert_eq!(said, stories());
}

/// What may make a pool stand still for ever: fifteen of the first version of the protocol, and five of the
/// second.
#[test]
fn every_liveness_trap_has_a_story_or_a_test() {
    let page = document("scenarios/README.md");
    let (_, page) = page.split_once(TRAPS).unwrap();
    let told: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| L") || line.starts_with("| P"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let names: Vec<&str> = told.iter().map(|cells| cells[1]).collect();
    let first = (1..=15).map(|n| format!("L{n}"));
    let known: Vec<String> = first.chain((11..=15).map(|n| format!("P{n}"))).collect();
    assert_eq!(names, known);
    for cells in told {
        let shown =
            cells[3].split('`').skip(1).step_by(2).filter(|name| *name != "make bench-guard");
        assert!(shown.count() > 0, "{}: nothing shows it", cells[1]);
    }
}

fn sources(folder: &Path, text: &mut String) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *text += &std::fs::read_to_string(path).unwrap();
        }
    }
}

#[test]
fn what_the_page_of_the_scenarios_names_is_there() {
    let page = document("scenarios/README.md");
    let mut code = String::new();
    sources(&root().join("crates"), &mut code);
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let (tests, paths): (Vec<&str>, Vec<&str>) = named
        .into_iter()
        .filter(|name| {
            name.contains(['_', '/']) && !name.contains(' ') && *name != "CLOCK_BOOTTIME"
        })
        .partition(|name| !name.contains('/'));
    assert!(tests.len() > 40 && paths.len() > 2, "{tests:?} {paths:?}");
    for name in tests {
        assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
    }
    for path in paths {
        let there = [root(), root().join("scenarios")].iter().any(|at| at.join(path).exists());
        assert!(there, "there is no {path}");
    }
}

/// The tests of production that hold what the simulator writes a second time.
#[test]
fn the_tests_that_the_protocol_names_for_rules_of_production_are_there() {
    let text = document("docs/protocol.md");
    let (_, table) = text.split_once("| rule | in production | held by |").unwrap();
    let mut code = String::new();
    sources(&root().join("crates"), &mut code);
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let held = row.split('|').nth(3).unwrap();
        let named: Vec<&str> = held.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{row}");
        for name in named {
            assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
        }
    }
}

/// A rule that no page names is one that nobody knows the reason of.
#[test]
fn the_protocol_names_every_rule_once() {
    use std::collections::BTreeSet;

    use haven_cluster::mutation::Mutation;

    let text = document("docs/protocol.md");
    let (_, text) = text.split_once("| hole | mutation | hole | mutation |").unwrap();
    let (of_holes, text) = text.split_once(" rules no hole of the list is about.").unwrap();
    let (others, _) = text.split_once("\n### ").unwrap();
    let named = |text: &str| -> BTreeSet<String> {
        let names = text.split('`').skip(1).step_by(2).map(str::to_owned);
        names.filter(|name| name.chars().all(char::is_alphanumeric)).collect()
    };
    let (of_holes, others, said) =
        (named(of_holes), named(others), of_holes.rsplit('\n').next().unwrap());
    let known: BTreeSet<String> = Mutation::ALL.iter().map(|rule| format!("{rule:?}")).collect();
    assert_eq!(of_holes.union(&others).cloned().collect::<BTreeSet<_>>(), known);
    assert!(of_holes.is_disjoint(&others));
    assert_eq!(said.parse(), Ok(others.len()));
}

/// Rules that are removed for their own sake, and those that only fall together with another one.
#[cfg(feature = "mutations")]
#[test]
fn the_protocol_counts_the_rules_as_they_are_removed() {
    use std::collections::BTreeSet;

    use haven_cluster::mutation::Mutation;

    let all = haven_sim::removals::all();
    let own: BTreeSet<_> = all.iter().map(|removal| format!("{:?}", removal.rule)).collect();
    let text = document("docs/protocol.md").replace('\n', " ");
    let known = Mutation::ALL.iter().map(|rule| format!("{rule:?}"));
    let behind: Vec<String> = known.filter(|rule| !own.contains(rule)).collect();
    let behind = behind.iter().map(|rule| format!("`{rule}`")).collect::<Vec<_>>().join(" and ");
    let said = format!("removes each of {} rules", Mutation::ALL.len());
    assert!(text.contains(&said), "{said}");
    let said = format!("{} are removed for their own sake, {behind} only together", own.len());
    assert!(text.contains(&said), "{said}");
}
