//! `haven ha …`

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{ha_drill, ha_plan};
use crate::args::ha::{EnableHa, HaCommand, Isolated, Profile, SetHa};
use crate::context::Context;
use crate::failure::Outcome;
use crate::prompt;
use crate::records::Record;
use crate::render::{Answer, Cell, Row};

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: HaCommand) -> Outcome<()> {
    match verb {
        HaCommand::Enable(options) => enable(context, &options).await,
        HaCommand::Check => ha_drill::check(context).await,
        HaCommand::Disable => disable(context).await,
        HaCommand::Status => status(context).await,
        HaCommand::Pause { time, reason } => ha_drill::pause(context, time, &reason).await,
        HaCommand::Resume => ha_drill::resume(context).await,
        HaCommand::Drill { host, yes } => ha_drill::drill(context, host.as_deref(), yes).await,
        HaCommand::Set(options) => set(context, &options).await,
        HaCommand::RotateKey => rotate_key(context).await,
        HaCommand::EmergencyDisarm { yes } => emergency_disarm(context, yes).await,
        HaCommand::ReplaceStatefile { heartbeat_srs, host_is_off, yes } => {
            replace_statefile(context, &heartbeat_srs, &host_is_off, yes).await
        }
        HaCommand::Plan(options) => ha_plan::plan(context, &options).await,
        HaCommand::WhatIf(options) => ha_plan::what_if(context, &options).await,
        HaCommand::Explain { vm } => ha_plan::explain(context, &vm).await,
        HaCommand::Policy(options) => ha_plan::policy(context, &options).await,
    }
}

async fn enable(context: &mut Context, options: &EnableHa) -> Outcome<()> {
    let mut srs = Vec::new();
    for sr in &options.heartbeat_srs {
        srs.push(context.sr(sr).await?.reference);
    }
    let pool = context.pool().await?;
    let before = pool.int("ha_host_failures_to_tolerate");
    if let Some(failures) = options.failures {
        set_failures(context, &pool, i64::from(failures)).await?;
    }
    let mut configuration = configuration(options);
    if let Some(networks) = heartbeat_networks(context, options).await? {
        configuration["heartbeat_networks"] = json!(networks);
    }
    if options.without_watchdog {
        configuration["watchdog"] = json!("none");
    }
    let enabled = context
        .run("enabling high availability", "pool.enable_ha", &[json!(srs), configuration])
        .await;
    if let Err(failure) = enabled {
        if options.failures.is_some() {
            // The number alone would be half of what was asked for.
            set_failures(context, &pool, before).await?;
        }
        return Err(failure);
    }
    if !context.waits() {
        return Ok(());
    }
    let text = format!("high availability is on, with the {} profile", options.profile.wire());
    context
        .print(&Answer::done(text, json!({ "enabled": true, "profile": options.profile.wire() })))
}

/// The map of `pool.enable_ha`.
fn configuration(options: &EnableHa) -> Value {
    let profile = Some(options.profile);
    let late = options.late_write_s;
    choices(profile, &options.isolation_addresses, options.isolation_response, late)
}

/// What was chosen, as the configuration map has it.
fn choices(
    profile: Option<Profile>,
    addresses: &[IpAddr],
    response: Option<Isolated>,
    late_write_s: Option<u32>,
) -> Value {
    let mut map = serde_json::Map::new();
    if let Some(profile) = profile {
        map.insert("profile".to_owned(), json!(profile.wire()));
    }
    if !addresses.is_empty() {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        map.insert("isolation_addresses".to_owned(), json!(addresses.join(",")));
    }
    if let Some(response) = response {
        map.insert("isolation_response".to_owned(), json!(response.wire()));
    }
    if let Some(seconds) = late_write_s {
        map.insert("late_write_s".to_owned(), json!(seconds.to_string()));
    }
    Value::Object(map)
}

async fn set(context: &mut Context, options: &SetHa) -> Outcome<()> {
    let late = options.late_write_s;
    let chosen =
        choices(options.profile, &options.isolation_addresses, options.isolation_response, late);
    if let Some(failures) = options.failures {
        let pool = context.pool().await?;
        set_failures(context, &pool, i64::from(failures)).await?;
    }
    if chosen.as_object().is_some_and(|map| !map.is_empty()) {
        context.rpc.send("/haven/ha/set", &json!({ "configuration": chosen })).await?;
    }
    context.print(&Answer::done("high availability is changed", json!({ "enabled": true })))
}

async fn emergency_disarm(context: &mut Context, yes: bool) -> Outcome<()> {
    let loss = "This host leaves high availability whatever the others do. A host that stays armed \
                may start machines that run here, which destroys their disks: disarm every host in \
                the same way, or make sure that its power is off.";
    prompt::confirm(loss, yes)?;
    let done = context.rpc.send("/haven/ha/emergency-disarm", &json!({})).await?;
    let text = "this host is disarmed; do the same on every other host that is on";
    context.print(&Answer::done(text, done))
}

