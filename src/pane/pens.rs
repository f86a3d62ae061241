//! The styles that a cell of `vt100` cannot hold, each under a number.
//!
//! A cell of `vt100` holds two colours, bold or dim, italic, a line and inverse. Whoever writes with more (a wave under the
//! text, a line through it, bold and dim at once) gets a *pen*: the whole style stands in a table, and the cell is drawn in a
//! foreground whose 24 bits are the number of the pen. So that no true colour of a host can be taken for a number, every
//! style with a true colour in front is a pen too, and every such foreground a number.
//!
//! The table belongs to one pane, and costs nothing where no such style is used. It is swept once as many pens were made as
//! a sweep is worth: those that no cell shows any more are free again. When all are in use, text comes as near to its style as
//! `vt100` can.

use std::collections::HashMap;

use super::cell::{Color, Style, Underline};

/// Pens of one pane. A screen of 80x24 cells with a style of its own in each, twice over, has room.
const MOST: usize = 16_384;
/// Pens made since the last sweep before there is another, at least.
const LEAST_SWEPT: usize = 1024;

/// The pens of one pane.
#[derive(Clone, Debug, Default)]
pub(super) struct Pens {
    /// Each at its number.
    styles: Vec<Style>,
    numbers: HashMap<Style, u32>,
    /// Numbers that no cell has.
    free: Vec<u32>,
    /// Pens asked for since the last sweep that were not there.
    missed: usize,
}

impl Pens {
    /// The style to draw with so that cells look like this one.
    pub(super) fn drawn(&mut self, style: Style) -> Style {
        if fits(&style) {
            return style;
        }
        match self.number(style) {
            Some(n) => {
                let [_, r, g, b] = n.to_be_bytes();
                Style { fg: Color::Rgb(r, g, b), ..Style::PLAIN }
            }
            None => nearest(style),
        }
    }

    fn number(&mut self, style: Style) -> Option<u32> {
        if let Some(n) = self.numbers.get(&style) {
            return Some(*n);
        }
        self.missed += 1;
        let n = match self.free.pop() {
            Some(n) => {
                self.styles[n as usize] = style;
                n
            }
            None if self.styles.len() < MOST => {
                self.styles.push(style);
                self.styles.len() as u32 - 1
            }
            None => return None,
        };
        self.numbers.insert(style, n);
        Some(n)
    }

    /// What a cell looks like.
    pub(super) fn style_of(&self, cell: &vt100::Cell) -> Style {
        let underline = if cell.underline() { Underline::Single } else { Underline::None };
        self.meant(Style {
            fg: color(cell.fgcolor()),
            bg: color(cell.bgcolor()),
            bold: cell.bold(),
            dim: cell.dim(),
            italic: cell.italic(),
            underline,
            inverse: cell.inverse(),
            ..Style::PLAIN
        })
    }

    /// The style that is meant by one that was drawn.
    pub(super) fn meant(&self, drawn: Style) -> Style {
        match drawn.fg {
            Color::Rgb(r, g, b) => self.styles.get(number(r, g, b)).copied().unwrap_or_default(),
            _ => drawn,
        }
    }

    /// Whether so many pens were made that a look at this many cells is worth it.
    pub(super) fn want_sweep(&self, cells: usize) -> bool {
        self.missed >= LEAST_SWEPT.max(cells / 4)
    }

    /// Begins to find out which pens are in use.
    pub(super) fn begin_sweep(&self) -> Marks {
        Marks(vec![false; self.styles.len()])
    }

    /// Frees the pens that no cell was marked with.
    pub(super) fn end_sweep(&mut self, Marks(used): Marks) {
        let last = used.iter().rposition(|used| *used).map_or(0, |last| last + 1);
        self.styles.truncate(last);
        self.styles.shrink_to_fit();
        self.free = (0..last as u32).filter(|n| !used[*n as usize]).collect();
        self.numbers.retain(|_, n| used[*n as usize]);
        self.numbers.shrink_to_fit();
        self.missed = 0;
    }

    /// Memory held, in bytes, about.
    pub(super) fn held_bytes(&self) -> usize {
        self.styles.capacity() * size_of::<Style>()
            + self.numbers.capacity() * (size_of::<(Style, u32)>() + 1)
            + self.free.capacity() * size_of::<u32>()
    }
}

/// Which pens are in use, by their numbers.
pub(super) struct Marks(Vec<bool>);

impl Marks {
    pub(super) fn mark(&mut self, cell: &vt100::Cell) {
        if let vt100::Color::Rgb(r, g, b) = cell.fgcolor()
            && let Some(used) = self.0.get_mut(number(r, g, b))
        {
            *used = true;
        }
    }
}

fn number(r: u8, g: u8, b: u8) -> usize {
    u32::from_be_bytes([0, r, g, b]) as usize
}

