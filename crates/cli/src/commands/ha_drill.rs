//! `haven ha check`, `pause`, `resume` and `drill`.

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Outcome;
use crate::prompt;
use crate::records::Record;
use crate::render::{Answer, Cell, Row};

/// Nothing is restarted for a while.
pub(crate) async fn pause(context: &mut Context, seconds: u64, reason: &str) -> Outcome<()> {
    let asked = json!({ "seconds": seconds, "reason": reason });
    let done = context.rpc.send("/haven/ha/pause", &asked).await?;
    let text = format!("protection pauses for {seconds} s; end it with `haven ha resume`");
    context.print(&Answer::done(text, done))
}

/// Protection goes on.
pub(crate) async fn resume(context: &mut Context) -> Outcome<()> {
    context.rpc.send("/haven/ha/pause", &json!({ "seconds": 0 })).await?;
    context.print(&Answer::done("protection goes on".to_owned(), json!({ "paused": false })))
}

/// A rehearsal, or with a host the real thing.
pub(crate) async fn drill(context: &mut Context, host: Option<&str>, yes: bool) -> Outcome<()> {
    let Some(host) = host else {
        let done = context.rpc.send("/haven/ha/drill", &json!({})).await?;
        return report(context, done);
    };
    let loss = format!(
        "{host} is put out of the pool as if it were lost: all machines on it stop at once, and the \
         protected ones boot anew on other hosts."
    );
    prompt::confirm(&loss, yes)?;
    let done = context.rpc.send("/haven/ha/drill", &json!({ "host": host })).await?;
    let text =
        format!("the drill has begun: {host} is put out; `haven ha status` says what came of it");
    context.print(&Answer::done(text, done))
}

/// What arming would meet on every host.
pub(crate) async fn check(context: &mut Context) -> Outcome<()> {
    let found = Record::new("", context.rpc.send("/haven/ha/check", &json!({})).await?);
    let rows = found.list("hosts").iter().flat_map(|host| {
        let host = Record::new("", host.clone());
        let row = |check: &str, state: &str, text: &str| {
            vec![
                Cell::text("host", host.text("name")),
                Cell::text("check", check),
                Cell::text("state", state),
                Cell::text("text", text),
            ]
        };
        let error = host.fields.get("error").cloned().map(|error| Record::new("", error));
        let mut rows: Vec<Row> =
            error.iter().map(|error| row("answer", "bad", error.text("message"))).collect();
        rows.extend(host.list("checks").iter().map(|check| {
            let check = Record::new("", check.clone());
            row(check.text("id"), check.text("state"), check.text("text"))
        }));
        rows
    });
    let rows = rows.collect();
    context.print(&Answer::Table { columns: vec!["host", "check", "state", "text"], rows })
}

fn report(context: &mut Context, done: Value) -> Outcome<()> {
    let record = Record::new("", done.clone());
    let findings: Vec<Row> = record
        .list("findings")
        .iter()
        .map(|one| vec![Cell::text("finding", finding(one))])
        .collect();
    if findings.is_empty() {
        let text = "the rehearsal passed: the loss of any one host would be survived now";
        return context.print(&Answer::done(text.to_owned(), done));
    }
    let row = vec![Cell::flag("passed", record.flag("passed"))];
    context.print(&Answer::Object { row, parts: vec![("findings", findings)] })
}

fn finding(one: &Value) -> String {
    let one = Record::new("", one.clone());
    let host = one.text("host");
    match one.text("case") {
        "paused" => "protection is paused; end it with `haven ha resume`".to_owned(),
        "missing" => format!("{host} is no member"),
        "network" => format!("{host} is not heard on heartbeat network {}", one.int("network")),
        "storage" => format!("{host} does not write to the heartbeat storage"),
        "statefile" => format!("heartbeat volume {} does not answer", one.text("sr")),
        "room" => format!("without {host} there is no room for {}", one.text("vm")),
        other => other.to_owned(),
    }
}

/// The pause that is on and the drills, for `haven ha status`.
pub(crate) fn cells(status: &Record) -> Row {
    let part = |key: &str| {
        let value = status.fields.get(key).cloned().unwrap_or_default();
        Some(Record::new("", value)).filter(|record| record.fields.is_object())
    };
    let mut row = Vec::new();
    if let Some(pause) = part("pause") {
        let (by, reason) = (pause.text("by"), pause.text("reason"));
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        row.push(Cell::text("paused_by", format!("{by}{why}")));
        row.push(Cell::number("paused_until_ms", pause.int("until_ms")));
    }
    let Some(drills) = part("drill") else { return row };
    for key in ["running", "last"] {
        let value = drills.fields.get(key).cloned().unwrap_or_default();
        let drill = Record::new("", value);
        if drill.text("kind").is_empty() {
            continue;
        }
        let what = match drill.text("kind") {
            "host" => format!("{} was put out", drill.text("host")),
            _ => "rehearsal".to_owned(),
        };
        let end = match (key, drill.flag("passed")) {
            ("running", _) => "under way",
            (_, true) => "passed",
            (_, false) => "failed",
        };
        row.push(Cell::text(
            if key == "last" { "last_drill" } else { "drill" },
            format!("{what}: {end}"),
        ));
    }
    row
}
