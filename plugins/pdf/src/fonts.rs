//! Fonts: which text a character code stands for, how wide it is and how large it is set.
//!
//! The parser knows ToUnicode maps, encodings and the names of Adobe's list. What it does not know is here: names
//! that only number their glyphs, as bitmap fonts and some typesetters have them; codes of fonts without any
//! encoding; and the character collections of Chinese, Japanese and Korean fonts.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use hayro_cmap::{BfString, CMap, CMapName, CidFamily};
use hayro_font::kurbo::Vec2;
use hayro_font::{
    CMapResolverFn, Font, FontCache, FontGlyph, FontQuery, FontResolverFn, GlyphId, StandardFont,
    UNITS_PER_EM,
};
use hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as PdfString};

use crate::glyph_names::{Numbered, are_counted, private};
use crate::layout::Shown;

/// Loads each font of a document once.
pub struct Fonts<'a> {
    loaded: FontCache<'a>,
    /// By the address of the font's dictionary, which does not move while the document exists.
    known: HashMap<usize, Option<Rc<KnownFont<'a>>>>,
    programs: FontResolverFn,
    cmaps: CMapResolverFn,
}

impl<'a> Fonts<'a> {
    pub fn new() -> Self {
        Self {
            loaded: FontCache::new(),
            known: HashMap::new(),
            programs: Arc::new(|query| {
                Some(match query {
                    FontQuery::Standard(font) => font.get_font_data(),
                    FontQuery::Fallback(query) => query.pick_standard_font().get_font_data(),
                })
            }),
            cmaps: Arc::new(hayro_cmap::load_embedded),
        }
    }

    pub fn font(&mut self, dict: &Dict<'a>) -> Option<Rc<KnownFont<'a>>> {
        let place = dict.data().as_ptr() as usize;
        if let Some(known) = self.known.get(&place) {
            return known.clone();
        }
        let font = self
            .loaded
            .font(dict, &self.programs, &self.cmaps)
            .or_else(|| self.loaded.standard_font(StandardFont::Helvetica, &self.programs))
            .map(|font| Rc::new(KnownFont::new(font, dict, self.known.len(), &self.cmaps)));
        self.known.insert(place, font.clone());
        font
    }
}

/// A font and its characters that occurred.
pub struct KnownFont<'a> {
    pub font: Font<'a>,
    fallback: Fallback,
    codes: Codes,
    /// The height of its letters' body at size 1; other than 1 in Type 3 fonts, whose matrix may scale them at will.
    pub em: f64,
    /// Those with a code of one byte, by their code; most fonts have no others.
    short: Vec<OnceCell<Character>>,
    long: RefCell<HashMap<u32, Rc<Character>>>,
}

/// What a code stands for.
pub struct Character {
    /// Empty where nothing tells.
    pub text: Shown,
    /// Whether it leaves a mark on the page, as far as that is known.
    pub is_drawn: bool,
    /// Whether its text says more than that it is another character than the rest.
    pub is_read: bool,
    /// In text space, at size 1.
    pub advance: Vec2,
}

/// A character of a font.
enum Known<'f> {
    Short(&'f Character),
    Long(Rc<Character>),
}

impl Deref for Known<'_> {
    type Target = Character;

    fn deref(&self) -> &Character {
        match self {
            Self::Short(character) => character,
            Self::Long(character) => character,
        }
    }
}

/// What to do where the parser knows no text.
enum Fallback {
    None,
    /// A composite font without a character collection. Glyphs that its map leaves out, such as small capitals, are told
    /// apart by characters that begin at `from`.
    Composite {
        from: u32,
    },
    /// A simple font: names that number their glyphs, and codes without a name, whose names only the font's program
    /// has. Those are as good as ASCII, or unreadable.
    Simple {
        names: Option<Numbered>,
        built_in: bool,
    },
    /// A character collection.
    Collection(Box<Collection>),
}

/// The character collection of a composite font: its codes as CIDs, and those as text.
struct Collection {
    codes: CMap,
    unicode: CMap,
}

impl<'a> KnownFont<'a> {
    fn new(font: Font<'a>, dict: &Dict<'a>, place: usize, cmaps: &CMapResolverFn) -> Self {
        let subtype = dict.get::<Name<'_>>("Subtype");
        let fallback = match subtype.as_ref().map(Name::as_str) {
            Some("Type0") => {
                // One of Unicode's planes of private use for every second font.
                let from = if place.is_multiple_of(2) { 0xf_0000 } else { 0x10_0000 };
                collection(dict, cmaps)
                    .map_or(Fallback::Composite { from }, |found| Fallback::Collection(Box::new(found)))
            }
            Some(kind) => Fallback::Simple {
                names: Numbered::of(dict, kind == "Type3", place),
                built_in: kind != "Type3",
            },
            None => Fallback::None,
        };
        let is_type3 = subtype.is_some_and(|kind| kind.as_str() == "Type3");
        let em = if is_type3 { type3_em(dict) } else { 1.0 };
        let codes = Codes::of(dict, place);
        let short = std::iter::repeat_with(OnceCell::new).take(256).collect();
        Self { font, fallback, codes, em, short, long: RefCell::default() }
    }

