//! Who is served next when there is more to do than processors for it.
//!
//! Owns: the account of what every client was given, and the gate before every request. A client
//! is an address, and within it a session: many connections, many logins or long lists of one
//! client get no more than few of another. While there are processors to spare, or nobody else
//! asks, nobody waits. Never looks at what a request says: cost is the processor time that it took.

mod gate;
mod meter;
mod shares;

pub use gate::{Entry, Fair, Line};
pub(crate) use meter::{InPieces, counted, metered};
pub use shares::{Address, Who};

#[cfg(test)]
mod tests;
