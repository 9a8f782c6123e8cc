//! An identifier, and how it is read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::chars::{LONGEST, LONGEST_GIVEN, excerpt, has_scheme, is_digits, strip_prefix, trim};
use crate::text::without_version;
use crate::{IdKind, arxiv, doi, web};

/// An identifier in its normal form. Only parsing makes one, so that it *is* normal: two that are equal
/// name the same thing, and two that name the same thing are equal, save for the version of an arXiv id
/// (which [`WorkId::key`] leaves out) and for the DOI of an arXiv paper ([`WorkId::arxiv_doi`]).
///
/// As JSON it is `{"doi": "10.1371/…"}`, which is parsed when it is read back.
///
/// | kind | value |
/// |---|---|
/// | DOI | lower case, without a prefix: DOIs are case-insensitive (DOI Handbook 2.4) |
/// | arXiv | `2101.00001`, `2101.00001v2`, `hep-th/9901001`: with the version if one was given |
/// | PMID | digits, without leading zeros |
/// | PMCID | `PMC123` |
/// | OpenAlex | `W123` |
/// | URL | `http` or `https`, as browsers write it, without a fragment |
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct WorkId {
    kind: IdKind,
    value: String,
}

/// An identifier as JSON has it, before it is parsed.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unchecked {
    Doi(String),
    Arxiv(String),
    Pmid(String),
    Pmcid(String),
    Openalex(String),
    Url(String),
}

impl TryFrom<Unchecked> for WorkId {
    type Error = InvalidId;

    fn try_from(id: Unchecked) -> Result<Self, InvalidId> {
        let (Unchecked::Doi(value)
        | Unchecked::Arxiv(value)
        | Unchecked::Pmid(value)
        | Unchecked::Pmcid(value)
        | Unchecked::Openalex(value)
        | Unchecked::Url(value)) = &id;
        short_enough(value)?;
        match id {
            // Not read as an arXiv id: works hold arXiv's DOI beside it.
            Unchecked::Doi(value) => bare_doi(&value, &value),
            Unchecked::Arxiv(value) => arxiv(&value),
            Unchecked::Pmid(value) => pmid(&value),
            Unchecked::Pmcid(value) => pmcid(&value),
            Unchecked::Openalex(value) => openalex(&value),
            Unchecked::Url(value) => web(&value),
        }
    }
}

impl Serialize for WorkId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_variant("WorkId", self.kind as u32, self.kind.label(), &self.value)
    }
}

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Nothing was given but blanks and punctuation.
    #[error("there is no identifier")]
    Empty,
    /// It looks like, or was said to be, an identifier of this kind.
    #[error("`{given}` is not {}: {problem}; expected something like {}", .kind.noun(), .kind.example())]
    Malformed {
        /// What it was taken for.
        kind: IdKind,
        /// The text, shortened for people to recognise.
        given: String,
        /// What is wrong with it, for people.
        problem: String,
    },
    /// It looks like no identifier at all; the text, shortened.
    #[error(
        "`{0}` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids \
         (W…), and http(s) URLs"
    )]
    Unknown(String),
    /// It is longer than any identifier; its beginning.
    #[error("`{0}` is not an identifier of a work: it is longer than {LONGEST} characters")]
    TooLong(String),
}

impl WorkId {
    /// Reads `text` as an identifier of this kind, so that a bare `123` in a column of PMCIDs is `PMC123`.
    /// A text that says itself that it is of another kind is believed.
    pub fn parse_as(kind: IdKind, text: &str) -> Result<Self, InvalidId> {
        let text = trim(text);
        if text.is_empty() {
            return Err(InvalidId::Empty);
        }
        short_enough(text)?;
        if kind == IdKind::Url {
            return text.parse();
        }
        of_kind(kind, text).or_else(|refused| text.parse().map_err(|_| refused))
    }

