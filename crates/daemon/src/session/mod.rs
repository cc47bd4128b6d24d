//! Who may call: sessions of the API and the passwords behind them.
//!
//! Owns: the sessions of this coordinator (in memory: after a change of coordinator clients log
//! in again, as they must after any `SESSION_INVALID`). Never reads the pool database: the hash
//! of a user's password is handed in.

mod desk;
mod password;
mod table;
mod throttle;

pub use desk::{Crowded, Desk, Seat};
pub use password::{PasswordError, Passwords};
pub use table::{Followed, Login, Session, Sessions};
pub use throttle::{Throttle, Throttled};
