//! BibTeX and BibLaTeX, entry by entry, so that a broken one costs only itself.

mod fields;
mod source;
mod strings;
mod tex;

use tierfall_ids::{IdKind, WorkId};

use self::source::{End, Source, Sources};
use self::strings::Strings;
pub use self::tex::title as text_of_tex;
use crate::entry::{EntryError, InputEntry};
use crate::fields::Field;
use crate::lines::Lines;
use crate::parse::{FormatSpec, Parse};
use crate::record::Record;
use crate::written;

pub(crate) const BIBTEX: FormatSpec = FormatSpec {
    names: &["bibtex", "biblatex", "bib"],
    extensions: &["bib", "bibtex", "biblatex"],
    sure: true,
    looks: |beginning| beginning.lines().any(begins),
    open: |_| Ok(Box::new(Bibtex::default())),
};

/// `@article{`, or `@comment` that others put before the first entry.
fn begins(line: &str) -> bool {
    line.strip_prefix('@').is_some_and(|rest| {
        let name = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        name.len() < rest.len() && name.trim_start().starts_with(['{', '('])
    })
}

#[derive(Default)]
struct Bibtex {
    sources: Sources,
    strings: Strings,
}

impl Parse for Bibtex {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        loop {
            let source = match self.sources.next(lines) {
                Some(Ok(source)) => source,
                Some(Err(bad)) => return Some(Err(bad)),
                None => {
                    let line = self.sources.junk.take()?;
                    let message = "no entry begins with @: this is no BibTeX";
                    return (!self.sources.any).then(|| Err(EntryError::new(line, message)));
                }
            };
            match source.kind.as_str() {
                "comment" | "preamble" => {}
                "string" => {
                    for field in fields::read(&source.body, &self.strings).1 {
                        self.strings.define(field.name, field.value);
                    }
                }
                _ => return Some(self.parse(&source)),
            }
        }
    }
}

impl Bibtex {
    fn parse(&self, source: &Source) -> Result<InputEntry, EntryError> {
        let (key, fields) = match source.end {
            End::Closed => fields::read(&source.body, &self.strings),
            // What a bracket that is missing has swallowed, nobody knows; what stands on one line is known.
            End::Open | End::TooLong => fields::salvaged(&source.body, &self.strings),
        };
        let what = if key.is_empty() {
            format!("the entry without a key, of kind {}", source.kind)
        } else {
            format!("the entry `{}`", crate::record::shortened(&key))
        };
        let mut record = record(&fields);
        record.called(&key);
        record.into_entry(source.line, &what).map_err(|error| match source.end {
            End::Closed => error,
            End::Open => {
                let message = "the entry is broken: its braces are not closed before the next one, and no line of it is an identifier";
                EntryError { message: message.into(), ..error }
            }
            End::TooLong => EntryError { message: "the entry is longer than 1 MiB, and is left out".into(), ..error },
        })
    }
}

/// Names of fields that hold an identifier of one kind.
const IDS: [(&str, IdKind); 13] = [
    ("doi", IdKind::Doi),
    ("bookdoi", IdKind::Doi),
    ("article-doi", IdKind::Doi),
    ("arxiv", IdKind::Arxiv),
    ("arxivid", IdKind::Arxiv),
    ("arxiv_id", IdKind::Arxiv),
    ("pmid", IdKind::Pmid),
    ("pubmed", IdKind::Pmid),
    ("pubmed_id", IdKind::Pmid),
    ("pubmedid", IdKind::Pmid),
    ("pmcid", IdKind::Pmcid),
    ("pmc", IdKind::Pmcid),
    ("openalex", IdKind::Openalex),
];

fn record(fields: &[fields::Field]) -> Record {
    let mut record = Record::default();
    let value = |name: &str| fields.iter().find(|field| field.name == name).map(|field| field.value.as_str());
    for field in fields {
        // What editors call a field that is switched off.
        let name =
            field.name.strip_prefix("opt").or_else(|| field.name.strip_prefix("alt")).unwrap_or(&field.name);
        let text = || written::without_tex(&field.value);
        if let Some((_, kind)) = IDS.iter().find(|(known, _)| *known == name) {
            record.add(Field::Id(*kind), &text());
            continue;
        }
        match name {
            "eprint" => eprint(
                &mut record,
                &text(),
                value("archiveprefix").or(value("eprinttype")).unwrap_or_default(),
            ),
            "url" | "ee" | "link" | "pdf" | "howpublished" => links(&mut record, &text()),
            name if name.starts_with("bdsk-url") => links(&mut record, &text()),
            // `journal = {arXiv preprint arXiv:1706.03762}` is how a search engine cites preprints.
            "journal" | "journaltitle" | "number" | "eid" | "volume" | "booktitle" | "publisher"
            | "series" => preprint(&mut record, &text()),
            "note" | "notes" | "annote" | "annotation" | "addendum" | "pubstate" | "comment" | "extra" => {
                record.add(Field::Note, &text())
            }
            "title" => record.add(Field::Title, &tex::title(&field.value)),
            "author" if record.facts.authors.is_empty() => record.facts.authors = tex::authors(&field.value),
            "year" | "date" => record.add(Field::Year, &text()),
            "pages" => record.add(Field::Pages, &text()),
            "pagetotal" | "numpages" => record.add(Field::PageCount, &text()),
            _ => {}
        }
    }
    record
}

