//! `haven event watch`

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use crate::args::global::Format;
use crate::args::watch::EventCommand;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::records::{NULL, Record};
use crate::render::units::clock_utc;
use crate::render::write_stdout;

/// How long one call waits for something to happen.
const WAIT_S: f64 = 30.0;
const RETRY: Duration = Duration::from_secs(1);
const RETRIES_MAX: u32 = 120;
/// Fields that change all the time and tell a person nothing.
const NOISE: [&str; 2] = ["last_updated", "memory_free"];
const SHOWN_CHARS_MAX: usize = 60;

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: EventCommand) -> Outcome<()> {
    let EventCommand::Watch { classes, count } = verb;
    let classes = if classes.is_empty() { vec!["*".to_owned()] } else { classes };
    tokio::select! {
        result = watch(context, &classes, count) => result,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn watch(context: &mut Context, classes: &[String], count: Option<u64>) -> Outcome<()> {
    let mut known = Known { speaks: context.format() == Format::Table, ..Known::default() };
    if known.speaks && classes.iter().all(|class| class != "*") {
        // What the rows of these classes refer to is of other classes.
        known.learn(&from(context, &["*".to_owned()], "", 0.0).await?);
    }
    // The first answer is everything that is there already.
    let mut token = known.take_in(&from(context, classes, "", 0.0).await?, |_| Ok(()))?;
    let mut left = count.unwrap_or(u64::MAX);
    let mut failures = 0;
    while left > 0 {
        let answer = match from(context, classes, &token, WAIT_S).await {
            Ok(answer) => answer,
            // A change of the coordinator; tokens survive it.
            Err(Failure::Unreachable { .. }) if failures < RETRIES_MAX => {
                failures += 1;
                sleep(RETRY).await;
                continue;
            }
            Err(other) => return Err(other),
        };
        failures = 0;
        let format = context.format();
        token = known.take_in(&answer, |change| {
            if left == 0 || (format == Format::Table && change.is_noise()) {
                return Ok(());
            }
            left -= 1;
            write_stdout(&change.shown(format, &clock_utc()))
        })?;
    }
    Ok(())
}

async fn from(
    context: &mut Context,
    classes: &[String],
    token: &str,
    wait_s: f64,
) -> Outcome<Value> {
    context.call("event.from", &[json!(classes), json!(token), json!(wait_s)]).await
}

/// The last known state of every object, to tell what changed.
#[derive(Default)]
struct Known {
    rows: BTreeMap<String, Record>,
    /// What objects are called; those that are gone, too.
    names: BTreeMap<String, String>,
    /// Names stand in the place of references; programs get the references.
    speaks: bool,
}

/// One change.
struct Change<'a> {
    class: &'a str,
    operation: &'a str,
    name: String,
    uuid: String,
    /// Field, before, after.
    fields: Vec<(String, String, String)>,
}

impl Known {
    /// Keeps what the objects of an answer are called.
    fn learn(&mut self, answer: &Value) {
        for event in answer.get("events").and_then(Value::as_array).into_iter().flatten() {
            let Some(reference) = event.get("ref").and_then(Value::as_str) else { continue };
            let row = event.get("snapshot").map(|row| Record::new(reference, row.clone()));
            self.names.extend(row.map(|row| (reference.to_owned(), name(&row))));
        }
    }

    fn differences(
        &self,
        before: Option<&Record>,
        after: Option<&Record>,
    ) -> Vec<(String, String, String)> {
        let (Some(before), Some(Value::Object(after))) = (before, after.map(|r| &r.fields)) else {
            return Vec::new();
        };
        let shown =
            |value: &Value| if self.speaks { short(&self.named(value)) } else { short(value) };
        after
            .iter()
            .filter(|(field, value)| before.fields.get(*field) != Some(value))
            .map(|(field, value)| {
                let old = before.fields.get(field).map(shown).unwrap_or_default();
                (field.clone(), old, shown(value))
            })
            .collect()
    }

    /// The value with names in the place of references.
    fn named(&self, value: &Value) -> Value {
        let word = |text: &str| match text {
            NULL => "none".to_owned(),
            _ => self.names.get(text).cloned().unwrap_or_else(|| text.to_owned()),
        };
        match value {
            Value::String(text) => Value::String(word(text)),
            Value::Array(values) => values.iter().map(|value| self.named(value)).collect(),
            Value::Object(fields) => Value::Object(
                fields.iter().map(|(key, value)| (word(key), self.named(value))).collect(),
            ),
            other => other.clone(),
        }
    }

    fn take_in(
        &mut self,
        answer: &Value,
        mut tell: impl FnMut(&Change<'_>) -> Outcome<()>,
    ) -> Outcome<String> {
        for event in answer.get("events").and_then(Value::as_array).into_iter().flatten() {
            let event = Record::new("", event.clone());
            let reference = event.text("ref").to_owned();
            let after = event.fields.get("snapshot").map(|s| Record::new(&reference, s.clone()));
            if let Some(after) = &after {
                self.names.insert(reference.clone(), name(after));
            }
            let before = self.rows.get(&reference);
            let shown = after.as_ref().or(before);
            let change = Change {
                class: event.text("class"),
                operation: event.text("operation"),
                name: shown.map(name).unwrap_or_default(),
                uuid: shown.map(|r| r.uuid().to_owned()).unwrap_or_default(),
                fields: self.differences(before, after.as_ref()),
            };
            tell(&change)?;
            match after {
                Some(after) => self.rows.insert(reference, after),
                None => self.rows.remove(&reference),
            };
        }
        Ok(answer.get("token").and_then(Value::as_str).unwrap_or_default().to_owned())
    }
}

fn name(record: &Record) -> String {
    let name = if record.name().is_empty() { record.text("name") } else { record.name() };
    if name.is_empty() { record.uuid().to_owned() } else { name.to_owned() }
}

fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text;
    }
    text.chars().take(SHOWN_CHARS_MAX).chain(['…']).collect()
}

