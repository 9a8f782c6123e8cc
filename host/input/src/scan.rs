//! Identifiers within running text: references, notes, cells with several of them.

use std::ops::Range;

use tierfall_ids::{IdKind, WorkId};

use crate::written;

/// An identifier, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub id: WorkId,
    pub at: Range<usize>,
}

/// In bytes; what is longer is no identifier.
const LONGEST: usize = 400;

/// In bytes; of a longer one the beginning is looked at.
const LONGEST_URL: usize = 4096;

/// The identifiers of a text, in its order. Numbers count only where something says what they are. Pages are
/// among them.
pub(crate) fn identifiers(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.find(may_begin)) {
        at += next;
        let rest = text.get(at..).unwrap_or_default();
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        match token(rest, before) {
            Some(Token { length, number }) => {
                let given = rest.get(..length).unwrap_or_default();
                let id = match number {
                    Some((kind, digits)) => WorkId::parse_as(kind, digits),
                    None => written::one(given),
                };
                if let Ok(id) = id {
                    found.push(Found { id, at: at..at + length });
                }
                at += length.max(1);
            }
            None => at += 1,
        }
    }
    found
}

/// Letters that something which [`token`] knows begins with. All are ASCII, so that one byte on is a character on.
fn may_begin(c: char) -> bool {
    matches!(c, '1' | 'h' | 'H' | 'w' | 'W' | 'a' | 'A' | 'p' | 'P' | 'd' | 'D')
}

/// What looks like an identifier.
struct Token<'a> {
    length: usize,
    /// Of a number, what its label says that it is.
    number: Option<(IdKind, &'a str)>,
}

/// What looks like an identifier at the beginning of a text.
fn token(text: &str, before: Option<char>) -> Option<Token<'_>> {
    let inside_word = before.is_some_and(char::is_alphanumeric);
    let length = match text.as_bytes().first()? {
        b'1' if !before.is_some_and(|c| c.is_ascii_digit() || c == '.') => doi(text),
        // `doi.org/…` and `doi:…` are found by the DOI itself.
        b'd' | b'D' => None,
        _ if inside_word => None,
        b'h' | b'H' if begins(text, "http://") || begins(text, "https://") => Some(url(text)),
        b'w' | b'W' if begins(text, "www.") => Some(url(text)),
        b'a' | b'A' if begins(text, "arxiv.org/") => Some(url(text)),
        b'a' | b'A' if begins(text, "arxiv") => arxiv(text),
        b'p' | b'P' if begins(text, "pubmed.ncbi.") || begins(text, "pmc.ncbi.") => Some(url(text)),
        b'p' | b'P' => return numbered(text),
        _ => None,
    }?;
    Some(Token { length, number: None })
}

/// The beginning of a text, so that looking for an end does not go over all of it again and again.
fn window(text: &str, longest: usize) -> &str {
    text.get(..text.floor_char_boundary(longest)).unwrap_or(text)
}

/// Without regard to case.
fn begins(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// `10.`, a registrant, a slash, and what follows up to a blank or to what only stands around DOIs.
fn doi(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("10.")?;
    let registrant = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let slash = 3 + registrant;
    let digits = rest.get(..registrant)?.split('.').next()?.len();
    let encoded = begins(text.get(slash..)?, "%2f");
    if !(4..=9).contains(&digits) || !(text.get(slash..)?.starts_with('/') || encoded) {
        return None;
    }
    let mut opened = false;
    let mut end = text.len();
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at <= slash) {
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        let stop = match c {
            '"' | '“' | '”' | '|' | '{' | '}' | '\u{0}'..=' ' => true,
            // `99:1<1::AID-AJPA1>3.0.CO;2-1` belongs to a DOI, `<br>` does not.
            '<' if rest.starts_with(|c: char| c.is_ascii_digit()) => {
                opened = true;
                false
            }
            '<' => true,
            '>' => !opened,
            // Markdown: `[10.1000/x](https://doi.org/10.1000/x)`.
            ']' => rest.starts_with('('),
            ',' | ';' => ["http", "10.", "doi", "pmid", "pmc", "arxiv"].iter().any(|next| begins(rest, next)),
            c => c.is_whitespace(),
        };
        if stop {
            end = at;
            break;
        }
        if at > LONGEST {
            return None;
        }
    }
    Some(end)
}

