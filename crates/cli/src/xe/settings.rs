//! Options of the thin client: from `~/.xe`, from XE_EXTRA_ARGS, from the command line; the last
//! has the last word.

use std::path::{Path, PathBuf};

use crate::client::endpoint::Endpoint;
use crate::client::trust::Trust;

pub(super) const USAGE: &str = "\
Usage: xe <cmd> [-s server] [-p port] ([-u username] [-pw password] or [-pwf <password file>]) \
<other arguments>

A full list of commands can be obtained by running
\txe help -s <server> -p <port>

Without -s the command talks to the havend of this host. Who answers at a server must be known: give
the certificate of the pool's CA with ca=<file> (or HAVEN_CA), or take the risk with --insecure.
";

/// What is wanted.
#[derive(Debug)]
pub(super) enum Asked {
    /// A command.
    Run(Settings),
    /// How the client is used.
    Usage,
    /// The version of the protocol.
    Version,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Settings {
    server: Option<String>,
    port: Option<u16>,
    username: Option<String>,
    password: Option<String>,
    password_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    insecure: bool,
    /// Whether the frames are shown.
    pub(super) debug: bool,
    socket: PathBuf,
    /// What is not the client's own.
    pub(super) rest: Vec<String>,
}

/// Options with one dash, and what they are called elsewhere.
const SWITCHES: &[(&str, &str)] = &[
    ("-s", "server"),
    ("-h", "server"),
    ("-p", "port"),
    ("-u", "username"),
    ("-pw", "password"),
    ("-pwf", "passwordfile"),
    ("--traceparent", "traceparent"),
];
const FLAGS: &[(&str, &str)] = &[
    ("--debug", "debug"),
    ("--debug-on-fail", "debugonfail"),
    ("--insecure", "insecure"),
    ("--nossl", "nossl"),
];

impl Settings {
    /// From the environment of this process and the given arguments.
    pub(super) fn from_environment(args: Vec<String>) -> Result<Asked, String> {
        let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let home = text("HOME").map(|home| Path::new(&home).join(".xe"));
        let file = home.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let settings = Self {
            ca: text("HAVEN_CA").map(PathBuf::from),
            socket: text("HAVEN_SOCKET")
                .map_or_else(|| PathBuf::from("/run/haven/havend.sock"), PathBuf::from),
            ..Self::default()
        };
        let extra = text("XE_EXTRA_ARGS").unwrap_or_default();
        settings.read(&file, &extra, args)
    }

    fn read(mut self, file: &str, extra: &str, args: Vec<String>) -> Result<Asked, String> {
        if args.iter().any(|arg| arg == "-version") {
            return Ok(Asked::Version);
        }
        let lines = file.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once('='));
        let from_file: Vec<String> =
            pairs.map(|(name, value)| format!("{}={}", name.trim(), value.trim())).collect();
        let from_file = self.take(from_file)?;
        let from_extra = self.take(extra_args(extra))?;
        if args.iter().any(|arg| arg == "--help" || arg == "-help") {
            return Ok(Asked::Usage);
        }
        let own = self.take(args)?;
        if own.is_empty() {
            return Ok(Asked::Usage);
        }
        self.rest = [own, from_extra, from_file].concat();
        if let Some(file) = self.password_file.take() {
            self.read_password(&file)?;
        }
        Ok(Asked::Run(self))
    }

