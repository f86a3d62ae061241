//! What is sent to each host: pure.
//!
//! Theory: a command by itself is sent as it is. Everything else that was asked for stands around it as words of a shell, from
//! the inside out: the program with its arguments, sh that sets variables and a directory, the wrapper of `--ensure-kill`, and
//! `sudo`. Each layer takes the one inside as words, so that the whole is quoted once, however many layers there are.
//!
//! A [`Recipe`] is checked for every host before anything is contacted, and filled in when a host's turn comes, so that
//! ten thousand hosts do not keep ten thousand scripts.

use std::borrow::Cow;
use std::sync::Arc;

use super::HostIx;
use super::marks::{Mark, Token};
use super::quote;
use super::script::{Interpreter, SH, Start, export};
use super::sudo::Sudo;
use super::wrapper;
use crate::escape;
use crate::hosts::{Facts, Host, Piece, Place, Template, TemplateError};

/// The longest command that a host takes, in bytes: Linux starts no program with a longer argument (`MAX_ARG_STRLEN`, less
/// the NUL at its end).
pub const LONGEST: usize = 131_071;

/// What one host is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The command of the exec request.
    pub command: Vec<u8>,
    /// On what it runs.
    pub place: RunsOn,
    /// What its marks look like, where there may be any.
    pub token: Option<Token>,
    /// Whether `sudo` stands before it.
    pub gate: Gated,
    /// How it is ended.
    pub keeper: Keeper,
}

/// On what a command runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunsOn {
    /// On pipes, one for each stream.
    #[default]
    Pipes,
    /// On a terminal, where both outputs are one.
    Terminal,
}

/// Whether `sudo` stands before a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gated {
    /// It does not.
    No,
    /// It does, and may ask for a password.
    BySudo,
}

/// How a command is ended before its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeper {
    /// By a signal to it and the end of its channel; what becomes of it is not certain.
    #[default]
    Nobody,
    /// By a wrapper that ends its whole process group, also when the link is lost, and says so.
    Wrapper,
}

/// What is run on every host.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// The command or script.
    pub what: What,
    /// Variables that it is given, in this order, beside those of omnes.
    pub environment: Vec<(String, Text)>,
    /// The directory in which it runs; without one, that of the login.
    pub directory: Option<Text>,
    /// The words of a shell that runs a command in place of the login shell.
    pub shell: Option<Vec<String>>,
    /// On what it runs.
    pub place: RunsOn,
    /// As whom it runs, by `sudo`.
    pub sudo: Option<Sudo>,
    /// How it is ended.
    pub keeper: Keeper,
}

/// The command or script.
#[derive(Clone, Debug)]
pub enum What {
    /// A line of shell.
    Command(Text),
    /// A script and its arguments.
    Script {
        /// What it is called, for errors and as its `$0`.
        name: String,
        /// Who reads it.
        interpreter: Interpreter,
        /// Its text.
        text: Text,
        /// Its arguments.
        arguments: Vec<Text>,
    },
}

impl Default for What {
    fn default() -> What {
        What::Command(Text::Plain(Vec::new()))
    }
}

/// A text that is the same for all, or filled in for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// Sent as it is.
    Plain(Vec<u8>),
    /// Filled in.
    Filled(Template),
}

/// How names that are filled in stand in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Each as a word of a shell.
    Quoted,
    /// As they are: the whole text becomes one word later.
    Bare,
}

impl Text {
    fn fill(&self, place: &Place<'_>, names: Names) -> Result<Vec<u8>, TemplateError> {
        let template = match self {
            Text::Plain(text) => return Ok(text.clone()),
            Text::Filled(template) => template,
        };
        let piece = |(text, piece): (String, Piece)| match (piece, names) {
            (Piece::Name, Names::Quoted) => quote::word(text.as_bytes()),
            _ => text.into_bytes(),
        };
        Ok(template.pieces(place)?.into_iter().flat_map(piece).collect())
    }

    fn is_same_for_all(&self) -> bool {
        match self {
            Text::Plain(_) => true,
            Text::Filled(template) => template.is_same_for_all(),
        }
    }
}

