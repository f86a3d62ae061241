//! A fleet without servers: scripted or real shells behind an embedded SSH server, on loopback or in memory.
//!
//! It owns the other side of every test, of `omnes demo` and of the benchmarks. What is wrong with which host is decided
//! before it starts ([`Faults`]), what really happened is kept by the hosts ([`Truth`]), and all it put on disk or into
//! the process table goes when it goes. It lets in one key, made for the run, and listens on 127.0.0.1 only.
//!
//! Files are served over SFTP (`sftp`) from a [`Disk`] in memory that each host has, also those with real shells: what is
//! pushed to a demo never reaches this machine's own files, and no shell of the demo sees it.
//!
//! A connection is a stream under a rule (`wire`: cut, silent, slowed), on it russh's server with our handler (`host`),
//! and for each channel a task that carries bytes between it and a program (`job`): real processes (`shell_real`),
//! the scripted shell ([`Scripted`]) or the server of files, which are pure.

mod door;
mod fleet;
mod host;
mod job;
mod keys;
mod run_dir;
mod scenario;
mod scripted;
mod serve;
mod sftp;
mod shell_real;
mod truth;
mod wire;

pub use fleet::{Fleet, FleetConfig, FleetError, MAX_HOSTS, Transport};
pub use scenario::{
    Fault, Faults, FilesFault, LEDGER, Refusal, ShellKind, StallAt, fleet_expression, host_name,
};
pub use scripted::{Event as ScriptedEvent, Identity, Scripted};
pub use serve::{ServeError, serve};
pub use sftp::{Content, Counted, Disk, HOSTILE_NAMES, History, Kind, Sha, Stat, State, sha256};
pub use truth::{Recording, Truth};
