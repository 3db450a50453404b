//! Tables for people: columns that line up, also where characters are two wide, and fit a terminal of 80.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::printer::{Closed, Printer};
use crate::text::safe;

/// Where a column's text stands. Numbers to the right, all else to the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A table under way.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

/// How wide a table may be,
const WIDEST: usize = 80;
/// and how narrow a cell is made for that.
const NARROWEST: usize = 8;

impl Table {
    /// A table with these columns.
    pub(crate) fn new(head: &[(&'static str, Side)]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. Cells are made fit for a terminal here.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| safe(shortened(&cell))).collect());
    }

    /// Whether there is a row.
    pub(crate) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Prints it, with its head.
    ///
    /// # Errors
    /// See [`Closed`].
    pub(crate) fn print(self, printer: &mut Printer) -> Result<(), Closed> {
        for line in self.lines() {
            printer.line(&line)?;
        }
        Ok(())
    }

    fn lines(self) -> Vec<String> {
        const GAP: usize = 2;
        let dim = Style::new().dimmed();
        // A column in which nothing stands is left out.
        let used: Vec<usize> =
            (0..self.head.len()).filter(|&at| self.rows.iter().any(|row| !row[at].is_empty())).collect();
        let widest = |at: &usize| {
            let cells = self.rows.iter().map(|row| row[*at].width());
            cells.chain([self.head[*at].0.width()]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = used.iter().map(widest).collect();
        let over = |widths: &[usize]| (widths.iter().sum::<usize>() + GAP * widths.len()).saturating_sub(WIDEST);
        while over(&widths) > 0 {
            // The widest text gives way.
            let text = (0..used.len()).filter(|&at| self.head[used[at]].1 == Side::Left && widths[at] > NARROWEST);
            let Some(at) = text.max_by_key(|&at| widths[at]) else { break };
            widths[at] = widths[at].saturating_sub(over(&widths)).max(NARROWEST);
        }
        let line = |cells: &[&str]| {
            let mut line = String::new();
            for (&at, &width) in used.iter().zip(&widths) {
                let text = fit(cells[at], width);
                let pad = " ".repeat(width - text.width());
                line += &" ".repeat(GAP);
                line += &if self.head[at].1 == Side::Left { text + &pad } else { pad + &text };
            }
            line.trim_end().to_owned()
        };
        let names: Vec<&str> = self.head.iter().map(|(name, _)| *name).collect();
        let head = line(&names);
        let head = (!head.is_empty()).then(|| format!("{dim}{head}{dim:#}"));
        let rows = self.rows.iter().map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
        head.into_iter().chain(rows).collect()
    }
}

/// No cell shows more; a name may have ten kilobytes.
fn shortened(cell: &str) -> &str {
    cell.char_indices().nth(2 * WIDEST).map_or(cell, |(end, _)| &cell[..end])
}

/// `text` in at most `width` columns; cut with an ellipsis where it does not fit.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut fit = String::new();
    let mut left = width.saturating_sub(1);
    for c in text.chars() {
        let Some(rest) = left.checked_sub(c.width().unwrap_or(0)) else { break };
        left = rest;
        fit.push(c);
    }
    if width > 0 {
        fit.push('…');
    }
    fit
}

/// A number with a comma at every thousand.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A bar of at most `width` columns, for a share of the largest.
pub(crate) fn bar(part: u64, largest: u64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if largest == 0 { 0.0 } else { part as f64 / largest as f64 };
    let eighths = (share * width as f64 * 8.0).ceil() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::Side::{Left, Right};
    use super::*;

    fn lines(table: Table) -> Vec<String> {
        table.lines().iter().map(|line| strip_str(line).to_string()).collect()
    }

    #[test]
    fn columns_line_up_where_characters_are_two_wide() {
        let mut table = Table::new(&[("name", Left), ("lines", Right), ("", Left), ("nothing", Left)]);
        table.row(["小明".into(), "12".into(), "a".into(), String::new()]);
        table.row(["ab".into(), "3,456".into(), "b".into(), String::new()]);
        assert_eq!(lines(table), ["  name  lines", "  小明     12  a", "  ab    3,456  b"]);
        assert_eq!(lines(Table::new(&[("name", Left)])), [""; 0]);
    }

    #[test]
    fn no_name_makes_a_table_wider_than_a_terminal() {
        let mut table = Table::new(&[("", Left), ("", Right), ("", Left)]);
        table.row(["长".repeat(3500), "1".into(), "话".repeat(3500)]);
        table.row(["\u{202E}名\n".into(), "22".into(), "x\x1b[2J".into()]);
        let lines = lines(table);
        assert!(lines.iter().all(|line| line.width() <= WIDEST), "{lines:?}");
        assert!(lines[0].contains('…') && lines[1].contains("\u{FFFD}名"), "{lines:?}");
    }

    #[test]
    fn numbers_have_commas_and_bars_have_eighths() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([bar(0, 0, 4), bar(0, 8, 4), bar(8, 8, 4), bar(1, 8, 4), bar(3, 64, 4)], ["", "", "████", "▌", "▎"]);
        assert_eq!([fit("小明", 4), fit("小明", 3), fit("abc", 0), fit("", 0)], ["小明", "小…", "", ""]);
    }
}
