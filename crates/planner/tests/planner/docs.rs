//! The page about the planner names tests: they are there.

use std::path::{Path, PathBuf};

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, text);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            *text += &std::fs::read_to_string(entry).unwrap();
        }
    }
}

#[test]
fn every_test_that_the_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut code = String::new();
    let folders = ["planner", "daemon/src", "daemon/tests", "cli/src", "cli/tests", "pooldb/src"];
    folders
        .map(|folder| format!("crates/{folder}"))
        .map(PathBuf::from)
        .iter()
        .for_each(|folder| sources(&root.join(folder), &mut code));
    let page = std::fs::read_to_string(root.join("docs/planner.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(1));
    let named = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let named: Vec<&str> = named.filter(|name| name.contains('_')).collect();
    assert!(named.len() > 50, "{named:?}");
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}
