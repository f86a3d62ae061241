//! What text looks like from now on (SGR).

use super::cell::{Color, Style, Underline};
use super::sequence::{Parameter, Parameters};

/// Changes a style as the parameters of an SGR say; what is not known changes nothing.
pub(super) fn apply(style: &mut Style, parameters: Parameters<'_>) {
    let mut all = parameters.all();
    while let Some(parameter) = all.next() {
        match parameter.number() {
            4 if parameter.has_parts() => underline(style, parameter),
            38 => set(&mut style.fg, color(parameter, &mut all)),
            48 => set(&mut style.bg, color(parameter, &mut all)),
            58 => set(&mut style.underline_color, color(parameter, &mut all)),
            _ if parameter.has_parts() => {}
            n => simple(style, n),
        }
    }
}

fn simple(style: &mut Style, n: u16) {
    match n {
        0 => *style = Style::PLAIN,
        1 => style.bold = true,
        2 => style.dim = true,
        3 | 23 => style.italic = n == 3,
        4 => style.underline = Underline::Single,
        5 | 6 => style.blink = true,
        7 | 27 => style.inverse = n == 7,
        8 | 28 => style.conceal = n == 8,
        9 | 29 => style.strike = n == 9,
        21 => style.underline = Underline::Double,
        22 => (style.bold, style.dim) = (false, false),
        24 => style.underline = Underline::None,
        25 => style.blink = false,
        30..=37 => style.fg = Color::Indexed(n as u8 - 30),
        39 => style.fg = Color::Default,
        40..=47 => style.bg = Color::Indexed(n as u8 - 40),
        49 => style.bg = Color::Default,
        53 | 55 => style.overline = n == 53,
        59 => style.underline_color = Color::Default,
        90..=97 => style.fg = Color::Indexed(n as u8 - 82),
        100..=107 => style.bg = Color::Indexed(n as u8 - 92),
        _ => {}
    }
}

/// `4:n`: the kind of line.
fn underline(style: &mut Style, parameter: Parameter<'_>) {
    let kind = parameter.parts().nth(1).flatten().unwrap_or(0);
    if let Some(kind) = Underline::ALL.get(usize::from(kind)) {
        style.underline = *kind;
    }
}

fn set(color: &mut Color, to: Option<Color>) {
    *color = to.unwrap_or(*color);
}

/// A colour behind 38, 48 or 58: as parts (`:5:n`, `:2:r:g:b`, `:2:space:r:g:b`), or as parameters (`;5;n`, `;2;r;g;b`).
fn color<'a>(first: Parameter<'a>, rest: &mut impl Iterator<Item = Parameter<'a>>) -> Option<Color> {
    if !first.has_parts() {
        let mut next = || rest.next().map(Parameter::number);
        return match next()? {
            5 => indexed(next()?),
            2 => rgb([next()?, next()?, next()?]),
            _ => None,
        };
    }
    let mut parts = [None; 6];
    let count = first.parts().zip(&mut parts).map(|(part, place)| *place = part).count();
    let value = |n: usize| parts[n].unwrap_or(0);
    match (parts[1]?, count) {
        (5, 3..) => indexed(value(2)),
        (2, 5) => rgb([value(2), value(3), value(4)]),
        // The colour space, mostly left out, makes one more.
        (2, 6) => rgb([value(3), value(4), value(5)]),
        _ => None,
    }
}

fn indexed(n: u16) -> Option<Color> {
    u8::try_from(n).ok().map(Color::Indexed)
}

fn rgb([r, g, b]: [u16; 3]) -> Option<Color> {
    let byte = |n: u16| u8::try_from(n).ok();
    Some(Color::Rgb(byte(r)?, byte(g)?, byte(b)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> Style {
        let mut style = Style::PLAIN;
        apply(&mut style, Parameters(text.as_bytes()));
        style
    }

    #[test]
    fn colours_come_in_every_spelling() {
        let rgb = Color::Rgb(1, 2, 3);
        for (text, fg) in [
            ("31", Color::Indexed(1)),
            ("97", Color::Indexed(15)),
            ("38;5;208", Color::Indexed(208)),
            ("38:5:208", Color::Indexed(208)),
            ("38;2;1;2;3", rgb),
            ("38:2:1:2:3", rgb),
            ("38:2::1:2:3", rgb),
            ("38:2:0:1:2:3", rgb),
            ("38:2::1:2:3:0:0", rgb),
            ("31;39", Color::Default),
            ("31;38;5;256", Color::Indexed(1)),
            ("31;38;2;1;2;999", Color::Indexed(1)),
            ("31;38", Color::Indexed(1)),
            ("31;38:9:1", Color::Indexed(1)),
        ] {
            assert_eq!(after(text), Style { fg, ..Style::PLAIN }, "{text}");
        }
        assert_eq!(
            after("48;5;7;58;5;9"),
            Style { bg: Color::Indexed(7), underline_color: Color::Indexed(9), ..Style::PLAIN }
        );
        assert_eq!(after("58:2::1:2:3").underline_color, rgb);
        assert_eq!(after("58;5;9;59"), Style::PLAIN);
    }

    #[test]
    fn attributes_are_set_and_reset_each_by_its_own() {
        for (text, style) in [
            ("1;2", Style { bold: true, dim: true, ..Style::PLAIN }),
            ("1;2;22", Style::PLAIN),
            ("4", Style { underline: Underline::Single, ..Style::PLAIN }),
            ("4:3", Style { underline: Underline::Curly, ..Style::PLAIN }),
            ("4:9", Style::PLAIN),
            ("4:3;4:0", Style::PLAIN),
            ("21", Style { underline: Underline::Double, ..Style::PLAIN }),
            ("4:5;24", Style::PLAIN),
            (
                "3;5;7;8;9;53",
                Style {
                    italic: true,
                    blink: true,
                    inverse: true,
                    conceal: true,
                    strike: true,
                    overline: true,
                    ..Style::PLAIN
                },
            ),
            ("3;5;7;8;9;53;23;25;27;28;29;55", Style::PLAIN),
            ("1;;", Style::PLAIN),
            ("7:1", Style::PLAIN),
            ("999;1", Style { bold: true, ..Style::PLAIN }),
        ] {
            assert_eq!(after(text), style, "{text}");
        }
    }
}
