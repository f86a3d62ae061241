//! What all hosts of a run share: the dialer, whoever is asked, the host keys, the agent, the key files, the secrets.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::agent::Agents;
use super::broker::{Broker, Queues, Slots};
use super::clock::{Clock, Progress};
use super::connect::{self, Part};
use super::dial::Dial;
use super::hostkey::{Asking, HostKeys};
use super::jump::Jumps;
use super::keys::KeyFiles;
use super::link::Link;
use super::silence::Silence;
use super::tuning::Tuning;
use super::turns::Turns;
use super::{ConnectError, Target};
use crate::ask::Ask;

/// Reaches hosts. One for all hosts of a run, so that keys are read once, secrets asked once, and the agent is not
/// overrun; cheap to clone.
#[derive(Clone)]
pub struct Connector {
    shared: Arc<Shared>,
}

/// The shared things themselves.
pub(super) struct Shared {
    pub(super) dial: Arc<dyn Dial>,
    pub(super) ask: Arc<dyn Ask>,
    pub(super) keys: Arc<dyn HostKeys>,
    pub(super) agents: Agents,
    pub(super) files: KeyFiles,
    pub(super) broker: Arc<Broker>,
    pub(super) slots: Slots,
    pub(super) queues: Queues,
    pub(super) tuning: Tuning,
    pub(super) turns: Arc<Turns>,
    pub(super) jumps: Jumps,
    /// Whose turn it is to write a host key down: writing may wait for a file, and takes one thread at most.
    pub(super) learning: Arc<Mutex<()>>,
    /// The questions about host keys.
    pub(super) asking: Asking,
}

impl Connector {
    /// A connector that dials with `dial`, puts its questions to `ask` and proves hosts by `keys`.
    pub fn new(dial: Arc<dyn Dial>, ask: Arc<dyn Ask>, keys: Arc<dyn HostKeys>) -> Connector {
        let shared = Shared {
            dial,
            keys,
            agents: Agents::default(),
            files: KeyFiles::default(),
            broker: Broker::new(Arc::clone(&ask)),
            slots: Slots::default(),
            queues: Queues::default(),
            tuning: Tuning::default(),
            turns: Arc::default(),
            jumps: Jumps::default(),
            learning: Arc::default(),
            asking: Asking::default(),
            ask,
        };
        Connector { shared: Arc::new(shared) }
    }

    /// What its hosts share.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The same, for links whose silence is treated like this; [`Silence::Ends`] where nobody says. To be called before the
    /// connector is shared.
    pub fn with_silence(mut self, silence: Silence) -> Connector {
        let shared =
            Arc::get_mut(&mut self.shared).expect("a connector that is being made is not shared yet");
        shared.tuning = Tuning::new(silence);
        self
    }

    /// The same, for links that move files: more may be under way towards us. To be called after
    /// [`Connector::with_silence`] and before the connector is shared.
    pub fn for_files(mut self) -> Connector {
        let shared =
            Arc::get_mut(&mut self.shared).expect("a connector that is being made is not shared yet");
        shared.tuning = std::mem::take(&mut shared.tuning).for_files();
        self
    }

    /// Forgets refusals that were remembered for all hosts: wrong and dismissed secrets, an agent that did not answer;
    /// and looks again at known_hosts where it has changed. For a user who tries again by hand; secrets that a host has accepted stay.
    pub fn pardon(&self) {
        self.shared.keys.doubt();
        self.shared.broker.pardon();
        self.shared.files.pardon();
        self.shared.agents.pardon();
    }

    /// Reaches a host: from its name to a login, within its connect timeout. Dropping the future gives up at once and
    /// leaves neither a task nor a socket behind.
    pub async fn connect(&self, target: &Target, progress: &dyn Progress) -> Result<Link, ConnectError> {
        let clock = Arc::new(Clock::new(target.connect_timeout));
        let target = Arc::new(target.clone());
        clock.within(progress, connect::reach(&self.shared, (&target, Part::End), &clock)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tasks_share_can_be_shared() {
        fn shared<T: Send + Sync>() {}
        shared::<Connector>();
        shared::<Link>();
        shared::<crate::ssh::Channel>();
    }
}
