//! What stories say of data storage, and of what operators ask.

use haven_failover::storage::Response;

use crate::data::DataFault;
use crate::operators::Call;

/// Reads a statement about it; nothing if it is not about it.
pub(super) fn fault(
    words: &[&str],
    host: &dyn Fn(&str) -> Result<usize, String>,
) -> Result<Option<DataFault>, String> {
    let number = |word: &str| word.parse::<u64>().map_err(|_| format!("{word}: a number"));
    let vm = |word: &str| word.parse::<u32>().map_err(|_| format!("{word}: a VM's number"));
    let hosts = |names: &[&str]| names.iter().map(|name| host(name)).collect::<Result<_, String>>();
    Ok(Some(match words {
        ["data", "storage", "holds", count, "VMs"] => DataFault::Holds(vm(count)?),
        ["data", "storage", "is", "lost", "everywhere"] => DataFault::Everywhere(false),
        ["data", "storage", "is", "lost", "on", names @ ..] => DataFault::Lost(hosts(names)?),
        ["data", "storage", "is", "back", "everywhere"] => DataFault::Everywhere(true),
        ["data", "storage", "is", "back", "on", names @ ..] => DataFault::Back(hosts(names)?),
        ["lost", "storage", "is", "ignored"] => DataFault::Policy(Response::Off, 0),
        ["lost", "storage", "is", "told"] => DataFault::Policy(Response::Tell, 0),
        ["VMs", "of", "lost", "storage", "move", "after", ms] => {
            DataFault::Policy(Response::Move, number(ms)?)
        }
        ["the", "process", "of", "vm", name, "cannot", "be", "ended"] => {
            DataFault::Mortal(vm(name)?, false)
        }
        ["the", "process", "of", "vm", name, "can", "be", "ended"] => {
            DataFault::Mortal(vm(name)?, true)
        }
        _ => return Ok(None),
    }))
}

/// Reads what an operator asks for; nothing if it is not that.
pub(super) fn call(
    words: &[&str],
    host: &dyn Fn(&str) -> Result<usize, String>,
) -> Result<Option<Call>, String> {
    let number = |word: &str| word.parse::<u32>().map_err(|_| format!("{word}: a number"));
    let ["an", "operator", words @ ..] = words else { return Ok(None) };
    Ok(Some(match words {
        ["deletes", "the", "statefile"] => Call::DeleteStatefile,
        ["forgets", "the", "statefile"] => Call::DeleteStatefile,
        ["resizes", "the", "statefile"] => Call::ResizeStatefile,
        ["forgets", "the", "repository", "of", "the", "statefile"] => Call::ForgetRepository,
        ["inserts", "a", "disc", "of", name, "into", "vm", vm] => {
            Call::Insert(number(vm)?, host(name)?)
        }
        ["ejects", "the", "disc", "of", "vm", vm] => Call::Eject(number(vm)?),
        ["promises", failures, "failures"] => Call::Promise(number(failures)?),
        ["lets", "pass", "what", "breaks", "the", "promise"] => Call::Admission(true),
        ["has", "refused", "what", "breaks", "the", "promise"] => Call::Admission(false),
        _ => return Ok(None),
    }))
}
