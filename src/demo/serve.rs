//! `omnes demo serve`: the fleet for the ordinary `ssh`.

use std::io::{self, Write};

use super::fleet::{Fleet, FleetConfig, FleetError, Transport};

/// Why serving ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is no fleet.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The text for the user could not be written.
    #[error("could not say where the demo fleet is: {0}")]
    Output(#[from] io::Error),
}

/// Serves a fleet on loopback (whatever `config` says of the transport), tells `out` how to reach it, and ends it once
/// `until` is ready.
pub async fn serve(
    config: FleetConfig,
    out: &mut impl Write,
    until: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let fleet = Fleet::start(FleetConfig { transport: Transport::Loopback, ..config }).await?;
    announce(&fleet, out)?;
    until.await;
    fleet.stop().await?;
    Ok(())
}

fn announce(fleet: &Fleet, out: &mut impl Write) -> io::Result<()> {
    let config = fleet.ssh_config().expect("a fleet on loopback has one").display();
    let first = fleet.names().next().expect("a fleet has a host");
    writeln!(out, "{} on 127.0.0.1, until this ends.", fleet.expression())?;
    writeln!(out, "ssh_config   {config}")?;
    writeln!(out, "known_hosts  {}", fleet.known_hosts().display())?;
    writeln!(out)?;
    writeln!(out, "  ssh -F {config} {first}")?;
    writeln!(out, "  omnes -F {config} '{}'", fleet.expression())?;
    writeln!(out, "  sftp -F {config} {first}")?;
    out.flush()
}