/// Up to a blank, a quote or a bracket that cannot be part of it. Long ones are passed over whole.
fn url(text: &str) -> usize {
    let text = window(text, LONGEST_URL);
    let end = text.find(|c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '<' | '>' | '{' | '}' | '|' | '\\' | '`' | '“' | '”')
    });
    let mut end = end.unwrap_or(text.len());
    // A DOI with brackets: `https://doi.org/10.1002/(SICI)…50:1<1::AID-ASI1>3.0.CO;2-A`.
    let doi_at = text.get(..end).and_then(|url| url.find("/10.")).map(|slash| slash + 1);
    if let Some(at) = doi_at.filter(|_| text.get(end..).is_some_and(|rest| rest.starts_with('<'))) {
        end = end.max(at + text.get(at..).and_then(doi).unwrap_or_default());
    }
    let url = text.get(..end).unwrap_or_default();
    // Several in one cell: `https://…;https://…`.
    let next = [";http", ",http", "](http"].iter().filter_map(|next| url.find(next)).min();
    next.unwrap_or(end)
}

/// `arXiv:2101.00001`, `arXiv preprint arXiv: hep-th/9901001v2`.
fn arxiv(text: &str) -> Option<usize> {
    let label = "arxiv".len();
    let rest = window(text, 60).get(label..)?;
    let id = rest.trim_start_matches([':', ' ', '.', '\u{a0}', '-']);
    let begin = label + rest.len() - id.len();
    if begin == label || begin > label + 3 {
        return None;
    }
    let length =
        id.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-'))).unwrap_or(id.len());
    let id = id.get(..length)?.trim_end_matches(['.', '-', '/']);
    (id.len() < 40 && id.contains(|c: char| c.is_ascii_digit())).then_some(begin + id.len())
}

/// `PMID: 123`, `PubMed ID 123`, `PMC123`, `PMCID: PMC123`.
fn numbered(text: &str) -> Option<Token<'_>> {
    // `PMC 2010` and `PubMed 2010` are a year, `PMC:2010` is none.
    const LABELS: [(&str, bool); 6] = [
        ("pmcid", false),
        ("pmid", false),
        ("pubmed pmid", false),
        ("pubmed id", false),
        ("pubmed", true),
        ("pmc", true),
    ];
    let text = window(text, 40);
    let (label, tight) = LABELS.iter().find(|(label, _)| begins(text, label))?;
    let rest = text.get(label.len()..)?;
    let digits_follow =
        |rest: &str, most: usize| rest.bytes().take(most).filter(u8::is_ascii_digit).count() == most;
    let long_number = *label == "pubmed" && digits_follow(rest.trim_start_matches(' '), 5);
    let apart = rest.starts_with(':') || long_number || (*label == "pmc" && digits_follow(rest, 1));
    if *tight && !apart {
        return None;
    }
    let value = rest.trim_start_matches([':', ' ', '#', '=', '\u{a0}']);
    let number = if begins(value, "pmc") { value.get(3..)?.trim_start_matches(':') } else { value };
    let begin = text.len() - number.len();
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    let behind = number.get(digits..)?;
    let whole = !behind.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let kind = if label.starts_with("pmc") || begins(value, "pmc") { IdKind::Pmcid } else { IdKind::Pmid };
    let number = Some((kind, number.get(..digits)?));
    (whole && (1..=9).contains(&digits) && begin <= label.len() + 8)
        .then_some(Token { length: begin + digits, number })
}

/// Whether a line is an identifier that says its kind, and nothing else: `PMID: 17000001`.
pub(crate) fn is_labelled(line: &str) -> bool {
    let label = line.split_once(':').map(|(label, _)| label.trim().to_ascii_lowercase());
    let named = label.is_some_and(|label| ["doi", "pmid", "pmcid", "arxiv"].contains(&label.as_str()));
    named && line.len() <= LONGEST
}

