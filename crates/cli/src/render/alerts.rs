//! Alerts in the words of the person: from their name and the data behind their body, by the same
//! texts as the web console.

use std::borrow::Cow;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use haven_model::alerts::{ACKNOWLEDGED, part_body};
use haven_model::errors::{Language, error_meta};
use serde_json::{Map, Value};
use unic_langid::{LanguageIdentifier, langid};

use crate::records::Record;

/// The text of a message: what happened, and what exactly; the sentence of its body where the
/// texts know nothing of it.
pub(crate) fn words(message: &Record, language: Language) -> String {
    say(message.text("name"), message.text("body"), language)
}

fn say(name: &str, body: &str, language: Language) -> String {
    let (sentence, data) = part(body);
    let base = format!("alert-{}", name.replace('_', "-"));
    let case = data.get("case").and_then(Value::as_str);
    let kind = case.map(|case| format!("{base}-{}", case.replace('_', "-")));
    let texts = Texts::of(language);
    let ids = || kind.iter().chain([&base]);
    // Without data it may be of an earlier version, or of another program.
    let title = ids().find_map(|id| texts.text(id, &data)).filter(|_| !data.is_empty());
    let detail = error(&data, language)
        .or_else(|| ids().find_map(|id| texts.text(&format!("{id}-detail"), &data)));
    // What the planner says it says in every language.
    let said = data.get("text").and_then(|said| said.get(language.tag())).and_then(Value::as_str);
    let detail = match (detail, said) {
        (Some(detail), Some(said)) if language == Language::Chinese => Some(detail + said),
        (Some(detail), Some(said)) => Some(format!("{detail} {said}")),
        (detail, said) => detail.or_else(|| said.map(str::to_owned)),
    };
    match (title, detail) {
        (Some(title), Some(detail)) if language == Language::Chinese => {
            format!("{title}。{detail}")
        }
        (Some(title), Some(detail)) => format!("{title}. {detail}"),
        (Some(title), None) if kind.as_ref().is_none_or(|kind| texts.has(kind)) => {
            if texts.has(&format!("{base}-detail")) && kind.is_none() {
                sentence.to_owned()
            } else {
                title
            }
        }
        _ => sentence.to_owned(),
    }
}

/// A body's sentence, and what it says of what happened; who deals with it is said elsewhere.
fn part(body: &str) -> (&str, Map<String, Value>) {
    let (sentence, mut data) = part_body(body);
    data.remove(ACKNOWLEDGED);
    (sentence, data)
}

/// The error that an alert tells of, in the words of the catalogue.
fn error(data: &Map<String, Value>, language: Language) -> Option<String> {
    let code = data.get("error")?.as_array()?.first()?.as_str()?;
    Some(error_meta(code)?.text_in(language).to_owned())
}

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| {
    Texts::read(langid!("en"), include_str!("../../../../locales/en/web/alerts.ftl"))
});
static SPANISH: LazyLock<Texts> = LazyLock::new(|| {
    Texts::read(langid!("es"), include_str!("../../../../locales/es/web/alerts.ftl"))
});
static CHINESE: LazyLock<Texts> = LazyLock::new(|| {
    Texts::read(langid!("zh-CN"), include_str!("../../../../locales/zh-CN/web/alerts.ftl"))
});

/// The texts of a language, read when the first alert is shown in it.
struct Texts(FluentBundle<FluentResource>);

