//! Mouse and focus events, and what a host that asked for them receives.

use super::encode::{Encoded, sequence};
use super::key::Mods;
use super::modes::{Modes, MouseEncoding, MouseMode};

/// A mouse button.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MouseButton {
    /// The first button.
    Left,
    /// The second button.
    Middle,
    /// The third button.
    Right,
}

/// What the mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MouseKind {
    /// A button went down.
    Down(MouseButton),
    /// A button went up.
    Up(MouseButton),
    /// It moved with a button held.
    Drag(MouseButton),
    /// It moved.
    Moved,
    /// The wheel turned away from the user.
    WheelUp,
    /// The wheel turned toward the user.
    WheelDown,
    /// The wheel was pushed to the left.
    WheelLeft,
    /// The wheel was pushed to the right.
    WheelRight,
}

/// A mouse event in the cells of one pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MouseEvent {
    /// What happened.
    pub kind: MouseKind,
    /// Row in the pane's screen, from 0.
    pub row: u16,
    /// Column in the pane's screen, from 0.
    pub col: u16,
    /// Modifiers held.
    pub mods: Mods,
}

/// Whether a pane gained or lost the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FocusChange {
    /// It has the focus now.
    Gained,
    /// It has it no longer.
    Lost,
}

/// The bytes of a focus change, if the host wants to hear of it (mode 1004).
pub fn encode_focus(change: FocusChange, modes: &Modes) -> Option<Encoded> {
    let mut out = Encoded::new();
    out.push(match change {
        FocusChange::Gained => b"\x1b[I",
        FocusChange::Lost => b"\x1b[O",
    });
    modes.focus_events.then_some(out)
}

/// The bytes of a mouse event, if the host wants to hear of it and its encoding can say where it was.
pub fn encode_mouse(event: &MouseEvent, modes: &Modes) -> Option<Encoded> {
    if !wanted(event.kind, modes.mouse) {
        return None;
    }
    let mut number = number(event.kind);
    if modes.mouse != MouseMode::Press {
        number +=
            4 * u16::from(event.mods.shift) + 8 * u16::from(event.mods.alt) + 16 * u16::from(event.mods.ctrl);
    }
    let (col, row) = (event.col.saturating_add(1), event.row.saturating_add(1));
    let released = matches!(event.kind, MouseKind::Up(_));
    let mut out = Encoded::new();
    match modes.mouse_encoding {
        MouseEncoding::Sgr => {
            let end = if released { 'm' } else { 'M' };
            sequence(&mut out, format_args!("\x1b[<{number};{col};{row}{end}"));
        }
        encoding => {
            // Only the SGR form can say which button went up; here 3 means "one of them".
            let number = if released { number | 3 } else { number };
            out.push(b"\x1b[M");
            for value in [number, col, row] {
                push_number(&mut out, value, encoding)?;
            }
        }
    }
    Some(out)
}

fn wanted(kind: MouseKind, mode: MouseMode) -> bool {
    match mode {
        MouseMode::Off => false,
        MouseMode::Press => matches!(kind, MouseKind::Down(_)),
        MouseMode::PressRelease => !matches!(kind, MouseKind::Drag(_) | MouseKind::Moved),
        MouseMode::Drag => kind != MouseKind::Moved,
        MouseMode::Motion => true,
    }
}

fn number(kind: MouseKind) -> u16 {
    let button = |button| match button {
        MouseButton::Left => 0,
        MouseButton::Middle => 1,
        MouseButton::Right => 2,
    };
    match kind {
        MouseKind::Down(b) | MouseKind::Up(b) => button(b),
        MouseKind::Drag(b) => 32 + button(b),
        MouseKind::Moved => 32 + 3,
        MouseKind::WheelUp => 64,
        MouseKind::WheelDown => 65,
        MouseKind::WheelLeft => 66,
        MouseKind::WheelRight => 67,
    }
}

