//! The rules of `rules.txt`.

use std::fmt;

use super::rewrite::Rewrite;
use super::words::{holds, words};

/// How the PDF of a work is distinguished from everything else that a page links to. The syntax is described in the
/// file that comes with the SDK, `links/rules.txt`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Names of metadata that hold the PDF's URL, best first.
    pub(super) pdf_metas: Vec<String>,
    /// Names of metadata that hold it if the URL looks like one.
    pub(super) maybe_metas: Vec<String>,
    /// Names of metadata that holds the URL of the article in XML, in order.
    pub(super) xml_metas: Vec<String>,
    /// Labels of links to it, each as a whole.
    xml_labels: Vec<String>,
    /// Facts and the names of the metadata that say them.
    pub(super) facts: Vec<(Fact, String)>,
    /// Keys of JSON in scripts that hold the PDF's URL.
    pub(super) scripts: Vec<String>,
    /// Keys of JSON in scripts that hold its parts, and how they are put together.
    pub(super) script_parts: Vec<(String, String)>,
    /// Attributes of any element that hold it.
    pub(super) attributes: Vec<String>,
    /// Query parameters that hold the file that a viewer shows.
    pub(super) viewers: Vec<String>,
    /// The same, if what they hold or the viewer looks like a PDF's.
    pub(super) maybe_viewers: Vec<String>,
    /// What the names of metadata begin with that only pages about works have.
    pub(super) scholarly: Vec<String>,
    /// What JSON-LD calls works.
    pub(super) scholarly_types: Vec<String>,
    /// Names of metadata that pages of the general web have.
    pub(super) general: Vec<String>,
    urls: Vec<(i32, String)>,
    labels: Vec<(i32, String)>,
    follow: Vec<String>,
    never: Vec<String>,
    sections: Vec<String>,
    extensions: Vec<String>,
    walls: Vec<String>,
    manuscripts: Vec<String>,
    pages: Vec<Rewrite>,
    links: Vec<Rewrite>,
}

/// What a piece of metadata holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Doi,
    AlsoDoi,
    Pmid,
    Pmcid,
    Arxiv,
    Title,
    Author,
    Date,
    FirstPage,
    LastPage,
    Range,
    License,
    Volume,
}

/// A line that is no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRule {
    /// Counted from 1.
    pub line: usize,
    pub text: String,
}

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is no rule for links: {}", self.line, self.text)
    }
}

impl std::error::Error for BadRule {}

/// What comes with the SDK.
const BUILT_IN: &str = include_str!("rules.txt");

impl Rules {
    /// The rules that come with the SDK.
    pub fn built_in() -> Self {
        let mut rules = Self::default();
        for line in BUILT_IN.lines() {
            // A test reads every line; should one be bad all the same, the others still help.
            let _ = rules.add(line);
        }
        rules
    }

    /// Reads rules, one a line.
    ///
    /// # Errors
    /// The first line that is no rule.
    pub fn parse(text: &str) -> Result<Self, BadRule> {
        let mut rules = Self::default();
        for (at, line) in text.lines().enumerate() {
            rules.add(line).ok_or_else(|| BadRule { line: at + 1, text: line.trim().to_owned() })?;
        }
        Ok(rules)
    }

    /// How much a URL looks like one of a PDF; 0 for not at all.
    pub(super) fn url_points(&self, url: &str) -> i32 {
        let all = crate::url::after_host(url).to_lowercase();
        let path = all.split(['?', '#']).next().unwrap_or_default();
        self.urls
            .iter()
            .filter(|(_, shape)| match shape.strip_suffix('$') {
                Some(end) => path.ends_with(end),
                None => all.contains(shape),
            })
            .map(|(points, _)| *points)
            .max()
            .unwrap_or(0)
    }

    /// How strongly a label (in [`words`]) suggests the PDF; 0 for not at all.
    pub(super) fn label_points(&self, label: &str) -> i32 {
        self.labels
            .iter()
            .filter(|(_, phrase)| holds(label, phrase))
            .map(|(points, _)| *points)
            .max()
            .unwrap_or(0)
    }

