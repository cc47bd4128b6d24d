//! What a guest learns when it boots for the first time: cloud-init's NoCloud seed, on a small disk
//! of its own.
//!
//! Clients write it into `VM.other_config` before `VM.provision`, which makes the disk and takes
//! the entries away: `cloud-init-hostname`, `-user`, `-ssh-keys` (one a line), `-password-hash`, or
//! `-user-data` in their place; `-network-config`. A template may bring some of them along.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{ApiError, Ref, Sr, VbdType, Vdi, Vm, codes};
use haven_pooldb::Image;
use serde_json::json;

use crate::ops::{rows, vdi, view};
use crate::orders::Order;
use crate::state::AppState;

/// Start of the keys of `VM.other_config`.
pub const PREFIX: &str = "cloud-init-";
/// Label of the file system, as NoCloud looks for it.
const LABEL: &str = "cidata";
/// Longest text of an entry, in bytes.
const TEXT_BYTES_MAX: usize = 128 << 10;
/// Keys of one machine.
const SSH_KEYS_MAX: usize = 64;
/// Size of the disk in bytes: the images are rounded up to this.
const STEP_BYTES: i64 = 1 << 20;
const HOSTNAME_CHARS_MAX: usize = 253;
const LABEL_CHARS_MAX: usize = 63;
const USER_CHARS_MAX: usize = 32;

/// Files of the seed, by name.
pub type Files = BTreeMap<String, String>;

/// The files that a VM's entries ask for; `None`: there are no entries.
///
/// # Errors
/// `INVALID_VALUE`, naming the entry, why it cannot be, and what to write.
pub fn files(row: &Vm) -> Result<Option<Files>, ApiError> {
    let get = |key: &str| {
        let text = row.other_config.get(&format!("{PREFIX}{key}")).map(|text| text.trim());
        text.filter(|text| !text.is_empty())
    };
    if !row.other_config.keys().any(|key| key.starts_with(PREFIX)) {
        return Ok(None);
    }
    for (key, text) in row.other_config.iter().filter(|(key, _)| key.starts_with(PREFIX)) {
        if text.len() > TEXT_BYTES_MAX {
            return Err(ApiError::with(codes::INVALID_VALUE, &[key, &"longer than 128 KiB"]));
        }
    }
    let mut meta = json!({ "instance-id": row.uuid });
    if let Some(hostname) = hostname(get("hostname"), &row.name_label)? {
        meta["local-hostname"] = json!(hostname);
    }
    let (user, keys, hash) = (get("user"), get("ssh-keys"), get("password-hash"));
    let user_data = match get("user-data") {
        Some(text) => own(text, user.or(keys).or(hash).is_some())?,
        None => compose(user, keys, hash)?,
    };
    let mut files = Files::from([
        // JSON is YAML.
        ("meta-data".to_owned(), format!("{meta:#}\n")),
        ("user-data".to_owned(), user_data),
    ]);
    if let Some(text) = get("network-config") {
        files.insert("network-config".to_owned(), format!("{text}\n"));
    }
    Ok(Some(files))
}

fn invalid(key: &str, why: &str) -> ApiError {
    ApiError::with(codes::INVALID_VALUE, &[&format!("{PREFIX}{key}"), &why])
}

/// Whether a text is a name in the network: letters, digits and hyphens between dots.
fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=LABEL_CHARS_MAX).contains(&label.len())
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= HOSTNAME_CHARS_MAX && text.split('.').all(label)
}

/// The name that was asked for; else the machine's own, if it can be one.
fn hostname(asked: Option<&str>, name: &str) -> Result<Option<String>, ApiError> {
    let Some(asked) = asked else {
        let own = name.to_ascii_lowercase();
        return Ok(is_hostname(&own).then_some(own));
    };
    if is_hostname(asked) {
        return Ok(Some(asked.to_owned()));
    }
    let why = format!("{asked}: a host name has letters, digits and hyphens, with dots between");
    Err(invalid("hostname", &why))
}