/// Why nothing is sent to anybody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// A text cannot be filled in.
    #[error("{what}: {error}; nothing was contacted")]
    Template {
        /// Which text.
        what: String,
        /// Where, for whom and why.
        error: TemplateError,
    },
    /// A variable that no shell can hold.
    #[error(
        "{host}: the variable {name} cannot be given to a command as {as_what}: {why}; nothing was contacted"
    )]
    Variable {
        /// For whom.
        host: String,
        /// As the cluster file has it.
        name: String,
        /// As the command would see it.
        as_what: String,
        /// Why not.
        why: &'static str,
    },
    /// Longer than a host takes.
    #[error(
        "what would be sent to {host} has {len} bytes, and no Linux takes a command of more than {LONGEST}; copy the script to the hosts and run it there; nothing was contacted"
    )]
    TooLong {
        /// To whom.
        host: String,
        /// How long.
        len: usize,
    },
}

/// What every host is sent.
#[derive(Clone, Debug)]
pub enum Orders {
    /// The same.
    Same(Arc<Order>),
    /// To each its own, made when it is asked for.
    Each(Arc<Kitchen>),
}

/// A recipe with all that it is filled in from.
#[derive(Debug)]
pub struct Kitchen {
    recipe: Recipe,
    /// In the order of the plan.
    hosts: Vec<(Host, Facts)>,
    /// By host: its number in the whole run, from 1.
    numbers: Vec<usize>,
    /// How many hosts the whole run has.
    count: usize,
    /// What the tokens are drawn from.
    seed: [u8; 16],
}

impl Orders {
    /// The same command for all, exactly as `ssh HOST CMD` would send it.
    pub fn same(command: &str) -> Orders {
        let what = What::Command(Text::Plain(command.as_bytes().to_vec()));
        let recipe = Recipe { what, ..Recipe::default() };
        let order = recipe.plain(command.as_bytes().to_vec());
        Orders::Same(Arc::new(order))
    }

    /// The orders of a recipe for these hosts, each of them checked. `seed` is random.
    pub fn made(
        recipe: Recipe,
        hosts: &[Host],
        facts: &[Facts],
        seed: [u8; 16],
    ) -> Result<Orders, WorkError> {
        let count = hosts.len();
        let hosts = hosts.iter().cloned().zip(facts.iter().cloned()).collect();
        let kitchen = Kitchen { recipe, hosts, numbers: (1..=count).collect(), count, seed };
        kitchen.check()?;
        Ok(match kitchen.recipe.is_same_for_all() && !kitchen.hosts.is_empty() {
            true => Orders::Same(Arc::new(kitchen.make(HostIx(0))?)),
            false => Orders::Each(Arc::new(kitchen)),
        })
    }

    /// Those of some hosts, by their places in the plan that was, with the number of each in the whole run, from 1, and how many
    /// hosts that has.
    pub fn only(self, places: &[usize], (numbers, count): (Vec<usize>, usize)) -> Orders {
        let Orders::Each(whole) = &self else { return self };
        debug_assert_eq!(numbers.len(), places.len());
        let hosts = places.iter().map(|at| whole.hosts[*at].clone()).collect();
        let (recipe, seed) = (whole.recipe.clone(), whole.seed);
        Orders::Each(Arc::new(Kitchen { recipe, hosts, numbers, count, seed }))
    }

    /// What this host is sent.
    pub fn of(&self, host: HostIx) -> Arc<Order> {
        match self {
            Orders::Same(order) => Arc::clone(order),
            Orders::Each(kitchen) => {
                Arc::new(kitchen.make(host).expect("every order was checked before anything was contacted"))
            }
        }
    }

    /// What this host is sent, for people: with `RANDOM` where the token of the marks stands, and nothing that acts on a
    /// terminal.
    pub fn shown(&self, host: HostIx) -> String {
        let command = match self {
            Orders::Same(order) => Cow::Borrowed(&order.command),
            Orders::Each(kitchen) => Cow::Owned(kitchen.shown(host)),
        };
        let lines = command.split(|&byte| byte == b'\n').map(escape::line);
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What the user's own words come to on this host, without what stands around them: equal for hosts that do the same,
    /// although each is told its own name.
    pub fn essence(&self, host: HostIx) -> Vec<u8> {
        match self {
            Orders::Same(order) => order.command.clone(),
            Orders::Each(kitchen) => kitchen.essence(host),
        }
    }

    /// The user's own text as it comes to this host: the command, or the script with its arguments, each on a line of its own.
    pub fn own(&self, host: HostIx) -> String {
        let own = match self {
            Orders::Same(order) => order.command.clone(),
            Orders::Each(kitchen) => kitchen.own(host),
        };
        String::from_utf8_lossy(&own).into_owned()
    }
}

impl Recipe {
    /// Whether anything stands around the command, which needs a POSIX shell on the host.
    pub fn is_dressed(&self) -> bool {
        let is_script = matches!(self.what, What::Script { .. });
        is_script
            || !self.environment.is_empty()
            || self.directory.is_some()
            || self.shell.is_some()
            || self.needs_token()
    }

