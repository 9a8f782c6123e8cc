//! The column and key names of identifiers and facts, and how their values are read.

use tierfall_ids::IdKind;

/// What a column or a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// An identifier of the work, of any kind.
    Work,
    Id(IdKind),
    /// Called an identifier, but often only a number within the list.
    Any,
    Title,
    Authors,
    Year,
    /// From–to.
    Pages,
    PageCount,
}

/// By name, without regard to case, spaces, `-`, `_` and `.`.
pub(crate) fn named(name: &str) -> Option<Field> {
    let plain: String = name
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '_' | '.' | '\u{feff}'))
        .flat_map(char::to_lowercase)
        .collect();
    Some(match plain.as_str() {
        "workid" => Field::Work,
        "doi" | "articledoi" | "bookdoi" => Field::Id(IdKind::Doi),
        "arxiv" | "arxivid" => Field::Id(IdKind::Arxiv),
        "pmid" | "pubmedid" | "pubmed" => Field::Id(IdKind::Pmid),
        "pmcid" | "pmc" | "pubmedcentral" | "pubmedcentralid" => Field::Id(IdKind::Pmcid),
        "openalex" | "openalexid" => Field::Id(IdKind::Openalex),
        "url" | "link" | "landingurl" | "landingpage" | "landingpageurl" => Field::Id(IdKind::Url),
        "id" | "identifier" | "identifiers" => Field::Any,
        "title" | "displayname" | "articletitle" | "documenttitle" => Field::Title,
        "authors" | "author" => Field::Authors,
        "year" | "publicationyear" | "pubyear" | "publishedyear" => Field::Year,
        "pages" | "page" => Field::Pages,
        "numberofpages" | "pagecount" | "numpages" | "pagetotal" => Field::PageCount,
        _ => return None,
    })
}

impl Field {
    /// Of several identifiers, the one with the lowest rank names the work. `None` for fields that hold none.
    pub(crate) fn rank(self) -> Option<u8> {
        Some(match self {
            Self::Work => 0,
            Self::Id(IdKind::Doi) => 1,
            Self::Id(IdKind::Arxiv) => 2,
            Self::Id(IdKind::Pmid) => 3,
            Self::Id(IdKind::Pmcid) => 4,
            Self::Id(IdKind::Openalex) => 5,
            Self::Any => 6,
            Self::Id(IdKind::Url) => 7,
            Self::Title | Self::Authors | Self::Year | Self::Pages | Self::PageCount => return None,
        })
    }
}

/// The first number that may be a year, in `2007`, `2007-03-21` or `March 2007`.
pub(crate) fn year(text: &str) -> Option<u16> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 4)
        .filter_map(|digits| digits.parse().ok())
        .find(|year| (1400..2100).contains(year))
}

/// How many pages a range has: `123-130`, `1234–41`, `S12-S20`. `None` for article numbers, for several
/// ranges, and for what is no range.
pub(crate) fn page_range(text: &str) -> Option<u32> {
    let (from, to) = text.trim().split_once(['-', '–', '—', '‐'])?;
    let to = to.trim_start_matches(['-', '–']);
    let letters = |text: &str| text.trim().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let digits = |text: &str| text.trim().trim_start_matches(|c: char| c.is_ascii_alphabetic()).to_owned();
    let (prefix, from, to_prefix, to) = (letters(from), digits(from), letters(to), digits(to));
    if !prefix.chars().all(|c| c.is_ascii_alphabetic()) || !(to_prefix.is_empty() || to_prefix == prefix) {
        return None;
    }
    // An end that is shorter leaves out what it shares with the beginning.
    let shared = from.get(..from.len().saturating_sub(to.len())).unwrap_or_default();
    let from: u32 = from.parse().ok()?;
    let to: u32 = format!("{shared}{to}").parse().ok()?;
    // Longer ranges are typing errors, or whole volumes.
    (1..=2000).contains(&(to.checked_sub(from)? + 1)).then(|| to - from + 1)
}

/// `12`, `12 p.`, `xii, 345 S.`: the largest number is the count.
pub(crate) fn page_count(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .max()
        .filter(|&n| n > 0)
}

/// The authors of a cell: separated by semicolons, by `and`, or by commas between full names.
pub(crate) fn authors(text: &str) -> Vec<String> {
    let parts: Vec<&str> = if text.contains([';', '|']) {
        text.split([';', '|']).collect()
    } else if text.contains(" and ") {
        text.split(" and ").collect()
    } else if text.contains(',') && text.split(',').all(|part| part.trim().contains(' ')) {
        text.split(',').collect()
    } else {
        vec![text]
    };
    parts.into_iter().map(family_name).filter(|name| !name.is_empty()).collect()
}

/// The family name of `Family, Given`; the whole name otherwise.
pub(crate) fn family_name(name: &str) -> String {
    name.split_once(',').map_or(name, |(family, _given)| family).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_ranges_are_counted_only_when_they_are_clear() {
        for (text, pages) in [
            ("123-130", Some(8)),
            ("123--130", Some(8)),
            ("1234–41", Some(8)),
            ("S12-S20", Some(9)),
            ("S12-20", Some(9)),
            ("7", None),
            ("e308", None),
            ("130-123", None),
            ("1-3, 5-9", None),
            ("xii-xx", None),
            ("1-99999", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(page_range(text), pages, "{text}");
        }
        assert_eq!(page_count("xii, 345 p."), Some(345));
        assert_eq!(page_count("n/a"), None);
    }

    #[test]
    fn years_are_found_in_dates() {
        for (text, found) in
            [("2007", Some(2007)), ("21 Mar 2007", Some(2007)), ("2007/03/21/", Some(2007)), ("0308", None)]
        {
            assert_eq!(year(text), found, "{text}");
        }
    }

    #[test]
    fn authors_are_told_apart_however_they_are_joined() {
        for text in ["Piwowar, H.; Priem, J.", "Piwowar, Heather and Priem, Jason", "Piwowar|Priem"] {
            assert_eq!(authors(text), ["Piwowar", "Priem"], "{text}");
        }
        assert_eq!(authors("Heather Piwowar, Jason Priem"), ["Heather Piwowar", "Jason Priem"]);
        assert_eq!(authors("Piwowar, H."), ["Piwowar"]);
    }

    #[test]
    fn columns_are_known_by_many_names() {
        assert_eq!(named("PubMed ID"), Some(Field::Id(IdKind::Pmid)));
        assert_eq!(named("arxiv_id"), Some(Field::Id(IdKind::Arxiv)));
        assert_eq!(named("\u{feff}DOI"), Some(Field::Id(IdKind::Doi)));
        assert_eq!(named("abstract"), None);
    }
}
