//! What a guest is told to do to itself, by a datagram to the port on which it answers.
//!
//! The guest echoes the datagram first and then does it, so that whoever asked knows that it was heard.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use super::domain;

/// UDP port on which guests answer.
pub const ECHO_PORT: u16 = 7007;
/// What such a datagram begins with.
const MARK: &str = "HAVEN-DEED ";
/// A datagram or its echo may be lost.
const AGAIN: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);

/// What a guest does to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Deed {
    /// Its kernel panics and nobody is told: it spins, reads and sends nothing, and its agent is silent.
    Hang,
    /// The same, and its kernel tells the hypervisor (pvpanic).
    Panic,
    /// It reboots by itself.
    Reboot,
    /// It shuts itself down.
    PowerOff,
    /// Its agent dies; it goes on with everything else.
    LoseAgent,
}

impl Deed {
    /// How it is called.
    pub fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The deed that a datagram asks for, if any.
    pub fn asked_by(datagram: &[u8]) -> Option<Self> {
        let word = std::str::from_utf8(datagram).ok()?.strip_prefix(MARK)?;
        Self::from_str(word, false).ok()
    }

    /// Asks guest `number` for it until it says that it heard. Runs in the network of the guests.
    pub fn ask(self, number: u8) -> Result<()> {
        let address = domain::address(number);
        let words = format!("{MARK}{}", self.word());
        let socket = UdpSocket::bind(("0.0.0.0", 0))?;
        socket.connect((address.as_str(), ECHO_PORT))?;
        socket.set_read_timeout(Some(AGAIN))?;
        let until = Instant::now() + LONGEST;
        let mut heard = [0; 64];
        while Instant::now() < until {
            // A guest that is away refuses at first, and says nothing else.
            let sent = socket.send(words.as_bytes());
            match sent.and_then(|_| socket.recv(&mut heard)) {
                Ok(count) if heard.get(..count) == Some(words.as_bytes()) => return Ok(()),
                _ => std::thread::sleep(AGAIN / 10),
            }
        }
        bail!("guest {address} does not answer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_are_known_by_their_words_and_nothing_else_is_one() {
        for deed in Deed::value_variants() {
            assert_eq!(Deed::asked_by(format!("{MARK}{}", deed.word()).as_bytes()), Some(*deed));
        }
        for other in ["?", "hang", "HAVEN-DEED ", "HAVEN-DEED hang "] {
            assert_eq!(Deed::asked_by(other.as_bytes()), None, "{other}");
        }
    }
}
