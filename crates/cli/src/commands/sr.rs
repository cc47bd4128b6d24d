//! `haven sr …`

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{sr_image, sr_test};
use crate::args::sr::{Device, Place, SrCommand};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::prompt;
use crate::records::{NULL, Record};
use crate::render::units::show_bytes;
use crate::render::{Answer, Cell, Row};

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: SrCommand) -> Outcome<()> {
    match verb {
        SrCommand::Create { name, place, description } => {
            create(context, &name, &place, &description).await
        }
        SrCommand::List => list(context).await,
        SrCommand::Show { sr } => show(context, &sr).await,
        SrCommand::Probe { device } => probe(context, &device).await,
        SrCommand::Test { place } => sr_test::run(context, &place).await,
        SrCommand::Attach { name, uuid, place } => attach(context, &name, &uuid, &place).await,
        SrCommand::Repair { sr, host } => repair(context, &sr, host.as_deref()).await,
        SrCommand::Scan { sr } => scan(context, &sr).await,
        SrCommand::Upload { sr, file, name } => upload(context, &sr, &file, name).await,
        SrCommand::Fetch { sr, url, name, sha256 } => {
            sr_image::fetch(context, &sr, &url, (name, sha256)).await
        }
        SrCommand::RemoveImage { sr, image, yes } => {
            sr_image::remove(context, &sr, &image, yes).await
        }
        SrCommand::Forget { sr, yes } => forget(context, &sr, yes).await,
    }
}

async fn create(
    context: &mut Context,
    name: &str,
    Place { device, shared }: &Place,
    description: &str,
) -> Outcome<()> {
    let config = device_config(device)?;
    let host = host_for(context, device).await?;
    let shared = *shared || device.kind == "nfs";
    let params = [
        json!(host),
        Value::Object(config),
        json!(0),
        json!(name),
        json!(description),
        json!(device.kind),
        json!("user"),
        json!(shared),
        json!({}),
    ];
    let made = context.run(&format!("creating {name}"), "SR.create", &params).await?;
    let Some(reference) = made else { return Ok(()) };
    context.forget("SR");
    let sr = context.find("SR", "storage repository", &reference, |_| true).await?;
    let hosts = sr.refs("PBDs").len();
    let text =
        format!("storage repository {name} is made and attached to {hosts} host(s): {}", sr.uuid());
    context.print(&Answer::done(text, json!({ "uuid": sr.uuid(), "name": name })))
}

/// The driver's settings. `--location` is split as the type has it.
pub(super) fn device_config(device: &Device) -> Outcome<Map<String, Value>> {
    let mut config = Map::new();
    let mut set = |key: &str, value: &str| {
        config.insert(key.to_owned(), json!(value));
    };
    match (device.kind.as_str(), device.location.as_deref()) {
        ("nfs", Some(location)) => match location.split_once(":/") {
            Some((server, export)) => {
                set("server", server);
                set("serverpath", &format!("/{export}"));
            }
            // Enough to probe: the exports of this server.
            None => set("server", location),
        },
        (_, Some(location)) => set("location", location),
        (_, None) => {}
    }
    if let Some(options) = &device.mount_options {
        set("options", options);
    }
    for (key, value) in &device.config {
        set(key, value);
    }
    if config.is_empty() {
        return Err(Failure::Usage(
            "where is the storage? Give --location, or --config KEY=VALUE".to_owned(),
        ));
    }
    Ok(config)
}

async fn host_for(context: &mut Context, device: &Device) -> Outcome<String> {
    match &device.host {
        Some(host) => Ok(context.host(host).await?.reference),
        None => Ok(context.pool().await?.text("master").to_owned()),
    }
}

async fn list(context: &mut Context) -> Outcome<()> {
    let default_sr = context.pool().await?.text("default_SR").to_owned();
    let hosts = context.all("host").await?.len();
    let mut rows = Vec::new();
    for sr in context.all("SR").await?.iter() {
        rows.push(row(context, sr, &default_sr, hosts).await?);
    }
    let columns = vec!["name", "type", "shared", "attached", "used", "size", "default", "uuid"];
    context.print(&Answer::Table { columns, rows })
}

