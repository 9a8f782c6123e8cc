//! XML of the Journal Article Tag Suite (NISO Z39.96) and of NLM's before it: the front matter of an article, and how
//! much text it has.
//!
//! What an article cites, corrects, reviews or contains has a front matter too, so that every element is taken by its
//! whole path below `article`. Entities that a file defines itself are not expanded, and nothing that it names is
//! looked at.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};

use crate::bindings::{JatsProblem, JatsReport};

/// Elements within elements. Deep lists and formulas have some thirty.
const DEEPEST: usize = 256;
/// Bytes kept of a title, of a name or an identifier, of an abstract and of the body.
const TITLE: usize = 2 * 1024;
const NAME: usize = 512;
const ABSTRACT: usize = 16 * 1024;
const BODY: usize = 32 * 1024;
/// Names, identifiers and other titles kept of an article.
const MOST: usize = 64;
/// What may stand around an article: the answer of an OAI service, a set of articles.
const WRAPPERS: usize = 8;

/// Elements whose text is no part of what they stand in: notes, sources of formulas, what is only attached.
const ASIDE: [&str; 9] = [
    "xref",
    "fn",
    "tex-math",
    "supplementary-material",
    "ref-list",
    "sub-article",
    "response",
    "contrib-id",
    "private-char",
];

/// Elements within a line of text.
const INLINE: [&str; 14] = [
    "italic",
    "bold",
    "sup",
    "sub",
    "sc",
    "underline",
    "monospace",
    "roman",
    "sans-serif",
    "overline",
    "strike",
    "named-content",
    "styled-content",
    "ext-link",
];

/// What an XML file holds of an article.
pub fn examine(xml: &[u8]) -> Result<JatsReport, JatsProblem> {
    let text = decoded(xml);
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut reading = Reading::default();
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => reading.start(&tag)?,
            Ok(Event::Empty(tag)) => {
                reading.start(&tag)?;
                reading.end();
            }
            Ok(Event::End(_)) => reading.end(),
            Ok(Event::Text(words)) => reading.text(&words),
            Ok(Event::CData(words)) => reading.text(&words),
            Ok(Event::GeneralRef(entity)) => {
                let named = quick_xml::escape::resolve_predefined_entity(&entity);
                match entity.resolve_char_ref() {
                    Ok(Some(c)) => reading.text(c.encode_utf8(&mut [0; 4])),
                    _ => reading.text(named.unwrap_or(" ")),
                }
            }
            Ok(Event::Eof) => return reading.finish(),
            Ok(_) => {}
            Err(error) => return Err(reading.broken(&error.to_string())),
        }
    }
}

/// UTF-8 unless the file says something else.
fn decoded(xml: &[u8]) -> Cow<'_, str> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into()
    };
    match xml {
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        _ => match std::str::from_utf8(xml) {
            Ok(text) => text.into(),
            Err(_) if says_latin(xml) => xml.iter().copied().map(char::from).collect::<String>().into(),
            Err(_) => String::from_utf8_lossy(xml),
        },
    }
}

fn says_latin(xml: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&xml[..xml.len().min(200)]).to_ascii_lowercase();
    let declared = head.split("?>").next().unwrap_or_default();
    declared.contains("8859-1") || declared.contains("windows-1252")
}

/// What a text is collected for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Id,
    Title,
    Subtitle,
    OtherTitle,
    Author,
    Abstract,
    Body,
}

#[derive(Default)]
struct Reading {
    /// The local names of the elements that are open, from `article` on.
    path: Vec<String>,
    /// Elements that are open around it.
    around: usize,
    /// The article has begun; and is over.
    begun: bool,
    over: bool,
    /// What is being collected, and how many elements were open where that began.
    part: Option<(Part, usize)>,
    /// How many elements were open where text began that is no part of it.
    aside: Option<usize>,
    collected: String,
    /// The kind of the identifier that is being read.
    id_kind: String,
    /// The contributor that is being read is an author.
    author: bool,
    report: Option<JatsReport>,
    has_meta: bool,
}