    /// Whether a label (in [`words`]) is one of those that lead to another page of the work.
    pub(super) fn leads_on(&self, label: &str) -> bool {
        self.follow.iter().any(|phrase| label == phrase)
    }

    /// Whether a label or file name (in [`words`]) is of something else than the work. A phrase
    /// of the work's own title (in [`words`]) does not, if another of its words stands there too.
    pub(super) fn is_something_else(&self, text: &str, title: &str) -> bool {
        self.never.iter().any(|phrase| {
            let of_title = holds(title, phrase)
                && title.split_whitespace().any(|word| {
                    // Shorter words are in every text.
                    word.len() > 3 && !phrase.contains(word) && holds(text, &format!(" {word} "))
                });
            holds(text, phrase) && !of_title
        })
    }

    /// Whether a section so named (in [`words`]) holds links to other works.
    pub(super) fn leads_elsewhere(&self, section: &str, title: &str) -> bool {
        self.sections.iter().any(|phrase| holds(section, phrase) && !holds(title, phrase))
    }

    /// Whether the file's extension says that it is no PDF.
    pub(super) fn is_another_type(&self, url: &str) -> bool {
        let file = crate::url::path(url).rsplit('/').next().unwrap_or_default();
        file.rsplit_once('.')
            .is_some_and(|(_, ext)| self.extensions.iter().any(|e| e.eq_ignore_ascii_case(ext)))
    }

    /// Whether a URL is that of a login or a bot check.
    pub fn is_wall(&self, url: &str) -> bool {
        let text = words(&crate::url::decode(url));
        self.walls.iter().any(|phrase| holds(&text, phrase))
    }

    /// Whether a label (in [`words`]) is one of a link to the article in XML.
    pub(super) fn is_xml_label(&self, label: &str) -> bool {
        self.xml_labels.iter().any(|known| known == label)
    }

    /// Whether a page's text (in [`words`]) says that it is about an author's manuscript.
    pub(super) fn is_of_a_manuscript(&self, text: &str) -> bool {
        self.manuscripts.iter().any(|phrase| holds(text, phrase))
    }

    /// The PDF that belongs to a page's URL.
    pub(super) fn pdf_of_page(&self, url: &str) -> Option<String> {
        self.pages.iter().find_map(|rule| rule.apply(url))
    }

    /// The file that a link to a viewer shows.
    pub(super) fn file_of_link(&self, url: &str) -> Option<String> {
        self.links.iter().find_map(|rule| rule.apply(url))
    }

    /// Adds one line; none if it is no rule.
    fn add(&mut self, line: &str) -> Option<()> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Some(());
        }
        let (kind, value) = line.split_once(char::is_whitespace)?;
        let value = value.trim();
        let lower = value.to_lowercase();
        match kind {
            "pdf-meta" => self.pdf_metas.push(lower),
            "maybe-meta" => self.maybe_metas.push(lower),
            "xml-meta" => self.xml_metas.push(lower),
            "xml-label" => self.xml_labels.push(phrase_of(&lower)),
            "fact" => {
                let (fact, name) = lower.split_once(' ')?;
                self.facts.push((Fact::read(fact)?, name.trim().to_owned()));
            }
            "script" => self.scripts.push(value.to_owned()),
            "script-parts" => {
                let (key, template) = value.split_once("=>")?;
                self.script_parts.push((key.trim().to_owned(), template.trim().to_owned()));
            }
            "attribute" => self.attributes.push(lower),
            "viewer" => self.viewers.push(lower),
            "viewer-maybe" => self.maybe_viewers.push(lower),
            "url" => self.urls.push(points(&lower)?),
            "label" => {
                let (points, phrase) = points(&lower)?;
                self.labels.push((points, phrase_of(&phrase)));
            }
            "follow" => self.follow.push(phrase_of(&lower)),
            "never" => self.never.push(phrase_of(&lower)),
            "section" => self.sections.push(phrase_of(&lower)),
            "extension" => self.extensions.push(lower),
            "wall" => self.walls.push(phrase_of(&lower)),
            "scholarly" => self.scholarly.push(lower),
            "scholarly-type" => self.scholarly_types.push(lower),
            "general" => self.general.push(lower),
            "manuscript" => self.manuscripts.push(phrase_of(&lower)),
            "page" => self.pages.push(Rewrite::read(value)?),
            "link" => self.links.push(Rewrite::read(value)?),
            _ => return None,
        }
        Some(())
    }
}

