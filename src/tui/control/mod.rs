//! The control socket: how scripts and editors drive an omnes that runs.
//!
//! What goes over it is data ([`protocol`]): a [`Request`] comes in as an event of the app, the app answers with a
//! [`Response`] as an effect, and what is shown of it to a person is text ([`text`]). Both of those are pure. Around them
//! stand [`place`] (where the sockets are), [`socket`] (who listens) and [`client`] (who asks).

pub mod client;
pub mod place;
pub mod protocol;
pub mod socket;
pub mod text;

pub use protocol::{ControlId, HostLine, HostScreen, Request, Response, Sign, Since, Which};