async fn replace_statefile(
    context: &mut Context,
    names: &[String],
    off: &[String],
    yes: bool,
) -> Outcome<()> {
    let loss = "Machines run on, but for some seconds none is restarted that fails.";
    prompt::confirm(loss, yes)?;
    let mut srs = Vec::new();
    for sr in names {
        srs.push(context.sr(sr).await?.reference);
    }
    let wanted = json!({ "srs": srs, "off": off });
    let done = context.rpc.send("/haven/ha/replace-statefile", &wanted).await?;
    context.print(&Answer::done("high availability is on again, with other statefiles", done))
}

/// The uuids of the named networks.
async fn heartbeat_networks(context: &mut Context, options: &EnableHa) -> Outcome<Option<String>> {
    let mut uuids = Vec::new();
    for network in &options.heartbeat_networks {
        uuids.push(context.network(network).await?.uuid().to_owned());
    }
    Ok((!uuids.is_empty()).then(|| uuids.join(",")))
}

async fn set_failures(context: &mut Context, pool: &Record, failures: i64) -> Outcome<()> {
    let params = [json!(pool.reference), json!(failures)];
    context.call("pool.set_ha_host_failures_to_tolerate", &params).await.map(drop)
}

async fn disable(context: &mut Context) -> Outcome<()> {
    context.run("disabling high availability", "pool.disable_ha", &[]).await?;
    if !context.waits() {
        return Ok(());
    }
    context.print(&Answer::done("high availability is off", json!({ "enabled": false })))
}

async fn rotate_key(context: &mut Context) -> Outcome<()> {
    context.run("changing the key of the heartbeats", "pool.rotate_secret", &[]).await?;
    if !context.waits() {
        return Ok(());
    }
    context.print(&Answer::done("the hosts have another key", json!({ "rotated": true })))
}

/// How many guests are watched, and of which nothing can be said or nothing is done any more.
fn guests(status: &Record) -> Row {
    let guests = Record::new("", status.fields.get("guests").cloned().unwrap_or_default());
    let mut row = Vec::new();
    if guests.int("watched") > 0 {
        row.push(Cell::number("watched_machines", guests.int("watched")));
    }
    for (key, title) in
        [("unmonitored", "unmonitored_machines"), ("left_alone", "machines_left_alone")]
    {
        let names = guests.list(key).iter();
        let names: Vec<String> =
            names.filter_map(|name| name.as_str().map(str::to_owned)).collect();
        if !names.is_empty() {
            row.push(Cell::list(title, &names));
        }
    }
    row
}

async fn status(context: &mut Context) -> Outcome<()> {
    let status = Record::new("", context.rpc.get("/haven/ha/status").await?);
    let tolerance = Record::new("", status.fields.get("tolerance").cloned().unwrap_or_default());
    let enabled = status.flag("enabled");
    let mut row = vec![Cell::flag("enabled", enabled), Cell::text("state", status.text("state"))];
    if enabled {
        let coordinator = context.all("host").await?;
        let coordinator = coordinator.iter().find(|h| h.uuid() == status.text("coordinator"));
        row.extend([
            Cell::text("profile", status.text("profile")),
            Cell::text("coordinator", coordinator.map_or(status.text("coordinator"), |h| h.name())),
            Cell::number("epoch", status.int("epoch")),
            Cell::number("failures_wanted", tolerance.int("wanted")),
            Cell::number("failures_possible", tolerance.int("possible")),
            Cell::text("capacity", tolerance.text("text")),
            Cell::number("protected_machines", status.int("protected")),
        ]);
    }
    row.extend(guests(&status));
    row.extend(ha_drill::cells(&status));
    let problems: Vec<String> =
        status.list("problems").iter().filter_map(|p| p.as_str().map(str::to_owned)).collect();
    if !problems.is_empty() {
        row.push(Cell::list("problems", &problems));
    }
    let hosts = status.list("hosts").iter().map(host_row).collect();
    let statefiles = status.list("statefiles").iter().map(statefile_row).collect();
    let promises = status.list("bounds").iter().filter_map(Value::as_str);
    let promises = promises.map(|text| vec![Cell::text("promise", text)]).collect();
    let parts = vec![("hosts", hosts), ("statefiles", statefiles), ("promises", promises)];
    context.print(&Answer::Object { row, parts })
}

fn host_row(host: &Value) -> Row {
    let host = Record::new("", host.clone());
    vec![
        Cell::text("name", host.text("name")),
        Cell::text("state", host.text("state")),
        Cell::flag("network", host.flag("network")),
        Cell::flag("storage", host.flag("storage")),
        Cell::text("permit", host.text("permit")),
    ]
}

fn statefile_row(statefile: &Value) -> Row {
    let statefile = Record::new("", statefile.clone());
    let latency_us = statefile.int("latency_us");
    vec![
        Cell::text("volume", statefile.text("sr")),
        Cell::text("state", statefile.text("state")),
        Cell::number("latency_us", latency_us),
    ]
}