async fn row(context: &mut Context, sr: &Record, default_sr: &str, hosts: usize) -> Outcome<Row> {
    let pbds = context.all("PBD").await?;
    let attached = pbds
        .iter()
        .filter(|p| p.text("SR") == sr.reference && p.flag("currently_attached"))
        .count();
    let wanted = if sr.flag("shared") { hosts } else { 1 };
    Ok(vec![
        Cell::text("name", sr.name()),
        Cell::text("type", sr.text("type")),
        Cell::flag("shared", sr.flag("shared")),
        Cell::new("attached", attached, format!("{attached} of {wanted}")),
        Cell::new(
            "used",
            sr.int("physical_utilisation"),
            show_bytes(sr.int("physical_utilisation")),
        ),
        Cell::new("size", sr.int("physical_size"), show_bytes(sr.int("physical_size"))),
        Cell::flag("default", sr.reference == default_sr && default_sr != NULL),
        Cell::text("uuid", sr.uuid()),
    ])
}

async fn show(context: &mut Context, given: &str) -> Outcome<()> {
    let sr = context.sr(given).await?;
    let default_sr = context.pool().await?.text("default_SR").to_owned();
    let hosts = context.all("host").await?.len();
    let mut cells = row(context, &sr, &default_sr, hosts).await?;
    let disks = i64::try_from(sr.refs("VDIs").len()).unwrap_or(i64::MAX);
    cells.push(Cell::number("disks", disks));
    cells.push(Cell::text("description", sr.text("name_description")));
    let mut attached = Vec::new();
    for pbd in context.all("PBD").await?.iter().filter(|p| p.text("SR") == sr.reference) {
        attached.push(vec![
            Cell::text("host", context.name_of("host", pbd.text("host")).await?),
            Cell::flag("attached", pbd.flag("currently_attached")),
        ]);
    }
    context.print(&Answer::Object { row: cells, parts: vec![("hosts", attached)] })
}

async fn probe(context: &mut Context, device: &Device) -> Outcome<()> {
    let config = device_config(device)?;
    let host = host_for(context, device).await?;
    let params = [json!(host), Value::Object(config), json!(device.kind), json!({})];
    let found = context.call("SR.probe", &params).await?;
    let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
    let found = found_in(&text);
    let shown =
        if found.is_empty() { "nothing was found there".to_owned() } else { found.join("\n") };
    context.print(&Answer::done(shown, json!({ "found": found })))
}

/// The exports in a probe's XML; the lines of an answer of another form.
fn found_in(text: &str) -> Vec<&str> {
    if !text.trim_start().starts_with('<') {
        return text.lines().filter(|line| !line.trim().is_empty()).collect();
    }
    let paths = text.split("<Path>").skip(1).filter_map(|rest| rest.split("</Path>").next());
    paths.map(str::trim).collect()
}

/// Introduces a repository and attaches it. What was begun and fails is forgotten again.
async fn attach(
    context: &mut Context,
    name: &str,
    uuid: &str,
    Place { device, shared }: &Place,
) -> Outcome<()> {
    let config = Value::Object(device_config(device)?);
    let shared = *shared || device.kind == "nfs";
    let first = host_for(context, device).await?;
    let mut hosts = vec![first.clone()];
    if shared {
        let all = context.all("host").await?;
        hosts.extend(all.iter().map(|h| h.reference.clone()).filter(|h| *h != first));
    }
    let params = [uuid, name, "", &device.kind, "user"].map(|text| json!(text));
    let params = [&params[..], &[json!(shared), json!({})]].concat();
    let sr = context.call("SR.introduce", &params).await?;
    let mut made = Vec::new();
    if let Err(failure) = plug_all(context, &sr, (&hosts, &config), &mut made).await {
        for pbd in made {
            let _gone = context.run_and_wait("detaching", "PBD.unplug", &[pbd]).await;
        }
        let _gone = context.run_and_wait("forgetting", "SR.forget", &[sr]).await;
        return Err(failure);
    }
    let text = format!("storage repository {name} is attached to {} host(s)", hosts.len());
    context.print(&Answer::done(text, json!({ "uuid": uuid, "name": name })))
}

async fn plug_all(
    context: &mut Context,
    sr: &Value,
    (hosts, config): (&[String], &Value),
    made: &mut Vec<Value>,
) -> Outcome<()> {
    for host in hosts {
        let record = json!({ "host": host, "SR": sr, "device_config": config, "other_config": {} });
        let pbd = context.call("PBD.create", &[record]).await?;
        made.push(pbd.clone());
        context.run_and_wait("attaching", "PBD.plug", &[pbd]).await?;
    }
    context.run_and_wait("scanning", "SR.scan", std::slice::from_ref(sr)).await?;
    Ok(())
}

