//! Running the commands of dynamic sources: each at most once for a question, for at most ten seconds, with a bound on
//! what it may print.
//!
//! `clusters.toml` names argument vectors, which no shell sees. `groups.conf` names shell lines into which the group is
//! pasted as text, as ClusterShell does; so a group whose name a shell could read as more than a word is refused.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::definitions::{Commands, Source};
use super::inventory::{Groups, Query};
use crate::escape;

/// How long one call may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The most that one call may print, in bytes; beyond it is stopped.
const OUTPUT_LIMIT: usize = 8 << 20;
/// How much of what it prints to standard error is kept.
const COMPLAINT_LIMIT: usize = 4096;

type Answers = HashMap<(String, String), Result<String, String>>;

/// Asks dynamic sources by running their commands; answers are kept as long as this value lives.
#[derive(Debug)]
pub struct Sources {
    time_limit: Duration,
    answers: RefCell<Answers>,
}

impl Default for Sources {
    fn default() -> Sources {
        Sources::new()
    }
}

impl Sources {
    /// Nothing asked yet.
    pub fn new() -> Sources {
        Sources::with_time_limit(TIME_LIMIT)
    }

    /// The same with another limit for each call.
    pub fn with_time_limit(time_limit: Duration) -> Sources {
        Sources { time_limit, answers: RefCell::default() }
    }

    fn run(&self, source: &Source, query: Query<'_>) -> Result<String, String> {
        let mut command = command(source, query)?;
        let shown = shown(&command);
        let fault = |what: String| format!("source `{}`: `{shown}` {what}", source.name);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn().map_err(|error| fault(format!("cannot be started: {error}")))?;
        let ended = watch(child, self.time_limit).map_err(|what| fault(what.to_owned()))?;
        if !ended.status.success() {
            let complaint = escape::text(&String::from_utf8_lossy(&ended.complaint), 200);
            let complaint = if complaint.is_empty() { String::new() } else { format!(": {complaint}") };
            return Err(fault(format!("failed ({}){complaint}", ended.status)));
        }
        String::from_utf8(ended.output).map_err(|_| fault("printed bytes that are not UTF-8".to_owned()))
    }
}

impl Groups for Sources {
    fn ask(&self, source: &Source, query: Query<'_>) -> Result<String, String> {
        let key = (source.name.to_string(), format!("{query:?}"));
        if let Some(answer) = self.answers.borrow().get(&key) {
            return answer.clone();
        }
        let answer = self.run(source, query);
        self.answers.borrow_mut().insert(key, answer.clone());
        answer
    }
}

fn command(source: &Source, query: Query<'_>) -> Result<Command, String> {
    let group = match query {
        Query::Group(group) => group,
        Query::List | Query::All => "",
    };
    let is_word = |c: char| c.is_alphanumeric() || "_-.+=:@%/".contains(c);
    if group.starts_with('-') || !group.chars().all(is_word) {
        let shown = escape::text(group, 60);
        return Err(format!(
            "source `{}` is not asked for `{shown}`, since a shell could misread it",
            source.name
        ));
    }
    let missing = || format!("source `{}` has no command for this", source.name);
    match &source.commands {
        Commands::Arguments { map, list, all } => {
            let words = match query {
                Query::Group(_) => Some(map),
                Query::List => list.as_ref(),
                Query::All => all.as_ref(),
            };
            let (program, arguments) = words.and_then(|words| words.split_first()).ok_or_else(missing)?;
            let mut command = Command::new(program);
            command.args(arguments.iter().map(|argument| argument.replace("{group}", group)));
            Ok(command)
        }
        Commands::Shell { map, list, all, directory, .. } => {
            let line = match query {
                Query::Group(_) => Some(map),
                Query::List => list.as_ref(),
                Query::All => all.as_ref(),
            };
            let directory_text = directory.to_string_lossy();
            if line.is_some_and(|line| line.contains("CFGDIR")) && !directory_text.chars().all(is_word) {
                let shown = escape::text(&directory_text, 80);
                return Err(format!(
                    "source `{}` is not asked, since a shell could misread {shown}",
                    source.name
                ));
            }
            let values = [("GROUP", group), ("SOURCE", &source.name), ("CFGDIR", &directory_text)];
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(substitute(line.ok_or_else(missing)?, &values)).current_dir(directory);
            Ok(command)
        }
    }
}

/// `$NAME` and `${NAME}` of the given names are replaced, `$$` is a dollar sign, everything else stays for the shell.
fn substitute(line: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (braced, name) = match after.strip_prefix('{').and_then(|after| after.split_once('}')) {
            Some((name, _)) => (true, name),
            None => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                (false, &after[..after.find(|c| !is_part(c)).unwrap_or(after.len())])
            }
        };
        let length = name.len() + if braced { 2 } else { 0 };
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => {
                out.push_str(value);
                rest = &after[length..];
            }
            None if after.starts_with('$') => {
                out.push('$');
                rest = &after[1..];
            }
            None => {
                out.push('$');
                rest = after;
            }
        }
    }
    out + rest
}

fn shown(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let joined: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    escape::text(&joined.join(" "), 160)
}

