//! What terminfo says about the TERM that hosts are told.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use omnes::pane::{Color, Cursor, CursorShape, HistoryLimit, MouseMode, Pane, Style, Underline};
use omnes::size::Size;

fn entry() -> String {
    let output = Command::new("infocmp").args(["-x", "-1", "xterm-256color"]).output();
    let output = output.expect("infocmp is installed (apt-get install ncurses-bin)");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn keys_are_what_terminfo_says() {
    let entry = entry();
    let mut pane = Pane::new(Size::DEFAULT, HistoryLimit::default());
    // What programs send to put the keypad into the mode that terminfo describes.
    pane.feed(Duration::ZERO, b"\x1b[?1h\x1b=");
    let mut names = vec![
        ("kbs".to_owned(), "Backspace".to_owned()),
        ("kcbt".to_owned(), "S-Tab".to_owned()),
        ("kind".to_owned(), "S-Down".to_owned()),
        ("kri".to_owned(), "S-Up".to_owned()),
    ];
    let plain = [
        ("kcuu1", "Up"),
        ("kcud1", "Down"),
        ("kcub1", "Left"),
        ("kcuf1", "Right"),
        ("khome", "Home"),
        ("kend", "End"),
    ];
    let tilde = [("kich1", "Insert"), ("kdch1", "Delete"), ("kpp", "PageUp"), ("knp", "PageDown")];
    names.extend(plain.iter().chain(&tilde).map(|(cap, key)| (cap.to_string(), key.to_string())));
    names.extend((1..=24).map(|n| (format!("kf{n}"), format!("F{n}"))));
    for (n, held) in [(25, "C-"), (37, "C-S-"), (49, "M-"), (61, "M-S-")] {
        names.extend(
            (n..n + 12)
                .zip(1..=12)
                .filter(|(n, _)| *n <= 63)
                .map(|(n, f)| (format!("kf{n}"), format!("{held}F{f}"))),
        );
    }
    let mods = [("", "S-"), ("3", "M-"), ("4", "M-S-"), ("5", "C-"), ("6", "C-S-"), ("7", "C-M-")];
    for (cap, key) in [
        ("kUP", "Up"),
        ("kDN", "Down"),
        ("kLFT", "Left"),
        ("kRIT", "Right"),
        ("kHOM", "Home"),
        ("kEND", "End"),
        ("kIC", "Insert"),
        ("kDC", "Delete"),
        ("kPRV", "PageUp"),
        ("kNXT", "PageDown"),
    ] {
        names.extend(mods.map(|(number, held)| (format!("{cap}{number}"), format!("{held}{key}"))));
    }
    for (capability, name) in names {
        let line = entry.lines().find_map(|line| line.trim().strip_prefix(&format!("{capability}=")));
        let expected = line.unwrap_or_else(|| panic!("terminfo has no {capability}")).trim_end_matches(',');
        let ours = pane.encode_key(name.parse().expect("a key")).escape_ascii().to_string();
        assert_eq!(ours.replace("\\x1b", "\\E").replace("\\x7f", "^?"), expected, "{name} ({capability})");
    }
}

/// The capabilities in the entry of terminfo, by name.
fn promised(entry: &str) -> BTreeSet<String> {
    let lines = entry.lines().filter(|line| line.starts_with('\t'));
    let names = lines.map(|line| line.trim().split(['=', '#', ',']).next().unwrap_or_default());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The names in the first column of the table under a heading; `kf1`-`kf63` is all of them.
fn listed(page: &str, heading: &str) -> BTreeSet<String> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).expect("the heading");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let mut names = BTreeSet::new();
    for row in rows {
        let cell = row.split('|').nth(1).expect("a first column");
        let in_row: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if let [first, last] = in_row[..]
            && cell.contains("`-`")
        {
            let number = |name: &str| name.trim_start_matches("kf").parse::<u32>().expect("kf and a number");
            names.extend((number(first)..=number(last)).map(|n| format!("kf{n}")));
        }
        for name in in_row {
            assert!(names.insert(name.to_owned()) || cell.contains("`-`"), "{name} stands twice");
        }
    }
    names
}

#[test]
fn every_capability_is_emulated_or_listed_with_its_reason() {
    let promised = promised(&entry());
    let page = include_str!("../../docs/terminal.md");
    let (kept, not) = (listed(page, "What is emulated"), listed(page, "What is not"));
    assert!(promised.len() > 200 && kept.len() > 150 && not.len() > 10);
    let both: Vec<_> = kept.intersection(&not).collect();
    assert!(both.is_empty(), "in both tables: {both:?}");
    let all: BTreeSet<_> = kept.union(&not).cloned().collect();
    let missing: Vec<_> = promised.difference(&all).collect();
    assert!(missing.is_empty(), "docs/terminal.md does not say what becomes of {missing:?}");
    let invented: Vec<_> = all.difference(&promised).collect();
    assert!(invented.is_empty(), "terminfo promises no {invented:?}");
}

