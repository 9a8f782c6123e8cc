//! Identifiers of works, always in one normal form: one work, however it was written.

mod arxiv;
mod doi;
mod web;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

/// The kinds of identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdKind {
    Doi,
    Arxiv,
    Pmid,
    Pmcid,
    Openalex,
    Url,
}

/// An identifier in its normal form. Made by parsing, so that it *is* normal: two that are equal name
/// the same thing, and two that name the same thing are equal (save for the version of an arXiv id,
/// which [`WorkId::key`] leaves out). As JSON it is `{"doi": "10.1371/…"}`, which is taken back as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkId {
    /// Lower case, without a prefix: DOIs are case-insensitive (DOI Handbook 2.4).
    Doi(String),
    /// `2101.00001`, `2101.00001v2`, `hep-th/9901001`: with the version if one was given.
    Arxiv(String),
    /// Digits, without leading zeros.
    Pmid(String),
    /// `PMC123`.
    Pmcid(String),
    /// `W123`.
    Openalex(String),
    /// `http` or `https`, as browsers write it, without a fragment.
    Url(String),
}

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    #[error("there is no identifier")]
    Empty,
    #[error("`{given}` is not {}: {problem}; expected something like {}", .kind.noun(), .kind.example())]
    Malformed { kind: IdKind, given: String, problem: String },
    #[error(
        "`{0}` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids \
         (W…), and http(s) URLs"
    )]
    Unknown(String),
}

impl IdKind {
    pub const ALL: [Self; 6] = [Self::Doi, Self::Arxiv, Self::Pmid, Self::Pmcid, Self::Openalex, Self::Url];

    /// The prefix in keys, and the word in manifests, logs and messages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Doi => "doi",
            Self::Arxiv => "arxiv",
            Self::Pmid => "pmid",
            Self::Pmcid => "pmcid",
            Self::Openalex => "openalex",
            Self::Url => "url",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Doi => "a DOI",
            Self::Arxiv => "an arXiv id",
            Self::Pmid => "a PMID",
            Self::Pmcid => "a PMCID",
            Self::Openalex => "an OpenAlex work",
            Self::Url => "a URL that can be fetched",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Doi => "10.1371/journal.pone.0000308",
            Self::Arxiv => "2101.00001, 2101.00001v2 or hep-th/9901001",
            Self::Pmid => "PMID:17375194",
            Self::Pmcid => "PMC1817752",
            Self::Openalex => "W2741809807",
            Self::Url => "https://example.org/article/1",
        }
    }
}

impl WorkId {
    /// Reads `text` as an identifier of this kind, so that a bare `123` in a column of PMCIDs is `PMC123`.
    /// A text that says itself that it is of another kind is believed.
    pub fn parse_as(kind: IdKind, text: &str) -> Result<Self, InvalidId> {
        let text = trim(text);
        if text.is_empty() {
            return Err(InvalidId::Empty);
        }
        let wanted = match kind {
            IdKind::Doi => doi(text),
            IdKind::Arxiv => arxiv(text),
            IdKind::Pmid => pmid(text),
            IdKind::Pmcid => pmcid(text),
            IdKind::Openalex => openalex(text),
            IdKind::Url => return text.parse(),
        };
        wanted.or_else(|refused| text.parse().map_err(|_| refused))
    }

    pub fn kind(&self) -> IdKind {
        match self {
            Self::Doi(_) => IdKind::Doi,
            Self::Arxiv(_) => IdKind::Arxiv,
            Self::Pmid(_) => IdKind::Pmid,
            Self::Pmcid(_) => IdKind::Pmcid,
            Self::Openalex(_) => IdKind::Openalex,
            Self::Url(_) => IdKind::Url,
        }
    }

    /// The normal form without its kind.
    pub fn value(&self) -> &str {
        match self {
            Self::Doi(value)
            | Self::Arxiv(value)
            | Self::Pmid(value)
            | Self::Pmcid(value)
            | Self::Openalex(value)
            | Self::Url(value) => value,
        }
    }

