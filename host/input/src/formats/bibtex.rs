//! BibTeX and BibLaTeX, entry by entry, so that a broken one costs only itself.

use biblatex::{Bibliography, ChunksExt, ParseErrorKind, Person};

use crate::entry::{EntryError, InputEntry};
use crate::fields::Field;
use crate::lines::{Line, Lines};
use crate::parse::{FormatSpec, Parse};
use crate::record::Record;
use tierfall_ids::{IdKind, WorkId};

pub(crate) const BIBTEX: FormatSpec = FormatSpec {
    names: &["bibtex", "biblatex", "bib"],
    extensions: &["bib", "bibtex"],
    begins: |first, _| {
        first.strip_prefix('@').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    },
    open: |_| Ok(Box::new(Bibtex::default())),
};

/// In bytes; entries with abstracts and notes take a hundredth of it.
const LONGEST_ENTRY: usize = 1 << 20;

/// Bytes of `@string` entries, enough for the names of all journals; those beyond it are not known.
const MOST_ABBREVIATIONS: usize = 256 << 10;

/// Names in one entry that no `@string` defines; one with more is broken.
const MOST_UNKNOWN: usize = 16;

#[derive(Default)]
struct Bibtex {
    /// `@string` entries, which later ones refer to.
    abbreviations: String,
}

impl Parse for Bibtex {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        loop {
            let source = match next_source(lines)? {
                Ok(source) => source,
                Err(bad) => return Some(Err(bad)),
            };
            match source.kind.as_str() {
                "comment" | "preamble" => {}
                "string" => {
                    let whole = self.abbreviations.len() + source.text.len() <= MOST_ABBREVIATIONS;
                    if whole && Bibliography::parse(&source.text).is_ok() {
                        self.abbreviations.push_str(&source.text);
                        self.abbreviations.push('\n');
                    }
                }
                _ if source.closed => return Some(self.parse(&source)),
                _ => {
                    let message = "the entry is broken: its braces are not closed before the next one";
                    return Some(Err(EntryError::new(source.line, message)));
                }
            }
        }
    }
}

impl Bibtex {
    fn parse(&self, source: &Source) -> Result<InputEntry, EntryError> {
        let bibliography = self.bibliography(source)?;
        let Some(entry) = bibliography.into_vec().into_iter().next() else {
            return Err(EntryError::new(source.line, "the entry is broken: it has no key"));
        };
        record(&entry).into_entry(source.line, &format!("the entry `{}`", entry.key))
    }
}

impl Bibtex {
    fn bibliography(&self, source: &Source) -> Result<Bibliography, EntryError> {
        // What is parsed before the entry. The known abbreviations only if it uses any, because parsing all of
        // them again takes time; empty definitions for unknown ones, because no journal title is needed.
        let mut before = String::new();
        for _ in 0..MOST_UNKNOWN {
            match Bibliography::parse(&format!("{before}{}", source.text)) {
                Ok(bibliography) => return Ok(bibliography),
                Err(error) => match error.kind {
                    ParseErrorKind::UnknownAbbreviation(_) if before.is_empty() => {
                        before = format!("{}\n", self.abbreviations);
                    }
                    ParseErrorKind::UnknownAbbreviation(name) => {
                        before.push_str(&format!("@string{{{name} = {{}}}}\n"));
                    }
                    kind => {
                        let at = error.span.start.saturating_sub(before.len());
                        let above = source.text.get(..at).unwrap_or_default();
                        let line = source.line + above.matches('\n').count() as u64;
                        return Err(EntryError::new(line, format!("the entry is broken: {kind}")));
                    }
                },
            }
        }
        Err(EntryError::new(
            source.line,
            "the entry is broken: most of its values are names that nothing defines",
        ))
    }
}

/// The text of one entry.
struct Source {
    line: u64,
    /// In lower case: `article`, `string`.
    kind: String,
    text: String,
    closed: bool,
}