    /// The identifier that a web URL stands for: a DOI of the resolver's, a PMCID, …; `None` where it stands for
    /// nothing but itself.
    pub fn named_by_url(url: &str) -> Option<Self> {
        let url = trim(url);
        short_enough(url).ok()?;
        named_without_tables(url)?.ok()
    }

    /// What kind of identifier this is.
    pub fn kind(&self) -> IdKind {
        self.kind
    }

    /// The normal form without its kind.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The normal form without its kind and without the version of an arXiv id.
    pub fn unversioned(&self) -> &str {
        match self.kind {
            IdKind::Arxiv => without_version(&self.value, "v"),
            _ => &self.value,
        }
    }

    /// The identity of the work: `doi:10.1371/journal.pone.0000308`, `arxiv:2101.00001` (of any
    /// version), `pmcid:PMC123`, `url:https://…`. Parsing a key gives the identifier again.
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind, self.unversioned())
    }

    /// The DOI that arXiv registers for a paper, whatever its version; `None` for other kinds. Parsed,
    /// this DOI would be the arXiv id again; registries that know only DOIs are asked for it as it is.
    pub fn arxiv_doi(&self) -> Option<Self> {
        (self.kind == IdKind::Arxiv)
            .then(|| Self::new(IdKind::Doi, format!("{}{}", arxiv::DOI_PREFIX, self.unversioned())))
    }

    fn new(kind: IdKind, value: String) -> Self {
        Self { kind, value }
    }
}

