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

    /// Whether a text fits on one line.
    pub(super) fn fits(&self, text: &str) -> bool {
        columns(text) <= self.width
    }

    /// A line across the page.
    pub(super) fn rule(&mut self) {
        self.text.extend(core::iter::repeat_n('-', self.width));
        self.text.push('\n');
    }

    /// `left` at the left and `right` at the right edge, on one line where they fit; else `left` goes on in further lines.
    pub(super) fn row(&mut self, left: &str, right: &str) {
        let used = self.wrapped(left);
        if right.is_empty() {
            self.text.push('\n');
            return;
        }
        let wide = columns(right);
        let begin = if used + 1 + wide <= self.width {
            used
        } else {
            self.text.push('\n');
            0
        };
        self.text.extend(core::iter::repeat_n(' ', self.width.saturating_sub(begin + wide)));
        self.wrapped(right);
        self.text.push('\n');
    }

    /// Writes a text, going on in the next line where it does not fit, between words where there are some; gives the
    /// columns used of the last line.
    fn wrapped(&mut self, text: &str) -> usize {
        let mut used = 0;
        for (index, word) in text.split(' ').enumerate() {
            let blank = usize::from(index > 0);
            let wide = columns(word);
            if used > 0 && used + blank + wide > self.width && wide <= self.width / 2 {
                self.text.push('\n');
                used = 0;
            } else if blank == 1 {
                used = self.put(' ', used);
            }
            used = word.chars().fold(used, |used, character| self.put(character, used));
        }
        used
    }

    /// Writes a character after so many columns, on the next line where it does not fit.
    fn put(&mut self, character: char, used: usize) -> usize {
        let wide = columns_of(character);
        let fits = used + wide <= self.width;
        if !fits {
            self.text.push('\n');
        }
        self.text.push(character);
        if fits { used + wide } else { wide }
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
        assert_eq!(page.text, "合计  7.00\n合计合计合\n计    7.00\n");
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        let mut page = Page::new(16);
        page.row("Cap of the rule day", "-2.00");
        page.row("  rest day (listed)", "");
        page.row("incomprehensibilities", "1");
        assert_eq!(
            page.text,
            "Cap of the rule\nday        -2.00\n  rest day\n(listed)\nincomprehensibil\nities          1\n"
        );
    }
}
