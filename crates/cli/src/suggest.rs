//! What may have been meant by an unknown word, where clap has no idea.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, Error};

use crate::args::Cli;

/// Words that differ by more letters are different words.
const DISTANCE_MAX: usize = 1;

/// Adds a tip to the error about an unknown noun: a noun that is spelt nearly so, or the nouns that
/// have such a verb.
pub(crate) fn add(mut error: Error) -> Error {
    if error.kind() != ErrorKind::InvalidSubcommand
        || error.get(ContextKind::SuggestedSubcommand).is_some()
    {
        return error;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let tips = tips(word, &Cli::command());
    if !tips.is_empty() {
        let tips = tips
            .iter()
            .map(|tip| StyledStr::from(format!("did you mean `haven {tip}`?")))
            .collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    error
}

fn tips(word: &str, command: &Command) -> Vec<String> {
    let mut tips = Vec::new();
    for noun in command.get_subcommands() {
        if strsim::damerau_levenshtein(word, noun.get_name()) <= DISTANCE_MAX {
            tips.push(noun.get_name().to_owned());
        }
        if noun.find_subcommand(word).is_some() {
            tips.push(format!("{} {word}", noun.get_name()));
        }
    }
    tips
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::tips;
    use crate::args::Cli;

    #[test]
    fn a_misspelt_noun_and_a_verb_without_its_noun() {
        let command = Cli::command();
        assert_eq!(tips("vn", &command), ["vm"]);
        assert_eq!(tips("evnet", &command), ["event"]);
        assert_eq!(tips("migrate", &command), ["vm migrate"]);
        assert!(tips("frobnicate", &command).is_empty());
    }
}
