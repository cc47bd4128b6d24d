//! Advanced options under the names that vSphere gives them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

const MIB: u64 = 1 << 20;
/// Edits that a mistyped key may be away from the one that is meant.
const NEAR_MAX: usize = 6;

/// What is known of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionMeta {
    /// Its key, with capitals as they must be written.
    pub key: &'static str,
    /// What its value is.
    pub value: &'static str,
    /// What it does.
    pub text: &'static str,
}

/// All options.
pub const OPTIONS: &[OptionMeta] = &[
    OptionMeta {
        key: "das.slotMemInMB",
        value: "MiB",
        text: "upper bound of the memory of a slot; larger VMs take several slots",
    },
    OptionMeta {
        key: "das.slotCpuInMHz",
        value: "MHz",
        text: "upper bound of the processor time of a slot; larger VMs take several slots",
    },
    OptionMeta {
        key: "das.vmMemoryMinMB",
        value: "MiB",
        text: "memory that a VM counts with at least, in slots and percentages",
    },
    OptionMeta {
        key: "das.vmCpuMinMHz",
        value: "MHz",
        text: "processor time that a VM counts with at least, in slots and percentages (32)",
    },
    OptionMeta {
        key: "das.respectVmVmAntiAffinityRules",
        value: "true or false",
        text: "whether restarts keep VMs apart that a rule keeps apart (true)",
    },
];

/// The options of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// `das.slotMemInMB`, in bytes.
    pub slot_memory_max: Option<u64>,
    /// `das.slotCpuInMHz`.
    pub slot_cpu_mhz_max: Option<u64>,
    /// `das.vmMemoryMinMB`, in bytes.
    pub vm_memory_min: u64,
    /// `das.vmCpuMinMHz`.
    pub vm_cpu_mhz_min: u64,
    /// `das.respectVmVmAntiAffinityRules`.
    pub keep_apart: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            slot_memory_max: None,
            slot_cpu_mhz_max: None,
            vm_memory_min: 0,
            vm_cpu_mhz_min: 32,
            keep_apart: true,
        }
    }
}

/// An option that is refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// No such key; keys are told apart by capitals too.
    #[error("Bad HA advanced option key: {key}{}", hint(.near))]
    BadKey {
        /// What was given.
        key: String,
        /// The key that is probably meant.
        near: Option<&'static str>,
    },
    /// The value is not of the option's kind.
    #[error("Bad HA advanced option value: {key} = {value}; it must be {wanted}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What it must be.
        wanted: String,
    },
}

fn hint(near: &Option<&'static str>) -> String {
    match near {
        Some(near) => format!(". Did you mean {near}?"),
        None => {
            let keys: Vec<&str> = OPTIONS.iter().map(|option| option.key).collect();
            format!(". There are {}.", keys.join(", "))
        }
    }
}

impl Options {
    /// Reads options: all or, when one of them is wrong, none.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn read<'t>(
        pairs: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<Self, OptionError> {
        let mut options = Self::default();
        for (key, value) in pairs {
            options.set(key, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), OptionError> {
        let Some(meta) = OPTIONS.iter().find(|option| option.key == key) else {
            return Err(OptionError::BadKey { key: key.to_owned(), near: nearest(key) });
        };
        let bad = || OptionError::BadValue {
            key: meta.key,
            value: value.to_owned(),
            wanted: match meta.value {
                "true or false" => meta.value.to_owned(),
                unit => format!("a whole number of {unit}, 1 or more"),
            },
        };
        let number = || value.parse::<u64>().ok().filter(|number| *number > 0).ok_or_else(bad);
        match meta.key {
            "das.slotMemInMB" => self.slot_memory_max = Some(number()?.saturating_mul(MIB)),
            "das.slotCpuInMHz" => self.slot_cpu_mhz_max = Some(number()?),
            "das.vmMemoryMinMB" => self.vm_memory_min = number()?.saturating_mul(MIB),
            "das.vmCpuMinMHz" => self.vm_cpu_mhz_min = number()?,
            _ => self.keep_apart = value.parse().map_err(|_| bad())?,
        }
        Ok(())
    }

    /// The options of a map in which other settings may stand too: all keys that begin as options
    /// do, in whatever capitals.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn among(map: &BTreeMap<String, String>) -> Result<Self, OptionError> {
        let ours = map.iter().filter(|(key, _)| is_option(key));
        Self::read(ours.map(|(key, value)| (key.as_str(), value.as_str())))
    }
}

/// Whether a key is meant as an advanced option.
#[must_use]
pub fn is_option(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("das."))
}

/// The key that is nearest to a wrong one, capitals aside; the prefix may be missing.
fn nearest(key: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    let key = key.strip_prefix("das.").unwrap_or(&key);
    let distance = |option: &OptionMeta| {
        let known = option.key.to_ascii_lowercase();
        edits(key, known.strip_prefix("das.").unwrap_or(&known))
    };
    let best = OPTIONS.iter().map(|option| (distance(option), option.key)).min()?;
    (best.0 <= NEAR_MAX && best.0 * 2 <= key.len()).then_some(best.1)
}

/// How many letters must be put in, left out or changed.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (slot, wanted) in row.iter_mut().skip(1).zip(&other) {
            let changed = diagonal + usize::from(letter != *wanted);
            diagonal = *slot;
            left = changed.min(diagonal + 1).min(left + 1);
            *slot = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distances() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", "abc"), 0);
    }
}
