//! Recordings in the format asciicast v2: a line of JSON about the recording, then one for each event.

use std::time::Duration;

use serde_json::json;

use super::stamp::Stamp;
use super::utf8::Utf8;
use crate::size::Size;

/// A recording as text. Each function gives whole lines, to be put at the end of the file.
#[derive(Debug, Default)]
pub struct Cast {
    utf8: Utf8,
    last: Duration,
}

/// What stands at the top of a recording.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The size of the terminal.
    pub size: Size,
    /// When it was made.
    pub made: Stamp,
    /// What it shows.
    pub title: &'a str,
}

/// The first line.
pub fn header(about: About<'_>) -> String {
    let About { size, made, title } = about;
    let header = json!({
        "version": 2,
        "width": size.cols,
        "height": size.rows,
        "timestamp": made.unix(),
        "title": title,
        "env": { "TERM": "xterm-256color" },
    });
    format!("{header}\n")
}

impl Cast {
    /// Output at this time since the beginning.
    pub fn output(&mut self, at: Duration, bytes: &[u8]) -> String {
        match self.utf8.feed(bytes) {
            text if text.is_empty() => String::new(),
            text => self.event(at, "o", &text),
        }
    }

    /// The terminal has another size from now on.
    pub fn resize(&mut self, at: Duration, size: Size) -> String {
        self.event(at, "r", &format!("{}x{}", size.cols, size.rows))
    }

    /// A mark with a text, for what the recording lacks.
    pub fn mark(&mut self, at: Duration, text: &str) -> String {
        self.event(at, "m", text)
    }

    /// What is left when the recording ends.
    pub fn end(&mut self, at: Duration) -> String {
        match self.utf8.end() {
            "" => String::new(),
            text => self.event(at, "o", text),
        }
    }

    /// Times never go back, and have microseconds.
    fn event(&mut self, at: Duration, code: &str, data: &str) -> String {
        self.last = self.last.max(at);
        let micros = self.last.as_micros();
        format!("[{}.{:06}, \"{code}\", {}]\n", micros / 1_000_000, micros % 1_000_000, json!(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_those_of_the_format() {
        let about = About {
            size: Size::new(24, 80),
            made: Stamp::of_unix(Duration::from_secs(1_700_000_000)),
            title: "web01 \"x\"",
        };
        assert_eq!(
            header(about),
            "{\"env\":{\"TERM\":\"xterm-256color\"},\"height\":24,\"timestamp\":1700000000,\
             \"title\":\"web01 \\\"x\\\"\",\"version\":2,\"width\":80}\n"
        );
        let mut cast = Cast::default();
        let ms = Duration::from_millis;
        assert_eq!(
            cast.output(ms(1_500), b"\x1b[31mr\r\n\xc3"),
            "[1.500000, \"o\", \"\\u001b[31mr\\r\\n\"]\n"
        );
        assert_eq!(cast.output(ms(1_400), b"\xa9\xff"), "[1.500000, \"o\", \"é\u{fffd}\"]\n");
        assert_eq!(cast.output(ms(1_600), b"\xe2\x82"), "");
        assert_eq!(cast.resize(ms(1_700), Size::new(30, 100)), "[1.700000, \"r\", \"100x30\"]\n");
        assert_eq!(cast.end(ms(2_000)), "[2.000000, \"o\", \"\u{fffd}\"]\n");
    }
}
