//! `haven host find` and `haven pool find`: who is there in the network.

use std::time::Duration;

use tokio::time::sleep;

use crate::context::Context;
use crate::failure::Outcome;
use crate::records::Record;
use crate::render::{Answer, Cell, Row};

/// How long others have to answer.
const ANSWER_PAUSE: Duration = Duration::from_secs(2);

/// Hosts in no pool, as the coordinator hears them.
pub(super) async fn hosts(context: &mut Context) -> Outcome<()> {
    let rows = heard(context, "hosts").await?.iter().map(place).collect();
    context
        .print(&Answer::Table { columns: vec!["name", "address", "version", "fingerprint"], rows })
}

/// Pools, as this host hears them.
pub(super) async fn pools(context: &mut Context) -> Outcome<()> {
    let row = |pool: &Record| {
        let mut row = vec![Cell::text("pool", pool.text("pool_name"))];
        row.extend(place(pool));
        row.push(Cell::text("ca_sha256", pool.text("ca_sha256")));
        row.push(Cell::text("uuid", pool.text("pool")));
        row
    };
    let rows = heard(context, "pools").await?.iter().map(row).collect();
    let columns = vec!["pool", "name", "address", "version", "fingerprint", "ca_sha256", "uuid"];
    context.print(&Answer::Table { columns, rows })
}

/// Who looks makes the host ask around; the answers are there a moment later.
async fn heard(context: &mut Context, what: &str) -> Outcome<Vec<Record>> {
    context.rpc.get("/haven/pool/waiting").await?;
    sleep(ANSWER_PAUSE).await;
    let found = Record::new("", context.rpc.get("/haven/pool/waiting").await?);
    Ok(found.list(what).iter().map(|each| Record::new("", each.clone())).collect())
}

fn place(host: &Record) -> Row {
    ["name", "address", "version", "fingerprint"]
        .into_iter()
        .map(|key| Cell::text(key, host.text(key)))
        .collect()
}