impl Change<'_> {
    /// A change that only shows that the pool is alive.
    fn is_noise(&self) -> bool {
        self.operation == "mod"
            && self.fields.iter().all(|(field, ..)| NOISE.contains(&field.as_str()))
    }

    fn shown(&self, format: Format, time: &str) -> String {
        match format {
            Format::Table => {
                let fields: Vec<String> =
                    self.fields.iter().map(|(f, old, new)| format!("{f}: {old} → {new}")).collect();
                let line = format!(
                    "{} {} {:<12} {}  {}",
                    time,
                    self.operation,
                    self.class,
                    self.name,
                    fields.join("; ")
                );
                let safe: String =
                    line.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                safe + "\n"
            }
            Format::Json => format!("{}\n", self.value(time)),
            Format::Yaml => {
                format!("---\n{}", serde_yaml::to_string(&self.value(time)).unwrap_or_default())
            }
        }
    }

    fn value(&self, time: &str) -> Value {
        let changed: serde_json::Map<String, Value> = self
            .fields
            .iter()
            .map(|(field, old, new)| (field.clone(), json!({ "before": old, "after": new })))
            .collect();
        json!({
            "time": time,
            "operation": self.operation,
            "class": self.class,
            "name": self.name,
            "uuid": self.uuid,
            "changed": changed,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Known;
    use crate::args::global::Format;

    #[test]
    fn signs_of_life_are_noise_and_changes_are_not() {
        let mut known = Known::default();
        let host = |updated: &str, live: bool| {
            json!({"events": [{"class": "host_metrics", "operation": "mod", "ref": "OpaqueRef:1",
                "snapshot": {"last_updated": updated, "live": live}}]})
        };
        known.take_in(&host("1", true), |_| Ok(())).unwrap();
        let mut noise = Vec::new();
        for answer in [host("2", true), host("3", false)] {
            known
                .take_in(&answer, |change| {
                    noise.push(change.is_noise());
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(noise, [true, false]);
    }

    #[test]
    fn people_read_names_and_programs_references() {
        let answer = |host: &str, vms: &[&str]| {
            json!({"events": [
                {"class": "host", "operation": "mod", "ref": "OpaqueRef:h",
                    "snapshot": {"uuid": "u2", "name_label": "host2", "resident_VMs": vms}},
                {"class": "vm", "operation": "mod", "ref": "OpaqueRef:v",
                    "snapshot": {"uuid": "u1", "name_label": "web1", "resident_on": host}}]})
        };
        for (speaks, expected) in [
            (true, ["resident_VMs: [] → [\"web1\"]", "resident_on: none → host2"]),
            (
                false,
                [
                    "resident_VMs: [] → [\"OpaqueRef:v\"]",
                    "resident_on: OpaqueRef:NULL → OpaqueRef:h",
                ],
            ),
        ] {
            let mut known = Known { speaks, ..Known::default() };
            known.take_in(&answer("OpaqueRef:NULL", &[]), |_| Ok(())).unwrap();
            let mut told = Vec::new();
            let see = |change: &super::Change<'_>| {
                told.push(change.shown(Format::Table, ""));
                Ok(())
            };
            known.take_in(&answer("OpaqueRef:h", &["OpaqueRef:v"]), see).unwrap();
            for (line, expected) in told.iter().zip(expected) {
                assert!(line.contains(expected), "{line}");
            }
        }
    }

    #[test]
    fn a_change_is_told_with_what_it_changed() {
        let mut known = Known::default();
        let vm = |state: &str| {
            json!({"token": "1", "events": [{"class": "vm", "operation": "mod", "ref": "OpaqueRef:1",
                "snapshot": {"uuid": "u1", "name_label": "web1", "power_state": state}}]})
        };
        known.take_in(&vm("Halted"), |_| Ok(())).unwrap();
        let mut told = Vec::new();
        let token = known
            .take_in(&vm("Running"), |change| {
                told.push(change.shown(Format::Table, "11:02:03Z"));
                Ok(())
            })
            .unwrap();
        assert_eq!(told, ["11:02:03Z mod vm           web1  power_state: Halted → Running\n"]);
        assert_eq!(token, "1");
    }
}
