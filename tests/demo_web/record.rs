//! What a registry knows of a work.

use crate::pdf::Paper;

/// One invented work.
#[derive(Clone, Copy)]
pub struct Record {
    pub title: &'static str,
    /// Given and family names.
    pub authors: &'static [(&'static str, &'static str)],
    pub journal: &'static str,
    pub publisher: &'static str,
    pub year: u16,
    pub first_page: u32,
    /// How many pages the published version has.
    pub pages: u32,
    /// As the publisher writes it, upper case and all.
    pub doi: Option<&'static str>,
    /// With its version, if the list gives one.
    pub arxiv: Option<&'static str>,
    pub pmid: Option<&'static str>,
    pub pmcid: Option<&'static str>,
    pub openalex: Option<&'static str>,
    /// Where the registry says that the work lives.
    pub landing: &'static str,
}

impl Record {
    /// The base of every record: a journal article of eight pages without identifiers.
    pub const ARTICLE: Self = Self {
        title: "",
        authors: &[("Ada", "Invented"), ("Boris", "Fictional")],
        journal: "Journal of Invented Results",
        publisher: "Imaginary University Press",
        year: 2019,
        first_page: 101,
        pages: 8,
        doi: None,
        arxiv: None,
        pmid: None,
        pmcid: None,
        openalex: None,
        landing: "https://press.example/",
    };

    /// The DOI as Tierfall asks for it: in lower case; arXiv papers have one from arXiv.
    pub fn asked_doi(&self) -> Option<String> {
        self.doi.map(str::to_lowercase).or(self.bare_arxiv().map(|id| format!("10.48550/arxiv.{id}")))
    }

    pub fn bare_arxiv(&self) -> Option<&'static str> {
        self.arxiv.map(|id| id.split('v').next().unwrap_or(id))
    }

    pub fn last_page(&self) -> u32 {
        self.first_page + self.pages - 1
    }

    pub fn names(&self) -> Vec<String> {
        self.authors.iter().map(|(given, family)| format!("{given} {family}")).collect()
    }

    /// The published paper.
    pub fn paper(&self) -> Paper {
        Paper {
            title: self.title.to_owned(),
            authors: self.names(),
            journal: self.journal.to_owned(),
            year: self.year,
            doi: self.doi.map(str::to_owned),
            pages: self.pages,
            sentence: None,
        }
    }

    /// The preprint: arXiv's stamp in the place of a journal, and some more pages.
    pub fn preprint(&self, stamp: &str) -> Paper {
        Paper { journal: stamp.to_owned(), doi: None, pages: self.pages + 3, ..self.paper() }
    }

    /// The author's version: the same words on more pages.
    pub fn manuscript(&self) -> Paper {
        Paper { journal: "Accepted manuscript".to_owned(), pages: self.pages + 4, ..self.paper() }
    }
}
