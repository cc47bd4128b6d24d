//! `haven host console`.

use serde_json::{Value, json};

use crate::console;
use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Asks whether the host gives one, then attaches this terminal.
pub(super) async fn attach(context: &mut Context, given: &str) -> Outcome<()> {
    let host = context.host(given).await?;
    let state = context.rpc.send("/haven/host/console", &json!({ "host": host.uuid() })).await?;
    if let Some(refusal) = state.get("refusal").and_then(Value::as_str) {
        return Err(Failure::Local(why(refusal, host.name())));
    }
    let stream = context.rpc.host_console(host.uuid()).await?;
    console::run_framed(stream, host.name()).await
}

fn why(refusal: &str, host: &str) -> String {
    match refusal {
        "off_in_pool" => {
            "consoles of hosts are turned off for this pool: the Settings tab of the pool, \
                          or pool.other_config:haven_host_console"
                .to_owned()
        }
        "off_here" => {
            format!("{host} gives no console: host_console in its /etc/haven/havend.toml")
        }
        "no_login" => format!("{host} has no program that asks for name and password (/bin/login)"),
        "full" => format!("all consoles of {host} are in use; try again when one is closed"),
        other => format!("{host} gives no console: {other}"),
    }
}
