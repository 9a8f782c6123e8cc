//! Detours that are known: rules in data, in `links/detours.txt` beside this file.

use std::sync::OnceLock;

use super::rewrite::Rewrite;

/// The detours, in the order of their lines.
#[derive(Debug, Default)]
struct Detours {
    urls: Vec<Rewrite>,
    dois: Vec<OfDoi>,
}

/// From a DOI of one registrant to the file.
#[derive(Debug)]
struct OfDoi {
    prefix: String,
    /// The fewest and the most digits of each number behind the name.
    widths: Vec<(usize, usize)>,
    /// Names that are longer in the address.
    names: Vec<(String, String)>,
    replacement: String,
}

const BUILT_IN: &str = include_str!("detours.txt");

/// The address that answers in place of one that is known to answer nothing.
pub fn detour(url: &str) -> Option<String> {
    built_in().urls.iter().find_map(|rule| rule.apply(url))
}

/// Where a DOI's file is, where its registrant's DOIs say so.
pub fn file_of_doi(doi: &str) -> Option<String> {
    built_in().dois.iter().find_map(|rule| rule.apply(doi))
}

fn built_in() -> &'static Detours {
    static DETOURS: OnceLock<Detours> = OnceLock::new();
    DETOURS.get_or_init(|| {
        let mut detours = Detours::default();
        for line in BUILT_IN.lines() {
            // A test reads every line; should one be bad all the same, the others still help.
            let _ = detours.add(line);
        }
        detours
    })
}

impl Detours {
    /// Adds one line; none if it is no rule.
    fn add(&mut self, line: &str) -> Option<()> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Some(());
        }
        let (seen, rule) = line.split_once(' ')?;
        let (year, month) = seen.split_once('-')?;
        let dated = year.parse().is_ok_and(|year: u16| year >= 2026) && month.len() == 2;
        match rule.trim().strip_prefix("doi ") {
            _ if !dated => return None,
            Some(rule) => self.dois.push(OfDoi::read(rule)?),
            None => self.urls.push(Rewrite::read(rule)?),
        }
        Some(())
    }
}

impl OfDoi {
    fn read(rule: &str) -> Option<Self> {
        let (pattern, replacement) = rule.split_once("=>")?;
        let mut words = pattern.split_whitespace();
        let prefix = words.next()?.to_owned();
        let (mut widths, mut names) = (Vec::new(), Vec::new());
        for word in words {
            match word.split_once('=') {
                Some((short, long)) => names.push((short.to_owned(), long.to_owned())),
                None => {
                    let (least, most) = word.split_once('-').unwrap_or((word, word));
                    widths.push((least.parse().ok()?, most.parse().ok()?));
                }
            }
        }
        let whole = prefix.ends_with('/') && !widths.is_empty();
        whole.then(|| Self { prefix, widths, names, replacement: replacement.trim().to_owned() })
    }

    fn apply(&self, doi: &str) -> Option<String> {
        let rest = doi.strip_prefix(self.prefix.as_str())?;
        let (name, digits) = rest.split_at(rest.find(|c: char| c.is_ascii_digit())?);
        let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
        if !named || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let numbers = numbers(digits, &self.widths)?;
        let longer = self.names.iter().find(|(short, _)| short == name);
        let mut out = self.replacement.replace("$1", longer.map_or(name, |(_, long)| long));
        for (at, number) in numbers.iter().enumerate() {
            for zeros in 1..10_usize {
                out = out.replace(&format!("${}{{{zeros}}}", at + 2), &format!("{number:0>zeros$}"));
            }
        }
        Some(out)
    }
}

/// Digits taken apart into numbers of these widths, the last as short as may be.
fn numbers<'a>(digits: &'a str, widths: &[(usize, usize)]) -> Option<Vec<&'a str>> {
    let Some(((least, most), before)) = widths.split_last() else {
        return digits.is_empty().then(Vec::new);
    };
    (*least..=*most).find_map(|width| {
        let (rest, last) = digits.split_at_checked(digits.len().checked_sub(width)?)?;
        let mut all = numbers(rest, before)?;
        all.push(last);
        Some(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_detour_and_says_when_it_was_seen_to_hold() {
        let mut detours = Detours::default();
        for line in BUILT_IN.lines() {
            assert!(detours.add(line).is_some(), "{line}");
        }
        assert!(!detours.urls.is_empty() && !detours.dois.is_empty());
        for line in
            ["https://a.example/* => https://b.example/$1", "2019-01 a => b", "2026-11 doi 10.1000/ => x"]
        {
            assert!(Detours::default().add(line).is_none(), "{line}");
        }
    }

    #[test]
    fn addresses_that_answer_nothing_lead_to_those_that_do() {
        for (from, to) in [
            ("https://figshare.com/ndownloader/files/123", "https://ndownloader.figshare.com/files/123"),
            ("http://figshare.com/ndownloader/files/123", "https://ndownloader.figshare.com/files/123"),
            ("https://uni.figshare.com/ndownloader/files/9", "https://ndownloader.figshare.com/files/9"),
            ("https://j.example/content/3/1/7.full.pdf+html", "https://j.example/content/3/1/7.full.pdf"),
            (
                "http://europepmc.org/backend/ptpmcrender.fcgi?accid=PMC7&blobtype=pdf",
                "https://europepmc.org/articles/PMC7?pdf=render",
            ),
            (
                "https://europepmc.org/articles/PMC7/pdf/x.pdf",
                "https://europepmc.org/articles/PMC7?pdf=render",
            ),
            (
                "https://www.ncbi.nlm.nih.gov/pmc/articles/PMC7/pdf/x.pdf",
                "https://pmc.ncbi.nlm.nih.gov/articles/PMC7/pdf/x.pdf",
            ),
        ] {
            assert_eq!(detour(from).as_deref(), Some(to), "{from}");
        }
        for url in ["https://ndownloader.figshare.com/files/123", "https://j.example/7.full.pdf"] {
            assert_eq!(detour(url), None, "{url}");
        }
    }

    #[test]
    fn a_doi_that_holds_journal_volume_and_article_names_the_file() {
        for (doi, file) in [
            ("10.3390/genes14040885", "genes/genes-14-00885/article_deploy/genes-14-00885.pdf"),
            ("10.3390/safety9010014", "safety/safety-09-00014/article_deploy/safety-09-00014.pdf"),
            (
                "10.3390/su151410975",
                "sustainability/sustainability-15-10975/article_deploy/sustainability-15-10975.pdf",
            ),
        ] {
            let file = format!("https://mdpi-res.com/d_attachment/{file}");
            assert_eq!(file_of_doi(doi), Some(file), "{doi}");
        }
        for doi in ["10.3390/genes1", "10.3390/books978-3-0365", "10.1000/genes14040885", "10.3390/140885"] {
            assert_eq!(file_of_doi(doi), None, "{doi}");
        }
    }
}
