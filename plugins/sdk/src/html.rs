//! HTML, as far as finding links needs it: elements in order, each with its text and with where on
//! the page it stands. The tokens are those of the WHATWG standard; the tree is approximated, which
//! is enough to distinguish an article's own links from those around it.

use std::rc::Rc;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

/// Real pages nest less than 40 deep; deeper nesting is an attack.
const DEEPEST: usize = 64;
/// More elements that can lead anywhere than on the longest issue or reference list.
const MOST_ELEMENTS: usize = 20_000;
/// Text kept of a script, in bytes. Publishers put a whole article's data into one.
const MOST_SCRIPT: usize = 512 * 1024;
/// Text kept of any other element, in bytes: more is no label.
const MOST_TEXT: usize = 2 * 1024;

/// One element of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// In lower case.
    pub name: String,
    pub attributes: Attributes,
    /// The text inside, with the descriptions of images; kept for the elements of [`TEXTUAL`].
    pub text: String,
    /// Name, class, id, role and label of each element around it, innermost last.
    pub around: Vec<Rc<str>>,
    /// The heading that it stands under, innermost last, per element around it.
    pub headings: Vec<Rc<str>>,
    /// Where in [`Page::text`] the block begins that it stands in.
    pub block_start: usize,
    /// Where in [`Page::text`] it ends.
    pub end: usize,
}

/// The attributes of an element: names in lower case, values decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// The value of the first attribute of this name, trimmed.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim())
    }

    /// Names and values, as they are written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A page, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub elements: Vec<Element>,
    /// The text that people see.
    pub text: String,
}

/// The elements whose own text is kept.
pub const TEXTUAL: [&str; 5] = ["a", "title", "script", "h1", "button"];

const HEADINGS: [&str; 6] = ["h1", "h2", "h3", "h4", "h5", "h6"];
/// Elements without content (HTML standard, 13.1.2).
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];
/// Elements that begin a new block of text. A row of a table is one block.
const BLOCKS: [&str; 16] = [
    "p", "li", "tr", "dt", "dd", "div", "section", "article", "main", "aside", "nav", "footer", "header",
    "ul", "table", "form",
];
/// Elements that end where another of the same name begins.
const CLOSED_BY_ITSELF: [&str; 7] = ["a", "li", "p", "tr", "td", "option", "button"];

impl Element {
    /// The value of an attribute, trimmed.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.value(name)
    }

    /// Whether it stands inside an element of this name.
    pub fn inside(&self, name: &str) -> bool {
        self.around.iter().any(|words| words.split(' ').next() == Some(name))
    }
}

/// Reads a page: its text, and those elements whose name and attributes `keep` wants.
/// Nothing is an error in HTML.
pub fn read(html: &str, keep: &dyn Fn(&str, &Attributes) -> bool) -> Page {
    let mut reader = Reader {
        keep,
        page: Page { elements: Vec::new(), text: String::new() },
        open: Vec::new(),
        tag: Tag::None,
        block_start: 0,
    };
    let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, _: Span<()>| -> Option<()> {
        reader.take(event);
        None
    });
    // Scripts and titles hold no tags.
    emitter.naively_switch_states(true);
    for item in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(()) = item;
    }
    reader.page
}

struct Reader<'a> {
    keep: &'a dyn Fn(&str, &Attributes) -> bool,
    page: Page,
    open: Vec<Open>,
    tag: Tag,
    block_start: usize,
}

/// An element that has not ended.
struct Open {
    name: String,
    words: Rc<str>,
    /// The last heading among its children.
    heading: Option<Rc<str>>,
    /// Its place in `Page::elements`, if its text is kept.
    textual: Option<usize>,
}

enum Tag {
    None,
    Start(String, Attributes),
    End,
}

