//! `haven alert …`

use haven_model::alerts::{ACKNOWLEDGED, part_body};
use serde_json::json;

use crate::args::watch::AlertCommand;
use crate::context::Context;
use crate::failure::Outcome;
use crate::records::Record;
use crate::render::alerts::words;
use crate::render::errors::language;
use crate::render::units::show_time;
use crate::render::{Answer, Cell, Row};

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: AlertCommand) -> Outcome<()> {
    match verb {
        AlertCommand::List { priority } => list(context, priority).await,
        AlertCommand::Acknowledge { alert, note, undo } => {
            acknowledge(context, &alert, &note, undo).await
        }
        AlertCommand::Dismiss { alert } => {
            let alert = context.find("message", "alert", &alert, |_| true).await?;
            context.call("message.destroy", &[json!(alert.reference)]).await?;
            context.print(&Answer::done(
                format!("alert {} is dismissed", alert.text("name")),
                json!({ "uuid": alert.uuid() }),
            ))
        }
    }
}

async fn acknowledge(context: &mut Context, alert: &str, note: &str, undo: bool) -> Outcome<()> {
    let alert = context.find("message", "alert", alert, |_| true).await?;
    let asked = json!({ "alerts": [alert.uuid()], "note": note, "undo": undo });
    context.rpc.send("/haven/alerts/acknowledge", &asked).await?;
    let name = alert.text("name");
    let text = match undo {
        false => format!("alert {name} is yours"),
        true => format!("nobody deals with alert {name}"),
    };
    context.print(&Answer::done(text, json!({ "uuid": alert.uuid(), "acknowledged": !undo })))
}

async fn list(context: &mut Context, priority: u8) -> Outcome<()> {
    let messages = context.all("message").await?;
    let mut urgent: Vec<&Record> =
        messages.iter().filter(|m| m.int("priority") <= i64::from(priority)).collect();
    urgent.sort_by(|a, b| b.text("timestamp").cmp(a.text("timestamp")));
    let mut rows = Vec::new();
    for message in urgent {
        rows.push(row(context, message).await?);
    }
    let columns = vec!["time", "priority", "alert", "about", "text", "taken by", "uuid"];
    context.print(&Answer::Table { columns, rows })
}

async fn row(context: &mut Context, message: &Record) -> Outcome<Row> {
    let class = match message.text("cls") {
        "VM" => Some("VM"),
        "Host" => Some("host"),
        "SR" => Some("SR"),
        "Pool" => Some("pool"),
        _ => None,
    };
    let about = message.text("obj_uuid");
    let name = match class {
        Some(class) => {
            let records = context.all(class).await?;
            records.iter().find(|r| r.uuid() == about).map(|r| r.name().to_owned())
        }
        None => None,
    };
    Ok(vec![
        Cell::new("time", message.text("timestamp"), show_time(message.text("timestamp"))),
        Cell::number("priority", message.int("priority")),
        Cell::text("alert", message.text("name")),
        Cell::new("about", about, name.unwrap_or_else(|| about.to_owned())),
        Cell::new("text", message.text("body"), words(message, language())),
        Cell::text("taken by", taken_by(message)),
        Cell::text("uuid", message.uuid()),
    ])
}

/// Who deals with an alert; empty: nobody.
fn taken_by(message: &Record) -> String {
    let (_, mut data) = part_body(message.text("body"));
    let word = data.remove(ACKNOWLEDGED).unwrap_or_default();
    word.get("by").and_then(|by| by.as_str()).unwrap_or_default().to_owned()
}