    pub fn character(&self, code: u32) -> impl Deref<Target = Character> {
        match self.short.get(code as usize) {
            Some(known) => Known::Short(known.get_or_init(|| self.read(code))),
            None => {
                let mut long = self.long.borrow_mut();
                Known::Long(Rc::clone(long.entry(code).or_insert_with(|| Rc::new(self.read(code)))))
            }
        }
    }

    fn read(&self, code: u32) -> Character {
        let known = || match self.font.glyph(GlyphId::NOTDEF, code) {
            FontGlyph::Outline(glyph) => glyph.as_unicode(),
            FontGlyph::Type3(glyph) => glyph.as_unicode(),
        };
        let by_code = match self.codes {
            Codes::Encoded => None,
            Codes::OfWindows => windows(code).map(String::from),
            Codes::Counted { embedded: true, .. } if self.is_blank(code) => Some(" ".into()),
            Codes::Counted { from, .. } => Some(code)
                .filter(|code| *code < 256)
                .and_then(|code| char::from_u32(from + code))
                .map(String::from),
        };
        let text = by_code.or_else(|| known().map(text_of).filter(|text| is_text(text)));
        let text = text.or_else(|| self.fall_back(code)).unwrap_or_default();
        // Private characters only tell glyphs apart.
        let unread = |c: char| c.is_whitespace() || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..);
        Character {
            is_drawn: text.is_empty() || !text.chars().all(char::is_whitespace),
            is_read: !text.chars().all(unread),
            text: Shown::new(&text),
            advance: self.font.code_advance(code) / f64::from(UNITS_PER_EM),
        }
    }

    /// Whether the glyph of a code leaves no mark.
    fn is_blank(&self, code: u32) -> bool {
        match self.font.glyph(self.font.map_code(code), code) {
            FontGlyph::Outline(glyph) => glyph.outline().elements().is_empty(),
            FontGlyph::Type3(_) => false,
        }
    }

    fn fall_back(&self, code: u32) -> Option<String> {
        match &self.fallback {
            Fallback::None => None,
            Fallback::Composite { .. } if code > 0xfffd || self.is_blank(code) => None,
            Fallback::Composite { from } => char::from_u32(from + code).map(String::from),
            Fallback::Simple { names, built_in } => {
                let code = u8::try_from(code).ok()?;
                match names {
                    Some(names) if names.has(code) => names.text(code),
                    _ => {
                        let c = char::from(code);
                        // The code of a space without a glyph is one.
                        (c == ' ' || (*built_in && c.is_ascii_graphic())).then(|| c.to_string())
                    }
                }
            }
            Fallback::Collection(collection) => {
                let cid = (1..=4).find_map(|bytes| collection.codes.lookup_cid_code(code, bytes))?;
                collection.unicode.lookup_bf_string(cid).map(text_of).filter(|text| is_text(text))
            }
        }
    }
}

/// What the codes of a simple font are, where the parser would take them for something else.
enum Codes {
    /// What its encoding says.
    Encoded,
    /// It leaves its codes to its program, which only leads them to glyphs: a TrueType font that its descriptor calls
    /// symbolic, embedded without encoding and map. Where it holds letters, the codes above ASCII are those of Windows;
    /// the parser reads them by PostScript's, which has `Ø` for `é`.
    OfWindows,
    /// The glyphs in the order in which they were used, as drivers of Windows' printers number them. The characters that
    /// tell them apart begin at `from`.
    Counted { from: u32, embedded: bool },
}

impl Codes {
    fn of(font: &Dict<'_>, place: usize) -> Self {
        const OF_SIGNS: [&str; 4] = ["symbol", "dings", "math", "extra"];
        if font.contains_key("ToUnicode") {
            return Self::Encoded;
        }
        let is = |kind: &str| font.get::<Name<'_>>("Subtype").is_some_and(|subtype| subtype.as_str() == kind);
        let name = font.get::<Name<'_>>("BaseFont").map(|name| name.as_str().to_ascii_lowercase());
        let unencoded = is("TrueType")
            && !font.contains_key("Encoding")
            && !name.is_some_and(|name| OF_SIGNS.iter().any(|signs| name.contains(signs)));
        let (first, last) = (font.get::<u32>("FirstChar"), font.get::<u32>("LastChar"));
        let from_one = first == Some(1) && last.is_some_and(|last| last < 128);
        if (unencoded && from_one) || (!is("Type3") && are_counted(font)) {
            let descriptor = font.get::<Dict<'_>>("FontDescriptor").unwrap_or_default();
            let embedded =
                ["FontFile", "FontFile2", "FontFile3"].iter().any(|file| descriptor.contains_key(*file));
            return private(place).map_or(Self::Encoded, |from| Self::Counted { from, embedded });
        }
        if unencoded { Self::OfWindows } else { Self::Encoded }
    }
}