/// From an `@` to the brace that closes it, or to the next line on which an entry begins. Text between entries is
/// a comment.
fn next_source(lines: &mut Lines) -> Option<Result<Source, EntryError>> {
    let mut source: Option<Source> = None;
    let mut depth = 0_usize;
    loop {
        let line = match lines.next() {
            Some(Ok(line)) => line,
            Some(Err(bad)) => return Some(Err(bad)),
            None => return source.map(Ok),
        };
        let kind = kind(&line.text);
        let mut text = line.text.as_str();
        match (&mut source, kind) {
            (None, None) => continue,
            (None, Some(kind)) => {
                text = text.trim_start_matches(['\u{feff}', ' ', '\t']);
                source = Some(Source { line: line.number, kind, text: String::new(), closed: false });
            }
            (Some(_), Some(_)) => {
                lines.put_back([line]);
                return source.map(Ok);
            }
            (Some(_), None) => {}
        }
        let current = source.as_mut()?;
        match closing(text, &mut depth) {
            Some(end) => {
                let (entry, rest) = text.split_at(end);
                current.text.push_str(entry);
                current.closed = true;
                let rest = rest.to_owned();
                if rest.contains('@') {
                    lines.put_back([Line { number: line.number, text: rest }]);
                }
                return source.map(Ok);
            }
            None => {
                current.text.push_str(text);
                current.text.push('\n');
                if current.text.len() > LONGEST_ENTRY {
                    return source.map(Ok);
                }
            }
        }
    }
}