    fn needs_token(&self) -> bool {
        self.sudo.is_some() || self.keeper == Keeper::Wrapper
    }

    /// Whether a command is told who its host is.
    fn tells_who(&self) -> bool {
        matches!(self.what, What::Script { .. }) || !self.environment.is_empty()
    }

    fn is_same_for_all(&self) -> bool {
        let own = match &self.what {
            What::Command(text) => text.is_same_for_all(),
            What::Script { .. } => false,
        };
        let around = self.environment.is_empty()
            && self.directory.as_ref().is_none_or(Text::is_same_for_all)
            && !self.needs_token();
        own && around
    }

    /// A command with nothing around it.
    fn plain(&self, command: Vec<u8>) -> Order {
        Order { command, place: self.place, token: None, gate: Gated::No, keeper: Keeper::Nobody }
    }

    /// The program itself.
    fn start(&self, place: &Place<'_>) -> Result<Start, WorkError> {
        match &self.what {
            What::Command(text) => {
                let text = text.fill(place, Names::Quoted).map_err(fault("the command"))?;
                let sh = [SH.to_owned()];
                let shell = self.shell.as_deref().unwrap_or(&sh);
                let mut words: Vec<Vec<u8>> = shell.iter().map(|word| word.clone().into_bytes()).collect();
                words.extend([b"-c".to_vec(), text]);
                Ok(Start { words, document: None })
            }
            What::Script { name, interpreter, text, arguments } => {
                let text = text.fill(place, Names::Quoted).map_err(fault(name))?;
                let arguments = (arguments.iter().enumerate())
                    .map(|(n, text)| {
                        let what = format!("argument {}", n + 1);
                        text.fill(place, Names::Bare).map_err(fault(&what))
                    })
                    .collect::<Result<_, _>>()?;
                Ok(interpreter.start(text, name, arguments))
            }
        }
    }

    /// The lines of sh before the program: its variables and its directory.
    fn lines(&self, place: &Place<'_>) -> Result<Vec<u8>, WorkError> {
        let mut lines = Vec::new();
        if self.tells_who() {
            lines.extend(export("OMNES_HOST", place.host.name().as_bytes()));
            lines.extend(export("OMNES_N", place.n.to_string().as_bytes()));
            lines.extend(export("OMNES_COUNT", place.count.to_string().as_bytes()));
            for (name, value) in variables(place)? {
                lines.extend(export(&name, value.as_bytes()));
            }
        }
        for (name, value) in &self.environment {
            let value = value.fill(place, Names::Bare).map_err(fault(&format!("--env {name}")))?;
            lines.extend(export(name, &value));
        }
        if let Some(directory) = &self.directory {
            let directory = directory.fill(place, Names::Bare).map_err(fault("--chdir"))?;
            // A lone `-` would be the directory before.
            let directory = if directory == b"-" { b"./-".to_vec() } else { directory };
            lines.extend_from_slice(b"CDPATH= cd -- ");
            lines.extend(quote::word(&directory));
            lines.extend_from_slice(b" || exit 126; ");
        }
        Ok(lines)
    }