    /// Takes the client's own options out of `args`.
    fn take(&mut self, args: Vec<String>) -> Result<Vec<String>, String> {
        let mut rest = Vec::new();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if let Some((_, name)) = FLAGS.iter().find(|(flag, _)| *flag == arg) {
                self.set(name, "true")?;
            } else if let Some((_, name)) = SWITCHES.iter().find(|(switch, _)| *switch == arg) {
                match args.next() {
                    Some(value) => drop(self.set(name, &value)?),
                    None => rest.push(arg),
                }
            } else {
                let own = match arg.split_once('=') {
                    Some((name, value)) => self.set(name, value)?,
                    None => false,
                };
                if !own {
                    rest.push(arg);
                }
            }
        }
        Ok(rest)
    }

    /// Whether the option is the client's own; then it is set.
    fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "server" => self.server = Some(value.to_owned()),
            "port" => {
                let wrong = |_| format!("Port number must be an integer (0-65535)\n{USAGE}");
                self.port = Some(value.parse().map_err(wrong)?);
            }
            "username" => self.username = Some(value.to_owned()),
            "password" => self.password = Some(value.to_owned()),
            "passwordfile" => self.password_file = Some(PathBuf::from(value)),
            "ca" => self.ca = Some(PathBuf::from(value)),
            "insecure" => self.insecure = value == "true",
            "debug" | "debugonfail" => self.debug |= value == "true",
            "traceparent" => {}
            "nossl" if value == "true" => {
                return Err(
                    "Error: a host of this pool speaks TLS only: leave --nossl away\n".to_owned()
                );
            }
            "nossl" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_password(&mut self, file: &Path) -> Result<(), String> {
        let text = std::fs::read_to_string(file)
            .map_err(|_| format!("Error opening password file '{}'\n", file.display()))?;
        let mut lines = text.lines();
        let (Some(user), Some(password)) = (lines.next(), lines.next()) else {
            return Err("Error: password file format: expecting username on the first line, \
                        password on the second line\n"
                .to_owned());
        };
        self.username = Some(user.to_owned());
        self.password = Some(password.to_owned());
        Ok(())
    }

    /// Where the command goes.
    pub(super) fn endpoint(&self) -> crate::failure::Outcome<Endpoint> {
        let here = |server: &str| {
            ["127.0.0.1", "localhost"].contains(&server)
                && self.port.is_none()
                && self.socket.exists()
        };
        match &self.server {
            Some(server) if !here(server) => match Endpoint::parse(server)? {
                Endpoint::Tls { host, port } => {
                    Ok(Endpoint::Tls { host, port: self.port.unwrap_or(port) })
                }
                other => Ok(other),
            },
            _ => Ok(Endpoint::Unix(self.socket.clone())),
        }
    }

    /// Whom to believe there.
    pub(super) fn trust(&self) -> Trust {
        match (&self.ca, self.insecure) {
            (_, true) => Trust::Nobody,
            (Some(file), false) => Trust::Ca(file.clone()),
            (None, false) => Trust::HostCa,
        }
    }

    /// The body of the request.
    pub(super) fn body(&self) -> String {
        let mut words = self.rest.clone();
        words.push(format!("username={}", self.username.as_deref().unwrap_or("root")));
        words.push(format!("password={}", self.password.as_deref().unwrap_or("null")));
        words.join("\n")
    }

    /// Files that the command line names: no others are sent or written.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let values = self.rest.iter().filter_map(|arg| arg.split_once('='));
        values.map(|(_, value)| value.trim()).filter(|v| !v.is_empty()).map(PathBuf::from).collect()
    }
}

/// Splits at commas; a backslash before a comma keeps it.
fn extra_args(text: &str) -> Vec<String> {
    let (mut args, mut arg, mut kept) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '\\' if !kept => kept = true,
            ',' if !kept => args.push(std::mem::take(&mut arg)),
            other => {
                arg.push(other);
                kept = false;
            }
        }
    }
    args.push(arg);
    args.retain(|arg| !arg.is_empty());
    args
}

#[cfg(test)]
mod tests {
    use super::{Asked, Settings, extra_args};
    use crate::client::endpoint::Endpoint;

    fn read(file: &str, extra: &str, line: &str) -> Result<Settings, String> {
        let args = line.split(' ').filter(|arg| !arg.is_empty()).map(str::to_owned).collect();
        match Settings::default().read(file, extra, args)? {
            Asked::Run(settings) => Ok(settings),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_last_word_is_the_command_lines() {
        let file = "# mine\nserver=h1\nusername = ann\npassword=a\nunknown=x\n";
        let settings =
            read(file, "server=h2,port=8443", "-u bob vm-list -pw b params=all").unwrap();
        assert_eq!(settings.rest, ["vm-list", "params=all", "unknown=x"]);
        let body = settings.body();
        assert!(body.ends_with("username=bob\npassword=b"), "{body}");
        let expected = Endpoint::Tls { host: "h2".to_owned(), port: 8443 };
        assert_eq!(settings.endpoint().unwrap(), expected);
    }

    #[test]
    fn without_a_server_the_local_socket() {
        let settings = read("", "", "vm-list").unwrap();
        assert!(matches!(settings.endpoint(), Ok(Endpoint::Unix(_))));
        assert!(settings.body().ends_with("username=root\npassword=null"));
    }

    #[test]
    fn mistakes() {
        for (line, words) in [
            ("", "Usage"),
            ("-s h1", "Usage"),
            ("vm-list --help", "Usage"),
            ("-version", "Version"),
            ("vm-list -p many", "Port number"),
            ("vm-list --nossl", "TLS only"),
            ("vm-list -pwf /nowhere/at/all", "Error opening password file"),
        ] {
            let failure = read("", "", line).unwrap_err();
            assert!(failure.contains(words), "{line}: {failure}");
        }
    }

    #[test]
    fn commas_can_be_kept() {
        assert_eq!(extra_args(r"a=1,b=x\,y,,c"), ["a=1", "b=x,y", "c"]);
        assert!(extra_args("").is_empty());
    }
}