/// User data that somebody wrote.
fn own(text: &str, beside: bool) -> Result<String, ApiError> {
    if beside {
        let why = "own user data and a user, keys or password: put them into the user data";
        return Err(invalid("user-data", why));
    }
    if text.starts_with('#') || text.starts_with("Content-Type:") || text.starts_with("MIME-") {
        return Ok(format!("{text}\n"));
    }
    let why = "it must begin with a line such as #cloud-config or #!/bin/sh";
    Err(invalid("user-data", why))
}

fn compose(user: Option<&str>, keys: Option<&str>, hash: Option<&str>) -> Result<String, ApiError> {
    let keys: Vec<&str> = keys.unwrap_or_default().lines().map(str::trim).collect();
    let keys: Vec<&str> = keys.into_iter().filter(|key| !key.is_empty()).collect();
    if keys.len() > SSH_KEYS_MAX {
        return Err(invalid("ssh-keys", "more than 64 keys"));
    }
    if let Some(bad) = keys.iter().find(|key| !is_ssh_key(key)) {
        let start: String = bad.chars().take(20).collect();
        let why = format!("{start}…: a public key is a line such as ssh-ed25519 AAAA… name");
        return Err(invalid("ssh-keys", &why));
    }
    if hash.is_some_and(|hash| !is_hash(hash)) {
        // Not repeated: it may be the password itself.
        let why = "it is no hash; openssl passwd -6 makes one";
        return Err(invalid("password-hash", why));
    }
    let Some(user) = user else {
        if hash.is_some() {
            return Err(invalid("user", "a password needs the name of its user"));
        }
        return Ok(config(&json!({ "ssh_authorized_keys": keys })));
    };
    if !is_user(user) {
        let why = format!("{user}: a user has small letters, digits, _ and -, 32 at most");
        return Err(invalid("user", &why));
    }
    let mut account = json!({
        "name": user,
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "shell": "/bin/bash",
        "lock_passwd": hash.is_none(),
        "ssh_authorized_keys": keys,
    });
    if let Some(hash) = hash {
        account["passwd"] = json!(hash);
    }
    Ok(config(&json!({ "users": [account], "ssh_pwauth": hash.is_some() && keys.is_empty() })))
}

fn config(content: &serde_json::Value) -> String {
    format!("#cloud-config\n{content:#}\n")
}

fn is_ssh_key(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let known = ["ssh-", "ecdsa-", "sk-"].iter().any(|start| kind.starts_with(start));
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    known && words.next().is_some_and(|key| key.len() >= 16 && key.chars().all(base64))
}

/// As `crypt` writes them: `$6$salt$hash`.
fn is_hash(text: &str) -> bool {
    let parts: Vec<&str> = text.split('$').collect();
    let plain = |c: char| c.is_ascii_graphic() && c != ':';
    parts.len() >= 4
        && parts.first() == Some(&"")
        && parts.iter().skip(1).all(|part| !part.is_empty())
        && text.chars().all(plain)
}

fn is_user(text: &str) -> bool {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    text.len() <= USER_CHARS_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.chars().all(rest)
}