/// What terminfo says is sent, with its parameters filled in by `tput`, does what the page says it does.
#[test]
fn capabilities_do_what_they_say() {
    let tput = |arguments: &[&str]| {
        let output = Command::new("tput").args(["-T", "xterm-256color"]).args(arguments).output();
        output.expect("tput is installed (apt-get install ncurses-bin)").stdout
    };
    let seen = |steps: &[&[&str]]| {
        let mut pane = Pane::new(Size::new(5, 20), HistoryLimit::default());
        for step in steps {
            match step {
                ["print", text] => pane.feed(Duration::ZERO, text.as_bytes()),
                step => pane.feed(Duration::ZERO, &tput(step)),
            };
        }
        pane
    };
    let text = |steps: &[&[&str]]| seen(steps).screen().text().trim_end().replace('\n', "|");
    let abc = &["print", "abcdef"][..];
    let bottom = &["cup", "4", "0"][..];
    for (what, steps, rows) in [
        ("cup", &[&["cup", "1", "2"][..], &["print", "x"]][..], "|  x"),
        ("hpa and vpa", &[&["hpa", "3"], &["vpa", "1"], &["print", "x"]], "|   x"),
        ("cub and cuf1", &[abc, &["cub", "3"], &["cuf1"], &["print", "x"]], "abcdxf"),
        ("cud and cuu1", &[&["cud", "2"], &["cuu1"], &["print", "x"]], "|x"),
        ("ech", &[abc, &["cub", "4"], &["ech", "2"]], "ab  ef"),
        ("el1", &[abc, &["cub", "4"], &["el1"]], "   def"),
        ("ed", &[abc, &["cub", "4"], &["ed"]], "ab"),
        ("ich and dch", &[abc, &["cub", "5"], &["ich", "2"], &["cub", "1"], &["dch", "1"]], "  bcdef"),
        ("il and dl1", &[abc, &["il", "2"], &["dl1"]], "|abcdef"),
        (
            "smir and rmir",
            &[abc, &["cub", "5"], &["smir"], &["print", "x"], &["rmir"], &["print", "y"]],
            "axycdef",
        ),
        ("rep", &[&["rep", "120", "5"], &["print", "y"]], "xxxxxy"),
        (
            "csr and ind",
            &[abc, &["csr", "1", "2"], &["cup", "2", "0"], &["print", "x"], &["ind"]],
            "abcdef|x",
        ),
        ("indn and rin", &[abc, &["indn", "1"], &["rin", "2"], &["print", "x"]], "      x"),
        ("ri", &[abc, &["ri"]], "|abcdef"),
        ("nel", &[abc, &["nel"], &["print", "x"]], "abcdef|x"),
        ("sc and rc", &[abc, &["sc"], bottom, &["rc"], &["print", "x"]], "abcdefx"),
        (
            "hts, tbc, ht, cbt",
            &[
                &["tbc"],
                &["hpa", "3"],
                &["hts"],
                &["cr"],
                &["ht"],
                &["print", "x"],
                &["cbt"],
                &["print", "y"],
            ],
            "   y",
        ),
        ("rmam", &[&["rmam"], &["print", "01234567890123456789x"], &["smam"]], "0123456789012345678x"),
        ("smacs and rmacs", &[&["smacs"], &["print", "lqk"], &["rmacs"], &["print", "q"]], "┌─┐q"),
        ("smcup", &[abc, &["smcup"], &["clear"], &["print", "x"]], "x"),
        ("rmcup", &[abc, &["smcup"], &["clear"], &["print", "x"], &["rmcup"], &["print", "y"]], "abcdefy"),
        ("clear and home", &[abc, &["clear"], &["print", "x"], &["home"], &["print", "y"]], "y"),
        ("is2", &[&["rmam"], &["smir"], &["is2"], &["print", "b"], &["cub1"], &["print", "a"]], "a"),
        ("rs1", &[abc, &["rs1"]], ""),
    ] {
        assert_eq!(text(steps), rows, "{what}");
    }
    let style = |steps: &[&[&str]]| {
        let steps: Vec<&[&str]> = steps.iter().copied().chain([&["print", "x"][..]]).collect();
        let pane = seen(&steps);
        pane.screen().cell(0, 0).style
    };
    let plain = Style::PLAIN;
    for (steps, expected) in [
        (&[&["bold"][..], &["dim"]][..], Style { bold: true, dim: true, ..plain }),
        (&[&["sitm"], &["smul"]], Style { italic: true, underline: Underline::Single, ..plain }),
        (&[&["rev"]], Style { inverse: true, ..plain }),
        (&[&["smso"], &["rmso"]], plain),
        (&[&["blink"], &["invis"]], Style { blink: true, conceal: true, ..plain }),
        (&[&["smxx"]], Style { strike: true, ..plain }),
        (&[&["smxx"], &["rmxx"]], plain),
        (
            &[&["setaf", "1"], &["setab", "200"]],
            Style { fg: Color::Indexed(1), bg: Color::Indexed(200), ..plain },
        ),
        (&[&["setaf", "9"], &["op"]], plain),
        (
            &[&["sgr", "1", "1", "0", "1", "0", "1", "1", "0"]],
            Style {
                underline: Underline::Single,
                inverse: true,
                blink: true,
                bold: true,
                conceal: true,
                ..plain
            },
        ),
        (&[&["bold"], &["sgr0"]], plain),
    ] {
        assert_eq!(style(steps), expected, "{steps:?}");
    }
    assert_eq!(seen(&[&["civis"]]).screen().cursor().cursor, Cursor::Hidden);
    assert_eq!(seen(&[&["civis"], &["cvvis"]]).screen().cursor().cursor, Cursor::Visible);
    assert_eq!(seen(&[&["Ss", "5"]]).screen().cursor().shape, CursorShape::Bar);
    assert_eq!(seen(&[&["XM", "1"]]).modes().mouse, MouseMode::PressRelease);
    assert!(seen(&[&["BE"]]).modes().bracketed_paste && seen(&[&["smkx"]]).modes().application_cursor);
    let mut pane = seen(&[]);
    (0..9).for_each(|_| drop(pane.feed(Duration::ZERO, b"line\r\n")));
    pane.feed(Duration::ZERO, &tput(&["E3"]));
    assert_eq!(pane.screen().history_len(), 0);
}
