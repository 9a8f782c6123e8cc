//! Detours that are known: rules in data, in `links/detours.txt` beside this file.

use super::rewrite::apply;

/// A line of the file: what fits the pattern is elsewhere.
#[derive(Clone, Copy, Debug)]
enum Detour {
    /// The pattern is one of URLs.
    Url(&'static str, &'static str),
    /// The pattern is one of DOIs of one registrant.
    Doi(&'static str, &'static str),
}

/// From a DOI of one registrant to the file.
#[derive(Debug)]
struct OfDoi {
    /// The fewest and the most digits of each number behind the name.
    widths: Vec<(usize, usize)>,
    /// Names that are longer in the address.
    names: Vec<(&'static str, &'static str)>,
    replacement: &'static str,
}

const FILE: &str = include_str!("detours.txt");

/// In the order of their lines. They are read by the compiler: a plugin is instantiated for each call, and would read
/// them each time.
const DETOURS: [Detour; count(FILE)] = read(FILE);

/// The address that answers in place of one that is known to answer nothing.
pub fn detour(url: &str) -> Option<String> {
    DETOURS.iter().find_map(|detour| match detour {
        Detour::Url(pattern, replacement) => apply(pattern, replacement, url),
        Detour::Doi(..) => None,
    })
}

/// Where a DOI's file is, where its registrant's DOIs say so.
pub fn file_of_doi(doi: &str) -> Option<String> {
    DETOURS.iter().find_map(|detour| match detour {
        Detour::Url(..) => None,
        Detour::Doi(pattern, replacement) => {
            let (prefix, pattern) = pattern.split_once(' ')?;
            OfDoi::read(pattern, replacement)?.apply(doi.strip_prefix(prefix)?)
        }
    })
}

const fn read<const COUNT: usize>(mut file: &'static str) -> [Detour; COUNT] {
    let mut detours = [Detour::Url("", ""); COUNT];
    let mut at = 0;
    while !file.is_empty() {
        let (line, rest) = next_line(file);
        file = rest;
        if says_something(line) {
            detours[at] = match detour_of(line) {
                Some(detour) => detour,
                None => panic!("a line of detours.txt is no detour"),
            };
            at += 1;
        }
    }
    detours
}

const fn count(mut file: &'static str) -> usize {
    let mut count = 0;
    while !file.is_empty() {
        let (line, rest) = next_line(file);
        file = rest;
        count += says_something(line) as usize;
    }
    count
}

/// One line: the month in which it was seen to hold, the pattern, and the replacement.
const fn detour_of(line: &'static str) -> Option<Detour> {
    let Some((seen, rule)) = split_once(line, " ") else { return None };
    let Some((pattern, replacement)) = split_once(rule, "=>") else { return None };
    let (pattern, replacement) = (pattern.trim_ascii(), replacement.trim_ascii());
    if !is_recent(seen.as_bytes()) || pattern.is_empty() || replacement.is_empty() {
        return None;
    }
    match split_once(pattern, " ") {
        None => Some(Detour::Url(pattern, replacement)),
        Some((kind, pattern)) if matches!(kind.as_bytes(), b"doi") => {
            match split_once(pattern.trim_ascii(), " ") {
                Some(_) => Some(Detour::Doi(pattern.trim_ascii(), replacement)),
                None => None,
            }
        }
        Some(_) => None,
    }
}

/// Whether this is a month, such as `2026-11`, since there is this list.
const fn is_recent(month: &[u8]) -> bool {
    matches!(month, [b'2', b'0', b'2', b'6'..=b'9', b'-', b'0'..=b'1', b'0'..=b'9'])
}

const fn says_something(line: &str) -> bool {
    !line.is_empty() && line.as_bytes()[0] != b'#'
}

const fn next_line(text: &'static str) -> (&'static str, &'static str) {
    match split_once(text, "\n") {
        Some((line, rest)) => (line.trim_ascii(), rest),
        None => (text.trim_ascii(), ""),
    }
}

/// [`str::split_once`], for the compiler.
const fn split_once(text: &'static str, separator: &str) -> Option<(&'static str, &'static str)> {
    let (bytes, wanted) = (text.as_bytes(), separator.as_bytes());
    let mut at = 0;
    while at + wanted.len() <= bytes.len() {
        let mut same = 0;
        while same < wanted.len() && bytes[at + same] == wanted[same] {
            same += 1;
        }
        if same == wanted.len() {
            let (before, rest) = text.split_at(at);
            return Some((before, rest.split_at(wanted.len()).1));
        }
        at += 1;
    }
    None
}

impl OfDoi {
    fn read(pattern: &'static str, replacement: &'static str) -> Option<Self> {
        let (mut widths, mut names) = (Vec::new(), Vec::new());
        for word in pattern.split_whitespace() {
            match word.split_once('=') {
                Some(name) => names.push(name),
                None => {
                    let (least, most) = word.split_once('-').unwrap_or((word, word));
                    widths.push((least.parse().ok()?, most.parse().ok()?));
                }
            }
        }
        (!widths.is_empty()).then_some(Self { widths, names, replacement })
    }

    /// `rest` is what follows the registrant's prefix.
    fn apply(&self, rest: &str) -> Option<String> {
        let (name, digits) = rest.split_at(rest.find(|c: char| c.is_ascii_digit())?);
        let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
        if !named || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let numbers = numbers(digits, &self.widths)?;
        let longer = self.names.iter().find(|(short, _)| *short == name);
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
    fn what_is_no_detour_is_refused() {
        for line in [
            "https://a.example/* => https://b.example/$1",
            "2019-01 a => b",
            "2026-11 a =>",
            "2026-11 a b => c",
            "2026-11 doi 10.1000/ => x",
        ] {
            assert!(detour_of(line).is_none(), "{line}");
        }
    }

    #[test]
    fn every_pattern_can_be_matched_soon_and_every_rule_of_dois_read() {
        for detour in DETOURS {
            match detour {
                Detour::Url(pattern, _) => assert!(pattern.matches("**").count() <= 2, "{pattern}"),
                Detour::Doi(pattern, replacement) => {
                    let (prefix, pattern) = pattern.split_once(' ').unwrap();
                    assert!(
                        prefix.ends_with('/') && OfDoi::read(pattern, replacement).is_some(),
                        "{pattern}"
                    );
                }
            }
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
