//! Other forms in which a document may bear a work's title.
//!
//! A form is looked for only where the title as it is known was not found; the better of the two counts.

use crate::document::{Document, capped};
use crate::patterns;
use crate::title::{Agreement, Found, LONGEST, Title};

/// The title under which the document is found, and where: as it is known, or in another form.
pub fn best(known: &str, document: &Document<'_>) -> Option<(Title, Found)> {
    let title = Title::of(known);
    if title.folded().is_empty() {
        return None;
    }
    let found = title.find(document);
    let mut best = (title, found);
    if best.1.agreement == Agreement::Exact && best.1.page.is_some() {
        return Some(best);
    }
    for other in
        [before_retraction(known), in_symbols(known), without_file_number(known)].into_iter().flatten()
    {
        better(&mut best, Title::of(&other), document, Agreement::Exact);
    }
    // What is shortened was understood, not read.
    for other in shortened(known, document) {
        better(&mut best, Title::of(&other), document, Agreement::Close);
    }
    Some(best)
}

/// Takes another form if it is found better; `most` is the best that it can say.
fn better(best: &mut (Title, Found), title: Title, document: &Document<'_>, most: Agreement) {
    if title.folded().is_empty() {
        return;
    }
    let mut found = title.find(document);
    found.agreement = found.agreement.max(most);
    if found.is_better_than(&best.1) {
        *best = (title, found);
    }
}

/// Greek letters in the place of which a font of symbols that does not say so has Latin ones.
const LATIN: [(char, char); 24] = [
    ('α', 'a'),
    ('β', 'b'),
    ('γ', 'g'),
    ('δ', 'd'),
    ('ε', 'e'),
    ('ζ', 'z'),
    ('η', 'h'),
    ('θ', 'q'),
    ('ι', 'i'),
    ('κ', 'k'),
    ('λ', 'l'),
    ('μ', 'm'),
    ('ν', 'n'),
    ('ξ', 'x'),
    ('ο', 'o'),
    ('π', 'p'),
    ('ρ', 'r'),
    ('σ', 's'),
    ('τ', 't'),
    ('υ', 'u'),
    ('φ', 'f'),
    ('χ', 'c'),
    ('ψ', 'y'),
    ('ω', 'w'),
];

/// The title as it is read where its Greek letters are set in a font of symbols that does not say so: `Ad fibres`.
fn in_symbols(title: &str) -> Option<String> {
    let title = capped(title, LONGEST).replace('µ', "μ");
    let latin = |c: char| LATIN.iter().find(|(greek, _)| *greek == c).map_or(c, |(_, latin)| *latin);
    let symbols: String = title.chars().map(latin).collect();
    (symbols != title).then_some(symbols)
}

/// The title as it was before the article was taken back, if it says that it was.
pub fn before_retraction(title: &str) -> Option<String> {
    let title = capped(title, LONGEST).trim_start();
    let marked = patterns::RETRACTED
        .iter()
        .find(|mark| title.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark)))?;
    Some(title[marked.len()..].to_owned())
}

/// Whether a title was the name of a file or what somebody typed into a search: small letters without punctuation.
/// Such a title leaves words out and has others that are not the title's.
pub fn is_typed(title: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ' ';
    title.split(' ').count() >= 4 && title.chars().all(is_plain)
}

/// A typed title without the year or the number in front, and the short name of a journal or a meeting behind it:
/// `2014 ssac`.
fn without_file_number(title: &str) -> Option<String> {
    /// Letters of such a name.
    const SHORT: usize = 6;
    let title = capped(title, LONGEST).trim();
    let (number, rest) = title.split_once(' ').filter(|_| is_typed(title))?;
    let (name, behind) = rest.split_once(' ')?;
    number
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| if name.len() <= SHORT { behind.to_owned() } else { rest.to_owned() })
}

/// Forms of the title that a document's largest lines suggest: words that stand there by their initials (`of the
/// CMB`), and initials that are written out there.
fn shortened(title: &str, document: &Document<'_>) -> Vec<String> {
    /// Initials have this many letters, and a title is tried in this many forms.
    const INITIALS: std::ops::RangeInclusive<usize> = 2..=6;
    const MOST: usize = 8;
    let title = capped(title, LONGEST);
    let words: Vec<&str> = title.split_whitespace().collect();
    let is_short =
        |word: &&str| INITIALS.contains(&word.len()) && word.bytes().all(|b| b.is_ascii_uppercase());
    let bare = |word: &'_ str| -> String { word.chars().filter(char::is_ascii_alphanumeric).collect() };
    let initials = |words: &[&str]| -> String {
        words.iter().filter_map(|word| word.chars().next()).flat_map(char::to_uppercase).collect()
    };
    let lines = document.front().iter().flat_map(|page| page.headings.iter().copied());
    let mut forms = Vec::new();
    for line in lines.take(MOST) {
        let others: Vec<&str> = line.split_whitespace().take(64).collect();
        for short in others.iter().map(|word| bare(word)).filter(|word| is_short(&word.as_str())) {
            let run = words.windows(short.len()).position(|run| initials(run) == short);
            if let Some(at) = run {
                let mut form = words.clone();
                form.splice(at..at + short.len(), [short.as_str()]);
                forms.push(form.join(" "));
            }
        }
        for (at, short) in words.iter().enumerate() {
            let short = bare(short);
            if !is_short(&short.as_str()) {
                continue;
            }
            if let Some(run) = others.windows(short.len()).find(|run| initials(run) == short) {
                let mut form = words.clone();
                form.splice(at..=at, run.iter().copied());
                forms.push(form.join(" "));
            }
        }
    }
    forms.truncate(MOST);
    forms
}

#[cfg(test)]
mod tests {
    use tierfall_work::PdfReport;

    use super::*;

    #[test]
    fn words_and_their_initials_are_one() {
        let report = PdfReport {
            text: vec!["Imaginary tides and FTB".into()],
            headings: vec![vec!["arXiv:1 [x]".into(), "Imaginary tides and FTB".into()]],
            ..PdfReport::default()
        };
        let document = Document::of(&report);
        let known = "Imaginary tides and fictional tidal boundaries";
        assert_eq!(shortened(known, &document), ["Imaginary tides and FTB"]);
        let (_, found) = best(known, &document).expect("a title");
        assert_eq!(found.agreement, Agreement::Close);

        let report = PdfReport {
            text: vec!["Imaginary Tides at Fictional Tidal Boundaries".into()],
            headings: vec![vec!["Imaginary Tides at Fictional Tidal Boundaries".into()]],
            ..PdfReport::default()
        };
        let (_, found) = best("Imaginary tides at FTB", &Document::of(&report)).expect("a title");
        assert_eq!(found.agreement, Agreement::Close);
    }

    #[test]
    fn the_number_of_a_file_is_not_its_title() {
        assert_eq!(
            without_file_number("2014 jinv reflection of tides").as_deref(),
            Some("reflection of tides")
        );
        assert_eq!(without_file_number("3 reflection of tides").as_deref(), Some("reflection of tides"));
        assert_eq!(without_file_number("3 Reflections of Tides"), None, "a title");
        assert_eq!(without_file_number("reflection of tides"), None);
    }
}
