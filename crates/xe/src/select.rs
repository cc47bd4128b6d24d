//! Which machines, hosts or repositories a command is about.

use crate::facts::Selects;
use crate::failure::Failure;
use crate::generated::is_standard;
use crate::record::records;
use crate::run::{Object, Run};

/// Which objects may be selected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// Control domains too.
    pub(crate) control: bool,
    /// Templates and snapshots too.
    pub(crate) templates: bool,
    /// One at a time, even with `--multiple`.
    pub(crate) one: bool,
    /// Parameters of the command itself, which say nothing about the objects.
    pub(crate) own: Vec<String>,
}

impl Selects {
    fn class(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Host => "host",
            Self::Sr => "sr",
        }
    }

    /// How several of them are called in messages.
    fn plural(self) -> &'static str {
        match self {
            Self::Vm => "VMs",
            Self::Host => "hosts",
            Self::Sr => "SRs",
        }
    }
}

impl Run<'_> {
    /// All objects that the command line selects.
    pub(crate) fn select(
        &mut self,
        what: Selects,
        selection: &Selection,
    ) -> Result<Vec<Object>, Failure> {
        let class = records(what.class())?;
        let named = self.args.get(what.class()).map(str::to_owned);
        let all = self.candidates(what, named.as_deref())?;
        let mut filters = Vec::new();
        if what == Selects::Vm && !selection.templates {
            filters.push(("is-a-template".to_owned(), "false".to_owned()));
        }
        if what == Selects::Vm && !selection.control {
            filters.push(("is-control-domain".to_owned(), "false".to_owned()));
        }
        for (name, value) in &self.args.params {
            let stem = name.split_once(':').map_or(name.as_str(), |(stem, _)| stem);
            let own = selection.own.iter().any(|own| own.trim_end_matches(':') == stem);
            let first = name == what.class();
            if !own && !first && stem != "progress" && !is_standard(stem) {
                filters.push((name.clone(), value.clone()));
            }
        }
        self.filtered(class, all, &filters).map_err(|failure| match (failure, what) {
            (Failure::NoField(name), Selects::Vm) => Failure::text(format!(
                "Parameter '{name}' is not a field of the VM class. Failed to select VM for \
                 operation."
            )),
            (failure, _) => failure,
        })
    }

    /// All objects, or those of that name or uuid.
    fn candidates(&mut self, what: Selects, named: Option<&str>) -> Result<Vec<Object>, Failure> {
        let class = records(what.class())?.meta;
        let all = self.all(class)?;
        let Some(wanted) = named else { return Ok(all) };
        let fits = |object: &Object| {
            object.uuid() == wanted
                || object.text("name_label") == wanted
                || what == Selects::Host && object.text("hostname") == wanted
        };
        Ok(all.into_iter().filter(fits).collect())
    }

    /// Does `operation` to all that is selected.
    pub(crate) fn for_each<T>(
        &mut self,
        what: Selects,
        selection: &Selection,
        mut operation: impl FnMut(&mut Self, &Object) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let found = self.select(what, selection)?;
        let plural = what.plural();
        let matching = if what == Selects::Vm { "matches" } else { "matching" };
        let one = if what == Selects::Sr {
            "SR"
        } else if what == Selects::Host {
            "host"
        } else {
            "VM"
        };
        match found.as_slice() {
            [] => Err(Failure::text(format!("No matching {plural} found"))),
            [object] => Ok(vec![operation(self, object)?]),
            _ if selection.one => Err(Failure::text(format!(
                "Multiple {matching} {plural} found; this is done to one {one} at a time"
            ))),
            _ if !self.args.flag("multiple")? => Err(Failure::text(format!(
                "Multiple {matching} {plural} found; say --multiple to do it to all of them"
            ))),
            several => self.for_several(several, operation),
        }
    }

    /// To each of several; what fails for some does not keep others from it.
    fn for_several<T>(
        &mut self,
        objects: &[Object],
        mut operation: impl FnMut(&mut Self, &Object) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for object in objects {
            match operation(self, object) {
                Ok(value) => done.push(value),
                Err(Failure::Gone) => return Err(Failure::Gone),
                Err(failure) => {
                    let mut name = |id| self.named(None, id);
                    failed.push((object.uuid(), failure.in_short(&mut name)));
                }
            }
        }
        if failed.is_empty() { Ok(done) } else { Err(Failure::Several(failed)) }
    }

    /// The host of that name or uuid.
    pub(crate) fn host_called(&mut self, wanted: &str) -> Result<Object, Failure> {
        let found = self.candidates(Selects::Host, Some(wanted))?.into_iter().next();
        found.ok_or_else(|| Failure::text(format!("Host {wanted} not found")))
    }

    /// The snapshot that `snapshot-uuid` or `uuid` names.
    pub(crate) fn snapshot(&mut self) -> Result<Object, Failure> {
        let given = self.args.get("snapshot-uuid").or_else(|| self.args.get("uuid"));
        let missing = || Failure::text("Required parameter not found: snapshot-uuid or uuid.");
        let uuid = given.map(str::to_owned).ok_or_else(missing)?;
        self.machine(&uuid, "snapshot", "is_a_snapshot")
    }

    /// The template that `template-uuid` names.
    pub(crate) fn template(&mut self) -> Result<Object, Failure> {
        let uuid = self.args.required("template-uuid")?.to_owned();
        self.machine(&uuid, "template", "is_a_template")
    }

    fn machine(&mut self, uuid: &str, what: &str, field: &str) -> Result<Object, Failure> {
        let found = self.by_uuid("VM", uuid)?;
        if found.is(field) {
            return Ok(found);
        }
        Err(Failure::text(format!("{uuid} is no {what}")))
    }
}
