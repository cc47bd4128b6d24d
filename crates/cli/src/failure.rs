//! What can go wrong, and the exit code of each.

use std::fmt;

/// Exit codes; documented in `haven --help`.
pub(crate) mod exit_code {
    /// The pool refused, or the operation failed.
    pub(crate) const REFUSED: u8 = 1;
    /// The command line is wrong.
    pub(crate) const USAGE: u8 = 2;
    /// No object of that name, or several.
    pub(crate) const NAME: u8 = 3;
    /// No answer from the server.
    pub(crate) const UNREACHABLE: u8 = 4;
    /// The login was refused.
    pub(crate) const LOGIN: u8 = 5;
    /// The task was cancelled.
    pub(crate) const CANCELLED: u8 = 6;
    /// Interrupted at the keyboard.
    pub(crate) const INTERRUPTED: u8 = 130;
}

/// The result of everything here.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// An object as candidates are listed: its name and uuid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) uuid: String,
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the API: a code of the catalogue and its parameters.
    Api { code: String, params: Vec<String> },
    /// No object matches the name.
    NotFound { what: &'static str, given: String, near: Vec<String> },
    /// Several objects match the name.
    Ambiguous { what: &'static str, given: String, candidates: Vec<Candidate> },
    /// The server did not answer, or not as a Haven host does.
    Unreachable { server: String, reason: String, remedy: String },
    /// The command line is well formed but asks for something impossible.
    Usage(String),
    /// A file, terminal or pipe of this machine.
    Local(String),
    /// The task was cancelled.
    Cancelled(String),
    /// The person pressed ^C while a task went on.
    Interrupted { task: String },
}

impl Failure {
    /// An API error from its wire form `[code, param, …]`.
    pub(crate) fn api(description: &[String]) -> Self {
        let mut words = description.iter().cloned();
        let code = words.next().unwrap_or_else(|| "INTERNAL_ERROR".to_owned());
        Self::Api { code, params: words.collect() }
    }

    /// A local problem with what was attempted.
    pub(crate) fn local(doing: &str, error: impl fmt::Display) -> Self {
        Self::Local(format!("{doing}: {error}"))
    }

    /// Whether this is the API error `wanted`.
    pub(crate) fn is_api(&self, wanted: &str) -> bool {
        matches!(self, Self::Api { code, .. } if code == wanted)
    }

    /// The exit code of the program.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Api { code, .. } => match code.as_str() {
                "SESSION_AUTHENTICATION_FAILED" | "SESSION_INVALID" => exit_code::LOGIN,
                "TASK_CANCELLED" => exit_code::CANCELLED,
                _ => exit_code::REFUSED,
            },
            Self::NotFound { .. } | Self::Ambiguous { .. } => exit_code::NAME,
            Self::Unreachable { .. } => exit_code::UNREACHABLE,
            Self::Usage(_) => exit_code::USAGE,
            Self::Local(_) => exit_code::REFUSED,
            Self::Cancelled(_) => exit_code::CANCELLED,
            Self::Interrupted { .. } => exit_code::INTERRUPTED,
        }
    }
}
