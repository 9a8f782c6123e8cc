//! How years, pages and authors are written.

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
    let (from, to) = text.trim().split_once(['-', '–', '—', '‐', '\u{2011}', '\u{2212}'])?;
    let to = to.trim_start_matches(['-', '–']);
    // `744-` says where it begins, and no more.
    if !to.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
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
            ("744-", None),
            ("744--", None),
            ("744-n/a", None),
            ("744 - ", None),
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
}
