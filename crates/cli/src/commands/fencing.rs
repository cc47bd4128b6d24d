//! `haven host fencing …`

use std::collections::BTreeMap;
use std::io::IsTerminal;

use serde_json::{Value, json};

use crate::args::host::{FencingCommand, SetFencing};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::prompt;
use crate::records::Record;
use crate::render::{Answer, Cell, Row};

/// The plugin that answers.
const PLUGIN: &str = "fencing";

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: FencingCommand) -> Outcome<()> {
    match verb {
        FencingCommand::Status { host } => status(context, host.as_deref()).await,
        FencingCommand::Set(asked) => set(context, asked).await,
        FencingCommand::Test { host } => test(context, &host).await,
        FencingCommand::Clear { host } => clear(context, &host).await,
        FencingCommand::Agents { host } => agents(context, host.as_deref()).await,
        FencingCommand::Describe { agent } => describe(context, &agent).await,
    }
}

async fn ask(context: &mut Context, host: &Record, function: &str, args: Value) -> Outcome<Value> {
    let params = [json!(host.reference), json!(PLUGIN), json!(function), args];
    let text = context.call("host.call_plugin", &params).await?;
    let text = text.as_str().unwrap_or_default();
    serde_json::from_str(text).map_err(|error| Failure::local("reading the answer", error))
}

async fn chosen(context: &mut Context, given: Option<&str>) -> Outcome<Record> {
    match given {
        Some(given) => context.host(given).await,
        None => {
            let coordinator = context.pool().await?.text("master").to_owned();
            let hosts = context.all("host").await?;
            let found = hosts.iter().find(|host| host.reference == coordinator).cloned();
            found.ok_or_else(|| Failure::Usage("the pool names no coordinator".to_owned()))
        }
    }
}

async fn status(context: &mut Context, given: Option<&str>) -> Outcome<()> {
    let hosts = match given {
        Some(given) => vec![context.host(given).await?],
        None => context.all("host").await?.to_vec(),
    };
    let mut rows = Vec::new();
    for host in hosts {
        let set_up = Record::new("", ask(context, &host, "status", json!({})).await?);
        let agents = set_up.list("agents");
        if agents.is_empty() {
            rows.push(row(&host, &Record::new("", json!({ "agent": "none" })), ""));
        }
        for agent in agents {
            rows.push(row(&host, &Record::new("", agent.clone()), set_up.text("after_fencing")));
        }
    }
    let columns = vec!["host", "level", "agent", "parameters", "secrets", "after_fencing"];
    context.print(&Answer::Table { columns, rows })
}

fn row(host: &Record, agent: &Record, after: &str) -> Row {
    let empty = serde_json::Map::new();
    let told = agent.fields.get("parameters").and_then(Value::as_object).unwrap_or(&empty);
    let told: Vec<String> =
        told.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    let secrets: Vec<String> =
        agent.list("secrets").iter().filter_map(|s| s.as_str().map(str::to_owned)).collect();
    vec![
        Cell::text("host", host.name()),
        Cell::number("level", agent.int("level")),
        Cell::text("agent", agent.text("agent")),
        Cell::text("parameters", told.join(" ")),
        Cell::text("secrets", secrets.join(" ")),
        Cell::text("after_fencing", after.replace('_', " ")),
    ]
}

/// The configuration so far: the first agent, and what all are told.
fn known(host: &Record) -> (String, BTreeMap<String, String>) {
    let config = host.fields.get("power_on_config").and_then(Value::as_object);
    let pairs = config.into_iter().flatten();
    let pairs = pairs.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()));
    (host.text("power_on_mode").to_owned(), pairs.collect())
}

