//! The faults and commands that a story can give, as words.

use haven_cluster::control::IsolationResponse;
use haven_cluster::timing::{Profile, Timing};

use crate::PowerDevice;
use crate::faults::{Fault, Head};
use crate::options::Options;

/// Reads `pool key=value …`: the options and the seed.
pub(super) fn pool(words: &[&str]) -> Result<(Options, u64), String> {
    let mut options = Options { log: true, late_writes: false, ..Options::pool(3, Profile::Fast) };
    let (mut seed, mut vms) = (1, None);
    for word in words {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("{word}: key=value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word}: a number"));
        let count = || number().and_then(|n| usize::try_from(n).map_err(|e| e.to_string()));
        match key {
            "hosts" => options.hosts = count()?,
            "profile" => options.timing = Timing::of(profile(value)?),
            // After the profile: they change it.
            "lease-ms" => options.timing.t_lease_ms = u32::try_from(number()?).unwrap_or(0),
            "watchdog-ms" => options.timing.t_wd_ms = u32::try_from(number()?).unwrap_or(0),
            "late-ms" => options.timing.t_late_ms = u32::try_from(number()?).unwrap_or(0),
            "seed" => seed = number()?,
            "vms" => vms = Some(number()?),
            "statefiles" => options.statefiles = count()?,
            "networks" => options.networks = count()?,
            "tolerate" => options.tolerate = u32::try_from(number()?).unwrap_or(1),
            "disarmed" => options.disarmed = value == "yes",
            "quarantine" => options.quarantine = value == "yes",
            "late-writes" => options.late_writes = value == "yes",
            "response" => {
                options.isolation_response = match value {
                    "fence" => IsolationResponse::Fence,
                    "shutdown" => IsolationResponse::Shutdown,
                    "hold" => IsolationResponse::Hold,
                    _ => return Err(format!("{word}: fence, shutdown or hold")),
                };
            }
            "device" => {
                options.power_fencing = match value {
                    "good" => PowerDevice::Good,
                    "lying" => PowerDevice::Lying,
                    "hanging" => PowerDevice::Hanging,
                    _ => return Err(format!("{word}: good, lying or hanging")),
                };
            }
            _ => return Err(format!("{word}: no such option")),
        }
    }
    let default = 2 * options.hosts as u64;
    options.vms = u32::try_from(vms.unwrap_or(default)).unwrap_or(0);
    Ok((options, seed))
}

fn profile(name: &str) -> Result<Profile, String> {
    match name {
        "fast" => Ok(Profile::Fast),
        "default" => Ok(Profile::Default),
        "conservative" => Ok(Profile::Conservative),
        _ => Err(format!("{name}: fast, default or conservative")),
    }
}

