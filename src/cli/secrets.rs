//! The login password where it is given beforehand: typed at the start, printed by a command, or read from a descriptor.
//!
//! It is one password for all hosts that ask for one; the first line, as it stands. It is had before anything connects,
//! so a run without a password that it needs contacts nobody.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::args::{Argv, SecretArgs, TargetArgs};
use super::tty::{Tty, Typed};
use crate::ask::{Answer, Ask, BoxFuture, Echo, Question, SecretKind, SecretRequest};
use crate::escape;
use crate::hosts::Host;

/// Longest password, in bytes.
const BYTES: usize = 1024;

/// Bytes that are read in search of the end of the first line and of the output.
const MOST: usize = 64 * 1024;

/// How long a command or a descriptor may take; a command may ask a person.
const PATIENCE: Duration = Duration::from_secs(60);

/// The password that the options give, if they give one.
pub(super) fn password(args: &SecretArgs, targets: &TargetArgs) -> anyhow::Result<Option<SecretString>> {
    if let Some(command) = &args.password_command {
        return of_command("--password-command", command).map(Some);
    }
    if let Some(number) = args.password_fd {
        let hosts = targets.targets.iter().chain(&targets.with).any(|target| target == "-")
            || targets.hosts_from.iter().any(|file| file.as_os_str() == "-");
        if number == 0 && hosts {
            bail!("hosts and --password-fd 0 would both be read from standard input; use another descriptor");
        }
        return of_descriptor("--password-fd", number).map(Some);
    }
    if args.ask_password { typed().map(Some) } else { Ok(None) }
}

fn typed() -> anyhow::Result<SecretString> {
    let tty = Tty::open().map_err(|_| {
        anyhow!("--ask-password: there is no terminal to ask on; use --password-command or --password-fd")
    })?;
    match tty.ask("omnes: login password for the hosts that ask for one: ", Echo::Hidden) {
        Ok(Typed::Line(line)) if !line.expose_secret().is_empty() => Ok(line),
        Ok(_) => bail!("--ask-password: nothing was typed; nothing was contacted"),
        Err(error) => bail!("--ask-password: the terminal cannot be read: {error}"),
    }
}

/// The secret of this name in a script, asked for on the terminal.
pub(super) fn asked(name: &str) -> anyhow::Result<SecretString> {
    let tty = Tty::open().map_err(|_| {
        anyhow!("there is no terminal to ask for the secret `{name}` on; use --secret-command {name}=CMD or --secret-fd {name}=N")
    })?;
    match tty.ask(&format!("omnes: the secret `{name}`: "), Echo::Hidden) {
        Ok(Typed::Line(line)) if !line.expose_secret().is_empty() => Ok(line),
        Ok(_) => bail!("secret `{name}`: nothing was typed; nothing was contacted"),
        Err(error) => bail!("secret `{name}`: the terminal cannot be read: {error}"),
    }
}

/// The first line that a command prints; `option` is where it was named.
pub(super) fn of_command(option: &str, argv: &Argv) -> anyhow::Result<SecretString> {
    let (program, arguments) =
        argv.0.split_first().with_context(|| format!("{option}: the command is empty"))?;
    let place = format!("{option} `{program}`");
    let deadline = Instant::now() + PATIENCE;
    let child = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child =
        child.map_err(|error| anyhow!("{place} cannot be run: {error}; nothing was contacted"))?;
    let output = child.stdout.take().context("its standard output is a pipe")?;
    let line = first_line(&place, (output, Rest::Taken), deadline);
    let ended = end_of(&mut child, deadline);
    if ended.is_none() {
        // It may be gone already.
        let _ = child.kill();
        let _ = child.wait();
    }
    match ended {
        Some(status) if status.success() => line,
        Some(status) => bail!("{place} failed ({status}); nothing was contacted"),
        None => bail!("{place} did not end within {} s; nothing was contacted", PATIENCE.as_secs()),
    }
}

fn end_of(child: &mut Child, deadline: Instant) -> Option<std::process::ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            _ => return None,
        }
    }
}

