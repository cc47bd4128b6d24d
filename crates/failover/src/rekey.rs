//! The keys of the guards change while the pool is armed: what the coordinator does next.
//!
//! Owns: the order of the steps, and where a change goes that another coordinator began. Level-triggered:
//! from what its own guard holds and what the others say they hold follows what they are told now, whoever
//! began. A coordinator whose guard holds the new key goes on; one whose guard does not goes back, for then
//! nobody sends with it. The guards refuse a step that another member is not ready for
//! ([`haven_cluster::keys`]): this order makes them ready.

use haven_cluster::control::PROTOCOL_OF_REKEY;
use haven_cluster::ids::HostId;
use haven_cluster::keys::{KeyName, KeyStep, Keys, KeysView};
use haven_cluster::mutation::{Mutation, removed};
use serde::{Deserialize, Serialize};

/// What a host says of the keys of its guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// The guard's version; 0: it does not answer, or is older than that number.
    pub protocol: u32,
    /// What it holds; `None`: it is not armed.
    #[serde(default)]
    pub keys: Option<KeysView>,
}

/// A host of the arming, as the coordinator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Which.
    pub host: HostId,
    /// It has a life in the newest epoch.
    pub member: bool,
    /// `None`: it does not answer.
    pub said: Option<Holds>,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Every member holds one key, the same.
    Settled,
    /// Tell these hosts, all at the same time, and look again.
    Tell(Stage, Vec<(HostId, KeyStep)>),
    /// Nothing can be done before these members answer.
    Wait(Stage, Vec<HostId>),
    /// Somebody sends with a key that is newer than those of this coordinator, which was off while they
    /// changed: begin a change of its own, so that the older ones come to nothing.
    Renew,
}

/// How far a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Hosts that are no members are told what the others hold.
    Outside,
    /// All members accept the new key.
    Accept,
    /// All send with it.
    Send,
    /// All drop the old one.
    Drop,
}

/// Why no change begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// This member does not answer.
    Silent(HostId),
    /// The guard of this host is older than such changes.
    TooOld(HostId),
    /// A change is under way.
    UnderWay,
}

/// Whether a change may begin; `mine` is what the coordinator's guard holds.
///
/// # Errors
/// What stands against it: nothing was changed.
pub fn may_begin(mine: &KeysView, others: &[Holder]) -> Result<(), Objection> {
    let members = || others.iter().filter(|holder| holder.member);
    let old = |said: Holds| said.protocol < PROTOCOL_OF_REKEY;
    if let Some(holder) = others.iter().find(|holder| holder.said.is_some_and(old)) {
        return Err(Objection::TooOld(holder.host));
    }
    if let Some(holder) = members().find(|holder| holder.keys().is_none()) {
        return Err(Objection::Silent(holder.host));
    }
    let same = |holder: &Holder| holder.keys().is_some_and(|keys| keys.same(mine));
    let settled = mine.also.is_none() && members().all(same);
    if settled { Ok(()) } else { Err(Objection::UnderWay) }
}

/// The number of a new key: above all that anybody holds.
#[must_use]
pub fn next_number(mine: &KeysView, others: &[Holder]) -> u64 {
    let known = others.iter().filter_map(Holder::keys).map(|keys| keys.newest().number);
    known.chain([mine.newest().number]).max().unwrap_or(0).saturating_add(1)
}

