//! `haven pool copies`, `recover`, `dump-database` and `restore-database`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::prompt;
use crate::render::{Answer, Cell};

/// What each host has.
pub(super) async fn copies(context: &mut Context) -> Outcome<()> {
    let copies = context.rpc.get("/haven/pool/copies").await?;
    let columns = vec!["host", "answers", "coordinates", "generation", "behind", "age_s"];
    let rows = copies.as_array().into_iter().flatten().map(|copy| {
        let text = |key: &str| copy.get(key).and_then(Value::as_str).unwrap_or_default();
        let flag = |key: &str| copy.get(key).and_then(Value::as_bool).unwrap_or(false);
        let number = |key: &'static str| {
            let value = copy.get(key).cloned().unwrap_or_default();
            let shown = value.as_u64().map_or_else(|| "-".to_owned(), |n| n.to_string());
            Cell::new(key, value, shown)
        };
        vec![
            Cell::text("host", text("name")),
            Cell::flag("answers", flag("answers")),
            Cell::flag("coordinates", flag("coordinates")),
            number("generation"),
            number("behind"),
            number("age_s"),
        ]
    });
    context.print(&Answer::Table { columns, rows: rows.collect() })
}

/// Takes a copy over.
pub(super) async fn recover(
    context: &mut Context,
    from: Option<String>,
    off: Vec<String>,
    confirm: Option<String>,
) -> Outcome<()> {
    let confirm = match confirm {
        Some(name) => name,
        None => {
            copies(context).await?;
            let loss = "What was changed since that copy was kept is lost. No other host may \
                        coordinate the pool, now or later.";
            prompt::typed(loss, "Type the name of the pool: ")?
        }
    };
    let wanted = json!({ "confirm": confirm, "from": from, "off": off });
    let done = context.rpc.send("/haven/pool/recover", &wanted).await?;
    let name = done.get("name").and_then(Value::as_str).unwrap_or_default();
    let text = format!(
        "this host coordinates the pool with the copy of {name}; machines are started again when \
         each host has said what it runs"
    );
    context.print(&Answer::done(text, done.clone()))
}

/// The database as a file.
pub(super) async fn dump(context: &mut Context, file: &Path) -> Outcome<()> {
    let dumped = context.rpc.send("/haven/pool/dump", &json!({})).await?;
    let text = dumped.get("dump").and_then(Value::as_str).unwrap_or_default();
    let mut options = OpenOptions::new();
    // It holds secrets, and nothing is overwritten.
    let opened = options.write(true).create_new(true).mode(0o600).open(file);
    opened
        .and_then(|mut opened| opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all()))
        .map_err(|error| Failure::local(&format!("writing {}", file.display()), error))?;
    let shown = format!("the pool database is in {}; it holds secrets", file.display());
    context.print(&Answer::done(shown, json!({ "file": file, "bytes": text.len() })))
}

/// A file as the database.
pub(super) async fn restore(
    context: &mut Context,
    file: &Path,
    dry_run: bool,
    yes: bool,
) -> Outcome<()> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::local(&format!("reading {}", file.display()), error))?;
    if !dry_run {
        prompt::confirm("What was changed since the dump was written is lost.", yes)?;
    }
    let wanted = json!({ "dump": text, "dry_run": dry_run });
    let head = context.rpc.send("/haven/pool/restore", &wanted).await?;
    let field = |key: &str| head.get(key).map(ToString::to_string).unwrap_or_default();
    let what = format!("generation {} of pool {}", field("generation"), field("name"));
    let shown = match dry_run {
        true => format!("the file can be restored: {what}"),
        false => format!("restored: {what}"),
    };
    context.print(&Answer::done(shown, head.clone()))
}
