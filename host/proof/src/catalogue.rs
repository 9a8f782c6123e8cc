//! Which of many works a document is.

use std::collections::{HashMap, HashSet};

use crate::document::{Document, capped};
use crate::identity::IdentityPolicy;
use crate::ids;
use crate::normalized::{is_word_sign, words};
use crate::proof::{Proof, prove};
use crate::verdict::{Identity, Reason, Verdict};
use tierfall_ids::WorkId;
use tierfall_ids::text::without_markup;
use tierfall_work::{Basis, PdfReport, Work};

/// Works that documents may be, found by their identifiers and by the words of their titles.
#[derive(Debug, Default)]
pub struct Catalogue {
    works: Vec<Work>,
    by_id: HashMap<WorkId, usize>,
    by_word: HashMap<String, Vec<usize>>,
    /// Letters of the words of each title.
    letters: Vec<usize>,
}

/// The work that a document belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its place in the catalogue.
    pub work: usize,
    /// Whether the document is the work, or what it is of it.
    pub proof: Proof,
}

/// Bytes of a title whose words count.
const TITLE_BYTES: usize = 1500;
/// Bytes of each front page whose words are looked for: a title stands at its top.
const HEAD_BYTES: usize = 6000;
/// Works of which a document shares the most words; each of them is compared in full.
const COMPARED: usize = 8;
/// A word that is in more titles than this tells too little to be followed.
const COMMON: usize = 2000;

impl Catalogue {
    /// A catalogue of these works. Those of which neither a title nor an identifier is known are in it and never found.
    pub fn new(works: Vec<Work>) -> Self {
        let mut catalogue = Self { works: Vec::new(), ..Self::default() };
        for (at, work) in works.iter().enumerate() {
            for id in &work.ids {
                catalogue.by_id.entry(id.clone()).or_insert(at);
            }
            let title = work.known.title.as_ref().map_or("", |said| said.value.as_str());
            let tokens = tokens(&without_markup(capped(title, TITLE_BYTES)));
            catalogue.letters.push(tokens.iter().map(|token| token.chars().count()).sum());
            for token in tokens {
                catalogue.by_word.entry(token).or_default().push(at);
            }
        }
        catalogue.works = works;
        catalogue
    }

    /// The works, in the order in which they were given.
    pub fn works(&self) -> &[Work] {
        &self.works
    }

    /// The work that a document is, or that it belongs to as a supplement, a notice or a preview; `None` where it shows
    /// no sign of any. Nobody led to the document, so that what cannot be compared is nobody's.
    pub fn place(&self, report: &PdfReport) -> Option<Placed> {
        let document = Document::of(report);
        let placed = self.candidates(&document).into_iter().filter_map(|work| {
            let proof = judge(report, self.works.get(work)?);
            Some((rank(&proof)?, Placed { work, proof }))
        });
        // The first of the best.
        placed.min_by_key(|(rank, _)| *rank).map(|(_, placed)| placed)
    }

    /// Those whose identifiers the document has, then those whose titles it shares most words with.
    fn candidates(&self, document: &Document<'_>) -> Vec<usize> {
        let own = ids::of_document(document);
        let by_id = own.iter().filter_map(|(id, _)| self.by_id.get(&id.parse::<WorkId>().ok()?).copied());
        let mut found: Vec<usize> = Vec::new();
        by_id.for_each(|work| {
            if !found.contains(&work) {
                found.push(work);
            }
        });
        let mut there: HashSet<String> = HashSet::new();
        for page in document.front() {
            there.extend(tokens(capped(page.text, HEAD_BYTES)));
            page.headings.iter().for_each(|heading| there.extend(tokens(heading)));
        }
        let declared = document.report.title.as_deref().unwrap_or_default();
        there.extend(tokens(capped(declared, TITLE_BYTES)));
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for token in &there {
            let letters = token.chars().count();
            for work in self.by_word.get(token).into_iter().filter(|works| works.len() <= COMMON).flatten() {
                *shared.entry(*work).or_default() += letters;
            }
        }
        let share =
            |work: usize, letters: usize| letters * 100 / self.letters.get(work).copied().unwrap_or(0).max(1);
        let mut likely: Vec<(usize, usize)> = shared
            .into_iter()
            .map(|(work, letters)| (share(work, letters), work))
            .filter(|(share, _)| *share >= 50)
            .collect();
        // Long titles say more than short ones, and the order must not be that of a hash.
        likely.sort_by_key(|(share, work)| {
            (std::cmp::Reverse(*share), std::cmp::Reverse(self.letters[*work]), *work)
        });
        let likely = likely.into_iter().map(|(_, work)| work).filter(|work| !found.contains(work));
        let likely: Vec<usize> = likely.take(COMPARED).collect();
        found.extend(likely);
        found.truncate(2 * COMPARED);
        found
    }
}

