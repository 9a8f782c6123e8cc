//! Builds lines from characters at their positions, and headings from lines set larger than the rest.

use std::collections::BTreeMap;

use hayro_font::kurbo::{Point, Vec2};

/// A page of dense text has about 8 KiB; this is for posters and tables.
const MAX_PAGE_BYTES: usize = 64 * 1024;
const MAX_HEADINGS: usize = 8;
const MAX_HEADING_BYTES: usize = 1024;

/// A character (or what stands for one) on the page, in points.
pub struct Placed<'t> {
    pub text: &'t str,
    pub start: Point,
    /// Where it ends, without the space that may follow it.
    pub end: Point,
    pub size: f64,
}

/// The lines of a page, in the order in which they are drawn.
#[derive(Default)]
pub struct Lines {
    lines: Vec<Line>,
    pen: Option<Pen>,
    bytes: usize,
}

struct Line {
    text: String,
    /// The sizes of its characters, added up.
    sizes: f64,
    characters: u32,
}

struct Pen {
    end: Point,
    size: f64,
    direction: Vec2,
}

impl Lines {
    pub fn is_full(&self) -> bool {
        self.bytes >= MAX_PAGE_BYTES
    }

    /// Adds what is drawn next. Only its position decides about spaces and line breaks.
    pub fn place(&mut self, placed: &Placed<'_>) {
        if self.is_full() || !(placed.start.is_finite() && placed.end.is_finite() && placed.size.is_finite())
        {
            return;
        }
        let moved = placed.end - placed.start;
        let length = length(moved);
        let direction = match &self.pen {
            Some(pen) if length < 1e-6 => pen.direction,
            None if length < 1e-6 => Vec2::new(1.0, 0.0),
            _ => moved / length,
        };
        let gap = self.pen.as_ref().map(|pen| {
            let size = pen.size.max(placed.size);
            let by = placed.start - pen.end;
            let (along, across) = (by.dot(direction), by.cross(direction));
            // More than half a line up or down is more than an index or exponent; more than a character back is
            // more than kerning or an accent; another direction is another line.
            if across.abs() > 0.5 * size || along < -size || pen.direction.dot(direction) < 0.9 {
                Gap::Line
            // Word spaces are a quarter of the size and more, kerning a tenth at most.
            } else if along > 0.16 * size {
                Gap::Word
            } else {
                Gap::None
            }
        });
        self.pen = Some(Pen { end: placed.end, size: placed.size, direction });
        if gap.is_none_or(|gap| gap == Gap::Line)
            && self.lines.last().is_none_or(|line| !line.text.is_empty())
        {
            self.lines.push(Line { text: String::new(), sizes: 0.0, characters: 0 });
        }
        let Some(line) = self.lines.last_mut() else { return };
        let before = line.text.len();
        if gap == Some(Gap::Word) && !line.text.is_empty() && !line.text.ends_with(' ') {
            line.text.push(' ');
        }
        for c in placed.text.chars() {
            if c.is_whitespace() || c.is_control() {
                if !line.text.is_empty() && !line.text.ends_with(' ') {
                    line.text.push(' ');
                }
            } else {
                line.text.push(c);
                line.sizes += placed.size;
                line.characters += 1;
            }
        }
        self.bytes += line.text.len() - before;
    }

    /// The blocks set at least a tenth larger than the running text, largest first.
    pub fn headings(&self) -> Vec<String> {
        let mut characters_by_size = BTreeMap::<u64, u32>::new();
        for line in &self.lines {
            *characters_by_size.entry(line.half_points()).or_default() += line.characters;
        }
        let Some((running, _)) = characters_by_size.into_iter().max_by_key(|(_, characters)| *characters)
        else {
            return Vec::new();
        };
        let threshold = running as f64 / 2.0 * 1.1;
        let mut blocks: Vec<(f64, String)> = Vec::new();
        let mut previous = None;
        for line in self.lines.iter().filter(|line| line.characters > 0) {
            let size = line.size();
            let large = size >= threshold;
            match blocks.last_mut() {
                Some((of, text))
                    if large
                        && previous.is_some()
                        && (size / *of - 1.0).abs() < 0.08
                        && text.len() + line.text.len() < MAX_HEADING_BYTES =>
                {
                    text.push('\n');
                    text.push_str(line.text.trim());
                }
                _ if large => {
                    blocks.push((size, line.text.trim().chars().take(MAX_HEADING_BYTES / 4).collect()))
                }
                _ => {}
            }
            previous = large.then_some(());
        }
        blocks.sort_by(|a, b| b.0.total_cmp(&a.0));
        blocks.truncate(MAX_HEADINGS);
        blocks.into_iter().map(|(_, text)| text).collect()
    }

    pub fn into_text(self) -> String {
        let mut text = String::with_capacity(self.bytes + self.lines.len());
        for line in self.lines {
            let line = line.text.trim_end();
            if !line.is_empty() {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}

/// WebAssembly has an instruction for the square root and none for `hypot`, whose protection against overflow no
/// page needs.
pub fn length(vector: Vec2) -> f64 {
    vector.hypot2().sqrt()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    None,
    Word,
    Line,
}

impl Line {
    fn size(&self) -> f64 {
        self.sizes / f64::from(self.characters.max(1))
    }

    /// Sizes are compared in half points, because smaller differences are not intended.
    fn half_points(&self) -> u64 {
        (self.size() * 2.0).round().clamp(0.0, 10_000.0) as u64
    }
}