    /// The identity of the work: `doi:10.1371/journal.pone.0000308`, `arxiv:2101.00001` (of any
    /// version), `pmcid:PMC123`, `url:https://…`. Parsing a key gives the identifier again.
    pub fn key(&self) -> String {
        let value = match self {
            Self::Arxiv(id) => arxiv::without_version(id),
            other => other.value(),
        };
        format!("{}:{value}", self.kind().label())
    }
}

/// Like [`WorkId::key`], but with the version of an arXiv id.
impl fmt::Display for WorkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind().label(), self.value())
    }
}

impl fmt::Display for IdKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for WorkId {
    type Err = InvalidId;

    /// Every form in which people and databases write identifiers: bare, with a prefix, as a URL, in
    /// angle brackets, percent-encoded, with the punctuation of the sentence around it.
    /// Four to nine bare digits are a PMID: fewer are more likely a row number.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let text = trim(text);
        if text.is_empty() {
            return Err(InvalidId::Empty);
        }
        if let Some((kind, rest)) = labelled(text) {
            return match kind {
                IdKind::Doi => doi(rest),
                IdKind::Arxiv => arxiv(rest),
                IdKind::Pmid => pmid(rest),
                IdKind::Pmcid => pmcid(rest),
                IdKind::Openalex => openalex(rest),
                IdKind::Url => web(rest),
            };
        }
        if has_scheme(text) {
            return web(text);
        }
        let lower = text.to_ascii_lowercase();
        if text.starts_with("10.") {
            return doi(text);
        }
        if let Some(id) = arxiv::parse(text) {
            return Ok(Self::Arxiv(id));
        }
        if (4..=9).contains(&text.len()) && is_digits(text) {
            return pmid(text);
        }
        if lower.starts_with("pmc") && lower[3..].starts_with(|c: char| c.is_ascii_digit()) {
            return pmcid(text);
        }
        if lower.starts_with('w') && is_digits(&lower[1..]) {
            return openalex(text);
        }
        if web::is_known_host(&lower) {
            return web(&format!("https://{text}"));
        }
        if let Some(rest) = text.strip_prefix("10/") {
            return Err(malformed(
                IdKind::Doi,
                text,
                format!(
                    "it is a short form that only doi.org can resolve; give https://doi.org/10/{} or the full DOI",
                    excerpt(rest)
                ),
            ));
        }
        Err(InvalidId::Unknown(excerpt(text)))
    }
}

/// Prefixes that say the kind. Only with a colon, so that a title that begins with one is not an id;
/// `PMID 123` and `DOI 10.…` are common enough to be read as well.
fn labelled(text: &str) -> Option<(IdKind, &str)> {
    const PREFIXES: [(&str, IdKind); 14] = [
        ("info:doi/", IdKind::Doi),
        ("urn:doi:", IdKind::Doi),
        ("doi:", IdKind::Doi),
        ("doi=", IdKind::Doi),
        ("arxiv:", IdKind::Arxiv),
        ("info:pmid/", IdKind::Pmid),
        ("pmid:", IdKind::Pmid),
        ("pubmed:", IdKind::Pmid),
        ("pmcid:", IdKind::Pmcid),
        ("pmc:", IdKind::Pmcid),
        ("openalex:", IdKind::Openalex),
        ("url:", IdKind::Url),
        ("pmid ", IdKind::Pmid),
        ("pmcid ", IdKind::Pmcid),
    ];
    for (prefix, kind) in PREFIXES {
        if let Some(rest) = strip_prefix(text, prefix) {
            return Some((kind, rest.trim_start()));
        }
    }
    let rest = strip_prefix(text, "doi")?.trim_start_matches([' ', '.', '\u{a0}']);
    rest.starts_with("10.").then_some((IdKind::Doi, rest))
}

