//! Errors: what happened, why, what to do.

use std::io::{self, Write};

use haven_model::errors::{Language, error_meta};
use serde_json::{Value, json};

use crate::args::global::Format;
use crate::failure::Failure;
use crate::records::Record;

const CANDIDATES_MAX: usize = 10;

/// Writes a failure to standard error, as JSON where results are JSON.
pub(crate) fn print(failure: &Failure, format: Format) {
    let text = match format {
        Format::Table | Format::Yaml => for_people(failure),
        Format::Json => format!("{}\n", json!({ "error": value(failure) })),
    };
    // Nobody is left to tell when standard error is closed.
    let _written = io::stderr().write_all(text.as_bytes());
}

/// The text on the screen.
pub(crate) fn for_people(failure: &Failure) -> String {
    let mut text = format!("error: {}\n", headline(failure));
    for line in details(failure) {
        text.push_str(&format!("  {line}\n"));
    }
    if let Some(remedy) = remedy(failure) {
        text.push_str(&format!("hint: {remedy}\n"));
    }
    text
}

/// An error of Haven's own routes in one line: what happened, and what to do.
pub(crate) fn in_a_line(error: &Value) -> String {
    let error = Record::new("", error.clone());
    let words = error.list("data").iter().filter_map(Value::as_str).map(str::to_owned);
    let failure = Failure::Api { code: error.text("message").to_owned(), params: words.collect() };
    let text = for_people(&failure);
    let lines = text.lines().map(|line| line.trim().trim_start_matches("error: "));
    lines.collect::<Vec<_>>().join("; ")
}

/// The language of the person's environment, as every program finds it.
pub(crate) fn language() -> Language {
    let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
    let set = names.iter().filter_map(|name| std::env::var(name).ok()).find(|tag| !tag.is_empty());
    set.map_or(Language::English, |tag| Language::from_tag(&tag))
}

/// A text that is data: a JSON object.
fn data(text: &str) -> Option<Value> {
    let object = text.starts_with('{').then(|| serde_json::from_str::<Value>(text).ok()).flatten();
    object.filter(Value::is_object)
}

/// The sentence of data that says itself in every language: `{"text": {"en": …}}`.
pub(crate) fn said(text: &str, language: Language) -> Option<String> {
    let data = data(text)?;
    let of = |language: Language| data["text"][language.tag()].as_str().map(str::to_owned);
    of(language).or_else(|| of(Language::English))
}

fn headline(failure: &Failure) -> String {
    match failure {
        Failure::Api { code, params } => match error_meta(code) {
            Some(meta) => meta.text_in(language()).to_owned(),
            None => format!("{code} {}", params.join(" ")).trim_end().to_owned(),
        },
        Failure::NotFound { what, given, .. } => format!("there is no {what} `{given}`"),
        Failure::Ambiguous { what, given, candidates } => {
            format!("`{given}` means {} {what}s", candidates.len())
        }
        Failure::Unreachable { server, reason, .. } => {
            format!("no usable answer from {server}: {reason}")
        }
        Failure::Usage(text) | Failure::Local(text) => text.clone(),
        Failure::Cancelled(task) if task.is_empty() => "the task was cancelled".to_owned(),
        Failure::Cancelled(task) => format!("the task {task} was cancelled"),
        Failure::Interrupted { .. } => "no longer waiting; the task goes on".to_owned(),
    }
}

fn details(failure: &Failure) -> Vec<String> {
    match failure {
        Failure::Api { code, params } => {
            // What says itself in every language needs neither its English nor its data on a screen.
            if let Some(said) = params.iter().find_map(|param| said(param, language())) {
                return vec![format!("detail: {said}"), format!("code: {code}")];
            }
            let names = error_meta(code).map_or(&[][..], |meta| meta.params);
            let names = names.iter().copied().chain(std::iter::repeat("detail"));
            let mut lines: Vec<String> = names
                .zip(params)
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            lines.push(format!("code: {code}"));
            lines
        }
        Failure::Ambiguous { candidates, .. } => {
            let mut lines: Vec<String> = candidates
                .iter()
                .take(CANDIDATES_MAX)
                .map(|c| format!("{}  {}", c.uuid, c.name))
                .collect();
            if candidates.len() > CANDIDATES_MAX {
                lines.push(format!("and {} more", candidates.len() - CANDIDATES_MAX));
            }
            lines
        }
        _ => Vec::new(),
    }
}

fn remedy(failure: &Failure) -> Option<String> {
    match failure {
        Failure::NotFound { near, .. } if !near.is_empty() => {
            let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
            Some(format!("did you mean {}?", near.join(" or ")))
        }
        Failure::NotFound { what, .. } => {
            let noun = match *what {
                "machine" => "vm",
                "storage repository" => "sr",
                other => other,
            };
            Some(format!("`haven {noun} list` shows what there is"))
        }
        Failure::Ambiguous { .. } => Some("give the uuid, or more of it".to_owned()),
        Failure::Unreachable { remedy, .. } => Some(remedy.clone()),
        Failure::Interrupted { task } => {
            let uuid = task.strip_prefix("OpaqueRef:").unwrap_or(task);
            Some(format!("see it with `haven task list`; stop it with `haven task cancel {uuid}`"))
        }
        _ => None,
    }
}

fn value(failure: &Failure) -> Value {
    let (code, params) = match failure {
        Failure::Api { code, params } => (code.as_str(), params.clone()),
        Failure::NotFound { given, .. } => ("NOT_FOUND", vec![given.clone()]),
        Failure::Ambiguous { candidates, .. } => {
            ("AMBIGUOUS", candidates.iter().map(|c| c.uuid.clone()).collect())
        }
        Failure::Unreachable { server, .. } => ("UNREACHABLE", vec![server.clone()]),
        Failure::Usage(_) => ("USAGE", Vec::new()),
        Failure::Local(_) => ("LOCAL", Vec::new()),
        Failure::Cancelled(_) => ("TASK_CANCELLED", Vec::new()),
        Failure::Interrupted { task } => ("INTERRUPTED", vec![task.clone()]),
    };
    let data = params.iter().find_map(|param| data(param));
    let mut value = json!({
        "code": code, "params": params, "message": headline(failure), "hint": remedy(failure)
    });
    if let (Some(data), Value::Object(fields)) = (data, &mut value) {
        fields.insert("data".to_owned(), data);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_in_ones_language_and_its_data_by_programs() {
        let data = r#"{"goal":1,"text":{"en":"short","es":"faltan"}}"#;
        assert_eq!(said(data, Language::Spanish).as_deref(), Some("faltan"));
        assert_eq!(said(data, Language::Chinese).as_deref(), Some("short"));
        assert_eq!(said("{odd} name", Language::English), None);
        let code = "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN".to_owned();
        let failure = Failure::Api { code, params: vec!["short".to_owned(), data.to_owned()] };
        let lines = details(&failure);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0] == "detail: short" || lines[0] == "detail: faltan", "{lines:?}");
        assert_eq!(value(&failure)["data"]["goal"], 1);
        let plain = Failure::Api { code: "X".to_owned(), params: vec!["{odd} name".to_owned()] };
        assert_eq!(details(&plain)[0], "detail: {odd} name");
        assert_eq!(value(&plain)["data"], Value::Null);
    }
}
