//! A document's metadata: the information dictionary and the XMP packet.

use hayro_syntax::Pdf;
use hayro_syntax::object::{Dict, Name, Object, ObjectIdentifier, Stream};
use quick_xml::events::Event;

/// Metadata larger than this is an editing history or an attack, not a description.
const MAX_BYTES: usize = 32 * 1024;

/// Metadata for people and for matching.
#[derive(Debug, Default)]
pub struct Description {
    pub title: Option<String>,
    /// `name: value`, one a line.
    pub lines: String,
}

/// All of the document's metadata; `info` is the reference of its information dictionary.
pub fn of(pdf: &Pdf, info: Option<ObjectIdentifier>) -> Description {
    let mut described = Description::default();
    if let Some(info) = info.and_then(|id| pdf.xref().get::<Dict<'_>>(id)) {
        for key in info.keys() {
            if let Some(Object::String(value)) = info.get::<Object<'_>>(&key) {
                described.add(key.as_str(), &text_string(value.as_bytes()));
            }
        }
    }
    if described.lines.is_empty() {
        // The reference was not found; the parser knows the usual entries by itself.
        let known = pdf.metadata();
        for (key, value) in [
            ("Title", &known.title),
            ("Author", &known.author),
            ("Subject", &known.subject),
            ("Keywords", &known.keywords),
        ] {
            if let Some(value) = value {
                described.add(key, &text_string(value));
            }
        }
    }
    let catalog = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id());
    if let Some(packet) = catalog.and_then(|catalog| catalog.get::<Stream<'_>>(b"Metadata")) {
        // Anything else under this name is not XMP.
        if packet.dict().get::<Name<'_>>(b"Type").is_none_or(|name| name.as_str() == "Metadata")
            && let Ok(packet) = packet.decoded_data()
        {
            described.add_xmp(&packet);
        }
    }
    described
}

/// The reference of the information dictionary, from the last trailer that names one. Trailers and
/// the dictionaries of cross-reference streams are never compressed.
pub fn info_reference(pdf: &[u8]) -> Option<ObjectIdentifier> {
    let mut rest = pdf;
    while let Some(at) = crate::end::rfind(rest, b"/Info") {
        let window = &pdf[at + b"/Info".len()..pdf.len().min(at + 40)];
        let mut tokens = window.split(u8::is_ascii_whitespace).filter(|token| !token.is_empty());
        let mut number = || std::str::from_utf8(tokens.next()?).ok()?.parse::<u32>().ok();
        if let (Some(object), Some(generation)) = (number(), number())
            && tokens.next().is_some_and(|token| token.starts_with(b"R"))
        {
            return Some(ObjectIdentifier::new(object, i32::try_from(generation).ok()?));
        }
        rest = &rest[..at];
    }
    None
}

/// A text string (ISO 32000-1, 7.9.2.2): UTF-16 or UTF-8 with a byte order mark, else PDFDocEncoding,
/// which is read as Latin-1: the few places where they differ do not matter to a match.
pub fn text_string(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => match std::str::from_utf8(bytes) {
            // Without the byte order mark this is not allowed, and common.
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        },
    }
}

impl Description {
    fn add(&mut self, name: &str, value: &str) {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let value = value.trim_matches('\0');
        if value.is_empty() || self.lines.len() + name.len() + value.len() > MAX_BYTES {
            return;
        }
        if self.title.is_none() && (name == "Title" || name == "dc:title") {
            self.title = Some(value.to_owned());
        }
        self.lines.push_str(&format!("{name}: {value}\n"));
    }

    /// XMP properties, whether written as elements or as attributes. The name of a property is that of
    /// the innermost element that is not RDF's own.
    fn add_xmp(&mut self, packet: &[u8]) {
        let packet = text_string(packet);
        let mut reader = quick_xml::Reader::from_str(&packet);
        // Packets are cut, padded and nested wrongly; whatever can be read is used.
        reader.config_mut().check_end_names = false;
        let mut path: Vec<String> = Vec::new();
        let mut value = String::new();
        loop {
            match reader.read_event() {
                Ok(event @ (Event::Start(_) | Event::Empty(_))) => {
                    let (Event::Start(tag) | Event::Empty(tag)) = &event else { continue };
                    self.add_value(&path, &mut value);
                    for attribute in tag.attributes().flatten() {
                        let name = attribute.key.as_ref().to_owned();
                        if !name.starts_with("xmlns")
                            && !name.starts_with("rdf:")
                            && !name.starts_with("xml:")
                        {
                            let raw = &attribute.value;
                            self.add(&name, &quick_xml::escape::unescape(raw).unwrap_or(raw.clone()));
                        }
                    }
                    if matches!(event, Event::Start(_)) {
                        path.push(tag.name().as_ref().to_owned());
                    }
                }
                Ok(Event::End(_)) => {
                    self.add_value(&path, &mut value);
                    path.pop();
                }
                Ok(Event::Text(text)) => value.push_str(&text),
                Ok(Event::CData(text)) => value.push_str(&text),
                Ok(Event::GeneralRef(reference)) => {
                    let raw = format!("&{};", &*reference);
                    value.push_str(&quick_xml::escape::unescape(&raw).unwrap_or_default());
                }
                Ok(Event::Eof) | Err(_) => return,
                Ok(_) => {}
            }
            if self.lines.len() >= MAX_BYTES || path.len() > 64 {
                return;
            }
        }
    }

    fn add_value(&mut self, path: &[String], value: &mut String) {
        if let Some(name) = path.iter().rev().find(|name| !name.starts_with("rdf:")) {
            self.add(name, value);
        }
        value.clear();
    }
}
