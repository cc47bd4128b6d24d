//! `haven sr fetch` and `haven sr remove-image`: CD images of ISO libraries.

use serde_json::json;

use crate::context::Context;
use crate::failure::Outcome;
use crate::prompt;
use crate::records::Record;
use crate::render::Answer;

/// Has the pool fetch an image, with progress.
pub(super) async fn fetch(
    context: &mut Context,
    given: &str,
    url: &str,
    (name, sha256): (Option<String>, Option<String>),
) -> Outcome<()> {
    let sr = context.sr(given).await?;
    let asked = json!({ "sr": sr.uuid(), "url": url, "name": name, "sha256": sha256 });
    let answer = Record::new("", context.rpc.send("/haven/storage/fetch", &asked).await?);
    let label = format!("fetching into {}", sr.name());
    let Some(image) = context.follow(&label, answer.text("task")).await? else { return Ok(()) };
    let name = context.call("VDI.get_name_label", &[json!(image)]).await?;
    let uuid = context.call("VDI.get_uuid", &[json!(image)]).await?;
    let text = format!("{} is in {}", name.as_str().unwrap_or_default(), sr.name());
    context.print(&Answer::done(text, json!({ "sr": sr.uuid(), "name": name, "uuid": uuid })))
}

/// Deletes an image.
pub(super) async fn remove(
    context: &mut Context,
    given: &str,
    image: &str,
    yes: bool,
) -> Outcome<()> {
    let sr = context.sr(given).await?;
    let image = context.find("VDI", "image", image, |vdi| vdi.text("SR") == sr.reference).await?;
    let loss = format!(
        "The image {} is deleted from {}, for everybody who uses this library.",
        image.name(),
        sr.name()
    );
    prompt::confirm(&loss, yes)?;
    let label = format!("deleting {}", image.name());
    context.run(&label, "VDI.destroy", &[json!(image.reference)]).await?;
    if !context.waits() {
        return Ok(());
    }
    let text = format!("{} is gone from {}", image.name(), sr.name());
    context.print(&Answer::done(text, json!({ "sr": sr.uuid(), "uuid": image.uuid() })))
}
