//! What a POSIX shell is asked to do, and what it says. Pure.
//!
//! Theory: a script is one line, its values are its arguments, so that nothing of a path is ever read as shell. It says a mark
//! first, since login shells print things; what stands before the mark is not ours. Names are listed with a NUL behind each.
//! Sums and what is said about files need programs that POSIX does not have (`sha256sum` and its kin, `stat`); a host without
//! them is told so in a sentence, and is not guessed at.

use super::remote::{Found, Stat};
use super::tree::Kind;
use crate::run::quote;

/// What scripts begin with: messages in English, times in UTC, the mark.
const BEGIN: &str = "LC_ALL=C; TZ=UTC0; export LC_ALL TZ; printf '%s\\n' \"$0\"; ";

/// A sum of standard input, which has `N` bytes: its digits come first, whatever program made it. Of much, `openssl` makes it
/// several times as fast where the processor helps; of little, it takes longer to begin.
const SUM: &str = concat!(
    "sum() { ",
    "if [ \"$N\" -gt 8000000 ] && openssl dgst -sha256 -r </dev/null >/dev/null 2>&1; then openssl dgst -sha256 -r; ",
    "elif command -v sha256sum >/dev/null 2>&1; then sha256sum; ",
    "elif command -v shasum >/dev/null 2>&1; then shasum -a 256; ",
    "elif command -v sha256 >/dev/null 2>&1; then sha256; ",
    "elif command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r; ",
    "else return 3; fi; }; ",
);

/// About a path: mode in hex, size, time, owner and group; of GNU, of busybox, of BSD.
const ABOUT: &str = concat!(
    "about() { stat $L -c '%f %s %Y %u %g' -- \"$1\" 2>/dev/null ",
    "|| stat $L -f '%Xp %z %m %u %g' -- \"$1\" 2>/dev/null || echo none; }; ",
);

/// Statuses with a meaning of ours.
pub(super) mod status {
    /// There is nothing at the path.
    pub(in crate::push) const NOTHING: u32 = 81;
    /// A folder stands there.
    pub(in crate::push) const FOLDER: u32 = 82;
    /// Not all bytes arrived.
    pub(in crate::push) const SHORT: u32 = 83;
    /// The sum is another.
    pub(in crate::push) const SUM: u32 = 84;
    /// It is no folder.
    pub(in crate::push) const NO_FOLDER: u32 = 85;
    /// The temporary file is gone, taken by somebody else.
    pub(in crate::push) const GONE: u32 = 86;
}

/// One script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// The sum of `$1`, or of its first `$2` bytes; of about `$3` bytes in any case.
    Sum,
    /// About `$1`, a link itself.
    Lstat,
    /// About `$1`, or where its link leads.
    Stat,
    /// Where the user begins.
    Home,
    /// What the link `$1` says.
    ReadLink,
    /// What stands in the folder `$1`.
    List,
    /// Makes the folder `$1` with the mode `$2`.
    MakeDir,
    /// Makes a link `$2` that says `$1`.
    Symlink,
    /// Removes the file `$1`.
    Remove,
    /// Removes the folder `$1`.
    RemoveDir,
    /// Puts `$1` in the place of `$2`.
    Rename,
    /// Sets the mode `$2`, the time `$3` and the owner `$4` of `$1`; empty ones are left.
    Set,
    /// Puts standard input at `$2`, by way of `$1`; `$3` bytes with the sum `$4`; then as [`Script::Set`] with `$5`, `$6`, `$7`.
    Put,
    /// The content of `$1`.
    Get,
}

