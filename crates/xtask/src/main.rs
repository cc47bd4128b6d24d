//! Checks of the repository itself, as commands and as tests: `cargo run -p xtask -- verify`.
//!
//! Owns: the table of layers and the rules of tidiness. Never changes a file of the repository;
//! `reference DIR` writes the API reference and the client types somewhere else.

mod layers;
mod metadata;
mod pure;
mod reference;
mod source;
mod tidy;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> Result<ExitCode> {
    let root = root();
    let verb = std::env::args().nth(1).unwrap_or_else(|| "verify".to_owned());
    let findings = match verb.as_str() {
        "reference" => reference::write(std::env::args().nth(2))?,
        "layers" => layers::check(&root)?,
        "tidy" => tidy::check(&root)?,
        "verify" => [layers::check(&root)?, tidy::check(&root)?].concat(),
        other => bail!("unknown verb `{other}`: layers, tidy, verify or reference"),
    };
    for finding in &findings {
        writeln!(io::stderr(), "{finding}")?;
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The top of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}
