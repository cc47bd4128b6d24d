//! All values of one object: a host, a guest, a storage repository.

use std::collections::BTreeMap;

use super::archive::{ARCHIVES, STEP_S, Series};
use super::blob::{Reader, Writer};
use super::sample::Values;

/// Values of one object.
const SERIES_MAX: usize = 512;
/// A clock that is behind the last sample by less than this is waited for: hosts' clocks differ a
/// little, and a guest takes its archives along. Beyond it the archives begin anew.
const BACK_MAX_S: i64 = 3600;

/// All values of one object.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    pub(super) series: BTreeMap<String, Series>,
    /// Time of the last sample; 0: there is none.
    pub(super) last: i64,
}

impl Object {
    pub(super) fn add(&mut self, time: i64, values: Values) {
        if time <= self.last {
            if self.last - time < BACK_MAX_S {
                return;
            }
            *self = Self::default();
        }
        let skipped = match self.last {
            0 => 0,
            last => ((time - last) / STEP_S - 1).max(0),
        };
        for (name, series) in &mut self.series {
            if !values.contains_key(name) {
                series.add(time, skipped, f64::NAN);
            }
        }
        for (name, value) in values {
            if self.series.len() < SERIES_MAX || self.series.contains_key(&name) {
                self.series.entry(name).or_default().add(time, skipped, value);
            }
        }
        self.last = time;
    }

    /// These archives, with the newest samples of `newer` after them.
    pub(super) fn continued_by(mut self, newer: Self) -> Self {
        if newer.last <= self.last {
            return self;
        }
        if self.last == 0 {
            return newer;
        }
        let rows = i64::try_from(ARCHIVES.first().map_or(0, |shape| shape.rows)).unwrap_or(0);
        let count = ((newer.last - self.last) / STEP_S).clamp(0, rows);
        for back in (0..count).rev() {
            let at = usize::try_from(back).unwrap_or(0);
            let value =
                |series: &Series| series.samples().nth(at).filter(|value| value.is_finite());
            let values = newer.series.iter().filter_map(|(n, s)| Some((n.clone(), value(s)?)));
            let values: Values = values.collect();
            if !values.is_empty() {
                self.add(newer.last - back * STEP_S, values);
            }
        }
        self
    }

    pub(super) fn to_blob(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.i64(self.last);
        out.count(self.series.len());
        for (name, series) in &self.series {
            out.name(name);
            series.write(&mut out);
        }
        out.finish()
    }

    /// What [`Object::to_blob`] wrote; none if it is damaged.
    pub(super) fn from_blob(blob: &[u8]) -> Option<Self> {
        let mut from = Reader::new(blob)?;
        let mut object = Self { last: from.i64()?, ..Self::default() };
        for _ in 0..from.count(SERIES_MAX)? {
            let name = from.name()?;
            object.series.insert(name, Series::read(&mut from)?);
        }
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Cf;

    const BEGIN: i64 = 1_700_000_000;

    fn filled(from: i64, samples: i64) -> Object {
        let mut object = Object::default();
        for sample in from..from + samples {
            let value = f64::from(i32::try_from(sample).unwrap());
            object.add(BEGIN + sample * STEP_S, Values::from([("cpu0".to_owned(), value)]));
        }
        object
    }

    fn rows(object: &Object) -> Vec<Vec<String>> {
        let series = &object.series["cpu0"];
        let archive = |index: usize| {
            (0..400).map(|back| format!("{:?}", series.row(index, back, Cf::Average))).collect()
        };
        (0..ARCHIVES.len()).map(archive).collect()
    }

    #[test]
    fn archives_are_read_back_as_they_were_written_and_damage_is_nothing() {
        let object = filled(0, 1000);
        let blob = object.to_blob();
        let again = Object::from_blob(&blob).unwrap();
        assert_eq!((rows(&again), again.last), (rows(&object), object.last));
        for at in (0..blob.len()).step_by(61) {
            assert!(Object::from_blob(&blob[..at]).is_none(), "cut at {at}");
            let mut rotten = blob.clone();
            rotten[at] ^= 1;
            assert!(Object::from_blob(&rotten).is_none(), "rotten at {at}");
        }
    }

    #[test]
    fn a_guest_that_moved_goes_on_where_it_was() {
        // It was seen here before its archives came; samples overlap by three.
        let moved = filled(0, 500).continued_by(filled(497, 23));
        assert_eq!(rows(&moved), rows(&filled(0, 520)));
        let gap = filled(0, 500).continued_by(filled(600, 5));
        let mut expected = filled(0, 500);
        for sample in 600..605 {
            let value = f64::from(i32::try_from(sample).unwrap());
            expected.add(BEGIN + sample * STEP_S, Values::from([("cpu0".to_owned(), value)]));
        }
        assert_eq!(rows(&gap), rows(&expected));
        assert_eq!(rows(&filled(0, 500).continued_by(Object::default())), rows(&filled(0, 500)));
        assert_eq!(rows(&Object::default().continued_by(filled(0, 500))), rows(&filled(0, 500)));
    }

    #[test]
    fn a_long_pause_costs_no_history_and_no_time() {
        let mut object = filled(0, 1000);
        let week = BEGIN - BEGIN % 3600 + 7 * 86_400;
        object.add(week, Values::from([("cpu0".to_owned(), 1.0)]));
        let series = &object.series["cpu0"];
        assert!(series.row(0, 1, Cf::Average).is_nan());
        let hours: Vec<f32> = (0..168).map(|back| series.row(2, back, Cf::Max)).collect();
        assert!(hours.contains(&999.0), "{hours:?}");
        // A clock that is a little behind is waited for, one far behind begins anew.
        object.add(week - 60, Values::from([("cpu0".to_owned(), 5.0)]));
        assert_eq!(object.last, week);
        object.add(week - 7200, Values::from([("cpu0".to_owned(), 5.0)]));
        assert!(object.series["cpu0"].row(0, 1, Cf::Average).is_nan());
        assert_eq!(object.last, week - 7200);
    }
}
