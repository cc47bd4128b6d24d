//! The rings: `layers.toml` against what cargo says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::metadata::{self, Member, directory};

/// The programs; only a program itself stands out there.
const OUTERMOST: u8 = 3;

#[derive(Debug, Deserialize)]
struct Table {
    only: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    layers: BTreeMap<String, Layer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    ring: u8,
    uses: Vec<String>,
    #[serde(default)]
    libraries: Vec<String>,
    #[serde(default)]
    never: Vec<String>,
}

/// All edges that the table does not allow.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let path = root.join("crates/xtask/layers.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let table: Table = toml::from_str(&text).context("reading layers.toml")?;
    Ok(findings(&table, &metadata::read(root)?))
}

fn findings(table: &Table, members: &[Member]) -> Vec<String> {
    let mut found = Vec::new();
    for member in members {
        match table.layers.get(&member.name) {
            None => {
                found
                    .push(format!("layers.toml: crate {} is missing; give it a ring", member.name));
            }
            Some(layer) => found.extend(of_member(table, layer, member)),
        }
    }
    for name in table.layers.keys().filter(|name| !members.iter().any(|m| m.name == **name)) {
        found.push(format!("layers.toml: crate {name} does not exist any more"));
    }
    found
}

fn of_member(table: &Table, layer: &Layer, member: &Member) -> Vec<String> {
    let mut found = Vec::new();
    let name = &member.name;
    for used in &member.direct {
        let ours = directory(used);
        let is_ours = used.starts_with("haven-") || table.layers.contains_key(used);
        if is_ours && !layer.uses.contains(&ours) {
            found.push(format!("{name} may not depend on {ours}: not in its `uses`"));
        }
        if let Some(inner) = table.layers.get(&ours).filter(|_| is_ours) {
            if inner.ring > layer.ring {
                found.push(format!(
                    "{name} (ring {}) depends outwards on {ours} (ring {})",
                    layer.ring, inner.ring
                ));
            }
            if inner.ring == OUTERMOST && ours != "sim" {
                found.push(format!("{name} depends on the program {ours}"));
            }
        }
        if !is_ours && layer.ring == 1 && !layer.libraries.contains(used) {
            found.push(format!("{name} is pure and may not use the library {used}"));
        }
        if table.only.get(used).is_some_and(|users| !users.contains(name)) {
            found.push(format!("{name} may not use {used}: see [only]"));
        }
    }
    for banned in layer.never.iter().filter(|banned| member.linked.contains(*banned)) {
        found.push(format!("{name} links {banned}, and must never"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Table, check, findings};
    use crate::metadata::Member;

    #[test]
    fn the_workspace_keeps_its_layers() {
        let found = check(&crate::root()).unwrap();
        assert!(found.is_empty(), "\n{}", found.join("\n"));
    }

    fn table() -> Table {
        toml::from_str(
            r#"
            [model]
            ring = 1
            uses = []
            libraries = ["serde"]
            [guard]
            ring = 3
            uses = ["model"]
            never = ["tokio"]
            [daemon]
            ring = 3
            uses = ["model", "guard"]
            [only]
            tokio = ["daemon"]
            "#,
        )
        .unwrap()
    }

    fn member(name: &str, direct: &[&str], linked: &[&str]) -> Member {
        let owned = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        Member { name: name.to_owned(), direct: owned(direct), linked: owned(linked) }
    }

    fn found_with(changed: Member) -> Vec<String> {
        let mut members = vec![
            member("model", &["serde"], &[]),
            member("guard", &[], &[]),
            member("daemon", &["tokio"], &[]),
        ];
        members.retain(|m| m.name != changed.name);
        members.push(changed);
        findings(&table(), &members)
    }

    #[test]
    fn each_forbidden_edge_is_found() {
        assert!(found_with(member("model", &["serde"], &[])).is_empty());
        for (changed, words) in [
            (member("model", &["haven-guard"], &[]), "outwards"),
            (member("model", &["haven-daemon"], &[]), "not in its `uses`"),
            (member("model", &["rand"], &[]), "pure"),
            (member("model", &["tokio"], &[]), "[only]"),
            (member("guard", &["haven-model"], &["haven-model", "tokio"]), "must never"),
            (member("daemon", &["haven-guard"], &[]), "the program guard"),
            (member("new", &[], &[]), "missing"),
        ] {
            let found = found_with(changed.clone());
            assert!(found.iter().any(|f| f.contains(words)), "{changed:?}: {found:?}");
        }
    }

    #[test]
    fn a_crate_that_is_gone_is_found() {
        let found = findings(&table(), &[member("model", &[], &[]), member("guard", &[], &[])]);
        assert_eq!(found, ["layers.toml: crate daemon does not exist any more"]);
    }
}