/// Reads a fault or a command.
pub(super) fn fault(
    words: &[&str],
    host: &dyn Fn(&str) -> Result<usize, String>,
) -> Result<Fault, String> {
    let number = |word: &str| word.parse::<u64>().map_err(|_| format!("{word}: a number"));
    let small = |word: &str| number(word).map(|n| u8::try_from(n).unwrap_or(u8::MAX));
    Ok(match words {
        ["power", "off", h] => Fault::PowerOff(host(h)?),
        ["power", "on", h] => Fault::PowerOn(host(h)?),
        ["pause", h, ms] => Fault::Pause(host(h)?, number(ms)?),
        ["cut", h] => Fault::CutHost(host(h)?),
        ["rejoin", h] => Fault::HealHost(host(h)?),
        ["cut", a, "to", b] => Fault::CutOneWay(host(a)?, host(b)?),
        ["join", a, "to", b] => Fault::Join(host(a)?, host(b)?),
        ["network", "heals"] => Fault::HealNetwork,
        ["partition", names @ ..] => {
            let hosts = names.iter().map(|name| host(name)).collect::<Result<Vec<_>, _>>()?;
            Fault::Partition(hosts.into_iter().fold(0, |set, host| set | 1 << host))
        }
        ["noise", loss, duplicates, delayed, ms] => {
            Fault::Noise(number(loss)?, number(duplicates)?, number(delayed)?, number(ms)?)
        }
        ["unplug", h, "from", network] => Fault::Unplug(host(h)?, small(network)?),
        ["plug", h, "into", network] => Fault::Plug(host(h)?, small(network)?),
        ["storage", "stalls", "for", h] => Fault::Stall(host(h)?),
        ["storage", "fails", "for", h] => Fault::Fail(host(h)?),
        ["a", "beat", "of", h, "fails", "and", "lands", "after", ms] => {
            Fault::FailsLate(host(h)?, false, number(ms)?)
        }
        ["a", "ballot", "of", h, "fails", "and", "lands", "after", ms] => {
            Fault::FailsLate(host(h)?, true, number(ms)?)
        }
        ["beats", "of", h, "are", "stuck"] => Fault::BeatsStuckAfter(host(h)?, 0),
        ["beats", "of", h, "go", "on"] => Fault::BeatsStuckAfter(host(h)?, u32::MAX),
        ["storage", "slow", "for", h, ms] => Fault::Slow(host(h)?, number(ms)?),
        ["storage", "good", "for", h] => Fault::DiskGood(host(h)?),
        ["statefile", file, "stalls", "for", h] => Fault::StallOn(host(h)?, small(file)?),
        ["statefile", file, "good", "for", h] => Fault::GoodOn(host(h)?, small(file)?),
        ["metadata", "stalls", "for", h] => Fault::StallOn(host(h)?, crate::database::METADATA),
        ["metadata", "fails", "for", h] => Fault::FailOn(host(h)?, crate::database::METADATA),
        ["statefile", file, "is", "copied"] => Fault::Snapshot(small(file)?),
        ["statefile", file, "is", "put", "back"] => Fault::Restore(small(file)?),
        ["metadata", "good", "for", h] => Fault::GoodOn(host(h)?, crate::database::METADATA),
        ["metadata", "takes", ms, "for", h] => {
            Fault::SlowOn(host(h)?, crate::database::METADATA, number(ms)?)
        }
        ["metadata", "is", "full"] => Fault::MetadataFull(true),
        ["metadata", "has", "room"] => Fault::MetadataFull(false),
        ["metadata", "rots"] => Fault::MetadataRot(4, 1000),
        ["metadata", "is", "copied"] => Fault::MetadataSnapshot,
        ["metadata", "is", "put", "back"] => Fault::MetadataRestore,
        ["gateway", "lost", "for", h] => Fault::Isolation(host(h)?, false),
        ["gateway", "back", "for", h] => Fault::Isolation(host(h)?, true),
        ["hand", "over", "to", h] => Fault::HandOver(host(h)?),
        ["timing", name] => Fault::Retime(Timing::of(profile(name)?)),
        ["put", "out", h] => Fault::PutOut(host(h)?),
        ["maintain", h] => Fault::Maintain(host(h)?),
        ["enable", h] => Fault::Enable(host(h)?),
        ["exclude", h] => Fault::Exclude(host(h)?),
        ["crash", "the", "guard", "of", h] => Fault::GuardCrash(host(h)?),
        ["corrupt", "the", "ballot", "of", h] => Fault::RotBallots(host(h)?, false),
        ["corrupt", "both", "ballots", "of", h] => Fault::RotBallots(host(h)?, true),
        ["corrupt", "the", "beats", "of", h] => Fault::RotBeats(host(h)?),
        ["release", h] => Fault::Release(host(h)?),
        ["disarm"] => Fault::Disarm,
        ["somebody", "says", "that", h, "is", "off"] => Fault::Word(host(h)?),
        ["copy", "the", "disk", "of", h] => Fault::Copy(host(h)?),
        ["kill", "the", "daemon", "of", h, "for", ms] => Fault::DaemonKilled(host(h)?, number(ms)?),
        ["pause", "the", "daemon", "of", h, "for", ms] => {
            Fault::DaemonPaused(host(h)?, number(ms)?)
        }
        _ => return reshaping(words, host),
    })
}

