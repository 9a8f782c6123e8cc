//! arXiv identifiers (<https://info.arxiv.org/help/arxiv_identifier.html>).

use crate::chars::is_digits;
use crate::text::without_version;

/// arXiv's DOI of a paper is this, in lower case, and the paper's id.
pub(crate) const DOI_PREFIX: &str = "10.48550/arxiv.";

/// The normal form of a bare id, with its version if it has one: `2101.00001v2`, `hep-th/9901001`.
/// A subject class is dropped (`math.GT/0309136` is `math/0309136`), and so is the `[cs.LG]` that
/// arXiv's own citations carry.
pub(crate) fn parse(text: &str) -> Option<String> {
    let text = match text.split_once(['[', ' ']) {
        Some((id, class)) if text.ends_with(']') && class.len() < 30 => id.trim_end(),
        _ => text,
    };
    let text = text.to_ascii_lowercase();
    let text = text.strip_suffix(".pdf").unwrap_or(&text);
    let bare = without_version(text, "v");
    let version = &text[bare.len()..];
    if version.starts_with("v0") {
        return None;
    }
    let number = match bare.split_once('/') {
        None => {
            let (month, number) = bare.split_once('.')?;
            // Five digits since 2015.
            (is_month(month) && matches!(number.len(), 4 | 5) && is_digits(number)).then(|| bare.to_owned())
        }
        Some((archive, number)) => {
            let archive = archive.split_once('.').map_or(archive, |(archive, _class)| archive);
            let named = ARCHIVES.contains(&archive);
            (named && number.len() == 7 && is_digits(number) && is_month(&number[..4]))
                .then(|| format!("{archive}/{number}"))
        }
    }?;
    Some(number + version)
}

/// `YYMM`.
fn is_month(text: &str) -> bool {
    text.len() == 4
        && is_digits(text)
        && text
            .get(2..)
            .and_then(|month| month.parse().ok())
            .is_some_and(|month: u8| (1..=12).contains(&month))
}

/// Every archive that had ids of the old form (until March 2007).
const ARCHIVES: [&str; 34] = [
    "acc-phys", "adap-org", "alg-geom", "ao-sci", "astro-ph", "atom-ph", "bayes-an", "chao-dyn", "chem-ph",
    "cmp-lg", "comp-gas", "cond-mat", "cs", "dg-ga", "funct-an", "gr-qc", "hep-ex", "hep-lat", "hep-ph",
    "hep-th", "math", "math-ph", "mtrl-th", "nlin", "nucl-ex", "nucl-th", "patt-sol", "physics", "plasm-ph",
    "q-alg", "q-bio", "quant-ph", "solv-int", "supr-con",
];
