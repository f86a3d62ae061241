//! The programs that people run all day, recorded and compared with tmux.

use omnes::pane::{Mods, MouseButton, MouseEvent, MouseKind, MouseMode};

use crate::recording::{Recorder, replay};

const UTF8: &str = "C.UTF-8";

fn click(row: u16, col: u16, kind: MouseKind) -> MouseEvent {
    MouseEvent { kind, row, col, mods: Mods::NONE }
}

#[test]
fn vim_with_colours_and_the_mouse() {
    let mut vim = Recorder::start(
        "printf 'one (two)\\n\\tthree é語\\nfour\\n' > text.c; \
         exec vim -u NONE -i NONE -N -n --cmd 'syntax on' \
         -c 'set ruler hlsearch mouse=a t_Co=256 background=dark cursorline number spell' /etc/services text.c",
        UTF8,
    );
    vim.until_seen("Network services");
    assert_eq!(vim.pane.modes().mouse, MouseMode::Drag);
    assert!(vim.pane.modes().alternate_screen);
    vim.mouse(click(5, 14, MouseKind::Down(MouseButton::Left)));
    vim.mouse(click(5, 14, MouseKind::Up(MouseButton::Left)));
    vim.until("the cursor under the pointer", |pane| {
        let cursor = pane.screen().cursor();
        (cursor.row, cursor.col) == (5, 14)
    });
    vim.types("/http\r").until("a search", |pane| pane.screen().text().contains("80/tcp"));
    vim.types(":split\r:next\r").until_seen("three é語");
    vim.types("ggOtyped \u{1b}[Dhere").until_seen("typed");
    vim.keys(&["Esc"]).types(":vsplit\rG").until("two windows", |pane| pane.screen().text().contains('|'));
    vim.types("ddpVk~").keys(&["Esc"]).until("edited", |pane| pane.screen().text().contains("THREE"));
    vim.types(":only\r:set nonumber wrap\rggyyP5p10J").until_seen("typedhere typedhere");
    vim.types(":e! /etc/services\r\u{6}\u{6}\u{2}10\u{5}3\u{19}")
        .until("scrolled", |pane| pane.screen().text().contains("/tcp"));
    replay(&vim);
    vim.types(":qa!\r").until("the main screen", |pane| !pane.modes().alternate_screen);
}

#[test]
fn less_with_search() {
    let mut less = Recorder::start(
        "less /etc/services; grep --color=always -n tcp /etc/services | less -R; echo over",
        UTF8,
    );
    less.until_seen("Network services");
    less.types("  b")
        .keys(&["Down", "Up", "Up"])
        .until("paged", |pane| pane.screen().text().contains("/tcp"));
    less.types("/https\r").until_seen("https");
    less.types("G").until_seen("(END)");
    less.types("g10j-N\r").until("numbered", |pane| pane.screen().text().contains("  12"));
    less.types("q").until("colours", |pane| pane.screen().text().contains(":tcpmux"));
    less.types("\u{6}\u{6}")
        .keys(&["Right", "Left"])
        .until("further", |pane| !pane.screen().text().contains(":tcpmux"));
    less.types("q").until_seen("over");
    replay(&less);
}

#[test]
fn htop_and_its_mouse() {
    let mut htop = Recorder::start("exec htop -d 100", UTF8);
    htop.until_seen("Load average");
    assert!(htop.pane.modes().mouse != MouseMode::Off, "htop asks for the mouse");
    // Its keys stand in the last row; the sixth chooses by what it sorts.
    let screen = htop.pane.screen().row_text(23);
    let column = screen.find("SortBy").expect("a key bar") as u16;
    htop.mouse(click(23, column + 1, MouseKind::Down(MouseButton::Left)));
    htop.mouse(click(23, column + 1, MouseKind::Up(MouseButton::Left)));
    htop.until_seen("Sort by");
    htop.keys(&["Down", "Down"]).until("another choice", |pane| pane.screen().text().contains("Sort by"));
    htop.keys(&["Esc"]).until("closed", |pane| !pane.screen().text().contains("Sort by"));
    htop.keys(&["F5"]).until("a tree", |pane| pane.screen().text().contains("List"));
    htop.keys(&["F1"]).until_seen("Released under");
    replay(&htop);
}

#[test]
fn top_in_colour() {
    let mut top = Recorder::start("exec top -d 100", UTF8);
    top.until_seen("load average");
    top.types("z").until("colours", |pane| pane.screen().text().contains("load average"));
    top.types("1").until("each processor", |pane| pane.screen().text().contains("%Cpu0"));
    top.types("xb").until("a column", |pane| pane.screen().text().contains("%Cpu0"));
    top.types("h").until_seen("Help for Interactive");
    replay(&top);
}

#[test]
fn dialog_with_its_boxes_in_both_locales() {
    for locale in [UTF8, "C"] {
        let mut dialog = Recorder::start(
            "dialog --menu 'Choose one' 15 50 6 one 'the first' two 'the second' three 'the third'; \
             dialog --yesno 'Are you sure?' 10 40; \
             dialog --mixedgauge 'Progress' 14 50 40 one Done two 40 three -60; dialog --inputbox Name 10 40; echo over",
            locale,
        );
        dialog.until_seen("the third");
        dialog.keys(&["Down", "Tab"]).until("moved", |pane| pane.screen().text().contains("the second"));
        dialog.keys(&["Enter"]).until_seen("Are you sure?");
        dialog.keys(&["Tab", "Enter"]).until_seen("Name");
        dialog.types("somebody").keys(&["Left", "Left", "Backspace"]).until_seen("somebdy");
        replay(&dialog);
    }
}

