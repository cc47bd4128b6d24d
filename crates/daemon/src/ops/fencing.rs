//! Power control of hosts: its settings, switching a host on, and asking its devices.
//!
//! Owns: how settings stand in the database. `host.power_on_mode` names the first fence agent and
//! `host.power_on_config` says what it is told; further agents have keys with a number before
//! (`2.agent`, `2.ip`). A key that ends in `_secret` holds the uuid of a `secret`, as XenAPI has
//! it; a password that comes in plain is turned into one. Never switches a host off: that is the
//! failover manager's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use haven_drivers::power::{
    AgentSettings, PowerError, PowerSettings, Secret as Hidden, is_secret_name,
};
use haven_model::{ApiError, Host, Ref, Secret, Value, codes};
use haven_pooldb::{Image, Tx};
use serde_json::{Value as Json, json};

use super::{errors, host as host_ops};
use crate::dispatch::Call;
use crate::orders::{Order, OrderReply, PowerRequest};
use crate::state::{AppState, fresh};
use crate::tasks::Plan;

/// The plugin of `host.call_plugin` that asks about power.
pub const PLUGIN: &str = "fencing";
/// End of the keys that refer to a secret.
const SECRET_END: &str = "_secret";
/// Key of the level of an agent.
const LEVEL: &str = "level";
/// Key of what happens after the failover manager switched a host off; `stay_off` or `switch_on`.
pub const AFTER: &str = "after_fencing";
/// In `secret.other_config`: the host whose power control made it.
const OWNER_KEY: &str = "haven_power_of";

/// A power error for a client.
#[must_use]
pub fn power_error(error: &PowerError) -> ApiError {
    let (code, params) = error.wire();
    ApiError::from_wire(code, params)
}

fn invalid(key: &str, value: &str) -> ApiError {
    ApiError::with(codes::INVALID_VALUE, &[&key, &value])
}

/// What keys of `power_on_config` say, before secrets are looked up.
struct Asked {
    agents: BTreeMap<u8, AgentSettings>,
    stay_off: bool,
}

/// Sorts the keys by agent. `look_up` gives the text of a secret.
fn read(
    mode: &str,
    config: &BTreeMap<String, String>,
    look_up: impl Fn(&str) -> Result<String, ApiError>,
) -> Result<Asked, ApiError> {
    let mut asked = Asked { agents: BTreeMap::new(), stay_off: false };
    if mode.is_empty() {
        return match config.keys().next() {
            None => Ok(asked),
            Some(key) => Err(invalid("power_on_config", key)),
        };
    }
    let blank = |number: u8, agent: &str| AgentSettings {
        agent: agent.to_owned(),
        level: number,
        parameters: BTreeMap::new(),
        secrets: BTreeMap::new(),
    };
    asked.agents.insert(1, blank(1, mode));
    for (key, value) in config {
        if key == AFTER {
            asked.stay_off = match value.as_str() {
                "stay_off" => true,
                "switch_on" => false,
                _ => return Err(invalid(AFTER, value)),
            };
            continue;
        }
        let (number, name) = numbered(key);
        let agent = asked.agents.entry(number).or_insert_with(|| blank(number, ""));
        match name {
            "agent" if number > 1 => agent.agent.clone_from(value),
            LEVEL => agent.level = value.parse().map_err(|_| invalid(key, value))?,
            _ => match name.strip_suffix(SECRET_END).filter(|name| !name.is_empty()) {
                Some(name) => {
                    agent.secrets.insert(name.to_owned(), Hidden::new(look_up(value)?));
                }
                None => {
                    agent.parameters.insert(name.to_owned(), value.clone());
                }
            },
        }
    }
    Ok(asked)
}

/// `2.ip` is about the second agent; a key without a number is about the first.
fn numbered(key: &str) -> (u8, &str) {
    let split = key.split_once('.').and_then(|(number, name)| Some((number.parse().ok()?, name)));
    split.filter(|(number, _)| *number > 0).unwrap_or((1, key))
}

