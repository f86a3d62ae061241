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

/// How a terminal writes keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyEncoding {
    /// As xterm always did: many keys share one encoding.
    #[default]
    Legacy,
    /// As the kitty keyboard protocol does with its first flag ("disambiguate"): keys that would be written like others
    /// have a form of their own.
    Disambiguated,
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
    /// How keys are written.
    pub key_encoding: KeyEncoding,
}
