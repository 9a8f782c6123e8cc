//! The beginning of an input, by which it is recognised.

/// Lines that are looked at where the first one does not decide: exports begin with notes about themselves.
pub(crate) const MOST_LINES: usize = 30;

/// The beginning of an input.
pub(crate) struct Beginning<'a> {
    text: &'a str,
    /// The column that the user named, for tables.
    pub column: Option<&'a str>,
}

impl<'a> Beginning<'a> {
    pub(crate) fn new(text: &'a str, column: Option<&'a str>) -> Self {
        Self { text, column }
    }

    /// The lines that are neither blank nor a comment of text or of BibTeX, without the blanks around them.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.lines().map(trimmed).filter(|line| has_content(line)).take(MOST_LINES)
    }

    pub(crate) fn first(&self) -> &'a str {
        self.lines().next().unwrap_or_default()
    }

    /// Every line as it is.
    pub(crate) fn all_lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.lines().map(|line| line.trim_start_matches('\u{feff}'))
    }
}

/// Without the blanks around it.
pub(crate) fn trimmed(line: &str) -> &str {
    line.trim_start_matches('\u{feff}').trim()
}

/// Neither blank nor a comment, of text or of BibTeX.
pub(crate) fn has_content(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', '%'])
}