/// The first line of an open descriptor; `option` is where it was named.
pub(super) fn of_descriptor(option: &str, number: u32) -> anyhow::Result<SecretString> {
    let place = format!("{option} {number}");
    let file = open_descriptor(number).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            anyhow!(
                "{place}: that descriptor is not open; open it as in `{number}<FILE`; nothing was contacted"
            )
        }
        _ => anyhow!("{place}: it cannot be read: {}; nothing was contacted", escape::reason(&error)),
    })?;
    if file.is_terminal() {
        bail!(
            "{place}: it is a terminal, which would show what is typed; omnes asks on it without the option"
        );
    }
    first_line(&place, (file, Rest::Left), Instant::now() + PATIENCE)
}

/// What a descriptor reads from. A FIFO whose writer has gone already would be waited for without end if it were opened
/// like a file, though what was written is still in it.
fn open_descriptor(number: u32) -> std::io::Result<File> {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).expect("open's flags are an int");
    let path = format!("/dev/fd/{number}");
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    let flags = fcntl_getfl(&file)?;
    fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

/// The first line of a source that may never end, on a thread that nobody waits for longer than the deadline.
fn first_line(
    place: &str,
    (source, rest): (impl Read + Send + 'static, Rest),
    deadline: Instant,
) -> anyhow::Result<SecretString> {
    let (send, receive) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut source = source;
        // Nobody may wait for it any more.
        let _ = send.send(read_line(&mut source));
        if rest == Rest::Taken {
            take_rest(source);
        }
    });
    match receive.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(line) => line.map_err(|why| anyhow!("{place}: {why}; nothing was contacted")),
        Err(_) => bail!("{place}: no line within {} s; nothing was contacted", PATIENCE.as_secs()),
    }
}

/// What becomes of the lines behind the first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// They are for others to read.
    Left,
    /// They are taken and wiped, since a command that cannot write all it has to say fails.
    Taken,
}

/// Reads on to the end, or to as much as no password store has to say.
fn take_rest(source: impl Read) {
    let mut bytes = Zeroizing::new([0; 4096]);
    let mut source = source.take(MOST as u64);
    while matches!(source.read(&mut *bytes), Ok(1..)) {}
}

fn read_line(mut source: impl Read) -> Result<SecretString, String> {
    let mut bytes = Zeroizing::new(vec![0; MOST]);
    let mut filled = 0;
    let end = loop {
        if let Some(end) = bytes[..filled].iter().position(|&byte| byte == b'\n') {
            break end;
        }
        match source.read(&mut bytes[filled..]) {
            Ok(0) => break filled,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    };
    let line = &bytes[..end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        _ if line.is_empty() => Err("its first line is empty".to_owned()),
        _ if line.len() > BYTES => Err(format!("its first line has more than {BYTES} bytes")),
        Ok(text) => Ok(SecretString::from(text.to_owned())),
        Err(_) => Err("its first line is not UTF-8".to_owned()),
    }
}

/// Gives the password to whoever asks for one, and passes everything else on.
pub(super) struct Given {
    password: SecretString,
    place: Place,
    /// On whose behalf it was given, for each kind.
    to: Mutex<HashMap<SecretKind, Vec<Host>>>,
    then: Arc<dyn Ask>,
}

/// What a password that was given is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Logins.
    Login,
    /// `sudo`.
    Sudo,
}

impl Place {
    fn wants(self, kind: &SecretKind) -> bool {
        match self {
            Place::Login => matches!(kind, SecretKind::Password { .. }),
            Place::Sudo => matches!(kind, SecretKind::Sudo { .. }),
        }
    }
}

/// `ask`, with the password before it where there is one.
pub(super) fn before(password: Option<SecretString>, place: Place, then: Arc<dyn Ask>) -> Arc<dyn Ask> {
    match password {
        Some(password) => Arc::new(Given { password, place, to: Mutex::default(), then }),
        None => then,
    }
}

/// Hosts that may refuse it, one after another, before it is wrong and not the first of them odd.
const HOSTS: usize = 3;

impl Given {
    /// It, where this host is not one that refused it already.
    fn once_more(&self, request: &SecretRequest) -> Answer {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let hosts = to.entry(request.kind.clone()).or_default();
        if hosts.len() >= HOSTS || hosts.contains(&request.host) {
            return Answer::NoOther;
        }
        hosts.push(request.host.clone());
        Answer::Secret(self.password.clone())
    }
}