/// Like [`WorkId::key`], but with the version of an arXiv id.
impl fmt::Display for WorkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
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
        short_enough(text)?;
        if let Some((kind, rest)) = labelled(text) {
            return of_kind(kind, rest);
        }
        if has_scheme(text) {
            return web(text);
        }
        let lower = text.to_ascii_lowercase();
        if text.starts_with("10.") {
            return doi(text);
        }
        if let Some(id) = arxiv::parse(text) {
            return Ok(Self::new(IdKind::Arxiv, id));
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

fn of_kind(kind: IdKind, text: &str) -> Result<WorkId, InvalidId> {
    match kind {
        IdKind::Doi => doi(text),
        IdKind::Arxiv => arxiv(text),
        IdKind::Pmid => pmid(text),
        IdKind::Pmcid => pmcid(text),
        IdKind::Openalex => openalex(text),
        IdKind::Url => web(text),
    }
}

fn doi(text: &str) -> Result<WorkId, InvalidId> {
    let mut rest = text;
    // `doi: https://doi.org/doi:10.…` happens.
    while let Some((IdKind::Doi, inner)) = labelled(rest) {
        rest = inner;
    }
    if has_scheme(rest) || web::is_known_host(&rest.to_ascii_lowercase()) {
        return match web(&if has_scheme(rest) { rest.to_owned() } else { format!("https://{rest}") }) {
            Ok(id) if id.kind == IdKind::Url => {
                Err(malformed(IdKind::Doi, text, "it is the URL of something else"))
            }
            other => other,
        };
    }
    bare_doi(text, rest).map(arxiv_if_arxivs)
}

/// A DOI without anything before it, out of the text that was given.
fn bare_doi(given: &str, text: &str) -> Result<WorkId, InvalidId> {
    match doi::normalise(text) {
        Ok(doi) => Ok(WorkId::new(IdKind::Doi, doi)),
        Err(problem) => Err(malformed(IdKind::Doi, given, problem)),
    }
}

/// arXiv gives every paper a DOI (`10.48550/arXiv.2101.00001`): it is the same work as the arXiv id.
fn arxiv_if_arxivs(doi: WorkId) -> WorkId {
    let id = doi.value.strip_prefix(arxiv::DOI_PREFIX).and_then(arxiv::parse);
    id.map_or(doi, |id| WorkId::new(IdKind::Arxiv, id))
}

fn arxiv(text: &str) -> Result<WorkId, InvalidId> {
    let rest = strip_prefix(text, "arxiv:").map_or(text, str::trim_start);
    arxiv::parse(rest).map(|id| WorkId::new(IdKind::Arxiv, id)).ok_or_else(|| {
        malformed(IdKind::Arxiv, text, "it is neither of the form YYMM.NNNNN nor of the form archive/YYMMNNN")
    })
}

fn pmid(text: &str) -> Result<WorkId, InvalidId> {
    let rest = strip_prefix(text, "pmid:").map_or(text, str::trim_start);
    numbered(IdKind::Pmid, text, rest).map(|id| WorkId::new(IdKind::Pmid, id))
}

fn pmcid(text: &str) -> Result<WorkId, InvalidId> {
    let rest = strip_prefix(text, "pmcid:").map_or(text, str::trim_start);
    let rest = strip_prefix(rest, "pmc").map_or(rest, |rest| rest.trim_start_matches([' ', ':']));
    // PMC numbers the versions of a manuscript: PMC123.1 and PMC123 are one work.
    let rest = match rest.split_once('.') {
        Some((number, version)) if is_digits(version) => number,
        _ => rest,
    };
    numbered(IdKind::Pmcid, text, rest).map(|digits| WorkId::new(IdKind::Pmcid, format!("PMC{digits}")))
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
    Ok(WorkId::new(IdKind::Openalex, format!("W{digits}")))
}

fn web(text: &str) -> Result<WorkId, InvalidId> {
    named_without_tables(text).unwrap_or_else(|| page(text))
}

/// The identifier that a URL stands for, with or without what follows its `#`. A fragment is never sent to
/// a server, so it tells no two works apart; what is left of it may end in punctuation.
fn named_without_tables(text: &str) -> Option<Result<WorkId, InvalidId>> {
    let mut rest = text;
    loop {
        if let Some(named) = named_by(rest) {
            return Some(named);
        }
        rest = trim(rest.split_once('#')?.0);
    }
}

/// The identifier that a URL stands for.
fn named_by(url: &str) -> Option<Result<WorkId, InvalidId>> {
    Some(match web::recognise(url)? {
        (IdKind::Doi, doi) => bare_doi(url, &doi).map(arxiv_if_arxivs),
        (kind, id) => of_kind(kind, &id),
    })
}

/// A URL that is just a URL, unless its normal form turns out to name something.
#[cfg(feature = "url")]
fn page(text: &str) -> Result<WorkId, InvalidId> {
    let mut text = text.to_owned();
    loop {
        let mut url =
            url::Url::parse(&text).map_err(|error| malformed(IdKind::Url, &text, error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            let problem = format!("the scheme {} is not http or https", excerpt(url.scheme()));
            return Err(malformed(IdKind::Url, &text, problem));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let problem = "it carries a user name or password, which would be written into the manifest";
            return Err(malformed(IdKind::Url, &format!("{}://…", url.scheme()), problem));
        }
        if let Some(named) = named_by(url.as_str()) {
            return named;
        }
        // As above, now in the normal form.
        url.set_fragment(None);
        let normal = trim(url.as_str());
        if normal.len() > LONGEST {
            return Err(InvalidId::TooLong(excerpt(normal)));
        }
        if normal == text {
            return Ok(WorkId::new(IdKind::Url, text));
        }
        text = normal.to_owned();
    }
}

#[cfg(not(feature = "url"))]
fn page(text: &str) -> Result<WorkId, InvalidId> {
    Err(malformed(IdKind::Url, text, "its normal form is not known here"))
}

fn short_enough(text: &str) -> Result<(), InvalidId> {
    if text.len() > LONGEST_GIVEN { Err(InvalidId::TooLong(excerpt(text))) } else { Ok(()) }
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

fn malformed(kind: IdKind, given: &str, problem: impl Into<String>) -> InvalidId {
    InvalidId::Malformed { kind, given: excerpt(given), problem: problem.into() }
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
    fn json_is_written_as_it_always_was_and_read_back_only_as_an_identifier() {
        for (text, json) in [
            ("10.1000/A", r#"{"doi":"10.1000/a"}"#),
            ("math.GT/0309136v2", r#"{"arxiv":"math/0309136v2"}"#),
            ("pmid:7", r#"{"pmid":"7"}"#),
            ("PMC8", r#"{"pmcid":"PMC8"}"#),
            ("W9", r#"{"openalex":"W9"}"#),
            ("https://example.org/x", r#"{"url":"https://example.org/x"}"#),
        ] {
            let id: WorkId = text.parse().expect(text);
            assert_eq!(serde_json::to_string(&id).expect("JSON"), json);
            assert_eq!(serde_json::from_str::<WorkId>(json).expect(json), id);
        }
        let read = |json| serde_json::from_str::<WorkId>(json).map(|id| id.to_string()).ok();
        assert_eq!(read(r#"{"doi":"10.1000/A."}"#).as_deref(), Some("doi:10.1000/a"));
        assert_eq!(read(r#"{"pmid":"007"}"#).as_deref(), Some("pmid:7"));
        assert_eq!(read(r#"{"doi":"10.1"}"#), None);
        assert_eq!(read(r#"{"isbn":"1"}"#), None);
    }

    #[test]
    fn the_doi_that_arxiv_gave_stays_a_doi_in_json() {
        let id: WorkId = "hep-th/9901001v3".parse().expect("an arXiv id");
        let doi = id.arxiv_doi().expect("arXiv's");
        assert_eq!(doi.to_string(), "doi:10.48550/arxiv.hep-th/9901001");
        let json = serde_json::to_string(&doi).expect("JSON");
        assert_eq!(serde_json::from_str::<WorkId>(&json).expect("JSON"), doi);
        assert_eq!(doi.arxiv_doi(), None);
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
    fn nothing_is_looked_at_for_long_however_it_is_made() {
        let many = |text: &str| text.repeat((1 << 20) / text.len());
        for text in [
            format!("10.1000/{}", many(")")),
            format!("10.1000/{}", "}>])".repeat(1000)),
            format!("10.1000/{}", "%25".repeat(3000)),
            format!("https://doi.org/10.1000/{}", "%25".repeat(1300)),
            format!("https://example.org/{}", "%25.".repeat(1000)),
            many("doi:"),
            many("10."),
            many("("),
            format!("https://example.org/{}", many("../")),
        ] {
            let begun = std::time::Instant::now();
            let _ = text.parse::<WorkId>();
            let _ = WorkId::parse_as(IdKind::Doi, &text);
            // Far above what it takes on a busy machine, and far below what a search in square time takes.
            assert!(begun.elapsed().as_secs() < 60, "{:?}: {}", begun.elapsed(), excerpt(&text));
        }
        let long = format!("https://example.org/{}", "a".repeat(LONGEST));
        assert!(refused(&long).contains("longer than 4096 characters"));
        let spaces = format!("https://example.org/{}a", " ".repeat(LONGEST / 2));
        assert!(refused(&spaces).contains("longer than 4096 characters"));
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
        fn what_a_url_names_is_known_without_the_tables_of_the_full_parser(text in "https?://(pubmed\\.ncbi\\.nlm\\.nih\\.gov|doi\\.org|arxiv\\.org/abs|openalex\\.org)/([0-9]{4}\\.[0-9]{5}|[0-9]{7}|10\\.1234/[a-z]{1,3}|W[0-9]{3})[\\.,;)>\\]#?%/ \\u{200b}\"'a]{0,4}") {
            let full = web(trim(&text)).ok().filter(|id| id.kind != IdKind::Url);
            let plain = named_without_tables(trim(&text)).and_then(Result::ok);
            prop_assert_eq!(plain, full);
        }

        #[test]
        fn any_doi_survives_being_written_as_a_url(suffix in "[a-z0-9]([-a-z0-9._;()/:<>\\[\\]#+?&% ]{0,20}[a-z0-9])?") {
            if let Ok(id) = format!("10.1234/{suffix}").parse::<WorkId>()
                && id.kind() == IdKind::Doi
            {
                let mut url = url::Url::parse("https://doi.org/").expect("a URL");
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