/// The power control of a host, secrets included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPower {
    /// Its agents.
    pub settings: PowerSettings,
    /// Leave it off after the failover manager switched it off.
    pub stay_off: bool,
}

/// What is set up for a host.
///
/// # Errors
/// No such host, or what is set up cannot be understood.
pub fn of_host(db: &Image, host: Ref<Host>) -> Result<HostPower, ApiError> {
    let row = db.require(host)?;
    let look_up = |uuid: &str| {
        let found = db.find_uuid::<Secret>(uuid);
        let found = found.ok_or_else(|| ApiError::uuid_invalid::<Secret>(uuid))?;
        Ok(db.require(found)?.value.clone())
    };
    let asked = read(&row.power_on_mode, &row.power_on_config, look_up)?;
    let settings = PowerSettings { agents: asked.agents.into_values().collect() };
    Ok(HostPower { settings, stay_off: asked.stay_off })
}

/// `host.set_power_on_mode(host, mode, config)`.
///
/// # Errors
/// An agent or parameter that cannot be used; then nothing is changed.
pub async fn set_power_on_mode(call: Arc<Call>) -> Result<Value, ApiError> {
    let (host, mode): (Ref<Host>, String) = (call.arg(0)?, call.arg(1)?);
    let config: BTreeMap<String, String> = call.arg(2)?;
    let (plain, kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
        config.into_iter().partition(|(key, _)| {
            let name = numbered(key).1;
            is_secret_name(name) && !name.ends_with(SECRET_END) && !name.ends_with("_script")
        });
    let settings = call.read(|db| with_secrets(db, host, &mode, &kept, &plain)).await?;
    let agents = call.state.agent().power().clone();
    let checked = tokio::task::spawn_blocking(move || agents.check(&settings)).await;
    checked.map_err(ApiError::internal)?.map_err(|error| power_error(&error))?;
    call.write(move |tx| write(tx, host, &mode, kept, plain)).await?;
    Ok(Value::void())
}

fn with_secrets(
    db: &Image,
    host: Ref<Host>,
    mode: &str,
    kept: &BTreeMap<String, String>,
    plain: &BTreeMap<String, String>,
) -> Result<PowerSettings, ApiError> {
    db.require(host)?;
    let look_up = |uuid: &str| {
        let found = db.find_uuid::<Secret>(uuid);
        let found = found.ok_or_else(|| ApiError::uuid_invalid::<Secret>(uuid))?;
        Ok(db.require(found)?.value.clone())
    };
    let mut agents = read(mode, kept, look_up)?.agents;
    for (key, value) in plain {
        let (number, name) = numbered(key);
        let agent = agents.get_mut(&number).ok_or_else(|| invalid("power_on_config", key))?;
        agent.secrets.insert(name.to_owned(), Hidden::new(value.clone()));
    }
    Ok(PowerSettings { agents: agents.into_values().collect() })
}

fn write(
    tx: &mut Tx<'_>,
    host: Ref<Host>,
    mode: &str,
    mut config: BTreeMap<String, String>,
    plain: BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let owner = tx.require(host)?.uuid.clone();
    for (key, value) in plain {
        let uuid = fresh();
        let other_config = BTreeMap::from([(OWNER_KEY.to_owned(), owner.clone())]);
        let row = Secret { uuid: uuid.to_string(), value, other_config };
        tx.insert_with(Ref::from_uuid(uuid), row)?;
        config.insert(format!("{key}{SECRET_END}"), uuid.to_string());
    }
    let used: BTreeSet<&String> = config.values().collect();
    let ours = |row: &Secret| row.other_config.get(OWNER_KEY) == Some(&owner);
    let unused = tx.iter::<Secret>().filter(|(_, row)| ours(row) && !used.contains(&row.uuid));
    let unused: Vec<Ref<Secret>> = unused.map(|(secret, _)| secret).collect();
    for secret in unused {
        tx.remove(secret)?;
    }
    let mode = mode.to_owned();
    tx.update(host, |row: &mut Host| {
        row.power_on_mode = mode;
        row.power_on_config = config;
    })
}

/// `host.power_on(host)`: by whichever host of the pool reaches its devices.
///
/// # Errors
/// It runs, nothing is set up, or no host could switch it on.
pub async fn power_on(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    let power = call
        .read(|db| {
            if host_ops::is_live(db, host) {
                return Err(ApiError::with(codes::HOST_IS_LIVE, &[&host]));
            }
            of_host(db, host)
        })
        .await?;
    if power.settings.is_empty() {
        return Err(ApiError::new(codes::HOST_POWER_ON_MODE_DISABLED, Vec::new()));
    }
    let state = call.state.clone();
    let plan = Plan::new("power_on").exclusive(host).step("switch on", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        let mut first = None;
        for from in switching_hosts(&state, host).await? {
            let order = Order::Power(Box::new(PowerRequest::On(power.settings.clone())));
            match state.orders.send(host_ops::id(from), order).await {
                Ok(_) => return Ok(Value::void()),
                Err(error) => {
                    tracing::warn!(%host, %from, %error, "a host could not be switched on from here");
                    first = first.or(Some(errors::order(from, error)));
                }
            }
        }
        Err(first.unwrap_or_else(|| ApiError::new(codes::HOST_NOT_LIVE, Vec::new())))
    })
    .await
}