fn eprint(record: &mut Record, eprint: &str, archive: &str) {
    match archive.trim().to_ascii_lowercase().as_str() {
        "arxiv" => record.add(Field::Id(IdKind::Arxiv), eprint),
        "pubmed" | "pmid" | "medline" => record.add(Field::Id(IdKind::Pmid), eprint),
        "pmc" | "pmcid" => record.add(Field::Id(IdKind::Pmcid), eprint),
        "doi" => record.add(Field::Id(IdKind::Doi), eprint),
        // Without the name of an archive it is an arXiv id, a DOI, or unknown.
        "" if WorkId::parse_as(IdKind::Arxiv, eprint).is_ok() => record.add(Field::Id(IdKind::Arxiv), eprint),
        _ if eprint.trim_start().starts_with("10.") || eprint.contains("://") => {
            record.add(Field::Any, eprint)
        }
        _ => {}
    }
}

/// URLs, and arXiv ids with their label, among other words.
fn links(record: &mut Record, text: &str) {
    let labelled = |word: &str| word.get(..6).is_some_and(|label| label.eq_ignore_ascii_case("arxiv:"));
    for word in text.split([' ', '\n', '\t', ',']).filter(|word| !word.is_empty()) {
        if labelled(word) {
            record.add(Field::Id(IdKind::Arxiv), word);
        } else if word.contains("://")
            || word.starts_with("www.")
            || word.starts_with("doi.org/")
            || word.starts_with("dx.doi.org/")
        {
            record.add(Field::Id(IdKind::Url), word);
        } else if word.starts_with("10.") {
            record.add(Field::Id(IdKind::Doi), word);
        }
    }
}

/// `arXiv:2101.00001` among other words; `abs/2101.00001`, as a database of computer science has it.
fn preprint(record: &mut Record, text: &str) {
    for word in text.split([' ', '\n', ',']) {
        if word.get(..6).is_some_and(|label| label.eq_ignore_ascii_case("arxiv:")) {
            record.add(Field::Id(IdKind::Arxiv), word);
        } else if let Some(id) = word.strip_prefix("abs/") {
            if WorkId::parse_as(IdKind::Arxiv, id).is_ok() {
                record.add(Field::Id(IdKind::Arxiv), id);
            }
        } else if word.starts_with("http") {
            record.add(Field::Id(IdKind::Url), word);
        }
    }
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
        18! the entry `none`, “No identifier”, has no identifier, and neither authors nor a year to find its title by
        "#);
    }

    #[test]
    fn a_broken_entry_costs_only_itself_and_says_where() {
        let source = "@article{a,\n  doi = {10.1371/a},\n  title = {open\n}\n\n@article{b, doi = {10.1371/b}}\n@article{c,\n  doi {10.1371/c}\n}\n@article{d,\n journal = unknown_name,\n doi = {10.1371/d}\n}\n@article(e, doi = {10.1371/e})\n@article{f, doi = {10.1371/f}}\n";
        insta::assert_snapshot!(bibtex(source), @r#"
        1: 10.1371/a => doi:10.1371/a
        6: 10.1371/b => doi:10.1371/b
        7! the entry `c` has no identifier
        10: 10.1371/d => doi:10.1371/d
        14: 10.1371/e => doi:10.1371/e
        15: 10.1371/f => doi:10.1371/f
        "#);
    }

    #[test]
    fn entries_are_read_as_people_write_them() {
        let source = r#"@article{a key with spaces, title = {T}, doi = {10.5555/a}}
@ARTICLE (round, title = "A (b) c", doi = "10.5555/b")
@article{no_comma title = {T}
  doi = {10.5555/c}
  Early Access Date = {MAR 2021}
  year = 2001
}
@article{, title = {No key}, DOI = {10.5555/d}}
@article{many, title = {A } B}, doi = {10.5555/e}}, @article{next, doi = 10.5555/f, year = 2001}
@article{quotes, title = "He said "yes" to it", doi = "10.5555/g"}
@article{money, title = {It costs $5 a day}, OPTdoi = {10.5555/h}}
@misc{note, note = {PMCID: PMC12}}
@misc{notes, note = {See 10.5555/x and 10.5555/y}}
@misc{link, bdsk-url-1 = {https://doi.org/10.5555/i}}
@article{computer, journal = {CoRR}, volume = {abs/2101.00001}, pages = {744--}}
"#;
        insta::assert_snapshot!(bibtex(source), @r#"
        1: 10.5555/a => doi:10.5555/a | T
        2: 10.5555/b => doi:10.5555/b | A (b) c
        3: 10.5555/c => doi:10.5555/c | 2001
        8: 10.5555/d => doi:10.5555/d | No key
        9: 10.5555/e => doi:10.5555/e | A
        9: 10.5555/f => doi:10.5555/f | 2001
        10: 10.5555/g => doi:10.5555/g | He said
        11: 10.5555/h => doi:10.5555/h | It costs $5 a day
        12: PMCID: PMC12 => pmcid:PMC12
        13! the entry `notes` has no identifier
        14: https://doi.org/10.5555/i => doi:10.5555/i
        15: 2101.00001 => arxiv:2101.00001 doi:10.48550/arxiv.2101.00001
        "#);
    }

    #[test]
    fn what_references_another_entry_is_read_without_it() {
        insta::assert_snapshot!(bibtex("@inproceedings{a, crossref = {proc}, doi = {10.1371/a}}\n@inproceedings{a, doi={10.1371/b}, doi={10.1371/c}}\n"), @r#"
        1: 10.1371/a => doi:10.1371/a
        2: 10.1371/b => doi:10.1371/b
        "#);
    }
}
