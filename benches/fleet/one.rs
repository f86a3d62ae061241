//! One host, from the start of the program to its end, beside `ssh`.

use std::process::Command;

use crate::ground::Ground;
use crate::measure::median;
use crate::peers::load;
use crate::scale;
use crate::tree;

const ROUNDS: usize = 30;

/// Runs `true` on a real `sshd`, the clients in turns, and prints the medians.
pub(crate) fn measure(rounds: Option<usize>) {
    let rounds = rounds.unwrap_or(ROUNDS);
    let ground = Ground::sshd(1);
    let (config, host) = (ground.at("ssh"), ground.hosts()[0].clone());
    let omnes = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omnes"));
        command.args(["run", "-F", &config, &host]).args(words).args(["--", "true"]);
        command.env_clear().env("HOME", ground.dir());
        tree::run("omnes", &mut command).wall * 1e3
    };
    let ssh = || {
        let mut command = Command::new("ssh");
        tree::run("ssh", command.args(["-n", "-F", &config, &host, "true"])).wall * 1e3
    };
    let bare = || scale::bare(ground.dir(), 1).wall * 1e3;
    let names = ["ssh", "omnes run", "omnes run --no-journal", "bare russh client"];
    let mut told = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        told[0].push(ssh());
        told[1].push(omnes(&[]));
        told[2].push(omnes(&["--no-journal"]));
        told[3].push(bare());
    }
    let beside = median(told[0].iter().copied());
    println!("one real sshd, start to exit, curve25519, {rounds} rounds in turns, load {:.1}", load());
    println!("{:>26} {:>10} {:>10} {:>10} {:>8}", "client", "least ms", "median ms", "most ms", "to ssh");
    for (name, times) in names.iter().zip(&told) {
        let (least, most) = times.iter().fold((f64::MAX, 0.0f64), |(a, b), ms| (a.min(*ms), b.max(*ms)));
        let middle = median(times.iter().copied());
        println!("{name:>26} {least:>10.1} {middle:>10.1} {most:>10.1} {:>8.2}", middle / beside);
    }
}
