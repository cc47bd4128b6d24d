//! `haven host check` and `haven host add`: a host that waits to be added.

use serde_json::{Value, json};

use crate::args::host::Waiting;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::records::Record;
use crate::render::errors::in_a_line;
use crate::render::{Answer, Cell, Row};

/// Shows every check; fails when one of them is against the host. Answers its fingerprint.
pub(super) async fn check(context: &mut Context, waiting: &Waiting) -> Outcome<String> {
    let asked = asked(waiting, waiting.fingerprint.as_deref());
    let answer = Record::new("", context.rpc.send("/haven/pool/check-host", &asked).await?);
    let row = vec![
        Cell::text("name", answer.text("name")),
        Cell::text("address", answer.text("address")),
        Cell::flag("can_join", answer.flag("ok")),
        Cell::text("fingerprint", answer.text("fingerprint")),
    ];
    let checks = answer.list("checks").iter().map(|check| shown(&Record::new("", check.clone())));
    let parts = vec![("checks", checks.collect::<Vec<Row>>())];
    context.print(&Answer::Object { row, parts })?;
    if answer.flag("ok") {
        return Ok(answer.text("fingerprint").to_owned());
    }
    let text = format!("{} cannot join as it is; nothing was changed", waiting.address);
    Err(Failure::Local(text))
}

/// Checks the host, then has it join.
pub(super) async fn add(context: &mut Context, waiting: &Waiting) -> Outcome<()> {
    let fingerprint = check(context, waiting).await?;
    let asked = asked(waiting, Some(&fingerprint));
    context.rpc.send("/haven/pool/add-host", &asked).await?;
    let text = format!("{} has joined the pool", waiting.address);
    context.print(&Answer::done(text, json!({ "address": waiting.address })))
}

fn asked(waiting: &Waiting, fingerprint: Option<&str>) -> Value {
    json!({ "address": waiting.address, "code": waiting.code, "fingerprint": fingerprint })
}

fn shown(check: &Record) -> Row {
    let problem = check.fields.get("error").map(in_a_line).unwrap_or_default();
    vec![
        Cell::text("check", check.text("id")),
        Cell::text("result", check.text("state")),
        Cell::text("found", check.text("detail")),
        Cell::text("problem", problem),
    ]
}
