//! The datagram between guards: a report, an echo, the newest record for who lacks it, a MAC.
//!
//! Byte offsets: 0 magic (4), 4 generation (16), 20 sender slot (1), 21 sender incarnation (8),
//! 29 sequence (8), 37 receiver slot (1), 38 echoed incarnation of the receiver (8), 46 echoed
//! sequence (8), 54 report (50), 104 length of the record (2), 106 the record, then HMAC-SHA-256
//! over everything before it (32).

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::codec::{Reader, Writer};
use crate::keys::Keyring;
use crate::record::{Record, Seat, get_seat, put_seat};
use crate::report::Report;
use crate::statefile::blocks::{get_record, put_record};

const MAGIC: &[u8; 4] = b"HVD1";
const MAC_BYTES: usize = 32;
/// Length of a datagram that carries no record: most do not.
pub const BARE_DATAGRAM_BYTES: usize = 106 + MAC_BYTES;

/// A datagram's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram<'a> {
    pub(crate) generation: Uuid,
    pub(crate) from: Seat,
    pub(crate) sequence: u64,
    pub(crate) to: u8,
    /// Incarnation and sequence of the receiver's newest datagram that arrived; sequence 0: none.
    pub(crate) echo: (u64, u64),
    pub(crate) report: Report,
    pub(crate) record: Option<Cow<'a, Record>>,
}

/// What is authenticated to make a key's name: no datagram begins so.
const NAME: &[u8] = b"the name of this key of datagrams";

/// Computes and checks MACs.
#[derive(Clone)]
pub(crate) struct Key {
    mac: Hmac<Sha256>,
    id: u64,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// From 64 hexadecimal digits.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut key = [0u8; 32];
        for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        let mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        let name = mac.clone().chain_update(NAME).finalize().into_bytes();
        let id = name.iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte));
        Some(Self { mac, id })
    }
    /// Names it without giving it away; 0 is no key's.
    pub(crate) fn id(&self) -> u64 {
        self.id.max(1)
    }
}

impl Datagram<'_> {
    /// The bytes to send, in `room`; `None` only for a record that is too long to exist.
    pub(crate) fn encode(&self, key: &Key, room: Vec<u8>) -> Option<Vec<u8>> {
        let mut out = Writer::over(room, BARE_DATAGRAM_BYTES);
        out.raw(MAGIC);
        out.uuid(self.generation);
        put_seat(&mut out, self.from);
        out.u64(self.sequence);
        out.u8(self.to);
        out.u64(self.echo.0);
        out.u64(self.echo.1);
        self.report.put(&mut out);
        put_record(&mut out, self.record.as_deref())?;
        let mut mac = key.mac.clone();
        mac.update(out.as_slice());
        out.raw(&mac.finalize().into_bytes());
        Some(out.into_bytes())
    }

    /// What an authentic datagram says, and the id of the key by which it is that; `None` for
    /// anything else.
    pub(crate) fn decode(keys: &Keyring, bytes: &[u8]) -> Option<(Self, u64)> {
        let (body, tag) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        let key = keys.accepts().find(|key| {
            let mut mac = key.mac.clone();
            mac.update(body);
            mac.verify_slice(tag).is_ok()
        })?;
        let mut input = Reader::new(body);
        if input.raw(MAGIC.len())? != MAGIC {
            return None;
        }
        let datagram = Self {
            generation: input.uuid()?,
            from: get_seat(&mut input)?,
            sequence: input.u64()?,
            to: input.u8()?,
            echo: (input.u64()?, input.u64()?),
            report: Report::get(&mut input)?,
            record: get_record(&mut input)?.map(Cow::Owned),
        };
        Some((datagram, key.id()))
    }
}