impl Reading {
    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), JatsProblem> {
        let name = tag.name();
        let name = local(name.as_ref());
        if self.path.is_empty() {
            return self.start_around(name, tag);
        }
        if self.path.len() >= DEEPEST {
            return Err(JatsProblem::Damaged("its elements are nested too deeply".into()));
        }
        self.path.push(name.to_owned());
        if self.aside.is_some() {
            return Ok(());
        }
        if ASIDE.contains(&name) || (name == "contrib-group" && self.part.is_some()) {
            self.aside = Some(self.path.len());
            return Ok(());
        }
        if self.part.is_some() {
            if !INLINE.contains(&name) {
                self.text(" ");
            }
            return Ok(());
        }
        let path: Vec<&str> = self.path.iter().skip(1).map(String::as_str).collect();
        let part = match path.as_slice() {
            ["front", "article-meta"] => {
                self.has_meta = true;
                None
            }
            ["front", "article-meta", "article-id"] => {
                self.id_kind = attribute(tag, "pub-id-type").unwrap_or_default();
                Some(Part::Id)
            }
            ["front", "article-meta", "title-group", "article-title"] => Some(Part::Title),
            ["front", "article-meta", "title-group", "subtitle"] => Some(Part::Subtitle),
            ["front", "article-meta", "title-group", "trans-title"]
            | ["front", "article-meta", "title-group", "trans-title-group", "trans-title"] => {
                Some(Part::OtherTitle)
            }
            ["front", "article-meta", "contrib-group", "contrib"] => {
                self.author = attribute(tag, "contrib-type").is_none_or(|kind| kind == "author");
                None
            }
            [
                "front",
                "article-meta",
                "contrib-group",
                "contrib",
                ..,
                "surname" | "collab" | "string-name",
            ] if self.author => Some(Part::Author),
            ["front", "article-meta", "abstract"] => Some(Part::Abstract),
            ["body"] => Some(Part::Body),
            _ => None,
        };
        self.part = part.map(|part| (part, self.path.len()));
        Ok(())
    }

    /// An element outside an article.
    fn start_around(&mut self, name: &str, tag: &BytesStart<'_>) -> Result<(), JatsProblem> {
        match name {
            "article" if self.begun => Err(JatsProblem::NotJats("it holds several articles".into())),
            "article" => {
                self.begun = true;
                self.path.push(name.to_owned());
                let report = self.report.get_or_insert_with(empty);
                report.kind = attribute(tag, "article-type").map(|kind| capped(&kind, NAME));
                Ok(())
            }
            _ if self.begun || self.around < WRAPPERS => {
                self.around += 1;
                Ok(())
            }
            _ => Err(JatsProblem::NotJats(format!(
                "its root is no article, and <{}> holds none",
                capped(name, 40)
            ))),
        }
    }

    fn end(&mut self) {
        if self.path.is_empty() {
            self.around = self.around.saturating_sub(1);
            return;
        }
        let depth = self.path.len();
        if self.aside == Some(depth) {
            self.aside = None;
        }
        if let Some((part, begun)) = self.part
            && begun == depth
        {
            self.keep(part);
            self.part = None;
        }
        self.path.pop();
        self.over |= self.path.is_empty();
    }

    fn text(&mut self, words: &str) {
        let Some((part, _)) = self.part.filter(|_| self.aside.is_none()) else { return };
        if part == Part::Body
            && let Some(report) = &mut self.report
        {
            let letters = words.chars().filter(|c| c.is_alphanumeric()).count();
            report.letters = report.letters.saturating_add(u32::try_from(letters).unwrap_or(u32::MAX));
        }
        let most = match part {
            Part::Title | Part::Subtitle | Part::OtherTitle => TITLE,
            Part::Id | Part::Author => NAME,
            Part::Abstract => ABSTRACT,
            Part::Body => BODY,
        };
        let room = most.saturating_sub(self.collected.len());
        self.collected.push_str(&capped(words, room));
    }

    fn keep(&mut self, part: Part) {
        let text = std::mem::take(&mut self.collected);
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let Some(report) = &mut self.report else { return };
        if line.is_empty() {
            return;
        }
        match part {
            Part::Id if report.ids.len() < MOST => {
                report.ids.push((capped(&self.id_kind, NAME), line));
            }
            Part::Title if report.title.is_none() => report.title = Some(line),
            Part::Subtitle => {
                if let Some(title) = report.title.as_mut().filter(|title| title.len() < TITLE) {
                    title.push_str(": ");
                    title.push_str(&line);
                }
            }
            Part::OtherTitle if report.other_titles.len() < MOST => report.other_titles.push(line),
            Part::Author if report.authors.len() < MOST => report.authors.push(line),
            Part::Abstract if report.summary.is_empty() => report.summary = line,
            Part::Body => report.body = line,
            _ => {}
        }
    }

    fn finish(self) -> Result<JatsReport, JatsProblem> {
        if !self.begun {
            return Err(JatsProblem::NotJats("it holds no article".into()));
        }
        if !self.over || self.around > 0 {
            return Err(JatsProblem::Truncated("elements are open at its end".into()));
        }
        self.report
            .filter(|_| self.has_meta)
            .ok_or_else(|| JatsProblem::NotJats("its article has no front matter".into()))
    }

    /// What is broken before an article begins may be anything.
    fn broken(&self, why: &str) -> JatsProblem {
        match (self.begun, self.over) {
            (false, _) => JatsProblem::NotJats(format!("it is no XML: {}", capped(why, 200))),
            // A file that is cut within a tag ends with it.
            (true, false) if why.contains("end of") || why.contains("not closed") || why.contains("EOF") => {
                JatsProblem::Truncated(capped(why, 200))
            }
            (true, _) => JatsProblem::Damaged(capped(why, 200)),
        }
    }
}

fn empty() -> JatsReport {
    JatsReport {
        kind: None,
        title: None,
        other_titles: Vec::new(),
        authors: Vec::new(),
        ids: Vec::new(),
        summary: String::new(),
        body: String::new(),
        letters: 0,
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    let mut given = attributes.with_checks(false).flatten().take(MOST);
    let found = given.find(|attribute| local(attribute.key.as_ref()) == name)?;
    Some(quick_xml::escape::unescape(&found.value).map(Cow::into_owned).unwrap_or_default())
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, name)| name)
}

/// The beginning of a text, at most this many bytes.
fn capped(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
