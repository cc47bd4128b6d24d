//! `haven host …`

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{add_host, found, host_console};
use crate::args::host::HostCommand;
use crate::context::Context;
use crate::failure::Outcome;
use crate::prompt;
use crate::records::Record;
use crate::render::units::show_bytes;
use crate::render::{Answer, Cell, Row};

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: HostCommand) -> Outcome<()> {
    match verb {
        HostCommand::List => list(context).await,
        HostCommand::Show { host } => show(context, &host).await,
        HostCommand::Find => found::hosts(context).await,
        HostCommand::Check(waiting) => add_host::check(context, &waiting).await.map(|_| ()),
        HostCommand::Add(waiting) => add_host::add(context, &waiting).await,
        HostCommand::Console { host } => host_console::attach(context, &host).await,
        HostCommand::Disable { host } => switch(context, &host, "host.disable", "disabled").await,
        HostCommand::Enable { host } => switch(context, &host, "host.enable", "enabled").await,
        HostCommand::SetAddress { host, address } => set_address(context, &host, address).await,
        HostCommand::Evacuate { host } => evacuate(context, &host).await,
        HostCommand::Shutdown { host } => power(context, &host, false).await,
        HostCommand::Reboot { host } => power(context, &host, true).await,
        HostCommand::DeclareDead { host, yes } => declare_dead(context, &host, yes).await,
        HostCommand::Forget { host, yes } => forget(context, &host, yes).await,
        HostCommand::PowerOn { host } => power_on(context, &host).await,
        HostCommand::Fencing { verb } => super::fencing::run(context, verb).await,
    }
}

async fn list(context: &mut Context) -> Outcome<()> {
    let mut rows = Vec::new();
    for host in context.all("host").await?.iter() {
        rows.push(row(context, host).await?);
    }
    let columns = vec!["name", "state", "role", "address", "memory_free", "memory", "vms", "uuid"];
    context.print(&Answer::Table { columns, rows })
}

async fn row(context: &mut Context, host: &Record) -> Outcome<Row> {
    let coordinator = context.pool().await?.text("master") == host.reference;
    let metrics = context.all("host_metrics").await?;
    let metrics = metrics.iter().find(|m| m.reference == host.text("metrics"));
    let (total, free) = metrics.map_or((-1, -1), |m| (m.int("memory_total"), m.int("memory_free")));
    let live = metrics.is_some_and(|m| m.flag("live"));
    let guests = guests(context, host).await?;
    Ok(vec![
        Cell::text("name", host.name()),
        Cell::text("state", state(host, live)),
        Cell::text("role", if coordinator { "coordinator" } else { "member" }),
        Cell::text("address", host.text("address")),
        Cell::new("memory_free", free, show_bytes(free)),
        Cell::new("memory", total, show_bytes(total)),
        Cell::number("vms", i64::try_from(guests.len()).unwrap_or(i64::MAX)),
        Cell::text("uuid", host.uuid()),
    ])
}

fn state(host: &Record, live: bool) -> &'static str {
    // What the guards hold against it; nothing starts there.
    match (host.entry("other_config", "haven_quarantine"), live, host.flag("enabled")) {
        (Some("flapping"), ..) => "quarantined",
        (_, false, _) => "lost",
        (Some("diskless"), ..) => "draining",
        (_, true, false) => "disabled",
        (_, true, true) => "live",
    }
}

async fn guests(context: &mut Context, host: &Record) -> Outcome<Vec<Record>> {
    let vms = context.all("VM").await?;
    let here = |vm: &&Record| {
        vm.text("resident_on") == host.reference
            && !vm.flag("is_control_domain")
            && matches!(vm.text("power_state"), "Running" | "Paused")
    };
    Ok(vms.iter().filter(here).cloned().collect())
}

async fn show(context: &mut Context, given: &str) -> Outcome<()> {
    let host = context.host(given).await?;
    let mut cells = row(context, &host).await?;
    let version = host.entry("software_version", "product_version").unwrap_or_default();
    cells.push(Cell::text("hostname", host.text("hostname")));
    cells.push(Cell::text("version", version));
    cells.push(Cell::text("cpu", host.entry("cpu_info", "modelname").unwrap_or_default()));
    cells.push(Cell::text("cpus", host.entry("cpu_info", "cpu_count").unwrap_or_default()));
    let guests = guests(context, &host).await?;
    let vms = guests
        .iter()
        .map(|vm| {
            vec![
                Cell::text("name", vm.name()),
                Cell::text("state", vm.text("power_state").to_lowercase()),
                Cell::text("uuid", vm.uuid()),
            ]
        })
        .collect();
    context.print(&Answer::Object { row: cells, parts: vec![("running", vms)] })
}

