//! "What if …": changes to a pool that is only thought of.

use haven_model::Language;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::place::{Why, place};
use crate::reason::{Purpose, Reason, verdict};
use crate::tolerance::Budget;
use crate::view::{Pool, Protection, Vm};
use crate::words::{Part, Say, said_in_english, sentence};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// These hosts fail at the same moment; their VMs wait.
    Fail {
        /// The hosts.
        hosts: Vec<Uuid>,
    },
    /// A host goes into maintenance; its VMs stay until they are moved.
    Disable {
        /// The host.
        host: Uuid,
    },
    /// A host takes VMs again.
    Enable {
        /// The host.
        host: Uuid,
    },
    /// A VM is added and runs; on the host that is chosen for it when none is named.
    Add {
        /// The VM.
        vm: Box<Vm>,
        /// Where.
        host: Option<Uuid>,
    },
    /// A VM stops for good.
    Remove {
        /// The VM.
        vm: Uuid,
    },
    /// A VM takes so much memory, in bytes with overhead, and so many processors.
    Resize {
        /// The VM.
        vm: Uuid,
        /// Bytes.
        memory: u64,
        /// Virtual processors.
        vcpus: u32,
    },
    /// A VM moves.
    Move {
        /// The VM.
        vm: Uuid,
        /// Where to.
        host: Uuid,
    },
    /// A VM is protected in another way.
    Protect {
        /// The VM.
        vm: Uuid,
        /// The way.
        protection: Protection,
    },
    /// A VM gets a disk on an SR, or an interface on a network.
    Need {
        /// The VM.
        vm: Uuid,
        /// The SR.
        sr: Option<Uuid>,
        /// The network.
        network: Option<Uuid>,
    },
    /// A host loses an SR or a network.
    Detach {
        /// The host.
        host: Uuid,
        /// The SR.
        sr: Option<Uuid>,
        /// The network.
        network: Option<Uuid>,
    },
}

/// A change that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// The pool has no such host or VM.
    Unknown(Uuid),
    /// The VM does not run.
    NotRunning(String),
    /// The named host cannot take the VM.
    Refused {
        /// Name of the VM.
        vm: String,
        /// Name of the host.
        host: String,
        /// Why not.
        why: Reason,
    },
    /// No host can take the VM.
    NoHost {
        /// Name of the VM.
        vm: String,
        /// Host by host.
        why: Why,
    },
}

impl std::error::Error for ChangeError {}

impl Say for ChangeError {
    fn say(&self, language: Language) -> String {
        let say = |key: &str, parts: &[(&str, Part)]| sentence(language, key, parts);
        match self {
            Self::Unknown(id) => say("change-unknown", &[("id", id.to_string().into())]),
            Self::NotRunning(vm) => say("change-not-running", &[("vm", vm.as_str().into())]),
            Self::Refused { vm, host, why } => {
                let why = Part::from(why.say(language));
                let parts = [("vm", vm.as_str().into()), ("host", host.as_str().into())];
                let parts: Vec<(&str, Part)> = parts.into_iter().chain([("why", why)]).collect();
                say("change-refused", &parts)
            }
            Self::NoHost { vm, why } => {
                let why = Part::from(why.say(language));
                say("change-no-host", &[("vm", vm.as_str().into()), ("why", why)])
            }
        }
    }
}

said_in_english!(ChangeError);