impl Fact {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "doi" => Self::Doi,
            "also-doi" => Self::AlsoDoi,
            "pmid" => Self::Pmid,
            "pmcid" => Self::Pmcid,
            "arxiv" => Self::Arxiv,
            "title" => Self::Title,
            "author" => Self::Author,
            "date" => Self::Date,
            "first-page" => Self::FirstPage,
            "last-page" => Self::LastPage,
            "range" => Self::Range,
            "license" => Self::License,
            "volume" => Self::Volume,
            _ => return None,
        })
    }
}

/// `4 /pdf/` as its number and its rest.
fn points(value: &str) -> Option<(i32, String)> {
    let (points, rest) = value.split_once(' ')?;
    Some((points.parse().ok()?, rest.trim().to_owned()))
}

/// A phrase as [`holds`] wants it: in [`words`], with the `*` kept.
fn phrase_of(text: &str) -> String {
    match text.strip_suffix('*') {
        Some(start) => format!("{}*", words(start).trim_end()),
        None => words(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_built_in_rules_is_understood() {
        let rules = Rules::parse(BUILT_IN).unwrap();
        assert_eq!(rules, Rules::built_in());
        assert!(!rules.pdf_metas.is_empty() && !rules.never.is_empty() && !rules.links.is_empty());
    }

    #[test]
    fn a_line_that_is_no_rule_is_named() {
        for text in [
            "pdf-meta x\nnever",
            "\nguess x",
            "a\nb",
            "url pdf",
            "fact colour x",
            "page a",
            "link **a**b** => c",
        ] {
            assert!(Rules::parse(text).is_err(), "{text}");
        }
        let error = Rules::parse("# fine\nguess x").unwrap_err();
        assert_eq!(error.to_string(), "line 2 is no rule for links: guess x");
    }

    #[test]
    fn pages_and_viewers_are_rewritten_to_their_files() {
        let rules = Rules::built_in();
        for (page, pdf) in [
            ("http://arxiv.org/abs/hep-th/9901001", "https://arxiv.org/pdf/hep-th/9901001"),
            ("https://j.invalid/doi/full/10.1000/x.1?journalCode=j", "https://j.invalid/doi/pdf/10.1000/x.1"),
            (
                "https://journals.plos.org/plosone/article?id=10.1371/journal.pone.0000001",
                "https://journals.plos.org/plosone/article/file?id=10.1371/journal.pone.0000001&type=printable",
            ),
            ("https://proceedings.mlr.press/v1/a19b.html", "https://proceedings.mlr.press/v1/a19b/a19b.pdf"),
        ] {
            assert_eq!(rules.pdf_of_page(page).as_deref(), Some(pdf), "{page}");
        }
        for (link, file) in [
            (
                "https://o.invalid/index.php/j/article/view/12/34",
                "https://o.invalid/index.php/j/article/download/12/34",
            ),
            ("https://p.invalid/doi/epdf/10.1000/x", "https://p.invalid/doi/pdf/10.1000/x"),
        ] {
            assert_eq!(rules.file_of_link(link).as_deref(), Some(file), "{link}");
        }
        assert_eq!(rules.file_of_link("https://o.invalid/j/article/view/12"), None);
        assert_eq!(rules.pdf_of_page("https://o.invalid/x"), None);
    }

    #[test]
    fn a_hostile_url_costs_no_time() {
        let rules = Rules::built_in();
        let url = format!("https://x.invalid/{}", "/article/view/a".repeat(130));
        for _ in 0..200 {
            let _ = rules.file_of_link(&url);
        }
    }

    #[test]
    fn walls_are_known_by_whole_words() {
        let rules = Rules::built_in();
        assert!(rules.is_wall("https://idp.x.invalid/authorize?response_type=cookie"));
        assert!(rules.is_wall("https://x.invalid/action/cookieAbsent"));
        assert!(!rules.is_wall("https://x.invalid/articles/the-blogin-effect"));
    }
}
