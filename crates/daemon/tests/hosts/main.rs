//! Host sides of `havend` speaking to each other over real TLS, in one process.

mod orders;
mod streams;
mod support;
