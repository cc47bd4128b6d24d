//! Questions to the person at the terminal.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::failure::{Failure, Outcome};

/// The first line of a file.
pub(crate) fn password_in_file(path: &Path) -> Outcome<String> {
    let text = fs::read_to_string(path)
        .map_err(|e| Failure::local(&format!("reading the password from {}", path.display()), e))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// One line of standard input.
pub(crate) fn line_of_stdin() -> Outcome<String> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|e| Failure::local("reading standard input", e))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks for a password; the answer does not appear on the screen.
pub(crate) fn password(question: &str) -> Outcome<String> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::Usage(
            "a password is needed and there is no terminal to ask at: use --password-stdin or --password-file, whichever it takes, or HAVEN_PASSWORD"
                .to_owned(),
        ));
    }
    ask(question)?;
    let shown =
        tcgetattr(&stdin).map_err(|e| Failure::local("reading the terminal's settings", e))?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)
        .map_err(|e| Failure::local("hiding the password", e))?;
    let line = line_of_stdin();
    let restored = tcsetattr(&stdin, OptionalActions::Now, &shown);
    ask("\n")?;
    restored.map_err(|e| Failure::local("restoring the terminal", e))?;
    line
}

/// Asks for a new password, twice.
pub(crate) fn new_password(user: &str) -> Outcome<String> {
    let first = password(&format!("New password for {user}: "))?;
    if first != password("Again: ")? {
        return Err(Failure::Usage("the two passwords differ; nothing was done".to_owned()));
    }
    Ok(first)
}

/// Asks before something is lost. Without a terminal the answer has to be given as `--yes`.
pub(crate) fn confirm(loss: &str, yes: bool) -> Outcome<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{loss} Say --yes to go on without being asked.")));
    }
    ask(&format!("{loss} Go on? [y/N] "))?;
    match line_of_stdin()?.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Usage("nothing was done".to_owned())),
    }
}

/// Asks for a word that says that the person means it.
pub(crate) fn typed(loss: &str, question: &str) -> Outcome<String> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{loss} Say --confirm with the name of the pool.")));
    }
    ask(&format!("{loss}\n{question}"))?;
    line_of_stdin()
}

fn ask(text: &str) -> Outcome<()> {
    let mut stderr = io::stderr();
    stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush())
        .map_err(|e| Failure::local("writing to the terminal", e))
}
