//! The store as the connector asks it.

use super::{KnownHosts, Verdict};
use crate::ssh::{HostKeys, Target, hostkey};

impl HostKeys for KnownHosts {
    /// A file that cannot be read refuses: it might hold a word against the key.
    fn check(&self, target: &Target, algorithm: &str, blob: &[u8]) -> hostkey::Verdict {
        match KnownHosts::check(self, target, blob) {
            Ok(Verdict::Known) => hostkey::Verdict::Known,
            Ok(Verdict::Unknown) => hostkey::Verdict::Unknown,
            Ok(verdict) => {
                let why = verdict.refusal(target, algorithm, blob);
                hostkey::Verdict::Refused(why.expect("changed and revoked keys are refused with a reason"))
            }
            Err(error) => hostkey::Verdict::Refused(error.to_string()),
        }
    }

    fn learn(&self, target: &Target, _algorithm: &str, blob: &[u8]) -> Result<(), String> {
        KnownHosts::learn(self, target, blob).map_err(|error| error.to_string())
    }

    fn algorithms_for(&self, target: &Target) -> Vec<String> {
        KnownHosts::algorithms_for(self, target).into_iter().map(str::to_owned).collect()
    }
}