/// What nobody led to needs more than what a registry led to; a main title alone is enough where authors agree.
fn judge(report: &PdfReport, work: &Work) -> Proof {
    let proof = prove(Ok(report), work, Basis::Link, IdentityPolicy::Normal);
    let authors = proof.evidence.as_ref().and_then(|evidence| evidence.authors);
    if proof.verdict != Verdict::Accepted(Identity::Proven)
        && authors.is_some_and(|authors| authors.found * 2 >= authors.known)
    {
        let trusted = prove(Ok(report), work, Basis::Metadata, IdentityPolicy::Normal);
        if trusted.verdict == Verdict::Accepted(Identity::Proven) {
            return trusted;
        }
    }
    proof
}

/// How well a document belongs to a work, best first; `None` where it is another.
fn rank(proof: &Proof) -> Option<u8> {
    match proof.verdict {
        Verdict::Accepted(Identity::Proven) => Some(0),
        Verdict::Accepted(_) => Some(1),
        Verdict::Rejected(Reason::Preview | Reason::AbstractOnly | Reason::Placeholder) => Some(2),
        Verdict::Rejected(Reason::Supplement | Reason::Notice) => Some(3),
        Verdict::Rejected(Reason::Unproven) => Some(4),
        Verdict::Rejected(_) => None,
    }
}

/// The words of a text that are looked for: those of some length, and pairs of signs that are words.
fn tokens(text: &str) -> HashSet<String> {
    const SHORTEST: usize = 3;
    let mut tokens = HashSet::new();
    for word in words(text) {
        if word.iter().any(|c| is_word_sign(*c)) {
            tokens.extend(word.windows(2).map(|pair| pair.iter().collect::<String>()));
        } else if word.len() >= SHORTEST {
            tokens.insert(word.into_iter().collect());
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use tierfall_work::Facts;

    use super::*;

    fn work(id: &str, title: &str) -> Work {
        let mut work = Work::new(id.parse().expect("an identifier"));
        let facts =
            Facts { title: Some(title.into()), authors: vec!["Ada Invented".into()], ..Facts::default() };
        work.learn(&facts, "input");
        work
    }

    fn document(text: &str) -> PdfReport {
        let running =
            "The results are in agreement with the model and with those of the others.\n".repeat(40);
        PdfReport { pages: 8, text: vec![format!("{text}\n{running}")], ..PdfReport::default() }
    }

    #[test]
    fn a_document_is_found_among_works_of_like_titles() {
        let works = (0..500).map(|n| {
            let title =
                format!("Reflection of imaginary tides at the fictional boundary of number {n} hundred");
            work(&format!("10.5555/tides.{n}"), &title)
        });
        let catalogue = Catalogue::new(works.collect());
        let title = "Reflection of imaginary tides at the fictional boundary of number 321 hundred";
        let placed = catalogue.place(&document(&format!("{title}\nAda Invented"))).expect("a work");
        assert_eq!((placed.work, placed.proof.verdict), (321, Verdict::Accepted(Identity::Proven)));
        let other = document("Refraction of light in the eyes of the invented squid\nB. Else");
        assert_eq!(catalogue.place(&other), None);
    }

    #[test]
    fn a_supplement_belongs_to_its_work_and_is_not_it() {
        let title = "Reflection of imaginary tides at a fictional boundary";
        let catalogue = Catalogue::new(vec![
            work("10.5555/drift.1", "Something else entirely"),
            work("10.5555/t", title),
        ]);
        let placed =
            catalogue.place(&document(&format!("Supplementary Information\n{title}"))).expect("a work");
        assert_eq!((placed.work, placed.proof.verdict), (1, Verdict::Rejected(Reason::Supplement)));
    }
}
