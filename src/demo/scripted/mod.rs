//! A shell without processes: bytes in, bytes out. Pure, deterministic, and cheap enough that one process serves
//! thousands of hosts.
//!
//! It is told of input by [`Scripted::input`] and asked for what follows by [`Scripted::take`], one bounded piece at a
//! time, so that an endless command needs no memory and its reader sets the pace. On a terminal it behaves as a tty in
//! canonical mode with echo: backspace, `C-u`, `C-c`, `C-d` work, other control characters show as `^X`.
//!
//! Commands: `echo`, `printf`, `hostname`, `whoami`, `pwd`, `true`, `false`, `exit [N]`, `seq N`, `yes [WORD]`, `flood
//! [RATE]` (lines at 256 kB a second, or at RATE bytes), `lines N` (of about 72 columns), `cat` (input comes back as it is, until
//! `C-d`), `wc -c`, `size` (of the terminal), `sleep-for-ever`; `;` between them, `>&2` at their end.

mod words;

use std::collections::VecDeque;
use std::time::Duration;

use crate::size::Size;
use words::Simple;

/// The most of one piece of endless output, in bytes.
const PIECE: usize = 8 * 1024;
/// The longest line and the most input kept while a command runs, as on a Linux tty; what exceeds it is dropped there
/// too.
const LINE: usize = 4096;

/// How fast `flood` is, in bytes a second.
const FLOOD: u32 = 256 * 1024;
/// What stands behind the number of a line of `lines`: columns as logs have them.
const TAIL: &str = " a line of a log with as many columns as such lines have, no more";

/// What the shell wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Write this to standard output (on a terminal, to it).
    Out(Vec<u8>),
    /// Write this to standard error.
    Err(Vec<u8>),
    /// This command line ran now.
    Ran(String),
    /// Wait so long before the next piece.
    Pause(Duration),
    /// It is over, with this status. Nothing follows.
    Exit(u8),
}

/// Who the shell says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name of the host.
    pub host: String,
    /// The name of the user.
    pub user: String,
}

/// What the shell is doing.
#[derive(Debug, PartialEq, Eq)]
enum Doing {
    /// Reading commands.
    Reading,
    Cat,
    Count(u64),
    Sleep,
    /// Writing the same for ever, at this many bytes a second if limited.
    Repeat {
        line: Vec<u8>,
        rate: Option<u32>,
    },
    Seq {
        next: u64,
        last: u64,
        /// What stands behind each number.
        tail: &'static str,
    },
    Over,
}

/// The shell; see the module.
#[derive(Debug)]
pub struct Scripted {
    identity: Identity,
    terminal: Option<Size>,
    /// Only one command line, given at the start.
    once: bool,
    doing: Doing,
    /// The rest of the command line.
    commands: VecDeque<Simple>,
    to_stderr: bool,
    status: u8,
    line: Vec<u8>,
    /// Input that came while a command ran that does not read; at most [`LINE`].
    ahead: VecDeque<u8>,
    ended: bool,
    events: VecDeque<Event>,
}

impl Scripted {
    /// An interactive shell; without a terminal it has neither prompt nor echo.
    pub fn shell(identity: Identity, terminal: Option<Size>) -> Scripted {
        let mut shell = Scripted::new(identity, terminal, false);
        shell.prompt();
        shell
    }

    /// One command line.
    pub fn exec(identity: Identity, terminal: Option<Size>, command: &str) -> Scripted {
        let mut shell = Scripted::new(identity, terminal, true);
        shell.run_line(command);
        shell
    }

    /// A shell that writes lines for ever, `rate` bytes a second; only a signal ends it.
    pub fn flooding(identity: Identity, terminal: Option<Size>, rate: u32) -> Scripted {
        let mut shell = Scripted::new(identity, terminal, true);
        let line = format!("{} floods\n", shell.identity.host).into_bytes();
        shell.doing = Doing::Repeat { line, rate: Some(rate.max(1)) };
        shell
    }

    fn new(identity: Identity, terminal: Option<Size>, once: bool) -> Scripted {
        Scripted {
            identity,
            terminal,
            once,
            doing: Doing::Reading,
            commands: VecDeque::new(),
            to_stderr: false,
            status: 0,
            line: Vec::new(),
            ahead: VecDeque::new(),
            ended: false,
            events: VecDeque::new(),
        }
    }

    /// The terminal has another size now.
    pub fn resize(&mut self, size: Size) {
        self.terminal = self.terminal.map(|_| size);
    }

