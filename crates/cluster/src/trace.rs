//! What a machine was told and what it said, written down so that the same can be had again.
//!
//! Owns: the format of such a record, and its replay: a machine of the same kind is told the same at the
//! same moments, and must say the same, byte for byte, in the same order. A record begins with the life of
//! the machine, for nothing else has its whole state. It holds the key of the datagrams: who can read it
//! can forge them.

use std::collections::BTreeMap;

use crate::api::{BootInfo, Input, IoFailed, IoId, Output};
use crate::codec::{Reader, Writer};
use crate::control::{ArmConfig, GuardCommand};
use crate::ids::{HostId, Incarnation, Instant};
use crate::{BLOCK_SIZE, Machine};

const MAGIC: &[u8; 8] = b"HAVTRC01";
const INPUT: u8 = 1;
const OUTPUT: u8 = 2;
/// The end of what was recorded: room or time did not suffice for more.
const TORN: u8 = 3;

const TIMER: u8 = 0;
const DATAGRAM: u8 = 1;
const READ: u8 = 2;
const READ_FAILED: u8 = 3;
const WRITTEN: u8 = 4;
const WATCHDOG: u8 = 5;
const COMMAND: u8 = 6;
const ISOLATION: u8 = 7;
const FENCED: u8 = 8;
const HEALTH: u8 = 9;

/// Why a record cannot be replayed, or was not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// It is no record, or of another version.
    #[error("this is no record of a guard of this version")]
    Format,
    /// Its machine cannot be built.
    #[error("the recorded configuration is refused")]
    Config,
    /// The machine said something else than was recorded.
    #[error("input {input}: recorded as {recorded:016x}, and now it is {said}")]
    Differs {
        /// How many inputs it had been told.
        input: u64,
        /// Digest of what was recorded.
        recorded: u64,
        /// What it says now.
        said: String,
    },
}

/// What a replay came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// What the machine was told.
    pub inputs: u64,
    /// What it said, all of it as recorded.
    pub outputs: u64,
    /// The record ends before the machine did.
    pub torn: bool,
}

/// Writes a record, piece by piece; the pieces follow each other in a file.
#[derive(Debug, Default)]
pub struct TraceWriter {
    /// The last read of each length: most of the next one is the same.
    reads: BTreeMap<usize, Vec<u8>>,
}

impl TraceWriter {
    /// The begin of a record: all that [`Machine::new`] was given.
    #[must_use]
    pub fn begin(boot: &BootInfo, config: &ArmConfig, rng_seed: u64) -> Option<Vec<u8>> {
        let mut out = Writer::default();
        out.raw(MAGIC);
        out.uuid(boot.host.0);
        for number in [boot.incarnation.0, boot.now.0, boot.booted_at.0, rng_seed] {
            out.u64(number);
        }
        out.u32(boot.running);
        put_bytes(&mut out, &serde_json::to_vec(config).ok()?)?;
        Some(out.into_bytes())
    }

    /// An input, as the machine is about to be told it.
    #[must_use]
    pub fn input(&mut self, now: Instant, input: &Input<'_>) -> Option<Vec<u8>> {
        let mut out = Writer::default();
        out.u8(INPUT);
        out.u64(now.0);
        match input {
            Input::Timer => out.u8(TIMER),
            Input::Datagram { network, bytes } => {
                out.u8(DATAGRAM);
                out.u8(*network);
                put_bytes(&mut out, bytes)?;
            }
            Input::ReadDone { io, result: Ok(bytes) } => {
                out.u8(READ);
                out.u64(io.0);
                self.put_read(&mut out, bytes.to_vec())?;
            }
            Input::ReadDone { io, result: Err(IoFailed) } => {
                out.u8(READ_FAILED);
                out.u64(io.0);
            }
            Input::WriteDone { io, result } => {
                out.u8(WRITTEN);
                out.u64(io.0);
                out.u8(result.is_ok().into());
            }
            Input::WatchdogArmed { bite_ms } => {
                out.u8(WATCHDOG);
                out.u8(bite_ms.is_ok().into());
                out.u32(bite_ms.unwrap_or(0));
            }
            Input::Command { id, command } => {
                out.u8(COMMAND);
                out.u64(*id);
                put_bytes(&mut out, &serde_json::to_vec(command).ok()?)?;
            }
            Input::Isolation { reached } => put_flag(&mut out, ISOLATION, *reached),
            Input::Fenced { clean } => put_flag(&mut out, FENCED, *clean),
            Input::HavendHealth { alive } => put_flag(&mut out, HEALTH, *alive),
        }
        Some(out.into_bytes())
    }

    /// An output, as the machine gave it.
    #[must_use]
    pub fn output(output: &Output) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(OUTPUT);
        out.u64(digest(output));
        out.into_bytes()
    }

    /// The rest is missing.
    #[must_use]
    pub fn torn() -> Vec<u8> {
        vec![TORN]
    }

    /// Which blocks are what the last read of this length showed, and the others without the zeroes at
    /// their ends.
    fn put_read(&mut self, out: &mut Writer, bytes: Vec<u8>) -> Option<()> {
        out.u32(u32::try_from(bytes.len()).ok()?);
        let before = self.reads.get(&bytes.len());
        for (number, block) in bytes.chunks(BLOCK_SIZE).enumerate() {
            let old = before.and_then(|old| old.chunks(BLOCK_SIZE).nth(number));
            if old == Some(block) {
                out.u8(0);
                continue;
            }
            out.u8(1);
            let used = block.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            put_bytes(out, block.get(..used)?)?;
        }
        self.reads.insert(bytes.len(), bytes);
        Some(())
    }
}

fn put_bytes(out: &mut Writer, bytes: &[u8]) -> Option<()> {
    out.u32(u32::try_from(bytes.len()).ok()?);
    out.raw(bytes);
    Some(())
}

