//! Embeds the web console, if it has been built: `web/dist/site` becomes a table of files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Directories deep at most.
const DEPTH_MAX: u32 = 4;

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = here.join("../../web/dist");
    // The folder itself is always there, so that a fresh clone builds, and notices the first build
    // of the console.
    println!("cargo::rerun-if-changed={}", dist.display());
    let site = dist.join("site");
    let mut files = Vec::new();
    if site.is_dir() {
        collect(&site, DEPTH_MAX, &mut files)?;
    }
    files.sort();
    let mut table = String::from("pub(super) const FILES: &[(&str, &[u8])] = &[\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for (number, path) in files.iter().enumerate() {
        let name = path.strip_prefix(&site).unwrap_or(path).display().to_string();
        // A copy: the console may be built anew while this program is being compiled.
        let copy = format!("web_file_{number}");
        fs::copy(path, out.join(&copy))?;
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{copy}\"))),"
        );
    }
    table.push_str("];\n");
    fs::write(out.join("web_files.rs"), table)
}

fn collect(directory: &Path, depth: u32, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if depth > 0 {
                collect(&entry.path(), depth - 1, files)?;
            }
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