/// Who may speak to the devices of a host: the others that live, this one first.
async fn switching_hosts(state: &AppState, host: Ref<Host>) -> Result<Vec<Ref<Host>>, ApiError> {
    let here = state.this_host();
    let live = state.pool.read(|db| {
        let hosts = db.iter::<Host>().map(|(other, _)| other);
        hosts.filter(|other| host_ops::is_live(db, *other)).collect::<Vec<_>>()
    });
    let mut hosts: Vec<_> = live.await?.into_iter().filter(|other| *other != host).collect();
    hosts.sort_by_key(|other| (*other != here, *other));
    Ok(hosts)
}

/// `host.call_plugin(host, "fencing", fn, args)`.
///
/// # Errors
/// No such function, or it failed.
pub async fn plugin(call: &Call, host: Ref<Host>, function: &str) -> Result<Value, ApiError> {
    let args: BTreeMap<String, String> = call.arg(3)?;
    let answer = match function {
        "status" => call.read(|db| shown(db, host)).await?,
        "test" => test(call, host).await?,
        "agents" => match ask(call, host, PowerRequest::Agents).await? {
            OrderReply::FenceAgents(agents) => json!(agents),
            _ => return Err(ApiError::internal("an unexpected answer about fence agents")),
        },
        "describe" => {
            let agent = args.get("agent").cloned().unwrap_or_default();
            match ask(call, host, PowerRequest::Describe(agent)).await? {
                OrderReply::FenceAgent(metadata) => json!(metadata),
                _ => return Err(ApiError::internal("an unexpected answer about a fence agent")),
            }
        }
        _ => {
            return Err(ApiError::with(
                codes::XENAPI_MISSING_PLUGIN,
                &[&format!("{PLUGIN}.{function}")],
            ));
        }
    };
    Ok(Value::String(answer.to_string()))
}

async fn ask(call: &Call, host: Ref<Host>, request: PowerRequest) -> Result<OrderReply, ApiError> {
    let sent = call.state.orders.send(host_ops::id(host), Order::Power(Box::new(request))).await;
    sent.map_err(|error| errors::order(host, error))
}

/// What is set up, without secrets.
fn shown(db: &Image, host: Ref<Host>) -> Result<Json, ApiError> {
    let power = of_host(db, host)?;
    let agents = power.settings.agents.iter().map(|agent| {
        json!({
            "agent": agent.agent,
            "level": agent.level,
            "parameters": agent.parameters,
            "secrets": agent.secrets.keys().collect::<Vec<_>>(),
        })
    });
    let agents: Vec<Json> = agents.collect();
    let after = if power.stay_off { "stay_off" } else { "switch_on" };
    Ok(json!({ "agents": agents, AFTER: after }))
}

