//! XML, element by element: a file may have no line breaks, and be longer than anybody wants to hold.
//!
//! Entities that a file defines itself are not expanded.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::entry::EntryError;
use crate::lines::Line;

/// In bytes, of one element with all that is in it.
const LONGEST: usize = 1 << 20;

/// Elements within elements.
const DEEPEST: usize = 64;

/// Attributes of one element that are kept.
const MOST_ATTRIBUTES: usize = 16;

/// An element as it is written.
pub(crate) struct Snippet {
    /// Where it begins.
    pub line: u64,
    pub text: String,
}

/// Takes the elements of these names, without their prefixes, out of the pieces of a file, each of which ends with a
/// tag. `None` at the end, or where an element of the name `until` ends.
pub(crate) fn next_of(
    names: &[&str],
    until: Option<&str>,
    mut piece: impl FnMut() -> Option<Result<Line, EntryError>>,
) -> Option<Result<Snippet, EntryError>> {
    let mut open: Option<(Snippet, String)> = None;
    let mut depth = 0_usize;
    let mut too_long = false;
    loop {
        let piece = match piece() {
            Some(Ok(piece)) => piece,
            Some(Err(bad)) => return Some(Err(bad)),
            None => {
                let (snippet, _) = open?;
                return Some(Err(EntryError::new(snippet.line, "the record has no end")));
            }
        };
        let Tag { at, name, closes, empty } = Tag::of(&piece.text);
        match &mut open {
            None if !closes && !empty && names.contains(&name) => {
                let name = name.to_owned();
                let before = piece.text.get(..at).unwrap_or_default();
                let line = piece.number + before.matches('\n').count() as u64;
                let text = piece.text.get(at..).unwrap_or_default().to_owned();
                (open, depth, too_long) = (Some((Snippet { line, text }, name)), 1, false);
            }
            None if closes && until == Some(name) => return None,
            None => {}
            Some((snippet, own)) => {
                if name == own {
                    depth = if closes { depth - 1 } else { depth + usize::from(!empty) };
                }
                too_long |= snippet.text.len() + piece.text.len() > LONGEST;
                if !too_long {
                    snippet.text.push_str(&piece.text);
                }
                if depth == 0 {
                    let (snippet, _) = open?;
                    return Some(match too_long {
                        true => Err(EntryError::new(
                            snippet.line,
                            "the record is longer than 1 MiB, and is left out",
                        )),
                        false => Ok(snippet),
                    });
                }
            }
        }
    }
}

/// The tag at the end of a piece.
struct Tag<'a> {
    at: usize,
    name: &'a str,
    closes: bool,
    empty: bool,
}

impl<'a> Tag<'a> {
    fn of(piece: &'a str) -> Self {
        let at = piece.rfind('<').unwrap_or(piece.len());
        let tag = piece.get(at..).unwrap_or_default().trim_start_matches('<');
        let (closes, empty) = (tag.starts_with('/'), tag.ends_with("/>"));
        let tag = tag.trim_start_matches('/');
        let name = tag.split([' ', '\t', '\n', '\r', '>', '/']).next().unwrap_or_default();
        Self { at, name: without_prefix(name), closes, empty }
    }
}

fn without_prefix(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, name)| name)
}

/// An element that is open, by its name without a prefix.
pub(crate) struct Open {
    pub name: String,
    attributes: Vec<(String, String)>,
    /// Where its text begins.
    text: usize,
}

impl Open {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Gives each element within a snippet as it ends: with those that it is in, from the outermost, itself last; and all
/// text in it. What is broken ends the snippet.
pub(crate) fn each(snippet: &str, mut element: impl FnMut(&[Open], &str)) {
    let mut reader = Reader::from_str(snippet);
    reader.config_mut().check_end_names = false;
    let mut path: Vec<Open> = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) if path.len() < DEEPEST => path.push(open(&tag, text.len())),
            Ok(Event::Empty(tag)) if path.len() < DEEPEST => {
                path.push(open(&tag, text.len()));
                element(&path, "");
                path.pop();
            }
            Ok(Event::End(_)) => {
                let Some(begin) = path.last().map(|open| open.text) else { return };
                element(&path, text.get(begin..).unwrap_or_default());
                path.pop();
                // What follows does not run into it.
                if path.len() < 2 {
                    text.clear();
                    path.iter_mut().for_each(|open| open.text = 0);
                }
            }
            Ok(Event::Text(words)) => text.push_str(&words),
            Ok(Event::CData(words)) => text.push_str(&words),
            Ok(Event::GeneralRef(entity)) => {
                let named = quick_xml::escape::resolve_predefined_entity(&entity);
                match entity.resolve_char_ref() {
                    Ok(Some(c)) => text.push(c),
                    _ => text.push_str(named.unwrap_or(" ")),
                }
            }
            Ok(Event::Eof | Event::Start(_) | Event::Empty(_)) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn open(tag: &BytesStart<'_>, text: usize) -> Open {
    let name = without_prefix(tag.name().as_ref()).to_owned();
    let mut attributes = Vec::new();
    for attribute in tag.attributes().with_checks(false).flatten().take(MOST_ATTRIBUTES) {
        let value = quick_xml::escape::unescape(&attribute.value).map(Cow::into_owned).unwrap_or_default();
        attributes.push((without_prefix(attribute.key.as_ref()).to_owned(), value));
    }
    Open { name, attributes, text }
}