fn color(color: vt100::Color) -> Color {
    match color {
        vt100::Color::Default => Color::Default,
        vt100::Color::Idx(n) => Color::Indexed(n),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

/// Whether a cell of `vt100` can hold this style, and nothing in it is taken for a number.
fn fits(style: &Style) -> bool {
    let plain_line = matches!(style.underline, Underline::None | Underline::Single);
    !matches!(style.fg, Color::Rgb(..))
        && plain_line
        && style.underline_color == Color::Default
        && !(style.bold && style.dim)
        && !(style.blink || style.conceal || style.strike || style.overline)
}

/// What comes nearest to a style and fits: a colour of the palette, one kind of line.
fn nearest(style: Style) -> Style {
    let fg = match style.fg {
        Color::Rgb(r, g, b) => {
            let [r, g, b] = [r, g, b].map(|level| (u16::from(level) * 5 + 127) / 255);
            Color::Indexed((16 + 36 * r + 6 * g + b) as u8)
        }
        fg => fg,
    };
    let underline = if style.underline.is_some() { Underline::Single } else { Underline::None };
    let Style { bg, bold, italic, inverse, .. } = style;
    Style { fg, bg, bold, dim: style.dim && !bold, italic, underline, inverse, ..Style::PLAIN }
}

/// The sequence that makes `vt100` draw in a style, which must fit or be that of a pen.
pub(super) fn put_sgr(style: Style, out: &mut String) {
    out.push_str("\x1b[0");
    for (set, number) in [
        (style.bold, ";1"),
        (style.dim, ";2"),
        (style.italic, ";3"),
        (style.underline.is_some(), ";4"),
        (style.inverse, ";7"),
    ] {
        out.push_str(if set { number } else { "" });
    }
    put_color(style.fg, 30, out);
    put_color(style.bg, 40, out);
    out.push('m');
}

fn put_color(color: Color, base: u16, out: &mut String) {
    use std::fmt::Write as _;
    let written = match color {
        Color::Default => Ok(()),
        Color::Indexed(n @ 0..8) => write!(out, ";{}", base + u16::from(n)),
        Color::Indexed(n @ 8..16) => write!(out, ";{}", base + 52 + u16::from(n)),
        Color::Indexed(n) => write!(out, ";{};5;{n}", base + 8),
        Color::Rgb(r, g, b) => write!(out, ";{};2;{r};{g};{b}", base + 8),
    };
    written.expect("writing into memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cell of `vt100` that was drawn in this style, and what it is read as.
    fn read(pens: &mut Pens, style: Style) -> Style {
        let (mut vt, mut sgr) = (vt100::Parser::default(), String::new());
        put_sgr(pens.drawn(style), &mut sgr);
        vt.process(sgr.as_bytes());
        vt.process(b"x");
        pens.style_of(vt.screen().cell(0, 0).expect("the first cell"))
    }

    #[test]
    fn every_style_comes_back() {
        let colors = [
            Color::Default,
            Color::Indexed(0),
            Color::Indexed(7),
            Color::Indexed(8),
            Color::Indexed(255),
            Color::Rgb(0, 0, 0),
            Color::Rgb(0, 0, 3),
            Color::Rgb(255, 2, 3),
        ];
        let mut pens = Pens::default();
        for bits in 0u32..1 << 8 {
            let on = |n: u32| bits & 1 << n != 0;
            let color = |n: u32| colors[(bits.wrapping_mul(7) >> n & 7) as usize];
            let style = Style {
                fg: color(0),
                bg: color(2),
                bold: on(0),
                dim: on(1),
                italic: on(2),
                underline: Underline::ALL[(bits % 6) as usize],
                underline_color: color(4),
                inverse: on(3),
                blink: on(4),
                conceal: on(5),
                strike: on(6),
                overline: on(7),
            };
            assert_eq!(read(&mut pens, style), style);
            let plain = Style { fg: Color::Indexed(3), bg: color(1), italic: on(1), ..Style::PLAIN };
            let made = pens.styles.len();
            assert_eq!((read(&mut pens, plain), pens.styles.len()), (plain, made), "it takes no pen");
        }
    }

    #[test]
    fn the_table_is_bounded_and_what_does_not_fit_is_drawn_as_near_as_can_be() {
        let mut pens = Pens::default();
        let gray =
            |n: u32| Style { bg: Color::Rgb(0, (n >> 8) as u8, n as u8), strike: true, ..Style::PLAIN };
        let mut vt = vt100::Parser::default();
        for n in 0..40_000 {
            let drawn = pens.drawn(gray(n));
            if n == 7 {
                let mut sgr = String::new();
                put_sgr(drawn, &mut sgr);
                vt.process(format!("{sgr}x").as_bytes());
            }
            let expected = if (n as usize) < MOST { gray(n) } else { Style { strike: false, ..gray(n) } };
            assert_eq!(pens.meant(drawn), expected);
        }
        assert!(pens.want_sweep(1920) && pens.held_bytes() < 2_000_000);
        let cell = vt.screen().cell(0, 0).expect("the first cell");
        let mut marks = pens.begin_sweep();
        marks.mark(cell);
        pens.end_sweep(marks);
        assert_eq!((pens.style_of(cell), pens.numbers.len(), pens.free.len()), (gray(7), 1, 7));
        assert!(!pens.want_sweep(1920) && pens.held_bytes() < 1000);
        let other = pens.drawn(gray(9));
        assert_eq!((pens.meant(other), pens.style_of(cell)), (gray(9), gray(7)));
        let red = Style { fg: Color::Rgb(255, 10, 0), bold: true, dim: true, ..Style::PLAIN };
        assert_eq!(nearest(red), Style { fg: Color::Indexed(196), bold: true, ..Style::PLAIN });
    }
}
