//! The modes of one terminal that decide what a key, a paste or a click looks like to its host.

/// Which mouse events the host wants (xterm modes 9, 1000, 1002, 1003).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MouseMode {
    /// None: the mouse belongs to us.
    #[default]
    Off,
    /// Presses only, without modifiers (mode 9).
    Press,
    /// Presses and releases (mode 1000).
    PressRelease,
    /// Also motion while a button is held (mode 1002).
    Drag,
    /// All motion (mode 1003).
    Motion,
}

/// How mouse events are written (xterm's default, modes 1005 and 1006).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MouseEncoding {
    /// One byte a number, up to column 223.
    #[default]
    Default,
    /// One character a number, up to column 2015.
    Utf8,
    /// Decimal numbers.
    Sgr,
}

/// Whether the cursor is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// It is drawn.
    #[default]
    Visible,
    /// The host hid it.
    Hidden,
}

/// The shape of the cursor (DECSCUSR).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CursorShape {
    /// Whatever the user's terminal uses.
    #[default]
    Default,
    /// A block.
    Block,
    /// A line under the character.
    Underline,
    /// A bar before the character.
    Bar,
}

/// A copy of a terminal's modes at one moment; panes with equal modes hear equal bytes for equal keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Modes {
    /// DECCKM: arrows, Home and End are sent as SS3.
    pub application_cursor: bool,
    /// DECKPAM. It concerns the keys of a numeric keypad, which no [`super::KeyCode`] names, so it changes no encoding.
    pub application_keypad: bool,
    /// A paste is wrapped in `ESC[200~` and `ESC[201~` (mode 2004).
    pub bracketed_paste: bool,
    /// Which mouse events are wanted.
    pub mouse: MouseMode,
    /// How they are written.
    pub mouse_encoding: MouseEncoding,
    /// The host wants to hear when the pane gains or loses the focus (mode 1004).
    pub focus_events: bool,
    /// The alternate screen is shown.
    pub alternate_screen: bool,
    /// Whether the cursor is drawn.
    pub cursor: Cursor,
    /// The cursor's shape.
    pub cursor_shape: CursorShape,
}

impl Modes {
    /// The modes as the emulator holds them, with the one that it does not track.
    pub(super) fn of(screen: &vt100::Screen, focus_events: bool) -> Modes {
        use vt100::{MouseProtocolEncoding as E, MouseProtocolMode as M};
        Modes {
            application_cursor: screen.application_cursor(),
            application_keypad: screen.application_keypad(),
            bracketed_paste: screen.bracketed_paste(),
            mouse: match screen.mouse_protocol_mode() {
                M::None => MouseMode::Off,
                M::Press => MouseMode::Press,
                M::PressRelease => MouseMode::PressRelease,
                M::ButtonMotion => MouseMode::Drag,
                M::AnyMotion => MouseMode::Motion,
            },
            mouse_encoding: match screen.mouse_protocol_encoding() {
                E::Default => MouseEncoding::Default,
                E::Utf8 => MouseEncoding::Utf8,
                E::Sgr => MouseEncoding::Sgr,
            },
            focus_events,
            alternate_screen: screen.alternate_screen(),
            cursor: if screen.hide_cursor() { Cursor::Hidden } else { Cursor::Visible },
            cursor_shape: shape(screen.cursor_style()),
        }
    }
}

fn shape(style: vt100::CursorStyle) -> CursorShape {
    use vt100::CursorStyle as S;
    match style {
        S::Default => CursorShape::Default,
        S::BlinkBlock | S::SteadyBlock => CursorShape::Block,
        S::BlinkUnderline | S::SteadyUnderline => CursorShape::Underline,
        S::BlinkVerticalBar | S::SteadyVerticalBar => CursorShape::Bar,
    }
}
