//! Authors as people type them and as registries write them, compared by their family names.

use std::cmp::min;

use super::titles::is_misspelt;
use tierfall_ids::text::fold;

/// How the authors of a record agree with those that are sought, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    Same,
    /// Some of them are.
    Some,
    /// One side names none.
    Unknown,
    Other,
}

/// Authors who are compared.
const MOST: usize = 20;

/// How the authors of a record agree with those who are sought.
pub(super) fn compare(sought: &[String], record: &[String]) -> Likeness {
    let names = |given: &[String]| -> Vec<Vec<String>> {
        given.iter().take(MOST).map(|name| family(name)).filter(|name| !name.is_empty()).collect()
    };
    let (sought, record) = (names(sought), names(record));
    let (Some(first), Some(their_first)) = (sought.first(), record.first()) else { return Likeness::Unknown };
    let first = agree(first, their_first);
    let found = sought.iter().filter(|name| record.iter().any(|their| agree(name, their))).count();
    // Lists are cut on either side.
    let all = min(sought.len(), record.len());
    if found * 3 >= all * 2 && (first || found == sought.len() && found > 1) {
        Likeness::Same
    } else if first || found * 2 >= all && found > 0 {
        Likeness::Some
    } else {
        Likeness::Other
    }
}

/// The words of a name that may be of its family: without initials, titles and `et al.`.
fn family(name: &str) -> Vec<String> {
    // Vancouver's initials stand behind the name, in capitals: `Kramer DM`.
    let is_lower = name.chars().any(char::is_lowercase);
    let mut words = Vec::new();
    for written in name.split(|c: char| !c.is_alphanumeric() && !is_within(c)).filter(|word| !word.is_empty())
    {
        let mut word = String::new();
        written.chars().for_each(|c| fold(c, |letter| word.push(letter)));
        let initials = word.len() < 2
            || is_lower
                && written.chars().count() <= 3
                && written.chars().all(char::is_uppercase)
                && written.is_ascii();
        if !initials && !NO_NAMES.contains(&word.as_str()) {
            words.push(word);
        }
    }
    words
}

fn is_within(c: char) -> bool {
    matches!(c, '\'' | '’' | '`' | '\u{300}'..='\u{36f}' | '\u{ad}')
}

const NO_NAMES: [&str; 11] =
    ["et", "al", "others", "and", "jr", "sr", "dr", "prof", "phd", "md", "anonymous"];

/// Whether two names may be one person's: all words of one are among those of the other, or they share what stands
/// last in one of them.
fn agree(a: &[String], b: &[String]) -> bool {
    let alike = |a: &String, b: &String| a == b || is_misspelt(a, b);
    let among =
        |few: &[String], many: &[String]| few.iter().all(|one| many.iter().any(|other| alike(one, other)));
    let last = |name: &[String], other: &[String]| {
        name.last().is_some_and(|last| last.len() > 3 && other.iter().any(|word| alike(last, word)))
    };
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    !few.is_empty() && (among(few, many) || last(a, b) || last(b, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(sought: &[&str], record: &[&str]) -> Likeness {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        compare(&owned(sought), &owned(record))
    }

    #[test]
    fn people_are_known_however_their_names_are_written() {
        for (sought, record) in [
            (&["Y. R. Smith", "E. H. Quint"][..], &["Smith", "Quint", "Hinton"][..]),
            (&["Kramer DM", "Sacksteder CA"], &["David M. Kramer", "Colette A. Sacksteder"]),
            (&["BOSCH"], &["Darrell J. Bosch"]),
            (&["Muller"], &["Müller", "Stahl"]),
            (&["Hellal-Levy"], &["Hellal‐Lévy"]),
            (&["J. C. L. Gutierrez"], &["Gutiérrez-Larraya"]),
            (&["Kang", "et al."], &["Kang", "Wu"]),
            (&["Maandal AK", "Lahiri SC"], &["Mandal", "Lahiri"]),
            (&["Helden DFV"], &["van Helden"]),
            (&["O'Neill"], &["O’Neill"]),
            (&["Li X"], &["Li"]),
            (&["Smith", "Jones", "Brown", "Black"], &["Smith"]),
            (&["Jones", "Smith"], &["Smith", "Jones"]),
        ] {
            assert_eq!(compared(sought, record), Likeness::Same, "{sought:?} / {record:?}");
        }
    }

    #[test]
    fn others_are_others() {
        assert_eq!(compared(&["Grebowsky", "Brinton"], &["Hernandez", "Gao"]), Likeness::Other);
        assert_eq!(compared(&["Li"], &["Liu"]), Likeness::Other);
        assert_eq!(compared(&["Smith", "Jones", "Brown"], &["Smith", "Miller", "Stone"]), Likeness::Some);
        assert_eq!(compared(&["Smith"], &["Jones", "Smith", "Brown"]), Likeness::Some);
        assert_eq!(compared(&["Smith"], &[]), Likeness::Unknown);
        assert_eq!(compared(&["et al."], &["Smith"]), Likeness::Unknown);
    }
}