/// The letter of a code above ASCII in Windows' western code page.
fn windows(code: u32) -> Option<char> {
    /// From 0x80 on; the rest is Latin-1.
    const FIRST: [char; 32] = [
        '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’',
        '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
    ];
    match code {
        0x80..=0x9f => FIRST.get(code as usize - 0x80).copied().filter(|c| *c != '\0'),
        0xa0..=0xff => char::from_u32(code),
        _ => None,
    }
}

fn text_of(unicode: BfString) -> String {
    match unicode {
        BfString::Char(c) => c.to_string(),
        BfString::String(text) => text,
    }
}

/// Maps that were made for want of a better one lead to no character.
fn is_text(text: &str) -> bool {
    !text.is_empty() && !text.chars().all(|c| matches!(c, '\0' | char::REPLACEMENT_CHARACTER))
}

/// The character collection of a composite font (ISO 32000-1, 9.7.3 and 9.10.2): code to CID to Unicode.
fn collection(dict: &Dict<'_>, cmaps: &CMapResolverFn) -> Option<Collection> {
    let descendant = dict.get::<Array<'_>>("DescendantFonts")?.iter::<Dict<'_>>().next()?;
    let codes = match dict.get::<Object<'_>>("Encoding")? {
        Object::Name(name) => match CMapName::from_bytes(name.as_ref()) {
            CMapName::IdentityH => CMap::identity_h(),
            CMapName::IdentityV => CMap::identity_v(),
            name => parsed(cmaps(name)?, cmaps)?,
        },
        Object::Stream(stream) => parsed(&stream.decoded_data().ok()?, cmaps)?,
        _ => return None,
    };
    let of_codes = codes.metadata().character_collection.as_ref().map(|collection| collection.family.clone());
    let family = of_codes.filter(|family| *family != CidFamily::AdobeIdentity).or_else(|| {
        let info = descendant.get::<Dict<'_>>("CIDSystemInfo")?;
        let text = |key| info.get::<PdfString<'_>>(key).map(|text| text.as_bytes().to_vec());
        Some(CidFamily::from_registry_ordering(&text("Registry")?, &text("Ordering")?))
    })?;
    let unicode = parsed(cmaps(family.ucs2_cmap()?)?, cmaps)?;
    Some(Collection { codes, unicode })
}

fn parsed(data: &[u8], cmaps: &CMapResolverFn) -> Option<CMap> {
    let cmaps = Arc::clone(cmaps);
    CMap::parse(data, move |name| cmaps(name))
}

/// The body of a Type 3 font at size 1. Its matrix often makes glyph space thousandths, as in other fonts; where it
/// makes it the pixels of a printer, the glyphs' own boxes tell.
fn type3_em(dict: &Dict<'_>) -> f64 {
    /// Letters of a body of 1 reach from its descenders to its ascenders.
    const LETTERS: f64 = 0.95;
    let matrix = dict.get::<[f64; 6]>("FontMatrix").unwrap_or([0.001, 0.0, 0.0, 0.001, 0.0, 0.0]);
    let scale = (matrix[2] * matrix[2] + matrix[3] * matrix[3]).sqrt();
    if !(scale.is_finite() && scale > 0.0) {
        return 1.0;
    }
    if (0.0005..=0.002).contains(&scale) {
        return scale * 1000.0;
    }
    let tallest = boxes(dict).or_else(|| {
        let [_, low, _, high] = dict.get::<[f64; 4]>("FontBBox")?;
        Some((high - low).abs())
    });
    match tallest {
        Some(height) if height.is_finite() && height > 0.0 => height * scale / LETTERS,
        _ => 1.0,
    }
}

/// From the lowest to the highest point of a font's glyphs, as their programs begin with it (`d1`).
fn boxes(dict: &Dict<'_>) -> Option<f64> {
    const LOOKED_AT: usize = 64;
    let programs = dict.get::<Dict<'_>>("CharProcs")?;
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for name in programs.keys().take(LOOKED_AT) {
        let Some(program) = programs.get::<Stream<'_>>(name.as_ref()) else { continue };
        let Ok(data) = program.decoded_data() else { continue };
        let head = String::from_utf8_lossy(&data[..data.len().min(100)]).into_owned();
        let words: Vec<&str> = head.split_ascii_whitespace().take(7).collect();
        if words.get(6) == Some(&"d1")
            && let (Ok(bottom), Ok(top)) = (words[3].parse::<f64>(), words[5].parse::<f64>())
        {
            low = low.min(bottom.min(top));
            high = high.max(top.max(bottom));
        }
    }
    (high > low).then_some(high - low)
}
