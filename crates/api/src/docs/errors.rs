//! The error catalogue for clients, one page a language.

use std::collections::BTreeMap;

use haven_model::errors::{ERRORS, Language};
use serde_json::json;

use super::Page;

/// Tags of the languages, as browsers write them.
const TAGS: &[(Language, &str)] =
    &[(Language::English, "en"), (Language::Spanish, "es"), (Language::Chinese, "zh-CN")];

/// `errors.<language>.json`: for each code its text and the names of its parameters.
#[must_use]
pub fn error_texts() -> Vec<Page> {
    let page = |(language, tag): &(Language, &str)| {
        let all: BTreeMap<_, _> = ERRORS
            .iter()
            .flat_map(|area| area.iter())
            .map(|meta| {
                let text = meta.text_in(*language);
                (meta.code, json!({ "text": text, "params": meta.params }))
            })
            .collect();
        Page { name: format!("errors.{tag}.json"), text: json!(all).to_string() }
    };
    TAGS.iter().map(page).collect()
}
