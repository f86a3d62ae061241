//! What the operating system allows us: file descriptors, and no core dumps.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of file descriptors to the hard one, as ssh clients by the hundred need it, and returns what is
/// allowed then. Where it cannot be raised, the old limit stands.
pub fn raise_descriptors() -> u64 {
    let old = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: old.maximum, maximum: old.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// A core dump would hold passwords and session keys, so none is written, and no other process of the user may look
/// into this one (`PR_SET_DUMPABLE`, prctl(2)).
pub fn forbid_core_dumps() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // It cannot fail with this value; where the kernel is odd, the limit below stands still.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    let maximum = getrlimit(Resource::Core).maximum;
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limits_change_and_the_hard_ones_stay() {
        let hard = getrlimit(Resource::Nofile).maximum;
        assert_eq!(Some(raise_descriptors()), hard.or(Some(u64::MAX)));
        forbid_core_dumps();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
    }
}