/// What a coordinator does now whose own guard, `me`, holds `own`.
#[must_use]
pub fn advise(me: HostId, own: &Keys, others: &[Holder]) -> Advice {
    let Some(mine) = own.view() else { return Advice::Settled };
    let to = mine.newest();
    let beyond = |keys: KeysView| {
        keys.sends.number > to.number && !mine.holds(keys.sends.id) && !keys.holds(mine.sends.id)
    };
    // A guard has room for one key besides: what it holds of an earlier change is ended first.
    let renews = others.iter().filter_map(Holder::keys).any(beyond);
    if renews && mine.also.is_none() {
        return Advice::Renew;
    }
    let all = Change { me, own, mine, to, others };
    let astray = all.astray();
    if !astray.is_empty() {
        return Advice::Tell(Stage::Send, astray);
    }
    let sent_early = removed(Mutation::KeySentEarly);
    let dropped_early = removed(Mutation::KeyDroppedEarly) && mine.sends == to;
    let steps = all.accept();
    if !steps.is_empty() && !sent_early {
        return Advice::Tell(Stage::Accept, steps);
    }
    let outside = all.outside();
    if !outside.is_empty() && !renews {
        return Advice::Tell(Stage::Outside, outside);
    }
    let silent: Vec<HostId> =
        all.members().filter(|holder| holder.keys().is_none()).map(|holder| holder.host).collect();
    if !silent.is_empty() && mine.also.is_some() && !sent_early && !dropped_early {
        let sent = mine.sends == to;
        return Advice::Wait(if sent { Stage::Send } else { Stage::Accept }, silent);
    }
    let sends = |keys: KeysView| keys.holds(to.id) && keys.sends.id != to.id;
    let steps = all.each(|keys| sends(keys).then_some(KeyStep::Send(to.id)));
    if !steps.is_empty() && !dropped_early {
        return Advice::Tell(Stage::Send, steps);
    }
    let steps = all.each(|keys| keys.also.map(|_| KeyStep::Only(to.id)));
    match steps.is_empty() {
        true => Advice::Settled,
        false => Advice::Tell(Stage::Drop, steps),
    }
}

/// What ends a change that not all members accept in time: the coordinator's guard drops the new key, and
/// [`advise`] leads the others back. `None`: there is nothing to take back, or some may send with it.
#[must_use]
pub fn take_back(own: &Keys) -> Option<KeyStep> {
    let view = own.view()?;
    let begun = view.also.is_some() && view.sends != view.newest();
    begun.then_some(KeyStep::Only(view.sends.id))
}

impl Holder {
    /// What its guard holds, as far as it says.
    #[must_use]
    pub fn keys(&self) -> Option<KeysView> {
        self.said.and_then(|said| said.keys)
    }
}

/// A change as its coordinator sees it.
struct Change<'a> {
    me: HostId,
    own: &'a Keys,
    mine: KeysView,
    /// The key that all are to hold alone.
    to: KeyName,
    others: &'a [Holder],
}

impl Change<'_> {
    fn members(&self) -> impl Iterator<Item = &Holder> {
        self.others.iter().filter(|holder| holder.member)
    }

    /// The step of each member that answers, and of this host.
    fn each(&self, step: impl Fn(KeysView) -> Option<KeyStep>) -> Vec<(HostId, KeyStep)> {
        let others = self.members().filter_map(|holder| Some((holder.host, holder.keys()?)));
        let all = others.chain([(self.me, self.mine)]);
        all.filter_map(|(host, keys)| Some((host, step(keys)?))).collect()
    }

    /// Members that send with a key of a change that was taken back, by an order that was late, and still hold
    /// the one in force.
    fn astray(&self) -> Vec<(HostId, KeyStep)> {
        let others = self.members().filter_map(|holder| Some((holder.host, holder.keys()?)));
        let lost =
            |keys: &KeysView| !self.mine.holds(keys.sends.id) && keys.holds(self.mine.sends.id);
        let back = KeyStep::Send(self.mine.sends.id);
        others.filter(|(_, keys)| lost(keys)).map(|(host, _)| (host, back.clone())).collect()
    }

    /// Members that do not accept the key yet. What they accept besides now is of a change that came to
    /// nothing: nobody sends with it.
    fn accept(&self) -> Vec<(HostId, KeyStep)> {
        let Some(key) = self.own.named(self.to.id) else { return Vec::new() };
        self.each(|keys| match keys.holds(self.to.id) {
            true => None,
            false if keys.also.is_some() => Some(KeyStep::Only(keys.sends.id)),
            false => Some(KeyStep::Accept(key.clone())),
        })
    }

    /// Hosts that answer and are no members get what this host holds: they hear, and are heard, then.
    fn outside(&self) -> Vec<(HostId, KeyStep)> {
        let outside = self.others.iter().filter(|holder| !holder.member);
        let other =
            outside.filter(|holder| holder.keys().is_some_and(|keys| !keys.same(&self.mine)));
        other.map(|holder| (holder.host, KeyStep::Take(self.own.clone()))).collect()
    }
}

#[cfg(test)]
mod tests;