fn doi(text: &str) -> Result<WorkId, InvalidId> {
    let mut rest = text;
    // `doi: https://doi.org/doi:10.…` happens.
    while let Some((IdKind::Doi, inner)) = labelled(rest) {
        rest = inner;
    }
    let doi = if has_scheme(rest) || web::is_known_host(&rest.to_ascii_lowercase()) {
        return match web(&if has_scheme(rest) { rest.to_owned() } else { format!("https://{rest}") }) {
            Ok(WorkId::Url(_)) => Err(malformed(IdKind::Doi, text, "it is the URL of something else")),
            other => other,
        };
    } else {
        doi::normalise(rest).map_err(|problem| malformed(IdKind::Doi, text, problem))?
    };
    Ok(from_doi(doi))
}

/// arXiv gives every paper a DOI (`10.48550/arXiv.2101.00001`): it is the same work as the arXiv id.
fn from_doi(doi: String) -> WorkId {
    match doi.strip_prefix(arxiv::DOI_PREFIX).and_then(arxiv::parse) {
        Some(id) => WorkId::Arxiv(id),
        None => WorkId::Doi(doi),
    }
}

fn arxiv(text: &str) -> Result<WorkId, InvalidId> {
    let rest = strip_prefix(text, "arxiv:").map_or(text, str::trim_start);
    arxiv::parse(rest).map(WorkId::Arxiv).ok_or_else(|| {
        malformed(IdKind::Arxiv, text, "it is neither of the form YYMM.NNNNN nor of the form archive/YYMMNNN")
    })
}

fn pmid(text: &str) -> Result<WorkId, InvalidId> {
    let rest = strip_prefix(text, "pmid:").map_or(text, str::trim_start);
    numbered(IdKind::Pmid, text, rest).map(WorkId::Pmid)
}

fn pmcid(text: &str) -> Result<WorkId, InvalidId> {
    let rest = strip_prefix(text, "pmcid:").map_or(text, str::trim_start);
    let rest = strip_prefix(rest, "pmc").map_or(rest, |rest| rest.trim_start_matches([' ', ':']));
    // PMC numbers the versions of a manuscript: PMC123.1 and PMC123 are one work.
    let rest = match rest.split_once('.') {
        Some((number, version)) if is_digits(version) => number,
        _ => rest,
    };
    numbered(IdKind::Pmcid, text, rest).map(|digits| WorkId::Pmcid(format!("PMC{digits}")))
}

fn openalex(text: &str) -> Result<WorkId, InvalidId> {
    let Some(rest) = strip_prefix(text, "w") else {
        return Err(malformed(IdKind::Openalex, text, "the ids of works begin with W"));
    };
    // Twenty digits are more than OpenAlex's 64-bit numbers can have.
    let digits = rest.trim_start_matches('0');
    if !is_digits(rest) || digits.is_empty() || digits.len() > 19 {
        return Err(malformed(IdKind::Openalex, text, "W is followed by a number"));
    }
    Ok(WorkId::Openalex(format!("W{digits}")))
}