async fn set(context: &mut Context, asked: SetFencing) -> Outcome<()> {
    let host = context.host(&asked.host).await?;
    let (mut mode, mut config) = known(&host);
    if !asked.add || mode.is_empty() {
        (mode, config) = (String::new(), BTreeMap::new());
    }
    let number = if mode.is_empty() { 1 } else { next_number(&config) };
    let key = |name: &str| match number {
        1 => name.to_owned(),
        number => format!("{number}.{name}"),
    };
    if number == 1 {
        mode.clone_from(&asked.agent);
    } else {
        config.insert(key("agent"), asked.agent.clone());
    }
    for (name, value) in &asked.params {
        config.insert(key(name), value.clone());
    }
    if let Some(level) = asked.level {
        config.insert(key("level"), level.to_string());
    }
    if asked.stay_off {
        config.insert("after_fencing".to_owned(), "stay_off".to_owned());
    }
    if let Some(secret) = secret(&asked)? {
        config.insert(key(&asked.secret_name), secret);
    }
    let params = [json!(host.reference), json!(mode), json!(config)];
    context.call("host.set_power_on_mode", &params).await?;
    let text = format!(
        "{} switches host {}; `haven host fencing test {}` asks it from every other host",
        asked.agent,
        host.name(),
        host.name()
    );
    context.print(&Answer::done(text, json!({ "uuid": host.uuid(), "agent": asked.agent })))
}

fn secret(asked: &SetFencing) -> Outcome<Option<String>> {
    if let Some(file) = &asked.secret_file {
        return prompt::password_in_file(file).map(Some);
    }
    let names_user = asked.params.iter().any(|(name, _)| name == "username" || name == "login");
    if !names_user || !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    prompt::password(&format!("{} of the power device: ", asked.secret_name)).map(Some)
}

/// The number of the agent after those that the configuration has.
fn next_number(config: &BTreeMap<String, String>) -> u8 {
    let numbers = config.keys().filter_map(|key| key.split_once('.')?.0.parse::<u8>().ok());
    numbers.max().unwrap_or(1).saturating_add(1)
}

async fn clear(context: &mut Context, given: &str) -> Outcome<()> {
    let host = context.host(given).await?;
    let params = [json!(host.reference), json!(""), json!({})];
    context.call("host.set_power_on_mode", &params).await?;
    let text = format!("host {} has no power control any more", host.name());
    context.print(&Answer::done(text, json!({ "uuid": host.uuid() })))
}

async fn test(context: &mut Context, given: &str) -> Outcome<()> {
    let host = context.host(given).await?;
    let answer = ask(context, &host, "test", json!({})).await?;
    let answers = answer.as_array().cloned().unwrap_or_default();
    let rows = answers.iter().map(|row| {
        let row = Record::new("", row.clone());
        vec![
            Cell::text("from", row.text("from")),
            Cell::text(
                "power",
                if row.text("power").is_empty() { "unknown" } else { row.text("power") },
            ),
            Cell::number("ms", row.int("ms")),
            Cell::text("error", row.text("error")),
        ]
    });
    let columns = vec!["from", "power", "ms", "error"];
    context.print(&Answer::Table { columns, rows: rows.collect() })
}

async fn agents(context: &mut Context, given: Option<&str>) -> Outcome<()> {
    let host = chosen(context, given).await?;
    let answer = ask(context, &host, "agents", json!({})).await?;
    let names = answer.as_array().cloned().unwrap_or_default();
    let rows = names.iter().filter_map(Value::as_str).map(|name| vec![Cell::text("agent", name)]);
    context.print(&Answer::Table { columns: vec!["agent"], rows: rows.collect() })
}

async fn describe(context: &mut Context, agent: &str) -> Outcome<()> {
    let host = chosen(context, None).await?;
    let answer = ask(context, &host, "describe", json!({ "agent": agent })).await?;
    let answer = Record::new("", answer);
    let parameters = answer.list("parameters").iter().map(|row| Record::new("", row.clone()));
    let rows = parameters.filter(|row| !row.flag("deprecated")).map(|row| {
        let options: Vec<&str> = row.fields["kind"]["options"]
            .as_array()
            .map(|all| all.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let kind = row.fields["kind"]["kind"].as_str().unwrap_or_default().to_owned();
        let kind = if options.is_empty() { kind } else { options.join("|") };
        vec![
            Cell::text("parameter", row.text("name")),
            Cell::text("value", if row.flag("secret") { "secret".to_owned() } else { kind }),
            Cell::flag("required", row.flag("required")),
            Cell::text("default", row.text("default")),
            Cell::text("meaning", row.text("summary")),
        ]
    });
    let columns = vec!["parameter", "value", "required", "default", "meaning"];
    context.print(&Answer::Table { columns, rows: rows.collect() })
}
