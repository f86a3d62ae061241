//! Where things go on a host: `TARGETS:DEST`. Pure.
//!
//! Theory: the place begins behind the first `:` outside brackets that `/`, `~` or `.` follows, since a host expression has
//! colons of its own (`web:2222`, `@cloud:web`, `[::1]:22`, `ssh://web`). `~` is the login folder, and so is what a path that
//! does not begin with `/` is below. The path is a template: `{host}` and its like are filled in for each host.
//!
//! What goes where is cp's and scp's rule where that gives the same twice. One file becomes DEST, or goes into DEST where that
//! is a folder or is written with a slash at its end. Everything else, folders and several files, goes into the folder DEST
//! under its own name; `SRC/.` is what is in SRC, without its name; a slash at the end of SRC says nothing, since completion
//! puts it there. One difference is on purpose: cp makes DEST a copy of SRC where no DEST is and `DEST/SRC` where one is, so
//! that a second run, or a fleet of which half have DEST, ends with two layouts. Here it is `DEST/SRC` always, and `SRC/.`
//! says the other. DEST itself is made where it is not there; the folder that it lies in must be.

use crate::escape;
use crate::hosts::{ExprError, Origin, Piece, Place, Template};
use crate::outcome::FileFault;

use super::path::{check_name, shown};

/// Longest path that is sent, in bytes; Linux takes no longer one.
const MAX_PATH: usize = 4095;

/// A place on hosts, as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct To {
    /// The host expression; empty where hosts are named beside the place.
    pub targets: String,
    /// The place, as it was typed.
    pub typed: String,
    /// Where on each of them.
    pub dest: Dest,
}

/// A path on hosts, which may be another on each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dest {
    template: Template,
}

/// A path on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// Begins with `/`, or with `.` for the login folder; no slash at its end unless it is the root.
    pub path: Vec<u8>,
    /// What its form says.
    pub form: Form,
}

/// What the form of a path says about what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It can only be a folder: it has a slash at its end, or ends with `.`, `..` or `~`.
    Folder,
    /// It can be anything.
    Any,
}

/// What stands in the place on a host, links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// Nothing.
    Nothing,
    /// A folder.
    Folder,
    /// A file, or anything else that is no folder.
    Other,
}

/// Where something of the source goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// Into the folder that the user named, under its own name.
    Into,
    /// It becomes what the user named: one file, under a name of its own.
    As,
}

/// Where the place begins, in bytes; `None` where no place is named.
fn colon(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && matches!(bytes.get(at + 1), Some(b'/' | b'~' | b'.')) => {
                let is_scheme = text[..at].ends_with("ssh") && text[at + 1..].starts_with("//");
                if !is_scheme {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Does this word name hosts and a place on them?
pub fn names_place(word: &str) -> bool {
    colon(word).is_some()
}

/// Whether hosts are named beside a place, by options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Somewhere else, so that the place may stand alone: `:/DEST` or `/DEST`.
    Hosts,
    /// Nowhere.
    Nobody,
}

impl To {
    /// Reads `TARGETS:DEST`, or a place alone where hosts are named beside it; the error points at what is wrong.
    pub fn read(text: &str, beside: Beside) -> Result<To, ExprError> {
        match beside {
            // No host begins like that.
            Beside::Hosts if text.starts_with(['/', '~', '.']) => To::placed(text, (String::new(), 0)),
            Beside::Hosts if colon(text) == Some(0) => To::placed(text, (String::new(), 1)),
            _ => To::parse(text),
        }
    }

    /// Reads `TARGETS:DEST`; the error points at what is wrong.
    pub fn parse(text: &str) -> Result<To, ExprError> {
        let Some(at) = colon(text) else { return Err(without_place(text)) };
        if text[..at].trim().is_empty() {
            let help = "write HOSTS:/PATH, or name hosts with -w";
            return Err(fault(text, at..at + 1, "no hosts stand before the place", help));
        }
        To::placed(text, (text[..at].to_owned(), at + 1))
    }

    /// With the place that begins at this byte.
    fn placed(text: &str, (targets, begin): (String, usize)) -> Result<To, ExprError> {
        let dest = Dest::parse(&text[begin..])
            .map_err(|(within, message, help)| fault(text, begin + within..text.len(), &message, &help))?;
        Ok(To { targets, typed: text[begin..].to_owned(), dest })
    }

    /// The host expressions, none where the place stands alone.
    pub fn hosts(&self) -> Vec<String> {
        Some(&self.targets).filter(|targets| !targets.is_empty()).cloned().into_iter().collect()
    }
}

/// What to write where no place was found.
fn without_place(text: &str) -> ExprError {
    let help = "write HOSTS:/PATH, or HOSTS:~/PATH or HOSTS:./PATH for one below the login folder";
    if let Some(at) = unclosed(text) {
        let message = format!("this {} is not closed, so no place stands behind the hosts", &text[at..=at]);
        return fault(text, at..at + 1, &message, "close it");
    }
    match text.rfind(':').filter(|at| !text[*at + 1..].contains([']', '}', '/'])) {
        // A port.
        Some(at) if at + 1 < text.len() && text[at + 1..].bytes().all(|byte| byte.is_ascii_digit()) => {
            fault(text, text.len()..text.len(), "no place stands behind the hosts", help)
        }
        Some(at) if at + 1 < text.len() => {
            fault(text, at + 1..text.len(), "this is no place: it does not begin with `/`, `~` or `.`", help)
        }
        Some(at) => fault(text, at..at + 1, "no place stands behind the hosts", help),
        None => fault(text, text.len()..text.len(), "no place stands behind the hosts", help),
    }
}

/// The first bracket that is never closed.
fn unclosed(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' => open.push(at),
            b']' | b'}' => drop(open.pop()),
            _ => {}
        }
    }
    open.first().copied()
}

