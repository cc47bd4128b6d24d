//! What a new machine learns when it boots for the first time, and what it boots from.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::vm_set;
use crate::args::vm::FirstBoot;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::records::Record;

/// Start of the keys of `VM.other_config` from which `VM.provision` makes cloud-init's seed.
const PREFIX: &str = "cloud-init-";

/// The entries of `VM.other_config`, read before anything is made.
pub(super) fn entries(options: &FirstBoot) -> Outcome<Vec<(String, String)>> {
    let mut entries = Vec::new();
    let mut add = |key: &str, text: String| entries.push((format!("{PREFIX}{key}"), text));
    for (key, given) in [
        ("user", &options.user),
        ("hostname", &options.hostname),
        ("password-hash", &options.password_hash),
    ] {
        if let Some(text) = given {
            add(key, text.clone());
        }
    }
    if !options.ssh_keys.is_empty() {
        let keys = options.ssh_keys.iter().map(|key| key_or_file(key));
        add("ssh-keys", keys.collect::<Outcome<Vec<_>>>()?.join("\n"));
    }
    for (key, file) in
        [("user-data", &options.cloud_init), ("network-config", &options.network_config)]
    {
        if let Some(file) = file {
            add(key, read(file)?);
        }
    }
    Ok(entries)
}

/// Writes them. A template may have brought others along.
pub(super) async fn write(
    context: &mut Context,
    vm: &Record,
    entries: &[(String, String)],
) -> Outcome<()> {
    for (key, text) in entries {
        vm_set::set_other(context, vm, key, text).await?;
    }
    Ok(())
}

/// Puts the network in front of what the machine boots from.
pub(super) async fn boot_from_network(context: &mut Context, vm: &Record) -> Outcome<()> {
    let mut boot = vm.fields.get("HVM_boot_params").cloned().unwrap_or_else(|| json!({}));
    if !boot.is_object() {
        boot = json!({});
    }
    boot["order"] = json!("ncd");
    context.call("VM.set_HVM_boot_params", &[json!(vm.reference), boot]).await?;
    Ok(())
}

fn read(file: &Path) -> Outcome<String> {
    let failed = |error| Failure::Local(format!("{} cannot be read: {error}", file.display()));
    fs::read_to_string(file).map_err(failed)
}

/// A key is a line of several words; a file is the name of one.
fn key_or_file(given: &str) -> Outcome<String> {
    if given.contains(char::is_whitespace) {
        return Ok(given.to_owned());
    }
    read(Path::new(given))
}
