//! Whether a document names the work's authors.

use crate::document::{Document, capped};
use crate::evidence::Counted;
use crate::normalized::NormalizedText;
use crate::script::{ScriptCounts, Written};
use tierfall_ids::text::folded;
use tierfall_work::Work;

/// How many of the known authors the document names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authors {
    /// Half of them, or more.
    Named,
    /// Fewer, or none.
    Missing,
    /// None are known.
    Unknown,
}

/// Counts the known authors that a document names where its own are named.
pub fn count(document: &Document<'_>, work: &Work) -> (Authors, Counted) {
    /// Many title pages leave out later authors.
    const CHECKED: usize = 5;
    /// Some papers have thousands of authors, and an answer may name as many as it likes.
    const MOST: usize = 50;
    const NAME_BYTES: usize = 200;
    let foreign = |c: &char| c.is_alphabetic() && !c.is_ascii();
    let is_foreign = document.front().iter().flat_map(|page| page.normalized.as_slice()).any(foreign);
    let known = work.known.authors.as_ref().map(|said| said.value.as_slice()).unwrap_or_default();
    // A name in a script that the document does not use cannot be missing from it.
    let here = |family: &Vec<char>| is_foreign || !family.iter().all(foreign);
    let families: Vec<(Vec<char>, Option<Written>)> = known
        .iter()
        .take(MOST)
        .map(|name| capped(name, NAME_BYTES))
        .filter_map(|name| Some((family(name)?, ScriptCounts::of([name]).written())))
        .filter(|(family, _)| here(family))
        .take(CHECKED)
        .collect();
    if families.is_empty() {
        return (Authors::Unknown, Counted { found: 0, known: 0 });
    }
    let metadata = NormalizedText::of(document.metadata);
    let named = |family: &Vec<char>| {
        metadata.has(family)
            || document
                .front()
                .iter()
                .any(|page| page.normalized.places(family).any(|range| range.end <= page.body))
    };
    let (there, missing): (Vec<_>, Vec<_>) = families.iter().partition(|(family, _)| named(family));
    let count = there.len();
    // Names in another script than the document's speak against it only where it writes others in theirs.
    let letters = document.script_counts();
    let writes = |written: Written| {
        there.iter().any(|(_, other)| other.is_some_and(|other| other.script == written.script))
    };
    let comparable =
        |written: Option<Written>| written.is_none_or(|written| !letters.lack(written) || writes(written));
    let missing = missing.into_iter().filter(|(_, written)| comparable(*written)).count();
    let counted = Counted { found: small(count), known: small(count + missing) };
    (if count * 2 >= families.len() { Authors::Named } else { Authors::Missing }, counted)
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The normalized family name of `Keeping, Ernest Sydney`, `E. S. Keeping`, `Keeping ES` or `Keeping E.S.`. Names of one letter occur anywhere
/// and are not used.
fn family(name: &str) -> Option<Vec<char>> {
    const SUFFIXES: [&str; 7] = ["jr", "sr", "ii", "iii", "iv", "md", "phd"];
    let family = match name.split_once(',') {
        Some((family, _)) => folded(family),
        None => {
            let is_name = |word: &&str| {
                let folded = folded(word);
                let suffix = SUFFIXES.iter().any(|suffix| folded.iter().copied().eq(suffix.chars()));
                let initials = are_initials(word) && name.contains(' ');
                folded.len() > 1 && !suffix && !initials
            };
            folded(name.split_whitespace().rfind(is_name)?)
        }
    };
    (family.len() > 1).then_some(family)
}

/// PubMed writes `Cohen MM`, and journals of Eastern Europe `Коган М.М.` and `Коган М.-М.`. (A family name of a few
/// capitals does not follow another name.)
fn are_initials(word: &str) -> bool {
    let letters = || word.chars().filter(|c| c.is_alphabetic());
    let dotted = word.ends_with('.') && word.chars().all(|c| c.is_alphabetic() || matches!(c, '.' | '-'));
    let bare = word.chars().all(char::is_alphabetic);
    (bare || dotted) && (1..=3).contains(&letters().count()) && letters().all(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_behind_a_family_name_are_not_the_family_name() {
        for name in [
            "Invented AB",
            "Invented A.B.",
            "Invented A. B.",
            "A.B. Invented",
            "Invented, A.B.",
            "A. Invented",
        ] {
            assert_eq!(family(name), Some(folded("Invented")), "{name}");
        }
        assert_eq!(family("Выдумкин А.-Б."), Some(folded("Выдумкин")));
        assert_eq!(family("Ada Yu"), Some(folded("Yu")));
        assert_eq!(family("YU"), Some(folded("Yu")));
    }
}
