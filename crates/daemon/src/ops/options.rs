//! The map of options that a call may carry.
//!
//! Owns: what their words mean. Names that a call does not ask for are of other products and say nothing.

use std::collections::BTreeMap;

use haven_model::{ApiError, codes};

/// Fastest limit of the bandwidth that can be asked for: 1 TiB/s.
const BANDWIDTH_MIB_S_MAX: u64 = 1 << 20;

/// The options of one call, by their names.
pub type Options = BTreeMap<String, String>;

/// A true or false one; `without` if it is not there.
///
/// # Errors
/// `INVALID_VALUE`: it is neither.
pub fn flag(options: &Options, key: &str, without: bool) -> Result<bool, ApiError> {
    let Some(text) = options.get(key) else { return Ok(without) };
    text.parse().map_err(|_| wrong(key, text))
}

/// `bandwidth`: MiB a second, 0 for no limit, which is also what nothing means.
///
/// # Errors
/// `INVALID_VALUE`: it is no number, or more than can be asked for.
pub fn bandwidth_mib_s(options: &Options) -> Result<u64, ApiError> {
    let Some(text) = options.get("bandwidth") else { return Ok(0) };
    let given = text.parse().ok().filter(|given| *given <= BANDWIDTH_MIB_S_MAX);
    given.ok_or_else(|| wrong("bandwidth", text))
}

fn wrong(key: &str, text: &str) -> ApiError {
    ApiError::with(codes::INVALID_VALUE, &[&key, &text])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(key: &str, text: &str) -> Options {
        Options::from([(key.to_owned(), text.to_owned())])
    }

    #[test]
    fn words_are_taken_or_refused_by_name() {
        assert_eq!(flag(&options("force", "true"), "force", false), Ok(true));
        assert_eq!(flag(&options("live", "true"), "force", true), Ok(true));
        let refused = flag(&options("force", "yes"), "force", false).unwrap_err();
        assert_eq!(
            (refused.code, refused.params),
            ("INVALID_VALUE", vec!["force".into(), "yes".into()])
        );
    }

    #[test]
    fn bandwidth_has_a_limit() {
        assert_eq!(bandwidth_mib_s(&Options::new()), Ok(0));
        assert_eq!(bandwidth_mib_s(&options("bandwidth", "1048576")), Ok(1_048_576));
        for text in ["1048577", "-1", "fast", ""] {
            assert!(bandwidth_mib_s(&options("bandwidth", text)).is_err(), "{text}");
        }
    }
}