/// What a command left behind.
struct Ended {
    status: ExitStatus,
    output: Vec<u8>,
    complaint: Vec<u8>,
}

enum News {
    Output(Vec<u8>),
    Complaint(Vec<u8>),
    Exit(std::io::Result<ExitStatus>),
    TooLong,
}

/// Waits until the command has ended and closed what it prints to, or stops its process group.
fn watch(mut child: Child, time_limit: Duration) -> Result<Ended, &'static str> {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    let deadline = Instant::now() + time_limit;
    // Three threads send one piece of news each, so none of them ever waits for room.
    let (news, arriving) = sync_channel(3);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let readers = (news.clone(), news.clone());
    thread::spawn(move || read_output(stdout, &readers.0));
    thread::spawn(move || {
        let _ = readers.1.send(News::Complaint(read_complaint(stderr)));
    });
    thread::spawn(move || {
        let _ = news.send(News::Exit(child.wait()));
    });
    let (mut output, mut complaint, mut status) = (None, None, None);
    let failure = loop {
        match arriving.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(News::Output(bytes)) => output = Some(bytes),
            Ok(News::Complaint(bytes)) => complaint = Some(bytes),
            Ok(News::Exit(Ok(ended))) => status = Some(ended),
            Ok(News::Exit(Err(_))) => break "could not be waited for",
            Ok(News::TooLong) => break "printed more than 8 MB and was stopped",
            Err(RecvTimeoutError::Timeout) => break "took longer than its time limit and was stopped",
            Err(RecvTimeoutError::Disconnected) => break "could not be read from",
        }
        if let (Some(status), Some(_), Some(_)) = (status, &output, &complaint) {
            let (output, complaint) = (output.unwrap_or_default(), complaint.unwrap_or_default());
            return Ok(Ended { status, output, complaint });
        }
    };
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    Err(failure)
}

fn read_output(stdout: Option<impl Read>, news: &SyncSender<News>) {
    let mut bytes = Vec::new();
    if let Some(stdout) = stdout {
        let _ = stdout.take(OUTPUT_LIMIT as u64 + 1).read_to_end(&mut bytes);
    }
    let _ = news.send(if bytes.len() > OUTPUT_LIMIT { News::TooLong } else { News::Output(bytes) });
}

/// The beginning of what it complains about; the rest is read and dropped, so that it never waits for us.
fn read_complaint(stderr: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stderr) = stderr {
        let _ = stderr.by_ref().take(COMPLAINT_LIMIT as u64).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut stderr, &mut std::io::sink());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::hosts::{Origin, Trust};

    fn shell(map: &str) -> Source {
        let (list, all, reverse) = (None, None, None);
        let commands =
            Commands::Shell { map: map.to_owned(), list, all, reverse, directory: PathBuf::from("/tmp") };
        Source { name: Arc::from("s"), origin: Origin::Expression, commands, trust: Trust::Granted }
    }

    fn arguments(words: &[&str]) -> Source {
        let map = words.iter().map(|word| (*word).to_owned()).collect();
        let commands = Commands::Arguments { map, list: None, all: None };
        Source { commands, ..shell("") }
    }

    fn ask(source: &Source, group: &str) -> Result<String, String> {
        Sources::with_time_limit(Duration::from_secs(60)).ask(source, Query::Group(group))
    }

    #[test]
    fn commands_are_run_and_their_output_read() {
        assert_eq!(
            ask(&shell("echo $GROUP ${GROUP}x $SOURCE $CFGDIR $$HOME"), "a-b").unwrap().split(' ').next(),
            Some("a-b")
        );
        assert_eq!(
            ask(&arguments(&["printf", "%s %s", "{group}1", "$HOME;x"]), "web").unwrap(),
            "web1 $HOME;x"
        );
        assert_eq!(
            substitute("$GROUP ${GROUP} $GROUPS $$x ${y} $", &[("GROUP", "g")]),
            "g g $GROUPS $x ${y} $"
        );
    }

    #[test]
    fn failures_are_sentences() {
        let table = [
            (shell("echo no\u{1b}pe >&2; exit 3"), "g", "failed (exit status: 3): no^[pe"),
            (shell("kill -9 $$$$"), "g", "failed (signal: 9"),
            (shell("printf '\\377'"), "g", "not UTF-8"),
            (shell("yes"), "g", "more than 8 MB"),
            (arguments(&["/no/such/command"]), "g", "cannot be started"),
            (shell("echo $GROUP"), "a;b", "misread"),
            (shell("echo $GROUP"), "-x", "misread"),
            (shell("echo $GROUP"), "a'b", "misread"),
        ];
        for (source, group, says) in table {
            let error = ask(&source, group).expect_err(says);
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn the_whole_process_group_is_stopped_in_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = format!("sleep 300 & echo $! > {}; wait", file.path().display());
        let sources = Sources::with_time_limit(Duration::from_secs(2));
        let error = sources.ask(&shell(&line), Query::Group("g")).expect_err("too long");
        assert!(error.contains("time limit"), "{error}");
        let pid: i32 = std::fs::read_to_string(file.path()).unwrap().trim().parse().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let stat = format!("/proc/{pid}/stat");
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(Instant::now() < deadline, "the sleeper still runs");
            thread::yield_now();
        }
    }
}
