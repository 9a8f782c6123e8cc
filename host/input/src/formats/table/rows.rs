//! Rows of cells: one interface to every way of writing tables.

use std::collections::VecDeque;

use crate::entry::EntryError;
use crate::lines::Lines;

/// One row, and the line that it begins on.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub line: u64,
    pub cells: Vec<String>,
}

impl Row {
    pub(super) fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

/// Where rows come from.
pub(super) trait Source: Send {
    /// The next row; `None` at the end.
    fn row(&mut self, lines: &mut Lines) -> Option<Result<Row, EntryError>>;
}

/// Rows, some of which were looked at before.
pub(super) struct Rows {
    source: Box<dyn Source>,
    ahead: VecDeque<Result<Row, EntryError>>,
}

/// In bytes, of rows that are looked at before the first one is read.
const LONGEST_AHEAD: usize = 1 << 20;

impl Rows {
    pub(super) fn new(source: impl Source + 'static) -> Self {
        Self { source: Box::new(source), ahead: VecDeque::new() }
    }

    pub(super) fn next(&mut self, lines: &mut Lines) -> Option<Result<Row, EntryError>> {
        self.ahead.pop_front().or_else(|| self.source.row(lines))
    }

    /// Looks at rows until one more is not wanted.
    pub(super) fn look_ahead(&mut self, lines: &mut Lines, mut more: impl FnMut(&[&Row]) -> bool) {
        let mut held = 0;
        while held < LONGEST_AHEAD && more(&self.looked_at()) {
            let Some(row) = self.source.row(lines) else { return };
            // What is broken takes room as well, and behind a failure to read there is nothing more to look at.
            held += row
                .as_ref()
                .map_or(LONGEST_AHEAD / 64, |row| row.cells.iter().map(|cell| cell.len() + 24).sum());
            let ended = row.as_ref().is_err_and(|bad| bad.last);
            self.ahead.push_back(row);
            if ended {
                return;
            }
        }
    }

    /// The rows that were looked at, without those that are blank or broken.
    pub(super) fn looked_at(&self) -> Vec<&Row> {
        self.ahead.iter().filter_map(|row| row.as_ref().ok()).filter(|row| !row.is_blank()).collect()
    }

    /// The first row that says something was the header.
    pub(super) fn skip_header(&mut self) {
        let first = self.ahead.iter().position(|row| row.as_ref().is_ok_and(|row| !row.is_blank()));
        if let Some(first) = first {
            self.ahead.remove(first);
        }
    }

    /// Leaves out what stands before this line.
    pub(super) fn begin_at(&mut self, line: u64) {
        self.ahead.retain(|row| row.as_ref().map_or_else(|bad| bad.line, |row| row.line) >= line);
    }
}
