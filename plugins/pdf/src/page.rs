//! Reads the text of a page: the part of a PDF interpreter that places characters (ISO 32000-1, 9).

use std::rc::Rc;

use hayro_font::kurbo::{Affine, Point, Vec2};
use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction as Op;
use hayro_syntax::object::{Array, Dict, Name, Number, Object, Stream};
use hayro_syntax::page::{Page, Resources};

use crate::fonts::{Fonts, KnownFont};
use crate::layout::{Layout, Placed, Shown, length};
use crate::lines::Lines;
use crate::metadata::text_string;

/// In real files forms nest only a few deep.
const MAX_DEPTH: u32 = 12;
/// Graphics states saved at once. The standard recommends 28; some files need a few more.
const MAX_STATES: usize = 256;
/// Operators interpreted per page: a page of dense vector graphics has some hundred thousand.
const MAX_OPERATORS: u32 = 2_000_000;
/// A full page of text has about 6000 characters.
const MAX_GLYPHS: u32 = 100_000;

/// What one page holds.
pub struct PageText {
    pub lines: Lines,
    /// Images cover at least half of the page, as on a scanned one.
    pub scanned: bool,
}

/// Reads pages of one document; each font is loaded once.
pub struct Reader<'a> {
    fonts: Fonts<'a>,
    /// Characters drawn on the pages so far, without spaces, and those of them whose text is known.
    pub drawn: u32,
    pub read: u32,
}

impl<'a> Reader<'a> {
    pub fn new() -> Self {
        Self { fonts: Fonts::new(), drawn: 0, read: 0 }
    }

    pub fn read(&mut self, page: &Page<'a>) -> PageText {
        let mut interpreter = Interpreter {
            reader: self,
            layout: Layout::default(),
            image_area: 0.0,
            operators: 0,
            glyphs: 0,
            marked: Vec::new(),
            actual: None,
        };
        interpreter.run(page.typed_operations(), page.resources(), TextState::new(), 0);
        let (width, height) = page.base_dimensions();
        let scanned = interpreter.image_area >= 0.5 * f64::from(width) * f64::from(height);
        PageText { lines: interpreter.layout.into_lines(), scanned }
    }
}

/// The parameters that place a character (ISO 32000-1, tables 104 and 108).
#[derive(Clone)]
struct TextState<'a> {
    ctm: Affine,
    font: Option<Rc<KnownFont<'a>>>,
    size: f64,
    character_space: f64,
    word_space: f64,
    /// Horizontal scaling as a factor.
    scale: f64,
    leading: f64,
    rise: f64,
    matrix: Affine,
    line_matrix: Affine,
}

impl TextState<'_> {
    fn new() -> Self {
        Self {
            ctm: Affine::IDENTITY,
            font: None,
            size: 1.0,
            character_space: 0.0,
            word_space: 0.0,
            scale: 1.0,
            leading: 0.0,
            rise: 0.0,
            matrix: Affine::IDENTITY,
            line_matrix: Affine::IDENTITY,
        }
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.line_matrix *= Affine::translate((x, y));
        self.matrix = self.line_matrix;
    }

    fn advance(&mut self, by: Vec2) {
        self.matrix *= Affine::translate(by);
    }
}

/// The interpretation of one page and its forms.
struct Interpreter<'r, 'a> {
    reader: &'r mut Reader<'a>,
    layout: Layout,
    /// In square points; images that overlap count twice.
    image_area: f64,
    operators: u32,
    glyphs: u32,
    /// The marked-content sequences that are open, and whether each brought its own text.
    marked: Vec<bool>,
    /// Text that stands for the characters of the marked sequence, until the first of them is placed.
    actual: Option<Option<String>>,
}