/// Where the seed goes: where the machine's first disk is or will be, else the pool's default.
///
/// # Errors
/// There is no repository at all.
pub fn repository(db: &Image, row: &Vm, new: Option<Ref<Sr>>) -> Result<Ref<Sr>, ApiError> {
    let own = view::disks(db, row).into_iter();
    let own =
        own.filter(|(_, _, vbd)| vbd.r#type == VbdType::Disk).map(|(_, vdi, _)| vdi.sr).next();
    if let Some(sr) = new.or(own) {
        return Ok(sr);
    }
    let (_, pool) = rows::pool(db)?;
    let known = db.get(pool.default_sr).map(|_| pool.default_sr);
    known.ok_or_else(|| {
        ApiError::new(codes::DEFAULT_SR_NOT_FOUND, vec![pool.default_sr.to_string()])
    })
}

/// Makes the disk: its row, then its volume.
///
/// # Errors
/// No host has the repository attached, or it failed.
pub async fn make(
    state: &Arc<AppState>,
    to: Ref<Vdi>,
    sr: Ref<Sr>,
    files: Files,
) -> Result<(), ApiError> {
    let bytes: usize = files.values().map(String::len).sum();
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let row = Vdi {
        name_label: "cloud-init".to_owned(),
        name_description: "What the guest learns when it boots for the first time".to_owned(),
        ..vdi::new_row(to, sr, (bytes / STEP_BYTES + 1) * STEP_BYTES)
    };
    let label = LABEL.to_owned();
    vdi::make_by(state, to, row, |sr, to| Order::SeedVolume { sr, to, label, files }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ ana";
    const HASH: &str = "$6$salt$WEtTAIvRU2sWTyKEDLfkhaShOLdpLYO";

    fn vm(entries: &[(&str, &str)]) -> Vm {
        let entry = |(key, text): &(&str, &str)| (format!("{PREFIX}{key}"), (*text).to_owned());
        Vm {
            uuid: "7".to_owned(),
            name_label: "Web1".to_owned(),
            other_config: entries.iter().map(entry).collect(),
            ..Vm::default()
        }
    }

    fn seed(entries: &[(&str, &str)]) -> Files {
        files(&vm(entries)).unwrap().unwrap()
    }

    fn refused(entries: &[(&str, &str)]) -> String {
        files(&vm(entries)).unwrap_err().params.join(" ")
    }

    #[test]
    fn a_user_gets_keys_and_a_password_and_the_machine_its_name() {
        assert_eq!(files(&vm(&[])).unwrap(), None);
        let keys = format!("{KEY}\n\n ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB bo\n");
        let seed = seed(&[("user", "ana"), ("ssh-keys", &keys), ("password-hash", HASH)]);
        let text = seed["user-data"].strip_prefix("#cloud-config\n").unwrap();
        let data: serde_json::Value = serde_json::from_str(text).unwrap();
        let user = &data["users"][0];
        assert_eq!((&user["name"], &user["passwd"]), (&json!("ana"), &json!(HASH)));
        assert_eq!(user["ssh_authorized_keys"].as_array().unwrap().len(), 2);
        let meta: serde_json::Value = serde_json::from_str(&seed["meta-data"]).unwrap();
        assert_eq!(meta, json!({ "instance-id": "7", "local-hostname": "web1" }));
        assert!(!seed.contains_key("network-config"));
    }

    #[test]
    fn own_user_data_is_taken_as_it_is() {
        let seed = seed(&[
            ("user-data", "#!/bin/sh\necho 干净"),
            ("hostname", "db.example.org"),
            ("network-config", "version: 2"),
        ]);
        assert_eq!(seed["user-data"], "#!/bin/sh\necho 干净\n");
        assert_eq!(seed["network-config"], "version: 2\n");
        assert!(seed["meta-data"].contains("db.example.org"));
    }

    #[test]
    fn a_name_that_is_none_in_a_network_is_left_out() {
        let row = Vm { name_label: "干净系统".to_owned(), ..vm(&[("ssh-keys", KEY)]) };
        assert!(!files(&row).unwrap().unwrap()["meta-data"].contains("local-hostname"));
    }

    #[test]
    fn what_cannot_be_is_named_and_a_password_is_not_repeated() {
        assert!(refused(&[("hostname", "a b")]).contains("cloud-init-hostname a b:"));
        assert!(refused(&[("user", "Ana")]).contains("cloud-init-user Ana:"));
        assert!(refused(&[("ssh-keys", "-----BEGIN")]).contains("cloud-init-ssh-keys"));
        assert!(!refused(&[("user", "ana"), ("password-hash", "s3cret")]).contains("s3cret"));
        assert!(refused(&[("password-hash", HASH)]).contains("name of its user"));
        assert!(refused(&[("user-data", "hello")]).contains("#cloud-config"));
        assert!(refused(&[("user-data", "#cloud-config"), ("user", "a")]).contains("put them"));
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        assert!(refused(&[("user-data", &long)]).contains("128 KiB"));
    }
}
