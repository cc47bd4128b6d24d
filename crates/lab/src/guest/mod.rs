//! The lab's guests: a kernel and a small initial RAM disk in which one program stamps its disk,
//! ticks and answers, and the checks of what it left.

pub mod cpio;
pub mod deed;
pub mod domain;
pub mod image;
pub mod seed;
pub mod stamps;
