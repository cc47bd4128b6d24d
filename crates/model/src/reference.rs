//! References to rows: what the wire calls `OpaqueRef:<uuid>`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

const PREFIX: &str = "OpaqueRef:";
const NULL_TEXT: &str = "OpaqueRef:NULL";

/// A reference whose class is not known to the compiler: 128 bits, zero is "no object".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RefId(pub u128);

impl RefId {
    /// The reference to nothing.
    pub const NULL: Self = Self(0);

    /// Whether this refers to nothing.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }
}

/// 128 bits in the usual spelling of uuids.
#[must_use]
pub fn uuid_text(bits: u128) -> String {
    Uuid::from_u128(bits).hyphenated().to_string()
}

impl From<Uuid> for RefId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid.as_u128())
    }
}

/// The text is not `OpaqueRef:<uuid>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a reference")]
pub struct BadRef(pub String);

impl fmt::Display for RefId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_null() {
            return f.write_str(NULL_TEXT);
        }
        let mut buffer = Uuid::encode_buffer();
        f.write_str(PREFIX)?;
        f.write_str(Uuid::from_u128(self.0).hyphenated().encode_lower(&mut buffer))
    }
}

impl fmt::Debug for RefId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RefId {
    type Err = BadRef;

    fn from_str(text: &str) -> Result<Self, BadRef> {
        if text.is_empty() || text == NULL_TEXT {
            return Ok(Self::NULL);
        }
        text.strip_prefix(PREFIX)
            .and_then(|id| Uuid::try_parse(id).ok())
            .map(Self::from)
            .ok_or_else(|| BadRef(text.to_owned()))
    }
}

impl Serialize for RefId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RefId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A reference to a row of class `C`; as cheap to copy as a number.
pub struct Ref<C> {
    id: RefId,
    class: PhantomData<fn() -> C>,
}

impl<C> Ref<C> {
    /// The reference to nothing.
    pub const NULL: Self = Self::from_u128(0);

    /// The reference with these 128 bits.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self { id: RefId(bits), class: PhantomData }
    }

    /// The reference with this identity.
    #[must_use]
    pub const fn from_id(id: RefId) -> Self {
        Self { id, class: PhantomData }
    }

    /// The reference made from a fresh uuid.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self::from_id(uuid.into())
    }

    /// The reference without its class.
    #[must_use]
    pub const fn id(self) -> RefId {
        self.id
    }

    /// Whether this refers to nothing.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.id.is_null()
    }

    /// `Some(self)`, or `None` for the null reference.
    #[must_use]
    pub fn non_null(self) -> Option<Self> {
        (!self.is_null()).then_some(self)
    }
}

impl<C> Clone for Ref<C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C> Copy for Ref<C> {}
impl<C> Default for Ref<C> {
    fn default() -> Self {
        Self::NULL
    }
}
impl<C> PartialEq for Ref<C> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
impl<C> Eq for Ref<C> {}
impl<C> PartialOrd for Ref<C> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<C> Ord for Ref<C> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id.cmp(&other.id)
    }
}
impl<C> Hash for Ref<C> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}
impl<C> fmt::Display for Ref<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}
impl<C> fmt::Debug for Ref<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}
impl<C> FromStr for Ref<C> {
    type Err = BadRef;
    fn from_str(text: &str) -> Result<Self, BadRef> {
        text.parse().map(Self::from_id)
    }
}
impl<C> Serialize for Ref<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.id.serialize(serializer)
    }
}
impl<'de, C> Deserialize<'de> for Ref<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RefId::deserialize(deserializer).map(Self::from_id)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ref, RefId};

    #[test]
    fn text_round_trips() {
        let text = "OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba";
        let r: Ref<()> = text.parse().unwrap();
        assert_eq!(r.to_string(), text);
        assert_eq!(Ref::<()>::NULL.to_string(), "OpaqueRef:NULL");
        assert!("OpaqueRef:NULL".parse::<RefId>().unwrap().is_null());
    }

    #[test]
    fn foreign_text_is_refused() {
        for text in ["Ref:1", "OpaqueRef:", "OpaqueRef:12", "0165f154-ba3e-034e-6b27-5d271af109ba"]
        {
            assert!(text.parse::<RefId>().is_err(), "{text}");
        }
    }
}
