//! `omnes ping`: how long every phase of reaching the hosts takes, and who is slow or not reached.

use std::sync::Arc;

use super::args::{FormArg, PingArgs};
use super::asker::Asker;
use super::{headless, secrets, survey};
use crate::outcome::Exit;
use crate::run::ping::Report;
use crate::ssh::{Connector, KnownHosts, Tcp};

/// Checks everything, then connects.
pub(super) fn ping(args: &PingArgs) -> anyhow::Result<Exit> {
    let settled = survey::settle(&args.targets, &args.ssh, &args.survey, "omnes ping web")?;
    let asker = Asker::headless(secrets::password(&args.secrets, &args.targets)?);
    let runtime = headless::runtime()?;
    let exit = runtime.block_on(async {
        let mut interrupts = headless::interrupts()?;
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), Arc::new(KnownHosts::new()));
        let look = |target| {
            let connector = connector.clone();
            async move {
                let link = connector.connect(&target, &()).await?;
                let phases = *link.phases();
                link.close().await;
                Ok(phases)
            }
        };
        let found = settled.look(&mut interrupts, look).await;
        let report = Report::new(settled.hosts, found.found, found.end);
        let told = match args.survey.output {
            Some(FormArg::Json) => survey::tell(report.json(), String::new(), &mut interrupts).await,
            Some(FormArg::Text) | None => {
                let err = format!("{}omnes: {}\n", report.failures(), report.summary());
                survey::tell(report.table().into_bytes(), err, &mut interrupts).await
            }
        };
        anyhow::Ok(report.exit().worst(told))
    });
    headless::leave(runtime);
    exit
}
