//! Values written piece by piece: how long lists reach the wire with nothing built in between.

use crate::{DateTime, RefId};

/// Takes a value in pieces. Whoever writes into it says things in their order: every item of a
/// set is announced by [`Sink::item`], every one of a map by [`Sink::key`], every field of a
/// record by [`Sink::member`].
pub trait Sink {
    /// An absent value.
    fn nil(&mut self);
    /// A truth.
    fn bool(&mut self, truth: bool);
    /// A whole number.
    fn int(&mut self, number: i64);
    /// A real number.
    fn float(&mut self, number: f64);
    /// Text, or the name of an enum's variant.
    fn text(&mut self, text: &str);
    /// A point in time.
    fn datetime(&mut self, time: DateTime);
    /// A reference.
    fn reference(&mut self, reference: RefId);
    /// A set begins.
    fn begin_set(&mut self);
    /// The next item of the set follows.
    fn item(&mut self);
    /// The set is over.
    fn end_set(&mut self);
    /// A map or record begins.
    fn begin_map(&mut self);
    /// The value under this key of the map follows.
    fn key(&mut self, key: &str);
    /// The field of that name of the record follows.
    fn member(&mut self, name: &'static str) {
        self.key(name);
    }
    /// The map or record is over.
    fn end_map(&mut self);
}
