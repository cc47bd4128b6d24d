//! `haven` started as `xe` (or `haven xe …`): the thin client.
//!
//! Owns: the options and settings of the original client, the frames' other end, the files that
//! a command line names. Never knows a command: the coordinator carries them out, with the same
//! code for every client of this protocol.

mod files;
mod settings;
mod talk;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use haven_xe::wire;

use self::settings::{Asked, Settings};
use crate::failure::Failure;
use crate::render::errors;

/// The arguments after the program's name, if the program is meant to be `xe`.
pub(crate) fn asked(mut args: impl Iterator<Item = OsString>) -> Option<Vec<String>> {
    let program = args.next()?;
    let mut rest = args.map(|arg| arg.to_string_lossy().into_owned()).peekable();
    if Path::new(&program).file_name().is_some_and(|name| name == "xe") {
        return Some(rest.collect());
    }
    rest.next_if(|first| first == "xe")?;
    Some(rest.collect())
}

/// Runs one command line.
pub(crate) fn run(args: Vec<String>) -> ExitCode {
    let settings = match Settings::from_environment(args) {
        Ok(Asked::Run(settings)) => settings,
        Ok(Asked::Usage) => return said(settings::USAGE, 0),
        Ok(Asked::Version) => {
            let version = format!("ThinCLI protocol: {}.{}\n", wire::MAJOR, wire::MINOR);
            let _printed = std::io::stdout().write_all(version.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(text) => return said(&text, 1),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return said(&format!("Error: {error}\n"), 1),
    };
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = talk::run(&settings) => ended,
            // As the original: the command ends here, and the server learns that nobody waits.
            _ = tokio::signal::ctrl_c() => Ok(1),
        }
    });
    // A read of the keyboard may still block; it ends with the process.
    runtime.shutdown_background();
    match ended {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(Failure::Cancelled(_)) => ExitCode::FAILURE,
        Err(Failure::Local(text)) => said(&format!("Error: {text}\n"), 1),
        Err(failure) => said(&in_our_words(&errors::for_people(&failure)), 1),
    }
}

/// What `haven` says of its options, with those of `xe`.
fn in_our_words(text: &str) -> String {
    let text = text.replace("give it with --ca", "give it with ca=FILE");
    text.replace("with --server:", "with -s:").replace("--server HOST", "-s HOST")
}

fn said(text: &str, code: u8) -> ExitCode {
    // Nobody is left to tell when standard error is closed.
    let _written = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::asked;

    #[test]
    fn started_as_xe_or_told_so() {
        let args = |words: &[&str]| {
            asked(words.iter().map(std::ffi::OsString::from).collect::<Vec<_>>().into_iter())
        };
        assert_eq!(args(&["/usr/bin/xe", "vm-list"]), Some(vec!["vm-list".to_owned()]));
        assert_eq!(args(&["haven", "xe", "vm-list"]), Some(vec!["vm-list".to_owned()]));
        assert_eq!(args(&["xe"]), Some(vec![]));
        assert_eq!(args(&["haven", "vm", "list"]), None);
        assert_eq!(args(&["haven"]), None);
        assert_eq!(args(&[]), None);
    }
}