    /// The whole order of one host.
    fn order(&self, place: &Place<'_>, token: &Token) -> Result<Order, WorkError> {
        if !self.is_dressed() {
            let What::Command(text) = &self.what else { unreachable!("a script is dressed") };
            return Ok(self.plain(text.fill(place, Names::Quoted).map_err(fault("the command"))?));
        }
        let mut lines = self.lines(place)?;
        // Whoever wraps the command says that it has begun; without a wrapper the last shell behind sudo does.
        if self.sudo.is_some() && self.keeper == Keeper::Nobody {
            let began = format!("echo '{}' >&2; ", token.mark(Mark::Began));
            lines.splice(0..0, began.into_bytes());
        }
        let mut words = self.start(place)?.behind(&lines);
        if self.keeper == Keeper::Wrapper {
            words = wrapper::around(token, words);
        }
        if let Some(sudo) = &self.sudo {
            words = sudo.before(token, words);
        }
        Ok(Order {
            command: [b"exec ".to_vec(), quote::line(words)].concat(),
            place: self.place,
            token: self.needs_token().then(|| token.clone()),
            gate: if self.sudo.is_some() { Gated::BySudo } else { Gated::No },
            keeper: self.keeper,
        })
    }
}

impl Kitchen {
    fn place(&self, host: HostIx) -> Place<'_> {
        let (name, facts) = &self.hosts[host.0];
        Place { host: name, facts, n: self.numbers[host.0], count: self.count }
    }

    fn make(&self, host: HostIx) -> Result<Order, WorkError> {
        self.recipe.order(&self.place(host), &self.token(host))
    }

    fn shown(&self, host: HostIx) -> Vec<u8> {
        let order = self.recipe.order(&self.place(host), &Token::shown());
        order.expect("every order was checked before").command
    }

    fn essence(&self, host: HostIx) -> Vec<u8> {
        let place = self.place(host);
        let mut own = Vec::new();
        let start = self.recipe.start(&place).expect("every order was checked before");
        own.extend(quote::line(&start.words));
        own.extend(start.document.unwrap_or_default());
        let around = self.recipe.environment.iter().map(|(_, value)| value).chain(&self.recipe.directory);
        for text in around.filter(|text| !text.is_same_for_all()) {
            own.push(b'\n');
            own.extend(text.fill(&place, Names::Bare).expect("every order was checked before"));
        }
        own
    }

    fn own(&self, host: HostIx) -> Vec<u8> {
        let (text, arguments) = match &self.recipe.what {
            What::Command(text) => (text, &[][..]),
            What::Script { text, arguments, .. } => (text, &arguments[..]),
        };
        let place = self.place(host);
        let fill = |text: &Text| text.fill(&place, Names::Quoted).expect("every order was checked before");
        let texts: Vec<Vec<u8>> = std::iter::once(text).chain(arguments).map(fill).collect();
        texts.join(&b'\n')
    }

    /// No two hosts have the same, and no host can tell another's from its own.
    fn token(&self, host: HostIx) -> Token {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update((host.0 as u64).to_le_bytes());
        let mut random = [0; 16];
        random.copy_from_slice(&hash.finalize()[..16]);
        Token::new(random)
    }

    fn check(&self) -> Result<(), WorkError> {
        for ix in 0..self.hosts.len() {
            let order = self.make(HostIx(ix))?;
            if order.command.len() > LONGEST {
                let host = escape::text(&self.hosts[ix].0.to_string(), 100);
                return Err(WorkError::TooLong { host, len: order.command.len() });
            }
        }
        Ok(())
    }
}

fn fault(what: &str) -> impl Fn(TemplateError) -> WorkError + use<> {
    let what = escape::text(what, 200);
    move |error| WorkError::Template { what: what.clone(), error }
}

/// The variables of a host's clusters as a command sees them: what no name of a shell may hold becomes `_`.
fn variables(place: &Place<'_>) -> Result<Vec<(String, String)>, WorkError> {
    let mut seen: Vec<(String, String)> = Vec::new();
    for (name, value) in &place.facts.vars {
        let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let as_what = format!("OMNES_VAR_{}", name.chars().map(fits).collect::<String>());
        let why = match seen.iter().any(|(other, _)| *other == as_what) {
            true => Some("another variable of this host has that name too"),
            false => value.contains('\0').then_some("its value holds a NUL byte"),
        };
        if let Some(why) = why {
            let (host, name) = (place.host.to_string(), name.as_str());
            let (host, name) = (escape::text(&host, 100), escape::text(name, 100));
            return Err(WorkError::Variable { host, name, as_what, why });
        }
        seen.push((as_what, value.clone()));
    }
    Ok(seen)
}

#[cfg(test)]
#[path = "work_tests.rs"]
mod tests;
