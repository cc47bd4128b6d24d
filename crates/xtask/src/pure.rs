//! Ring 1 has no clock, no input or output, no threads, no chance, and no order that changes from
//! run to run: the simulator replays it from a seed.

use crate::source::Source;

/// The pure crates.
pub(crate) const PURE: [&str; 6] = ["model", "cluster", "planner", "tasks", "pooldb", "api"];

/// What they may not name, and what to do instead.
const BANNED: [(&str, &str); 14] = [
    ("Instant::now", "take the time as an argument"),
    ("SystemTime", "take the time as an argument"),
    ("std::thread", "emit an output; the program runs it"),
    ("std::fs", "emit an output, or take a trait that the program implements"),
    ("std::net::Tcp", "emit an output"),
    ("std::net::Udp", "emit an output"),
    ("std::os::", "emit an output"),
    ("std::process", "emit an output"),
    ("std::env", "take it as an argument"),
    ("HashMap", "use BTreeMap: its order is the same in every run"),
    ("HashSet", "use BTreeSet: its order is the same in every run"),
    ("rand::", "take the random source as an argument"),
    ("async fn", "ring 1 never waits"),
    ("Uuid::new_v4", "take the uuid as an argument"),
];

/// Files of ring 1 that are the edge to the outside by agreement, and why.
const EDGES: [(&str, &str, &str); 0] = [];

/// What is banned in this file.
pub(crate) fn check(source: &Source) -> Vec<String> {
    let pure = source.krate().is_some_and(|krate| PURE.contains(&krate));
    if !pure || !source.is_rust() || source.is_test() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in source.product_lines() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (word, instead) in BANNED {
            if line.contains(word) && !is_edge(source, word) {
                found.push(format!("{}:{number}: {word} in a pure crate: {instead}", source.path));
            }
        }
    }
    found
}

fn is_edge(source: &Source, word: &str) -> bool {
    EDGES.iter().any(|(path, allowed, _why)| source.path == *path && word == *allowed)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::source::Source;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&Source { path: path.to_owned(), text: text.to_owned() })
    }

    #[test]
    fn clocks_files_and_chance_are_found_in_pure_crates_only() {
        let clock = "fn f() {\n    let now = Instant::now();\n}\n";
        assert_eq!(
            found("crates/cluster/src/machine.rs", clock),
            [
                "crates/cluster/src/machine.rs:2: Instant::now in a pure crate: take the time as an argument"
            ]
        );
        assert!(found("crates/guard/src/clock.rs", clock).is_empty());
        assert!(found("crates/cluster/tests/machine.rs", clock).is_empty());
        assert_eq!(
            found("crates/model/src/a.rs", "use std::collections::HashMap;\nasync fn f() {}\n")
                .len(),
            2
        );
    }

    #[test]
    fn tests_and_comments_may_name_them() {
        let text =
            "// no std::fs here\nfn f() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert!(found("crates/pooldb/src/store.rs", text).is_empty());
    }
}
