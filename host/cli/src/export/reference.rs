//! What the three kinds of bibliography have in common, for those that become another kind.

use std::collections::HashSet;

use tierfall_ids::IdKind;
use tierfall_work::Work;

/// One entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    pub key: String,
    pub kind: Kind,
    /// `Family, Given`, or a name as it stands.
    pub authors: Vec<String>,
    /// Name and value, under BibTeX's names: `title`, `year`, `journal`, `booktitle`, `volume`, `number`, `pages`,
    /// `publisher`, `doi`, `url`, `issn`, `isbn`, `abstract`, `note`, `pmid`.
    pub fields: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Article,
    Book,
    Chapter,
    Conference,
    Thesis,
    Report,
    Other,
}

/// What a kind is called; of several names the first is written.
struct Names {
    kind: Kind,
    bibtex: &'static [&'static str],
    ris: &'static [&'static str],
    csl: &'static [&'static str],
}

const KINDS: [Names; 7] = [
    Names {
        kind: Kind::Article,
        bibtex: &["article"],
        ris: &["JOUR", "MGZN", "EJOUR", "NEWS"],
        csl: &["article-journal", "article", "journal-article", "article-magazine"],
    },
    Names {
        kind: Kind::Book,
        bibtex: &["book", "collection", "mvbook"],
        ris: &["BOOK", "EBOOK", "EDBOOK"],
        csl: &["book", "monograph"],
    },
    Names {
        kind: Kind::Chapter,
        bibtex: &["incollection", "inbook"],
        ris: &["CHAP", "ECHAP"],
        csl: &["chapter", "book-chapter"],
    },
    Names {
        kind: Kind::Conference,
        bibtex: &["inproceedings", "conference"],
        ris: &["CPAPER", "CONF"],
        csl: &["paper-conference", "proceedings-article"],
    },
    Names {
        kind: Kind::Thesis,
        bibtex: &["phdthesis", "mastersthesis", "thesis"],
        ris: &["THES"],
        csl: &["thesis", "dissertation"],
    },
    Names {
        kind: Kind::Report,
        bibtex: &["techreport", "report"],
        ris: &["RPRT", "GOVDOC"],
        csl: &["report"],
    },
    Names {
        kind: Kind::Other,
        bibtex: &["misc", "online", "unpublished"],
        ris: &["GEN", "ELEC", "UNPB"],
        csl: &["document", "webpage", "manuscript"],
    },
];

impl Kind {
    fn of(name: &str, names: fn(&Names) -> &'static [&'static str]) -> Self {
        let is_it = |kind: &&Names| names(kind).iter().any(|known| known.eq_ignore_ascii_case(name));
        KINDS.iter().find(is_it).map_or(Self::Other, |names| names.kind)
    }

    pub fn of_bibtex(name: &str) -> Self {
        Self::of(name, |names| names.bibtex)
    }

    pub fn of_ris(name: &str) -> Self {
        Self::of(name, |names| names.ris)
    }

    pub fn of_csl(name: &str) -> Self {
        Self::of(name, |names| names.csl)
    }

    fn name(self, names: fn(&Names) -> &'static [&'static str]) -> &'static str {
        let found = KINDS.iter().find(|known| known.kind == self).and_then(|known| names(known).first());
        found.copied().unwrap_or_default()
    }

    pub fn bibtex(self) -> &'static str {
        self.name(|names| names.bibtex)
    }

    pub fn ris(self) -> &'static str {
        self.name(|names| names.ris)
    }

    pub fn csl(self) -> &'static str {
        self.name(|names| names.csl)
    }
}

impl Reference {
    pub fn add(&mut self, name: &str, value: &str) {
        let value = value.trim();
        if !value.is_empty() && !self.fields.iter().any(|(known, _)| known == name) {
            self.fields.push((name.to_owned(), value.to_owned()));
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Adds what a run has read in the entry, where it does not stand under one of these names: JSON is of many kinds,
    /// and BibTeX has fields that RIS has not.
    pub fn complete(&mut self, work: &Work) {
        for id in &work.ids {
            let value = id.value();
            match id.kind() {
                IdKind::Doi => self.add("doi", value),
                IdKind::Pmid => self.add("pmid", value),
                IdKind::Url => self.add("url", value),
                IdKind::Arxiv => self.add("url", &format!("https://arxiv.org/abs/{value}")),
                IdKind::Pmcid => self.add("url", &format!("https://pmc.ncbi.nlm.nih.gov/articles/{value}/")),
                IdKind::Openalex => self.add("url", &format!("https://openalex.org/{value}")),
            }
        }
        let known = &work.known;
        self.add("title", known.title.as_ref().map_or("", |title| &title.value));
        self.add("year", &known.year.as_ref().map_or(String::new(), |year| year.value.to_string()));
        if self.authors.is_empty() {
            self.authors.extend(known.authors.iter().flat_map(|authors| authors.value.iter().cloned()));
        }
    }

    /// The key; a made one is that of no other entry before.
    pub fn key_among(&self, keys: &mut HashSet<String>) -> String {
        let key = self.citation_key();
        let numbered = (2..).map(|number| format!("{key}-{number}"));
        let is_given = !self.key.is_empty();
        let mut free =
            std::iter::once(key.clone()).chain(numbered).filter(|key| is_given || !keys.contains(key));
        let key = free.next().unwrap_or_default();
        keys.insert(key.clone());
        key
    }

    /// The key, or one of the first author and the year.
    pub fn citation_key(&self) -> String {
        if !self.key.is_empty() {
            return self.key.clone();
        }
        let family =
            self.authors.first().map(|name| name.split(',').next().unwrap_or_default()).unwrap_or("work");
        let letters: String = family.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let letters = if letters.is_empty() { "work".to_owned() } else { letters };
        format!("{letters}{}", self.get("year").unwrap_or_default())
    }
}
