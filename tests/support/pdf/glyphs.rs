//! How the letters of a paper become codes: three kinds of font that occur in practice.

use std::collections::BTreeMap;

use super::file::{File, Object};

/// An encoding of exactly the letters a document needs.
pub enum Glyphs {
    /// A standard font in WinAnsi encoding, without ToUnicode.
    WinAnsi,
    /// One byte a letter; those outside ASCII are named in `/Differences` and explained by ToUnicode.
    Named(BTreeMap<char, u8>),
    /// Two bytes a glyph, ligatures as one glyph, explained by ToUnicode alone.
    Composite(BTreeMap<String, u16>),
}

/// Longest first, so that `ffi` is not read as `ff` and `i`.
const LIGATURES: [&str; 5] = ["ffi", "ffl", "ff", "fi", "fl"];

impl Glyphs {
    /// WinAnsi where it suffices, named glyphs where it does not.
    pub fn fitting<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Self {
        if texts.clone().flat_map(str::chars).all(|letter| win_ansi(letter).is_some()) {
            Self::WinAnsi
        } else {
            Self::named(texts)
        }
    }

    pub fn named<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut codes: BTreeMap<char, u8> = texts.flat_map(str::chars).map(|letter| (letter, 0)).collect();
        // ASCII keeps its codes; the others take those above it in the order of Unicode.
        let mut next = 128u8;
        for (&letter, code) in &mut codes {
            *code = u8::try_from(letter).ok().filter(u8::is_ascii).unwrap_or_else(|| {
                let free = next;
                next = free.checked_add(1).unwrap_or(128);
                free
            });
        }
        Self::Named(codes)
    }

    pub fn composite<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut codes: BTreeMap<String, u16> =
            texts.flat_map(clusters).map(|cluster| (cluster.to_owned(), 0)).collect();
        // Glyph 0 is `.notdef`; a subset font numbers its glyphs from 3 or so on.
        for (code, number) in codes.values_mut().zip(3..) {
            *code = number;
        }
        Self::Composite(codes)
    }

    /// Adds the font and returns the number of its object.
    pub fn add_font(&self, file: &mut File) -> u32 {
        match self {
            Self::WinAnsi => file.add(Object::plain(
                "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            )),
            Self::Named(codes) => {
                let entries = codes.iter().map(|(letter, code)| (format!("{code:02X}"), letter.to_string()));
                let to_unicode = file.add(to_unicode(1, entries));
                let named: String = codes
                    .iter()
                    .filter(|(letter, _)| !letter.is_ascii())
                    .map(|(&letter, code)| format!("{code} /uni{:04X} ", u32::from(letter)))
                    .collect();
                file.add(Object::plain(&format!(
                    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Type /Encoding \
                     /BaseEncoding /WinAnsiEncoding /Differences [ {named}] >> /ToUnicode {to_unicode} 0 R >>"
                )))
            }
            Self::Composite(codes) => {
                let entries = codes.iter().map(|(cluster, code)| (format!("{code:04X}"), cluster.clone()));
                let to_unicode = file.add(to_unicode(2, entries));
                let descriptor = file.add(Object::plain(
                    "<< /Type /FontDescriptor /FontName /INVENT+Press /Flags 4 /FontBBox [0 -200 1000 900] \
                     /ItalicAngle 0 /Ascent 900 /Descent -200 /CapHeight 700 /StemV 80 >>",
                ));
                let descendant = file.add(Object::plain(&format!(
                    "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /INVENT+Press /CIDSystemInfo \
                     << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW 550 /CIDToGIDMap /Identity \
                     /FontDescriptor {descriptor} 0 R >>"
                )));
                file.add(Object::plain(&format!(
                    "<< /Type /Font /Subtype /Type0 /BaseFont /INVENT+Press /Encoding /Identity-H \
                     /DescendantFonts [ {descendant} 0 R ] /ToUnicode {to_unicode} 0 R >>"
                )))
            }
        }
    }

    /// The operand that shows `text`.
    pub fn shown(&self, text: &str) -> Vec<u8> {
        match self {
            Self::WinAnsi => literal(text.chars().filter_map(win_ansi)),
            Self::Named(codes) => literal(text.chars().filter_map(|letter| codes.get(&letter).copied())),
            Self::Composite(codes) => {
                let hex: String = clusters(text)
                    .filter_map(|cluster| codes.get(cluster))
                    .map(|code| format!("{code:04X}"))
                    .collect();
                format!("<{hex}>").into_bytes()
            }
        }
    }
}

/// Windows code page 1252 where it agrees with Latin-1, and the dashes and quotes that papers use.
fn win_ansi(letter: char) -> Option<u8> {
    match letter {
        ' '..='~' | '\u{a1}'..='\u{ff}' => u8::try_from(letter).ok(),
        '\u{2013}' => Some(0x96),
        '\u{2014}' => Some(0x97),
        '\u{2018}' => Some(0x91),
        '\u{2019}' => Some(0x92),
        '\u{201c}' => Some(0x93),
        '\u{201d}' => Some(0x94),
        _ => None,
    }
}

fn literal(codes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut string = vec![b'('];
    for code in codes {
        match code {
            b'(' | b')' | b'\\' => string.extend([b'\\', code]),
            b' '..=b'~' => string.push(code),
            _ => string.extend(format!("\\{code:03o}").into_bytes()),
        }
    }
    string.push(b')');
    string
}

/// The letters of `text`, ligatures together.
fn clusters(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let ligature =
            LIGATURES.iter().find(|ligature| rest.starts_with(**ligature)).map(|ligature| ligature.len());
        let length = ligature.or_else(|| rest.chars().next().map(char::len_utf8))?;
        let (cluster, tail) = rest.split_at(length);
        rest = tail;
        Some(cluster)
    })
}

/// A ToUnicode CMap (ISO 32000-1, 9.10.3) for codes of `width` bytes.
fn to_unicode(width: usize, entries: impl Iterator<Item = (String, String)>) -> Object {
    let entries: Vec<String> = entries
        .map(|(code, text)| {
            let utf16: String = text.encode_utf16().map(|unit| format!("{unit:04X}")).collect();
            format!("<{code}> <{utf16}>\n")
        })
        .collect();
    // A section holds at most 100 entries.
    let sections: String = entries
        .chunks(100)
        .map(|part| format!("{} beginbfchar\n{}endbfchar\n", part.len(), part.concat()))
        .collect();
    let (low, high) = ("00".repeat(width), "FF".repeat(width));
    let map = format!(
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n\
         /CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n\
         /CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n\
         1 begincodespacerange\n<{low}> <{high}>\nendcodespacerange\n{sections}endcmap\n\
         CMapName currentdict /CMap defineresource pop\nend\nend\n"
    );
    Object::stream("", map.into_bytes())
}
