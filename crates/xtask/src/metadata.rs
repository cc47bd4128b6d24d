//! What cargo knows of the workspace: packages, their direct dependencies, and what gets linked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDep>,
}

#[derive(Debug, Deserialize)]
struct NodeDep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Debug, Deserialize)]
struct DepKind {
    kind: Option<String>,
}

/// A crate of the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Member {
    /// Without the `haven-` prefix, as its directory is called.
    pub(crate) name: String,
    /// What its programs depend on, directly (dev-dependencies are not in it).
    pub(crate) direct: BTreeSet<String>,
    /// What gets linked into it, by whatever way.
    pub(crate) linked: BTreeSet<String>,
}

/// The name of a crate's directory: `haven-block-io` lives in `block_io`.
pub(crate) fn directory(package: &str) -> String {
    package.strip_prefix("haven-").map_or_else(|| package.to_owned(), |rest| rest.replace('-', "_"))
}

/// Asks cargo, which downloads what it has not yet: crates of other platforms are part of the graph.
pub(crate) fn read(root: &Path) -> Result<Vec<Member>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .context("running cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
    Ok(metadata.members())
}

impl Metadata {
    fn members(&self) -> Vec<Member> {
        let names: BTreeMap<&str, &str> =
            self.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
        let nodes: BTreeMap<&str, &Node> =
            self.resolve.nodes.iter().map(|n| (n.id.as_str(), n)).collect();
        let ours = self.packages.iter().filter(|p| self.workspace_members.contains(&p.id));
        ours.map(|package| Member {
            name: directory(&package.name),
            direct: package
                .dependencies
                .iter()
                .filter(|d| d.kind.as_deref() != Some("dev"))
                .map(|d| d.name.clone())
                .collect(),
            linked: linked(&package.id, &nodes, &names),
        })
        .collect()
    }
}

fn linked(
    id: &str,
    nodes: &BTreeMap<&str, &Node>,
    names: &BTreeMap<&str, &str>,
) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        for dep in nodes.get(id).into_iter().flat_map(|n| &n.deps) {
            // Build scripts and tests do not end up in the program.
            let normal = dep.dep_kinds.iter().any(|k| k.kind.is_none());
            if normal && seen.insert(dep.pkg.as_str()) {
                open.push(&dep.pkg);
            }
        }
    }
    seen.into_iter().filter_map(|id| names.get(id)).map(|&name| name.to_owned()).collect()
}
