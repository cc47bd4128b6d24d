//! The class `Diagnostics`.

class! {
    /// Looks inside the server.
    Diagnostics = "Diagnostics", Published;
}
