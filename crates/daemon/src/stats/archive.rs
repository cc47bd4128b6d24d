//! One value over time: the newest samples as they are, older ones consolidated.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::blob::{Reader, Writer};

/// Seconds between samples.
pub const STEP_S: i64 = 5;

/// How an archive is made: so many samples a row, so many rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveShape {
    /// Samples in a row.
    pub samples: i64,
    /// Rows that are kept.
    pub rows: usize,
}

impl ArchiveShape {
    /// Seconds that a row stands for.
    #[must_use]
    pub const fn step_s(self) -> i64 {
        self.samples * STEP_S
    }
}

/// Ten minutes by the sample, two hours by the minute, a week by the hour, a year by the day: what
/// clients of XenAPI expect.
pub const ARCHIVES: [ArchiveShape; 4] = [
    ArchiveShape { samples: 1, rows: 120 },
    ArchiveShape { samples: 12, rows: 120 },
    ArchiveShape { samples: 720, rows: 168 },
    ArchiveShape { samples: 17_280, rows: 366 },
];

/// How samples become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Cf {
    /// Their mean.
    Average,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

impl Cf {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Average, Self::Min, Self::Max];

    /// As clients write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Average => "AVERAGE",
            Self::Min => "MIN",
            Self::Max => "MAX",
        }
    }

    /// The one of that name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cf| cf.as_str().eq_ignore_ascii_case(name))
    }
}

/// A row: mean, smallest and largest. No sample: not a number.
type Row = [f32; 3];

const EMPTY: Row = [f32::NAN; 3];

/// What the row under way is made of.
#[derive(Clone, Copy, Debug, Default)]
struct Gathered {
    sum: f64,
    count: u32,
    min: f64,
    max: f64,
}

impl Gathered {
    fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        (self.min, self.max) = match self.count {
            0 => (value, value),
            _ => (self.min.min(value), self.max.max(value)),
        };
        self.sum += value;
        self.count += 1;
    }

    #[expect(clippy::cast_possible_truncation, reason = "graphs need no more than 24 bits")]
    fn row(self) -> Row {
        match self.count {
            0 => EMPTY,
            count => [(self.sum / f64::from(count)) as f32, self.min as f32, self.max as f32],
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Archive {
    rows: VecDeque<Row>,
    gathered: Gathered,
}

/// One value over time. All series of a store have the same clock: rows end at the same times.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    archives: [Archive; ARCHIVES.len()],
    /// The last sample.
    pub(super) last: f64,
}

impl Series {
    /// A sample at `time`, a multiple of [`STEP_S`]; `skipped`: samples that were missed before it.
    pub(super) fn add(&mut self, time: i64, skipped: i64, value: f64) {
        self.last = value;
        for (shape, archive) in ARCHIVES.iter().zip(&mut self.archives) {
            archive.skip(*shape, time, skipped);
            archive.gathered.add(value);
            archive.close(*shape, time);
        }
    }

    /// The newest samples as they were: back from the last, its own place in front.
    pub(super) fn samples(&self) -> impl Iterator<Item = f64> {
        let [samples, ..] = &self.archives;
        samples.rows.iter().rev().map(|[average, ..]| f64::from(*average))
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.f64(self.last);
        for archive in &self.archives {
            let Gathered { sum, count, min, max } = archive.gathered;
            out.u32(count);
            for value in [sum, min, max] {
                out.f64(value);
            }
            out.count(archive.rows.len());
            for value in archive.rows.iter().flatten() {
                out.f32(*value);
            }
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut series = Self { last: from.f64()?, ..Self::default() };
        for (shape, archive) in ARCHIVES.iter().zip(&mut series.archives) {
            let count = from.u32()?;
            let [sum, min, max] = [from.f64()?, from.f64()?, from.f64()?];
            archive.gathered = Gathered { sum, count, min, max };
            for _ in 0..from.count(shape.rows)? {
                archive.rows.push_back([from.f32()?, from.f32()?, from.f32()?]);
            }
        }
        Some(series)
    }

    /// The value of the row of an archive that ended `back` rows ago.
    pub(super) fn row(&self, archive: usize, back: usize, cf: Cf) -> f32 {
        let rows = self.archives.get(archive).map(|archive| &archive.rows);
        let row = rows.and_then(|rows| rows.get(rows.len().checked_sub(back + 1)?));
        let [average, min, max] = row.copied().unwrap_or(EMPTY);
        match cf {
            Cf::Average => average,
            Cf::Min => min,
            Cf::Max => max,
        }
    }
}

impl Archive {
    /// The rows of the samples that were missed before `time`; of a long gap, as many as are kept.
    fn skip(&mut self, shape: ArchiveShape, time: i64, skipped: i64) {
        let (first, last) = (time - skipped * STEP_S, time - STEP_S);
        let step = shape.step_s();
        let closed = last.div_euclid(step) - (first - 1).div_euclid(step);
        // One more than are kept: the row under way is the oldest of them.
        for _ in 0..closed.clamp(0, i64::try_from(shape.rows).unwrap_or(0) + 1) {
            self.push(shape);
        }
    }

    fn push(&mut self, shape: ArchiveShape) {
        if self.rows.len() >= shape.rows {
            self.rows.pop_front();
        }
        self.rows.push_back(std::mem::take(&mut self.gathered).row());
    }

    fn close(&mut self, shape: ArchiveShape, time: i64) {
        if time % shape.step_s() == 0 {
            self.push(shape);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_become_minutes_and_gaps_stay_gaps() {
        let mut series = Series::default();
        for sample in 1..=24 {
            series.add(sample * STEP_S, 0, f64::from(u8::try_from(sample).unwrap()));
        }
        assert_eq!(series.row(0, 0, Cf::Average), 24.0);
        assert_eq!(series.row(0, 23, Cf::Average), 1.0);
        assert!(series.row(0, 24, Cf::Average).is_nan(), "before the first");
        let minute = |cf| series.row(1, 0, cf);
        assert_eq!((minute(Cf::Average), minute(Cf::Min), minute(Cf::Max)), (18.5, 13.0, 24.0));
        assert_eq!(series.row(1, 1, Cf::Average), 6.5);
        series.add(30 * STEP_S, 5, 7.0);
        assert_eq!(series.row(0, 0, Cf::Average), 7.0);
        assert!(series.row(0, 1, Cf::Average).is_nan() && series.row(0, 5, Cf::Max).is_nan());
        assert_eq!(series.row(0, 6, Cf::Average), 24.0);
    }

    #[test]
    fn archives_do_not_grow_beyond_their_rows() {
        let mut series = Series::default();
        for sample in 1..=2000 {
            series.add(sample * STEP_S, 0, 1.0);
        }
        assert_eq!(series.archives.each_ref().map(|archive| archive.rows.len()), [120, 120, 2, 0]);
    }
}
