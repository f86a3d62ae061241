//! `--template`: a file that is another one on each host. Pure.
//!
//! Theory: the file is a text with places ([`Template`]), read once; what it says to a host is made when that host needs it
//! and held no longer. So all of it is in memory at once only for the hosts at work, and the bound of one file
//! ([`MAX_FILLED`]) holds before and after it is filled in. A file that is no text is refused by name rather than sent as it
//! is, since nobody could tell which of a tree were filled in. What a file says depends on more than its time, so filled-in
//! files are told from what stands there by their content.

use bytes::Bytes;

use crate::escape;
use crate::hosts::{Place, Template, TemplateError};

/// Bytes of a file that is filled in, before and after.
pub const MAX_FILLED: u64 = 1 << 20;

/// A text to be filled in, and the file that it stands in.
#[derive(Clone, Debug)]
pub struct Filling {
    file: String,
    template: Template,
}

/// Why a file cannot be filled in: its name, where in it, and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillFault {
    /// It holds what no text holds, at this byte, counted from 0.
    #[error("{file} is no text (byte {}): --template fills in text files; leave it out with --exclude, and push it without --template", at + 1)]
    Binary {
        /// As the user would name it.
        file: String,
        /// Where.
        at: usize,
    },
    /// It is too large, or becomes so.
    #[error("{0} has more than 1 MB{1}: --template fills in smaller files; leave it out with --exclude")]
    Large(String, &'static str),
    /// A name in it means nothing, or a brace stands alone.
    #[error("{file}:{}:{}: {}; {}", error.at.line, error.at.column, error.message, error.help)]
    Name {
        /// As the user would name it.
        file: String,
        /// Where, and what.
        error: TemplateError,
    },
}

impl Filling {
    /// Reads a file, which sentences call `file`.
    pub fn read(file: &str, content: &[u8]) -> Result<Filling, FillFault> {
        let file = escape::line(file.as_bytes());
        if content.len() as u64 > MAX_FILLED {
            return Err(Filling::too_large(&file));
        }
        let nul = memchr::memchr(0, content);
        let text = match std::str::from_utf8(content) {
            Ok(text) if nul.is_none() => text,
            Ok(_) => return Err(FillFault::Binary { file, at: nul.unwrap_or(0) }),
            Err(error) => {
                let at = error.valid_up_to();
                return Err(FillFault::Binary { file, at: nul.map_or(at, |nul| nul.min(at)) });
            }
        };
        match Template::parse(text) {
            Ok(template) => Ok(Filling { file, template }),
            Err(error) => Err(FillFault::Name { file, error }),
        }
    }

    /// The fault of a file that is too large to be read.
    pub fn too_large(file: &str) -> FillFault {
        FillFault::Large(escape::line(file.as_bytes()), "")
    }

    /// Does every name in it mean something for this host?
    pub fn check(&self, place: &Place<'_>) -> Result<(), FillFault> {
        self.template.check(place).map_err(|error| FillFault::Name { file: self.file.clone(), error })
    }

    /// What it says to one host.
    pub fn fill(&self, place: &Place<'_>) -> Result<Bytes, FillFault> {
        let named = |error| FillFault::Name { file: self.file.clone(), error };
        let most = usize::try_from(MAX_FILLED).expect("it fits any machine");
        match self.template.render_within(place, most).map_err(named)? {
            Some(text) => Ok(text.into()),
            None => Err(FillFault::Large(self.file.clone(), " when it is filled in")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::{Facts, Host};

    fn filled(content: &[u8], vars: &[(&str, &str)]) -> Result<Bytes, String> {
        let host = Host::new(None, "web01", None);
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let facts = Facts { vars, ..Facts::default() };
        let place = Place { host: &host, facts: &facts, n: 3, count: 12 };
        let filling = Filling::read("conf/a.conf", content).map_err(|fault| fault.to_string())?;
        assert_eq!(
            filling.check(&place).err(),
            filling
                .template
                .render(&place)
                .err()
                .map(|error| { FillFault::Name { file: "conf/a.conf".to_owned(), error } })
        );
        filling.fill(&place).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_file_is_filled_in_for_each_host() {
        let text = b"server {{ name {host}; id {n:03}; }}\nrack {rack}\n";
        let said = filled(text, &[("rack", "r7")]).expect("all is known");
        assert_eq!(&said[..], b"server { name web01; id 003; }\nrack r7\n");
        assert_eq!(filled(b"", &[]).as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn a_fault_names_the_file_the_line_and_the_column() {
        for (content, said) in [
            (
                &b"a\n  {rakc}\n"[..],
                "conf/a.conf:2:3: {rakc} means nothing for web01; did you mean {rack}, or {{ for a brace?",
            ),
            (b"x {", "conf/a.conf:1:3: this { is not closed; write {{ for a brace"),
            (
                b"ab\xffc",
                "conf/a.conf is no text (byte 3): --template fills in text files; leave it out with --exclude, and \
                 push it without --template",
            ),
        ] {
            assert_eq!(filled(content, &[("rack", "r7")]).expect_err("a fault"), said);
        }
        let nul = filled(b"a\0\xff", &[]).expect_err("binary");
        assert!(nul.starts_with("conf/a.conf is no text (byte 2)"), "{nul}");
    }

    #[test]
    fn no_file_is_larger_than_the_bound_before_or_after() {
        let most = usize::try_from(MAX_FILLED).expect("small");
        assert!(filled(&vec![b'x'; most], &[]).is_ok());
        let large = filled(&vec![b'x'; most + 1], &[]).expect_err("too large");
        assert!(large.starts_with("conf/a.conf has more than 1 MB: "), "{large}");
        let grown = filled(&b"{v}".repeat(most / 4), &[("v", "long value")]).expect_err("it grows");
        assert!(grown.starts_with("conf/a.conf has more than 1 MB when it is filled in: "), "{grown}");
    }
}
