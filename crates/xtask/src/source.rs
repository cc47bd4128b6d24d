//! The files of the repository, as the rules see them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const SKIPPED: [&str; 7] =
    [".git", "node_modules", "dist", "golden", "testdata", ".lab", "test-results"];

/// One text file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// From the top of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(crate) fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }

    /// Whether the whole file is a test.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/")
            || self.path.ends_with("tests.rs")
            || self.path.contains("/benches/")
    }

    /// The directory of its crate.
    pub(crate) fn krate(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Its lines without those of tests, numbered from 1. Tests are last in a file here.
    pub(crate) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let is_tests = |i: usize| {
            lines.get(i).is_some_and(|l| l.trim() == "#[cfg(test)]")
                && lines
                    .get(i + 1)
                    .is_some_and(|l| l.trim_start().starts_with("mod ") && l.ends_with('{'))
        };
        let end = (0..lines.len()).find(|&i| is_tests(i)).unwrap_or(lines.len());
        lines.into_iter().take(end).enumerate().map(|(i, line)| (i + 1, line))
    }
}

/// All text files that people wrote.
pub(crate) fn read_all(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        let entries = fs::read_dir(&dir).with_context(|| format!("reading {}", dir.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) || name.starts_with("target") {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if is_ours(&name) {
                sources.push(read(root, path)?);
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn is_ours(name: &str) -> bool {
    let written = [".rs", ".md", ".toml", ".sh", ".py", ".ts", ".tsx"];
    written.iter().any(|end| name.ends_with(end))
        || ["Makefile", "run", "test", "lint", "install-deps"].contains(&name)
}

fn read(root: &Path, path: PathBuf) -> Result<Source> {
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
    Ok(Source { path, text })
}
