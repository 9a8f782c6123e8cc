//! The identifiers printed in a document, and whether its own one is the work's.

use crate::document::Document;
use tierfall_ids::text::{folded, without_version};
use tierfall_ids::{IdKind, WorkId};
use tierfall_work::Work;

/// What a document's own identifiers say about the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnId {
    /// Its metadata names the work's.
    Declared,
    /// The work's is printed where documents print their own.
    Printed,
    /// Another of the same kind is printed there, and not the work's.
    Other,
    /// None is printed there.
    None,
}

/// Share of a page, from its top and its bottom, where a document puts its own DOI: above the abstract,
/// or in the line at the foot.
const HEAD: f64 = 0.3;
const FOOT: f64 = 0.12;

/// More DOIs than this at the head of a page are a list of other works.
const MOST: usize = 3;

/// Identifiers taken from one text, and bytes of each: a text with more of them is made to keep its reader busy.
/// The longest DOIs have a few hundred bytes.
const MOST_READ: usize = 200;
const LONGEST: usize = 512;

/// A document's own identifier, as far as it says something about the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnIdentifier {
    pub id: OwnId,
    /// As it stands there, in lower case; empty where there is none.
    pub value: String,
    /// The page, from 0; `None` for the metadata.
    pub page: Option<usize>,
    /// It is declared, and another work's is printed first.
    pub is_disputed: bool,
}

/// Compares a document's own identifiers with the work's. What is cited does not count.
pub fn own_id(document: &Document<'_>, work: &Work) -> OwnIdentifier {
    let wanted: Vec<String> = work.ids.iter().filter_map(written).collect();
    let metadata = document.metadata;
    let of = |id, value: &str, page| OwnIdentifier { id, value: value.to_owned(), page, is_disputed: false };
    if let Some(declared) = wanted.iter().find(|id| contains_id(metadata, id)) {
        let printed = document.front().iter().find_map(|page| {
            let parts = self_description(page.text, page.normalized.byte(page.body));
            parts.into_iter().flat_map(identifiers).next()
        });
        let is_disputed = printed.is_some_and(|printed| !related(&printed, &wanted));
        return OwnIdentifier { is_disputed, ..of(OwnId::Declared, declared, None) };
    }
    let mut others: Vec<(String, Option<usize>)> =
        identifiers(metadata).into_iter().map(|id| (id, None)).collect();
    for (number, page) in document.front().iter().enumerate() {
        let parts = self_description(page.text, page.normalized.byte(page.body));
        let listed: Vec<String> = parts.iter().flat_map(|part| identifiers(part)).collect();
        let printed = wanted.iter().find(|id| parts.iter().any(|part| contains_id(part, id)));
        others.extend(listed.iter().cloned().map(|id| (id, Some(number))));
        if let Some(printed) = printed
            && listed.len() <= MOST
        {
            // A comment prints its own identifier first, and then that of the work it comments on.
            return match others.first().filter(|(first, _)| !related(first, &wanted)) {
                Some((first, page)) => of(OwnId::Other, first, *page),
                None => of(OwnId::Printed, printed, Some(number)),
            };
        }
    }
    let comparable = wanted.iter().any(|id| id.starts_with("10.")) || work.id(IdKind::Arxiv).is_some();
    match others.iter().find(|(other, _)| comparable && !related(other, &wanted)) {
        Some((other, page)) => of(OwnId::Other, other, *page),
        // Another version of the work, or a part of it.
        None => match others.first().filter(|_| comparable) {
            Some((version, page)) => of(OwnId::None, version, *page),
            None => of(OwnId::None, "", None),
        },
    }
}

/// The identifiers that a document gives itself, as they stand there: in the metadata, then on its front pages.
pub fn of_document(document: &Document<'_>) -> Vec<(String, Option<usize>)> {
    let mut found: Vec<(String, Option<usize>)> =
        identifiers(document.metadata).into_iter().map(|id| (id, None)).collect();
    for (number, page) in document.front().iter().enumerate() {
        let parts = self_description(page.text, page.normalized.byte(page.body));
        let listed: Vec<String> = parts.iter().flat_map(|part| identifiers(part)).collect();
        if listed.len() <= MOST {
            found.extend(listed.into_iter().map(|id| (id, Some(number))));
        }
    }
    found
}

