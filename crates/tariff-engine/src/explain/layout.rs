//! Rows of a page so many columns wide.

/// Text under construction.
pub(super) struct Page {
    width: usize,
    pub(super) text: String,
}

impl Page {
    /// A page that is at least wide enough for a Chinese character and a blank.
    pub(super) fn new(width: usize) -> Self {
        Self { width: width.max(4), text: String::new() }
    }

    /// A line across the page.
    pub(super) fn rule(&mut self) {
        self.text.extend(core::iter::repeat_n('-', self.width));
        self.text.push('\n');
    }

    /// `left` at the left and `right` at the right edge; on lines of their own where they do not fit on one.
    pub(super) fn row(&mut self, left: &str, right: &str) {
        let (a, b) = (columns(left), columns(right));
        if right.is_empty() {
            self.wrapped(left);
        } else if a + 1 + b <= self.width {
            self.text.push_str(left);
            self.text.extend(core::iter::repeat_n(' ', self.width - a - b));
            self.text.push_str(right);
            self.text.push('\n');
        } else {
            self.wrapped(left);
            self.text.extend(core::iter::repeat_n(' ', self.width.saturating_sub(b)));
            self.wrapped(right);
        }
    }

    fn wrapped(&mut self, text: &str) {
        let mut used = 0;
        for character in text.chars() {
            let wide = columns_of(character);
            if used + wide > self.width {
                self.text.push('\n');
                used = 0;
            }
            self.text.push(character);
            used += wide;
        }
        self.text.push('\n');
    }
}

/// How many columns a text takes on a terminal or a ticket.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// East Asian wide characters take two columns.
fn columns_of(character: char) -> usize {
    let wide = matches!(character,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}');
    if wide { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_takes_two_columns() {
        assert_eq!(columns("合计 7.00"), 9);
        let mut page = Page::new(10);
        page.row("合计", "7.00");
        page.row("合计合计合计", "7.00");
        assert_eq!(page.text, "合计  7.00\n合计合计合\n计\n      7.00\n");
    }
}