fn put_flag(out: &mut Writer, kind: u8, flag: bool) {
    out.u8(kind);
    out.u8(flag.into());
}

fn get_bytes<'a>(input: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(input.u32()?).ok()?;
    input.raw(length)
}

/// FNV-1a over what an output says, with the bytes that it carries.
fn digest(output: &Output) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    match output {
        Output::Write { io, statefile, block, bytes } => {
            take(&io.0.to_le_bytes());
            take(&[*statefile]);
            take(&block.to_le_bytes());
            take(bytes.head());
        }
        other => take(format!("{other:?}").as_bytes()),
    }
    hash
}

/// Tells a machine what was recorded. `say` is given every decision that is not mere traffic.
///
/// # Errors
/// It is no record, or the machine says something else.
pub fn replay(bytes: &[u8], mut say: impl FnMut(Instant, &Output)) -> Result<Replayed, TraceError> {
    let mut input = Reader::new(bytes);
    let (boot, config, seed) = get_begin(&mut input).ok_or(TraceError::Format)?;
    let mut machine = Machine::new(boot, config, seed).map_err(|_| TraceError::Config)?;
    let (mut done, mut now) = (Replayed::default(), Instant(0));
    let mut reads = BTreeMap::new();
    loop {
        match input.u8() {
            // A process that was killed wrote half a piece at most.
            None | Some(TORN) => break,
            Some(INPUT) => {
                let Some((at, told)) = get_input(&mut input, &mut reads) else { break };
                now = at;
                tell(&mut machine, now, &told);
                done.inputs += 1;
            }
            Some(OUTPUT) => {
                let Some(recorded) = input.u64() else { break };
                let said = machine.poll_output();
                let same = said.as_ref().filter(|said| digest(said) == recorded);
                let Some(same) = same else {
                    let said = said.map_or_else(|| "silent".to_owned(), |said| format!("{said:?}"));
                    return Err(TraceError::Differs { input: done.inputs, recorded, said });
                };
                done.outputs += 1;
                let traffic = matches!(
                    same,
                    Output::Send { .. }
                        | Output::Read { .. }
                        | Output::Write { .. }
                        | Output::StateChanged
                );
                if !traffic {
                    say(now, same);
                }
            }
            Some(_) => return Err(TraceError::Format),
        }
    }
    done.torn = machine.next_deadline().is_some();
    Ok(done)
}

fn get_begin(input: &mut Reader<'_>) -> Option<(BootInfo, ArmConfig, u64)> {
    if input.raw(MAGIC.len())? != MAGIC {
        return None;
    }
    let host = HostId(input.uuid()?);
    let incarnation = Incarnation(input.u64()?);
    let (now, booted_at) = (Instant(input.u64()?), Instant(input.u64()?));
    let (seed, running) = (input.u64()?, input.u32()?);
    let config = serde_json::from_slice(get_bytes(input)?).ok()?;
    Some((BootInfo { host, incarnation, now, booted_at, running }, config, seed))
}

/// An input that owns its bytes.
enum Owned<'a> {
    Plain(Input<'a>),
    Read(IoId, Vec<u8>),
}

fn tell(machine: &mut Machine, now: Instant, told: &Owned<'_>) {
    match told {
        Owned::Plain(input) => machine.handle(now, input.clone()),
        Owned::Read(io, bytes) => {
            let result = Ok(bytes.as_slice().into());
            machine.handle(now, Input::ReadDone { io: *io, result });
        }
    }
}

fn get_input<'a>(
    input: &mut Reader<'a>,
    reads: &mut BTreeMap<usize, Vec<u8>>,
) -> Option<(Instant, Owned<'a>)> {
    let now = Instant(input.u64()?);
    let told = match input.u8()? {
        TIMER => Input::Timer,
        DATAGRAM => Input::Datagram { network: input.u8()?, bytes: get_bytes(input)? },
        READ => {
            let io = IoId(input.u64()?);
            return Some((now, Owned::Read(io, get_read(input, reads)?)));
        }
        READ_FAILED => Input::ReadDone { io: IoId(input.u64()?), result: Err(IoFailed) },
        WRITTEN => {
            let io = IoId(input.u64()?);
            let result = if input.u8()? == 1 { Ok(()) } else { Err(IoFailed) };
            Input::WriteDone { io, result }
        }
        WATCHDOG => {
            let (armed, bite_ms) = (input.u8()? == 1, input.u32()?);
            Input::WatchdogArmed { bite_ms: if armed { Ok(bite_ms) } else { Err(IoFailed) } }
        }
        COMMAND => {
            let id = input.u64()?;
            let command: GuardCommand = serde_json::from_slice(get_bytes(input)?).ok()?;
            Input::Command { id, command }
        }
        ISOLATION => Input::Isolation { reached: input.u8()? == 1 },
        FENCED => Input::Fenced { clean: input.u8()? == 1 },
        HEALTH => Input::HavendHealth { alive: input.u8()? == 1 },
        _ => return None,
    };
    Some((now, Owned::Plain(told)))
}

fn get_read(input: &mut Reader<'_>, reads: &mut BTreeMap<usize, Vec<u8>>) -> Option<Vec<u8>> {
    let length = usize::try_from(input.u32()?).ok()?;
    let before = reads.remove(&length).unwrap_or_default();
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let end = length.min(bytes.len() + BLOCK_SIZE);
        if input.u8()? == 0 {
            bytes.extend_from_slice(before.get(bytes.len()..end)?);
        } else {
            bytes.extend_from_slice(get_bytes(input)?);
            bytes.resize(end, 0);
        }
    }
    reads.insert(length, bytes.clone());
    Some(bytes)
}