impl<'a> Interpreter<'_, 'a> {
    fn run(
        &mut self,
        mut ops: TypedIter<'_>,
        resources: &Resources<'a>,
        mut state: TextState<'a>,
        depth: u32,
    ) {
        let mut saved = Vec::new();
        while let Some(op) = ops.next() {
            self.operators += 1;
            if self.operators > MAX_OPERATORS || self.glyphs > MAX_GLYPHS || self.layout.is_full() {
                return;
            }
            match op {
                Op::SaveState(_) if saved.len() < MAX_STATES => saved.push(state.clone()),
                Op::RestoreState(_) => {
                    if let Some(restored) = saved.pop() {
                        // The text matrices are not part of the graphics state.
                        let (matrix, line_matrix) = (state.matrix, state.line_matrix);
                        state = TextState { matrix, line_matrix, ..restored };
                    }
                }
                Op::Transform(t) => state.ctm *= affine([&t.0, &t.1, &t.2, &t.3, &t.4, &t.5]),
                Op::BeginText(_) => {
                    state.matrix = Affine::IDENTITY;
                    state.line_matrix = Affine::IDENTITY;
                }
                Op::CharacterSpacing(n) => state.character_space = n.0.as_f64(),
                Op::WordSpacing(n) => state.word_space = n.0.as_f64(),
                Op::HorizontalScaling(n) => state.scale = n.0.as_f64() / 100.0,
                Op::TextLeading(n) => state.leading = n.0.as_f64(),
                Op::TextRise(n) => state.rise = n.0.as_f64(),
                Op::TextFont(font) => {
                    state.font = resources.get_font(font.0).and_then(|dict| self.reader.fonts.font(&dict));
                    state.size = font.1.as_f64();
                }
                Op::SetGraphicsState(name) => {
                    // A graphics state may set the font: [font size].
                    if let Some(entry) =
                        resources.get_ext_g_state(name.0).and_then(|gs| gs.get::<Array<'_>>(b"Font"))
                    {
                        let mut entry = entry.flex_iter();
                        if let (Some(dict), Some(size)) = (entry.next::<Dict<'_>>(), entry.next::<f32>()) {
                            state.font = self.reader.fonts.font(&dict);
                            state.size = f64::from(size);
                        }
                    }
                }
                Op::NextLine(by) => state.next_line(by.0.as_f64(), by.1.as_f64()),
                Op::NextLineAndSetLeading(by) => {
                    state.leading = -by.1.as_f64();
                    state.next_line(by.0.as_f64(), by.1.as_f64());
                }
                Op::SetTextMatrix(t) => {
                    state.line_matrix = affine([&t.0, &t.1, &t.2, &t.3, &t.4, &t.5]);
                    state.matrix = state.line_matrix;
                }
                Op::NextLineUsingLeading(_) => state.next_line(0.0, -state.leading),
                Op::ShowText(text) => self.show(&mut state, text.0.as_bytes()),
                Op::NextLineAndShowText(text) => {
                    state.next_line(0.0, -state.leading);
                    self.show(&mut state, text.0.as_bytes());
                }
                Op::ShowTextWithParameters(text) => {
                    state.word_space = text.0.as_f64();
                    state.character_space = text.1.as_f64();
                    state.next_line(0.0, -state.leading);
                    self.show(&mut state, text.2.as_bytes());
                }
                Op::ShowTexts(array) => {
                    for item in array.0.iter::<Object<'_>>() {
                        match item {
                            Object::String(text) => self.show(&mut state, text.as_bytes()),
                            Object::Number(adjustment) => {
                                let by = -adjustment.as_f64() / 1000.0 * state.size;
                                let horizontal =
                                    state.font.as_ref().is_none_or(|font| font.font.is_horizontal());
                                state.advance(if horizontal {
                                    Vec2::new(by * state.scale, 0.0)
                                } else {
                                    Vec2::new(0.0, by)
                                });
                            }
                            _ => {}
                        }
                    }
                }
                Op::InlineImage(_) => self.image_area += unit_square(&state),
                Op::XObject(name) => {
                    if let Some(object) = resources.get_x_object(name.0) {
                        self.draw(&object, resources, &state, depth);
                    }
                }
                Op::BeginMarkedContent(_) => self.marked.push(false),
                Op::BeginMarkedContentWithProperties(marked) => {
                    let actual = match marked.1 {
                        Object::Dict(properties) => actual_text(properties),
                        Object::Name(name) => resources
                            .properties
                            .get::<Dict<'_>>(name)
                            .and_then(|properties| actual_text(&properties)),
                        _ => None,
                    };
                    // Only the outermost text counts: it stands for all within.
                    let counts = actual.is_some() && self.actual.is_none();
                    if counts {
                        self.actual = Some(actual);
                    }
                    self.marked.push(counts);
                }
                Op::EndMarkedContent(_) => {
                    let brought_text = self.marked.pop().unwrap_or(false);
                    if brought_text {
                        self.actual = None;
                    }
                }
                _ => {}
            }
        }
    }

    fn draw(&mut self, object: &Stream<'a>, resources: &Resources<'a>, state: &TextState<'a>, depth: u32) {
        let dict = object.dict();
        match dict.get::<Name<'_>>(b"Subtype").as_ref().map(Name::as_str) {
            Some("Image") => self.image_area += unit_square(state),
            Some("Form") if depth < MAX_DEPTH => {
                let Ok(content) = object.decoded_data() else { return };
                let own = dict.get::<Dict<'_>>(b"Resources").map(Resources::new);
                let mut state = state.clone();
                if let Some(matrix) = dict.get::<[f64; 6]>(b"Matrix") {
                    state.ctm *= Affine::new(matrix);
                }
                self.run(TypedIter::new(&content), own.as_ref().unwrap_or(resources), state, depth + 1);
            }
            _ => {}
        }
    }

    fn show(&mut self, state: &mut TextState<'a>, bytes: &[u8]) {
        let Some(known) = state.font.clone() else { return };
        let font = &known.font;
        let is_horizontal = font.is_horizontal();
        // Within a string only the place changes: where it is drawn, and how large.
        let to_page = state.ctm * state.matrix;
        let rise = linear(&to_page, Vec2::new(0.0, state.rise));
        let size = known.em * length(linear(&to_page, Vec2::new(0.0, state.size)));
        let (mut start, mut moved) = (to_page * Point::ZERO + rise, Vec2::ZERO);
        let mut at = 0;
        while at < bytes.len() {
            let (code, taken) = font.read_code(bytes, at);
            at += taken.max(1);
            self.glyphs += 1;
            // Word spacing applies to a space only where its code is one byte.
            let spacing =
                state.character_space + if code == 32 && taken == 1 { state.word_space } else { 0.0 };
            let character = known.character(code);
            self.reader.drawn = self.reader.drawn.saturating_add(u32::from(character.is_drawn));
            self.reader.read = self.reader.read.saturating_add(u32::from(character.is_read));
            let advance = character.advance * state.size;
            let by = |spacing: f64| {
                if is_horizontal {
                    Vec2::new((advance.x + spacing) * state.scale, 0.0)
                } else {
                    Vec2::new(0.0, advance.y + spacing)
                }
            };
            let bare = by(0.0);
            let end = start + linear(&to_page, bare);
            match &mut self.actual {
                None => self.layout.place(&Placed { text: &character.text, start, end, size }),
                Some(actual) => {
                    let text = &Shown::new(&actual.take().unwrap_or_default());
                    self.layout.place(&Placed { text, start, end, size });
                }
            }
            if spacing == 0.0 {
                (moved, start) = (moved + bare, end);
            } else {
                moved += by(spacing);
                start += linear(&to_page, by(spacing));
            }
        }
        state.advance(moved);
    }
}

/// Images are drawn into the unit square of the current coordinates.
fn unit_square(state: &TextState<'_>) -> f64 {
    state.ctm.determinant().abs()
}

/// Where a vector leads, without the translation.
fn linear(affine: &Affine, Vec2 { x, y }: Vec2) -> Vec2 {
    let [a, b, c, d, ..] = affine.as_coeffs();
    Vec2::new(a * x + c * y, b * x + d * y)
}

fn affine(numbers: [&Number; 6]) -> Affine {
    Affine::new(numbers.map(Number::as_f64))
}

fn actual_text(properties: &Dict<'_>) -> Option<String> {
    properties.get::<hayro_syntax::object::String<'_>>(b"ActualText").map(|text| text_string(text.as_bytes()))
}
