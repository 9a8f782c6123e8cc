//! What a page about a work contains: links to its PDF, and facts in its metadata.
//!
//! [`read`] evaluates one page; [`follow()`] fetches pages and follows them to a PDF. The rules are data, in
//! `links/rules.txt` beside this file.

mod anchors;
mod detours;
mod embedded;
mod follow;
mod kind;
mod metadata;
mod rewrite;
mod rules;
mod same_work;
mod scripts;
mod shape;
mod words;
mod xml;

use crate::html::Element;
use crate::{Basis, Candidate, Facts, Finding, Work, html, url};
use same_work::is_same_work;
use shape::{LOOKS_LIKE_PDF, looks_like_url};

pub use detours::{detour, file_of_doi};
pub use follow::{Follow, follow};
pub use rules::{BadRule, Rules};

/// Links proposed from one page. If the work's PDF is among them at all, it is among the first.
const MOST_LINKS: usize = 3;
/// A refresh after more seconds ends a session rather than leading anywhere.
const LONGEST_REFRESH: u32 = 30;

/// What one page says about a work.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Where the PDF may be, best first, without repeats.
    pub candidates: Vec<Candidate>,
    /// Where the article is in XML (JATS), best first, without repeats.
    pub xml: Vec<Candidate>,
    /// What the page's metadata says of the work.
    pub facts: Facts,
    /// Where a `<meta http-equiv="refresh">` leads, unless to the page itself.
    pub refresh: Option<String>,
    /// Pages of the same work that may say more: its full text.
    pub follow: Vec<String>,
    /// The page's own metadata names another DOI than the work's: it proposes nothing.
    pub other_work: bool,
    /// It is a journal's page of an article, and names the DOI of the work as its own.
    pub of_record: bool,
}

/// Reads the page that answered at `page_url`, by the rules that come with the SDK.
pub fn read(page_url: &str, html: &str, work: &Work) -> Page {
    read_by(&Rules::built_in(), page_url, html, work)
}

/// Reads the page that answered at `page_url`, by these rules.
pub fn read_by(rules: &Rules, page_url: &str, html: &str, work: &Work) -> Page {
    let page = html::read(html, &|name, attributes| {
        WANTED.contains(&name) || rules.attributes.iter().any(|name| attributes.value(name).is_some())
    });
    let metadata = metadata::read(&page.elements, rules);
    let base = base_of(&page.elements, page_url);
    // A page of the published version is no other work for naming another DOI than arXiv's.
    let doi = work.doi().filter(|d| !d.starts_with("10.48550/arxiv."));
    let own = doi.is_none_or(|doi| {
        metadata.dois.is_empty() || metadata.dois.iter().chain(&metadata.also).any(|d| is_same_work(d, doi))
    });
    // Repositories state volumes of manuscripts too.
    let of_record = metadata.in_volume
        && doi.is_some_and(|doi| metadata.dois.iter().any(|d| d == doi))
        && !rules.is_of_a_manuscript(&words::words(text_start(&page.text)));
    let mut read = Page {
        candidates: Vec::new(),
        xml: Vec::new(),
        facts: Facts::none(),
        refresh: refresh(&page.elements, &base, page_url),
        follow: Vec::new(),
        other_work: !own,
        of_record,
    };
    if !own {
        return read;
    }

    let xml = xml::read(&page.elements, &metadata, rules, &base, page_url);
    let mut found =
        Found { rules, page_url, base: &base, license: metadata.license, finding: Finding::none() };
    for (url, place) in &metadata.pdfs {
        found.add(url, Basis::Metadata, place.clone());
    }
    for (url, place) in &metadata.maybe {
        // There is no label, so the URL's shape has to be enough.
        let resolved = url::join(&base, url).unwrap_or_default();
        if rules.url_points(&resolved) >= LOOKS_LIKE_PDF {
            found.add(url, Basis::Metadata, place.clone());
        }
    }
    let title = work.title.as_ref().or(metadata.facts.title.as_ref());
    let title = words::words(title.map_or("", String::as_str));
    if kind::is_of_the_general_web(&page, rules, doi, &title) {
        read.candidates = found.finding.candidates;
        return read;
    }
    read.xml = xml;
    found.add_hidden(&page.elements);
    for shown in embedded::read(&page.elements, rules, page_url, &base) {
        found.add(&shown.url, Basis::Rule, shown.evidence);
    }
    if !found.has(Basis::Metadata)
        && let Some(pdf) = rules.pdf_of_page(page_url)
    {
        found.add(&pdf, Basis::Rule, "the page's URL".into());
    }
    let setting = anchors::Setting {
        page_url,
        base: &base,
        doi: doi.or_else(|| metadata.dois.first().map(String::as_str)),
        title: &title,
    };
    let (links, follow) = anchors::read(&page, &setting, rules);
    for link in links.iter().take(MOST_LINKS) {
        let evidence = match link.label.is_empty() {
            true => "a link".to_owned(),
            false => format!("the link \u{201c}{}\u{201d}", link.label),
        };
        found.add(&link.url, Basis::Link, evidence);
    }
    read.candidates = found.finding.candidates;
    read.facts = metadata.facts;
    read.follow = follow;
    read
}

