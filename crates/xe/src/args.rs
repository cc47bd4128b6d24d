//! The command line, as it arrives in the body of a request.

use crate::failure::Failure;

/// Largest body of a request with a command line.
pub const BODY_BYTES_MAX: usize = 200 * 1024;

/// A command line: the command, and its parameters in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arguments {
    /// What is to be done.
    pub command: String,
    /// `name=value`; what has no `=` has an empty value.
    pub params: Vec<(String, String)>,
}

/// What a request says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body {
    /// An open session, from another host of the pool.
    pub session: Option<String>,
    /// One argument a line.
    pub words: Vec<String>,
}

/// Splits the body of a request: one argument a line, the session perhaps before them.
#[must_use]
pub fn split_body(body: &str) -> Body {
    let mut words = body.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned());
    let mut split = Body::default();
    match words.next() {
        Some(first) => match first.strip_prefix("session_id=") {
            Some(session) => split.session = Some(session.to_owned()),
            None => split.words.push(first),
        },
        None => return split,
    }
    split.words.extend(words);
    split
}

/// Options with one dash and a value, and the parameters that they are.
const SWITCHES: &[(&str, &str)] =
    &[("-u", "username"), ("-pw", "password"), ("-s", "server"), ("-h", "server"), ("-p", "port")];

impl Arguments {
    /// Reads a command line.
    ///
    /// # Errors
    /// No command, an unknown option, or one without its value.
    pub fn parse(words: &[String]) -> Result<Self, Failure> {
        let (command, rest) = match words.split_first() {
            Some((command, rest)) if !command.is_empty() => (command, rest),
            _ => return Err(Failure::Syntax("command name is missing".to_owned())),
        };
        if command.contains('=') || command.starts_with('-') {
            return Err(Failure::Syntax("command name is missing".to_owned()));
        }
        let mut params = Vec::new();
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            if let Some(flag) = word.strip_prefix("--") {
                let (name, value) = flag.split_once('=').unwrap_or((flag, "true"));
                params.push((name.to_owned(), value.to_owned()));
            } else if word.starts_with('-') && word.len() > 1 {
                let unknown = || Failure::Syntax(format!("Unknown switch: {word}"));
                let (_, name) = SWITCHES.iter().find(|(s, _)| s == word).ok_or_else(unknown)?;
                let missing = || Failure::Syntax(format!("Switch {word} requires a parameter"));
                let value = rest.next().ok_or_else(missing)?;
                params.push(((*name).to_owned(), value.clone()));
            } else {
                let (name, value) = word.split_once('=').unwrap_or((word, ""));
                params.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(Self { command: command.clone(), params })
    }

    /// The value of a parameter; of the first one, if it is given several times.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    /// It is not.
    pub fn required(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| Failure::Missing(name.to_owned()))
    }

    /// Whether a flag is set.
    ///
    /// # Errors
    /// Its value is no truth value.
    pub fn flag(&self, name: &str) -> Result<bool, Failure> {
        self.get(name).map_or(Ok(false), |text| truth(name, text))
    }

    /// The pairs of a map: `name:key=value`, and `name-key=value` as old scripts have it.
    #[must_use]
    pub fn map(&self, name: &str) -> Vec<(String, String)> {
        let pairs = self.params.iter().filter_map(|(param, value)| {
            let key = param.strip_prefix(name)?.strip_prefix([':', '-'])?;
            (!key.is_empty()).then(|| (key.to_owned(), value.clone()))
        });
        pairs.collect()
    }
}

/// Reads a truth value.
///
/// # Errors
/// It is none.
pub(crate) fn truth(name: &str, text: &str) -> Result<bool, Failure> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "y" | "yes" => Ok(true),
        "false" | "f" | "0" | "n" | "no" => Ok(false),
        _ => Err(Failure::text(format!(
            "Failed to parse parameter '{name}': expecting a boolean (true or false)"
        ))),
    }
}

/// Reads a whole number, or a size such as `4GiB`; prefixes are powers of 1024.
///
/// # Errors
/// It is none, or too large.
pub(crate) fn number(name: &str, text: &str) -> Result<i64, Failure> {
    let wrong =
        || Failure::text(format!("Failed to parse parameter '{name}': expecting an integer"));
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end).ok_or_else(wrong)?;
    let unit: i64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    let digits: i64 = digits.trim().parse().map_err(|_| wrong())?;
    digits.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::{Arguments, number, split_body};

    fn parse(line: &str) -> Result<Arguments, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Arguments::parse(&words).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn all_forms_of_parameters() {
        let line = "vm-list name-label=a=b --minimal -u root -pw x params=uuid other";
        let args = parse(line).unwrap();
        assert_eq!(args.command, "vm-list");
        assert_eq!(args.get("name-label"), Some("a=b"));
        assert_eq!(args.get("minimal"), Some("true"));
        assert_eq!(args.get("username"), Some("root"));
        assert_eq!(args.get("password"), Some("x"));
        assert_eq!(args.get("other"), Some(""));
        assert_eq!(args.flag("minimal"), Ok(true));
        assert_eq!(parse("vm-list --force=no").unwrap().flag("force"), Ok(false));
        assert!(parse("vm-list --force=perhaps").unwrap().flag("force").is_err());
    }

    #[test]
    fn mistakes_are_told() {
        for (line, words) in [
            ("", "command name is missing"),
            ("name=x", "command name is missing"),
            ("vm-list -z 1", "Unknown switch: -z"),
            ("vm-list -u", "requires a parameter"),
        ] {
            let failure = parse(line).unwrap_err();
            assert!(failure.contains(words), "{line}: {failure}");
        }
    }

    #[test]
    fn maps_in_both_spellings() {
        let args =
            parse("sr-create device-config:server=nas device-config-path=/x device-config:=1")
                .unwrap();
        let pairs = args.map("device-config");
        assert_eq!(pairs, [("server".into(), "nas".into()), ("path".into(), "/x".into())]);
    }

    #[test]
    fn sizes_count_in_powers_of_1024() {
        for (text, bytes) in
            [("4GiB", 4 << 30), ("1KB", 1024), ("12", 12), ("2 MiB", 2 << 20), ("-1", -1)]
        {
            assert_eq!(number("x", text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "1.5GiB", "99999999999TiB", "4XiB", "é"] {
            assert!(number("x", text).is_err(), "{text}");
        }
    }

    #[test]
    fn bodies_of_clients_and_of_members() {
        let body = split_body("vm-list\nminimal=true\nusername=root");
        assert_eq!((body.session, body.words.len()), (None, 3));
        let body = split_body("session_id=OpaqueRef:1\r\nvm-list\r\nx=y z");
        assert_eq!(body.session.as_deref(), Some("OpaqueRef:1"));
        assert_eq!(body.words, ["vm-list", "x=y z"]);
    }
}