fn fault(text: &str, span: std::ops::Range<usize>, message: &str, help: &str) -> ExprError {
    ExprError {
        origin: Origin::Expression,
        column: 1,
        text: text.to_owned(),
        span,
        message: message.to_owned(),
        help: help.to_owned(),
    }
}

/// What is wrong in a path: from which byte on, what, and the next step.
type Wrong = (usize, String, String);

impl Dest {
    /// Reads what stands behind the colon.
    fn parse(text: &str) -> Result<Dest, Wrong> {
        if let Some(user) = text.strip_prefix('~').filter(|rest| !rest.is_empty() && !rest.starts_with('/')) {
            let message = "`~` with a name is not known to SFTP".to_owned();
            return Err((
                0,
                message,
                format!("write the folder itself, such as /home/{}", escape::text(user, 40)),
            ));
        }
        if let Some(at) = text.find('\0') {
            return Err((at, "no path holds a NUL".to_owned(), "take it out".to_owned()));
        }
        let template = Template::parse(text).map_err(|error| {
            // A place has one line, unless somebody means a line end in a name.
            let column = error.at.column - 1;
            let begin = text.char_indices().nth(column).map_or(0, |(at, _)| at);
            (if error.at.line == 1 { begin } else { 0 }, error.message, error.help)
        })?;
        Ok(Dest { template })
    }

    /// Is it the same path on every host?
    pub fn is_same_for_all(&self) -> bool {
        self.template.is_same_for_all()
    }

    /// Where it is on one host; the error is a sentence that names what is wrong and what to do.
    pub fn at(&self, place: &Place<'_>) -> Result<At, String> {
        let pieces = self.template.pieces(place).map_err(|error| format!("the place: {error}"))?;
        for (said, piece) in &pieces {
            let leads_out = said.split('/').any(|name| name == ".." || name == ".");
            if *piece == Piece::Name && (leads_out || said.is_empty()) {
                let host = escape::line(place.host.to_string().as_bytes());
                let said = escape::text(said, 40);
                return Err(format!(
                    "what is filled in for {host} in the place, `{said}`, is no name; mend its clusters"
                ));
            }
        }
        let path: String = pieces.into_iter().map(|(said, _)| said).collect();
        resolve(&path)
    }
}

/// A path as it is sent: from `/`, or from the login folder.
fn resolve(path: &str) -> Result<At, String> {
    let begins = |start: &str| path.strip_prefix(start);
    let from_home = begins("~").or_else(|| begins("./")).map(|rest| rest.trim_start_matches('/'));
    let whole = match from_home {
        Some("") => ".".to_owned(),
        Some(rest) => format!("./{rest}"),
        None => path.to_owned(),
    };
    let trimmed = whole.trim_end_matches('/');
    let bare = if trimmed.is_empty() { "/" } else { trimmed };
    let last = bare.rsplit('/').next().unwrap_or_default();
    let is_folder = bare.len() < whole.len() || matches!(last, "" | "." | "..");
    if let Some(long) = bare.split('/').find(|name| !name.is_empty() && check_too_long(name)) {
        return Err(format!("the name {} is longer than a file system takes", shown(long.as_bytes())));
    }
    if bare.len() > MAX_PATH {
        return Err(format!("the place has more than {MAX_PATH} bytes: {}", shown(bare.as_bytes())));
    }
    let form = if is_folder { Form::Folder } else { Form::Any };
    Ok(At { path: bare.as_bytes().to_vec(), form })
}