impl Ask for Given {
    fn ask(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let Question::Secret(request) = &question else { return self.then.ask(question).await };
            if !self.place.wants(&request.kind) {
                return self.then.ask(question).await;
            }
            if request.refused.is_none() {
                self.once_more(request);
                return Answer::Secret(self.password.clone());
            }
            // A person knows better whether it was right; without one, the next host is to say.
            match self.then.ask(question.clone()).await {
                Answer::Nobody => self.once_more(request),
                answer => answer,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &[u8]) -> Result<String, String> {
        read_line(text).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn the_first_line_is_the_secret() {
        assert_eq!(line(b"hunter2\nmore").unwrap(), "hunter2");
        assert_eq!(line(b" two words ").unwrap(), " two words ");
        assert_eq!(line(b"dos\r\n").unwrap(), "dos");
        assert!(line(b"").is_err() && line(b"\nlate\n").is_err() && line(b"\xff\n").is_err());
        assert!(line(&[b'x'; BYTES + 1]).unwrap_err().contains("more than 1024"));
        assert!(line(&vec![b'x'; 2 * MOST]).unwrap_err().contains("more than 1024"));
    }

    #[test]
    fn a_command_that_fails_is_named() {
        let of = |words: &[&str]| {
            let argv = Argv(words.iter().map(|&word| word.to_owned()).collect());
            of_command("--password-command", &argv)
                .map(|secret| secret.expose_secret().to_owned())
                .map_err(|e| e.to_string())
        };
        assert_eq!(of(&["printf", "s;e cret\n"]).unwrap(), "s;e cret");
        // A password store prints more than the password, and in its own time.
        let more = "echo secret; sleep 0.2; echo user: ann; echo url: x";
        assert_eq!(of(&["sh", "-c", more]).unwrap(), "secret");
        assert!(of(&["sh", "-c", "echo x; exit 3"]).unwrap_err().contains("`sh` failed (exit status: 3)"));
        assert!(of(&["true"]).unwrap_err().contains("first line is empty"));
        let missing = of(&["/nonexistent/pass"]).unwrap_err();
        assert!(missing.starts_with("--password-command `/nonexistent/pass` cannot be run: "), "{missing}");
        assert!(missing.ends_with("; nothing was contacted"), "{missing}");
    }

    #[test]
    fn a_descriptor_that_is_not_open_says_how_to_open_it() {
        let missing = of_descriptor("--password-fd", 987_654).unwrap_err().to_string();
        assert!(missing.contains("is not open; open it as in `987654<FILE`"), "{missing}");
    }

    #[test]
    fn a_descriptor_is_read_whatever_it_is() {
        use std::io::Write;
        use std::os::fd::AsRawFd;

        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        // Opened for both, so that neither end waits for the other; only the reader stays.
        let mut both = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
        let reader = File::open(&fifo).unwrap();
        both.write_all(b"written before\n").unwrap();
        drop(both);
        let number = u32::try_from(reader.as_raw_fd()).unwrap();
        let (send, receive) = mpsc::sync_channel(1);
        std::thread::spawn(move || send.send(of_descriptor("--password-fd", number)));
        let read = receive.recv_timeout(Duration::from_secs(30)).expect("it does not wait for a writer");
        assert_eq!(read.unwrap().expose_secret(), "written before");
        assert!(
            of_descriptor("--password-fd", 9999)
                .unwrap_err()
                .to_string()
                .contains("--password-fd 9999: that descriptor is not open")
        );
    }

    #[tokio::test]
    async fn what_was_given_is_given_for_three_hosts_of_each_kind() {
        let ask = before(Some("s".into()), Place::Login, Arc::new(crate::ask::Nobody));
        let kind = SecretKind::Password { user: "ann".into(), cluster: None };
        let host = Host::new(None, "a", None);
        let mut request = SecretRequest { kind, host, refused: None };
        assert!(matches!(ask.ask(Question::Secret(request.clone())).await, Answer::Secret(_)));
        request.refused = Some("not accepted by a".into());
        assert!(matches!(ask.ask(Question::Secret(request.clone())).await, Answer::NoOther));
        for (name, given) in [("b", true), ("b", false), ("c", true), ("d", false)] {
            request.host = Host::new(None, name, None);
            let answer = ask.ask(Question::Secret(request.clone())).await;
            assert_eq!(matches!(answer, Answer::Secret(_)), given, "{name}: three hosts may refuse it");
        }
        request =
            SecretRequest { kind: SecretKind::Passphrase { key: "k".into() }, refused: None, ..request };
        assert!(
            matches!(ask.ask(Question::Secret(request)).await, Answer::Nobody),
            "a passphrase is no password"
        );
    }
}