impl Reader<'_> {
    fn take(&mut self, event: CallbackEvent<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.tag = Tag::Start(text(name), Attributes::default());
            }
            CallbackEvent::AttributeName { name } => {
                if let Tag::Start(_, attributes) = &mut self.tag {
                    attributes.0.push((text(name), String::new()));
                }
            }
            CallbackEvent::AttributeValue { value } => {
                if let Tag::Start(_, attributes) = &mut self.tag
                    && let Some((_, last)) = attributes.0.last_mut()
                {
                    *last = text(value);
                }
            }
            CallbackEvent::CloseStartTag { .. } => {
                if let Tag::Start(name, attributes) = std::mem::replace(&mut self.tag, Tag::None) {
                    self.start(name, attributes);
                }
            }
            CallbackEvent::EndTag { name } => {
                self.tag = Tag::End;
                self.end(&text(name));
            }
            CallbackEvent::String { value } => self.string(&text(value)),
            CallbackEvent::Comment { .. } | CallbackEvent::Doctype { .. } | CallbackEvent::Error(_) => {}
        }
    }

    fn start(&mut self, name: String, attributes: Attributes) {
        if CLOSED_BY_ITSELF.contains(&name.as_str())
            && self.open.iter().rev().take(4).any(|open| open.name == name)
        {
            self.end(&name);
        }
        if BLOCKS.contains(&name.as_str()) || HEADINGS.contains(&name.as_str()) {
            if self.open.last().is_some_and(|open| open.name == "p") {
                self.end("p");
            }
            self.page.text.push('\n');
            self.block_start = self.page.text.len();
        }
        let mut words = name.clone();
        for key in ["class", "id", "role", "aria-label"] {
            if let Some(value) = attributes.value(key) {
                words.push(' ');
                words.push_str(value);
            }
        }
        if name == "img"
            && let Some(alt) = attributes.value("alt")
        {
            self.string(&format!(" {alt} "));
        }
        let kept = self.page.elements.len() < MOST_ELEMENTS && (self.keep)(&name, &attributes);
        let place = self.page.elements.len();
        if kept {
            self.page.elements.push(Element {
                name: name.clone(),
                attributes,
                text: String::new(),
                around: self.open.iter().map(|open| open.words.clone()).collect(),
                headings: self.open.iter().filter_map(|open| open.heading.clone()).collect(),
                block_start: self.block_start,
                end: self.page.text.len(),
            });
        }
        if !VOID.contains(&name.as_str()) && self.open.len() < DEEPEST {
            let textual = (kept && TEXTUAL.contains(&name.as_str())).then_some(place);
            self.open.push(Open { name, words: words.into(), heading: None, textual });
        }
    }

    fn end(&mut self, name: &str) {
        let Some(at) = self.open.iter().rposition(|open| open.name == name) else {
            return;
        };
        let heading = HEADINGS.contains(&name);
        for open in self.open.drain(at..).rev() {
            if let Some(element) = open.textual.and_then(|i| self.page.elements.get_mut(i)) {
                element.end = self.page.text.len();
            }
        }
        if heading {
            let text = self.page.text.get(self.block_start..).unwrap_or_default();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if let Some(parent) = self.open.last_mut() {
                parent.heading = Some(text.into());
            }
        }
        if BLOCKS.contains(&name) || heading {
            self.page.text.push('\n');
            self.block_start = self.page.text.len();
        }
    }

    fn string(&mut self, text: &str) {
        let mut seen = true;
        for open in &self.open {
            seen &= !matches!(open.name.as_str(), "script" | "style" | "template");
            let most = if open.name == "script" { MOST_SCRIPT } else { MOST_TEXT };
            if let Some(element) = open.textual.and_then(|i| self.page.elements.get_mut(i))
                && element.text.len() + text.len() <= most
            {
                element.text.push_str(text);
            }
        }
        if seen {
            self.page.text.push_str(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(html: &str) -> Page {
        read(html, &|_, _| true)
    }

    fn anchors(html: &str) -> Vec<Element> {
        read(html, &|name, _| name == "a").elements
    }

    #[test]
    fn attributes_are_found_however_they_are_written_and_entities_are_decoded() {
        let page = all(
            "<META CONTENT=x.pdf?a=1&amp;b=2 name='Citation_PDF_url'><a HREF=\"/caf&eacute;\">PDF&nbsp;<img alt=icon></A>",
        );
        let [meta, anchor, _] = page.elements.as_slice() else {
            panic!("{page:?}");
        };
        assert_eq!(meta.name, "meta");
        assert_eq!(meta.attribute("content"), Some("x.pdf?a=1&b=2"));
        assert_eq!(anchor.attribute("href"), Some("/café"));
        assert_eq!(anchor.text, "PDF\u{a0} icon ");
    }

    #[test]
    fn tags_in_scripts_and_comments_are_no_elements_and_their_text_is_not_seen() {
        let page = all("<script>if (a<b) '<a href=no.pdf>'</script><!-- <a href=no.pdf> --><p>seen</p>");
        assert_eq!(page.elements.len(), 2);
        assert_eq!(page.elements[0].text, "if (a<b) '<a href=no.pdf>'");
        assert_eq!(page.text.trim(), "seen");
    }

    #[test]
    fn an_anchor_knows_the_sections_and_headings_that_it_stands_under() {
        let found = anchors(
            "<main><h1>Title</h1><a href=1>PDF</a><section class=rel><h2>Related <i>articles</i></h2>\
             <ul><li><a href=2>Other</a></ul></section><a href=3>x</a></main>",
        );
        assert!(found[0].inside("main"));
        assert_eq!(found[0].headings, ["Title".into()]);
        assert_eq!(found[1].headings, ["Title".into(), "Related articles".into()]);
        assert!(found[1].around.contains(&"section rel".into()));
        assert_eq!(found[2].headings, ["Title".into()]);
    }

    #[test]
    fn tags_that_never_end_and_stray_ends_do_not_confuse_it() {
        let found = anchors("</div><a href=1>one<a href=2>two<p>three<p>four</main><a href=3>five");
        let texts: Vec<_> = found.iter().map(|a| a.text.as_str()).collect();
        assert_eq!(texts[0], "one");
        assert!(texts[1].starts_with("two"));
        assert_eq!(texts[2], "five");
        let deep = "<div>".repeat(100_000);
        assert_eq!(all(&deep).elements.len(), MOST_ELEMENTS);
    }

    #[test]
    fn a_block_is_the_text_around_an_anchor() {
        let page =
            all("<ul><li>First title <a href=1>PDF</a></li><li>Second title <a href=2>PDF</a></li></ul>");
        let second = &page.elements[4];
        assert_eq!(second.attribute("href"), Some("2"));
        assert_eq!(&page.text[second.block_start..second.end], "Second title PDF");
    }
}
