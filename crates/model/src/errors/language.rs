//! The texts of the catalogue in other languages, from `locales/<language>/errors.txt`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::ErrorMeta;

/// A language that all texts exist in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English, the language of the declarations.
    #[default]
    English,
    /// Spanish.
    Spanish,
    /// Chinese, simplified.
    Chinese,
}

type Texts = BTreeMap<&'static str, &'static str>;

static SPANISH: LazyLock<Texts> =
    LazyLock::new(|| parse(include_str!("../../../../locales/es/errors.txt")));
static CHINESE: LazyLock<Texts> =
    LazyLock::new(|| parse(include_str!("../../../../locales/zh-CN/errors.txt")));

fn parse(file: &'static str) -> Texts {
    file.lines().filter_map(|line| line.split_once(": ")).collect()
}

impl Language {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::English, Self::Spanish, Self::Chinese];

    /// The language of a tag such as `es`, `es_MX.UTF-8` or `zh-Hans`; English if it is none of
    /// ours.
    #[must_use]
    pub fn from_tag(tag: &str) -> Self {
        let end = tag.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tag.len());
        match tag.get(..end).unwrap_or_default().to_ascii_lowercase().as_str() {
            "es" => Self::Spanish,
            "zh" => Self::Chinese,
            _ => Self::English,
        }
    }

    /// Its tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::Chinese => "zh-CN",
        }
    }

    fn texts(self) -> Option<&'static Texts> {
        match self {
            Self::English => None,
            Self::Spanish => Some(&SPANISH),
            Self::Chinese => Some(&CHINESE),
        }
    }
}

impl ErrorMeta {
    /// The text for people in a language.
    #[must_use]
    pub fn text_in(&self, language: Language) -> &'static str {
        language.texts().and_then(|texts| texts.get(self.code).copied()).unwrap_or(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Language;
    use crate::errors::{ERRORS, error_meta};

    /// C84, B21: every code says in every language what happened and what to do.
    #[test]
    fn every_language_has_every_text() {
        for language in [Language::Spanish, Language::Chinese] {
            let texts = language.texts().unwrap();
            assert!(texts.keys().all(|code| error_meta(code).is_some()), "{language:?}");
            assert_eq!(texts.len(), ERRORS.iter().map(|area| area.len()).sum::<usize>());
            for (code, text) in texts {
                assert!(text.ends_with(['.', '。']), "{language:?} {code}: {text}");
                // Commands, paths and numbers are the same in all languages.
                let english = error_meta(code).unwrap().text;
                for fixed in ["`haven pool token`", "/var/lib/haven", "694", "443", "4094"] {
                    let both = (english.contains(fixed), text.contains(fixed));
                    assert!(both.0 == both.1, "{language:?} {code}: {fixed}");
                }
            }
        }
    }

    #[test]
    fn tags() {
        for (tag, language) in [
            ("es", Language::Spanish),
            ("es_MX.UTF-8", Language::Spanish),
            ("zh-Hans", Language::Chinese),
            ("ZH_cn", Language::Chinese),
            ("C.UTF-8", Language::English),
            ("", Language::English),
            ("eszett", Language::English),
        ] {
            assert_eq!(Language::from_tag(tag), language, "{tag}");
            assert_eq!(Language::from_tag(language.tag()), language);
        }
    }
}
