//! The sentences of each language, from `locales/<language>/planner.ftl`.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use haven_model::Language;
use unic_langid::{LanguageIdentifier, langid};

type Texts = FluentBundle<FluentResource>;

static ENGLISH: LazyLock<Texts> =
    LazyLock::new(|| texts(langid!("en"), include_str!("../../../../locales/en/planner.ftl")));
static SPANISH: LazyLock<Texts> =
    LazyLock::new(|| texts(langid!("es"), include_str!("../../../../locales/es/planner.ftl")));
static CHINESE: LazyLock<Texts> = LazyLock::new(|| {
    texts(langid!("zh-CN"), include_str!("../../../../locales/zh-CN/planner.ftl"))
});

fn texts(language: LanguageIdentifier, source: &str) -> Texts {
    // What cannot be read is left out; a test reads every text of every language.
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(rest, _)| rest);
    let mut texts = FluentBundle::new_concurrent(vec![language]);
    // Sentences go into terminals and logs: no invisible marks around names.
    texts.set_use_isolating(false);
    texts.add_resource_overriding(resource);
    texts
}

fn of(language: Language) -> &'static Texts {
    match language {
        Language::English => &ENGLISH,
        Language::Spanish => &SPANISH,
        Language::Chinese => &CHINESE,
    }
}

/// What stands for a `$name` of a sentence.
pub(crate) enum Part {
    /// A name, an amount, or a part that is a sentence of its own.
    Text(String),
    /// A number that decides between forms: one host, two hosts.
    Count(u64),
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Part {
    fn from(number: u64) -> Self {
        Self::Count(number)
    }
}

impl From<u32> for Part {
    fn from(number: u32) -> Self {
        Self::Count(number.into())
    }
}

/// A sentence; its key where there is none, which a test rules out.
pub(crate) fn sentence(language: Language, key: &str, parts: &[(&str, Part)]) -> String {
    let texts = of(language);
    let Some(pattern) = texts.get_message(key).and_then(|message| message.value()) else {
        return key.to_owned();
    };
    let mut arguments = FluentArgs::new();
    for (name, part) in parts {
        let value = match part {
            Part::Text(text) => FluentValue::from(text.as_str()),
            Part::Count(number) => FluentValue::from(*number),
        };
        arguments.set(*name, value);
    }
    let mut unknown = Vec::new();
    let text = texts.format_pattern(pattern, Some(&arguments), &mut unknown);
    debug_assert!(unknown.is_empty(), "{key}: {unknown:?}");
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const SOURCES: [(Language, &str); 3] = [
        (Language::English, include_str!("../../../../locales/en/planner.ftl")),
        (Language::Spanish, include_str!("../../../../locales/es/planner.ftl")),
        (Language::Chinese, include_str!("../../../../locales/zh-CN/planner.ftl")),
    ];

    /// Each key with the names that its text uses.
    fn keys(source: &'static str) -> BTreeMap<String, BTreeSet<&'static str>> {
        let mut found: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        let mut key = String::new();
        for line in source.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with(' ')) {
                key = name.to_owned();
                found.insert(key.clone(), BTreeSet::new());
            }
            let names = line.split('$').skip(1).filter_map(|rest| rest.split([' ', '}']).next());
            found.entry(key.clone()).or_default().extend(names);
        }
        found.retain(|key, _| !key.is_empty());
        found
    }

    #[test]
    fn every_language_has_every_sentence_with_the_same_parts() {
        let english = keys(SOURCES[0].1);
        assert!(english.len() > 50, "{english:?}");
        for (language, source) in SOURCES {
            assert_eq!(keys(source), english, "{language:?}");
            assert!(FluentResource::try_new(source.to_owned()).is_ok(), "{language:?}");
            for key in english.keys() {
                assert!(of(language).has_message(key), "{language:?} {key}");
            }
        }
    }

    /// Every key that the code names is there, and the other way round.
    #[test]
    fn no_sentence_is_missing_or_unused() {
        let mut code = String::new();
        let mut folders =
            vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                match entry.is_dir() {
                    true => folders.push(entry),
                    false => code += &std::fs::read_to_string(entry).unwrap(),
                }
            }
        }
        for key in keys(SOURCES[0].1).keys() {
            assert!(code.contains(&format!("\"{key}\"")), "{key} is never said");
        }
    }
}