fn web(text: &str) -> Result<WorkId, InvalidId> {
    let mut text = text.to_owned();
    loop {
        let mut url = Url::parse(&text).map_err(|error| malformed(IdKind::Url, &text, error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            let problem = format!("the scheme {} is not http or https", excerpt(url.scheme()));
            return Err(malformed(IdKind::Url, &text, problem));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let problem = "it carries a user name or password, which would be written into the manifest";
            return Err(malformed(IdKind::Url, &format!("{}://…", url.scheme()), problem));
        }
        match web::recognise(&url) {
            Some(web::Recognised::Doi(doi)) => {
                return doi::normalise(&doi)
                    .map(from_doi)
                    .map_err(|problem| malformed(IdKind::Doi, &text, problem));
            }
            Some(web::Recognised::Arxiv(id)) => return Ok(WorkId::Arxiv(id)),
            Some(web::Recognised::Pmid(id)) => return pmid(&id),
            Some(web::Recognised::Pmcid(id)) => return pmcid(&id),
            Some(web::Recognised::Openalex(id)) => return openalex(&id),
            None => {}
        }
        // Never sent to a server, so it cannot tell two works apart. What is left may end in punctuation.
        url.set_fragment(None);
        let normal = trim(url.as_str());
        if normal == text {
            return Ok(WorkId::Url(text));
        }
        text = normal.to_owned();
    }
}

fn numbered(kind: IdKind, given: &str, text: &str) -> Result<String, InvalidId> {
    let digits = text.trim_start_matches('0');
    if !is_digits(text) {
        return Err(malformed(kind, given, "it is not a number"));
    }
    if digits.is_empty() {
        return Err(malformed(kind, given, "there is no number zero"));
    }
    // PMIDs and PMCIDs have eight digits today; nine leaves room for decades.
    if digits.len() > 9 {
        return Err(malformed(kind, given, "it has more than nine digits"));
    }
    Ok(digits.to_owned())
}

/// Without white space, invisible characters, quotes and brackets around it, and without the sentence's
/// punctuation behind it. No identifier begins with a bracket; one that ends with a bracket has opened it.
fn trim(text: &str) -> &str {
    trim_end(text.trim_start_matches(|c: char| {
        c.is_whitespace()
            || is_invisible(c)
            || matches!(c, '<' | '(' | '[' | '{' | '"' | '\'' | '“' | '‘' | '`')
    }))
}

fn trim_end(text: &str) -> &str {
    let mut text = text;
    while let Some(last) = text.chars().next_back() {
        let drop = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '"' | '\'' | '”' | '’' | '`' | '…' => true,
            ')' => unbalanced(text, '(', ')'),
            ']' => unbalanced(text, '[', ']'),
            '}' => unbalanced(text, '{', '}'),
            '>' => unbalanced(text, '<', '>'),
            other => other.is_whitespace() || is_invisible(other),
        };
        if !drop {
            break;
        }
        text = &text[..text.len() - last.len_utf8()];
    }
    text
}

/// More closed than opened.
fn unbalanced(text: &str, open: char, close: char) -> bool {
    text.chars().filter(|&c| c == close).count() > text.chars().filter(|&c| c == open).count()
}

/// Zero-width characters, soft hyphens and byte-order marks, which copying from pages leaves behind.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+')
    })
}

/// Without regard to ASCII case.
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn malformed(kind: IdKind, given: &str, problem: impl Into<String>) -> InvalidId {
    InvalidId::Malformed { kind, given: excerpt(given), problem: problem.into() }
}