/// Asks the devices of a host from every other host: any of them may have to switch it off.
async fn test(call: &Call, host: Ref<Host>) -> Result<Json, ApiError> {
    let power = call.read(|db| of_host(db, host)).await?;
    if power.settings.is_empty() {
        return Err(ApiError::new(codes::HOST_POWER_ON_MODE_DISABLED, Vec::new()));
    }
    let mut asked = tokio::task::JoinSet::new();
    for from in switching_hosts(&call.state, host).await? {
        let order = Order::Power(Box::new(PowerRequest::Status(power.settings.clone())));
        let state = call.state.clone();
        asked.spawn(async move {
            let began = std::time::Instant::now();
            let answer = state.orders.send(host_ops::id(from), order).await;
            let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (power, error) = match answer {
                Ok(OrderReply::PowerState(state)) => (json!(state), Json::Null),
                Ok(_) => (Json::Null, json!("an unexpected answer")),
                Err(error) => (Json::Null, json!(error.to_string())),
            };
            (from, json!({ "power": power, "error": error, "ms": ms }))
        });
    }
    let mut rows: Vec<(Ref<Host>, Json)> = asked.join_all().await;
    rows.sort_by_key(|(from, _)| *from);
    let names = call
        .read(|db| {
            let names =
                rows.iter().map(|(from, _)| db.require(*from).map(|row| row.name_label.clone()));
            names.collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let rows = rows.into_iter().zip(names).map(|((_, mut row), name)| {
        row["from"] = json!(name);
        row
    });
    Ok(Json::Array(rows.collect()))
}

/// `secret.create(record)`, `secret.introduce(uuid, value, other_config)`.
///
/// # Errors
/// What is wrong with the record.
pub async fn create_secret(call: Arc<Call>) -> Result<Value, ApiError> {
    let secret = if call.method == "secret.introduce" {
        let (uuid, value): (String, String) = (call.arg(0)?, call.arg(1)?);
        let uuid =
            uuid::Uuid::try_parse(&uuid).map_err(|_| ApiError::uuid_invalid::<Secret>(&uuid))?;
        (uuid, value, call.arg_or(2, BTreeMap::new())?)
    } else {
        let Some(Value::Map(record)) = call.args.first() else {
            return Err(ApiError::with(codes::FIELD_TYPE_ERROR, &[&"secret"]));
        };
        let value = record.get("value").map(ToString::to_string).unwrap_or_default();
        let other = record.get("other_config").cloned().unwrap_or(Value::Map(BTreeMap::new()));
        let other = haven_model::Field::from_value(other)
            .map_err(|error| ApiError::bad_value("other_config", &error))?;
        (fresh(), value, other)
    };
    let (uuid, value, other_config) = secret;
    let row = Ref::<Secret>::from_uuid(uuid);
    call.write(move |tx| {
        if tx.contains(row) {
            let taken: [&dyn std::fmt::Display; 3] = [&"secret", &"uuid", &uuid];
            return Err(ApiError::with(codes::DB_UNIQUENESS_CONSTRAINT_VIOLATION, &taken));
        }
        tx.insert_with(row, Secret { uuid: uuid.to_string(), value, other_config })
    })
    .await?;
    Ok(haven_model::Field::to_value(&row))
}

/// `secret.destroy(secret)`.
///
/// # Errors
/// Power control of a host still needs it.
pub async fn destroy_secret(call: Arc<Call>) -> Result<Value, ApiError> {
    let secret: Ref<Secret> = call.arg(0)?;
    call.write(move |tx| {
        let uuid = tx.require(secret)?.uuid.clone();
        let uses = |row: &Host| row.power_on_config.values().any(|value| *value == uuid);
        let user = tx.iter::<Host>().find(|(_, row)| uses(row)).map(|(host, _)| host);
        if let Some(host) = user {
            let text = format!("the power control of host {host} uses this secret");
            return Err(ApiError::not_allowed(text));
        }
        tx.remove(secret)
    })
    .await?;
    Ok(Value::void())
}

#[cfg(test)]
mod tests;
