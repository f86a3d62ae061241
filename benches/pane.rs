//! Bytes a second into a pane, beside the bare emulator with a scrollback of its own, on the same input in the same run.
//!
//! `cargo bench --bench pane`. The inputs are made here: a coloured directory listing, source text, full-screen redraws,
//! and the shortest lines there are.

use std::fmt::Write;
use std::hint::black_box;
use std::num::NonZeroU16;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use omnes::pane::{HistoryLimit, Pane};
use omnes::size::Size;

/// Bytes of each input.
const INPUT: usize = 1 << 20;
/// Bytes as they come from a channel at a time.
const CHUNK: usize = 4096;
/// Lines of history, for both.
const LINES: usize = 1000;

/// Repeats what `piece` writes for 0, 1, 2 and so on up to the length of an input.
fn input(mut piece: impl FnMut(usize, &mut String)) -> Vec<u8> {
    let mut text = String::with_capacity(INPUT + 8192);
    let mut n = 0;
    while text.len() < INPUT {
        piece(n, &mut text);
        n += 1;
    }
    text.into_bytes()
}

fn listing() -> Vec<u8> {
    const STYLES: [&str; 5] = ["0", "01;34", "01;36", "01;32", "38;5;208"];
    input(|n, text| {
        let (size, style) = (n * 7919 % 1_000_000, STYLES[n % STYLES.len()]);
        let day = n % 28 + 1;
        let _ = write!(
            text,
            "-rw-r--r--  1 root root {size:>8} Nov {day:>2} 08:19 \x1b[{style}mfile-{n}.conf\x1b[0m\r\n"
        );
    })
}

fn source() -> Vec<u8> {
    input(|n, text| {
        let _ = match n % 5 {
            0 => write!(text, "fn step_{n}(state: &mut State, event: Event) -> Result<(), Error> {{\r\n"),
            1 => write!(text, "    let value = state.lookup(event.key()).unwrap_or({n});\r\n"),
            2 => {
                write!(text, "        // The table holds what was seen before, so that this stays cheap.\r\n")
            }
            3 => write!(text, "    state.push(value)\r\n}}\r\n"),
            _ => write!(text, "\r\n"),
        };
    })
}

fn redraws() -> Vec<u8> {
    input(|n, text| {
        text.push_str("\x1b[H");
        for row in 1..=24 {
            let style = (n + row) % 8;
            let _ = write!(
                text,
                "\x1b[{row};1H\x1b[3{style}m{:>6} {:<30}\x1b[m{:>8}.{row}%\x1b[K",
                n * row,
                "process",
                n % 100
            );
        }
    })
}

fn shortest() -> Vec<u8> {
    input(|_, text| text.push_str("y\r\n"))
}

fn cells(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("sizes here are not zero")
}

fn throughput(c: &mut Criterion) {
    let inputs =
        [("listing", listing()), ("source", source()), ("redraws", redraws()), ("shortest", shortest())];
    for (rows, cols) in [(24, 80), (50, 200)] {
        let mut group = c.benchmark_group(format!("feed {cols}x{rows}"));
        for (name, bytes) in &inputs {
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_with_input(BenchmarkId::new("pane", name), bytes, |b, bytes| {
                let mut pane = Pane::new(Size::new(rows, cols), HistoryLimit::lines(LINES));
                b.iter(|| {
                    for chunk in bytes.chunks(CHUNK) {
                        black_box(pane.feed(Duration::ZERO, chunk));
                    }
                });
            });
            group.bench_with_input(BenchmarkId::new("vt100", name), bytes, |b, bytes| {
                let mut parser = vt100::Parser::new(cells(rows), cells(cols), LINES);
                b.iter(|| bytes.chunks(CHUNK).for_each(|chunk| parser.process(chunk)));
            });
        }
        group.finish();
    }
}

/// What the echo of one key costs a pane: the byte itself, and knowing which row changed.
fn echo(c: &mut Criterion) {
    let mut pane = Pane::new(Size::DEFAULT, HistoryLimit::lines(LINES));
    c.bench_function("echo of a key", |b| {
        b.iter(|| {
            pane.feed(Duration::ZERO, b"x\x08");
            black_box(pane.digest())
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = throughput, echo
}
criterion_main!(benches);
