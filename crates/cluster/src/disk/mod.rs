//! What this guard knows of the statefiles, and the IO that it has under way.
//!
//! Owns: views of the statefiles ([`view`]) and cycles of IO ([`cycle`]). Never does: decide what
//! the contents mean for membership.

pub(crate) mod cycle;
pub(crate) mod view;
