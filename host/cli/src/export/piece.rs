//! A bibliography taken apart.

/// A part of the text.
pub enum Piece {
    /// What is no entry: comments, strings, blank lines.
    Other(std::ops::Range<usize>),
    /// One entry, with the line where it begins.
    Entry { at: std::ops::Range<usize>, line: u64 },
}