/// The way an identifier is printed in a document; `None` for kinds that documents do not print.
fn written(id: &WorkId) -> Option<String> {
    match id.kind() {
        IdKind::Doi => Some(id.value().to_lowercase()),
        IdKind::Arxiv => Some(id.key()),
        IdKind::Pmcid => Some(id.value().to_lowercase()),
        _ => None,
    }
}

/// The parts of a page that describe the document itself: its head and its foot, up to the references.
fn self_description(text: &str, body: usize) -> Vec<&str> {
    let cut = |share: f64| {
        let mut at = (text.len() as f64 * share) as usize;
        while !text.is_char_boundary(at) {
            at += 1;
        }
        // Whole lines: an identifier must not be cut.
        text[at..].find('\n').map_or(text.len(), |line| at + line)
    };
    let (head, foot) = (cut(HEAD), cut(1.0 - FOOT));
    let mut parts = vec![&text[..head.min(body)]];
    if body >= text.len() && foot > head {
        parts.push(&text[foot..]);
    }
    parts
}

/// Whether a text contains an identifier as a whole, even across line breaks.
fn contains_id(text: &str, id: &str) -> bool {
    let text = text.as_bytes();
    if id.len() > LONGEST {
        return false;
    }
    (0..text.len()).any(|from| {
        // It must not be the end of a longer one.
        if from > 0
            && text[from - 1].is_ascii_alphanumeric()
            && id.starts_with("10.")
            && !before_doi(&text[..from])
        {
            return false;
        }
        let mut at = from;
        for wanted in id.bytes() {
            while at > from && text.get(at).is_some_and(u8::is_ascii_whitespace) {
                at += 1;
            }
            if text.get(at).map(u8::to_ascii_lowercase) != Some(wanted) {
                return false;
            }
            at += 1;
        }
        ends_identifier(&text[at..])
    })
}

/// Text extraction turns `doi:10.1000/1` into `doi10.1000/1` for some files.
fn before_doi(text: &[u8]) -> bool {
    text.len() >= 3 && text[text.len() - 3..].eq_ignore_ascii_case(b"doi")
}

/// Whether an identifier may end before this: at a space, or at punctuation that ends a sentence.
fn ends_identifier(rest: &[u8]) -> bool {
    match rest {
        [] => true,
        [first, ..] if first.is_ascii_whitespace() => true,
        // The version of an arXiv id.
        [b'v', digit, ..] if digit.is_ascii_digit() => true,
        [first, rest @ ..] => {
            !first.is_ascii_alphanumeric() && !rest.first().is_some_and(u8::is_ascii_alphanumeric)
        }
    }
}

/// The DOIs in a text and the arXiv id it is stamped with, in lower case. A citation of an arXiv paper
/// is no stamp: that has a version and a subject.
fn identifiers(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut found = Vec::new();
    // Where the last one ended: a DOI may contain what looks like another.
    let mut end = 0;
    for (at, _) in lower.match_indices("10.") {
        if found.len() >= MOST_READ {
            break;
        }
        let rest = &lower[at..];
        let registrant = rest.bytes().skip(3).take(10).take_while(u8::is_ascii_digit).count();
        // A date or a version is no DOI: `3.10.2020/5`.
        let before = lower[..at].strip_suffix('.').unwrap_or(&lower[..at]);
        let within_number = before.ends_with(|c: char| c.is_ascii_digit());
        if at < end
            || within_number
            || !(4..=9).contains(&registrant)
            || rest.as_bytes().get(3 + registrant) != Some(&b'/')
        {
            continue;
        }
        let word = first_word(rest);
        end = at + word.len();
        // Funders have DOIs too; they are never a document's own.
        let doi = trimmed(word);
        if doi.len() > registrant + 4 && !doi.starts_with("10.13039/") {
            found.push(doi.to_owned());
        }
    }
    for (at, _) in lower.match_indices("arxiv:").take(MOST_READ) {
        let id = first_word(&lower[at..]);
        let stamped = lower[at + id.len()..].trim_start().starts_with('[');
        if let Some((id, version)) = id.rsplit_once('v')
            && stamped
            && version.bytes().all(|byte| byte.is_ascii_digit())
        {
            found.push(id.to_owned());
        }
    }
    found
}

/// What stands before the next space, up to [`LONGEST`] bytes.
fn first_word(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    text.split(char::is_whitespace).next().unwrap_or(text)
}

