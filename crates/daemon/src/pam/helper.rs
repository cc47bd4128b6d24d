//! The other process: one question on its standard input, the answer as its exit code.

use std::io::Read;
use std::path::PathBuf;

use super::ffi::{self, SERVICES, Verdict};

/// What makes this program the other process: then the service, and perhaps where its file is.
pub const ARGUMENT: &str = "--check-password";
/// Longest question, in bytes: name and password.
pub(super) const QUESTION_BYTES_MAX: usize = 4096;
/// The password is right.
pub(super) const YES: u8 = 0;
/// It is not.
pub(super) const NO: u8 = 1;
/// PAM could not be asked.
pub(super) const UNAVAILABLE: u8 = 2;

/// Answers the question: name and password, each ended by a zero byte.
pub fn run(mut arguments: impl Iterator<Item = String>) -> u8 {
    let Some(service) = arguments.next().filter(|service| is_name(service)) else {
        return UNAVAILABLE;
    };
    let directory = arguments.next().map_or_else(|| PathBuf::from(SERVICES), PathBuf::from);
    let mut question = Vec::new();
    let limit = u64::try_from(QUESTION_BYTES_MAX).unwrap_or(0) + 2;
    if std::io::stdin().lock().take(limit).read_to_end(&mut question).is_err() {
        return UNAVAILABLE;
    }
    let Ok(question) = String::from_utf8(question) else { return NO };
    let mut parts = question.split_terminator('\0');
    let (Some(user), Some(password), None) = (parts.next(), parts.next(), parts.next()) else {
        return NO;
    };
    match ffi::check(&service, &directory, user, password) {
        Verdict::Yes => YES,
        Verdict::No => NO,
        Verdict::Unavailable(_) => UNAVAILABLE,
    }
}

/// A service is named in a path.
fn is_name(service: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !service.is_empty() && service.chars().all(good)
}
