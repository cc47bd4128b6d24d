//! What the documents say of the promises is what the code says.

use std::path::Path;

use haven_cluster::Invariant;

fn document(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
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