/// Enough of a text to recognise it in a message.
fn excerpt(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        match text.parse::<WorkId>() {
            Ok(id) => id.to_string(),
            Err(error) => panic!("{text}: {error}"),
        }
    }

    fn refused(text: &str) -> String {
        match text.parse::<WorkId>() {
            Ok(id) => panic!("{text} was read as {id}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn one_doi_however_it_was_written() {
        for text in [
            "10.1371/journal.pone.0000308",
            " 10.1371/JOURNAL.pone.0000308\r\n",
            "doi:10.1371/journal.pone.0000308",
            "DOI: 10.1371/journal.pone.0000308",
            "DOI 10.1371/journal.pone.0000308.",
            "doi:https://doi.org/10.1371/journal.pone.0000308",
            "https://doi.org/10.1371/journal.pone.0000308",
            "http://dx.doi.org/10.1371/journal.pone.0000308",
            "HTTPS://WWW.DOI.ORG/10.1371/JOURNAL.PONE.0000308",
            "https://doi.org/10.1371%2Fjournal.pone.0000308",
            "https://doi.org/10.1371/journal.pone.0000308?locatt=mode:legacy#abstract",
            "https://doi.org/doi:10.1371/journal.pone.0000308",
            "doi.org/10.1371/journal.pone.0000308",
            "10.1371%2fjournal.pone.0000308",
            "info:doi/10.1371/journal.pone.0000308",
            "<10.1371/journal.pone.0000308>",
            "<https://doi.org/10.1371/journal.pone.0000308>,",
            "(10.1371/journal.pone.0000308)",
            "\"10.1371/journal.pone.0000308\";",
            "10.1371/journal.pone.0000308).",
            "\u{feff}10.1371/journal\u{200b}.pone.0000308",
        ] {
            assert_eq!(parsed(text), "doi:10.1371/journal.pone.0000308", "{text}");
        }
    }

    #[test]
    fn the_brackets_that_belong_to_a_doi_stay() {
        for (text, doi) in [
            ("10.1016/S0140-6736(05)67884-4", "10.1016/s0140-6736(05)67884-4"),
            ("(10.1016/0022-2836(81)90087-5)", "10.1016/0022-2836(81)90087-5"),
            (
                "10.1002/(SICI)1096-8644(199601)99:1<1::AID-AJPA1>3.0.CO;2-1",
                "10.1002/(sici)1096-8644(199601)99:1<1::aid-ajpa1>3.0.co;2-1",
            ),
            (
                "https://doi.org/10.1002/(SICI)1096-8644(199601)99:1%3C1::AID-AJPA1%3E3.0.CO;2-%23",
                "10.1002/(sici)1096-8644(199601)99:1<1::aid-ajpa1>3.0.co;2-#",
            ),
            (
                "https://doi.org/10.1002/(SICI)1096-8644(199601)99:1<1::AID-AJPA1>3.0.CO;2-#",
                "10.1002/(sici)1096-8644(199601)99:1<1::aid-ajpa1>3.0.co;2-#",
            ),
            (
                "10.1002/1521-3773(20010316)40:6&lt;9823::AID&gt;3.3.CO;2-C",
                "10.1002/1521-3773(20010316)40:6<9823::aid>3.3.co;2-c",
            ),
            (
                "10.1890/0012-9658(2006)87[2614:ATSTVS]2.0.CO;2",
                "10.1890/0012-9658(2006)87[2614:atstvs]2.0.co;2",
            ),
            ("<10.1000/a<b>>", "10.1000/a<b>"),
            ("10.1000.10/123", "10.1000.10/123"),
        ] {
            assert_eq!(parsed(text), format!("doi:{doi}"), "{text}");
        }
    }

    #[test]
    fn arxiv_ids_of_both_ages_are_recognised_in_every_form() {
        for (text, id) in [
            ("2101.00001", "2101.00001"),
            ("arXiv:2101.00001", "2101.00001"),
            ("arXiv: 2101.00001v2", "2101.00001v2"),
            ("arXiv:2101.00001v2 [cs.LG]", "2101.00001v2"),
            ("0704.0001", "0704.0001"),
            ("hep-th/9901001", "hep-th/9901001"),
            ("arXiv:hep-th/9901001v3", "hep-th/9901001v3"),
            ("math.GT/0309136", "math/0309136"),
            ("10.48550/arXiv.2101.00001", "2101.00001"),
            ("https://doi.org/10.48550/ARXIV.2101.00001", "2101.00001"),
            ("https://doi.org/10.48550/arXiv.hep-th/9901001", "hep-th/9901001"),
            ("https://arxiv.org/abs/2101.00001", "2101.00001"),
            ("http://www.arxiv.org/pdf/2101.00001v2.pdf", "2101.00001v2"),
            ("https://export.arxiv.org/abs/hep-th/9901001", "hep-th/9901001"),
            ("arxiv.org/abs/2101.00001?context=cs", "2101.00001"),
        ] {
            assert_eq!(parsed(text), format!("arxiv:{id}"), "{text}");
        }
    }

    #[test]
    fn every_version_of_an_arxiv_paper_is_one_work() {
        let keys = ["arXiv:2101.00001v2", "2101.00001", "10.48550/arXiv.2101.00001"]
            .map(|text| text.parse::<WorkId>().expect(text).key());
        assert_eq!(keys, ["arxiv:2101.00001"; 3]);
    }

    #[test]
    fn numbers_are_what_their_prefix_says() {
        for (text, id) in [
            ("PMID:17375194", "pmid:17375194"),
            ("PMID: 17375194", "pmid:17375194"),
            ("pmid 17375194", "pmid:17375194"),
            ("17375194", "pmid:17375194"),
            ("pmid:12", "pmid:12"),
            ("https://pubmed.ncbi.nlm.nih.gov/17375194/", "pmid:17375194"),
            ("https://www.ncbi.nlm.nih.gov/pubmed/17375194", "pmid:17375194"),
            ("https://europepmc.org/article/MED/17375194", "pmid:17375194"),
            ("PMC1817752", "pmcid:PMC1817752"),
            ("pmc1817752", "pmcid:PMC1817752"),
            ("pmcid:1817752", "pmcid:PMC1817752"),
            ("PMCID: PMC1817752", "pmcid:PMC1817752"),
            ("PMC:1817752", "pmcid:PMC1817752"),
            ("PMC1817752.2", "pmcid:PMC1817752"),
            ("https://www.ncbi.nlm.nih.gov/pmc/articles/PMC1817752/pdf/x.pdf", "pmcid:PMC1817752"),
            ("https://pmc.ncbi.nlm.nih.gov/articles/PMC1817752/", "pmcid:PMC1817752"),
            ("https://europepmc.org/articles/PMC1817752", "pmcid:PMC1817752"),
            ("W2741809807", "openalex:W2741809807"),
            ("openalex:w2741809807", "openalex:W2741809807"),
            ("https://openalex.org/W2741809807", "openalex:W2741809807"),
            ("https://api.openalex.org/works/W2741809807", "openalex:W2741809807"),
        ] {
            assert_eq!(parsed(text), id, "{text}");
        }
    }

    #[test]
    fn a_column_of_one_kind_needs_no_prefixes() {
        let read = |kind, text| WorkId::parse_as(kind, text).expect(text).to_string();
        assert_eq!(read(IdKind::Pmcid, "123"), "pmcid:PMC123");
        assert_eq!(read(IdKind::Pmid, "12"), "pmid:12");
        assert_eq!(read(IdKind::Openalex, "W12"), "openalex:W12");
        assert_eq!(read(IdKind::Doi, "PMC123"), "pmcid:PMC123");
        assert!(
            WorkId::parse_as(IdKind::Pmid, "n/a")
                .expect_err("not a number")
                .to_string()
                .contains("not a PMID")
        );
    }

    #[test]
    fn other_urls_stay_urls() {
        assert_eq!(parsed("HTTP://Example.ORG:80/a b#top"), "url:http://example.org/a%20b");
        assert_eq!(parsed("url:https://example.org/x."), "url:https://example.org/x");
        assert_eq!(parsed("https://doi.org/abc"), "url:https://doi.org/abc");
    }

    #[test]
    fn a_refusal_is_one_short_line_whatever_was_given() {
        let long = "1".repeat(500);
        for text in ["10.5555\0\0!/x", "10/\u{19}x", &format!("10.{long}/x"), "10.5555.\u{1b}[2J/"] {
            let message = refused(text);
            assert!(!message.contains(char::is_control) && message.chars().count() < 400, "{message:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_was_wrong_and_what_is_accepted() {
        insta::assert_snapshot!(
            [
                "", "10.1371", "10.13/x", "doi:10.1371/", "10.1371/a b", "arXiv:21.1", "PMID:x", "PMID:0",
                "pmcid:PMC1234567890", "openalex:A12", "ftp://example.org/x", "https://u:p@example.org/", "http://",
                "10/abc", "123", "W", "The title of a paper",
            ]
            .map(refused)
            .join("\n"),
            @r#"
            there is no identifier
            `10.1371` is not a DOI: there is no slash between its prefix and its suffix; expected something like 10.1371/journal.pone.0000308
            `10.13/x` is not a DOI: 10.13 is not the prefix of a registrant; expected something like 10.1371/journal.pone.0000308
            `10.1371/` is not a DOI: nothing follows the prefix 10.1371/; expected something like 10.1371/journal.pone.0000308
            `10.1371/a b` is not a DOI: it contains a space; expected something like 10.1371/journal.pone.0000308
            `21.1` is not an arXiv id: it is neither of the form YYMM.NNNNN nor of the form archive/YYMMNNN; expected something like 2101.00001, 2101.00001v2 or hep-th/9901001
            `x` is not a PMID: it is not a number; expected something like PMID:17375194
            `0` is not a PMID: there is no number zero; expected something like PMID:17375194
            `PMC1234567890` is not a PMCID: it has more than nine digits; expected something like PMC1817752
            `A12` is not an OpenAlex work: the ids of works begin with W; expected something like W2741809807
            `ftp://example.org/x` is not a URL that can be fetched: the scheme ftp is not http or https; expected something like https://example.org/article/1
            `https://…` is not a URL that can be fetched: it carries a user name or password, which would be written into the manifest; expected something like https://example.org/article/1
            `http://` is not a URL that can be fetched: empty host; expected something like https://example.org/article/1
            `10/abc` is not a DOI: it is a short form that only doi.org can resolve; give https://doi.org/10/abc or the full DOI; expected something like 10.1371/journal.pone.0000308
            `123` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids (W…), and http(s) URLs
            `W` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids (W…), and http(s) URLs
            `The title of a paper` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids (W…), and http(s) URLs
            "#
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,60}") {
            let _ = text.parse::<WorkId>();
            for kind in IdKind::ALL {
                let _ = WorkId::parse_as(kind, &text);
            }
        }

        #[test]
        fn a_key_parses_to_the_same_work(text in arbitrary_id()) {
            if let Ok(id) = text.parse::<WorkId>() {
                let again: WorkId = id.to_string().parse().expect("what is shown can be read");
                prop_assert_eq!(&again, &id);
                let key: WorkId = id.key().parse().expect("keys can be read");
                prop_assert_eq!(key.key(), id.key());
            }
        }

        #[test]
        fn any_doi_survives_being_written_as_a_url(suffix in "[a-z0-9]([-a-z0-9._;()/:<>\\[\\]#+?&% ]{0,20}[a-z0-9])?") {
            if let Ok(id @ WorkId::Doi(_)) = format!("10.1234/{suffix}").parse::<WorkId>() {
                let mut url = Url::parse("https://doi.org/").expect("a URL");
                url.set_path(&percent_encoding::utf8_percent_encode(id.value(), percent_encoding::NON_ALPHANUMERIC).to_string());
                prop_assert_eq!(url.as_str().parse::<WorkId>(), Ok(id));
            }
        }
    }

    /// Things like identifiers, with what people and programs do to them.
    fn arbitrary_id() -> impl Strategy<Value = String> {
        let prefix = prop::sample::select(vec![
            "",
            "doi:",
            "DOI ",
            "10.1234/",
            "https://doi.org/10.1234/",
            "https://doi.org/",
            "arXiv:",
            "http://arxiv.org/abs/",
            "10.48550/arxiv.",
            "PMID:",
            "PMC",
            "pmcid:",
            "W",
            "https://openalex.org/",
            "url:",
            "https://example.org/",
            "<",
            "info:doi/",
            "https://pubmed.ncbi.nlm.nih.gov/",
            "https://www.ncbi.nlm.nih.gov/pmc/articles/",
            "https://europepmc.org/article/",
        ]);
        (prefix, "([0-9]{4}\\.[0-9]{4,5}|[0-9]{0,10}|hep-th/9[0-9]{6}|\\PC{0,20}|[-a-z0-9.,;:#?%&/()<>\\[\\]{}\"' ]{0,20})", "(v[0-9])?[\\.,;)>\\]#?%]{0,2}")
            .prop_map(|(prefix, middle, end)| format!("{prefix}{middle}{end}"))
    }
}
