//! Puts the characters of a page into lines, and the lines into the order in which they are read, by where they are
//! drawn. The order of drawing decides only between blocks of text: producers draw words, columns and even letters in
//! any order.

use std::cmp::Ordering;
use std::ops::Range;

use hayro_font::kurbo::{Point, Vec2};

use crate::accents;
use crate::bidi;
use crate::lines::{Line, Lines, MAX_PAGE_BYTES};

/// Lines that are brought into order; a page with more is no text.
const MAX_ORDERED: usize = 2000;
/// Directions of text on one page.
const MAX_DIRECTIONS: usize = 32;

/// A character (or what stands for one) on the page, in points.
pub struct Placed<'t> {
    pub text: &'t Shown,
    pub start: Point,
    /// Where it ends, without the space that may follow it.
    pub end: Point,
    pub size: f64,
}

/// What a character stands for, as it goes into a line.
pub struct Shown {
    /// Every blank, and what is no character of a text, is a space.
    text: String,
    /// How many are no spaces.
    visible: u32,
}

impl Shown {
    pub fn new(text: &str) -> Self {
        let is_blank = |c: char| c.is_whitespace() || c.is_control();
        let visible = text.chars().filter(|c| !is_blank(*c)).count();
        Self {
            text: text.chars().map(|c| if is_blank(c) { ' ' } else { c }).collect(),
            visible: u32::try_from(visible).unwrap_or(u32::MAX),
        }
    }
}

/// The characters of a page.
#[derive(Default)]
pub struct Layout {
    text: String,
    glyphs: Vec<Glyph>,
    segments: Vec<Segment>,
    directions: Vec<Vec2>,
}

/// One character, in the coordinates of its direction: along the line, and down the page.
struct Glyph {
    text: Range<usize>,
    start: f64,
    end: f64,
}

impl Glyph {
    /// Whether one of the two stands over the other, by half of the narrower at least.
    fn is_over(&self, other: &Self) -> bool {
        let narrower = (self.end - self.start).min(other.end - other.start);
        let shared = self.end.min(other.end) - self.start.max(other.start);
        narrower > 0.0 && shared >= 0.5 * narrower
    }
}

/// Characters that were drawn one after the other on one line.
struct Segment {
    glyphs: Range<usize>,
    direction: usize,
    start: f64,
    end: f64,
    down: f64,
    /// Sizes of its characters, added up.
    sizes: f64,
    characters: u32,
}

impl Segment {
    fn size(&self) -> f64 {
        self.sizes / f64::from(self.characters.max(1))
    }
}

impl Layout {
    pub fn is_full(&self) -> bool {
        self.text.len() >= MAX_PAGE_BYTES
    }

    /// Adds what is drawn next.
    pub fn place(&mut self, placed: &Placed<'_>) {
        let (from_point, to_point) = (placed.start, placed.end);
        // One that is not finite leaves no sum that is.
        let sum = from_point.x + from_point.y + to_point.x + to_point.y + placed.size;
        if self.is_full() || !sum.is_finite() {
            return;
        }
        let Some(direction) = self.direction(to_point - from_point) else { return };
        let along = self.directions[direction];
        let start = from_point.to_vec2().dot(along);
        let down = -along.cross(from_point.to_vec2());
        let end = to_point.to_vec2().dot(along);
        let (from, visible) = (self.text.len(), placed.text.visible);
        match placed.text.text.as_bytes() {
            // To copy a few bytes is a call in WebAssembly.
            [byte] => self.text.push(char::from(*byte)),
            _ => self.text.push_str(&placed.text.text),
        }
        let sizes = placed.size * f64::from(visible);
        let glyph = self.glyphs.len();
        self.glyphs.push(Glyph { text: from..self.text.len(), start, end });
        if let Some(last) = self.segments.last_mut()
            && last.direction == direction
        {
            let (size, smaller) = ordered_pair(last.size(), placed.size);
            let gap = start - last.end;
            // More than half a line up or down is more than an index or exponent; more than a character back is
            // more than kerning or an accent; more than a character ahead may be the next column.
            if (down - last.down).abs() <= 0.5 * size
                && gap >= -size
                && gap <= WIDEST_SPACE * ordered_pair(smaller, 0.7 * size).0
            {
                last.glyphs.end = glyph + 1;
                last.start = ordered_pair(last.start, start).1;
                last.end = ordered_pair(last.end, end).0;
                last.sizes += sizes;
                last.characters += visible;
                return;
            }
        }
        let glyphs = glyph..glyph + 1;
        self.segments.push(Segment { glyphs, direction, start, end, down, sizes, characters: visible });
    }