async fn switch(context: &mut Context, given: &str, method: &str, done: &str) -> Outcome<()> {
    let host = context.host(given).await?;
    context.call(method, &[json!(host.reference)]).await?;
    context.print(&Answer::done(
        format!("host {} is {done}", host.name()),
        json!({ "uuid": host.uuid() }),
    ))
}

async fn set_address(context: &mut Context, given: &str, address: IpAddr) -> Outcome<()> {
    let host = context.host(given).await?;
    let params = [json!(host.reference), json!(address.to_string())];
    context.call("host.set_address", &params).await?;
    context.print(&Answer::done(
        format!("host {} is found at {address}", host.name()),
        json!({ "uuid": host.uuid(), "address": address.to_string() }),
    ))
}

async fn evacuate(context: &mut Context, given: &str) -> Outcome<()> {
    let host = context.host(given).await?;
    let name = host.name().to_owned();
    let before = guests(context, &host).await?.len();
    context
        .run(&format!("evacuating {name}"), "host.evacuate", &[Value::String(host.reference)])
        .await?;
    if !context.waits() {
        return Ok(());
    }
    context.print(&Answer::done(
        format!("{before} machines left host {name}"),
        json!({ "uuid": host.fields.get("uuid"), "moved": before }),
    ))
}

async fn declare_dead(context: &mut Context, given: &str, yes: bool) -> Outcome<()> {
    let host = context.host(given).await?;
    let loss = format!(
        "If {} still runs a machine that is then started elsewhere, both write to its disks and \
         destroy them. Make sure that the power of {} is off.",
        host.name(),
        host.name()
    );
    prompt::confirm(&loss, yes)?;
    context.call("host.declare_dead", &[json!(host.reference)]).await?;
    let text = format!(
        "host {} counts as dead; its machines are stopped and may start elsewhere",
        host.name()
    );
    context.print(&Answer::done(text, json!({ "uuid": host.uuid() })))
}

async fn power_on(context: &mut Context, given: &str) -> Outcome<()> {
    let host = context.host(given).await?;
    let name = host.name().to_owned();
    let what = format!("switching {name} on");
    context.run(&what, "host.power_on", &[json!(host.reference)]).await?;
    if !context.waits() {
        return Ok(());
    }
    let text = format!("host {name} has power; it joins the pool when it has started");
    context.print(&Answer::done(text, json!({ "uuid": host.uuid() })))
}

async fn forget(context: &mut Context, given: &str, yes: bool) -> Outcome<()> {
    let host = context.host(given).await?;
    let loss = format!("The pool forgets host {} and what was on its local storage.", host.name());
    prompt::confirm(&loss, yes)?;
    let label = format!("forgetting {}", host.name());
    context.run(&label, "host.destroy", &[json!(host.reference)]).await?;
    if !context.waits() {
        return Ok(());
    }
    context.print(&Answer::done(
        format!("host {} is forgotten", host.name()),
        json!({ "uuid": host.uuid() }),
    ))
}

/// Nothing starts there any more, what runs there leaves, and only then the host goes. A host that
/// cannot be emptied is as it was.
async fn power(context: &mut Context, given: &str, reboot: bool) -> Outcome<()> {
    let host = context.host(given).await?;
    let was_enabled = host.flag("enabled");
    let params = [json!(host.reference)];
    context.call("host.disable", &params).await?;
    let (method, label, text) = match reboot {
        true => ("host.reboot", "restarting", "restarts"),
        false => ("host.shutdown", "powering off", "powers off"),
    };
    let empty = format!("evacuating {}", host.name());
    let gone = match context.run(&empty, "host.evacuate", &params).await {
        Ok(_) => context.run(&format!("{label} {}", host.name()), method, &params).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = gone {
        if was_enabled {
            context.call("host.enable", &params).await?;
        }
        return Err(failure);
    }
    context.print(&Answer::done(
        format!("host {} {text}", host.name()),
        json!({ "uuid": host.uuid() }),
    ))
}
