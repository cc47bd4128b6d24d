//! Every help page, so that a change of any word is seen in review.

use std::path::Path;

use crate::support::{assert_golden, haven};

fn help(verbs: &[&str]) -> String {
    let mut args = verbs.to_vec();
    args.push("--help");
    let output = haven(Path::new("/nonexistent"), &args);
    assert!(output.status.success(), "{verbs:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names below `Commands:`.
fn commands(help: &str) -> Vec<String> {
    let section = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    // Lines that go on are indented further.
    let lines = section.into_iter().flat_map(str::lines).filter(|line| !line.starts_with("   "));
    lines.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

/// What stands on every page is kept once, in the first.
fn without_global_options(help: &str) -> String {
    let Some((before, rest)) = help.split_once("\nGlobal options:\n") else {
        return help.to_owned();
    };
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    if after.is_empty() { before.to_owned() } else { format!("{before}\n{after}") }
}

#[test]
fn every_noun_and_verb_explains_itself() {
    let top = help(&[]);
    assert_golden("help/haven", &top);
    let nouns = commands(&top);
    assert!(nouns.len() >= 11, "{nouns:?}");
    for noun in &nouns {
        let page = help(&[noun]);
        let mut pages = format!("$ haven {noun} --help\n{}", without_global_options(&page));
        for verb in commands(&page) {
            let page = help(&[noun, &verb]);
            pages.push_str(&format!(
                "\n$ haven {noun} {verb} --help\n{}",
                without_global_options(&page)
            ));
        }
        assert_golden(&format!("help/{noun}"), &pages);
    }
}

#[test]
fn completion_scripts_know_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let output = haven(Path::new("/nonexistent"), &["completion", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success()
                && script.contains("migrate")
                && script.contains("heartbeat-sr"),
            "{shell}"
        );
    }
}