impl Texts {
    fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::Spanish => &SPANISH,
            Language::Chinese => &CHINESE,
        }
    }

    fn read(tag: LanguageIdentifier, file: &str) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // Isolation marks are for mixed writing directions, which none of our languages has.
        bundle.set_use_isolating(false);
        // A test reads all files; what a broken one still says is said.
        let resource = FluentResource::try_new(file.to_owned()).unwrap_or_else(|(part, _)| part);
        bundle.add_resource_overriding(resource);
        Self(bundle)
    }

    fn has(&self, id: &str) -> bool {
        self.0.has_message(id)
    }

    /// The text of a message; `None`: there is none, or it needs what the data does not say.
    fn text(&self, id: &str, data: &Map<String, Value>) -> Option<String> {
        let pattern = self.0.get_message(id)?.value()?;
        let mut args = FluentArgs::new();
        for (key, value) in data {
            match value {
                Value::String(text) => args.set(key.as_str(), text.as_str()),
                Value::Number(number) => args.set(key.as_str(), number.as_f64().unwrap_or(0.0)),
                _ => (),
            }
        }
        times(data, &mut args);
        let mut errors = Vec::new();
        let text: Cow<'_, str> = self.0.format_pattern(pattern, Some(&args), &mut errors);
        errors.is_empty().then(|| text.into_owned())
    }
}

/// How long after its last sign of life a host was noticed, and was certainly stopped.
fn times(data: &Map<String, Value>, args: &mut FluentArgs<'_>) {
    let ms = |key: &str| data.get(key).and_then(Value::as_f64);
    let Some(silent) = ms("silent_ms") else { return };
    for (name, key) in [("noticed", "put_out_ms"), ("stopped", "dead_ms")] {
        if let Some(at) = ms(key) {
            args.set(name, (f64::max(at - silent, 0.0) / 100.0).round() / 10.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str =
        r#"The host failed. {"silent_ms":1000,"put_out_ms":1800,"dead_ms":7200,"vms":3}"#;

    #[test]
    fn people_read_what_happened_in_their_language() {
        let moved = r#"VM 'a{"b' migrated. {"vm":"a{\"b","from":"host1","to":"host2"}"#;
        let said =
            |name, body| Language::ALL.iter().map(|l| say(name, body, *l)).collect::<Vec<_>>();
        assert_eq!(
            said("VM_MIGRATED", moved),
            [
                "Machine moved to another host. From host1 to host2.",
                "Máquina movida a otro host. De host1 a host2.",
                "虚拟机已迁移到另一台主机。从 host1 到 host2。"
            ]
        );
        let english = say("HA_HOST_FAILED", FAILED, Language::English);
        assert!(
            english.contains("3 machines were on it") && english.contains("6.2 s"),
            "{english}"
        );
        let lost = r#"Statefile x does not answer. {"case":"lost_statefile","statefile":"vms"}"#;
        assert!(say("HA_STATEFILE_LOST", lost, Language::Spanish).contains("Está en vms."));
    }

    #[test]
    fn what_the_planner_says_is_read_in_ones_language() {
        let body = |data: &str| {
            format!(
                r#"starting big: short {{{data}"text":{{"en":"starting big: short","es":"iniciar big: faltan 2 MiB"}}}}"#
            )
        };
        let say = |data: &str| say("HA_POOL_OVERCOMMITTED", &body(data), Language::Spanish);
        let forced = say(r#""case":"forced","#);
        assert!(forced.ends_with(". iniciar big: faltan 2 MiB"), "{forced}");
        let standing = say(r#""now":1,"#);
        assert!(standing.ends_with(". iniciar big: faltan 2 MiB"), "{standing}");
        assert!(!standing.contains("short") && !forced.contains("short"));
    }

    #[test]
    fn what_the_texts_do_not_know_is_said_as_it_was_sent() {
        let say = |name, body| say(name, body, Language::Chinese);
        assert_eq!(say("ODD", "Odd {\"text"), "Odd {\"text");
        assert_eq!(say("HA_HOST_FAILED", r#"An old sentence. {"vms":3}"#), "An old sentence.");
        assert_eq!(say("VM_STARTED", "of another program"), "of another program");
        let unknown = r#"Something. {"case":"of_another_version"}"#;
        assert_eq!(say("HA_STATEFILE_LOST", unknown), "Something.");
    }

    #[test]
    fn every_language_reads_its_file_whole() {
        for language in Language::ALL {
            let texts = Texts::of(*language);
            assert!(texts.has("alert-VM-STARTED") && texts.has("alert-VM-REBOOTED-forced"));
        }
    }
}
