//! The API reference, the client types and the error texts, made from the declarations.

use std::path::PathBuf;

use anyhow::{Context, Result};
use haven_api::docs::{error_texts, markdown, typescript};

/// Writes all pages into `directory`; there is nothing to find fault with.
pub(crate) fn write(directory: Option<String>) -> Result<Vec<String>> {
    let to = PathBuf::from(directory.unwrap_or_else(|| "target/reference".to_owned()));
    std::fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
    for page in markdown().into_iter().chain([typescript()]).chain(error_texts()) {
        let path = to.join(page.name);
        std::fs::write(&path, page.text)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Vec::new())
}
