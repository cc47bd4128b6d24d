//! Orders about the power of other hosts.

use haven_drivers::power::{Agents, PowerError};

use super::Agent;
use super::execute::Case;
use super::lanes::Lane;
use crate::orders::{OrderReply, OrderResult, PowerRequest};

impl Agent {
    /// The fence agents of this host.
    #[must_use]
    pub fn power(&self) -> &Agents {
        &self.power
    }
}

impl Case {
    pub(super) async fn power(&self, request: &PowerRequest) -> OrderResult {
        let (agents, request) = (self.agent.power.clone(), request.clone());
        self.blocking(Lane::Power, move |_, _| ask(&agents, &request)).await
    }
}

fn ask(agents: &Agents, request: &PowerRequest) -> Result<OrderReply, PowerError> {
    Ok(match request {
        PowerRequest::Status(settings) => OrderReply::PowerState(agents.status(settings)?),
        PowerRequest::On(settings) => {
            agents.on(settings)?;
            OrderReply::Done
        }
        PowerRequest::Agents => OrderReply::FenceAgents(agents.installed()),
        PowerRequest::Describe(agent) => OrderReply::FenceAgent(Box::new(agents.describe(agent)?)),
    })
}
