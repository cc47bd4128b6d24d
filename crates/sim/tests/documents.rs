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
