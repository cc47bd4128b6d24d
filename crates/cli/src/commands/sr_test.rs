//! `haven sr test`: a place as every host reaches it.

use serde_json::{Value, json};

use super::sr::device_config;
use crate::args::sr::Place;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::records::Record;
use crate::render::errors::in_a_line;
use crate::render::units::show_bytes;
use crate::render::{Answer, Cell, Row};

/// Shows what each host found. It fails when one of them could not use the place.
pub(super) async fn run(context: &mut Context, place: &Place) -> Outcome<()> {
    let device = &place.device;
    let shared = place.shared || device.kind == "nfs" || device.kind == "iso";
    let asked = json!({
        "type": device.kind,
        "device_config": Value::Object(device_config(device)?),
        "shared": shared,
        "host": device.host,
    });
    let answer = Record::new("", context.rpc.send("/haven/storage/test", &asked).await?);
    let hosts = answer.list("hosts").iter().map(|host| Record::new("", host.clone()));
    let rows = hosts.map(|host| row(&host)).collect();
    let columns = vec!["host", "usable", "write", "throughput", "free", "problem"];
    context.print(&Answer::Table { columns, rows })?;
    if answer.flag("ok") {
        return Ok(());
    }
    Err(Failure::Local("not every host can use this place; nothing was created".to_owned()))
}

fn row(host: &Record) -> Row {
    let known = |key: &str| host.fields.get(key).and_then(Value::as_i64);
    let shown = |key: &str, unit: &str| match known(key) {
        Some(number) => format!("{number} {unit}"),
        None => String::new(),
    };
    let free = host.int("size").saturating_sub(host.int("used"));
    let room = if known("size").is_some() { show_bytes(free) } else { String::new() };
    vec![
        Cell::text("host", host.text("name")),
        Cell::flag("usable", host.flag("ok")),
        Cell::new("write", known("write_us"), shown("write_us", "us")),
        Cell::new("throughput", known("mib_per_s"), shown("mib_per_s", "MiB/s")),
        Cell::new("free", free, room),
        Cell::text("problem", problem(host)),
    ]
}

/// Why the host cannot use the place: what happened, and what to do.
fn problem(host: &Record) -> String {
    if let Some(error) = host.fields.get("error") {
        return in_a_line(error);
    }
    if !host.flag("same_place") {
        return "it is another place than on the first host; is it mounted there?".to_owned();
    }
    match host.list("found").first().and_then(Value::as_str) {
        Some(sr) if !host.flag("ok") => format!("repository {sr} lies there already"),
        _ => String::new(),
    }
}
