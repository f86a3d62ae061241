//! What the screen says, small enough to be read here.

use std::time::Duration;

use insta::assert_snapshot;
use omnes::size::Size;
use omnes::tui::app::Options;
use omnes::tui::event::Event;

use crate::harness::{Ui, password, unknown_key};

/// Two columns of two tiles.
const SCREEN: Size = Size { rows: 17, cols: 80 };

fn four() -> Ui {
    let mut ui = Ui::with(Options::default(), SCREEN, &["web01", "web02", "web03", "db"]);
    for name in ["web01", "web02", "web03", "db"] {
        ui.output(name, &format!("{name}$ "));
    }
    // The flash of the beginning is over.
    ui.wait(Duration::from_secs(60));
    ui
}

#[test]
fn a_grid_in_which_every_host_hears() {
    let mut ui = four();
    ui.text("uptime");
    assert_snapshot!(ui.screen(), @r"
    ╔▶● web01◀═════════════════════════════╗╔ ● web02 ═════════════════════════════╗
    ║web01$                                ║║web02$                                ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ╚══════════════════════════════════════╝╚══════════════════════════════════════╝
    ╔ ● web03 ═════════════════════════════╗╔ ● db ════════════════════════════════╗
    ║web03$                                ║║db$                                   ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ╚══════════════════════════════════════╝╚══════════════════════════════════════╝
     → 4 hosts                                                           C-a ? help
    ");
}

#[test]
fn a_detached_host_hears_alone() {
    let mut ui = four();
    ui.keys("C-a d");
    ui.wait(Duration::from_secs(60));
    assert_snapshot!(ui.screen(), @r"
    ╔▶● web01 · alone◀═════════════════════╗┌ · web02 ─────────────────────────────┐
    ║web01$                                ║│web02$                                │
    ║                                      ║│                                      │
    ║                                      ║│                                      │
    ║                                      ║│                                      │
    ║                                      ║│                                      │
    ║                                      ║│                                      │
    ╚══════════════════════════════════════╝└──────────────────────────────────────┘
    ┌ · web03 ─────────────────────────────┐┌ · db ────────────────────────────────┐
    │web03$                                ││db$                                   │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    └──────────────────────────────────────┘└──────────────────────────────────────┘
     → web01 alone  1 detached                                           C-a ? help
    ");
}

#[test]
fn waiting_held_connecting_and_closed_hosts() {
    let mut ui = four();
    ui.text("x");
    ui.dies("web02");
    ui.keys("C-a R");
    ui.ready("web02");
    ui.stick("web03");
    for _ in 0..70 {
        ui.step(Event::Paste("x".repeat(1000).into()));
    }
    ui.dies("db");
    ui.wait(Duration::from_secs(60));
    assert_snapshot!(ui.screen(), @r"
    ╔▶● web01◀═════════════════════════════╗┌ … web02 · waiting ───────────────────┐
    ║web01$                                ║│web02$                                │
    ║                                      ║│[omnes: new session]                  │
    ║                                      ║│                                      │
    ║                                      ║│                                      │
    ║                                      ║│                                      │
    ║                                      ║│                                      │
    ╚══════════════════════════════════════╝└──────────────────────────────────────┘
    ┌ ■ web03 · held · 64 kB behind ───────┐┌ × db · closed: link lost ────────────┐
    │web03$                                ││db$                                   │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││× link lost: connection reset · C-a r │
    │                                      ││reconnects                            │
    └──────────────────────────────────────┘└──────────────────────────────────────┘
     → 1 of 4 hosts  64 kB behind  1 held  1 waiting  1 closed: C-a R    C-a ? help
    ");
}

#[test]
fn a_zoomed_host_and_its_prefix() {
    let mut ui = four();
    ui.keys("C-a z C-a");
    assert_snapshot!(ui.screen(), @r"
    ╔▶● web01◀═════════════════════════════════════════════════════════════════════╗
    ║web01$                                                                        ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ║                                                                              ║
    ╚══════════════════════════════════════════════════════════════════════════════╝
     → 4 hosts, 3 not shown                                                   C-a …
    ");
}

#[test]
fn the_table_of_unknown_keys() {
    let mut ui = four();
    ui.ask(unknown_key("web05"));
    ui.ask(unknown_key("longer-name.example.org"));
    ui.wait(Duration::from_secs(1));
    assert_snapshot!(ui.screen(), @r"
    ┌▶· web01◀─────────────────────────────┐┌ · web02 ─────────────────────────────┐
    │web01$                                ││web02$                                │
    │                                      ││                                      │
    ┏━ Unknown host keys ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
    ┃The keys of 2 hosts are not known yet. Compare the fingerprint before you     ┃
    ┃accept.                                                                       ┃
    ┃▶ longer-name.example.org                                                     ┃
    ┃    ssh-ed25519 SHA256:uNiVztksCsDhcc0u9e8BgrJXVGLpa9vFzv8YbGw0PcU            ┃
    ┃  web05                                                                       ┃
    ┃    ssh-ed25519 SHA256:uNiVztksCsDhcc0u9e8BgrJXVGLpa9vFzv8YbGw0PcU            ┃
    ┃C-y accepts the marked key · C-t all · C-x refuses it · C-r all · Esc later   ┃
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    └──────────────────────────────────────┘└──────────────────────────────────────┘
     → nobody: keys go to the dialog
    ");
}

#[test]
fn a_secret_that_is_typed() {
    let mut ui = four();
    ui.ask(password("web05"));
    ui.wait(Duration::from_secs(1));
    ui.text("secret");
    assert_snapshot!(ui.screen(), @r"
    ┌▶· web01◀─────────────────────────────┐┌ · web02 ─────────────────────────────┐
    │web01$                                ││web02$                                │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    ┏━ A secret is needed ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
    ┃web05 asks for the password of ann; it is offered only to hosts that ask for  ┃
    ┃it.                                                                           ┃
    ┃hidden: ••••••                                                                ┃
    ┃Enter takes it · C-u clears · C-x gives up this login · Esc later             ┃
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    └──────────────────────────────────────┘└──────────────────────────────────────┘
     → nobody: keys go to the dialog
    ");
}

#[test]
fn a_paste_that_waits() {
    let mut ui = four();
    ui.step(Event::Paste("cd /tmp\nrm -rf build\n".to_owned().into()));
    ui.settle();
    assert_snapshot!(ui.screen(), @r"
    ┌▶· web01◀─────────────────────────────┐┌ · web02 ─────────────────────────────┐
    │web01$                                ││web02$                                │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │        ┏━ Paste? ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓        │
    │        ┃2 lines × 4 hosts, 21 bytes                                 ┃        │
    └────────┃│ cd /tmp                                                   ┃────────┘
    ┌ · web03┃│ rm -rf build                                              ┃────────┐
    │web03$  ┃y sends it · M-l line by line, each at a prompt · n does not┃        │
    │        ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛        │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    │                                      ││                                      │
    └──────────────────────────────────────┘└──────────────────────────────────────┘
     → nobody: keys go to the dialog
    ");
}

#[test]
fn the_top_of_the_help() {
    let mut ui = four();
    ui.keys("C-a ?");
    assert_snapshot!(ui.screen(), @r"
    ┌▶· we┏━ Keys ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓─────┐
    │web01┃After C-a:                                                        ┃     │
    │     ┃Who takes part                                                    ┃     │
    │     ┃d              take this host out of the broadcast, or put it back┃     │
    │     ┃D              put every host back and let all waiting ones in    ┃     │
    │     ┃i              let this host in (it came after the first key)     ┃     │
    │     ┃u              release this held host and send what was kept      ┃     │
    └─────┃U              release this held host and discard what was kept   ┃─────┘
    ┌ · we┃M-u            release every held host and send what was kept     ┃─────┐
    │web03┃M-U            release every held host and discard it             ┃     │
    │     ┃Focus                                                             ┃     │
    │     ┃Left, h        move the focus to the left                         ┃     │
    │     ┃Down, j        move the focus down                                ┃     │
    │     ┃Up, k          move the focus up                                  ┃     │
    │     ┃↑ ↓ scroll · Esc closes                                           ┃     │
    └─────┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛─────┘
     → nobody: keys go to the help
    ");
}

#[test]
fn wide_characters_stay_inside_their_tile() {
    let mut ui = Ui::with(Options::default(), Size::new(9, 80), &["a", "b"]);
    ui.output("a", "\x1b[1;38H日本");
    ui.output("b", "日本語");
    assert_snapshot!(ui.screen(), @r"
    ╔▶● a◀═════════════════════════════════╗╔ ● b ═════════════════════════════════╗
    ║                        日本          ║║日本語                                ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ║                                      ║║                                      ║
    ╚══════════════════════════════════════╝╚══════════════════════════════════════╝
     → 2 hosts                                                           C-a ? help
    ");
}

#[test]
fn a_tiny_screen() {
    let mut ui = Ui::with(Options::default(), Size::new(3, 12), &["web01", "web02"]);
    ui.output("web01", "$ ls");
    assert_snapshot!(ui.screen(), @r"
    ▶● web01◀
    $ ls
     → 2 hosts,
    ");
}