fn check_too_long(name: &str) -> bool {
    matches!(check_name(name.as_bytes()), Err(super::path::NameFault::Long))
}

/// How one file or many land in a place: `lone` says that one file was named and nothing else. The error is what keeps
/// everything from there.
pub fn landing(lone: bool, at: &At, stands: Stands) -> Result<Landing, (FileFault, String)> {
    let path = shown(&at.path);
    match (lone, at.form, stands) {
        (true, Form::Any, Stands::Nothing | Stands::Other) => Ok(Landing::As),
        (_, _, Stands::Nothing | Stands::Folder) => Ok(Landing::Into),
        (true, Form::Folder, Stands::Other) => Err((
            FileFault::IsDirectory,
            format!("{path} is no folder; leave out the slash at its end to replace it"),
        )),
        (false, _, Stands::Other) => {
            Err((FileFault::IsDirectory, format!("{path} is no folder, and what is pushed goes into one")))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hosts::{Facts, Host};

    fn at(text: &str) -> Result<At, String> {
        let vars = [("dc", "lon"), ("base", "/srv/app"), ("up", "../x"), ("none", "")];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let (host, facts) = (Host::new(None, "web01", None), Facts { vars, ..Facts::default() });
        let to = To::parse(text).map_err(|error| error.to_string())?;
        to.dest.at(&Place { host: &host, facts: &facts, n: 1, count: 1 })
    }

    fn path(text: &str) -> String {
        String::from_utf8(at(text).expect(text).path).expect("text")
    }

    #[test]
    fn the_place_begins_behind_the_colon_that_a_path_follows() {
        for (text, targets, said) in [
            ("web:/srv", "web", "/srv"),
            ("web:/srv:/x", "web", "/srv:/x"),
            ("ann@web1:2222:/srv", "ann@web1:2222", "/srv"),
            ("@cloud:web:~/x", "@cloud:web", "./x"),
            ("[::1]:22:./x", "[::1]:22", "./x"),
            ("[fe80::1:]:/x", "[fe80::1:]", "/x"),
            ("web[1-3]!web2:/etc/{host}.conf", "web[1-3]!web2", "/etc/web01.conf"),
            ("{a,b}:/x", "{a,b}", "/x"),
            ("ssh://ann@web1:22:/srv", "ssh://ann@web1:22", "/srv"),
            ("web:../x", "web", "../x"),
            ("web:.profile", "web", ".profile"),
            ("web:{base}/x", "", ""),
        ] {
            match targets {
                "" => assert!(To::parse(text).is_err(), "{text}: it is not known for all that it is a path"),
                _ => {
                    assert_eq!(To::parse(text).expect(text).targets, targets, "{text}");
                    assert_eq!(path(text), said, "{text}");
                }
            }
            assert_eq!(names_place(text), !targets.is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_no_place_is_pointed_at() {
        for (text, said) in [
            ("web", "no place stands behind the hosts"),
            ("web:", "no place stands behind the hosts"),
            ("ann@web:2222", "no place stands behind the hosts"),
            ("web:conf", "this is no place: it does not begin with `/`, `~` or `.`"),
            ("[::1]", "no place stands behind the hosts"),
            ("ssh://web", "no place stands behind the hosts"),
            (":/x", "no hosts stand before the place"),
            ("web:~ann/x", "`~` with a name is not known to SFTP"),
            ("web:/x/{hots", "this { is not closed"),
            ("web[1-:/x", "this [ is not closed, so no place stands behind the hosts"),
            ("{a,web:/x", "this { is not closed, so no place stands behind the hosts"),
        ] {
            let error = To::parse(text).expect_err(text);
            assert_eq!(error.message, said, "{text}");
            assert!(text.get(error.span.clone()).is_some(), "{text}: {:?}", error.span);
        }
        insta::assert_snapshot!(To::parse("web:conf").expect_err("no place"), @r"
        this is no place: it does not begin with `/`, `~` or `.`
          web:conf
              ^^^^ write HOSTS:/PATH, or HOSTS:~/PATH or HOSTS:./PATH for one below the login folder
        ");
        insta::assert_snapshot!(To::parse("web:/é/{hots").expect_err("no name"), @r"
        this { is not closed
          web:/é/{hots
                 ^^^^^ write {{ for a brace
        ");
    }

    #[test]
    fn a_place_stands_alone_where_hosts_are_named_beside_it() {
        for (text, targets, typed) in [
            (":/x", "", "/x"),
            ("/srv/{host}", "", "/srv/{host}"),
            ("~/x", "", "~/x"),
            (":./x", "", "./x"),
            ("web:/x", "web", "/x"),
            ("/a:/b", "", "/a:/b"),
        ] {
            let to = To::read(text, Beside::Hosts).expect(text);
            assert_eq!((to.targets.as_str(), to.typed.as_str()), (targets, typed), "{text}");
            assert_eq!(to.hosts().len(), usize::from(!targets.is_empty()));
        }
        for text in [":/x", "/x", "x"] {
            assert!(To::read(text, Beside::Nobody).is_err(), "{text}");
        }
        assert!(To::read("x", Beside::Hosts).is_err(), "it may be a host as well");
    }

    #[test]
    fn a_path_begins_at_the_root_or_at_the_login_folder() {
        use Form::{Any, Folder};
        for (text, said, form) in [
            ("w:/", "/", Folder),
            ("w:///", "/", Folder),
            ("w:/srv/", "/srv", Folder),
            ("w:/srv/x", "/srv/x", Any),
            ("w:/srv/..", "/srv/..", Folder),
            ("w:~", ".", Folder),
            ("w:~/", ".", Folder),
            ("w:~//x", "./x", Any),
            ("w:.", ".", Folder),
            ("w:./", ".", Folder),
            ("w:./x/", "./x", Folder),
            ("w:..", "..", Folder),
            ("w:/{dc}{base}/-x", "/lon/srv/app/-x", Any),
        ] {
            let at = at(text).expect(text);
            assert_eq!((String::from_utf8_lossy(&at.path).as_ref(), at.form), (said, form), "{text}");
        }
    }

    #[test]
    fn what_is_filled_in_leads_nowhere_else() {
        for (text, said) in [
            ("w:/x/{up}", "what is filled in for web01 in the place, `../x`, is no name; mend its clusters"),
            ("w:/x/{none}", "what is filled in for web01 in the place, ``, is no name; mend its clusters"),
            (
                "w:/{hots}",
                "the place: column 2: {hots} means nothing for web01; did you mean {host}, or {{ for a brace?",
            ),
        ] {
            assert_eq!(at(text).expect_err(text), said);
        }
        let long = format!("w:/{}", "x".repeat(256));
        assert!(at(&long).expect_err("too long").starts_with("the name xxx"));
        let deep = format!("w:{}", "/x".repeat(3000));
        assert!(at(&deep).expect_err("too long").starts_with("the place has more than 4095 bytes"));
    }

    #[test]
    fn one_file_is_renamed_and_all_else_goes_into_a_folder() {
        use Stands::{Folder, Nothing, Other};
        let (any, folder) = (at("w:/d").expect("a place"), at("w:/d/").expect("a place"));
        for (lone, at, stands, lands) in [
            (true, &any, Nothing, Some(Landing::As)),
            (true, &any, Other, Some(Landing::As)),
            (true, &any, Folder, Some(Landing::Into)),
            (true, &folder, Nothing, Some(Landing::Into)),
            (true, &folder, Folder, Some(Landing::Into)),
            (true, &folder, Other, None),
            (false, &any, Nothing, Some(Landing::Into)),
            (false, &any, Folder, Some(Landing::Into)),
            (false, &any, Other, None),
            (false, &folder, Other, None),
        ] {
            let landed = landing(lone, at, stands);
            assert_eq!(landed.as_ref().ok(), lands.as_ref(), "{lone} {at:?} {stands:?}");
            assert!(landed.is_ok() || landed.is_err_and(|(fault, _)| fault == FileFault::IsDirectory));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Whatever is typed: no panic, errors point into the text, and no path loses its first character.
        #[test]
        fn any_text_is_a_place_or_an_error_in_it(text in "[a-z@:/~.\\[\\]{},é ]{0,24}") {
            match To::parse(&text) {
                Err(error) => prop_assert!(text.get(error.span).is_some()),
                Ok(to) => prop_assert!(text.starts_with(&to.targets) && !to.targets.is_empty()),
            }
        }

        /// A path that was read once is the same when it is read again.
        #[test]
        fn what_is_sent_means_itself(text in "[/~.][a-z/.]{0,12}") {
            let Ok(once) = at(&format!("w:{text}")) else { return Ok(()) };
            let said = String::from_utf8(once.path.clone()).expect("text");
            prop_assert!(said.starts_with(['/', '.']));
            prop_assert!(said == "/" || !said.ends_with('/'));
            let again = at(&format!("w:{said}")).expect("it was one");
            prop_assert_eq!(again.path, once.path);
        }
    }
}
