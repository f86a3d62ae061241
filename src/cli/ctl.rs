//! `omnes ctl`: tells an omnes that runs what to do.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use super::OwnFault;
use super::args::FormArg;
use crate::escape;
use crate::outcome::Exit;
use crate::tui::control::client::Client;
use crate::tui::control::{Request, Response, Sign, Since, Which, place, protocol, text};

pub mod args;

use args::{CtlArgs, Verb, WaitArgs};

/// How long an answer is waited for that takes no time by itself; finding hosts may ask sources that take ten seconds each.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a response is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    form: FormArg,
    equal: text::Equal,
}

/// Asks, prints the answer, and tells by the exit code what it was.
pub(super) fn ctl(args: &CtlArgs) -> anyhow::Result<Exit> {
    let (request, patience, form) = request(&args.verb);
    if protocol::write(&request).len() > protocol::REQUEST_BYTES {
        anyhow::bail!("a request has at most {} kB; send this in parts", protocol::REQUEST_BYTES >> 10);
    }
    let directory = place::directory(|name| std::env::var_os(name))?;
    let answer =
        Client::find(&directory, args.to.as_deref()).and_then(|mut client| client.ask(&request, patience));
    match answer {
        Ok(response) => told(&response, form),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "omnes: {error}");
            Ok(Exit::NotRun)
        }
    }
}

/// The request that a verb means, how long its answer may take, and how that is printed.
fn request(verb: &Verb) -> (Request, Option<Duration>, Form) {
    let mut form = Form { form: FormArg::Text, equal: text::Equal::Apart };
    let mut patience = PATIENCE;
    let together = |hosts: &[String]| hosts.join(",");
    let request = match verb {
        Verb::List(list) => {
            form.form = list.output.unwrap_or(FormArg::Text);
            Request::List { host: list.host.clone() }
        }
        Verb::Send(send) => Request::Send {
            text: send.text.join(" ").into(),
            enter: send.enter,
            host: send.host.clone(),
            yes: send.yes,
        },
        Verb::Keys(keys) => {
            Request::Keys { keys: keys.keys.join(" ").into(), host: keys.host.clone(), yes: keys.yes }
        }
        Verb::Select(named) => Request::Select { hosts: together(&named.hosts) },
        Verb::Attach(named) => Request::Attach { hosts: together(&named.hosts) },
        Verb::Detach(named) => Request::Detach { hosts: together(&named.hosts) },
        Verb::Focus(focus) => Request::Focus { host: focus.host.clone() },
        Verb::Wait(wait) => {
            patience = PATIENCE.saturating_add(Duration::from_millis(wait.millis()));
            wait_for(wait)
        }
        Verb::Dump(dump) => {
            form.form = dump.output.unwrap_or(FormArg::Text);
            form.equal = if dump.gather { text::Equal::Gathered } else { text::Equal::Apart };
            Request::Dump { host: dump.host.clone(), history: dump.history }
        }
        Verb::Open(named) => Request::Open { hosts: together(&named.hosts) },
        Verb::Close(named) => Request::Close { hosts: together(&named.hosts) },
        Verb::Do(action) => Request::Do { action: action.action.clone() },
        Verb::Quit => Request::Quit {},
    };
    (request, Some(patience), form)
}

fn wait_for(wait: &WaitArgs) -> Request {
    Request::Wait {
        sign: wait.regex.clone().map_or(Sign::Prompt, Sign::Line),
        host: wait.host.clone(),
        which: if wait.any { Which::Any } else { Which::All },
        from: if wait.screen { Since::Screen } else { Since::Sent },
        timeout_ms: Some(wait.millis()),
    }
}

/// Prints a response: what was asked for on standard output, sentences on standard error.
fn told(response: &Response, form: Form) -> anyhow::Result<Exit> {
    let json = form.form == FormArg::Json;
    match response {
        Response::Done { .. } => Ok(Exit::Well),
        Response::Hosts { hosts } if json => print(&json_lines("host", hosts)),
        Response::Hosts { hosts } => print(&text::table(hosts)),
        Response::Screens { screens } if json => print(&json_lines("screen", screens)),
        Response::Screens { screens } => print(&text::screens(screens, form.equal)),
        Response::Waited { missing, .. } if missing.is_empty() => Ok(Exit::Well),
        Response::Waited { said, .. } | Response::Refused { said } => Ok(say(said, Exit::Failed)),
        Response::Usage { said } => Ok(say(said, Exit::Usage)),
    }
}

fn say(said: &str, exit: Exit) -> Exit {
    let _ = writeln!(std::io::stderr(), "omnes: {}", escape::text(said, 2000));
    exit
}

fn print(text: &str) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Well),
        // A reader that has seen enough is no news.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::OwnFault),
        Err(error) => {
            Err(anyhow::Error::new(OwnFault(format!("standard output cannot be written: {error}"))))
        }
    }
}

/// One JSON object a line, each with the version and what it is.
fn json_lines<T: Serialize>(event: &'static str, things: &[T]) -> String {
    #[derive(Serialize)]
    struct Line<'a, T> {
        v: u32,
        event: &'static str,
        #[serde(flatten)]
        thing: &'a T,
    }
    let line = |thing| {
        let line = Line { v: protocol::V, event, thing };
        serde_json::to_string(&line).expect("its fields are texts, numbers and lists") + "\n"
    };
    things.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    use super::super::args::{Cli, Command};

    fn meant(line: &[&str]) -> Request {
        let words = ["omnes", "ctl"].iter().chain(line);
        let Command::Ctl(args) = Cli::try_parse_from(words).expect("a good line").command else {
            panic!("ctl was meant")
        };
        request(&args.verb).0
    }

    #[test]
    fn words_become_requests() {
        assert_eq!(
            meant(&["send", "--enter", "ls", "-l", "/tmp"]),
            Request::Send { text: "ls -l /tmp".into(), enter: true, host: None, yes: false }
        );
        assert_eq!(
            meant(&["keys", "--host", "web1", "C-c", "Up"]),
            Request::Keys { keys: "C-c Up".into(), host: Some("web1".into()), yes: false }
        );
        assert_eq!(
            meant(&["--to", "7", "select", "@db", "!db1"]),
            Request::Select { hosts: "@db,!db1".into() }
        );
        let wait = |sign, which, from, millis| Request::Wait {
            sign,
            host: None,
            which,
            from,
            timeout_ms: Some(millis),
        };
        assert_eq!(meant(&["wait", "x$"]), wait(Sign::Line("x$".into()), Which::All, Since::Sent, 60_000));
        assert_eq!(
            meant(&["wait", "--prompt", "--any", "--screen", "--timeout", "0.5"]),
            wait(Sign::Prompt, Which::Any, Since::Screen, 500)
        );
        assert_eq!(meant(&["quit"]), Request::Quit {});
        assert!(Cli::try_parse_from(["omnes", "ctl", "wait"]).is_err());
        assert!(Cli::try_parse_from(["omnes", "ctl", "send"]).is_err());
    }
}