impl Script {
    fn body(self) -> String {
        match self {
            Script::Sum => {
                format!(
                    "{SUM} N=$3; exec 2>/dev/null; [ -e \"$1\" ] || exit 81; [ -f \"$1\" ] || exit; \
                 if [ -n \"$2\" ]; then head -c \"$2\" <\"$1\" | sum; else sum <\"$1\"; fi"
                )
            }
            Script::Lstat => format!("L=; {ABOUT} {EXISTS} || exit 81; about \"$1\""),
            Script::Stat => format!("L=-L; {ABOUT} [ -e \"$1\" ] || exit 81; about \"$1\""),
            Script::Home => "pwd -P".to_owned(),
            Script::ReadLink => "readlink -- \"$1\"".to_owned(),
            Script::List => format!(
                "L=; {ABOUT} [ -e \"$1\" ] || exit 81; [ -d \"$1\" ] || exit 85; CDPATH=; cd -- \"$1\" || exit; \
                 for f in * .[!.]* ..?*; do [ -e \"$f\" ] || [ -L \"$f\" ] || continue; \
                 s=$(about \"$f\"); \
                 [ \"$s\" != none ] || [ -e \"$f\" ] || [ -L \"$f\" ] || continue; \
                 printf '%s\\0%s\\n' \"$f\" \"$s\"; done"
            ),
            Script::MakeDir => "umask 0; mkdir -m \"$2\" -- \"$1\"".to_owned(),
            Script::Symlink => {
                format!("set -- \"$2\" \"$1\"; {{ {EXISTS}; }} && exit 82; ln -s -- \"$2\" \"$1\"")
            }
            Script::Remove => "[ -d \"$1\" ] && ! [ -L \"$1\" ] && exit 82; rm -f -- \"$1\"".to_owned(),
            Script::RemoveDir => "rmdir -- \"$1\"".to_owned(),
            Script::Rename => "[ -d \"$2\" ] && exit 82; mv -f -- \"$1\" \"$2\"".to_owned(),
            Script::Set => "[ -z \"$4\" ] || chown -- \"$4\" \"$1\" || exit; \
                 [ -z \"$2\" ] || chmod -- \"$2\" \"$1\" || exit; \
                 [ -z \"$3\" ] || touch -m -t \"$3\" -- \"$1\""
                .to_owned(),
            Script::Put => format!("{SUM} N=$3; {PUT}"),
            Script::Get => "exec cat <\"$1\"".to_owned(),
        }
    }

    /// What is sent to the host: the words of one line, read by whatever shell the account has. `mark` is said first.
    pub(super) fn command(self, mark: &str, args: &[&[u8]]) -> Vec<u8> {
        let script = format!("{BEGIN}{}", self.body());
        let words = [b"exec".as_slice(), b"sh", b"-c", script.as_bytes(), mark.as_bytes()];
        quote::line(words.iter().chain(args))
    }
}

/// Something stands at `$1`, be it a link that leads nowhere.
const EXISTS: &str = "[ -e \"$1\" ] || [ -L \"$1\" ]";

/// The rename is the last thing, and comes only after what is there was measured: a link that is lost ends `cat` as the end
/// of the file does. The temporary file is made exclusively; that it is gone later means that somebody else took it.
const PUT: &str = concat!(
    "[ -d \"$2\" ] && exit 82; d=${2%/*}; [ \"$d\" = \"$2\" ] && d=.; [ -d \"${d:-/}\" ] || ",
    "{ [ -e \"$d\" ] && exit 85; exit 81; }; umask 077; set -C; ",
    "cat >\"$1\" || { rm -f -- \"$1\"; exit 1; }; ",
    "fail() { [ -e \"$1\" ] || exit 86; rm -f -- \"$1\"; exit \"$2\"; }; ",
    "n=$(wc -c <\"$1\") || fail \"$1\" 1; [ \"$n\" -eq \"$3\" ] || fail \"$1\" 83; ",
    "p=size; s=$(sum <\"$1\" 2>/dev/null) && case \"$s\" in \"$4\"*) p=content;; *) fail \"$1\" 84;; esac; ",
    "[ -z \"$7\" ] || chown -- \"$7\" \"$1\" || fail \"$1\" 1; ",
    "chmod -- \"$5\" \"$1\" || fail \"$1\" 1; ",
    "[ -z \"$6\" ] || touch -m -t \"$6\" -- \"$1\" || fail \"$1\" 1; ",
    "mv -f -- \"$1\" \"$2\" || fail \"$1\" 1; echo \"$p\"",
);

/// What was said after the mark.
pub(super) fn after_mark<'a>(said: &'a [u8], mark: &str) -> Option<&'a [u8]> {
    let line = format!("{mark}\n");
    let at = said.windows(line.len()).position(|window| window == line.as_bytes())?;
    Some(&said[at + line.len()..])
}

/// The sum that a program of the host said.
pub(super) fn sum(said: &[u8]) -> Option<[u8; 32]> {
    let digits = said.get(..64)?;
    if said.get(64).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let mut sum = [0; 32];
    for (byte, pair) in sum.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(sum)
}

/// What is said about one path; `None` where the host has no program for it.
pub(super) fn about(line: &[u8]) -> Option<Stat> {
    let line = std::str::from_utf8(line).ok()?;
    let [mode, size, time, user, group] =
        <[&str; 5]>::try_from(line.split_whitespace().collect::<Vec<_>>()).ok()?;
    let mode = u32::from_str_radix(mode, 16).ok()?;
    let kind = match mode & 0o170_000 {
        0o100_000 => Kind::File { size: size.parse().ok()? },
        0o040_000 => Kind::Dir,
        0o120_000 => Kind::Link { to: Box::default() },
        _ => Kind::Special,
    };
    let owner = Some((user.parse().ok()?, group.parse().ok()?));
    Some(Stat { kind, mode: mode & 0o7777, mtime: time.parse().ok()?, owner })
}