/// The elements that may hold a link or metadata.
const WANTED: [&str; 12] =
    ["a", "button", "meta", "link", "base", "script", "title", "h1", "iframe", "frame", "embed", "object"];

struct Found<'a> {
    rules: &'a Rules,
    page_url: &'a str,
    base: &'a str,
    license: Option<String>,
    finding: Finding,
}

impl Found<'_> {
    /// Adds a reference, resolved; for a viewer, the file that it shows.
    fn add(&mut self, reference: &str, basis: Basis, evidence: String) {
        let Some(mut url) = url::join(self.base, reference) else {
            return;
        };
        let mut basis = basis;
        if let Some(file) = self.rules.file_of_link(&url) {
            url = file;
            if basis == Basis::Link {
                basis = Basis::Rule;
            }
        }
        if url != self.page_url {
            self.finding.add(
                Candidate::new(url, basis, evidence)
                    .license(self.license.clone())
                    .landing_page(Some(self.page_url.to_owned())),
            );
        }
    }

    fn has(&self, basis: Basis) -> bool {
        self.finding.candidates.iter().any(|c| c.basis == basis)
    }

    /// URLs in attributes and in the data of scripts.
    fn add_hidden(&mut self, elements: &[Element]) {
        for element in elements {
            for name in &self.rules.attributes {
                if let Some(url) = element.attribute(name).filter(|v| looks_like_url(v)) {
                    self.add(url, Basis::Rule, format!("attribute {name}"));
                }
            }
            if element.name == "script" {
                for (url, key) in scripts::addresses(&element.text, self.rules) {
                    self.add(&url, Basis::Rule, format!("script {key}"));
                }
            }
        }
    }
}

/// What relative references are relative to.
fn base_of(elements: &[Element], page_url: &str) -> String {
    elements
        .iter()
        .filter(|e| e.name == "base")
        .find_map(|e| url::join(page_url, e.attribute("href")?))
        .unwrap_or_else(|| page_url.to_owned())
}

/// Where the page refreshes to, soon, and unless it is itself. One for browsers without scripts
/// leads to a page that asks to turn them on.
fn refresh(elements: &[Element], base: &str, page_url: &str) -> Option<String> {
    elements
        .iter()
        .filter(|e| e.name == "meta" && !e.inside("noscript"))
        .filter(|e| e.attribute("http-equiv").is_some_and(|v| v.eq_ignore_ascii_case("refresh")))
        .find_map(|e| {
            let (delay, target) = e.attribute("content")?.split_once([';', ','])?;
            let seconds = delay.split('.').next()?.trim();
            if seconds.parse::<u32>().ok()? > LONGEST_REFRESH {
                return None;
            }
            let target = target.trim();
            let target = match target.get(..3) {
                Some(url) if url.eq_ignore_ascii_case("url") => {
                    target.get(3..)?.trim_start().strip_prefix('=')?.trim()
                }
                _ => target,
            };
            url::join(base, target.trim_matches(['\'', '"']))
        })
        .filter(|url| url != page_url)
}

/// As much of a page's text as says what the page is.
fn text_start(text: &str) -> &str {
    const BYTES: usize = 20_000;
    text.get(..text.floor_char_boundary(BYTES)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
