//! Tidiness: sizes, module docs, words and paths that do not belong, documents that match the tree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

use crate::pure;
use crate::source::{self, Source};

const FILE_LINES_MAX: usize = 700;

/// Words that do not belong into product code: (what, what to do). In halves, or this file would be
/// its own finding.
const BANNED: [([&str; 2], &str); 6] = [
    (["to", "do!("], "finish it, or return an error that says that it is missing"),
    (["unimplemen", "ted!("], "finish it, or return an error that says that it is missing"),
    (["FIX", "ME"], "mend it, or open an issue"),
    (["TO", "DO"], "do it, or open an issue"),
    (["#[ig", "nore"], "mend the test or delete it"),
    (["unbounded_", "channel"], "bound the queue, with a named limit"),
];

/// Places that only exist on somebody's machine.
const HOME_DIRECTORIES: [&str; 4] = ["work", "root", "home", "tmp"];
/// Where package managers get their packages is the business of each machine.
const REGISTRIES: [[&str; 2]; 4] =
    [["deb.deb", "ian.org"], ["index.crat", "es.io"], ["pypi.", "org"], ["registry.npm", "js.org"]];

/// All findings.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let sources = source::read_all(root)?;
    let mut found = Vec::new();
    for source in &sources {
        found.extend(size(source));
        found.extend(module_docs(source));
        found.extend(words(source));
        found.extend(places(source));
        found.extend(bindings(source));
        found.extend(pure::check(source));
        found.extend(links(root, source));
    }
    found.extend(map(root)?);
    let makefile = fs::read_to_string(root.join("Makefile")).context("reading Makefile")?;
    found.extend(targets(&makefile));
    found.extend(commands(&makefile, &sources));
    Ok(found)
}

fn size(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    let counts = source.is_rust() && !source.is_test();
    (counts && lines > FILE_LINES_MAX).then(|| {
        format!("{}: {lines} lines; {FILE_LINES_MAX} at most: which two files is it?", source.path)
    })
}

fn module_docs(source: &Source) -> Option<String> {
    let wanted = source.is_rust() && source.path.contains("/src/") && !source.is_test();
    let has = source.text.trim_start().starts_with("//!");
    (wanted && !has).then(|| format!("{}: begins without module docs (//!)", source.path))
}

fn words(source: &Source) -> Vec<String> {
    if !source.is_rust() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        for (halves, instead) in BANNED {
            let word = halves.concat();
            if line.contains(&word) {
                found.push(format!("{}:{}: {word}: {instead}", source.path, number + 1));
            }
        }
    }
    found
}

fn places(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        for top in HOME_DIRECTORIES {
            let start = format!("/{top}/");
            let foreign = line.match_indices(&start).any(|(at, _)| {
                let after = line.get(at + start.len()..).unwrap_or_default();
                let named = after.starts_with(|c: char| c.is_ascii_lowercase());
                named && !(top == "tmp" && after.starts_with("haven"))
            });
            if foreign {
                found.push(format!(
                    "{}:{}: a path of one machine ({start}…)",
                    source.path,
                    number + 1
                ));
            }
        }
        for host in REGISTRIES.map(|halves| halves.concat()) {
            if line.contains(&host) {
                found.push(format!(
                    "{}:{}: names the package registry {host}",
                    source.path,
                    number + 1
                ));
            }
        }
    }
    found
}

/// Only one module names the libvirt binding, so that it can be replaced.
fn bindings(source: &Source) -> Vec<String> {
    let allowed = source.path.starts_with("crates/drivers/src/hypervisor/libvirt");
    if !source.is_rust() || allowed {
        return Vec::new();
    }
    let names = |line: &str| {
        let line = line.trim_start();
        !line.starts_with("//")
            && [
                "use virt::",
                "virt::sys",
                "virt::connect",
                "virt::domain",
                "virt_sys::",
                "use virt_sys",
            ]
            .iter()
            .any(|word| line.contains(word))
    };
    source
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| names(line) && !source.path.starts_with("crates/xtask/"))
        .map(|(number, _)| format!("{}:{}: names the libvirt binding", source.path, number + 1))
        .collect()
}