#[test]
fn apt_with_its_progress_bar() {
    let mut apt = Recorder::start(
        "mkdir -p pkg/DEBIAN root/var/lib/dpkg/info root/var/lib/dpkg/updates root/var/lib/dpkg/triggers \
           state cache/archives/partial lists/partial; \
         touch root/var/lib/dpkg/status root/var/lib/dpkg/available; \
         printf 'Package: probe\\nVersion: 1\\nArchitecture: all\\nMaintainer: n <n@example.org>\\nDescription: none\\n' \
           > pkg/DEBIAN/control; \
         dpkg-deb -b pkg probe.deb; apt() { apt-get -o Dir::State={home}/state \
           -o Dir::State::status={home}/root/var/lib/dpkg/status -o Dir::Cache={home}/cache \
           -o Dir::State::lists={home}/lists -o Debug::NoLocking=1 -o Dpkg::Progress-Fancy=1 \
           -o Dpkg::Options::=--root={home}/root -o Dpkg::Options::=--log={home}/log -o Dir::Log={home} \"$@\"; }; \
         echo ready; read go; apt install ./probe.deb -y; echo first done; read go; apt remove probe; \
         echo second done; read go; seq 30; apt install ./probe.deb; echo third done",
        UTF8,
    );
    apt.until_seen("ready");
    apt.types("\n").until_seen("first done");
    apt.types("\n").until_seen("[Y/n]");
    apt.types("y\n").until_seen("second done");
    apt.types("\n").until_seen("third done");
    replay(&apt);
}

#[test]
fn tmux_within_a_pane() {
    let mut tmux = Recorder::start(
        "printf 'set -g escape-time 0\\nset -g mouse on\\nset -g assume-paste-time 0\\n' > conf; exec tmux -u -S {home}/inner -f conf new-session 'PS1=ready: sh'",
        UTF8,
    );
    tmux.until_seen("ready:");
    assert!(tmux.pane.modes().mouse != MouseMode::Off);
    tmux.types("seq 40\r").until("lines", |pane| pane.screen().text().contains("\n40\n"));
    tmux.keys(&["C-b"]).types("\"").until("two panes", |pane| pane.screen().text().contains('─'));
    tmux.types("ls -l --color /etc | head -30\r")
        .until("below", |pane| pane.screen().text().contains("root"));
    tmux.keys(&["C-b"]).types("%").until("three panes", |pane| pane.screen().text().contains('│'));
    tmux.mouse(click(2, 5, MouseKind::Down(MouseButton::Left)));
    tmux.mouse(click(2, 5, MouseKind::Up(MouseButton::Left)));
    tmux.types("echo chosen by mouse\r")
        .until("the upper one chosen", |pane| pane.screen().text().matches("chosen by mouse").count() == 2);
    tmux.keys(&["C-b"])
        .types("[")
        .keys(&["PageUp"])
        .until("looking back", |pane| pane.screen().row_text(0).contains('['));
    tmux.types("q").keys(&["C-b"]).types("z").until("zoomed", |pane| !pane.screen().text().contains('│'));
    replay(&tmux);
    let socket = tmux.directory().join("inner");
    let killed = std::process::Command::new("tmux").arg("-S").arg(socket).arg("kill-server").status();
    assert!(killed.expect("tmux is installed").success());
}

#[test]
fn nano_with_its_bars() {
    let mut nano = Recorder::start("exec nano --ignorercfiles --mouse --softwrap /etc/services", UTF8);
    nano.until_seen("Network services");
    nano.keys(&["C-v", "C-v", "Up"]).until("paged", |pane| pane.screen().text().contains("/tcp"));
    nano.types("typed é語")
        .keys(&["Home", "Delete", "C-k", "C-u"])
        .until("changed", |pane| pane.screen().text().contains("Modified"));
    nano.keys(&["C-w"]).types("https\r").until_seen("https");
    nano.keys(&["C-x"]).until_seen("Save modified buffer");
    replay(&nano);
}

#[test]
fn fzf_beside_its_preview() {
    let mut fzf = Recorder::start(
        "seq 200 | sed 's/$/ line/' | fzf --preview 'echo shown {}' --color dark --no-unicode; echo over",
        UTF8,
    );
    fzf.until_seen("200/200");
    fzf.types("12").until("found", |pane| pane.screen().text().contains("shown 12"));
    fzf.keys(&["Up", "Up"]).until("moved", |pane| !pane.screen().text().contains("shown 12 "));
    fzf.keys(&["Backspace", "Backspace"]).until_seen("200/200");
    fzf.keys(&["Enter"]).until_seen("over");
    replay(&fzf);
}

#[test]
fn fish_with_its_suggestions() {
    let mut fish =
        Recorder::start("exec fish --private -C 'set -g fish_greeting hello; fish_vi_key_bindings'", UTF8);
    fish.until_seen("hello");
    fish.types("ls -l /etc/serv").keys(&["Tab"]).until_seen("services");
    fish.keys(&["Enter"]).until_seen("root");
    fish.types("echo 'not ended").until_seen("not ended");
    fish.types("'\r").until("printed", |pane| pane.screen().text().matches("not ended").count() > 1);
    fish.types("printf '%s\\n' ").keys(&["Tab"]).types("one two | cat -n").keys(&["Esc"]);
    fish.until_seen("[N]");
    fish.types("0wi\"").until("inserted", |pane| !pane.screen().text().contains("[N]"));
    replay(&fish);
}
