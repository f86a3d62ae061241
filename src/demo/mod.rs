//! A fleet without servers: scripted or real shells behind an embedded SSH server, on loopback or in memory.
//!
//! It owns the other side of every test, of `omnes demo` and of the benchmarks. What is wrong with which host is decided
//! before it starts ([`Faults`]), what really happened is kept by the hosts ([`Truth`]), and all it put on disk or into
//! the process table goes when it goes. It lets in one key, made for the run, and listens on 127.0.0.1 only.
//!
//! A connection is a stream under a rule (`wire`: cut, silent, slowed), on it russh's server with our handler (`host`),
//! and for each channel a task that carries bytes between it and a program (`job`): real processes (`shell_real`) or
//! the scripted shell ([`Scripted`]), which is pure.

mod door;
mod fleet;
mod host;
mod job;
mod keys;
mod run_dir;
mod scenario;
mod scripted;
mod serve;
mod shell_real;
mod truth;
mod wire;

pub use fleet::{Fleet, FleetConfig, FleetError, MAX_HOSTS, Transport};
pub use scenario::{Fault, Faults, LEDGER, Refusal, ShellKind, StallAt, fleet_expression, host_name};
pub use scripted::{Event as ScriptedEvent, Identity, Scripted};
pub use serve::{ServeError, serve};
pub use truth::{Recording, Truth};
