//! A style in twelve bytes, as the cells of a screen hold it.
//!
//! Three colours of 26 bits leave six bits in each of three words. Those of the first and the last hold the attributes;
//! those of the middle one are left to the cell ([`super::slot`]).

use super::cell::{Color, Style, Underline};

const COLOR: u32 = (1 << 26) - 1;
const INDEXED: u32 = 1 << 24;
const RGB: u32 = 2 << 24;

/// Attributes in the word of the foreground.
const BOLD: u32 = 1 << 26;
const DIM: u32 = 1 << 27;
const ITALIC: u32 = 1 << 28;
const BLINK: u32 = 1 << 29;
const INVERSE: u32 = 1 << 30;
const CONCEAL: u32 = 1 << 31;
/// In the word of the underline: its kind in three bits, and the two other lines.
const KIND: u32 = 26;
const STRIKE: u32 = 1 << 29;
const OVERLINE: u32 = 1 << 30;

/// What the six bits left to the cell can be.
pub(super) const TAGS: [u32; 3] = [1 << 26, 1 << 27, 1 << 28];

/// A style, packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pen {
    foreground: u32,
    background: u32,
    line: u32,
}

impl Pen {
    pub(super) const PLAIN: Pen = Pen { foreground: 0, background: 0, line: 0 };

    pub(super) fn of(style: &Style) -> Pen {
        let flag = |on: bool, bit: u32| if on { bit } else { 0 };
        Pen {
            foreground: pack(style.fg)
                | flag(style.bold, BOLD)
                | flag(style.dim, DIM)
                | flag(style.italic, ITALIC)
                | flag(style.blink, BLINK)
                | flag(style.inverse, INVERSE)
                | flag(style.conceal, CONCEAL),
            background: pack(style.bg),
            line: pack(style.underline_color)
                | (style.underline as u32) << KIND
                | flag(style.strike, STRIKE)
                | flag(style.overline, OVERLINE),
        }
    }

    /// What erased cells look like: the background stays, attributes do not.
    pub(super) fn erased(self) -> Pen {
        Pen { background: self.background & COLOR, ..Pen::PLAIN }
    }

    pub(super) fn style(self) -> Style {
        Style {
            fg: unpack(self.foreground),
            bg: unpack(self.background),
            bold: self.foreground & BOLD != 0,
            dim: self.foreground & DIM != 0,
            italic: self.foreground & ITALIC != 0,
            underline: Underline::ALL[(self.line >> KIND & 7) as usize % Underline::ALL.len()],
            underline_color: unpack(self.line),
            inverse: self.foreground & INVERSE != 0,
            blink: self.foreground & BLINK != 0,
            conceal: self.foreground & CONCEAL != 0,
            strike: self.line & STRIKE != 0,
            overline: self.line & OVERLINE != 0,
        }
    }

    /// The same style with one of [`TAGS`] set.
    pub(super) fn tagged(self, tag: u32) -> Pen {
        Pen { background: self.background | tag, ..self }
    }

    /// The same style without tags.
    pub(super) fn untagged(self) -> Pen {
        Pen { background: self.background & COLOR, ..self }
    }

    pub(super) fn has(self, tag: u32) -> bool {
        self.background & tag != 0
    }

    /// All of it as numbers, for a digest.
    pub(super) fn words(self) -> [u32; 3] {
        [self.foreground, self.background, self.line]
    }
}

fn pack(color: Color) -> u32 {
    match color {
        Color::Default => 0,
        Color::Indexed(n) => INDEXED | u32::from(n),
        Color::Rgb(r, g, b) => RGB | u32::from_be_bytes([0, r, g, b]),
    }
}

fn unpack(word: u32) -> Color {
    let [_, r, g, b] = (word & COLOR).to_be_bytes();
    match word & (3 << 24) {
        0 => Color::Default,
        INDEXED => Color::Indexed(b),
        _ => Color::Rgb(r, g, b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_comes_back() {
        let colors = [Color::Default, Color::Indexed(0), Color::Indexed(255), Color::Rgb(1, 2, 3)];
        for bits in 0u32..1 << 8 {
            let on = |n: u32| bits & 1 << n != 0;
            let color = |n: u32| colors[((bits + n) % 4) as usize];
            let style = Style {
                fg: color(0),
                bg: color(1),
                bold: on(0),
                dim: on(1),
                italic: on(2),
                underline: Underline::ALL[(bits % 6) as usize],
                underline_color: color(2),
                inverse: on(3),
                blink: on(4),
                conceal: on(5),
                strike: on(6),
                overline: on(7),
            };
            assert_eq!(Pen::of(&style).style(), style);
            assert_eq!(TAGS.iter().fold(Pen::of(&style), |pen, &tag| pen.tagged(tag)).style(), style);
            assert_eq!(Pen::of(&style).erased().style(), Style { bg: style.bg, ..Style::PLAIN });
        }
    }
}