/// Relative links of documents lead somewhere.
fn links(root: &Path, source: &Source) -> Vec<String> {
    if !source.is_markdown() {
        return Vec::new();
    }
    let dir = Path::new(&source.path).parent().unwrap_or_else(|| Path::new(""));
    let targets = source.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .filter(|target| {
            !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:")
        })
        .filter(|target| {
            let file = target.split('#').next().unwrap_or_default();
            !root.join(normal(&dir.join(file))).exists()
        })
        .map(|target| format!("{}: the link {target} leads nowhere", source.path))
        .collect()
}

fn normal(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

/// ARCHITECTURE.md names every crate.
fn map(root: &Path) -> Result<Vec<String>> {
    let text =
        fs::read_to_string(root.join("ARCHITECTURE.md")).context("reading ARCHITECTURE.md")?;
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join("crates"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !text.contains(&format!("`{name}`")) {
            found.push(format!("ARCHITECTURE.md: crate `{name}` is not in the map"));
        }
    }
    Ok(found)
}

/// What the Makefile says it has (`.PHONY`) is there, once.
fn targets(makefile: &str) -> Vec<String> {
    let rules: Vec<&str> = rules(makefile).collect();
    let phony = makefile.lines().filter_map(|line| line.strip_prefix(".PHONY:"));
    phony
        .flat_map(str::split_whitespace)
        .filter_map(|name| match rules.iter().filter(|rule| **rule == name).count() {
            1 => None,
            0 => Some(format!("Makefile: {name} is announced (.PHONY) and has no rule")),
            n => Some(format!("Makefile: {name} has {n} rules")),
        })
        .collect()
}

fn rules(makefile: &str) -> impl Iterator<Item = &str> {
    makefile.lines().filter_map(|line| line.split_once(':')).map(|(target, _)| target)
}

/// Every `make …` in a document is a target.
fn commands(makefile: &str, sources: &[Source]) -> Vec<String> {
    let targets: BTreeSet<&str> = rules(makefile).collect();
    let mut found = Vec::new();
    for source in sources.iter().filter(|s| s.is_markdown()) {
        for rest in source.text.split("`make ").skip(1) {
            let target: String =
                rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            if !target.is_empty() && !targets.contains(target.as_str()) {
                found
                    .push(format!("{}: `make {target}` is no target of the Makefile", source.path));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{bindings, check, module_docs, places, size, targets, words};
    use crate::source::Source;

    #[test]
    fn the_repository_is_tidy() {
        let found = check(&crate::root()).unwrap();
        assert!(found.is_empty(), "\n{}", found.join("\n"));
    }

    fn rust(text: &str) -> Source {
        Source { path: "crates/daemon/src/a.rs".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn each_rule_finds_its_offence() {
        assert!(size(&rust(&"x\n".repeat(701))).is_some());
        assert!(size(&rust(&"x\n".repeat(700))).is_none());
        assert!(module_docs(&rust("use a;\n")).is_some());
        assert!(module_docs(&rust("//! What for.\n")).is_none());
        assert_eq!(words(&rust(&["fn f() { to", "do!() }"].concat())).len(), 1);
        assert_eq!(places(&rust(&["let p = \"/ho", "me/somebody\";"].concat())).len(), 1);
        assert_eq!(places(&rust("let p = \"/tmp/haven-x\"; let q = \"/homes/x\";")).len(), 0);
        assert_eq!(places(&rust(&["see pypi.", "org"].concat())).len(), 1);
        assert_eq!(bindings(&rust("use virt::connect::Connect;")).len(), 1);
        assert_eq!(targets(".PHONY: a b\na: b\n").len(), 1);
        assert_eq!(targets(".PHONY: a\na:\na: c\n").len(), 1);
        assert_eq!(targets(".PHONY: a\na: ## what\n").len(), 0);
    }
}
