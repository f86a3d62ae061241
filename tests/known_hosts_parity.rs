//! Our verdicts on host keys beside those of the real `ssh`.

pub mod support;

use support::sshd::Sshd;

#[test]
fn up() {
    let sshd = Sshd::builder().start();
    eprintln!("{}", sshd.log());
}
