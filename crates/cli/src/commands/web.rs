//! `haven web`

use serde_json::Value;

use crate::context::Context;
use crate::failure::Outcome;
use crate::render::Answer;

/// Says where the web console of this host is.
pub(crate) async fn run(context: &mut Context) -> Outcome<()> {
    let found = context.rpc.get("/haven/web").await?;
    let text = |name: &str| found.get(name).and_then(Value::as_str).map(str::to_owned);
    let url = text("url").unwrap_or_default();
    let said = match text("code") {
        Some(code) => {
            let fingerprint = text("fingerprint").map(|sha256| format!("\nfingerprint: {sha256}"));
            format!("{url}\nsetup code: {code}{}", fingerprint.unwrap_or_default())
        }
        None => url,
    };
    context.print(&Answer::done(said, found))
}
