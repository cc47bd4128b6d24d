//! The class `auth`.

class! {
    /// Queries to the external directory of users.
    Auth = "auth", Published;
}
