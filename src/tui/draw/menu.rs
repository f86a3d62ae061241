//! The menu of one host, where it was asked for.

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use crate::tui::app::Menu;
use crate::tui::layout::{self, Layout};

use super::text::{behind, put, row};
use super::theme;

/// Paints the menu.
pub(super) fn menu(menu: &Menu, layout: &Layout, buf: &mut Buffer) {
    let rect = menu.rect(layout.area).intersection(buf.area);
    Clear.render(rect, buf);
    if layout::has_frame(rect) {
        Block::bordered().border_type(BorderType::Thick).border_style(theme::strong()).render(rect, buf);
    }
    put(buf, behind(row(rect, 0), 1), &format!(" {} ", menu.title), theme::attention());
    let (inside, first) = (layout::inner(rect), menu.first(layout.area));
    for (n, item) in menu.items.iter().enumerate().skip(first).take(usize::from(inside.height)) {
        let (mark, style) = if n == menu.marked { ("▶", theme::strong()) } else { (" ", Style::new()) };
        put(buf, row(inside, (n - first) as u16), &format!("{mark}{}", item.text), style);
    }
}