    /// The index of a direction; that of the last character for one without width.
    fn direction(&mut self, moved: Vec2) -> Option<usize> {
        // Most characters go on as the one before them, which is then nearer than any other.
        if let Some(last) = self.segments.last().map(|segment| segment.direction) {
            let along = self.directions[last];
            if along.cross(moved).abs() < 0.001 * along.dot(moved) {
                return Some(last);
            }
        }
        let length = length(moved);
        if length < 1e-6 {
            let last = self.segments.last().map(|segment| segment.direction);
            return last.or_else(|| self.direction(Vec2::new(1.0, 0.0)));
        }
        let towards = moved / length;
        // A degree apart; text along a curve takes the nearest.
        let along = |known: &Vec2| known.dot(towards);
        let nearest = self.directions.iter().enumerate().max_by(|a, b| along(a.1).total_cmp(&along(b.1)));
        match nearest {
            Some((at, known)) if along(known) > 0.9998 || self.directions.len() >= MAX_DIRECTIONS => Some(at),
            _ => {
                self.directions.push(towards);
                Some(self.directions.len() - 1)
            }
        }
    }

    /// The lines of the page in the order in which they are read.
    pub fn into_lines(self) -> Lines {
        let rows = self.rows();
        let mut lines: Vec<Set> = rows.iter().filter_map(|row| self.line(row)).collect();
        lines.sort_by_key(|line| line.drawn);
        if lines.len() <= MAX_ORDERED {
            lines = ordered(lines);
        }
        Lines::new(lines.into_iter().map(|set| set.line).collect())
    }

