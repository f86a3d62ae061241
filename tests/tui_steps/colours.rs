//! What hosts print in colours, on terminals that have fewer.

use omnes::size::Size;
use omnes::tui::app::Options;
use omnes::tui::theme::{Depth, Own, Preset, Theme};
use ratatui::style::Color;

use crate::harness::Ui;

const SCREEN: Size = Size { rows: 17, cols: 80 };

/// Two hosts whose text is of a colour that only some terminals have, on a terminal of this depth.
fn painted(depth: Depth) -> Ui {
    let theme = Theme::new(Preset::Terminal, depth, Own::Coloured);
    let mut ui = Ui::with(Options { theme, ..Options::default() }, SCREEN, &["web1", "web2"]);
    for name in ["web1", "web2"] {
        ui.output(name, "\x1b[38;2;250;10;10;48;5;196m■\x1b[32m■\x1b[m$ ");
    }
    ui
}

/// The colours of the first squares on the screen: those of the first, and the foreground of the second.
fn squares(ui: &Ui) -> (Color, Color, Color) {
    let buffer = ui.buffer();
    let mut squares = buffer.content().iter().filter(|cell| cell.symbol() == "■");
    let (first, second) = (squares.next().expect("a square"), squares.next().expect("another"));
    (first.fg, first.bg, second.fg)
}

#[test]
fn colours_of_hosts_come_down_to_those_of_the_terminal_in_every_view() {
    let own = (Color::Rgb(250, 10, 10), Color::Indexed(196), Color::Indexed(2));
    for (depth, expected) in [
        (Depth::True, own),
        (Depth::TwoFiftySix, (Color::Indexed(196), Color::Indexed(196), Color::Indexed(2))),
        (Depth::Sixteen, (Color::Indexed(1), Color::Indexed(1), Color::Indexed(2))),
        (Depth::None, (Color::Reset, Color::Reset, Color::Reset)),
    ] {
        let mut ui = painted(depth);
        assert_eq!(squares(&ui), expected, "{depth:?}, a tile");
        ui.keys("C-a [");
        assert_eq!(squares(&ui), expected, "{depth:?}, looking back");
        ui.keys("q C-a Space C-a Space");
        assert_eq!(squares(&ui), expected, "{depth:?}, a line");
        ui.output("web2", "x");
        ui.keys("C-a M-d");
        assert_eq!(squares(&ui), expected, "{depth:?}, beside another screen");
    }
}