/// What operators do to the pool's members and VMs.
fn reshaping(
    words: &[&str],
    host: &dyn Fn(&str) -> Result<usize, String>,
) -> Result<Fault, String> {
    Ok(match words {
        ["readdress", h] => Fault::Readdress(host(h)?),
        ["rotate", "the", "key"] => Fault::Rekey,
        ["remove", h] => Fault::Remove(host(h)?),
        ["destroy", h] => Fault::Destroy(host(h)?),
        ["add", h] => Fault::Add(host(h)?),
        ["the", "database", "has", "vm", vm, "nowhere"] => {
            Fault::Misplace(vm.parse().map_err(|_| format!("{vm}: a number"))?, None)
        }
        ["the", "database", "has", "vm", vm, "on", h] => {
            Fault::Misplace(vm.parse().map_err(|_| format!("{vm}: a number"))?, Some(host(h)?))
        }
        ["copy", "the", "disk", "of", "vm", vm, "on", h] => {
            Fault::CopyDisk(vm.parse().map_err(|_| format!("{vm}: a number"))?, host(h)?)
        }
        ["migrate", "vm", vm, "to", h] => {
            Fault::Migrate(vm.parse().map_err(|_| format!("{vm}: a number"))?, host(h)?)
        }
        _ => return outside(words, host),
    })
}

/// What storms leave out.
fn outside(words: &[&str], host: &dyn Fn(&str) -> Result<usize, String>) -> Result<Fault, String> {
    let number = |word: &str| word.parse::<i64>().map_err(|_| format!("{word}: a number"));
    let ms = |word: &str| number(word).map(i64::unsigned_abs);
    let file = |word: &str| number(word).map(|n| u8::try_from(n).unwrap_or(u8::MAX));
    Ok(match words {
        ["superblock", "of", which, "rots"] => Fault::Superblock(file(which)?, Head::Rotten),
        ["superblock", "of", which, "is", "foreign"] => {
            Fault::Superblock(file(which)?, Head::Foreign)
        }
        ["superblock", "of", which, "is", "whole"] => Fault::Superblock(file(which)?, Head::Whole),
        ["stop", "the", "daemon", "of", h, "for", time] => {
            Fault::DaemonStopped(host(h)?, ms(time)?)
        }
        ["storage", "stalls", "for", h, "after", writes, "writes", "of", "its", "ballot"] => {
            Fault::StallAfterBallots(host(h)?, u32::try_from(number(writes)?).unwrap_or(0))
        }
        ["network", "of", h, "is", "away", away, "of", every, times, "times"] => {
            Fault::Flaps(host(h)?, ms(away)?, ms(every)?, ms(times)?)
        }
        ["strangers", "forge", "datagrams"] => Fault::Forge(true),
        ["no", "watchdog", "on", h] => Fault::Watchdog(host(h)?, false),
        ["a", "watchdog", "on", h] => Fault::Watchdog(host(h)?, true),
        ["clock", "of", h, "drifts", ppm] => Fault::Drift(host(h)?, number(ppm)?),
        ["watchdog", "of", h, "is", "fed", late, "late"] => Fault::FeedLate(host(h)?, ms(late)?),
        ["clock", "of", h, "is", "set", "by", by] => Fault::SetClock(host(h)?, number(by)?),
        ["nothing", "is", "restarted", "for", time] => Fault::PauseRestarts(ms(time)?),
        ["remind", "every", hours, "hours"] => Fault::RemindEvery(ms(hours)?),
        ["the", "guard", "of", h, "is", "older"] => Fault::OlderGuard(host(h)?, true),
        ["the", "guard", "of", h, "is", "new"] => Fault::OlderGuard(host(h)?, false),
        ["no", "memory", "on", h] => Fault::NoMemory(host(h)?, true),
        ["memory", "on", h] => Fault::NoMemory(host(h)?, false),
        ["the", "counter", "of", h, "is", "lost"] => Fault::CounterLost(host(h)?),
        ["arm"] => Fault::Arm,
        [h, "refuses", "to", "arm"] => Fault::Armable(host(h)?, false),
        [h, "agrees", "to", "arm"] => Fault::Armable(host(h)?, true),
        [h, "dies", "while", "it", "is", "armed"] => Fault::DiesArmed(host(h)?),
        ["disarm", h, "by", "itself"] => Fault::EmergencyDisarm(host(h)?),
        _ => return of_a_room(words, host),
    })
}

/// What concerns one part of the pool alone.
fn of_a_room(
    words: &[&str],
    host: &dyn Fn(&str) -> Result<usize, String>,
) -> Result<Fault, String> {
    if let Some(data) = super::data::fault(words, host)? {
        return Ok(Fault::Data(data));
    }
    if let Some(call) = super::data::call(words, host)? {
        return Ok(Fault::Operator(call));
    }
    if let Some(setting) = super::restarts::fault(words, host)? {
        return Ok(Fault::Set(setting));
    }
    super::guests::fault(words)
}