/// Runs of identifiers of one work: a DOI, a PMID and a PMCID that stand side by side on a line.
pub(crate) fn works(text: &str) -> Vec<Vec<Found>> {
    /// In bytes, between two identifiers of one work: `. PubMed PMID: `.
    const APART: usize = 40;
    let mut works: Vec<Vec<Found>> = Vec::new();
    for found in identifiers(text).into_iter().filter(|found| found.id.kind() != IdKind::Url) {
        // An arXiv id beside a DOI is another paper as often as not.
        let registered = |id: &WorkId| matches!(id.kind(), IdKind::Doi | IdKind::Pmid | IdKind::Pmcid);
        let joins = |work: &Vec<Found>| {
            let between =
                work.last().and_then(|last| text.get(last.at.end..found.at.start)).unwrap_or_default();
            let other_kind = |other: &Found| other.id.kind() != found.id.kind() && registered(&other.id);
            let same = |other: &Found| other.id.key() == found.id.key();
            between.len() <= APART
                && !between.contains('\n')
                && (work.iter().any(same) || (registered(&found.id) && work.iter().all(other_kind)))
        };
        match works.last_mut().filter(|work| joins(work)) {
            Some(work) if work.iter().any(|other| other.id.key() == found.id.key()) => {}
            Some(work) => work.push(found),
            None => works.push(vec![found]),
        }
    }
    works
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> String {
        let works = works(text).into_iter();
        let ids =
            |work: Vec<Found>| work.iter().map(|found| found.id.to_string()).collect::<Vec<_>>().join(" ");
        works.map(ids).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn identifiers_are_found_between_words() {
        for (text, ids) in [
            (
                "Doe J. Title. J. 2001;1:2-3. doi: 10.5555/a.b. PubMed PMID: 123; PMCID: PMC456.",
                "doi:10.5555/a.b pmid:123 pmcid:PMC456",
            ),
            (
                "see 10.5555/a, 10.5555/b and (10.5555/c(1)).",
                "doi:10.5555/a | doi:10.5555/b | doi:10.5555/c(1)",
            ),
            ("[10.5555/a](https://doi.org/10.5555/A)", "doi:10.5555/a"),
            (
                "<https://doi.org/10.5555/a>; arXiv preprint arXiv:2101.00001v2 [cs.CL]",
                "doi:10.5555/a | arxiv:2101.00001v2",
            ),
            ("<a href=\"https://doi.org/10.5555/a\">10.5555/a</a>", "doi:10.5555/a"),
            (
                "10.1002/(SICI)1096-8644(199601)99:1<1::AID-AJPA1>3.0.CO;2-1 was",
                "doi:10.1002/(sici)1096-8644(199601)99:1<1::aid-ajpa1>3.0.co;2-1",
            ),
            ("https://doi.org/10.5555/a;https://doi.org/10.5555/b", "doi:10.5555/a | doi:10.5555/b"),
            (
                "(https://doi.org/10.1002/(SICI)1097-4571(1999)50:1<1::AID-ASI1>3.0.CO;2-A). See <https://doi.org/10.5555/a>",
                "doi:10.1002/(sici)1097-4571(1999)50:1<1::aid-asi1>3.0.co;2-a | doi:10.5555/a",
            ),
            ("DOI10.5555/a", "doi:10.5555/a"),
            ("https://pubmed.ncbi.nlm.nih.gov/123/ or PubMed: 124", "pmid:123 | pmid:124"),
            ("version 10.15/16, 210.5555/x, 1.10.5555/x, PMID soon, PMC, in 2018, 17000001, pmcx1", ""),
            ("https://example.org/x and http://localhost", ""),
        ] {
            assert_eq!(found(text), ids, "{text}");
        }
    }

    #[test]
    fn a_text_is_looked_through_once() {
        for piece in [
            "10.5555/",
            "arxiv:",
            "http://",
            "10.5555/(",
            "pmid:1 ",
            "10.5555/a;",
            "h",
            "10.1234567890",
            "http://a;http",
        ] {
            let text = piece.repeat((1 << 20) / piece.len());
            let begun = std::time::Instant::now();
            works(&text);
            assert!(begun.elapsed().as_secs() < 20, "{piece}: {:?}", begun.elapsed());
        }
    }
}
