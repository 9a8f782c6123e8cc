//! What a document says of itself, where nobody says what it should be.

use crate::companion::companion;
use crate::document::{Document, Page, capped};
use crate::evidence::language;
use crate::ids;
use crate::proof::stand_in;
use crate::verdict::Reason;
use tierfall_ids::text::folded;
use tierfall_work::PdfReport;

/// What a document says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// Its own identifiers, in lower case: those of its metadata, then those of its first pages.
    pub identifiers: Vec<String>,
    /// Its title: that of the metadata where it is printed as well, else the largest line.
    pub title: Option<String>,
    /// Its authors, as they are printed below the title or stand in the metadata.
    pub authors: Option<String>,
    /// The language of its text (ISO 639-3), where that is beyond doubt.
    pub language: Option<String>,
    /// There is text that a person could read.
    pub readable: bool,
    /// What it is in place of an article, and why: supplementary material, a notice, a placeholder, an abstract, a
    /// preview.
    pub stands_for: Option<(Reason, String)>,
}

/// Bytes of a title or of authors that are shown.
const SHOWN: usize = 300;

/// Describes what an examiner reported of a file.
pub fn describe(report: &PdfReport) -> Description {
    let document = Document::of(report);
    let title = title(&document);
    let mut identifiers: Vec<String> = Vec::new();
    for (id, _) in ids::of_document(&document) {
        if !identifiers.contains(&id) && identifiers.len() < MOST_IDENTIFIERS {
            identifiers.push(id);
        }
    }
    let readable = document.is_readable();
    Description {
        identifiers,
        authors: authors(&document, title.as_deref()),
        language: if readable { language(&document) } else { None },
        readable,
        // Its own title is no excuse: that of a supplement says so, and that of a correction as well.
        stands_for: stand_in(&document, None).or_else(|| companion(&document, None, None, None)),
        title,
    }
}

/// A file has one or two identifiers of its own; more are a list.
const MOST_IDENTIFIERS: usize = 4;

fn title(document: &Document<'_>) -> Option<String> {
    let on_one_line = |text: &str| {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(capped(&line, SHOWN).to_owned()).filter(|line| folded(line).len() >= SHORTEST)
    };
    let declared = document.report.title.as_deref().and_then(on_one_line);
    if let Some(declared) = &declared
        && document.front().iter().any(|page| page.normalized.has(&folded(declared)))
    {
        return Some(declared.clone());
    }
    // A stamp of arXiv and the name of the journal are often set larger than the title.
    let is_title = |line: &&str| {
        let line = line.trim_start().to_ascii_lowercase();
        !OTHER_LINES.iter().any(|other| line.starts_with(other)) && folded(&line).len() >= SHORTEST
    };
    let of_page = |page: &Page<'_>| page.headings.iter().copied().find(is_title).and_then(on_one_line);
    document.front().iter().find_map(of_page).or_else(|| {
        let first = document.pages.first()?.text;
        first.lines().take(FIRST_LINES).find(is_title).and_then(on_one_line)
    })
}

/// Letters of a title; fewer are an initial or a number.
const SHORTEST: usize = 8;
/// Lines among which a title that is set like the text is looked for.
const FIRST_LINES: usize = 12;
/// How lines begin that are set large and are no titles.
const OTHER_LINES: [&str; 14] = [
    "arxiv:",
    "journal of",
    "proceedings of",
    "http",
    "www.",
    "doi",
    "issn",
    "vol.",
    "volume ",
    "research article",
    "downloaded",
    "supplement",
    "supporting information",
    "online appendix",
];

/// The line below the title, if it looks like names; else the authors of the metadata.
fn authors(document: &Document<'_>, title: Option<&str>) -> Option<String> {
    let shown = |line: &str| Some(capped(line.trim(), SHOWN).to_owned());
    let printed = title.and_then(|title| {
        let letters = folded(title);
        let page = document.front().iter().find(|page| page.normalized.has(&letters))?;
        let range = page.normalized.places(&letters).next()?;
        page.normalized.after(&range).lines().take(3).find(|line| are_names(line))
    });
    printed.and_then(shown).or_else(|| {
        let author = document
            .metadata
            .lines()
            .find_map(|line| line.strip_prefix("Author: ").or_else(|| line.strip_prefix("dc:creator: ")))?;
        shown(author)
    })
}

/// Whether most words of a line begin with a capital, and it is no sentence and no address.
fn are_names(line: &str) -> bool {
    let words: Vec<&str> = line
        .split(|c: char| !c.is_alphabetic() && c != '\'' && c != '-')
        .filter(|word| word.len() > 1)
        .collect();
    let capitals = words.iter().filter(|word| word.starts_with(char::is_uppercase)).count();
    (2..=60).contains(&words.len())
        && capitals * 3 >= words.len() * 2
        && !line.contains('@')
        && !["niversit", "nstitut", "epartment", "bstract", "ournal"].iter().any(|part| line.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLE: &str = "Reflection of Imaginary Tides at a Fictional Boundary";

    fn report(headings: &[&str], text: &str) -> PdfReport {
        let running =
            "The results are in agreement with the model and with those of the others.\n".repeat(40);
        PdfReport {
            pages: 8,
            text: vec![format!("{text}\nAbstract\n{running}")],
            headings: vec![headings.iter().map(|&heading| heading.to_owned()).collect()],
            ..PdfReport::default()
        }
    }

    #[test]
    fn a_document_says_who_wrote_what_under_which_identifier() {
        let text = format!(
            "arXiv:2101.00001v2 [cs.XX] 4 Jan 2021\n{TITLE}\nAda Invented1, Grace B. Fabricated\nUniversity of Nowhere"
        );
        let said = describe(&report(&["arXiv:2101.00001v2 [cs.XX] 4 Jan 2021", TITLE], &text));
        assert_eq!(said.title.as_deref(), Some(TITLE));
        assert_eq!(said.authors.as_deref(), Some("Ada Invented1, Grace B. Fabricated"));
        assert_eq!(said.identifiers, ["arxiv:2101.00001"]);
        assert_eq!((said.language.as_deref(), said.readable, said.stands_for), (Some("eng"), true, None));
    }

    #[test]
    fn a_supplement_is_called_one_without_its_work() {
        let text = format!("Supplementary Information\nfor\n{TITLE}\nAda Invented");
        let said = describe(&report(&["Supplementary Information", TITLE], &text));
        assert_eq!(said.title.as_deref(), Some(TITLE));
        assert_eq!(said.stands_for.map(|(reason, _)| reason), Some(Reason::Supplement));
    }

    #[test]
    fn metadata_that_is_left_over_is_no_title() {
        let left =
            PdfReport { title: Some("template for the proceedings".into()), ..report(&[TITLE], TITLE) };
        assert_eq!(describe(&left).title.as_deref(), Some(TITLE));
    }
}