/// The kind of the entry that begins on this line.
fn kind(line: &str) -> Option<String> {
    let rest = line.trim_start_matches(['\u{feff}', ' ', '\t', ',']).strip_prefix('@')?;
    let (kind, _) = rest.split_once(['{', '('])?;
    let kind = kind.trim();
    (!kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .then(|| kind.to_ascii_lowercase())
}

/// The offset after the brace that closes the entry, if it is on this line. BibTeX counts every brace except those
/// after a backslash, also within quotes.
fn closing(line: &str, depth: &mut usize) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => *depth += 1,
            b'}' => {
                *depth = depth.saturating_sub(1);
                if *depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn record(entry: &biblatex::Entry) -> Record {
    let mut record = Record::default();
    let field = |name: &str| entry.get(name).map(|chunks| unescape(&chunks.format_verbatim()));
    for (name, kind) in [
        ("doi", IdKind::Doi),
        ("arxiv", IdKind::Arxiv),
        ("arxivid", IdKind::Arxiv),
        ("pmid", IdKind::Pmid),
        ("pmcid", IdKind::Pmcid),
        ("openalex", IdKind::Openalex),
    ] {
        if let Some(text) = field(name) {
            record.add(Field::Id(kind), &text);
        }
    }
    if let Some(eprint) = field("eprint") {
        let kept =
            field("archiveprefix").or_else(|| field("eprinttype")).unwrap_or_default().to_ascii_lowercase();
        match kept.as_str() {
            "arxiv" => record.add(Field::Id(IdKind::Arxiv), &eprint),
            "pubmed" | "pmid" => record.add(Field::Id(IdKind::Pmid), &eprint),
            "pmc" | "pmcid" => record.add(Field::Id(IdKind::Pmcid), &eprint),
            // Without an archive's name it is an arXiv id, or unknown.
            "" if WorkId::parse_as(IdKind::Arxiv, &eprint).is_ok() => {
                record.add(Field::Id(IdKind::Arxiv), &eprint);
            }
            _ => {}
        }
    }
    // `journal = {arXiv preprint arXiv:1706.03762}` is how a search engine cites preprints.
    for name in ["journal", "journaltitle", "note", "howpublished", "url"] {
        for word in field(name).unwrap_or_default().split([' ', '\n', '{', '}', ',']) {
            let lower = word.to_ascii_lowercase();
            if lower.starts_with("arxiv:") {
                record.add(Field::Id(IdKind::Arxiv), word);
            } else if lower.starts_with("http") {
                record.add(Field::Id(IdKind::Url), word);
            }
        }
    }
    if let Some(title) = entry.get("title") {
        record.add(Field::Title, &title.format_verbatim());
    }
    let authors: Vec<Person> = entry.author().unwrap_or_default();
    record.facts.authors = authors
        .into_iter()
        .map(|person| {
            if person.prefix.is_empty() { person.name } else { format!("{} {}", person.prefix, person.name) }
        })
        .collect();
    for (name, fact) in [
        ("year", Field::Year),
        ("date", Field::Year),
        ("pages", Field::Pages),
        ("pagetotal", Field::PageCount),
    ] {
        if let Some(text) = field(name) {
            record.add(fact, &text);
        }
    }
    record
}

/// Reference managers escape for TeX even in fields that TeX reads verbatim.
fn unescape(text: &str) -> String {
    let mut plain = text.to_owned();
    for (escaped, character) in [
        ("\\_", "_"),
        ("\\%", "%"),
        ("\\&", "&"),
        ("\\#", "#"),
        ("{\\textless}", "<"),
        ("{\\textgreater}", ">"),
        ("\\textless", "<"),
        ("\\textgreater", ">"),
        ("\\url", " "),
    ] {
        if plain.contains('\\') {
            plain = plain.replace(escaped, character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::tests::read;

    fn bibtex(source: &str) -> String {
        read(source, Some(Format::Bibtex), None)
    }

    #[test]
    fn an_entry_gives_its_identifiers_and_facts() {
        let source = r#"% exported
@string{plos = "PLoS ONE"}
@comment{jabref-meta: databaseType:bibtex;}
@article{piwowar2007,
  author    = {Piwowar, Heather A. and van der Berg, Roger S. and {The Group}},
  title     = {Sharing {D}etailed Research Data: {\'e}tude},
  journal   = plos,
  month     = mar,
  year      = 2007,
  pages     = {308--315},
  doi       = {10.1371/JOURNAL.pone.0000308},
  pmid      = {17375194},
  url       = {https://example.org/a},
}
@misc{vaswani, title={Attention}, author={Vaswani, Ashish}, journal={arXiv preprint arXiv:1706.03762}, year={2017}}
@online{x, eprint = {2101.00001v2}, eprinttype = {arXiv}, date = {2021-01-03}} @book{y, doi = "10.1007/978-3-319-12345-6{\_}12", pagetotal = {345}}
@misc{z, howpublished = {\url{https://example.org/z}}}
@book{none, title = {No identifier}}
"#;
        insta::assert_snapshot!(bibtex(source), @r#"
        4: 10.1371/JOURNAL.pone.0000308 => doi:10.1371/journal.pone.0000308 pmid:17375194 | Sharing Detailed Research Data: étude | Piwowar; van der Berg; The Group | 2007 | 8 pages | https://example.org/a
        15: arXiv:1706.03762 => arxiv:1706.03762 doi:10.48550/arxiv.1706.03762 | Attention | Vaswani | 2017
        16: 2101.00001v2 => arxiv:2101.00001v2 doi:10.48550/arxiv.2101.00001 | 2021
        16: 10.1007/978-3-319-12345-6_12 => doi:10.1007/978-3-319-12345-6_12 | 345 pages
        17: https://example.org/z => url:https://example.org/z | https://example.org/z
        18! the entry `none` has no identifier
        "#);
    }

    #[test]
    fn a_broken_entry_costs_only_itself_and_says_where() {
        let source = "@article{a,\n  doi = {10.1371/a},\n  title = {open\n}\n\n@article{b, doi = {10.1371/b}}\n@article{c,\n  doi {10.1371/c}\n}\n@article{d,\n journal = unknown_name,\n doi = {10.1371/d}\n}\n@article(e, doi = {10.1371/e})\n@article{f, doi = {10.1371/f}}\n";
        insta::assert_snapshot!(bibtex(source), @r#"
        1! the entry is broken: its braces are not closed before the next one
        6: 10.1371/b => doi:10.1371/b
        8! the entry is broken: expected equals
        10: 10.1371/d => doi:10.1371/d
        14! the entry is broken: expected opening brace
        15: 10.1371/f => doi:10.1371/f
        "#);
    }

    #[test]
    fn what_references_another_entry_is_read_without_it() {
        insta::assert_snapshot!(bibtex("@inproceedings{a, crossref = {proc}, doi = {10.1371/a}}\n@inproceedings{a, doi={10.1371/b}, doi={10.1371/c}}\n"), @r#"
        1: 10.1371/a => doi:10.1371/a
        2: 10.1371/c => doi:10.1371/c
        "#);
    }
}