/// What a folder holds: a name, a NUL, a line, and again.
pub(super) fn listed(mut said: &[u8]) -> Option<Vec<Found>> {
    let mut found = Vec::new();
    while !said.is_empty() {
        let nul = said.iter().position(|byte| *byte == 0)?;
        let (name, rest) = (&said[..nul], &said[nul + 1..]);
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        found.push(Found { name: name.into(), stat: about(&rest[..end])? });
        said = &rest[end + 1..];
    }
    Some(found)
}

/// A time as `touch -t` takes it, in UTC; `None` where it cannot be said so.
pub(super) fn stamp(seconds: i64) -> Option<String> {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years that begin in March, in eras of 400 of them; Howard Hinnant's reckoning.
    let from_era = days + 719_468;
    let (era, day) = (from_era.div_euclid(146_097), from_era.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hours, minutes, seconds) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let stamp = || format!("{year:04}{month:02}{day_of_month:02}{hours:02}{minutes:02}.{seconds:02}");
    (0..=9999).contains(&year).then(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_login_shell_prints_before_is_not_ours() {
        assert_eq!(after_mark(b"Welcome!\nm1\nanswer", "m1"), Some(&b"answer"[..]));
        assert_eq!(after_mark(b"Welcome!\n", "m1"), None);
    }

    #[test]
    fn sums_of_all_programs_are_read() {
        let digits = "ab".repeat(32);
        for said in
            [format!("{digits}  -\n"), format!("{digits} *stdin\n"), format!("{digits}\n"), digits.clone()]
        {
            assert_eq!(sum(said.as_bytes()), Some([0xab; 32]), "{said}");
        }
        for said in ["", "sh: not found", &"g".repeat(64), &"ab".repeat(33)] {
            assert_eq!(sum(said.as_bytes()), None, "{said}");
        }
    }

    #[test]
    fn what_is_said_about_files_is_read() {
        let stat = about(b"81a4 12 1700000000 0 1000").unwrap();
        assert_eq!((stat.kind, stat.mode, stat.mtime), (Kind::File { size: 12 }, 0o644, 1_700_000_000));
        assert_eq!(about(b"41ed 4096 1 0 0").unwrap().kind, Kind::Dir);
        assert_eq!(about(b"11b6 0 1 0 0").unwrap().kind, Kind::Special);
        assert_eq!(about(b"none"), None);
        let said = [&b"a\nb\0"[..], b"81a4 1 1 0 0\n", b"\xff\0", b"41ed 1 1 0 0\n"].concat();
        let names: Vec<_> = listed(&said).unwrap().into_iter().map(|found| found.name).collect();
        assert_eq!(names, [Box::from(&b"a\nb"[..]), Box::from(&b"\xff"[..])]);
        assert_eq!(listed(b"a\0none\n"), None, "a host without stat is not guessed at");
    }

    /// In a shell of this machine, whose `stat` takes a file away before it looks.
    #[test]
    fn a_file_that_goes_while_its_folder_is_listed_is_not_in_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a folder");
        let (bin, folder) = (dir.path().join("bin"), dir.path().join("folder"));
        for folder in [&bin, &folder] {
            std::fs::create_dir(folder).expect("a folder");
        }
        for name in ["a", "gone", "z"] {
            std::fs::write(folder.join(name), "").expect("a file");
        }
        let stat = bin.join("stat");
        std::fs::write(&stat, "#!/bin/sh\ncase $* in *gone) rm -f gone;; esac\nexec /usr/bin/stat \"$@\"\n")
            .expect("a program");
        std::fs::set_permissions(&stat, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        let line =
            Script::List.command("mark", &[std::os::unix::ffi::OsStrExt::as_bytes(folder.as_os_str())]);
        let output = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(String::from_utf8(line).expect("text"))
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .output()
            .expect("a shell");
        let said = after_mark(&output.stdout, "mark").expect("it began");
        let names: Vec<_> = listed(said).expect("a list").into_iter().map(|found| found.name).collect();
        assert_eq!(names, [Box::from(&b"a"[..]), Box::from(&b"z"[..])]);
    }

    #[test]
    fn times_are_stamps() {
        for (seconds, expected) in [
            (0, "197001010000.00"),
            (-1, "196912312359.59"),
            (951_782_400, "200002290000.00"),
            (1_700_000_000, "202311142213.20"),
            (4_102_444_799, "209912312359.59"),
        ] {
            assert_eq!(stamp(seconds).as_deref(), Some(expected), "{seconds}");
        }
        assert_eq!(stamp(i64::MAX / 100), None);
    }
}
