//! What an agent says of itself: `-o metadata`, an XML document.

use serde::{Deserialize, Serialize};

use super::settings::is_secret_name;
use crate::xml::Element;

/// What an agent can do and what it wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Its name, e.g. `fence_ipmilan`.
    pub agent: String,
    /// One line about it.
    pub summary: String,
    /// What it may be told; without what Haven says itself or never says.
    pub parameters: Vec<Parameter>,
    /// It switches power, reports it, and is not switched on by the fenced host itself.
    pub switches_power: bool,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name on standard input.
    pub name: String,
    /// What may be said.
    pub kind: Kind,
    /// The agent does nothing without it.
    pub required: bool,
    /// What holds when it is left out.
    pub default: Option<String>,
    /// The newer name of the same thing; nothing new should use the old one.
    pub deprecated: bool,
    /// The older name that this one stands for.
    pub obsoletes: Option<String>,
    /// It is kept as a secret.
    pub secret: bool,
    /// One line for people.
    pub summary: String,
}

/// The values of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "options")]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number of seconds.
    Seconds,
    /// Yes or no.
    Boolean,
    /// One of these.
    Choice(Vec<String>),
}

impl Kind {
    /// Whether `value` may be said; else what would be right.
    ///
    /// # Errors
    /// A fragment for a sentence.
    pub fn check(&self, value: &str) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{value:?} is not {what}"));
        match self {
            Self::Text => Ok(()),
            Self::Integer if value.parse::<i64>().is_ok() => Ok(()),
            Self::Integer => wrong("a whole number"),
            Self::Seconds if value.parse::<u32>().is_ok() => Ok(()),
            Self::Seconds => wrong("a number of seconds"),
            Self::Boolean => {
                let words = ["0", "1", "true", "false", "yes", "no", "on", "off"];
                if words.contains(&value.to_lowercase().as_str()) {
                    Ok(())
                } else {
                    wrong("yes or no")
                }
            }
            Self::Choice(options) if options.iter().any(|option| option == value) => Ok(()),
            Self::Choice(options) => wrong(&format!("one of {}", options.join(", "))),
        }
    }
}

impl Metadata {
    /// Reads the document of the agent of this name.
    ///
    /// # Errors
    /// It is no such document.
    pub fn parse(agent: &str, text: &str) -> Result<Self, String> {
        let root = Element::parse(text)?;
        if root.name != "resource-agent" {
            return Err(format!("its metadata is a <{}>, not a <resource-agent>", root.name));
        }
        let parameters = root.at(&["parameters"]).into_iter().flat_map(|all| all.all("parameter"));
        let parameters = parameters.filter_map(parameter);
        Ok(Self {
            agent: agent.to_owned(),
            summary: root.get_attr("shortdesc").unwrap_or_default().to_owned(),
            parameters: parameters.collect(),
            switches_power: switches_power(&root),
        })
    }

    /// The parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

/// Agents that cut a host off from its storage or network leave it running, and so prove nothing;
/// their hosts are to switch themselves on again ("automatic"). Without a status there is no proof
/// either.
fn switches_power(root: &Element) -> bool {
    let actions: Vec<&Element> =
        root.at(&["actions"]).into_iter().flat_map(|all| all.all("action")).collect();
    let has = |name: &str| actions.iter().any(|action| action.get_attr("name") == Some(name));
    let automatic = actions.iter().any(|action| {
        action.get_attr("automatic") == Some("1") || action.get_attr("on_target") == Some("1")
    });
    ["on", "off", "status", "reboot"].into_iter().all(has) && !automatic
}

fn parameter(element: &Element) -> Option<Parameter> {
    let name = element.get_attr("name")?;
    if super::settings::refused(name).is_some() {
        return None;
    }
    let content = element.at(&["content"]);
    let kind = match content.and_then(|content| content.get_attr("type")) {
        Some("integer") => Kind::Integer,
        Some("second") => Kind::Seconds,
        Some("boolean") => Kind::Boolean,
        Some("select") => {
            let options = content.into_iter().flat_map(|content| content.all("option"));
            let options = options.filter_map(|option| option.get_attr("value"));
            Kind::Choice(options.map(str::to_owned).collect())
        }
        _ => Kind::Text,
    };
    let summary = element.at(&["shortdesc"]).map_or("", |text| text.get_text());
    Some(Parameter {
        name: name.to_owned(),
        kind,
        required: element.get_attr("required") == Some("1"),
        default: content.and_then(|content| content.get_attr("default")).map(str::to_owned),
        deprecated: element.get_attr("deprecated") == Some("1"),
        obsoletes: element.get_attr("obsoletes").map(str::to_owned),
        secret: is_secret_name(name),
        summary: summary.to_owned(),
    })
}