/// Numbers are sent 32 higher, so that none is a control character; what does not fit is not reported.
fn push_number(out: &mut Encoded, value: u16, encoding: MouseEncoding) -> Option<()> {
    let value = value.checked_add(32)?;
    match encoding {
        MouseEncoding::Utf8 if value <= 2047 => out.push_char(char::from_u32(u32::from(value))?),
        MouseEncoding::Default => out.push(&[u8::try_from(value).ok()?]),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(kind: MouseKind, at: (u16, u16), modes: &Modes) -> Option<String> {
        let event = MouseEvent { kind, col: at.0, row: at.1, mods: Mods::CTRL };
        encode_mouse(&event, modes).map(|bytes| bytes.escape_ascii().to_string())
    }

    fn modes(mouse: MouseMode, mouse_encoding: MouseEncoding) -> Modes {
        Modes { mouse, mouse_encoding, ..Modes::default() }
    }

    #[test]
    fn each_mode_reports_what_it_promises() {
        use MouseKind::*;
        let left = MouseButton::Left;
        for (mode, down, up, drag, moved, wheel) in [
            (MouseMode::Off, false, false, false, false, false),
            (MouseMode::Press, true, false, false, false, false),
            (MouseMode::PressRelease, true, true, false, false, true),
            (MouseMode::Drag, true, true, true, false, true),
            (MouseMode::Motion, true, true, true, true, true),
        ] {
            let modes = modes(mode, MouseEncoding::Sgr);
            let reported =
                [Down(left), Up(left), Drag(left), Moved, WheelUp].map(|k| sent(k, (0, 0), &modes).is_some());
            assert_eq!(reported, [down, up, drag, moved, wheel], "{mode:?}");
        }
    }

    #[test]
    fn encodings_say_where() {
        let down = MouseKind::Down(MouseButton::Right);
        let up = MouseKind::Up(MouseButton::Right);
        let sgr = modes(MouseMode::Motion, MouseEncoding::Sgr);
        assert_eq!(sent(down, (9, 4), &sgr).as_deref(), Some("\\x1b[<18;10;5M"));
        assert_eq!(sent(up, (9, 4), &sgr).as_deref(), Some("\\x1b[<18;10;5m"));
        assert_eq!(
            sent(MouseKind::Moved, (u16::MAX, u16::MAX), &sgr).as_deref(),
            Some("\\x1b[<51;65535;65535M")
        );
        let old = modes(MouseMode::Motion, MouseEncoding::Default);
        assert_eq!(sent(down, (9, 4), &old).as_deref(), Some("\\x1b[M2*%"));
        assert_eq!(sent(up, (9, 4), &old).as_deref(), Some("\\x1b[M3*%"));
        assert_eq!(sent(down, (222, 0), &old).as_deref(), Some("\\x1b[M2\\xff!"));
        assert_eq!(sent(down, (223, 0), &old), None);
        let utf8 = modes(MouseMode::Motion, MouseEncoding::Utf8);
        assert_eq!(sent(down, (223, 0), &utf8).as_deref(), Some("\\x1b[M2\\xc4\\x80!"));
        assert_eq!(sent(down, (2015, 0), &utf8), None);
        let x10 = modes(MouseMode::Press, MouseEncoding::Default);
        assert_eq!(sent(down, (0, 0), &x10).as_deref(), Some("\\x1b[M\\\"!!"), "mode 9 knows no modifiers");
    }

    #[test]
    fn focus_is_told_only_to_those_who_asked() {
        assert_eq!(encode_focus(FocusChange::Gained, &Modes::default()), None);
        let asked = Modes { focus_events: true, ..Modes::default() };
        assert_eq!(encode_focus(FocusChange::Gained, &asked).as_deref(), Some(&b"\x1b[I"[..]));
        assert_eq!(encode_focus(FocusChange::Lost, &asked).as_deref(), Some(&b"\x1b[O"[..]));
    }
}
