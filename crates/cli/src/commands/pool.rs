//! `haven pool …`

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{found, pool_recovery};
use crate::args::pool::PoolCommand;
use crate::context::Context;
use crate::failure::Outcome;
use crate::prompt;
use crate::render::{Answer, Cell};

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: PoolCommand) -> Outcome<()> {
    match verb {
        PoolCommand::Init { name, password_stdin, address } => {
            init(context, &name, password_stdin, address).await
        }
        PoolCommand::Token { valid } => token(context, valid).await,
        PoolCommand::Find => found::pools(context).await,
        PoolCommand::Join { token } => join(context, &token).await,
        PoolCommand::Eject { host, yes } => eject(context, &host, yes).await,
        PoolCommand::Promote { yes } => promote(context, yes).await,
        PoolCommand::Follow { coordinator } => follow(context, &coordinator).await,
        PoolCommand::Coordinator { host } => coordinator(context, &host).await,
        PoolCommand::Copies => pool_recovery::copies(context).await,
        PoolCommand::Recover { from, host_is_off, confirm } => {
            pool_recovery::recover(context, from, host_is_off, confirm).await
        }
        PoolCommand::DumpDatabase { file } => pool_recovery::dump(context, &file).await,
        PoolCommand::RestoreDatabase { file, dry_run, yes } => {
            pool_recovery::restore(context, &file, dry_run, yes).await
        }
        PoolCommand::Show => show(context).await,
    }
}

async fn init(
    context: &mut Context,
    name: &str,
    password_stdin: bool,
    address: Option<IpAddr>,
) -> Outcome<()> {
    let password =
        if password_stdin { prompt::line_of_stdin()? } else { prompt::new_password("root")? };
    let mut wanted = json!({ "name": name, "password": password });
    if let Some(address) = address {
        wanted["address"] = json!(address);
    }
    let made = context.rpc.send("/haven/pool/init", &wanted).await?;
    let text =
        format!("pool {name} is made; let the next host join with the token of `haven pool token`");
    context.print(&Answer::done(text, made))
}

async fn token(context: &mut Context, valid: u64) -> Outcome<()> {
    let made = context.rpc.send("/haven/pool/token", &json!({ "valid_s": valid })).await?;
    let token = made.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
    context.print(&Answer::done(token, made))
}

async fn join(context: &mut Context, token: &str) -> Outcome<()> {
    let token = if token == "-" { prompt::line_of_stdin()? } else { token.to_owned() };
    let joined = context.rpc.send("/haven/pool/join", &json!({ "token": token.trim() })).await?;
    context.print(&Answer::done("this host is a member of the pool now", joined))
}

async fn eject(context: &mut Context, host: &str, yes: bool) -> Outcome<()> {
    let host = context.host(host).await?;
    let loss = format!(
        "Host {} leaves the pool, and what is on its local storage is given up.",
        host.name()
    );
    prompt::confirm(&loss, yes)?;
    let label = format!("ejecting {}", host.name());
    context.run(&label, "pool.eject", &[json!(host.reference)]).await?;
    context.print(&Answer::done(
        format!("host {} left the pool", host.name()),
        json!({ "uuid": host.uuid() }),
    ))
}

async fn promote(context: &mut Context, yes: bool) -> Outcome<()> {
    let loss = "What the old coordinator wrote last may be missing here. If it still runs, there are two \
                coordinators: make sure that its power is off.";
    prompt::confirm(loss, yes)?;
    let promoted = context.rpc.send("/haven/pool/promote", &json!({})).await?;
    let uuid = promoted.get("coordinator").and_then(Value::as_str).unwrap_or_default();
    let text = format!(
        "this host is the coordinator now; on each other host that lives, say `haven pool follow {uuid}`"
    );
    context.print(&Answer::done(text, promoted))
}

/// The pool cannot be asked for names now, so the coordinator is given by its uuid.
async fn follow(context: &mut Context, coordinator: &str) -> Outcome<()> {
    let wanted = json!({ "coordinator": coordinator });
    let answer = context.rpc.send("/haven/pool/follow", &wanted).await?;
    context.print(&Answer::done("this host follows the new coordinator now", answer))
}

async fn coordinator(context: &mut Context, given: &str) -> Outcome<()> {
    let host = context.host(given).await?;
    context.call("pool.designate_new_master", &[json!(host.reference)]).await?;
    let text = format!("host {} is the coordinator now", host.name());
    context.print(&Answer::done(text, json!({ "uuid": host.uuid() })))
}

async fn show(context: &mut Context) -> Outcome<()> {
    let pool = context.pool().await?;
    let coordinator = context.name_of("host", pool.text("master")).await?;
    let default_sr = context.name_of("SR", pool.text("default_SR")).await?;
    let hosts = context.all("host").await?.len();
    let row = vec![
        Cell::text("name", pool.name()),
        Cell::text("uuid", pool.uuid()),
        Cell::text("coordinator", coordinator),
        Cell::number("hosts", i64::try_from(hosts).unwrap_or(i64::MAX)),
        Cell::text("default_sr", default_sr),
        Cell::flag("ha", pool.flag("ha_enabled")),
    ];
    context.print(&Answer::Object { row, parts: Vec::new() })
}
