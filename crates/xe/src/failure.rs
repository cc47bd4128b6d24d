//! Why a command did not succeed, and what is said about it.

use haven_model::{ApiError, RefId, codes, error_meta};
use serde_json::json;

use crate::Named;
use crate::wire::Command;

/// Why a command did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// An error of the API.
    Api(ApiError),
    /// What was asked for makes no sense; in our own words.
    Text(String),
    /// The command line cannot be read.
    Syntax(String),
    /// There is no such command.
    UnknownCommand(String),
    /// A parameter that the command needs is not there.
    Missing(String),
    /// The class has no field of that name.
    NoField(String),
    /// Some of several operations failed: uuids and reasons.
    Several(Vec<(String, String)>),
    /// All has been said; only the exit code is left.
    Exit(i32),
    /// The client is gone, or does not keep to the protocol.
    Gone,
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// How command lines are explained.
const HINT: &str = "For usage run: 'xe help'\n";

impl Failure {
    /// In our own words.
    pub(crate) fn text(words: impl Into<String>) -> Self {
        Self::Text(words.into())
    }

    /// Whether it is this error of the API.
    pub(crate) fn is_api(&self, code: &str) -> bool {
        matches!(self, Self::Api(error) if error.code == code)
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Exit(code) => *code,
            _ => 1,
        }
    }

    /// In one piece, as it is shown for one of several objects.
    pub(crate) fn in_short(&self, name: &mut dyn FnMut(RefId) -> Option<Named>) -> String {
        match self {
            Self::Api(error) => api_lines(error, name).join("\n"),
            Self::Text(text) => text.clone(),
            other => format!("{other:?}"),
        }
    }

    /// What is shown.
    pub(crate) fn shown(&self, name: &mut dyn FnMut(RefId) -> Option<Named>) -> Vec<Command> {
        let stderr = |text: String| Command::PrintStderr(text);
        let hinted = |text: String| vec![stderr(text + "\n"), stderr(HINT.to_owned())];
        match self {
            Self::Api(error) if error.code == codes::SESSION_AUTHENTICATION_FAILED => {
                let nobody = error.params.first().is_none_or(String::is_empty);
                let text = if nobody {
                    "Username/password must be specified"
                } else {
                    "Authentication failed"
                };
                hinted(text.to_owned())
            }
            Self::Api(error) => {
                api_lines(error, name).into_iter().map(|line| stderr(line + "\n")).collect()
            }
            Self::Text(text) => vec![stderr(format!("Error: {text}\n"))],
            Self::Syntax(text) => hinted(format!("Syntax error: {text}")),
            Self::UnknownCommand(text) => hinted(format!("Unknown command: {text}")),
            Self::Missing(text) => hinted(format!("Required parameter not found: {text}")),
            Self::NoField(field) => vec![Command::Error {
                code: "Missing parameter".to_owned(),
                params: vec![field.clone()],
            }],
            Self::Several(failed) => {
                let line =
                    |(uuid, why): &(String, String)| format!("operation failed on {uuid}: {why}");
                failed.iter().map(|f| Command::Print(line(f))).collect()
            }
            Self::Exit(_) | Self::Gone => Vec::new(),
        }
    }

    /// The same for programs: one line of JSON.
    pub(crate) fn as_json(&self, name: &mut dyn FnMut(RefId) -> Option<Named>) -> Vec<Command> {
        let (code, params) = match self {
            Self::Api(error) => (error.code, error.params.clone()),
            Self::Text(_) => ("COMMAND_FAILED", Vec::new()),
            Self::Syntax(_) => ("SYNTAX_ERROR", Vec::new()),
            Self::UnknownCommand(name) => ("UNKNOWN_COMMAND", vec![name.clone()]),
            Self::Missing(name) => ("PARAMETER_MISSING", vec![name.clone()]),
            Self::NoField(name) => ("NO_SUCH_FIELD", vec![name.clone()]),
            Self::Several(failed) => {
                ("SEVERAL_FAILED", failed.iter().map(|(uuid, _)| uuid.clone()).collect())
            }
            Self::Exit(_) | Self::Gone => return Vec::new(),
        };
        let text = |command: &Command| match command {
            Command::PrintStderr(text) if text != HINT => text.trim_end().to_owned(),
            Command::Print(text) => text.clone(),
            Command::Error { code, params } => format!("{code}: {}", params.join(", ")),
            _ => String::new(),
        };
        let said = self.shown(name);
        let lines: Vec<String> = said.iter().map(text).filter(|line| !line.is_empty()).collect();
        let error =
            json!({ "error": { "code": code, "params": params, "text": lines.join("\n") } });
        vec![Command::PrintStderr(format!("{error}\n"))]
    }
}

/// An error of the API: what it means, and a line for each parameter.
fn api_lines(error: &ApiError, name: &mut dyn FnMut(RefId) -> Option<Named>) -> Vec<String> {
    let (text, labels) = match error_meta(error.code) {
        Some(meta) => (meta.text, meta.params),
        None => (error.code, &[][..]),
    };
    let mut lines = vec![text.to_owned()];
    let all_vms = error.code == codes::VMS_FAILED_TO_COOPERATE;
    // Data for programs is no line to read; it stands in the JSON form.
    let data = |param: &str| {
        param.starts_with('{') && serde_json::from_str::<serde_json::Value>(param).is_ok()
    };
    for (index, param) in error.params.iter().enumerate().filter(|(_, param)| !data(param)) {
        let label = if all_vms { "VM" } else { labels.get(index).copied().unwrap_or("<extra>") };
        lines.push(format!("{label}: {}", with_name(param, name)));
    }
    let missing = labels.iter().skip(error.params.len());
    lines.extend(missing.filter(|_| !all_vms).map(|label| format!("{label}: <unknown>")));
    lines
}

/// A reference as `uuid (name)`; other text as it is.
pub(crate) fn with_name(text: &str, name: &mut dyn FnMut(RefId) -> Option<Named>) -> String {
    let reference = text.starts_with("OpaqueRef:").then(|| text.parse::<RefId>().ok()).flatten();
    match reference.and_then(name) {
        Some(Named { uuid, label: Some(label) }) => format!("{uuid} ({label})"),
        Some(Named { uuid, label: None }) => uuid,
        None => text.to_owned(),
    }
}
