//! What is to be said against a change: the constraint that binds, as data and in words.

use haven_model::Language;
use serde::{Deserialize, Serialize};

use crate::admit::{Admission, Effect, bounds, weighed};
use crate::breach::{Breach, Named};
use crate::policy::Report;
use crate::words::{Part, Say, amount, said_in_english, sentence};

/// What somebody is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Start a VM.
    Start,
    /// Go on with a suspended VM.
    Resume,
    /// Move a VM.
    Migrate,
    /// Change a VM's memory or processors.
    Resize,
    /// Guarantee a VM its restart.
    Protect,
    /// Put a VM into groups.
    Group,
    /// Give a VM a disk.
    AddDisk,
    /// Give a VM an interface.
    AddNic,
    /// Close a host to VMs.
    DisableHost,
    /// Empty a host.
    EvacuateHost,
    /// Take a host out of the pool.
    EjectHost,
    /// Take a storage repository from a host.
    UnplugStorage,
    /// Take a network from a host.
    UnplugNetwork,
    /// Bind a network to the hosts that have a port of it.
    BindNetwork,
}

impl Operation {
    const fn key(self) -> &'static str {
        match self {
            Self::Start => "doing-start",
            Self::Resume => "doing-resume",
            Self::Migrate => "doing-migrate",
            Self::Resize => "doing-resize",
            Self::Protect => "doing-protect",
            Self::Group => "doing-group",
            Self::AddDisk => "doing-add-disk",
            Self::AddNic => "doing-add-nic",
            Self::DisableHost => "doing-disable-host",
            Self::EvacuateHost => "doing-evacuate-host",
            Self::EjectHost => "doing-eject-host",
            Self::UnplugStorage => "doing-unplug-storage",
            Self::UnplugNetwork => "doing-unplug-network",
            Self::BindNetwork => "doing-bind-network",
        }
    }
}

/// What somebody is about to do, and to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    /// What.
    pub operation: Operation,
    /// The VM, host or network.
    pub object: Named,
}

impl Say for Doing {
    fn say(&self, language: Language) -> String {
        let name = Part::from(self.object.name.as_str());
        sentence(language, self.operation.key(), &[("name", name)])
    }
}

/// What binds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// Failures played through: which failure, which VM, which resource, how much.
    Breach(Box<Breach>),
    /// The arithmetic of another policy.
    Policy(Box<Report>),
    /// Nothing in particular: so many are tolerated for certain, and that is too few.
    Bounds,
}

/// What is to be said against a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// The change.
    pub doing: Doing,
    /// What it does to the promise.
    pub effect: Effect,
    /// Failures to be tolerated.
    pub goal: u32,
    /// Failures tolerated for certain before, up to the goal.
    pub before: u32,
    /// The same after it.
    pub after: u32,
    /// Bytes that are missing after it and were not missing before.
    pub further: u64,
    /// What binds.
    pub binding: Binding,
}

impl Objection {
    /// What the answer to a change says against it.
    #[must_use]
    pub fn of(doing: Doing, admission: &Admission) -> Self {
        let breach = admission.after.breach.clone();
        Self {
            doing,
            effect: admission.effect,
            goal: admission.goal,
            before: admission.before.as_ref().map_or(admission.goal, |before| before.failures),
            after: admission.after.failures,
            further: admission.further_bytes(),
            binding: breach.map_or(Binding::Bounds, |breach| Binding::Breach(Box::new(breach))),
        }
    }
}

impl Say for Objection {
    fn say(&self, language: Language) -> String {
        let binding = match &self.binding {
            Binding::Breach(breach) => breach.say(language),
            Binding::Policy(report) => report.say(language),
            Binding::Bounds => bounds(self.after, self.goal, language),
        };
        let text = weighed(self.effect, self.goal, binding, language);
        match (self.effect, self.further) {
            (_, 0) | (Effect::Breaks, _) => text,
            (_, more) => {
                let more = Part::from(amount(more, language));
                sentence(language, "admission-further", &[("text", text.into()), ("more", more)])
            }
        }
    }
}

/// With what was done: as it is told of a change that passed.
#[derive(Clone, Debug)]
pub struct Told<'a>(pub &'a Objection);

impl Say for Told<'_> {
    fn say(&self, language: Language) -> String {
        let (doing, text) = (self.0.doing.say(language), self.0.say(language));
        sentence(language, "admission-told", &[("doing", doing.into()), ("text", text.into())])
    }
}

said_in_english!(Doing, Objection);