impl Pool {
    /// The pool as it is after a change.
    ///
    /// # Errors
    /// The change cannot be made.
    pub fn with(&self, change: &Change) -> Result<Self, ChangeError> {
        let mut pool = self.clone();
        match change {
            Change::Fail { hosts } => hosts.iter().try_for_each(|host| pool.fail(*host))?,
            Change::Disable { host } => pool.host_mut(*host)?.enabled = false,
            Change::Enable { host } => pool.host_mut(*host)?.enabled = true,
            Change::Add { vm, host } => pool.add(vm, *host)?,
            Change::Remove { vm } => {
                pool.leave(*vm)?;
                pool.vms.retain(|row| row.id != *vm);
            }
            Change::Resize { vm, memory, vcpus } => pool.resize(*vm, *memory, *vcpus)?,
            Change::Move { vm, host } => {
                let row = pool.vm(*vm).ok_or(ChangeError::Unknown(*vm))?.clone();
                if row.waits() {
                    return Err(ChangeError::NotRunning(row.name));
                }
                if row.resident != Some(*host) {
                    pool.check(&row, *host)?;
                    pool.leave(*vm)?;
                    pool.occupy(*vm, *host);
                }
            }
            Change::Protect { vm, protection } => pool.vm_mut(*vm)?.protection = *protection,
            Change::Need { vm, sr, network } => {
                let row = pool.vm_mut(*vm)?;
                row.srs.extend(*sr);
                row.networks.extend(*network);
            }
            Change::Detach { host, sr, network } => {
                let row = pool.host_mut(*host)?;
                row.srs.retain(|other| Some(*other) != *sr);
                row.networks.retain(|other| Some(*other) != *network);
            }
        }
        Ok(pool)
    }

    fn host_mut(&mut self, id: Uuid) -> Result<&mut crate::view::Host, ChangeError> {
        self.hosts.iter_mut().find(|host| host.id == id).ok_or(ChangeError::Unknown(id))
    }

    fn vm_mut(&mut self, id: Uuid) -> Result<&mut Vm, ChangeError> {
        self.vms.iter_mut().find(|vm| vm.id == id).ok_or(ChangeError::Unknown(id))
    }

    fn leave(&mut self, vm: Uuid) -> Result<(), ChangeError> {
        let row = self.vm(vm).ok_or(ChangeError::Unknown(vm))?;
        for host in row.holders().collect::<Vec<_>>() {
            self.vacate(vm, host);
        }
        Ok(())
    }

    fn fail(&mut self, host: Uuid) -> Result<(), ChangeError> {
        self.host_mut(host)?.live = false;
        let here: Vec<Uuid> = self
            .vms
            .iter()
            .filter(|vm| vm.holders().any(|holder| holder == host))
            .map(|vm| vm.id)
            .collect();
        here.into_iter().for_each(|vm| self.vacate(vm, host));
        Ok(())
    }

    fn check(&self, vm: &Vm, host: Uuid) -> Result<(), ChangeError> {
        let row = self.host(host).ok_or(ChangeError::Unknown(host))?;
        verdict(self, vm, row, Purpose::Ordinary).map_err(|why| ChangeError::Refused {
            vm: vm.name.clone(),
            host: row.name.clone(),
            why,
        })
    }

    fn add(&mut self, vm: &Vm, host: Option<Uuid>) -> Result<(), ChangeError> {
        let vm = Vm { resident: None, also_on: Default::default(), ..vm.clone() };
        let host = match host {
            Some(host) => {
                self.check(&vm, host)?;
                host
            }
            None => {
                place(self, &vm, 1, Budget::QUICK)
                    .map_err(|why| ChangeError::NoHost { vm: vm.name.clone(), why })?
                    .host
            }
        };
        self.vms.retain(|row| row.id != vm.id);
        let id = vm.id;
        self.vms.push(vm);
        self.occupy(id, host);
        Ok(())
    }

    fn resize(&mut self, vm: Uuid, memory: u64, vcpus: u32) -> Result<(), ChangeError> {
        let holders: Vec<Uuid> = self.vm(vm).ok_or(ChangeError::Unknown(vm))?.holders().collect();
        self.leave(vm)?;
        let row = self.vm_mut(vm)?;
        (row.memory, row.vcpus) = (memory, vcpus);
        let row = row.clone();
        for host in holders {
            // Where it runs already only its size matters.
            let there = self.host(host).ok_or(ChangeError::Unknown(host))?;
            if there.memory_free < memory {
                let why = Reason::NoMemory { need: memory, free: there.memory_free };
                let host = there.name.clone();
                return Err(ChangeError::Refused { vm: row.name, host, why });
            }
            self.occupy(vm, host);
        }
        Ok(())
    }
}
