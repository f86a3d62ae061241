//! Sessions on a demo fleet, as the event loop wants them.

use std::sync::Arc;

use bytes::Bytes;
use omnes::ask::{BoxFuture, Nobody};
use omnes::demo::Fleet;
use omnes::hosts::Host;
use omnes::session::{Hub, Listener, SessionId};
use omnes::size::Size;
use omnes::ssh::{Connector, KnownHosts, Target};
use omnes::tui::desk;
use omnes::tui::event::{Opened, TargetIndex};

/// The targets of a demo fleet and a hub that reaches them.
pub(crate) struct DemoDesk {
    targets: Vec<Target>,
    hub: Hub,
}

impl DemoDesk {
    pub(crate) fn new(fleet: &Arc<Fleet>) -> DemoDesk {
        let connector = Connector::new(fleet.clone(), Arc::new(Nobody), Arc::new(KnownHosts::new()));
        DemoDesk { targets: fleet.targets(), hub: Hub::new(Arc::new(connector), 32) }
    }

    pub(crate) fn hosts(&self) -> Vec<Host> {
        self.targets.iter().map(|target| target.host.clone()).collect()
    }
}

impl desk::Fleet for DemoDesk {
    type Found = ();

    fn pardon(&mut self) {}

    fn open(&mut self, session: SessionId, target: TargetIndex, size: Size) {
        self.hub.open(session, Ok(self.targets[target.0].clone()), size);
    }
    fn input(&mut self, session: SessionId, bytes: Bytes) {
        assert!(self.hub.input(session, bytes), "one chunk at a time, so there is always room");
    }
    fn resize(&mut self, session: SessionId, size: Size) {
        self.hub.resize(session, size);
    }
    fn close(&mut self, session: SessionId) {
        self.hub.close(session);
    }
    fn forget(&mut self, session: SessionId) {
        self.hub.forget(session);
    }
    fn listener(&self) -> Arc<Listener> {
        self.hub.listener()
    }
    fn find(&self, _: String) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async { Err("the tests add no hosts".to_owned()) })
    }
    fn keep(&mut self, (): ()) -> Vec<Opened> {
        Vec::new()
    }
}