    /// The segments that make a line each, from left to right.
    fn rows(&self) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.segments.len()).filter(|at| self.has_text(*at)).collect();
        let segment = |at: usize| &self.segments[at];
        order.sort_by(|&a, &b| {
            let (a, b) = (segment(a), segment(b));
            a.direction.cmp(&b.direction).then(a.down.total_cmp(&b.down))
        });
        let mut rows: Vec<Vec<usize>> = Vec::new();
        let mut from = 0;
        while let Some(&first) = order.get(from) {
            // The segments on one base line.
            let base = segment(first);
            let mut to = from + 1;
            while let Some(&next) = order.get(to) {
                let next = segment(next);
                let size = base.size().min(next.size());
                if next.direction != base.direction || next.down - base.down > 0.2 * size {
                    break;
                }
                to += 1;
            }
            let row = &mut order[from..to];
            row.sort_by(|&a, &b| segment(a).start.total_cmp(&segment(b).start));
            for &at in row.iter() {
                let next = segment(at);
                if let Some(line) = rows.last_mut()
                    && let Some(&last) = line.last()
                    && self.continues(segment(last), next, at == last + 1)
                {
                    // Text that is drawn twice to look bold.
                    if !self.is_shadow(segment(last), next) {
                        line.push(at);
                    }
                } else {
                    rows.push(vec![at]);
                }
            }
            from = to;
        }
        rows
    }

    fn has_text(&self, at: usize) -> bool {
        self.segments[at].characters > 0
    }

    /// Whether a segment goes on with a line; what is drawn at once with it may stand further off: recognised text
    /// has other widths than what was scanned.
    fn continues(&self, last: &Segment, next: &Segment, at_once: bool) -> bool {
        let (back, ahead) = if at_once { (-1.5, 2.5) } else { (-0.5, 1.0) };
        let size = last.size().min(next.size());
        let gap = next.start - last.end;
        last.direction == next.direction
            && last.size().max(next.size()) <= 1.5 * size
            && ((back * size..=ahead * size).contains(&gap) || self.is_shadow(last, next))
    }

    fn is_shadow(&self, last: &Segment, next: &Segment) -> bool {
        (next.start - last.start).abs() < 0.15 * last.size()
            && self.glyph_texts(last).eq(self.glyph_texts(next))
    }

    fn glyph_texts<'s>(&'s self, segment: &Segment) -> impl Iterator<Item = &'s str> {
        self.glyphs[segment.glyphs.clone()].iter().map(|glyph| &self.text[glyph.text.clone()])
    }

    /// What a segment's characters stand for, in the order in which they were drawn.
    fn text_of(&self, segment: &Segment) -> &str {
        let drawn = &self.glyphs[segment.glyphs.clone()];
        match (drawn.first(), drawn.last()) {
            (Some(first), Some(last)) => &self.text[first.text.start..last.text.end],
            _ => "",
        }
    }

    fn line(&self, row: &[usize]) -> Option<Set> {
        let segments = || row.iter().map(|&at| &self.segments[at]);
        let first = segments().next()?;
        let sizes: f64 = segments().map(|segment| segment.sizes).sum();
        let characters: u32 = segments().map(|segment| segment.characters).sum();
        let size = sizes / f64::from(characters.max(1));
        let set = |text: String| {
            Some(Set {
                drawn: row.iter().copied().min()?,
                direction: first.direction,
                start: first.start,
                end: segments().map(|segment| segment.end).fold(f64::NEG_INFINITY, f64::max),
                down: first.down,
                line: Line { text, size, characters },
            })
        };
        if segments().all(|segment| is_plain(self.text_of(segment))) {
            let glyphs = segments().flat_map(|segment| &self.glyphs[segment.glyphs.clone()]);
            return set(self.plain_line(glyphs, size));
        }
        let mut glyphs: Vec<&Glyph> =
            segments().flat_map(|segment| &self.glyphs[segment.glyphs.clone()]).collect();
        let right_to_left =
            segments().any(|segment| self.text_of(segment).chars().any(bidi::is_right_to_left));
        if right_to_left {
            glyphs.sort_by(|a, b| a.start.total_cmp(&b.start));
        }
        let mut clusters: Vec<&str> = Vec::with_capacity(glyphs.len());
        let text_of = |glyph: &Glyph| &self.text[glyph.text.clone()];
        let mut last: Option<&Glyph> = None;
        let mut rest = glyphs.into_iter().peekable();
        while let Some(glyph) = rest.next() {
            let mark = accents::mark(text_of(glyph));
            // An accent is drawn before its letter, or after it.
            let letter =
                rest.next_if(|next| mark.is_some() && glyph.is_over(next) && accents::takes(text_of(next)));
            if let (Some(mark), None, Some(before)) = (mark, letter, last)
                && glyph.is_over(before)
                && accents::takes(text_of(before))
            {
                clusters.push(mark);
                continue;
            }
            let start = letter.map_or(glyph.start, |letter| letter.start.min(glyph.start));
            if last.is_some_and(|last| is_space(start - last.end, size)) {
                clusters.push(" ");
            }
            match letter.zip(mark) {
                Some((letter, mark)) => clusters.extend([accents::dotted(text_of(letter)), mark]),
                None => clusters.push(text_of(glyph)),
            }
            last = letter.or(Some(glyph));
        }
        if right_to_left {
            bidi::into_logical_order(&mut clusters);
        }
        let mut text = String::with_capacity(clusters.len());
        clusters.into_iter().for_each(|cluster| add(&mut text, cluster));
        text.truncate(text.trim_end().len());
        set(text)
    }

    /// The text of characters that stand one beside the other, each as it was drawn.
    fn plain_line<'g>(&self, glyphs: impl Iterator<Item = &'g Glyph>, size: f64) -> String {
        let (mut text, mut last) = (String::with_capacity(128), None);
        for glyph in glyphs {
            if last.is_some_and(|last| is_space(glyph.start - last, size)) {
                add(&mut text, " ");
            }
            match self.text.as_bytes().get(glyph.text.clone()) {
                Some([byte @ b'!'..=b'~']) => text.push(char::from(*byte)),
                _ => add(&mut text, &self.text[glyph.text.clone()]),
            }
            last = Some(glyph.end);
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// Whether every character stands for itself: no accent that may belong to another, and no script that is read from
/// right to left.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| match c {
        '`' | '^' | '~' => false,
        '\0'..='\u{7f}' => true,
        _ => accents::of(c).is_none() && !bidi::is_right_to_left(c),
    })
}