async fn repair(context: &mut Context, given: &str, host: Option<&str>) -> Outcome<()> {
    let sr = context.sr(given).await?;
    let only = match host {
        Some(host) => Some(context.host(host).await?.reference),
        None => None,
    };
    let wanted = |pbd: &&Record| {
        pbd.text("SR") == sr.reference
            && !pbd.flag("currently_attached")
            && only.as_deref().is_none_or(|host| host == pbd.text("host"))
    };
    let pbds: Vec<Record> = context.all("PBD").await?.iter().filter(wanted).cloned().collect();
    for pbd in &pbds {
        let label = format!(
            "attaching {} to {}",
            sr.name(),
            context.name_of("host", pbd.text("host")).await?
        );
        context.run_and_wait(&label, "PBD.plug", &[json!(pbd.reference)]).await?;
    }
    let text = match pbds.len() {
        0 => format!("storage repository {} is attached already", sr.name()),
        some => format!("storage repository {} is attached to {some} host(s) more", sr.name()),
    };
    context.print(&Answer::done(text, json!({ "uuid": sr.uuid(), "attached": pbds.len() })))
}

async fn scan(context: &mut Context, given: &str) -> Outcome<()> {
    let sr = context.sr(given).await?;
    context.run(&format!("scanning {}", sr.name()), "SR.scan", &[json!(sr.reference)]).await?;
    if !context.waits() {
        return Ok(());
    }
    context.forget("SR");
    let sr = context.sr(sr.uuid()).await?;
    let disks = sr.refs("VDIs").len();
    let text = format!("storage repository {} has {disks} disk(s)", sr.name());
    context.print(&Answer::done(text, json!({ "uuid": sr.uuid(), "disks": disks })))
}

async fn upload(
    context: &mut Context,
    given: &str,
    file: &Path,
    name: Option<String>,
) -> Outcome<()> {
    let sr = context.sr(given).await?;
    let own = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.unwrap_or(own);
    let path = format!("/import_raw_vdi?sr_uuid={}&name={}", sr.uuid(), escaped(&name));
    let label = format!("sending {name}");
    context.upload((&label, "SR.upload"), &path, file).await?;
    let text = format!("{name} is in {}", sr.name());
    context.print(&Answer::done(text, json!({ "sr": sr.uuid(), "name": name })))
}

/// A text in a query.
fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn forget(context: &mut Context, given: &str, yes: bool) -> Outcome<()> {
    let sr = context.sr(given).await?;
    let disks = sr.refs("VDIs").len();
    let loss = format!(
        "The pool forgets {} and its {disks} disk(s), and which machines use them. Their data stays on the storage.",
        sr.name()
    );
    prompt::confirm(&loss, yes)?;
    for pbd in sr.refs("PBDs") {
        context.run_and_wait("detaching", "PBD.unplug", &[json!(pbd)]).await?;
    }
    context.run_and_wait("forgetting", "SR.forget", &[json!(sr.reference)]).await?;
    context.print(&Answer::done(
        format!("storage repository {} is forgotten", sr.name()),
        json!({ "uuid": sr.uuid() }),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{device_config, escaped, found_in};
    use crate::args::sr::Device;

    fn device(kind: &str, location: Option<&str>) -> Device {
        Device {
            kind: kind.to_owned(),
            host: None,
            location: location.map(str::to_owned),
            mount_options: None,
            config: Vec::new(),
        }
    }

    #[test]
    fn names_in_any_script_go_into_a_query() {
        assert_eq!(escaped("a b&c.iso"), "a+b%26c.iso");
        assert_eq!(escaped("干.iso"), "%E5%B9%B2.iso");
    }

    #[test]
    fn a_probe_shows_what_is_there_and_not_its_markup() {
        let xml = "<?xml version=\"1.0\"?>\n<nfs-exports>\n<Export><Path> /export/vms </Path></Export>\n\
                   <Export><Path>/b</Path></Export></nfs-exports>";
        assert_eq!(found_in(xml), ["/export/vms", "/b"]);
        assert_eq!(found_in("<nfs-exports/>"), Vec::<&str>::new());
        assert_eq!(found_in("/a\n\n/b\n"), ["/a", "/b"]);
    }

    #[test]
    fn a_location_becomes_what_the_driver_of_the_type_wants() {
        for (kind, location, expected) in [
            (
                "nfs",
                "192.0.2.9:/export/vms",
                json!({"server": "192.0.2.9", "serverpath": "/export/vms"}),
            ),
            ("nfs", "[fd00::9]:/v", json!({"server": "[fd00::9]", "serverpath": "/v"})),
            ("nfs", "192.0.2.9", json!({"server": "192.0.2.9"})),
            ("file", "/mnt/shared", json!({"location": "/mnt/shared"})),
        ] {
            let config = device_config(&device(kind, Some(location))).ok().map(Value::Object);
            assert_eq!(config, Some(expected), "{kind} {location}");
        }
        assert!(device_config(&device("nfs", None)).is_err());
    }
}
