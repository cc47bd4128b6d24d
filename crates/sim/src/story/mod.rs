//! Scenarios as text: `input.txt` says what happens and what must follow, `expected.log` how it went.
//!
//! For: `scenarios/`, whose folders read as a specification. Owns: the little language, and the
//! comparison with the log that was blessed. All promises (see `checks`) hold at every instant of a
//! story; besides, nobody is fenced twice unless it says so, and every epoch comes with its reason.
//! Never does: anything random: a story has a seed and replays exactly.

mod condition;
mod data;
mod guests;
mod restarts;
mod statement;
mod teller;

use std::path::{Path, PathBuf};

pub use teller::tell;

/// Folders below `root` that hold an `input.txt`, in order.
fn folders(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| path.is_dir()) {
        if path.join("input.txt").is_file() {
            found.push(path);
        } else {
            found.extend(folders(&path));
        }
    }
    found.sort();
    found
}

/// Tells every story below `root`; `bless` writes the logs anew.
#[must_use]
pub fn run_all(root: &Path, bless: bool) -> Vec<(String, Result<(), String>)> {
    let name = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    folders(root).into_iter().map(|path| (name(&path), run_one(&path, bless))).collect()
}

fn run_one(folder: &Path, bless: bool) -> Result<(), String> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name));
    let input = read("input.txt").map_err(|error| error.to_string())?;
    let log = tell(&input)?;
    let expected = folder.join("expected.log");
    if bless {
        return std::fs::write(expected, log).map_err(|error| error.to_string());
    }
    let known = read("expected.log").map_err(|error| format!("expected.log: {error}"))?;
    let differs = known.lines().zip(log.lines()).position(|(old, new)| old != new);
    match differs {
        Some(at) => {
            let line = |text: &str| text.lines().nth(at).unwrap_or_default().to_owned();
            let (old, new) = (line(&known), line(&log));
            Err(format!("line {}: expected\n  {old}\nbut got\n  {new}\n(`make bless`)", at + 1))
        }
        None if known.lines().count() != log.lines().count() => {
            Err("the log is longer or shorter than expected (`make bless`)".to_owned())
        }
        None => Ok(()),
    }
}
