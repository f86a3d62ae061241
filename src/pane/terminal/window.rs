//! What a host says about the window rather than the screen: its title, and text for the clipboard.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Terminal;
use crate::escape;
use crate::pane::clipboard::{self, Asked, ClipboardWrite};
use crate::pane::replies::Question;
use crate::pane::sequence::Sequence;

/// Columns of a title.
const TITLE_COLUMNS: usize = 64;
/// Titles that a host can put aside; beyond them the oldest goes.
const TITLES: usize = 8;

/// The title of one terminal, and what its host offers to the clipboard.
#[derive(Debug, Default)]
pub(in crate::pane) struct Window {
    title: String,
    title_changed: bool,
    aside: Vec<String>,
    clipboard: Option<ClipboardWrite>,
    clipboard_dropped: usize,
}

impl Window {
    /// The title, fit to be shown.
    pub(in crate::pane) fn title(&self) -> &str {
        &self.title
    }

    /// Whether it has changed since the last call.
    pub(in crate::pane) fn take_title_changed(&mut self) -> bool {
        std::mem::take(&mut self.title_changed)
    }

    /// What was offered to the clipboard since the last call, and how many offers were too large.
    pub(in crate::pane) fn take_clipboard(&mut self) -> (Option<ClipboardWrite>, usize) {
        (self.clipboard.take(), std::mem::take(&mut self.clipboard_dropped))
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.title.capacity() + self.aside.iter().map(String::capacity).sum::<usize>()
    }

    /// Forgets the titles put aside.
    pub(super) fn begin_anew(&mut self) {
        self.aside.clear();
    }

    /// A whole OSC string: title (0 and 2) and clipboard (52) are kept, everything else is passed over.
    pub(in crate::pane) fn string(&mut self, string: &[u8]) {
        match string {
            [b'0' | b'2', b';', title @ ..] => {
                let title = escape::text(&String::from_utf8_lossy(title), TITLE_COLUMNS);
                self.set_title(cut(&title, TITLE_COLUMNS));
            }
            [b'5', b'2', b';', string @ ..] => match clipboard::asked(string) {
                Asked::Write(write) => self.clipboard = Some(write),
                Asked::TooMuch => self.clipboard_dropped += 1,
                Asked::Nothing => {}
            },
            _ => {}
        }
    }

    /// An OSC string was given up because it was too long.
    pub(in crate::pane) fn dropped(&mut self, beginning: &[u8]) {
        self.clipboard_dropped += usize::from(beginning.starts_with(b"52;"));
    }

    fn set_title(&mut self, title: String) {
        self.title_changed |= title != self.title;
        self.title = title;
    }
}

impl Terminal {
    /// The window operations (`CSI ... t`): titles are put aside and taken back; the size of the text is told; what would act
    /// on the window of the user is passed over.
    pub(super) fn window(&mut self, sequence: Sequence<'_>) {
        let (what, which) = (sequence.parameters.number(0), sequence.parameters.number(1));
        let window = &mut self.window;
        match (what, which) {
            (22, 0 | 2) => {
                if window.aside.len() == TITLES {
                    window.aside.remove(0);
                }
                window.aside.push(window.title.clone());
            }
            (23, 0 | 2) => {
                if let Some(title) = window.aside.pop() {
                    window.set_title(title);
                }
            }
            _ => self.answer(Question::of(sequence)),
        }
    }
}

/// Cuts text to a width; what is cut off leaves an ellipsis within it.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width >= columns {
            out.push('…');
            break;
        }
        used += width;
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(string: &str) -> String {
        let mut window = Window::default();
        window.string(string.as_bytes());
        window.title().to_owned()
    }

    #[test]
    fn titles_are_kept_fit_to_be_shown() {
        for (string, kept) in [
            ("0;vim; a", "vim; a"),
            ("2;é “x”", "é “x”"),
            ("2;a\nb\u{202e}c", "a b\\u{202e}c"),
            ("1;icon", ""),
            ("7;file://x", ""),
        ] {
            assert_eq!(title(string), kept, "{string:?}");
        }
        for piece in ["x", "語", "\u{202e}", "e\u{301}"] {
            let title = title(&format!("2;{}", piece.repeat(500)));
            assert!(title.width() <= TITLE_COLUMNS && title.ends_with('…'), "{title}");
        }
    }
}