/// Whether a gap stands between words: word spaces are a quarter of the size and more, kerning a tenth at most.
fn is_space(gap: f64, size: f64) -> bool {
    gap > SPACE * size
}

/// Adds to a line, of which no two spaces follow each other and none is the first.
fn add(text: &mut String, more: &str) {
    for c in more.chars() {
        if c != ' ' || !(text.is_empty() || text.ends_with(' ')) {
            text.push(c);
        }
    }
}

/// In sizes: the narrowest space between words, and the widest that a justified line has.
const SPACE: f64 = 0.16;
const WIDEST_SPACE: f64 = 1.2;

/// A line and where it is set.
struct Set {
    /// When its first part was drawn.
    drawn: usize,
    direction: usize,
    start: f64,
    end: f64,
    down: f64,
    line: Line,
}

/// Brings lines that are set below each other together: a title's lines, a paragraph's. The blocks stay in the order
/// in which they were begun to be drawn.
fn ordered(lines: Vec<Set>) -> Vec<Set> {
    let mut down: Vec<usize> = (0..lines.len()).collect();
    down.sort_by(|&a, &b| {
        let (a, b) = (&lines[a], &lines[b]);
        a.direction.cmp(&b.direction).then(a.down.total_cmp(&b.down))
    });
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    for at in down {
        let line = &lines[at];
        let above = blocks.iter_mut().filter_map(|block| {
            let last = &lines[*block.last()?];
            is_below(last, line).then_some((line.down - last.down, block))
        });
        match above.min_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((_, block)) => block.push(at),
            None => blocks.push(vec![at]),
        }
    }
    blocks.sort_by_key(|block| block.iter().copied().min());
    let mut places: Vec<usize> = vec![0; lines.len()];
    for (place, at) in blocks.into_iter().flatten().enumerate() {
        places[at] = place;
    }
    let mut placed: Vec<(usize, Set)> = places.into_iter().zip(lines).collect();
    placed.sort_by(|a, b| a.0.cmp(&b.0).then(Ordering::Equal));
    placed.into_iter().map(|(_, line)| line).collect()
}

/// Whether a line is the next of a block that ends with `above`.
fn is_below(above: &Set, line: &Set) -> bool {
    let (size, other) = (above.line.size, line.line.size);
    let leading = line.down - above.down;
    let overlap = above.end.min(line.end) - above.start.max(line.start);
    let narrower = (above.end - above.start).min(line.end - line.start);
    above.direction == line.direction
        && leading > 0.5 * size.min(other)
        && leading <= 1.8 * size.max(other)
        && (0.9..=1.1).contains(&(size / other))
        && overlap >= 0.5 * narrower
}

/// The larger of two numbers, and the smaller. `f64::max` is a call in WebAssembly, for numbers that are none.
fn ordered_pair(a: f64, b: f64) -> (f64, f64) {
    if a >= b { (a, b) } else { (b, a) }
}

/// WebAssembly has an instruction for the square root and none for `hypot`, whose protection against overflow no
/// page needs.
pub fn length(vector: Vec2) -> f64 {
    vector.hypot2().sqrt()
}