/// Without what belongs to the sentence around it. A closing bracket belongs to the DOI if it opened there.
fn trimmed(mut doi: &str) -> &str {
    loop {
        let Some(last) = doi.chars().last() else { return doi };
        let opening = match last {
            '.' | ',' | ';' | ':' | '"' | '\'' | '“' | '”' | '*' | '…' => None,
            ')' => Some('('),
            ']' => Some('['),
            '>' => Some('<'),
            '}' => Some('{'),
            _ => return doi,
        };
        if opening.is_some_and(|opening| doi.matches(opening).count() >= doi.matches(last).count()) {
            return doi;
        }
        doi = &doi[..doi.len() - last.len_utf8()];
    }
}

/// Without the version that some publishers put behind the number of an article: `.2` of `10.1000/journal.4767.2`.
fn numbered_version(doi: &str) -> &str {
    let version =
        |number: &str| number.len() == 1 && number != "0" && number.bytes().all(|b| b.is_ascii_digit());
    let article = |text: &str| {
        let number = text.rsplit(['.', '/']).next().unwrap_or_default();
        number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit()) && text.contains('/')
    };
    doi.rsplit_once('.')
        .filter(|(text, number)| version(number) && article(text))
        .map_or(doi, |(text, _)| text)
}

/// Whether an identifier is one of the work's in another form: broken over lines, a figure or a version of it.
fn related(other: &str, wanted: &[String]) -> bool {
    let bare = |id| folded(numbered_version(without_version(id, "v")));
    let bare_other = bare(other);
    wanted.iter().any(|id| id.starts_with(other) || other.starts_with(id.as_str()) || bare(id) == bare_other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_found_whole_or_not_at_all() {
        let doi = "10.1016/j.x.2001.12";
        for text in [
            "doi:10.1016/j.x.2001.12",
            "https://doi.org/10.1016/J.X.2001.12.",
            "(10.1016/j.x.2001.12)",
            "DOI 10.1016/j.x.\n2001.12 Received",
            "DOI10.1016/j.x.2001.12\n",
        ] {
            assert!(contains_id(text, doi), "{text}");
        }
        for text in
            ["10.1016/j.x.2001.123", "10.1016/j.x.2001.12.s001", "110.1016/j.x.2001.12", "10.1016/j.x.2001.1"]
        {
            assert!(!contains_id(text, doi), "{text}");
        }
        assert!(contains_id("arXiv:2101.00001v3 [cs.LG] 4 Jan 2021", "arxiv:2101.00001"));
        assert!(!contains_id("arXiv:2101.000011", "arxiv:2101.00001"));
    }

    #[test]
    fn the_dois_of_a_text_end_where_the_sentence_goes_on() {
        let text = "see (doi:10.1000/a(b)c), https://doi.org/10.1002/(sici)1096-8628(19970414)69:4<400::aid-ajmg12>3.0.co;2-r. \
                    Funded by 10.13039/501100000780; not 10.1/x nor 3.10.2020/5.";
        assert_eq!(
            identifiers(text),
            ["10.1000/a(b)c", "10.1002/(sici)1096-8628(19970414)69:4<400::aid-ajmg12>3.0.co;2-r"]
        );
        assert_eq!(identifiers("arXiv:1804.04414v2 [astro-ph.SR] 1 May 2018"), ["arxiv:1804.04414"]);
        assert!(identifiers("A. Author, arXiv:1804.04414v2, 2018").is_empty());
    }

    #[test]
    fn figures_and_versions_of_the_work_are_no_other_work() {
        let wanted = ["10.21203/rs.3.rs-1510851/v1".to_owned()];
        assert!(related("10.21203/rs.3.rs-1510851/v2", &wanted));
        assert!(related("10.21203/rs.3.rs-1510851/v1.g001", &wanted));
        assert!(related("10.21203/rs.3.rs-15", &wanted), "broken over lines");
        assert!(!related("10.21203/rs.3.rs-1510852/v1", &wanted));
        for (one, other, same) in [
            ("10.5555/journal.4767.2", "10.5555/journal.4767.1", true),
            ("10.5555/journal.4767.2", "10.5555/journal.4767", true),
            ("10.5555/osf.io/ab3de_v2", "10.5555/osf.io/ab3de_v1", true),
            ("10.5555/preprints.123v3", "10.5555/preprints.123", true),
            ("10.5555/journal.4767.2", "10.5555/journal.4768.2", false),
            ("10.5555/drift.1", "10.5555/drift.2", false),
            ("10.5555/vol12.3", "10.5555/vol12.4", false),
        ] {
            assert_eq!(related(one, &[other.to_owned()]), same, "{one} and {other}");
        }
    }
}
