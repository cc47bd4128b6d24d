//! `help`.

use serde_json::json;

use crate::facts::{self, CommandSpec, Selects, Verb};
use crate::failure::Failure;
use crate::printer::{Cell, Mode};
use crate::run::Run;

/// Width from which on a list of commands is broken.
const LIST_WIDTH: usize = 74;

const USAGE: &str = "\
Usage:
  xe <command>
    [ -s <server> ]            A host of the pool; without it this host, as root
    [ -p <port> ]              Its port, if it is not 443
    [ -u <username> -pw <password> | -pwf <password file> ]
                               User authentication (password or file)
    [ --minimal | --json ]     Values only, or one JSON value
    [ --debug ]                Say what goes over the wire
    [ <other arguments> ... ]  Command-specific options

To get help on a specific command:
  xe help <command>

";
const SHORT: &str = "\
To get a full listing of commands:
  xe help --all

Common command list
-------------------
";
const FULL: &str = "\
Full command list
-----------------
";

/// Parameters that are no names of commands.
const NO_COMMANDS: &[&str] =
    &["server", "username", "password", "port", "minimal", "all", "json", "trace"];

impl Run<'_> {
    pub(crate) fn help(&mut self) -> Result<(), Failure> {
        let params = self.args.params.iter().map(|(name, _)| name.clone());
        let asked: Vec<String> = params.filter(|n| !NO_COMMANDS.contains(&n.as_str())).collect();
        if asked.is_empty() {
            return self.overview();
        }
        for name in asked {
            match facts::command(&name) {
                Some(command) => self.printer.record(explained(command)),
                None => self.printer.list(vec![format!("Unknown command '{name}'")]),
            }
        }
        Ok(())
    }

    fn overview(&mut self) -> Result<(), Failure> {
        let all = self.args.flag("all")?;
        let wanted = facts::commands().filter(|c| !c.hidden && (all || c.common));
        let mut names: Vec<String> = wanted.map(|c| c.name.clone()).collect();
        names.sort();
        match self.printer.mode {
            Mode::Minimal => self.printer.list(names),
            Mode::Json => self.printer.value(String::new(), json!(names)),
            Mode::Text => {
                self.printer.list(vec![format!("{USAGE}{}", if all { FULL } else { SHORT })]);
                let groups: [&dyn Fn(&str) -> bool; 3] =
                    [&|name| name.starts_with("host-"), &|name| name.starts_with("vm-"), &|name| {
                        !name.starts_with("host-") && !name.starts_with("vm-")
                    }];
                if !all {
                    self.printer.list(columns(&names));
                    return Ok(());
                }
                for (index, group) in groups.into_iter().enumerate() {
                    if index > 0 {
                        self.printer.list(vec!["    ".to_owned()]);
                    }
                    let names: Vec<String> = names.iter().filter(|n| group(n)).cloned().collect();
                    self.printer.list(columns(&names));
                }
            }
        }
        Ok(())
    }
}

/// Names behind each other, in indented lines.
fn columns(names: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.len() + name.len() <= LIST_WIDTH => {
                line.push_str(", ");
                line.push_str(name);
            }
            _ => lines.push(format!("    {name}")),
        }
    }
    lines
}

fn explained(command: &CommandSpec) -> Vec<Cell> {
    let mut optional = command.optional.clone();
    if let Some(selectors) = command.selects.map(Selects::selectors) {
        optional.push(selectors.to_owned());
    }
    vec![
        Cell::text("command name        ", command.name.as_str()),
        Cell::text("reqd params     ", command.required.join(", ")),
        Cell::text("optional params ", optional.join(", ")),
        Cell::text("description     ", description(command)),
    ]
}

impl Selects {
    fn selectors(self) -> &'static str {
        match self {
            Self::Vm => "<vm-selectors>",
            Self::Host => "<host-selectors>",
            Self::Sr => "<sr-selectors>",
        }
    }
}

fn description(command: &CommandSpec) -> String {
    let text = match (command.generated, &command.action) {
        (Some((verb, class)), _) => generated(verb, class.name),
        (None, Some(action)) => format!("Sends {} of the API.", action.method),
        (None, None) => crate::commands::about(&command.name).to_owned(),
    };
    let select = match command.selects {
        None => "",
        Some(Selects::Vm) => {
            " Select the machines by vm=<name or uuid> or by the values of fields, such as \
             power-state=halted (all fields: xe vm-list params=all). Where several fit, \
             --multiple is needed; without selectors, all fit."
        }
        Some(Selects::Host) => {
            " Select the hosts by host=<name or uuid> or by the values of fields (all fields: xe \
             host-list params=all). Where several fit, --multiple is needed; without selectors, \
             all fit."
        }
        Some(Selects::Sr) => {
            " Select the repositories by sr=<name or uuid> or by the values of fields (all \
             fields: xe sr-list params=all). Where several fit, --multiple is needed; without \
             selectors, all fit."
        }
    };
    text + select
}

fn generated(verb: Verb, class: &str) -> String {
    let many = if class == "patch" { "patches".to_owned() } else { format!("{class}s") };
    match verb {
        Verb::List => format!(
            "Lists the {many} that have the given values of fields; map:key=value looks into a \
             map, set:contains=x into a set."
        ),
        Verb::ParamList => format!("Lists all fields of one of the {many}."),
        Verb::ParamGet => "Prints one field; of a map the value of param-key.".to_owned(),
        Verb::ParamSet => "Sets fields; map:key=value sets one key of a map.".to_owned(),
        Verb::ParamAdd => "Adds param-key to a set, or key=value pairs to a map.".to_owned(),
        Verb::ParamRemove => "Removes param-key from a set or map.".to_owned(),
        Verb::ParamClear => "Empties one field.".to_owned(),
    }
}
