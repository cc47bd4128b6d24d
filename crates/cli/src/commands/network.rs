//! `haven network …`

use serde_json::json;

use crate::args::network::NetworkCommand;
use crate::context::Context;
use crate::failure::Outcome;
use crate::prompt;
use crate::render::{Answer, Cell};

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: NetworkCommand) -> Outcome<()> {
    match verb {
        NetworkCommand::List => list(context).await,
        NetworkCommand::Delete { network, yes } => {
            let network = context.network(&network).await?;
            prompt::confirm(&format!("Network {} is deleted.", network.name()), yes)?;
            context.call("network.destroy", &[json!(network.reference)]).await?;
            context.print(&Answer::done(
                format!("network {} is gone", network.name()),
                json!({ "uuid": network.uuid() }),
            ))
        }
        NetworkCommand::Create { name, bridge, mtu, description } => {
            let record = json!({
                "name_label": name,
                "name_description": description,
                "MTU": mtu,
                "bridge": bridge.unwrap_or_default(),
                "other_config": {},
                "managed": true,
                "tags": [],
            });
            let made = context.call("network.create", &[record]).await?;
            let uuid = context.call("network.get_uuid", &[made]).await?;
            context.print(&Answer::done(
                format!("network {name} is made"),
                json!({ "uuid": uuid, "name": name }),
            ))
        }
    }
}

async fn list(context: &mut Context) -> Outcome<()> {
    let networks = context.all("network").await?;
    let rows = networks
        .iter()
        .map(|network| {
            vec![
                Cell::text("name", network.name()),
                Cell::text("bridge", network.text("bridge")),
                Cell::number("mtu", network.int("MTU")),
                Cell::number(
                    "hosts",
                    i64::try_from(network.refs("PIFs").len()).unwrap_or(i64::MAX),
                ),
                Cell::number(
                    "interfaces",
                    i64::try_from(network.refs("VIFs").len()).unwrap_or(i64::MAX),
                ),
                Cell::text("uuid", network.uuid()),
            ]
        })
        .collect();
    let columns = vec!["name", "bridge", "mtu", "hosts", "interfaces", "uuid"];
    context.print(&Answer::Table { columns, rows })
}
