//! What every API says of a work.
//!
//! Each field of [`Apis`] is one service's answer. A story begins with services that know the work and
//! no copy of it (or do not know it at all) and changes the answers that matter.

pub mod archives;
pub mod crossref;
pub mod openalex;
pub mod pubmed;
pub mod unpaywall;
pub mod wayback;

use serde_json::{Value, json};

use super::record::Record;
use super::recording::{Recording, Reply};
use super::urls;

/// Where a copy is, as Unpaywall and OpenAlex tell it.
#[derive(Clone, Copy)]
pub struct Location {
    pub pdf: Option<&'static str>,
    pub landing: &'static str,
    /// `publishedVersion`, `acceptedVersion` or `submittedVersion`.
    pub version: &'static str,
    pub license: Option<&'static str>,
    pub by: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Publisher,
    Repository,
}

/// One answer of each service that is asked by identifier.
pub struct Apis {
    pub unpaywall: Reply,
    pub openalex: Reply,
    pub arxiv: Reply,
    pub id_converter: Reply,
    /// PMC's bucket of open articles: the record of a version, and the list of versions.
    pub bucket: (Reply, Reply),
    pub europe_pmc: Reply,
    pub semantic_scholar: Reply,
    pub crossref: Reply,
    pub doaj: Reply,
    pub core: Reply,
    pub zenodo: Reply,
    pub hal: Reply,
    pub osf: Reply,
    pub figshare: Reply,
    pub openaire: Reply,
    pub datacite: Reply,
    pub fatcat: Reply,
}

impl Location {
    pub fn publisher(pdf: &'static str, landing: &'static str) -> Self {
        let version = "publishedVersion";
        Self { pdf: Some(pdf), landing, version, license: Some("cc-by"), by: Place::Publisher }
    }

    /// An accepted manuscript without a stated licence.
    pub fn repository(pdf: &'static str, landing: &'static str) -> Self {
        let version = "acceptedVersion";
        Self { pdf: Some(pdf), landing, version, license: None, by: Place::Repository }
    }

    /// Only the page is known.
    pub fn page(self) -> Self {
        Self { pdf: None, ..self }
    }

    pub fn licensed(self, license: &'static str) -> Self {
        Self { license: Some(license), ..self }
    }
}

impl Apis {
    /// No service has heard of the work.
    pub fn unknown(record: &Record) -> Self {
        Self {
            unpaywall: unpaywall::unknown(record),
            openalex: openalex::unknown(),
            arxiv: pubmed::no_feed(),
            id_converter: pubmed::not_in_pmc(record),
            bucket: (pubmed::not_in_bucket(), pubmed::versions(record, 0)),
            europe_pmc: pubmed::no_results(),
            semantic_scholar: semantic_scholar_unknown(record),
            crossref: Reply::typed(404, "text/plain", "Resource not found."),
            doaj: archives::doaj_nothing(record),
            core: archives::core_nothing(),
            zenodo: archives::zenodo(&[]),
            hal: archives::hal(&[]),
            osf: archives::osf_nothing(),
            figshare: Reply::json(&json!([])),
            openaire: archives::openaire_nothing(),
            datacite: archives::datacite_unknown(),
            fatcat: archives::fatcat_unknown(),
        }
    }

    /// The registries of journals know the work, and nobody knows a copy.
    pub fn closed(record: &Record) -> Self {
        Self {
            unpaywall: unpaywall::work(record, &[]),
            openalex: openalex::work(record, &[]),
            semantic_scholar: semantic_scholar(record, None),
            crossref: crossref::work(record, &[]),
            ..Self::unknown(record)
        }
    }

    /// Records each answer under every URL that its service may be asked by for this work.
    pub fn record(self, record: &Record, web: &mut Recording) {
        let mut all = |urls: Vec<String>, reply: &Reply| {
            for url in urls {
                web.get(&url, reply.clone());
            }
        };
        all(urls::openalex(record), &self.openalex);
        all(urls::id_converter(record), &self.id_converter);
        all(urls::europe_pmc(record), &self.europe_pmc);
        all(urls::semantic_scholar(record), &self.semantic_scholar);
        all(record.arxiv.map(urls::arxiv_feed).into_iter().collect(), &self.arxiv);
        all(record.pmcid.map(urls::pmc_record).into_iter().collect(), &self.bucket.0);
        all(record.pmcid.map(urls::pmc_versions).into_iter().collect(), &self.bucket.1);
        let Some(doi) = record.asked_doi() else { return };
        for (url, reply) in [
            (urls::unpaywall(&doi), self.unpaywall),
            (urls::crossref(&doi), self.crossref),
            (urls::doaj(&doi), self.doaj),
            (urls::core(&doi), self.core),
            (urls::zenodo(&doi), self.zenodo),
            (urls::hal(&doi), self.hal),
            (urls::osf(&doi), self.osf),
            (urls::openaire(&doi), self.openaire),
            (urls::datacite(&doi), self.datacite),
            (urls::fatcat(&doi), self.fatcat),
        ] {
            web.get(&url, reply);
        }
        // In the order of the alphabet, as the plugin's JSON writer puts it.
        let query = json!({"page_size": 3, "search_for": format!(":doi: \"{doi}\"")});
        web.post(urls::FIGSHARE_SEARCH, &query, self.figshare);
    }
}

/// Semantic Scholar's paper, with or without a link.
pub fn semantic_scholar(record: &Record, pdf: Option<&str>) -> Reply {
    let link = match pdf {
        Some(url) => {
            json!({"url": url, "status": "GREEN", "license": null, "disclaimer": "Notice: invented."})
        }
        None => json!({"url": "", "status": "CLOSED", "license": null, "disclaimer": "Notice: invented."}),
    };
    let authors: Vec<Value> =
        record.names().iter().map(|name| json!({"authorId": null, "name": name})).collect();
    Reply::json(&json!({
        "paperId": "0000000000000000000000000000000000005555",
        "externalIds": {"DOI": record.doi, "ArXiv": record.bare_arxiv(), "PubMed": record.pmid},
        "title": record.title,
        "year": record.year,
        "authors": authors,
        "journal": {"name": record.journal, "volume": "7", "pages": format!("{}-{}", record.first_page, record.last_page())},
        "openAccessPdf": link,
    }))
}

fn semantic_scholar_unknown(record: &Record) -> Reply {
    let id = record.asked_doi().unwrap_or_default();
    Reply::json(&json!({"error": format!("Paper with id DOI:{id} not found")})).with_status(404)
}
