//! From a request to its exit code.

use haven_model::{ApiError, codes};

use crate::args::{Arguments, split_body};
use crate::commands;
use crate::facts::{self, CommandSpec};
use crate::failure::Failure;
use crate::printer::Mode;
use crate::run::Run;
use crate::wire::Command;
use crate::{Api, Screen};

/// Who sends the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Root on a host of the pool.
    Root,
    /// Somebody over the network.
    Remote,
}

/// Whether the command line in `body` is for the very host that gets it, whoever coordinates.
#[must_use]
pub fn is_local(body: &str) -> bool {
    let words = split_body(body).words;
    words.first().and_then(|name| facts::command(name)).is_some_and(|command| command.local)
}

/// Carries out the command line in `body`: everything that is shown goes to `screen`, the exit
/// code last. Returns the exit code.
pub fn execute(body: &str, api: &mut dyn Api, screen: &mut dyn Screen) -> i32 {
    let split = split_body(body);
    let args = match Arguments::parse(&split.words) {
        Ok(args) => args,
        Err(failure) => return end(&failure.shown(&mut |_| None), failure.exit_code(), screen),
    };
    let mode = match (args.flag("json"), args.flag("minimal")) {
        (Ok(true), _) => Mode::Json,
        (_, Ok(true)) => Mode::Minimal,
        (_, Ok(false)) => Mode::Text,
        (_, Err(failure)) => {
            return end(&failure.shown(&mut |_| None), failure.exit_code(), screen);
        }
    };
    let mut run = Run::new(api, screen, args, mode);
    let ended = run.whole(split.session.is_some());
    let (shown, code) = match ended {
        Ok(()) => (Vec::new(), 0),
        Err(failure) => {
            let _sent = run.flush();
            let mut name = |id| run.named(None, id);
            let shown = match mode {
                Mode::Json => failure.as_json(&mut name),
                _ => failure.shown(&mut name),
            };
            (shown, failure.exit_code())
        }
    };
    run.api.logout();
    end(&shown, code, run.screen)
}

fn end(shown: &[Command], code: i32, screen: &mut dyn Screen) -> i32 {
    for command in shown.iter().chain([&Command::Exit(code)]) {
        if screen.send(command).is_err() {
            break;
        }
    }
    code
}

impl Run<'_> {
    fn whole(&mut self, in_session: bool) -> Result<(), Failure> {
        let name = self.args.command.clone();
        if name == "help" {
            self.help()?;
        } else {
            let spec = facts::command(&name).ok_or(Failure::UnknownCommand(name))?;
            for required in &spec.required {
                self.args.required(required)?;
            }
            if !in_session {
                let user = self.args.get("username").unwrap_or_default().to_owned();
                let password = self.args.get("password").unwrap_or_default().to_owned();
                self.api.login(&user, &password, spec.local)?;
            }
            self.carry_out(spec)?;
        }
        self.printer.finish();
        self.flush()
    }

    fn carry_out(&mut self, spec: &'static CommandSpec) -> Result<(), Failure> {
        if let Some((verb, class)) = spec.generated {
            return self.generated(verb, class);
        }
        if let Some(handler) = commands::handler(&spec.name) {
            return handler(self, spec);
        }
        match &spec.action {
            Some(action) => self.act(spec, action),
            None => Err(ApiError::with(codes::NOT_IMPLEMENTED, &[&spec.name]).into()),
        }
    }
}
