//! The program `havend`; everything is in the library.

fn main() {}
