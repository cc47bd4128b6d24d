//! What stories say of guests, and ask of them.

use crate::World;
use crate::faults::Fault;
use crate::guests::Said;

/// Reads a statement.
pub(super) fn fault(words: &[&str]) -> Result<Fault, String> {
    let unknown = || format!("no such statement: {}", words.join(" "));
    let ["vm", number, rest @ ..] = words else { return Err(unknown()) };
    let vm = number.parse().map_err(|_| format!("{number}: a number"))?;
    let ms = |word: &str| word.parse::<u64>().map_err(|_| format!("{word}: a number"));
    let said = match rest {
        ["is", "watched"] => Said::Watched,
        ["hangs"] => Said::Hangs,
        ["hangs", "after", "each", "boot"] => Said::HangsAlways,
        ["has", "no", "tools"] => Said::NoTools,
        ["boots", "anew", "every", period] => Said::Loops(ms(period)?),
        ["shuts", "itself", "down"] => Said::ShutsDown,
        ["shuts", "itself", "down", "after", time] => Said::ShutsDownAlways(ms(time)?),
        ["is", "shut", "down"] => Said::IsShutDown,
        ["is", "suspended"] => Said::IsSuspended,
        ["is", "paused"] => Said::IsPaused,
        ["restarts", "after", "its", "own", "shutdown"] => Said::OwnEnd(true),
        ["may", "shut", "itself", "down"] => Said::OwnEnd(false),
        _ => return Err(unknown()),
    };
    Ok(Fault::Guest(vm, said))
}

/// What a story asks of a guest.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// So often it was reset.
    Reset(u32, u32),
    /// So often people heard something with these words.
    Heard(usize, String),
}

impl Asked {
    pub(super) fn read(words: &[&str]) -> Result<Self, String> {
        let number = |word: &str| word.parse::<u32>().map_err(|_| format!("{word}: a number"));
        Ok(match words {
            ["vm", vm, "was", "reset", count] => Self::Reset(number(vm)?, number(count)?),
            ["heard", count, "times", rest @ ..] => {
                let count = usize::try_from(number(count)?).unwrap_or(usize::MAX);
                Self::Heard(count, rest.join(" "))
            }
            _ => return Err(format!("no such condition: {}", words.join(" "))),
        })
    }

    pub(super) fn holds(&self, world: &World) -> bool {
        match self {
            Self::Reset(vm, count) => world.resets_of(*vm) == *count,
            Self::Heard(count, words) => world.was_told(words) == *count,
        }
    }
}