    /// Input came.
    pub fn input(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.byte(*byte);
        }
    }

    /// No more input will come.
    pub fn end_of_input(&mut self) {
        self.ended = true;
        match self.doing {
            Doing::Cat | Doing::Count(_) => self.reader_ended(),
            _ => self.settle(),
        }
    }

    /// Whether it runs one command line and no more.
    pub fn is_exec(&self) -> bool {
        self.once
    }

    /// Whether it writes without waiting for input.
    pub fn is_writing(&self) -> bool {
        matches!(self.doing, Doing::Repeat { .. } | Doing::Seq { .. })
    }

    /// What follows now; `None` until there is more input.
    pub fn take(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        match &mut self.doing {
            Doing::Repeat { line, rate } => {
                let (bytes, pause) = repeat(line, *rate);
                self.events.extend(pause.map(Event::Pause));
                Some(self.as_output(bytes))
            }
            Doing::Seq { next, last, tail } => {
                let mut bytes = Vec::new();
                while next <= last && bytes.len() < PIECE {
                    bytes.extend(format!("{next}{tail}\n").bytes());
                    *next += 1;
                }
                if next > last {
                    let event = self.as_output(bytes);
                    self.events.push_back(event);
                    self.command_ended(0);
                    return self.events.pop_front();
                }
                Some(self.as_output(bytes))
            }
            _ => None,
        }
    }

    fn byte(&mut self, byte: u8) {
        let interrupts = self.terminal.is_some() && byte == 0x03;
        match &mut self.doing {
            Doing::Over => {}
            _ if interrupts => self.interrupt(),
            Doing::Reading => self.line_byte(byte),
            Doing::Cat | Doing::Count(_) if self.terminal.is_some() && byte == 0x04 => self.reader_ended(),
            Doing::Cat => self.emit(vec![byte]),
            Doing::Count(count) => *count += 1,
            _ if self.ahead.len() < LINE => self.ahead.push_back(byte),
            _ => {}
        }
    }

    /// A byte at the prompt.
    fn line_byte(&mut self, byte: u8) {
        match byte {
            b'\n' | b'\r' => {
                self.echo(b"\r\n");
                let line = std::mem::take(&mut self.line);
                self.run_line(&String::from_utf8_lossy(&line));
            }
            _ if self.terminal.is_none() => self.keep(byte),
            0x04 if self.line.is_empty() => {
                self.echo(b"exit\r\n");
                self.exit(self.status);
            }
            0x04 => {}
            0x08 | 0x7f => self.erase(),
            0x15 => {
                while !self.line.is_empty() {
                    self.erase();
                }
            }
            0..0x20 => {
                self.keep(byte);
                self.echo(&[b'^', byte + 0x40]);
            }
            _ => {
                self.keep(byte);
                self.echo(&[byte]);
            }
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.line.len() < LINE {
            self.line.push(byte);
        }
    }

    /// Takes the last character off the line and off the screen.
    fn erase(&mut self) {
        while let Some(byte) = self.line.pop() {
            if byte & 0xc0 != 0x80 {
                let width = if byte < 0x20 { 2 } else { 1 };
                self.echo(b"\x08 \x08".repeat(width).as_slice());
                return;
            }
        }
    }

    fn interrupt(&mut self) {
        self.echo(b"^C\r\n");
        self.line.clear();
        self.ahead.clear();
        self.commands.clear();
        self.command_ended(130);
    }

    fn run_line(&mut self, line: &str) {
        let line = line.trim();
        if !line.is_empty() {
            self.events.push_back(Event::Ran(line.to_owned()));
        }
        self.commands = words::read(line).into();
        self.go_on();
    }

    /// The next command of the line, else the prompt or the end.
    fn go_on(&mut self) {
        self.doing = Doing::Reading;
        while let Some(command) = self.commands.pop_front() {
            self.to_stderr = command.to_stderr;
            self.start(&command.words);
            if self.ended {
                self.end_reader();
            }
            if self.doing != Doing::Reading {
                return;
            }
        }
        self.to_stderr = false;
        if self.once {
            return self.exit(self.status);
        }
        self.prompt();
        let ahead = std::mem::take(&mut self.ahead);
        for byte in ahead {
            self.byte(byte);
        }
        self.settle();
    }

    fn command_ended(&mut self, status: u8) {
        self.status = status;
        self.go_on();
    }

    /// Ends a command that reads the input.
    fn end_reader(&mut self) {
        match self.doing {
            Doing::Cat => self.doing = Doing::Reading,
            Doing::Count(count) => {
                self.say(&count.to_string());
                self.doing = Doing::Reading;
            }
            _ => {}
        }
    }

    /// After the end of the input a shell that reads runs its last line and exits.
    fn settle(&mut self) {
        if !self.ended || self.doing != Doing::Reading {
            return;
        }
        let line = std::mem::take(&mut self.line);
        match line.is_empty() {
            true => self.exit(self.status),
            false => self.run_line(&String::from_utf8_lossy(&line)),
        }
    }

    fn start(&mut self, words: &[String]) {
        let (name, arguments) = words.split_first().expect("a command has a name");
        self.status = 0;
        match name.as_str() {
            "true" | ":" => {}
            "false" => self.status = 1,
            "echo" => self.say(&arguments.join(" ")),
            "printf" => {
                let (format, rest) = arguments.split_first().map_or(("", &[][..]), |(f, r)| (f.as_str(), r));
                self.emit(words::printf(format, rest));
            }
            "hostname" => self.say(&self.identity.host.clone()),
            "whoami" => self.say(&self.identity.user.clone()),
            "pwd" => self.say(&format!("/home/{}", self.identity.user)),
            "size" => match self.terminal {
                Some(size) => self.say(&size.to_string()),
                None => self.complain("size: not a terminal", 1),
            },
            "exit" => match arguments.first().map(|status| status.parse::<u8>()) {
                None => self.exit(self.status),
                Some(Ok(status)) => self.exit(status),
                Some(Err(_)) => self.complain("exit: a status is a number from 0 to 255", 2),
            },
            "seq" | "lines" => match arguments.first().map(|last| last.parse()) {
                Some(Ok(last)) => {
                    let tail = if name == "lines" { TAIL } else { "" };
                    self.doing = Doing::Seq { next: 1, last, tail };
                }
                _ => self.complain(&format!("{name}: needs a number"), 2),
            },
            "yes" => {
                let word = arguments.first().map_or("y", String::as_str);
                self.doing = Doing::Repeat { line: format!("{word}\n").into_bytes(), rate: None };
            }
            "flood" => match arguments.first().map_or(Ok(FLOOD), |rate| rate.parse::<u32>()) {
                Ok(rate) => {
                    let line = format!("{} floods\n", self.identity.host).into_bytes();
                    self.doing = Doing::Repeat { line, rate: Some(rate.max(1)) };
                }
                Err(_) => self.complain("flood: needs a number of bytes a second", 2),
            },
            "cat" => self.doing = Doing::Cat,
            "wc" => self.doing = Doing::Count(0),
            "sleep-for-ever" => self.doing = Doing::Sleep,
            other => self.complain(&format!("{other}: not found"), 127),
        }
    }

    fn reader_ended(&mut self) {
        self.end_reader();
        self.command_ended(0);
    }

    fn exit(&mut self, status: u8) {
        self.doing = Doing::Over;
        self.commands.clear();
        self.events.push_back(Event::Exit(status));
    }

    fn prompt(&mut self) {
        if self.terminal.is_some() {
            self.emit(format!("{}:~$ ", self.identity.host).into_bytes());
        }
    }

    fn say(&mut self, line: &str) {
        self.emit(format!("{line}\n").into_bytes());
    }

    fn complain(&mut self, sentence: &str, status: u8) {
        self.status = status;
        let to_stderr = std::mem::replace(&mut self.to_stderr, true);
        self.say(sentence);
        self.to_stderr = to_stderr;
    }

    /// What the tty writes back; there is none without a terminal.
    fn echo(&mut self, bytes: &[u8]) {
        if self.terminal.is_some() {
            self.push(Event::Out(bytes.to_vec()));
        }
    }

    fn emit(&mut self, bytes: Vec<u8>) {
        let event = self.as_output(bytes);
        self.push(event);
    }

    fn as_output(&self, bytes: Vec<u8>) -> Event {
        match (self.terminal, self.to_stderr) {
            (Some(_), _) if self.doing == Doing::Cat => Event::Out(bytes),
            (Some(_), _) => Event::Out(with_carriage_returns(&bytes)),
            (None, true) => Event::Err(bytes),
            (None, false) => Event::Out(bytes),
        }
    }

    /// Queues an event; neighbours on the same stream become one.
    fn push(&mut self, event: Event) {
        match (self.events.back_mut(), event) {
            (Some(Event::Out(last)), Event::Out(more)) | (Some(Event::Err(last)), Event::Err(more)) => {
                last.extend(more);
            }
            (_, event) => self.events.push_back(event),
        }
    }
}

/// One piece of an endless output, and the pause that keeps it to `rate` bytes a second.
fn repeat(line: &[u8], rate: Option<u32>) -> (Vec<u8>, Option<Duration>) {
    let Some(rate) = rate else { return (line.repeat((PIECE / line.len()).max(1)), None) };
    let bytes = line.repeat((rate as usize / 20).clamp(1, PIECE).div_ceil(line.len()));
    let pause = Duration::from_secs_f64(bytes.len() as f64 / f64::from(rate));
    (bytes, Some(pause))
}

/// As a tty does on output (ONLCR).
fn with_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' && (at == 0 || bytes[at - 1] != b'\r') {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests;
